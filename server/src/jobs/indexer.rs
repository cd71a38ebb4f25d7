//! The indexer of a log: submits the index events that are due, one at a time, like any other event.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stele_engine::error::StoreError;
use stele_engine::log::Log;

use super::{Bell, Queue, SharedBell, start};
use crate::routes::now_ns;

/// Between two looks at a log that grows.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at one that does not: few records wait for an hour before they are covered.
const IDLE: Duration = Duration::from_secs(60);
/// After a failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);
/// A stop waits no longer than this for a pause.
const SLICE: Duration = Duration::from_millis(50);

/// Starts the indexer of a log; it ends when the bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn indexer(log: Arc<Log>, queue: Queue, bell: SharedBell) -> io::Result<JoinHandle<()>> {
    start("stele-indexer", move || {
        while !bell.is_stopping() {
            bell.wait(IDLE);
            match catch_unwind(AssertUnwindSafe(|| index_due(&log, &queue, &bell))) {
                Ok(Ok(())) => pause(&bell, EVERY),
                Ok(Err(error)) => {
                    tracing::error!(log = log.origin(), %error, "no index event was made");
                    pause(&bell, PAUSE_AFTER_FAILURE);
                }
                Err(_) => {
                    tracing::error!(log = log.origin(), "the indexer panicked and ends until the next start");
                    return;
                }
            }
        }
    })
}

/// Submits what is due. Rests as long as it works, so that a long log without index events, or a fast
/// one, leaves time to others.
fn index_due(log: &Log, queue: &Queue, bell: &Bell) -> Result<(), StoreError> {
    while !bell.is_stopping() && log.writable().is_ok() {
        let begun = Instant::now();
        if !index_next(log, queue, false)? {
            break;
        }
        pause(bell, begun.elapsed());
    }
    Ok(())
}

/// Submits the next index event; with `force` also one that could wait. False when there is none, or
/// when the writer has ended. Another thread may submit the same stretch first: then the log refuses this
/// one, and the next call goes on behind the other.
pub(super) fn index_next(log: &Log, queue: &Queue, force: bool) -> Result<bool, StoreError> {
    let Some(event) = log.next_index_event(now_ns(), force)? else { return Ok(false) };
    let bytes = event.body.len();
    Ok(queue.append_waiting(log.prepare(vec![event], false), 1, bytes)?.is_some())
}

/// Waits; a stop ends it.
pub(super) fn pause(bell: &Bell, time: Duration) {
    let end = Instant::now() + time;
    while !bell.is_stopping() && Instant::now() < end {
        std::thread::sleep(SLICE);
    }
}
