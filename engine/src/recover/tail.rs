//! The files that are not sealed: how far each is valid, and what becomes of the rest.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Opening;
use super::contents::{self, Contents};
use crate::error::StoreError;
use crate::io::{DiskFile, Mode, sync_parent};
use crate::segment::growing::AHEAD_BYTES_MIN;
use crate::segment::walk::Walk;
use crate::segment::{Growing, Head, SegmentHeader};

const COPY_BYTES: usize = 1 << 20;

/// What a walk over one file gave.
#[derive(Default)]
pub(super) struct WalkedFile {
    pub contents: Option<Contents>,
    pub notes: Vec<String>,
    pub damage: Option<String>,
    /// Bytes that are no frame follow the last one.
    pub torn: bool,
}

/// What a walked file is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Only to be read.
    Reading,
    /// It is full: it will be sealed.
    Sealing,
    /// It takes the records to come.
    Writing,
    /// The same, after its frames were copied to a new file.
    WritingAnew,
}

/// Walks a file that must go on at `before`; `next` is the first sequence of the file after it, and
/// `reach` how far the log went at its last clean shutdown.
pub(super) fn walk(
    opening: &Opening<'_>,
    path: &Path,
    before: Head,
    next: Option<u64>,
    reach: u64,
) -> Result<WalkedFile, StoreError> {
    let file = opening.disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
    let started = Walk::start(&*file, path, opening.salts, before.committed_us);
    let (header, mut walk) = match started {
        Ok(started) => started,
        Err(error @ StoreError::Damaged { .. }) => return Ok(only_damage(error.at(before.size))),
        Err(error) => return Err(error),
    };
    if let Some(detail) = foreign(opening, &header, before) {
        return Ok(only_damage(StoreError::damaged(path, 0, detail).at(before.size)));
    }
    let contents = match contents::read(header, &mut walk) {
        Ok(contents) => contents,
        Err(error @ StoreError::Damaged { .. }) => return Ok(only_damage(error)),
        Err(error) => return Err(error),
    };
    let mut walked = WalkedFile::default();
    let reached = contents.head.size;
    let stop = |detail: String| StoreError::damaged(path, contents.written, detail).at(reached).to_string();
    if let Some((at, sequence)) = walk.frame_behind()? {
        let detail = format!("{}; a valid frame with sequence {sequence} follows at byte {at}", walk.stopped);
        walked.damage = Some(stop(detail));
    } else if let Some(next) = next
        && next != reached
    {
        let detail = format!("{}; the next file begins with sequence {next}", walk.stopped);
        walked.damage = Some(stop(detail));
    } else if next.is_none() && reach > reached {
        // What is missing was acknowledged: nothing is cut, whatever lies there may be evidence.
        let detail = format!("{}; the log reached sequence {reach} at its last clean shutdown", walk.stopped);
        walked.damage = Some(stop(detail));
    } else if next.is_none() {
        let rest = walk.rest()?;
        if !rest.is_empty() {
            walked.torn = true;
            walked.notes.push(torn(opening, path, &walk, &rest)?);
        }
    }
    walked.contents = Some(contents);
    Ok(walked)
}

fn only_damage(error: StoreError) -> WalkedFile {
    WalkedFile { damage: Some(error.to_string()), ..WalkedFile::default() }
}

fn foreign(opening: &Opening<'_>, header: &SegmentHeader, before: Head) -> Option<String> {
    if header.origin != opening.origin.as_str() {
        Some(format!("the file belongs to the log {}", header.origin))
    } else if header.first != before.size {
        Some(format!("the file begins with sequence {}, its name says {}", header.first, before.size))
    } else if header.previous != before.hash {
        Some("the file does not link to the segment before".to_owned())
    } else {
        None
    }
}

