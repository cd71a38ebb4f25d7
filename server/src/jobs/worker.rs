//! The background threads of a log: the worker seals, merges and checks; the leveller writes zeros
//! ahead of the writer, on a thread of its own because a seal may take a second and appends do not
//! wait.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use stele_engine::error::StoreError;
use stele_engine::log::Log;

use super::{SharedBell, start};

/// Appends come in bursts: a thread looks again no sooner than this.
const PAUSE: Duration = Duration::from_millis(2);
/// After a failed step.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Without appends.
const IDLE: Duration = Duration::from_secs(60);

/// Starts the worker of a log; it ends when the bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn worker(log: Arc<Log>, bell: SharedBell) -> io::Result<JoinHandle<()>> {
    start("stele-worker", move || {
        settle(&log);
        run(&log, &bell, Log::work);
    })
}

/// Reads the id files at once, so that the first append need not. What fails is due again with each step.
fn settle(log: &Log) {
    let told_at_opening = log.damage().len();
    match catch_unwind(AssertUnwindSafe(|| log.settle())) {
        Ok(Ok(notes)) => notes.iter().for_each(|note| tracing::info!(log = log.origin(), note, "ids")),
        Ok(Err(error)) => tracing::error!(log = log.origin(), %error, "ids"),
        Err(_) => tracing::error!(log = log.origin(), "reading the ids panicked"),
    }
    for damage in log.damage().iter().skip(told_at_opening) {
        tracing::error!(log = log.origin(), damage, "this log is read-only");
    }
}

/// Starts the leveller of a log; it ends when the bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn leveller(log: Arc<Log>, bell: SharedBell) -> io::Result<JoinHandle<()>> {
    start("stele-leveller", move || run(&log, &bell, Log::zero_ahead))
}

/// Takes steps until one says that nothing is due, each time the bell rings.
fn run(log: &Log, bell: &SharedBell, step: fn(&Log) -> Result<bool, StoreError>) {
    while !bell.is_stopping() {
        bell.wait(IDLE);
        let all_due = || -> Result<(), StoreError> {
            while !bell.is_stopping() && step(log)? {}
            Ok(())
        };
        match catch_unwind(AssertUnwindSafe(all_due)) {
            Ok(Ok(())) => std::thread::sleep(PAUSE),
            Ok(Err(error)) => {
                tracing::error!(log = log.origin(), %error, "background work");
                rest(bell);
            }
            Err(_) => {
                tracing::error!(log = log.origin(), "background work panicked and ends until the next start");
                return;
            }
        }
    }
}

/// A pause that a stop cuts short; rings during it are kept for the next round.
fn rest(bell: &SharedBell) {
    let end = std::time::Instant::now() + PAUSE_AFTER_FAILURE;
    while !bell.is_stopping() && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    bell.ring();
}
