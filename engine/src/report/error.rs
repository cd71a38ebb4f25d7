//! Why there is no report.

use std::io;

use crate::error::StoreError;

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It would hold more than it may; the text says how much and what to narrow.
    #[error("{0}")]
    TooLarge(String),
    /// A question that the log cannot answer, in words.
    #[error("{0}")]
    Refused(String),
    /// An index event says something else than the records that it covers.
    #[error(
        "the index event at sequence {sequence} does not say what its records say: {why}; verify the log"
    )]
    Index {
        /// The index event.
        sequence: u64,
        /// What differs.
        why: String,
    },
    /// Nobody waits for the report any more.
    #[error("nobody waits for the report any more")]
    Cancelled,
    /// The log cannot be read, or signs no checkpoint.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a report was not written to its end.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Where it was written to.
    #[error("{0}")]
    Out(#[from] io::Error),
    /// A record could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
