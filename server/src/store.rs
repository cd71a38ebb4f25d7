//! Where archived segments are: opens the store that a URL names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stele_engine::archive::{LocalStore, ObjectStore};
use stele_engine::io::RealDisk;

use crate::serve::ServeError;

/// Opens the store of a URL, or the directory `archive` in the data directory.
///
/// # Errors
/// [`ServeError::Option`] for a URL that names no store.
pub fn open(url: Option<&str>, data: &Path) -> Result<Arc<dyn ObjectStore>, ServeError> {
    let root = match url {
        None => data.join("archive"),
        Some(url) => directory(url)?,
    };
    Ok(Arc::new(LocalStore::new(Arc::new(RealDisk), &root)))
}

fn directory(url: &str) -> Result<PathBuf, ServeError> {
    let path = url.strip_prefix("file://").filter(|path| path.starts_with('/') && path.len() > 1);
    path.map(PathBuf::from)
        .ok_or_else(|| ServeError::Option(format!("--archive takes file:///DIRECTORY, not `{url}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_directory_and_none_is_beside_the_logs() {
        let said = |url: Option<&str>| open(url, Path::new("/data")).map(|store| store.describe());
        assert_eq!(said(None).unwrap(), "file:///data/archive");
        assert_eq!(said(Some("file:///mnt/worm")).unwrap(), "file:///mnt/worm");
        for bad in ["", "worm", "file://", "file:///", "file://worm", "ftp://x/y"] {
            assert_eq!(said(Some(bad)).unwrap_err().exit_code(), 2, "{bad}");
        }
    }
}
