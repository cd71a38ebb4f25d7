//! Step 3: every entry is what was asked for, and the report is known by the right hash.

use std::collections::HashSet;

use super::ReportFault;
use super::form::Form;
use super::records::{Seen, Shown};
use crate::event::Fields;
use crate::ids::unhex;
use crate::merkle::{self, Node};
use crate::proof::Checkpoint;
use crate::tags::{Axis, Dimension, Filter, each_tagged, verification_hash_of};

const STEP: u8 = 3;

/// The filter, in its one form.
pub(super) fn filter(form: &Form<'_>) -> Result<Filter, ReportFault> {
    Filter::parse(&form.filter).map_err(|why| ReportFault::new(STEP, "filter", why))
}

/// True for a record whose time on the filter's axis is in its range.
pub(super) fn in_range(filter: &Filter, seen: &Seen) -> bool {
    let time = match filter.axis {
        Axis::Event => seen.event_us,
        Axis::Commit => seen.committed_us,
    };
    (filter.from_us..filter.to_us).contains(&time)
}

/// Every entry is in the range and has, in each dimension, one of the values.
pub(super) fn every_entry(form: &Form<'_>, shown: &Shown, filter: &Filter) -> Result<(), ReportFault> {
    let wanted: Vec<(Dimension, HashSet<Vec<u8>>)> = filter
        .dimensions
        .iter()
        .map(|(dimension, values)| (*dimension, values.iter().map(|value| value.bytes()).collect()))
        .collect();
    for (at, (entry, seen)) in form.entries.iter().zip(shown.entries()).enumerate() {
        let wrong = |what: String| ReportFault::new(STEP, format!("entries[{at}]"), what);
        if !in_range(filter, seen) {
            return Err(wrong("lies outside the range of the filter".to_owned()));
        }
        let fields = Fields::scan(entry.body.as_bytes())
            .map_err(|why| wrong(format!("is not a stored event: {why}")))?;
        if let Some(dimension) = lacks(&fields, &wanted) {
            return Err(wrong(format!("has none of the values asked for as {}", dimension.name())));
        }
    }
    Ok(())
}

/// The first dimension in which an event has none of the values.
fn lacks(fields: &Fields<'_>, wanted: &[(Dimension, HashSet<Vec<u8>>)]) -> Option<Dimension> {
    let mut has = [false; 10];
    each_tagged(fields, |dimension, value| {
        let asked = wanted.iter().find(|(asked, _)| *asked == dimension);
        has[usize::from(dimension.number())] |= asked.is_some_and(|(_, values)| values.contains(value));
    });
    let lacking = wanted.iter().find(|(dimension, _)| !has[usize::from(dimension.number())]);
    lacking.map(|(dimension, _)| *dimension)
}

/// The verification hash, recomputed.
pub(super) fn hash(form: &Form<'_>, shown: &Shown, checkpoint: &Checkpoint) -> Result<Node, ReportFault> {
    let leaves = shown.entries().map(|seen| merkle::leaf(&seen.hash)).collect();
    let hash = verification_hash_of(&checkpoint.text(), &form.filter, leaves);
    if unhex(&form.verification_hash) == Some(hash) {
        return Ok(hash);
    }
    let what = "is not the hash over this checkpoint, this filter and these entries";
    Err(ReportFault::new(STEP, "verification_hash", what))
}
