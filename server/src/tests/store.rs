//! A store of these tests that does what it is told to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stele_engine::archive::{LocalStore, ObjectError, ObjectStore, Put};
use stele_engine::io::RealDisk;
use tempfile::TempDir;

use crate::objects::{ArchiveChoice, Given};

const HANGS_MAX: Duration = Duration::from_secs(90);

/// How a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Willing,
    Denies,
    Fails,
    Later,
    /// Calls do not come back before the mood changes.
    Hangs,
}

/// A directory with moods.
pub struct Moody {
    inner: LocalStore,
    mood: Mutex<Mood>,
    /// Calls that came.
    pub calls: AtomicU64,
    _dir: TempDir,
}

impl Moody {
    pub fn new() -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        Arc::new(Self {
            inner: LocalStore::new(Arc::new(RealDisk), dir.path()),
            mood: Mutex::new(Mood::Willing),
            calls: AtomicU64::new(0),
            _dir: dir,
        })
    }

    /// As what a server is started with.
    pub fn choice(self: &Arc<Self>) -> ArchiveChoice {
        let given = Some(Given(Arc::clone(self) as Arc<dyn ObjectStore>));
        ArchiveChoice { given, ..ArchiveChoice::default() }
    }

    pub fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn mood(&self) -> Result<(), ObjectError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let begun = Instant::now();
        let now = || *self.mood.lock().unwrap();
        // Not for ever: a test that fails must end.
        while now() == Mood::Hangs && begun.elapsed() < HANGS_MAX {
            std::thread::sleep(Duration::from_millis(5));
        }
        match now() {
            Mood::Willing => Ok(()),
            Mood::Denies => Err(ObjectError::Denied("the policy says no".to_owned())),
            Mood::Fails => Err(ObjectError::Other("the store answered 418".to_owned())),
            Mood::Later | Mood::Hangs => Err(ObjectError::Temporary("slow down".to_owned())),
        }
    }
}

impl ObjectStore for Moody {
    fn describe(&self) -> String {
        "moody".to_owned()
    }

    fn put_new(&self, name: &str, bytes: &[u8], until: Option<u64>) -> Result<Put, ObjectError> {
        self.mood()?;
        self.inner.put_new(name, bytes, until)
    }

    fn get(&self, name: &str, version: Option<&str>, max: u64) -> Result<Vec<u8>, ObjectError> {
        self.mood()?;
        self.inner.get(name, version, max)
    }

    fn head(&self, name: &str) -> Result<Option<Put>, ObjectError> {
        self.mood()?;
        self.inner.head(name)
    }

    fn retain(&self, name: &str, version: Option<&str>, until_us: u64) -> Result<(), ObjectError> {
        self.mood()?;
        self.inner.retain(name, version, until_us)
    }

    fn request(&self, name: &str, version: Option<&str>, days: u32) -> Result<bool, ObjectError> {
        self.mood()?;
        self.inner.request(name, version, days)
    }
}
