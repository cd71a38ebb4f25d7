//! Stores of these tests: one that does what it is told to, and a bucket that answers to one question.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// A directory with moods, which says that it locks.
pub struct Moody {
    inner: LocalStore,
    mood: Mutex<Mood>,
    /// Objects whose locks it refuses to lengthen.
    pub sealed: Mutex<Option<String>>,
    /// Name and date of each lock that was lengthened.
    pub lengthened: Mutex<Vec<(String, u64)>>,
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
            sealed: Mutex::default(),
            lengthened: Mutex::default(),
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

    fn locks(&self) -> bool {
        true
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
        if self.sealed.lock().unwrap().as_deref().is_some_and(|part| name.contains(part)) {
            return Err(ObjectError::Denied("this one not".to_owned()));
        }
        self.inner.retain(name, version, until_us)?;
        self.lengthened.lock().unwrap().push((name.to_owned(), until_us));
        Ok(())
    }

    fn request(&self, name: &str, version: Option<&str>, days: u32) -> Result<bool, ObjectError> {
        self.mood()?;
        self.inner.request(name, version, days)
    }
}

/// A bucket of S3 that says whether it locks, to who may ask, and knows nothing else.
pub struct Bucket {
    pub address: SocketAddr,
    /// Whether the question is allowed.
    pub allowed: Arc<AtomicBool>,
    /// Other calls than that question.
    pub others: Arc<AtomicU64>,
}

impl Bucket {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (allowed, others) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let bucket = Self { address, allowed: Arc::clone(&allowed), others: Arc::clone(&others) };
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().and_then(Result::ok).unwrap_or_default();
                // Up to the empty line: what asks for a lock has no body.
                while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
                let (status, body) = match (first.contains("?object-lock"), allowed.load(Ordering::SeqCst)) {
                    (true, true) => ("200 OK", "<L><ObjectLockEnabled>Enabled</ObjectLockEnabled></L>"),
                    (true, false) => ("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>"),
                    (false, _) => {
                        others.fetch_add(1, Ordering::SeqCst);
                        ("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>")
                    }
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                // Who went away does not wait for an answer.
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
            }
        });
        bucket
    }

    /// As what a server is started with.
    pub fn choice(&self) -> ArchiveChoice {
        let mut choice = ArchiveChoice { url: Some("s3://audit/log".to_owned()), ..ArchiveChoice::default() };
        choice.options.endpoint = Some(format!("http://{}", self.address));
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            choice.options.environment.insert(name.to_owned(), "x".to_owned());
        }
        choice
    }
}
