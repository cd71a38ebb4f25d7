//! Decides a plan on one record: its bytes, sequence and commit time.
//!
//! The meaning of every clause is written here once, without an index. Reads the canonical bytes in
//! one pass a clause, and builds no tree of them.

use std::borrow::Cow;

use super::Budget;
use super::pace::Pace;
use super::phrase::Phrase;
use super::plan::{Leaf, Node, Plan, TimeRange, is_own};
use super::value::ValueTest;
use crate::error::StoreError;
use crate::event::{Fields, Value, each_changed, each_value};
use crate::index::Field;
use crate::text::fold;

/// A record as it is decided about.
struct Record<'a> {
    fields: Fields<'a>,
    sequence: u64,
    committed_ns: i64,
    /// Length of its body, which no value exceeds.
    bytes: usize,
    /// What a look at all its values costs.
    units: usize,
}

/// Whether one record matches: its canonical bytes, sequence and commit time. About a microsecond.
///
/// # Errors
/// `Refused` for bytes that are no event; `TooBroad`, `Cancelled`.
pub fn matches_record(
    plan: &Plan,
    body: &[u8],
    sequence: u64,
    committed_us: u64,
    budget: &Budget<'_>,
) -> Result<bool, StoreError> {
    decide(plan, body, sequence, committed_us, &Pace::new(budget))
}

/// The same at the pace of a longer work.
pub(super) fn decide(
    plan: &Plan,
    body: &[u8],
    sequence: u64,
    committed_us: u64,
    pace: &Pace<'_>,
) -> Result<bool, StoreError> {
    let fields = Fields::scan(body).map_err(|why| unreadable(sequence, &why))?;
    if let Some(sieve) = &plan.sieve {
        pace.step(sieve.units(body.len()))?;
        if !sieve.lets_pass(body) {
            return Ok(false);
        }
    }
    pace.step(20 + body.len() / 64)?;
    if !plan.holds_time(fields.time_ns) {
        return Ok(false);
    }
    if plan.leaves_own_out && is_own(fold(fields.event_type).as_bytes()) {
        return Ok(false);
    }
    let committed_ns = i64::try_from(committed_us).unwrap_or(i64::MAX).saturating_mul(1000);
    let record = Record { fields, sequence, committed_ns, bytes: body.len(), units: 2 + body.len() / 32 };
    record.fits(&plan.root, pace)
}

fn unreadable(sequence: u64, why: &str) -> StoreError {
    StoreError::Refused(format!("the record at sequence {sequence} is no event: {why}"))
}

