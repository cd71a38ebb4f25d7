//! Steps 6 and 7: whatever the index events say matches is an entry or lies outside the range, and
//! every entry is among it.

use super::ReportFault;
use super::form::Form;
use super::index::Fences;
use super::lookups::Offsets;
use super::matches::in_range;
use super::records::Shown;
use crate::tags::{Axis, Statement};

/// Which entries were hit so far.
pub(super) struct Found(Vec<bool>);

impl Found {
    /// None of so many.
    pub fn new(entries: usize) -> Self {
        Self(vec![false; entries])
    }

    /// Step 6 for one index event.
    pub fn every_hit(
        &mut self,
        hits: &Offsets,
        statement: &Statement,
        shown: &Shown,
        fences: &Fences<'_>,
    ) -> Result<(), ReportFault> {
        // By commit time, what lies beyond the fences is outside the range whatever it is.
        let start = fences.low.saturating_sub(statement.a);
        let end = fences.high.saturating_add(1).saturating_sub(statement.a);
        for offset in hits.iter(start).take_while(|&offset| offset < end) {
            let seq = statement.a + offset;
            match shown.find(seq) {
                Some(seen) => match Shown::entry(seen) {
                    Some(at) => self.0[at] = true,
                    None if in_range(fences.filter, seen) => {
                        return Err(missing(seq, "matches and lies in the range, and is no entry"));
                    }
                    None => {}
                },
                None => return Err(missing(seq, unseen(fences))),
            }
        }
        Ok(())
    }

    /// Step 7.
    pub fn every_entry(&self, form: &Form<'_>) -> Result<(), ReportFault> {
        let Some(at) = self.0.iter().position(|hit| !hit) else { return Ok(()) };
        let what =
            format!("sequence {} is not among what the index events say matches", form.entries[at].seq);
        Err(ReportFault::new(7, format!("entries[{at}]"), what))
    }
}

fn missing(seq: u64, what: &str) -> ReportFault {
    ReportFault::new(6, format!("sequence {seq}"), what)
}

fn unseen(fences: &Fences<'_>) -> &'static str {
    match fences.filter.axis {
        Axis::Event => "has the values asked for, and is neither an entry nor a header outside the range",
        Axis::Commit => "has the values asked for and can lie in the range, and is not shown",
    }
}
