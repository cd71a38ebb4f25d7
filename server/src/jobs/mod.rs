//! Every thread of the server is started here and nowhere else.
//!
//! - the runtime's threads, which serve connections;
//! - per log one writer (the only caller of `Log::append`), one worker (the only caller of
//!   `Log::work`), one leveller (the only caller of `Log::zero_ahead`), one signer, which cuts
//!   checkpoints, and one indexer, which makes index events;
//! - one reporter, which makes the reports of all logs, one at a time;
//! - one exporter, which writes the exports of all logs, one at a time;
//! - two keepers of the tiers: one makes segments cold and drops them, one archives and restores them;
//! - one scrub, which verifies all logs in the background;
//! - one housekeeper, which saves what may be saved late;
//! - one printer, which writes log lines so that nobody waits for a slow terminal.

mod desk;
mod exporter;
mod housekeeper;
mod indexer;
mod lines;
mod reporter;
mod scrub;
mod signer;
mod submission;
mod tiers;
mod worker;
mod writer;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

pub use desk::{Desk, Ticket};
pub use exporter::{Exports, exporter};
pub use housekeeper::housekeeper;
#[cfg(test)]
pub(crate) use housekeeper::{drop_sessions, expire, expire_exports};
pub use indexer::indexer;
pub use lines::{Printer, printer};
pub use reporter::reporter;
pub use scrub::scrub;
pub use signer::{sign, signer};
pub use submission::Queue;
pub use tiers::{Part, Tiers, Trouble, restore_ended, tiers};
pub use worker::{leveller, worker};
pub use writer::writer;

/// The runtime that serves connections.
///
/// # Errors
/// The system gives no thread.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("stele-serve")
        .max_blocking_threads(64)
        .build()
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(run)
}

/// Wakes a thread that waits for work, and tells it to stop. Waking twice is waking once.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
    stopping: AtomicBool,
}

impl Bell {
    /// There is work.
    pub fn ring(&self) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        if !*rung {
            *rung = true;
            self.ring.notify_one();
        }
    }

    /// There will be no more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.ring();
    }

    /// True once [`Bell::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Waits until rung, or for `most`.
    pub fn wait(&self, most: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ring.wait_timeout_while(rung, most, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}

/// Threads to wait for at the end.
#[derive(Default)]
pub struct Threads(Mutex<Vec<JoinHandle<()>>>);

impl Threads {
    /// Takes a thread.
    pub fn add(&self, thread: JoinHandle<()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    /// Waits for all of them.
    pub fn join(&self) {
        let threads = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread ended by a panic");
            }
        }
    }
}

/// A bell of a thread.
pub type SharedBell = Arc<Bell>;

/// The bells of a log's background threads.
#[derive(Clone, Debug, Default)]
pub struct Bells {
    /// The worker's.
    pub worker: SharedBell,
    /// The leveller's.
    pub leveller: SharedBell,
    /// The signer's.
    pub signer: SharedBell,
    /// The indexer's.
    pub indexer: SharedBell,
}

impl Bells {
    /// Something was appended.
    pub fn ring(&self) {
        self.leveller.ring();
        self.worker.ring();
        self.signer.ring();
        self.indexer.ring();
    }

    /// There will be no more.
    pub fn stop(&self) {
        self.leveller.stop();
        self.worker.stop();
        self.signer.stop();
        self.indexer.stop();
    }
}