impl Record<'_> {
    fn fits(&self, node: &Node, pace: &Pace<'_>) -> Result<bool, StoreError> {
        match node {
            Node::All => Ok(true),
            Node::Nothing => Ok(false),
            Node::Not(child) => self.fits(child, pace).map(|fits| !fits),
            Node::And(children) => {
                for child in children {
                    if !self.fits(child, pace)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Or(children) => {
                for child in children {
                    if self.fits(child, pace)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Leaf(leaf) => {
                let fits = self.fits_leaf(leaf, pace)?;
                fits.map_err(|why| unreadable(self.sequence, &why))
            }
        }
    }

    /// The outer error is the budget's, the inner one that of bytes which are no event.
    fn fits_leaf(&self, leaf: &Leaf, pace: &Pace<'_>) -> Result<Result<bool, String>, StoreError> {
        Ok(Ok(match leaf {
            Leaf::Sequences(ranges) => {
                ranges.iter().any(|&(low, high)| (low..=high).contains(&self.sequence))
            }
            Leaf::Times(ranges) => ranges.iter().any(|range| holds(range, self.fields.time_ns)),
            Leaf::Committed(ranges) => ranges.iter().any(|range| holds(range, self.committed_ns)),
            Leaf::Envelope { fields, tests } => {
                pace.step(tests.len() * fields.len())?;
                let texts = fields.iter().filter_map(|&field| text_of(&self.fields, field));
                texts.into_iter().any(|text| tests.iter().any(|test| test.holds_of_text(text)))
            }
            Leaf::Metadata { path, tests } => {
                pace.step(self.units + tests.iter().map(|test| 1 + test.units(self.bytes)).sum::<usize>())?;
                return Ok(self.any_value(|at, value| path.fits(at) && holds_any(tests, value)));
            }
            Leaf::Changed { paths, any } => {
                pace.step(self.units * 2)?;
                let mut found = false;
                let seen = each_changed(self.fields.metadata, &mut |at| {
                    found = *any || paths.iter().any(|path| path.fits(at));
                    !found
                });
                return Ok(seen.map(|()| found));
            }
            Leaf::Text { phrase, sequence } => {
                if *sequence == Some(self.sequence) {
                    return Ok(Ok(true));
                }
                pace.step(self.units * 2 + phrase.as_ref().map_or(0, |phrase| phrase.units(self.bytes)))?;
                return Ok(phrase.as_ref().map_or(Ok(false), |phrase| self.says(phrase)));
            }
        }))
    }

    fn any_value(&self, mut wanted: impl FnMut(&[u8], &Value<'_>) -> bool) -> Result<bool, String> {
        let mut found = false;
        each_value(self.fields.metadata, |path, value| found = found || wanted(path, &value))?;
        Ok(found)
    }

    /// Whether any value that bare text sees has the phrase.
    fn says(&self, phrase: &Phrase) -> Result<bool, String> {
        let seen = |text: &str| phrase.matches(&fold(text));
        if SEEN.iter().any(|&field| text_of(&self.fields, field).is_some_and(seen)) {
            return Ok(true);
        }
        let in_value = |value: &Value<'_>| match value {
            Value::Text(text) => seen(text),
            Value::Number(text) => seen(text),
            _ => false,
        };
        if self.any_value(|_, value| in_value(value))? {
            return Ok(true);
        }
        let Some(errors) = self.fields.schema_errors else { return Ok(false) };
        let mut found = false;
        each_value(errors, |_, value| found = found || matches!(&value, Value::Text(text) if seen(text)))?;
        Ok(found)
    }
}

fn holds(range: &TimeRange, ns: i64) -> bool {
    range.0 <= ns && range.1.is_none_or(|to| ns < to)
}

fn holds_any(tests: &[ValueTest], value: &Value<'_>) -> bool {
    tests.iter().any(|test| test.holds_of(value))
}

/// Members of the envelope that bare text sees.
const SEEN: [Field; 13] = [
    Field::EventType,
    Field::Category,
    Field::ActorType,
    Field::ActorId,
    Field::ActorEmail,
    Field::ActorName,
    Field::ActorAddress,
    Field::UserAgent,
    Field::ResourceType,
    Field::ResourceId,
    Field::ResourceName,
    Field::Action,
    Field::Status,
];

fn text_of<'f>(fields: &'f Fields<'_>, field: Field) -> Option<&'f str> {
    let optional = |value: &'f Option<Cow<'_, str>>| value.as_deref();
    match field {
        Field::Category => Some(&fields.category),
        Field::Status => Some(fields.status),
        Field::ActorType => Some(fields.actor_type),
        Field::EventType => Some(fields.event_type),
        Field::Action => Some(&fields.action),
        Field::ActorId => optional(&fields.actor_id),
        Field::ActorEmail => optional(&fields.actor_email),
        Field::ActorName => optional(&fields.actor_name),
        Field::ResourceType => Some(&fields.resource_type),
        Field::ResourceId => Some(&fields.resource_id),
        Field::ActorAddress => optional(&fields.actor_ip_address),
        Field::UserAgent => optional(&fields.actor_user_agent),
        Field::ResourceName => optional(&fields.resource_name),
        Field::SchemaErrors | Field::Changed => None,
    }
}