/// Keeps a torn tail aside. Nobody was told that it is stored, and it may be evidence.
fn torn(opening: &Opening<'_>, path: &Path, walk: &Walk<'_>, rest: &[u8]) -> Result<String, StoreError> {
    let what = format!(
        "{}: torn tail of {} bytes at byte {} ({})",
        path.display(),
        rest.len(),
        walk.at,
        walk.stopped
    );
    if opening.read_only {
        return Ok(format!("{what}; left as it is"));
    }
    let kept = keep_aside(opening, path, rest)?;
    Ok(format!("{what}; cut, and kept as {}", kept.display()))
}

fn keep_aside(opening: &Opening<'_>, path: &Path, rest: &[u8]) -> Result<PathBuf, StoreError> {
    let mut number = 1;
    loop {
        let kept = match number {
            1 => path.with_extension("torn"),
            _ => path.with_extension(format!("torn{number}")),
        };
        if !opening.disk.exists(&kept).map_err(StoreError::io(&kept, "looking"))? {
            let file =
                opening.disk.create_new(&kept, Mode::Shared).map_err(StoreError::io(&kept, "creating"))?;
            file.write_all_at(rest, 0).map_err(StoreError::io(&kept, "writing"))?;
            file.sync_data().map_err(StoreError::io(&kept, "syncing"))?;
            sync_parent(&**opening.disk, &kept)?;
            return Ok(kept);
        }
        number += 1;
    }
}

/// Opens a walked file for the records to come, or for its seal.
///
/// After an unclean end its valid frames are first copied to a new file: pages of the old one may
/// never have reached the disk, and a second sync of them would prove nothing. A torn tail stays
/// behind in that copy, too.
pub(super) fn reopen(
    opening: &Opening<'_>,
    path: &Path,
    contents: Contents,
    purpose: Use,
) -> Result<Growing, StoreError> {
    if purpose == Use::WritingAnew {
        copy(opening, path, contents.written)?;
    }
    let whole = opening.disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
    let length = whole.len().map_err(StoreError::io(path, "measuring"))?;
    let only_read = match purpose {
        Use::Reading => true,
        // An interrupted seal has cut and protected it already.
        Use::Sealing => length == contents.written,
        Use::Writing | Use::WritingAnew => false,
    };
    let file = match only_read {
        true => whole,
        false => opening.disk.open(path).map_err(StoreError::io(path, "opening"))?,
    };
    let Contents { header, state, written, .. } = contents;
    Growing::over(&**opening.disk, file, path, header, opening.rules.capacity(), state, written)
}

fn copy(opening: &Opening<'_>, path: &Path, written: u64) -> Result<(), StoreError> {
    let disk = &**opening.disk;
    let temporary = path.with_extension("new");
    if disk.exists(&temporary).map_err(StoreError::io(&temporary, "looking"))? {
        disk.remove(&temporary).map_err(StoreError::io(&temporary, "removing"))?;
    }
    let source = disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
    let target = disk.create_new(&temporary, Mode::Shared).map_err(StoreError::io(&temporary, "creating"))?;
    copy_bytes((&source, path), (&target, &temporary), written)?;
    target.sync_data().map_err(StoreError::io(&temporary, "syncing"))?;
    disk.rename(&temporary, path).map_err(StoreError::io(path, "renaming"))?;
    sync_parent(disk, path)
}

/// Copies the first `written` bytes and adds zeros ahead.
fn copy_bytes(
    (source, source_path): (&Arc<dyn DiskFile>, &Path),
    (target, target_path): (&Arc<dyn DiskFile>, &Path),
    written: u64,
) -> Result<(), StoreError> {
    let mut at = 0;
    let mut buffer = vec![0; COPY_BYTES];
    while at < written {
        let bytes = (written - at).min(COPY_BYTES as u64) as usize;
        source.read_exact_at(&mut buffer[..bytes], at).map_err(StoreError::io(source_path, "reading"))?;
        target.write_all_at(&buffer[..bytes], at).map_err(StoreError::io(target_path, "writing"))?;
        at += bytes as u64;
    }
    let zeros = (written + 1).next_multiple_of(AHEAD_BYTES_MIN) - written;
    target.write_all_at(&vec![0; zeros as usize], written).map_err(StoreError::io(target_path, "writing"))
}
