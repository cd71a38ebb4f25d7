//! A directory as an object store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::store::{ObjectError, ObjectStore, Put};
use crate::io::{Disk, Mode, sync_parent};

/// Longest name of an object.
const NAME_BYTES_MAX: usize = 255;

/// Objects as files of mode 0444 below a directory. It has no versions and no locks.
///
/// An object gets its name only when its bytes are on stable storage, so that a power cut leaves none that
/// is torn. One process writes to the directory at a time: the one that holds the data.
pub struct LocalStore {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    /// One object is made at a time: the look for its name and the naming belong together.
    making: Mutex<()>,
}

impl LocalStore {
    /// Objects below `root`, which is made when the first one comes.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self { disk, root: root.to_owned(), making: Mutex::new(()) }
    }

    /// The file of an object; refuses names that could lead out of the directory or hit a temporary file.
    fn path(&self, name: &str) -> Result<PathBuf, ObjectError> {
        let sound = |part: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(allowed)
        };
        if name.len() > NAME_BYTES_MAX || !name.split('/').all(sound) || name.ends_with(TEMPORARY) {
            return Err(ObjectError::Other(format!("{name:?} is no name of an object")));
        }
        Ok(name.split('/').fold(self.root.clone(), |path, part| path.join(part)))
    }

    fn exists(&self, path: &Path) -> Result<bool, ObjectError> {
        self.disk.exists(path).map_err(|e| failed(path, &e))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(TEMPORARY);
        let temporary = PathBuf::from(temporary);
        if self.disk.exists(&temporary)? {
            self.disk.remove(&temporary)?;
        }
        let file = self.disk.create_new(&temporary, Mode::Shared)?;
        file.write_all_at(bytes, 0)?;
        file.sync_data()?;
        // Nobody may be able to write it when it is made read-only.
        drop(file);
        self.disk.make_read_only(&temporary)?;
        self.disk.rename(&temporary, path)
    }

    fn settle(&self, path: &Path) -> Result<(), ObjectError> {
        sync_parent(&*self.disk, path).map_err(|e| ObjectError::Temporary(e.to_string()))
    }
}

/// Ending of a file that is no object yet.
const TEMPORARY: &str = ".tmp";

impl ObjectStore for LocalStore {
    fn describe(&self) -> String {
        format!("file://{}", self.root.display())
    }

    fn put_new(&self, name: &str, bytes: &[u8], _: Option<u64>) -> Result<Put, ObjectError> {
        let path = self.path(name)?;
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if self.exists(&path)? {
            // An attempt that a crash cut short may not have made the name durable.
            self.settle(&path)?;
            return Err(ObjectError::Exists);
        }
        let folder = path.parent().unwrap_or(&self.root);
        self.disk.create_dir_all(folder).map_err(|e| failed(folder, &e))?;
        self.write(&path, bytes).map_err(|e| failed(&path, &e))?;
        self.settle(&path)?;
        Ok(Put { bytes: bytes.len() as u64, version: None })
    }

    fn get(&self, name: &str, _: Option<&str>, max: u64) -> Result<Vec<u8>, ObjectError> {
        let path = self.path(name)?;
        let file = self.disk.open_read(&path).map_err(|e| failed(&path, &e))?;
        let bytes = file.len().map_err(|e| failed(&path, &e))?;
        if bytes > max {
            return Err(ObjectError::Other(format!("has {bytes} bytes, {max} at most were expected")));
        }
        let mut content = vec![0; bytes as usize];
        file.read_exact_at(&mut content, 0).map_err(|e| failed(&path, &e))?;
        Ok(content)
    }

    fn head(&self, name: &str) -> Result<Option<Put>, ObjectError> {
        let path = self.path(name)?;
        if !self.exists(&path)? {
            return Ok(None);
        }
        let file = self.disk.open_read(&path).map_err(|e| failed(&path, &e))?;
        let bytes = file.len().map_err(|e| failed(&path, &e))?;
        Ok(Some(Put { bytes, version: None }))
    }

    fn retain(&self, name: &str, _: Option<&str>, _: u64) -> Result<(), ObjectError> {
        if self.exists(&self.path(name)?)? { Ok(()) } else { Err(ObjectError::NotFound) }
    }

    fn request(&self, name: &str, _: Option<&str>, _: u32) -> Result<bool, ObjectError> {
        if self.exists(&self.path(name)?)? { Ok(true) } else { Err(ObjectError::NotFound) }
    }
}

fn failed(path: &Path, error: &io::Error) -> ObjectError {
    let what = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::NotFound => ObjectError::NotFound,
        io::ErrorKind::PermissionDenied => ObjectError::Denied(what),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ObjectError::Temporary(what),
        _ => ObjectError::Other(what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::RealDisk;

    fn store() -> (tempfile::TempDir, LocalStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::new(Arc::new(RealDisk), &dir.path().join("archive"));
        (dir, store)
    }

    #[test]
    fn an_object_is_made_once_and_read_back() {
        let (_dir, store) = store();
        assert_eq!(store.head("log/1.cold").unwrap(), None);
        assert_eq!(store.get("log/1.cold", None, 9).unwrap_err(), ObjectError::NotFound);
        let put = store.put_new("log/1.cold", b"bytes", Some(9)).unwrap();
        assert_eq!(put, Put { bytes: 5, version: None });
        assert_eq!(store.head("log/1.cold").unwrap(), Some(put));
        assert_eq!(store.put_new("log/1.cold", b"other", None).unwrap_err(), ObjectError::Exists);
        assert_eq!(store.get("log/1.cold", None, 5).unwrap(), b"bytes");
        let longer = store.get("log/1.cold", None, 4).unwrap_err();
        assert!(longer.to_string().contains("has 5 bytes, 4 at most"), "{longer}");
        assert!(store.request("log/1.cold", None, 1).unwrap());
        store.retain("log/1.cold", None, 1).unwrap();
        assert_eq!(store.retain("log/2.cold", None, 1).unwrap_err(), ObjectError::NotFound);
        assert_eq!(store.request("log/2.cold", None, 1).unwrap_err(), ObjectError::NotFound);
    }

    #[test]
    fn a_name_leads_nowhere_but_into_the_directory() {
        let (dir, store) = store();
        for name in ["", "/x", "../x", "a/../../x", "a//b", "a/", ".x", "a\\b", "a\0b", "x.cold.tmp"] {
            for outcome in [store.put_new(name, b"x", None).map(|_| ()), store.head(name).map(|_| ())] {
                let error = outcome.unwrap_err().to_string();
                assert!(error.contains("is no name of an object"), "{name:?}: {error}");
            }
        }
        assert!(!dir.path().join("x").exists());
        assert!(store.put_new(&"x".repeat(256), b"x", None).is_err());
    }
}
