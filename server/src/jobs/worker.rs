//! The worker of a log: does what is due in the background, one step after the other.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use stele_engine::log::Log;

use super::{SharedBell, start};

/// Appends come in bursts: the worker looks again no sooner than this.
const PAUSE: Duration = Duration::from_millis(5);
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
        while !bell.is_stopping() {
            bell.wait(IDLE);
            if bell.is_stopping() {
                return;
            }
            let done = catch_unwind(AssertUnwindSafe(|| work(&log, &bell)));
            match done {
                Ok(Ok(())) => std::thread::sleep(PAUSE),
                Ok(Err(error)) => {
                    tracing::error!(log = log.origin(), %error, "background work");
                    rest(&bell);
                }
                Err(_) => {
                    tracing::error!(
                        log = log.origin(),
                        "background work panicked and ends until the next start"
                    );
                    return;
                }
            }
        }
    })
}

fn work(log: &Log, bell: &SharedBell) -> Result<(), stele_engine::error::StoreError> {
    while !bell.is_stopping() && log.work()? {}
    Ok(())
}

/// A pause that a stop cuts short; rings during it are kept for the next round.
fn rest(bell: &SharedBell) {
    let end = std::time::Instant::now() + PAUSE_AFTER_FAILURE;
    while !bell.is_stopping() && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    bell.ring();
}
