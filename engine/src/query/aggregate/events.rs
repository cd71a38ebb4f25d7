//! The matching documents, part by part, and their records.

use crate::error::StoreError;
use crate::event::Fields;
use crate::query::{Ask, Budget, DocSet, Order, Part, Plan, Seen, matching, page};

/// Records that are read under one look at a part, and their bytes but for the last one's.
const RECORDS_PER_LOOK: usize = 512;
const BYTES_PER_LOOK: usize = 256 << 10;
/// The records of so many matches of a part are read sooner than the lists of its values.
const READ_MAX: u64 = 128;

/// The events that a question is about.
#[derive(Clone, Copy)]
pub struct Events<'a> {
    /// Segments of the snapshot, ascending.
    pub parts: &'a [Part],
    /// Which of their documents match.
    pub plan: &'a Plan,
    /// What it may cost.
    pub budget: &'a Budget<'a>,
}

impl Events<'_> {
    /// The parts that can have matches.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        let (from, to) = self.plan.time_range();
        let inside = move |(least, most)| from <= most && to.is_none_or(|to| least < to);
        self.parts.iter().filter(move |part| part.span.is_some_and(inside))
    }

    /// Shows a part with its matches, if it has any.
    pub(super) fn look<R>(
        &self,
        part: &Part,
        visit: impl FnOnce(&Seen<'_>, DocSet) -> Result<R, StoreError>,
    ) -> Result<Option<R>, StoreError> {
        self.budget.check()?;
        let docs = matching(part, self.plan, self.budget)?;
        if docs.is_empty() { Ok(None) } else { part.read(|seen| visit(&seen, docs)).map(Some) }
    }

    /// Shows the records of some documents of a part.
    pub(super) fn records(
        &self,
        part: &Part,
        docs: &[u32],
        mut visit: impl FnMut(u32, &Fields<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut rest = docs;
        while !rest.is_empty() {
            self.budget.check()?;
            let read = part.read(|seen| {
                let mut bytes = 0;
                for (&doc, read) in rest.iter().zip(1..=RECORDS_PER_LOOK) {
                    let body = seen.body(doc)?;
                    visit(doc, &fields_of(&seen, doc, &body)?)?;
                    bytes += body.len();
                    if bytes >= BYTES_PER_LOOK {
                        return Ok(read);
                    }
                }
                Ok(rest.len().min(RECORDS_PER_LOOK))
            })?;
            rest = &rest[read..];
        }
        Ok(())
    }

    /// Times of the first and last match.
    ///
    /// # Errors
    /// `Damaged`, `TooBroad`, `Cancelled`.
    pub fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let end = |order| {
            let ask = Ask { plan: self.plan, order, limit: 1, after: None, count: false };
            page(self.parts, &ask, self.budget).map(|hits| hits.hits.first().map(|&(time, _)| time))
        };
        Ok(end(Order::Asc)?.zip(end(Order::Desc)?))
    }
}

/// The documents of a view that are not in a set, where they are `few` at most: of most questions the
/// log's own events are left out, and late ones, and nothing else.
pub(super) fn others(docs: &DocSet, all: u32, few: u64) -> Option<Vec<u32>> {
    if u64::from(all).saturating_sub(docs.count()) > few {
        return None;
    }
    Some(match docs {
        DocSet::All(visible) => (*visible..all).collect(),
        docs => docs.complement(all).to_vec(),
    })
}

/// True when the records of the matches are read sooner than lists.
pub(super) fn read_rather(docs: &DocSet) -> bool {
    docs.count() <= READ_MAX
}

/// Shows the envelope of a record.
pub(super) fn record<R>(
    seen: &Seen<'_>,
    doc: u32,
    visit: impl FnOnce(&Fields<'_>) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let body = seen.body(doc)?;
    visit(&fields_of(seen, doc, &body)?)
}

fn fields_of<'b>(seen: &Seen<'_>, doc: u32, body: &'b [u8]) -> Result<Fields<'b>, StoreError> {
    Fields::scan(body).map_err(|detail| {
        StoreError::Refused(format!("sequence {} is no event: {detail}", seen.sequence(doc)))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::query::select_tests::{live_part, plan};

    #[test]
    fn the_budget_is_looked_at_by_the_bytes_of_records_too() {
        let long = "x".repeat(100 << 10);
        let parts = [live_part((0..40).map(|_| format!(r#"{{"long":"{long}"}}"#)))];
        let asked = Cell::new(0);
        let count = || {
            asked.set(asked.get() + 1);
            None
        };
        let (plan, budget) = (plan("*"), Budget::new(&count));
        let events = Events { parts: &parts, plan: &plan, budget: &budget };
        let (docs, mut seen): (Vec<u32>, _) = ((0..40).collect(), Vec::new());
        events
            .records(&parts[0], &docs, |doc, _| {
                seen.push(doc);
                Ok(())
            })
            .unwrap();
        assert_eq!((seen, asked.get()), (docs, 14));
    }

    #[test]
    fn the_others_are_told_only_where_they_are_few() {
        assert_eq!(others(&DocSet::All(10), 10, 64), Some(vec![]));
        assert_eq!(others(&DocSet::All(8), 10, 64), Some(vec![8, 9]));
        assert_eq!(others(&DocSet::List(vec![0, 2]), 4, 64), Some(vec![1, 3]));
        let most = DocSet::All(200).filter(|doc| doc % 50 != 7);
        assert_eq!(others(&most, 202, 64), Some(vec![7, 57, 107, 157, 200, 201]));
        assert_eq!(others(&most, 300, 64), None);
        assert_eq!(others(&DocSet::empty(), 65, 64), None);
    }
}
