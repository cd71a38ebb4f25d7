//! What can go wrong with a store: one error type, whose variants are facts.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the store. It names the file, and the byte and sequence where they are known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was being done, as in "writing" or "syncing".
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Stored bytes are not what was written: damage or tampering, which cannot be told apart here.
    #[error("{}: damaged at byte {offset}{}: {detail}", path.display(), at_sequence(*sequence))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// First byte known to be wrong.
        offset: u64,
        /// First sequence it concerns, where that is known.
        sequence: Option<u64>,
        /// What was expected and what was found.
        detail: String,
    },
    /// Another process holds the data directory.
    #[error("{}: held by another process; stop it, or name another directory", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Written by a newer release; the fix is to upgrade this one.
    #[error("{}: format {found}, this build reads up to {newest_known}", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Version found.
        found: u16,
        /// Newest version this build knows.
        newest_known: u16,
    },
    /// The log answers reads but takes no events; `why` says where it is damaged or what failed.
    #[error("the log takes no events: {why}")]
    ReadOnly {
        /// The reason, with its place.
        why: String,
    },
    /// The disk is full: nothing of this batch was stored, reads go on.
    #[error("{}: no space left on the device; nothing was stored", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// The query costs more than it may; the text says how to narrow it.
    #[error("{0}")]
    TooBroad(String),
    /// Nobody waits for the answer any more.
    #[error("nobody waits for the answer any more")]
    Cancelled,
    /// The record is in the archive: it is here again once its segment was restored.
    #[error("sequences {first_sequence} to {last_sequence} are archived")]
    Archived {
        /// First sequence of what is away.
        first_sequence: u64,
        /// Last sequence of what is away.
        last_sequence: u64,
    },
    /// A request that no log can answer, such as a batch over the frame limit.
    #[error("{0}")]
    Refused(String),
}

fn at_sequence(sequence: Option<u64>) -> String {
    sequence.map_or_else(String::new, |s| format!(", sequence {s}"))
}

impl StoreError {
    /// Wraps a system error with its file and what was being done; a full disk gets its own name.
    pub fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { path, doing, source },
        }
    }

    /// Wraps a failed sync of data. Always `Io`, also where the system says that the disk is full:
    /// what the disk holds is unknown then, and the page cache may claim more.
    pub fn syncing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, doing: "syncing", source }
    }

    /// Damage at a byte of a file.
    pub fn damaged(path: &Path, offset: u64, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), offset, sequence: None, detail: detail.into() }
    }

    /// The same, with the sequence it concerns.
    #[must_use]
    pub fn at(self, concerned: u64) -> Self {
        match self {
            Self::Damaged { path, offset, detail, .. } => {
                Self::Damaged { path, offset, sequence: Some(concerned), detail }
            }
            other => other,
        }
    }

    /// The same failure once more, for another request that it concerns.
    #[must_use]
    pub fn repeat(&self) -> Self {
        match self {
            Self::Io { path, doing, source } => {
                let source = io::Error::new(source.kind(), source.to_string());
                Self::Io { path: path.clone(), doing, source }
            }
            Self::Damaged { path, offset, sequence, detail } => Self::Damaged {
                path: path.clone(),
                offset: *offset,
                sequence: *sequence,
                detail: detail.clone(),
            },
            Self::Locked { path } => Self::Locked { path: path.clone() },
            Self::TooNew { path, found, newest_known } => {
                Self::TooNew { path: path.clone(), found: *found, newest_known: *newest_known }
            }
            Self::ReadOnly { why } => Self::ReadOnly { why: why.clone() },
            Self::Full { path } => Self::Full { path: path.clone() },
            Self::TooBroad(why) => Self::TooBroad(why.clone()),
            Self::Cancelled => Self::Cancelled,
            Self::Archived { first_sequence, last_sequence } => {
                Self::Archived { first_sequence: *first_sequence, last_sequence: *last_sequence }
            }
            Self::Refused(why) => Self::Refused(why.clone()),
        }
    }
}
