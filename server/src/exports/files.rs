//! The files of exports: `<log>/exports/<id>…`.
//!
//! Keeps true: under its name, a file is whole and on stable storage.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Compression, Packed, Packer};
use crate::kept;

/// Begins every id.
pub const ID_PREFIX: &str = "exp_";
/// Days that files are kept.
pub const KEPT_DAYS: u32 = 7;

const BUFFER_BYTES: usize = 256 << 10;

/// Where the exports of a log are.
pub fn dir(log_dir: &Path) -> PathBuf {
    log_dir.join("exports")
}

/// A file that is being written; dropped before its end, it leaves nothing under its name.
pub struct Begun {
    dir: PathBuf,
    name: String,
    out: Packer<BufWriter<File>>,
}

impl Begun {
    /// Begins a file, over whatever a try before left of it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(dir: &Path, name: &str, compression: Compression) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        // Events stand in it: nobody else on the machine reads it.
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(temporary(dir, name))?;
        let out = Packer::new(compression, BufWriter::with_capacity(BUFFER_BYTES, file))?;
        Ok(Self { dir: dir.to_owned(), name: name.to_owned(), out })
    }

    /// Ends it: whole, on stable storage, under its name.
    ///
    /// # Errors
    /// It is not.
    pub fn end(self) -> io::Result<Packed> {
        let (out, packed) = self.out.finish()?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(temporary(&self.dir, &self.name), self.dir.join(&self.name))?;
        // Without this a power cut can undo the rename, and a chunk that is done would have no file.
        File::open(&self.dir)?.sync_all()?;
        if let Some(parent) = self.dir.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(packed)
    }
}

impl Write for Begun {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn temporary(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.tmp"))
}

/// The names of all files there, each with the export that it belongs to.
fn all(dir: &Path) -> io::Result<Vec<(String, String)>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry?.file_name().into_string()
            && let Some(id) = name.split(['.', '-']).next().filter(|id| id.starts_with(ID_PREFIX))
        {
            names.push((id.to_owned(), name));
        }
    }
    Ok(names)
}

/// The exports whose files are in a directory, unfinished ones too.
///
/// # Errors
/// The directory cannot be read.
pub fn ids(dir: &Path) -> io::Result<BTreeSet<String>> {
    Ok(all(dir)?.into_iter().map(|(id, _)| id).collect())
}

/// Drops the files of an export, unfinished ones too.
pub fn remove(dir: &Path, id: &str) {
    let all = all(dir).unwrap_or_else(|error| {
        tracing::warn!(dir = %dir.display(), %error, "files of an export stay");
        Vec::new()
    });
    for (_, name) in all.into_iter().filter(|(of, _)| of == id) {
        kept::remove(&dir.join(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_once_it_is_whole() {
        let top = tempfile::tempdir().unwrap();
        let dir = dir(top.path());
        assert!(ids(&dir).unwrap().is_empty());
        let mut begun = Begun::new(&dir, "exp_1-00001.csv", Compression::None).unwrap();
        begun.write_all(b"half").unwrap();
        drop(begun);
        assert!(!dir.join("exp_1-00001.csv").exists());
        for (name, text) in [("exp_1-00001.csv", "whole"), ("exp_2.json.gz", "other")] {
            let mut begun = Begun::new(&dir, name, Compression::None).unwrap();
            begun.write_all(text.as_bytes()).unwrap();
            assert_eq!(begun.end().unwrap().bytes, 5);
        }
        assert_eq!(fs::read(dir.join("exp_1-00001.csv")).unwrap(), b"whole");
        drop(Begun::new(&dir, "exp_1-00002.csv", Compression::None).unwrap());
        fs::write(dir.join("notes.txt"), "not ours").unwrap();
        assert_eq!(ids(&dir).unwrap().into_iter().collect::<Vec<_>>(), ["exp_1", "exp_2"]);
        remove(&dir, "exp_1");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "the other export and the foreign file stay");
    }
}
