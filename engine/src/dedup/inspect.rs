//! The id files as they lie on the disk, for verification: which are sound, and what they hold.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::id_file::{self, IdFile};
use crate::error::StoreError;
use crate::io::Disk;

/// One file of the folder of ids.
#[derive(Debug)]
pub struct Inspected {
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub state: IdFileState,
}

/// What verification finds a file to be.
#[derive(Debug)]
pub enum IdFileState {
    /// Whole; covers these sequences, and its ids give this sum.
    Sound(Range<u64>, u64),
    /// Left by an interrupted write or merge: the next start removes it.
    Leftover(&'static str),
    /// Set aside by an earlier start.
    SetAside,
    /// Not what was written.
    Damaged(StoreError),
    /// No name of an id file.
    Strange,
}

/// Looks at every file of `<log>/ids`. `digest` makes a number of a fingerprint and its sequence; a
/// sound file's sum is over all its ids. `None` where a merge removed a file meanwhile: look again.
///
/// # Errors
/// `Io`.
pub fn inspect(
    disk: &dyn Disk,
    dir: &Path,
    digest: &dyn Fn(u64, u64) -> u64,
) -> Result<Option<Vec<Inspected>>, StoreError> {
    if !disk.exists(dir).map_err(StoreError::io(dir, "looking"))? {
        return Ok(Some(Vec::new()));
    }
    let mut names = disk.list(dir).map_err(StoreError::io(dir, "listing"))?;
    // As at opening: the wider of two files that begin alike is the output of a merge.
    names
        .sort_by_key(|path| id_file::range_of(path).map(|range| (range.start, std::cmp::Reverse(range.end))));
    let (mut found, mut reach) = (Vec::new(), 0);
    for path in names {
        let state = match id_file::range_of(&path) {
            None => other(&path),
            Some(range) if range.end <= reach => IdFileState::Leftover("already merged into a larger file"),
            Some(range) => match sum(disk, &path, digest) {
                Ok(sum) => {
                    reach = reach.max(range.end);
                    IdFileState::Sound(range, sum)
                }
                Err(_) if !disk.exists(&path).map_err(StoreError::io(&path, "looking"))? => return Ok(None),
                Err(error) => IdFileState::Damaged(error),
            },
        };
        found.push(Inspected { path, state });
    }
    Ok(Some(found))
}

fn other(path: &Path) -> IdFileState {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("tmp") => IdFileState::Leftover("left by an interrupted write"),
        Some("damaged") => IdFileState::SetAside,
        _ => IdFileState::Strange,
    }
}

fn sum(disk: &dyn Disk, path: &Path, digest: &dyn Fn(u64, u64) -> u64) -> Result<u64, StoreError> {
    let file = IdFile::open(disk, path)?;
    let first = file.range().start;
    let ids = file.iter()?.map(|(fingerprint, offset)| digest(fingerprint, first + u64::from(offset)));
    Ok(ids.fold(0, u64::wrapping_add))
}
