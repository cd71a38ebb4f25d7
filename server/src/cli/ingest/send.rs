//! One batch to the server: repeats, halving, and what the answer says of each line.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::Method;

use super::batch::Batch;
use crate::cli::client::{Answer, Backoff, Client, is_transient};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::problem::ItemError;

/// Sends batches. Shared by all connections.
pub struct Sender {
    /// The server.
    pub client: Client,
    /// Path and query of the ingest call.
    pub path: &'static str,
    /// Compress bodies.
    pub compress: bool,
    /// How long a batch is repeated.
    pub retry_for: Duration,
}

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// New events stored.
    pub accepted: u64,
    /// Events that were there before.
    pub duplicates: u64,
    /// Items refused.
    pub rejected: u64,
    /// Lowest and highest new sequence.
    pub sequences: Option<(u64, u64)>,
    /// Each refused item's input, line and fault.
    pub errors: Vec<(usize, u64, ItemError)>,
    /// Faults that the server counted and did not list.
    pub unlisted: u64,
    /// True where the batch was sent more than once, so that `duplicates` may count events that an
    /// earlier try stored.
    pub repeated: bool,
}

/// The server's answer to an ingest, 200 or 422.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ingested {
    accepted: u64,
    duplicates: u64,
    rejected: Option<u64>,
    first_sequence: Option<u64>,
    last_sequence: Option<u64>,
    errors: Vec<ItemError>,
    errors_left_out: u64,
}

impl Sender {
    /// Sends a batch until the server has answered for every line of it.
    pub fn send(&self, batch: Batch, stop: &Interrupt) -> Result<Outcome, Failure> {
        let (answer, repeated) = self.post(&batch.body, stop)?;
        match answer.status {
            200 | 422 => match read(&answer.body, &batch, repeated) {
                Some(outcome) => Ok(outcome),
                None => Err(answer.into_failure()),
            },
            413 if batch.lines.len() > 1 => {
                let failure = answer.into_failure();
                let (left, right) = batch.halve().ok_or(failure)?;
                Ok(self.send(left, stop)?.and(self.send(right, stop)?))
            }
            413 => Ok(too_large(&batch, &answer)),
            _ => Err(answer.into_failure()),
        }
    }

    /// Posts a body, again while that is worth while. Safe: every event has its id.
    fn post(&self, body: &[u8], stop: &Interrupt) -> Result<(Answer, bool), Failure> {
        let mut headers = vec![("content-type", "application/x-ndjson")];
        let bytes = if self.compress {
            headers.push(("content-encoding", "zstd"));
            let packed = zstd::bulk::compress(body, 1);
            Cow::Owned(packed.map_err(|e| Failure::Unreachable(format!("compressing a request: {e}")))?)
        } else {
            Cow::Borrowed(body)
        };
        let mut backoff = Backoff::new(self.retry_for);
        let mut repeated = false;
        loop {
            match self.client.exchange(Method::POST, self.path, &headers, Some(&bytes)) {
                Ok(answer) => {
                    let again = answer.may_repeat() && !stop.is_set() && backoff.wait(answer.retry_after);
                    if !again {
                        return Ok((answer, repeated));
                    }
                }
                Err(error) => {
                    if !(is_transient(&error) && !stop.is_set() && backoff.wait(None)) {
                        return Err(self.client.unreachable(&error));
                    }
                }
            }
            repeated = true;
        }
    }
}

impl Outcome {
    /// Two halves of a batch together.
    fn and(mut self, other: Self) -> Self {
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.rejected += other.rejected;
        self.sequences = joined(self.sequences, other.sequences);
        self.errors.extend(other.errors);
        self.unlisted += other.unlisted;
        self.repeated |= other.repeated;
        self
    }
}

/// The range that covers both.
pub fn joined(a: Option<(u64, u64)>, b: Option<(u64, u64)>) -> Option<(u64, u64)> {
    match (a, b) {
        (Some((a0, a1)), Some((b0, b1))) => Some((a0.min(b0), a1.max(b1))),
        (one, other) => one.or(other),
    }
}

/// Reads an answer; `None` where it does not answer for the lines that were sent.
fn read(body: &[u8], batch: &Batch, repeated: bool) -> Option<Outcome> {
    let answer: Ingested = serde_json::from_slice(body).ok()?;
    let items: BTreeSet<u64> = answer.errors.iter().filter_map(|e| e.index).collect();
    let rejected = answer.rejected.unwrap_or(items.len() as u64);
    if answer.accepted + answer.duplicates + rejected != batch.lines.len() as u64 {
        return None;
    }
    let place = |error: ItemError| {
        let line = usize::try_from(error.index?).ok().and_then(|i| batch.lines.get(i))?;
        Some((line.1, line.2, error))
    };
    Some(Outcome {
        accepted: answer.accepted,
        duplicates: answer.duplicates,
        rejected,
        sequences: answer.first_sequence.zip(answer.last_sequence),
        errors: answer.errors.into_iter().filter_map(place).collect(),
        unlisted: answer.errors_left_out,
        repeated,
    })
}

/// One line that the server takes in no request.
fn too_large(batch: &Batch, answer: &Answer) -> Outcome {
    let problem = crate::cli::problem::Problem::read(answer.status, &answer.body);
    let error = ItemError { code: "too_large".to_owned(), detail: problem.detail, ..ItemError::default() };
    let errors = batch.lines.first().map(|line| (line.1, line.2, error)).into_iter().collect();
    Outcome { rejected: 1, errors, ..Outcome::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: &[(usize, u64)]) -> Batch {
        Batch { body: Vec::new(), lines: lines.iter().map(|(input, line)| (0, *input, *line)).collect() }
    }

    #[test]
    fn rejected_items_are_traced_back_to_file_and_line() {
        let answer = br#"{"accepted":1,"duplicates":1,"rejected":1,"first_sequence":7,"last_sequence":7,
            "errors":[{"index":2,"event_id":"e3","code":"invalid","pointer":"/status","detail":"takes success"}],
            "receipts":[]}"#;
        let outcome = read(answer, &batch(&[(0, 10), (0, 12), (1, 1)]), false).unwrap();
        assert_eq!((outcome.accepted, outcome.duplicates, outcome.rejected), (1, 1, 1));
        assert_eq!(outcome.sequences, Some((7, 7)));
        let (input, line, error) = &outcome.errors[0];
        assert_eq!((*input, *line, error.pointer.as_deref()), (1, 1, Some("/status")));
    }

    #[test]
    fn an_answer_that_leaves_lines_out_is_no_answer() {
        assert!(read(br#"{"accepted":1}"#, &batch(&[(0, 1), (0, 2)]), false).is_none());
        assert!(read(b"<html>", &batch(&[(0, 1)]), false).is_none());
    }

    #[test]
    fn a_problem_that_names_every_item_answers_for_all_of_them() {
        let answer = br#"{"title":"No item was stored","status":422,"errors":[
            {"index":0,"code":"invalid","pointer":"/actor","detail":"a"},
            {"index":0,"code":"invalid","pointer":"/action","detail":"b"},{"index":1,"code":"conflict"}]}"#;
        let outcome = read(answer, &batch(&[(0, 1), (0, 2)]), false).unwrap();
        assert_eq!((outcome.rejected, outcome.errors.len()), (2, 3));
    }

    #[test]
    fn halves_add_up() {
        let half = |sequences| Outcome { accepted: 2, sequences, ..Outcome::default() };
        let whole = half(Some((5, 6))).and(half(Some((1, 2))));
        assert_eq!((whole.accepted, whole.sequences), (4, Some((1, 6))));
    }
}
