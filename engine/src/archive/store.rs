//! The interface of object stores.

use crate::error::StoreError;

/// Where objects go. Implementations may block: they are called by background work only.
pub trait ObjectStore: Send + Sync {
    /// What it is, for people: `file:///x`, `s3://bucket/prefix`.
    fn describe(&self) -> String;

    /// Whether it locks objects until a date. A directory does not.
    fn locks(&self) -> bool {
        false
    }

    /// Looks whether the store does what is required of it, unless that was seen already: until it was,
    /// nothing should be put into it.
    ///
    /// # Errors
    /// What it lacks, or why that could not be seen.
    fn check(&self) -> Result<(), ObjectError> {
        Ok(())
    }

    /// Creates the object and never replaces one; on stable storage when it returns. With
    /// `retain_until_us` it is locked until then where the store can do that.
    ///
    /// # Errors
    /// `Exists` when there is an object of that name, whatever it holds.
    fn put_new(&self, name: &str, bytes: &[u8], retain_until_us: Option<u64>) -> Result<Put, ObjectError>;

    /// Reads the whole object, at this version where versions exist.
    ///
    /// # Errors
    /// `NotFound`, `NotYet`; `Other` when it has more than `max` bytes.
    fn get(&self, name: &str, version: Option<&str>, max: u64) -> Result<Vec<u8>, ObjectError>;

    /// Size and version of the newest object of that name.
    ///
    /// # Errors
    /// Those of the store; that there is none is no error.
    fn head(&self, name: &str) -> Result<Option<Put>, ObjectError>;

    /// Lengthens a lock, never shortens one. A store without locks does nothing.
    ///
    /// # Errors
    /// `NotFound`, `Denied` and those of the store.
    fn retain(&self, name: &str, version: Option<&str>, until_us: u64) -> Result<(), ObjectError>;

    /// Asks for an object that takes hours to come, for this many days; true when it can be read now.
    ///
    /// # Errors
    /// `NotFound`, `Denied` and those of the store.
    fn request(&self, name: &str, version: Option<&str>, days: u32) -> Result<bool, ObjectError>;
}

/// An object as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Its size.
    pub bytes: u64,
    /// Its version, where the store has versions.
    pub version: Option<String>,
}

/// What a store says of one object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// There is none of that name.
    #[error("there is no such object")]
    NotFound,
    /// There is one of that name.
    #[error("there is an object of that name already")]
    Exists,
    /// It is on its way from a slow class of storage.
    #[error("cannot be read yet: {0}")]
    NotYet(String),
    /// The store refuses this caller.
    #[error("access denied: {0}")]
    Denied(String),
    /// Try again later.
    #[error("failed for now: {0}")]
    Temporary(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Why a step of archiving or restoring was not done. Nothing is lost then and nothing unproved is served.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The log's own files failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object store failed.
    #[error("object {name}: {error}")]
    Object {
        /// The object.
        name: String,
        /// What the store said.
        error: ObjectError,
    },
    /// The object is not what was archived, or may not become so.
    #[error("object {object}: {why}")]
    Refused {
        /// The object, or the segment's first sequence where no object is at fault.
        object: String,
        /// What was expected and what was found.
        why: String,
    },
    /// The caller's pace said stop.
    #[error("stopped before the end; what was done so far can be done again")]
    Stopped,
}

impl ArchiveError {
    /// Wraps a store's error with the object's name.
    pub fn object(name: &str) -> impl FnOnce(ObjectError) -> Self {
        let name = name.to_owned();
        move |error| Self::Object { name, error }
    }

    /// Refuses an object.
    pub fn refused(object: &str, why: impl Into<String>) -> Self {
        Self::Refused { object: object.to_owned(), why: why.into() }
    }

    /// Whether the same step may succeed later without anybody doing anything.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Stopped
                | Self::Object { error: ObjectError::NotYet(_) | ObjectError::Temporary(_), .. }
                | Self::Store(StoreError::Full { .. })
        )
    }
}
