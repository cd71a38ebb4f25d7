//! The store that was chosen: a URL with its options, or the directory beside the logs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use stele_engine::archive::{LocalStore, ObjectStore};
use stele_engine::io::Disk;
use tokio::runtime::{Builder, Handle, Runtime};

use super::{OpenError, StoreOptions};
use crate::serve::ServeError;

/// Where archived segments go.
#[derive(Clone, Debug)]
pub struct ArchiveChoice {
    /// The store's URL; none for the directory `archive` in the data directory.
    pub url: Option<String>,
    /// How it is reached.
    pub options: StoreOptions,
    /// A store that a test made, instead of all that.
    #[cfg(test)]
    pub given: Option<Given>,
}

/// A store that was made already.
#[cfg(test)]
#[derive(Clone)]
pub struct Given(pub Arc<dyn ObjectStore>);

#[cfg(test)]
impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.describe())
    }
}

impl Default for ArchiveChoice {
    fn default() -> Self {
        Self::new(None, StoreOptions::new(BTreeMap::new()))
    }
}

impl ArchiveChoice {
    /// The store at a URL; without one, the directory beside the logs.
    #[must_use]
    pub const fn new(url: Option<String>, options: StoreOptions) -> Self {
        Self {
            url,
            options,
            #[cfg(test)]
            given: None,
        }
    }

    /// Opens the store; a directory is written through `disk`. Blocks, and asks a bucket what it can do.
    ///
    /// # Errors
    /// [`ServeError::Option`] for what was asked wrongly, [`ServeError::Objects`] for a store that does not
    /// do what is needed.
    pub fn open(&self, data: &Path, disk: Arc<dyn Disk>) -> Result<Arc<dyn ObjectStore>, ServeError> {
        #[cfg(test)]
        if let Some(given) = &self.given {
            return Ok(Arc::clone(&given.0));
        }
        let Some(url) = &self.url else {
            return Ok(Arc::new(LocalStore::new(disk, &data.join("archive"))));
        };
        let runtime = runtime().map_err(|error| ServeError::Objects(format!("{url}: {error}")))?;
        super::open(url, &self.options, disk, &runtime).map_err(|error| match error {
            OpenError::Usage(detail) => ServeError::Option(detail),
            other => ServeError::Objects(other.to_string()),
        })
    }
}

/// A thread of its own for all calls of stores, which must go on while a server's runtime ends.
fn runtime() -> std::io::Result<Handle> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let made =
        Builder::new_multi_thread().worker_threads(1).thread_name("stele-store").enable_all().build()?;
    // Who came second drops its own, which has no task.
    match RUNTIME.set(made) {
        Ok(()) => {}
        Err(second) => second.shutdown_background(),
    }
    RUNTIME.get().map(|runtime| runtime.handle().clone()).ok_or_else(|| std::io::Error::other("no runtime"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_store_and_none_is_beside_the_logs() {
        let open = |url: Option<&str>| {
            let choice = ArchiveChoice { url: url.map(str::to_owned), ..ArchiveChoice::default() };
            choice
                .open(Path::new("/data"), Arc::new(stele_engine::io::RealDisk))
                .map(|store| store.describe())
        };
        assert_eq!(open(None).unwrap(), "file:///data/archive");
        assert_eq!(open(Some("file:///mnt/worm")).unwrap(), "file:///mnt/worm");
        for bad in ["", "worm", "file://", "file:///", "file://worm", "ftp://x/y"] {
            assert_eq!(open(Some(bad)).unwrap_err().exit_code(), 2, "{bad}");
        }
    }
}
