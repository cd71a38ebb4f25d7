//! Object stores: where the archive's objects lie.
//!
//! Owns the way from `--archive URL` to something that keeps objects: Amazon S3 and what speaks its
//! protocol, Google Cloud Storage, and the engine's own directory. Credentials, request signatures and TLS are those of the crates
//! `object_store` and `reqwest`; the requests themselves are made here, because what an archive needs of
//! them (locks until a date, versions, delete markers, objects that must be asked for) is not in that
//! crate's interface. Decides nothing about what is archived and when, and believes no object: who reads
//! one compares it with its manifest.
//!
//! Keeps true:
//! - an object is created, never replaced: every PUT is conditional;
//! - with [`Lock::Required`] no object counts as stored before the store has confirmed its lock;
//! - no call goes on for ever: each has a time limit, a few attempts, and a largest answer;
//! - secrets appear in no message.

mod address;
mod answer;
mod args;
mod choice;
mod credentials;
mod gcs;
mod s3;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stele_engine::archive::{LocalStore, ObjectStore};
use stele_engine::io::Disk;
use tokio::runtime::Handle;

pub use args::StoreArgs;
pub use choice::ArchiveChoice;
#[cfg(test)]
pub(crate) use choice::Given;

use address::Address;

/// Whether objects must be locked against deletion and replacement by the store itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// A bucket that cannot lock is refused, and so is an object that did not get its lock.
    Required,
    /// Objects are stored without a lock; who may delete in the bucket can delete them.
    Off,
}

/// Tells a call under way that nobody waits for it any more.
pub type Halt = Arc<dyn Fn() -> bool + Send + Sync>;

/// How a store is reached. The bucket and the prefix are in the URL.
#[derive(Clone)]
pub struct StoreOptions {
    /// Base URL of the service, instead of that of its vendor.
    pub endpoint: Option<String>,
    /// Region of the bucket (S3).
    pub region: Option<String>,
    /// None: [`Lock::Required`] for buckets, none for directories.
    pub lock: Option<Lock>,
    /// Plain HTTP to other hosts than this one.
    pub allow_http: bool,
    /// Environment variables: credentials (`AWS_*`, `GOOGLE_*`), endpoint and region.
    pub environment: BTreeMap<String, String>,
    /// How long a call may take.
    pub patience: Patience,
    /// Ends calls early when it says yes; they fail as temporary.
    pub halt: Option<Halt>,
}

impl StoreOptions {
    /// The defaults, with the variables of this process.
    #[must_use]
    pub fn from_environment() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::new(std::env::vars_os().filter_map(text).collect())
    }

    /// The defaults, with these variables.
    #[must_use]
    pub fn new(environment: BTreeMap<String, String>) -> Self {
        Self {
            endpoint: None,
            region: None,
            lock: None,
            allow_http: false,
            environment,
            patience: Patience::default(),
            halt: None,
        }
    }

    /// The first of these variables that is set to something.
    fn variable(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .find_map(|name| self.environment.get(*name))
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }
}

// Without the variables: they hold secrets.
impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("lock", &self.lock)
            .field("allow_http", &self.allow_http)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// To connect, the TLS handshake included.
    pub connect: Duration,
    /// Without a byte of an answer; and for a whole request beside the bytes that it moves.
    pub answer: Duration,
    /// Bytes a second that a large request keeps up, both ways.
    pub rate_min: u64,
    /// How often a request that failed for now is made, the first time included.
    pub attempts: u32,
    /// Before the second attempt; doubled before each further one.
    pub backoff: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            rate_min: 256 << 10,
            attempts: 5,
            backoff: Duration::from_millis(250),
        }
    }
}

/// Why a store could not be opened. Exit code 2 for [`OpenError::Usage`], else 3.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The URL or an option is wrong, or one is missing.
    #[error("{0}")]
    Usage(String),
    /// The bucket does not do what is required of it, and what to do.
    #[error("{url}: {what}")]
    Unfit {
        /// The store.
        url: String,
        /// What is missing.
        what: String,
    },
    /// The store did not answer, or refused.
    #[error("{url}: {what}")]
    Unreachable {
        /// The store.
        url: String,
        /// What it said.
        what: String,
    },
}

/// Opens a store by its URL (`file:///path`, `s3://bucket/prefix`, `gs://bucket/prefix`) and asks a bucket
/// whether it keeps versions and can lock. Blocks; not to be called from a task of the runtime. Calls of the store
/// run on `runtime`, which must outlive it. A directory is written through `disk`.
///
/// # Errors
/// What is wrong with the URL, the credentials or the bucket. With [`Lock::Off`] a bucket that cannot
/// lock, or does not answer for now, is a warning in the log.
pub fn open(
    url: &str,
    options: &StoreOptions,
    disk: Arc<dyn Disk>,
    runtime: &Handle,
) -> Result<Arc<dyn ObjectStore>, OpenError> {
    match Address::parse(url)? {
        Address::File(path) if options.lock == Some(Lock::Required) => Err(OpenError::Usage(format!(
            "archive `{}`: a directory cannot lock what is in it; leave --archive-lock out, or archive to a bucket",
            path.display()
        ))),
        Address::File(path) => Ok(Arc::new(LocalStore::new(disk, &path))),
        Address::S3(bucket) => Ok(Arc::new(s3::S3::open(bucket, options, runtime)?)),
        Address::Gcs(bucket) => Ok(Arc::new(gcs::Gcs::open(bucket, options, runtime)?)),
    }
}
