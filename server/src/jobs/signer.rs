//! The signer of a log: a checkpoint soon after it grew, at most one a second; once an hour when idle.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stele_engine::log::Log;

use super::{SharedBell, start};
use crate::state::now_us;

/// Between two checkpoints of a log that grows.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at one that does not; the log itself knows when the hour is over.
const IDLE: Duration = Duration::from_secs(60);
/// A stop waits no longer than this for the pause.
const SLICE: Duration = Duration::from_millis(50);

/// Starts the signer of a log; it ends when the bell says stop. The last checkpoint, over what came
/// until then, is cut by whoever stops the log.
///
/// # Errors
/// The system gives no thread.
pub fn signer(log: Arc<Log>, bell: SharedBell) -> io::Result<JoinHandle<()>> {
    start("stele-signer", move || {
        while !bell.is_stopping() {
            match catch_unwind(AssertUnwindSafe(|| sign(&log))) {
                Ok(()) => pause(&bell),
                Err(_) => {
                    tracing::error!(log = log.origin(), "the signer panicked and ends until the next start");
                    return;
                }
            }
            bell.wait(IDLE);
        }
    })
}

/// Signs what there is. A log that takes no events has said why already.
pub fn sign(log: &Log) {
    if log.writable().is_ok()
        && let Err(error) = log.checkpoint(now_us())
    {
        tracing::error!(log = log.origin(), %error, "no checkpoint was signed");
    }
}

fn pause(bell: &SharedBell) {
    let end = Instant::now() + EVERY;
    while !bell.is_stopping() && Instant::now() < end {
        std::thread::sleep(SLICE);
    }
}
