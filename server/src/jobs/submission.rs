//! The way to a log's writer: a bounded queue of prepared batches, each with its reply.

use stele_engine::error::StoreError;
use stele_engine::log::{Batch, Outcome};
use tokio::sync::{mpsc, oneshot};

use crate::http::problem::Problem;

/// One outcome for each event of the batch, in order.
pub type Reply = Result<Vec<Outcome>, StoreError>;

/// What stands in the queue.
pub(super) enum Submission {
    Append { batch: Batch, events: usize, bytes: usize, reply: oneshot::Sender<Reply> },
    Stop,
}

/// The sending side.
#[derive(Clone)]
pub struct Queue(mpsc::Sender<Submission>);

impl Queue {
    /// A queue of at most `requests` batches.
    pub(super) fn new(requests: usize) -> (Self, mpsc::Receiver<Submission>) {
        let (sender, receiver) = mpsc::channel(requests.max(1));
        (Self(sender), receiver)
    }

    /// Hands a batch to the writer, and waits until it is on stable storage and searchable.
    ///
    /// # Errors
    /// 503 at once when the queue is full; what the store says otherwise.
    pub async fn append(&self, batch: Batch, events: usize, bytes: usize) -> Result<Vec<Outcome>, Problem> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.try_send(Submission::Append { batch, events, bytes, reply });
        sent.map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => {
                Problem::overloaded("too many requests wait for this log's writer")
            }
            mpsc::error::TrySendError::Closed(_) => Problem::overloaded("the server is stopping"),
        })?;
        match answer.await {
            Ok(reply) => Ok(reply?),
            Err(_) => Err(Problem::read_only("the log's writer has failed; restart the server")),
        }
    }

    /// The same from a background thread, which waits for room in the queue. `None` when the writer
    /// has ended.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn append_waiting(
        &self,
        batch: Batch,
        events: usize,
        bytes: usize,
    ) -> Result<Option<Vec<Outcome>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        if self.0.blocking_send(Submission::Append { batch, events, bytes, reply }).is_err() {
            return Ok(None);
        }
        answer.blocking_recv().ok().transpose()
    }

    /// True once the writer has ended: nothing is stored any more.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Asks the writer to finish what stands before this in the queue and to end.
    pub async fn stop(&self) {
        // A closed queue means that the writer has ended already.
        let _ = self.0.send(Submission::Stop).await;
    }
}
