//! Verification of a compliance report, from its bytes and the verifier key alone (docs/CUSTODY.md, "How a
//! verifier proceeds").
//!
//! One file for each part of the way; a fault carries the number of the step. Nothing here is shared
//! with what makes reports but hashes, tags, trees, notes and the reading of stored events.

mod form;
mod hits;
mod index;
mod lookups;
mod matches;
mod records;
#[cfg(test)]
mod tests;

use std::fmt;

use form::Form;

use crate::ids::hex;
use crate::merkle::Node;
use crate::proof::{Checkpoint, VerifierKey};
use crate::tags::{Axis, Filter};

/// Longest report that is read.
pub const REPORT_BYTES_MAX: usize = 1 << 30;

/// Why a report is refused: the first thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFault {
    /// The numbered step of CUSTODY.md that fails; 0 where the bytes are no report at all.
    pub step: u8,
    /// Where, as in `epochs[0].lookups[2].leaves[0]`.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

impl ReportFault {
    fn new(step: u8, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { step, place: place.into(), what: what.into() }
    }
}

impl fmt::Display for ReportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            0 => write!(f, "{}: {}", self.place, self.what),
            step => write!(f, "step {step}: {}: {}", self.place, self.what),
        }
    }
}

impl std::error::Error for ReportFault {}

/// What a report that was accepted says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportVerdict {
    /// The log, as the checkpoint names it.
    pub origin: String,
    /// What was asked.
    pub filter: Filter,
    /// Records in the signed tree.
    pub checkpoint_size: u64,
    /// All records below this sequence are covered by the index events shown.
    pub as_of: u64,
    /// Number of entries.
    pub entries: u64,
    /// Number of records shown without content.
    pub headers: u64,
    /// Number of index events shown.
    pub index_events: u64,
    /// First and last sequence of the entries.
    pub sequences: Option<(u64, u64)>,
    /// The hash that the report is known by.
    pub verification_hash: Node,
}

impl ReportVerdict {
    /// The verification hash as it is printed.
    #[must_use]
    pub fn printed_hash(&self) -> String {
        format!("stele1:{}", hex(&self.verification_hash))
    }

    /// What is proved, in words.
    #[must_use]
    pub fn proved(&self) -> String {
        let axis = match self.filter.axis {
            Axis::Event => "happened in the range, as far as the log knew before",
            Axis::Commit => "were recorded in the range, which lies before",
        };
        format!(
            "Every entry is a record of the log that the key signed, unaltered and in its place. They are all \
             the records that the signed index gives for the filter: none that {axis} sequence {} is \
             left out.",
            self.as_of
        )
    }

    /// What is not proved, in words.
    #[must_use]
    pub const fn not_proved(&self) -> &'static str {
        "That events were reported to the log truthfully and completely; that the index, which the \
         log's operator made and signed, is right: `stele verify --deep` at the log recomputes it from the \
         records; that the operator of the log, who has the key, shows everyone the same log: hold its \
         checkpoints against one kept outside."
    }
}

/// Proves a report, or says why it is refused. `key` comes from outside, never from the report.
///
/// Costs a few microseconds for each record shown, and memory of about twice the report.
///
/// # Errors
/// The first fault, with its step and place.
pub fn report(bytes: &[u8], key: &VerifierKey) -> Result<ReportVerdict, ReportFault> {
    if bytes.len() > REPORT_BYTES_MAX {
        let what = format!("has {} bytes, at most {REPORT_BYTES_MAX} are read", bytes.len());
        return Err(ReportFault::new(0, "report", what));
    }
    let form = Form::read(bytes)?;
    let checkpoint = signed_by(&form, key)?;
    let shown = records::shown(&form, key.name(), checkpoint.size)?;
    records::lead_to_root(&shown, &form.proof, &checkpoint)?;
    let filter = matches::filter(&form)?;
    matches::every_entry(&form, &shown, &filter)?;
    let verification_hash = matches::hash(&form, &shown, &checkpoint)?;
    let statements = index::statements(&form)?;
    let fences = index::range(&filter, &statements, &shown)?;
    let epochs = index::epochs(&form, &filter, &statements)?;
    let mut found = hits::Found::new(form.entries.len());
    for (at, epoch, statement) in epochs {
        let hits = lookups::hits(at, epoch, statement, &filter)?;
        found.every_hit(&hits, statement, &shown, &fences)?;
    }
    found.every_entry(&form)?;
    Ok(ReportVerdict {
        origin: checkpoint.origin,
        filter,
        checkpoint_size: checkpoint.size,
        as_of: statements.last().map_or(0, |last| last.b),
        entries: form.entries.len() as u64,
        headers: form.headers.len() as u64,
        index_events: form.index_records.len() as u64,
        sequences: form.entries.first().zip(form.entries.last()).map(|(first, last)| (first.seq, last.seq)),
        verification_hash,
    })
}

/// Step 1: the key that was given signed the checkpoint, and the report names no other.
fn signed_by(form: &Form<'_>, key: &VerifierKey) -> Result<Checkpoint, ReportFault> {
    if form.key != key.to_string() {
        return Err(ReportFault::new(1, "key", "is not the verifier key that was given"));
    }
    Checkpoint::open(form.checkpoint.as_bytes(), key).map_err(|why| ReportFault::new(1, "checkpoint", why))
}
