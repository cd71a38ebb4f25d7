//! A running server: opens what the data directory holds, listens, and stops in order.

mod options;
mod run;
pub(crate) mod start;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use stele_engine::archive::ArchiveError;
use stele_engine::error::StoreError;

pub use run::{Running, run, start};
pub use start::sealed_in;

pub use options::{LogFormat, Network, Rate, Rates, Scrub, ServeLimits, ServeOptions, Timeouts, TlsFiles};

/// Why a server did not start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another process serves this data directory.
    #[error("{}: another process holds this data directory; stop it, or name another directory", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// An option cannot be used.
    #[error("{0}")]
    Option(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory beside the logs cannot be read or written.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// `state.redb` cannot be used.
    #[error("{}: {detail}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A log cannot be opened at all.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A segment cannot be archived or restored.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The archive's store does not do what is needed.
    #[error("{0}")]
    Objects(String),
}

impl ServeError {
    /// The exit code of the command line: 2 wrong usage, 3 could not read or reach what was named.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Option(_) => 2,
            _ => 3,
        }
    }
}
