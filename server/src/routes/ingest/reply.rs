//! Outcomes to answers.

use hyper::StatusCode;
use stele_engine::log::Outcome;

use super::items::Items;
use crate::http::answer::{self, Answer};
use crate::http::json;
use crate::http::problem::{ItemError, Problem};

/// What became of a body's items. Each item is in exactly one of the three counts.
pub struct Reply {
    /// Stored now.
    pub accepted: u64,
    /// There already.
    pub duplicates: u64,
    /// Refused, or not stored because the request was atomic.
    pub rejected: u64,
    count: u64,
    first: Option<u64>,
    last: Option<u64>,
    items: Items,
    receipts: Vec<u8>,
    /// An atomic request that stored nothing.
    undone: bool,
}

impl Reply {
    /// Sorts outcomes by item. `outcomes` is empty when nothing was handed to the store.
    pub fn of(items: Items, outcomes: &[Outcome], atomic: bool, receipts: bool) -> Self {
        let mut reply = Self {
            accepted: 0,
            duplicates: 0,
            rejected: u64::from(items.invalid),
            count: u64::from(items.count),
            first: None,
            last: None,
            items,
            receipts: Vec::new(),
            undone: false,
        };
        for n in 0..reply.items.events_count() {
            match outcomes.get(n).copied().unwrap_or(Outcome::NotStored) {
                Outcome::Stored { sequence, hash } => {
                    reply.accepted += 1;
                    reply.first.get_or_insert(sequence);
                    reply.last = Some(sequence);
                    if receipts {
                        reply.receipt(n, sequence, Some(&hash), "stored");
                    }
                }
                Outcome::Duplicate { sequence, hash, archived } => {
                    reply.duplicates += 1;
                    if receipts {
                        let hash = Some(&hash).filter(|_| !archived);
                        reply.receipt(n, sequence, hash, "duplicate");
                    }
                }
                Outcome::Conflict { sequence, archived } => {
                    let place = match sequence {
                        Some(sequence) if archived => {
                            format!(
                                "stored at sequence {sequence}, which is archived and was compared by its hash"
                            )
                        }
                        Some(sequence) => format!("stored at sequence {sequence}"),
                        None => "of an item before it in this request".to_owned(),
                    };
                    let detail = format!("the id is taken by other content, {place}");
                    reply.refuse(n, "conflict", "/event_id", detail);
                }
                Outcome::NotStored => {
                    let detail = "not stored: the request is atomic, and another item is at fault".to_owned();
                    reply.refuse(n, "not_stored", "", detail);
                }
            }
        }
        reply.undone = atomic && reply.rejected > 0;
        reply
    }

    fn refuse(&mut self, n: usize, code: &'static str, pointer: &str, detail: String) {
        self.rejected += 1;
        let index = self.items.places.get(n).copied();
        let event_id = Some(self.items.event_id(n).to_owned());
        self.items.errors.add(ItemError { index, event_id, code, pointer: pointer.to_owned(), detail });
    }

    fn receipt(&mut self, n: usize, sequence: u64, hash: Option<&[u8; 32]>, status: &str) {
        let out = &mut self.receipts;
        out.extend_from_slice(if out.is_empty() { b"{\"event_id\":" } else { b",{\"event_id\":" });
        json::string(out, self.items.event_id(n));
        out.extend_from_slice(b",\"sequence\":");
        json::number(out, sequence);
        out.extend_from_slice(b",\"hash\":");
        match hash {
            Some(hash) => json::hex(out, hash),
            // Its segment is away: that it is the same was told from what stays.
            None => out.extend_from_slice(b"null,\"archived\":true"),
        }
        out.extend_from_slice(b",\"status\":\"");
        out.extend_from_slice(status.as_bytes());
        out.extend_from_slice(b"\"}");
    }

    /// The members of the answer, without braces.
    fn members(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160 + self.receipts.len());
        for (name, value) in [
            ("\"accepted\":", Some(self.accepted)),
            (",\"duplicates\":", Some(self.duplicates)),
            (",\"rejected\":", Some(self.rejected)),
            (",\"first_sequence\":", self.first),
            (",\"last_sequence\":", self.last),
        ] {
            out.extend_from_slice(name.as_bytes());
            json::optional_number(&mut out, value);
        }
        out.extend_from_slice(b",\"errors\":");
        self.items.errors.write(&mut out);
        if self.items.errors.left_out > 0 {
            out.extend_from_slice(b",\"errors_left_out\":");
            json::number(&mut out, self.items.errors.left_out);
        }
        out.extend_from_slice(b",\"receipts\":[");
        out.extend_from_slice(&self.receipts);
        out.push(b']');
        out
    }

    fn done(&self) -> Answer {
        let mut out = vec![b'{'];
        out.extend_from_slice(&self.members());
        out.extend_from_slice(b"}\n");
        answer::json(out)
    }

    fn problem(&self, status: StatusCode, slug: &'static str, detail: String) -> Problem {
        let mut problem = Problem::new(status, slug, detail);
        problem.members.push(b',');
        problem.members.extend_from_slice(&self.members());
        problem
    }

    /// The answer to an array or lines.
    ///
    /// # Errors
    /// 422 when there were items and none is stored or duplicate.
    pub fn list(&self) -> Result<Answer, Problem> {
        let kept = self.accepted + self.duplicates > 0;
        if self.count == 0 || (kept && !self.undone) {
            return Ok(self.done());
        }
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let detail = format!("none of {} items was stored; `errors` says why for each", self.count);
        Err(self.problem(status, "nothing-stored", detail))
    }

    /// The answer to one object.
    ///
    /// # Errors
    /// 422, 409 or 413 by what is wrong with it.
    pub fn single(&self) -> Result<Answer, Problem> {
        let Some(error) = self.items.errors.first.as_ref() else { return Ok(self.done()) };
        let (status, slug) = match error.code {
            "conflict" => (StatusCode::CONFLICT, "conflict"),
            "too_large" => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        };
        let place = if error.pointer.is_empty() { "the event" } else { &error.pointer };
        Err(self.problem(status, slug, format!("{place}: {}", error.detail)))
    }
}
