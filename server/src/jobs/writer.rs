//! The writer of a log: everything that waits becomes one append, and one sync.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use stele_engine::log::{Batch, Log};
use tokio::sync::{mpsc, oneshot, watch};

use super::submission::{Queue, Reply, Submission};
use super::{Bells, start};
use crate::state::now_us;

/// How much goes into one append.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Events; one batch may pass it.
    pub events_max: usize,
    /// Body bytes; one batch may pass it.
    pub bytes_max: usize,
}

impl Default for Group {
    fn default() -> Self {
        Self { events_max: 32_768, bytes_max: 16 << 20 }
    }
}

/// Starts the writer of a log. `position` is moved to the log's size after each append, `bells` are
/// those of its background threads.
///
/// # Errors
/// The system gives no thread.
pub fn writer(
    log: Arc<Log>,
    queued_requests: usize,
    position: watch::Sender<u64>,
    bells: Bells,
) -> io::Result<(Queue, JoinHandle<()>)> {
    let (queue, waiting) = Queue::new(queued_requests);
    let writer = Writer { log, position, bells, group: Group::default() };
    let thread = start("stele-writer", move || writer.run(waiting))?;
    Ok((queue, thread))
}

struct Writer {
    log: Arc<Log>,
    position: watch::Sender<u64>,
    bells: Bells,
    group: Group,
}

impl Writer {
    fn run(self, mut waiting: mpsc::Receiver<Submission>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut gathered = Gathered::default();
            let mut stop = !gathered.add(first);
            while !stop && gathered.events < self.group.events_max && gathered.bytes < self.group.bytes_max {
                match waiting.try_recv() {
                    Ok(next) => stop = !gathered.add(next),
                    Err(_) => break,
                }
            }
            if !self.append(gathered) || stop {
                // Dropping the queue answers what still waits in it.
                return;
            }
        }
    }

    /// False when the store panicked: what it holds in memory can no longer be trusted.
    fn append(&self, gathered: Gathered) -> bool {
        if gathered.batches.is_empty() {
            return true;
        }
        let Gathered { batches, replies, .. } = gathered;
        let appended = catch_unwind(AssertUnwindSafe(|| self.log.append(batches, now_us())));
        let Ok(results) = appended else {
            tracing::error!(
                log = self.log.origin(),
                "the store panicked in an append; the log takes no more events"
            );
            return false;
        };
        self.position.send_replace(self.log.head().size);
        for (reply, result) in replies.into_iter().zip(results) {
            // A client that went away does not wait for its answer.
            let _ = reply.send(result);
        }
        self.bells.ring();
        true
    }
}

#[derive(Default)]
struct Gathered {
    batches: Vec<Batch>,
    replies: Vec<oneshot::Sender<Reply>>,
    events: usize,
    bytes: usize,
}

impl Gathered {
    /// False for a stop.
    fn add(&mut self, submission: Submission) -> bool {
        match submission {
            Submission::Stop => false,
            Submission::Append { batch, events, bytes, reply } => {
                self.batches.push(batch);
                self.replies.push(reply);
                self.events += events;
                self.bytes += bytes;
                true
            }
        }
    }
}
