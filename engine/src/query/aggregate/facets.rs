//! Facets: how many matching events have each value of a dimension.
//!
//! Counted by posting lists, not by records. Where all documents of a segment match, a list's length is
//! the count; where all but a few do (the log's own events are left out of most questions), the values
//! of those few are taken away again; otherwise lists are intersected with the matches. Values that
//! no list names are read from the records, and so are all where few documents of a segment match.

use hashbrown::HashMap;

use super::dimension::{Axis, Places, Value, values_of};
use super::events::{Events, others, read_rather, record};
use crate::error::StoreError;
use crate::index::{Postings, View};
use crate::query::{Budget, Dimension, DocSet, Facet, FacetValue, Seen};

/// The records of up to so many documents that do not match are read to take them away again.
const OTHERS_MAX: u64 = 64;

/// Counts of one dimension.
#[derive(Default)]
struct Tally {
    counts: HashMap<FacetValue, u64>,
    missing: u64,
}

/// Documents of which only the records tell.
#[derive(Default)]
struct Open {
    /// All values.
    of_all: Vec<u32>,
    /// The values of one dimension each.
    of_one: Vec<Vec<u32>>,
}

/// What is counted in one segment.
struct Segment<'s, 'v> {
    view: View<'v>,
    /// Documents past these do not count.
    docs: u32,
    axis: &'s Axis,
    budget: &'s Budget<'s>,
}

/// A facet per dimension, with its `top` most frequent values, and how many events match. Exact.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn facets(events: &Events<'_>, of: &[Dimension], top: usize) -> Result<(Vec<Facet>, u64), StoreError> {
    let axes: Vec<Axis> = of.iter().map(Axis::from).collect();
    let mut tallies: Vec<Tally> = of.iter().map(|_| Tally::default()).collect();
    let mut matched = 0;
    for part in events.parts() {
        let open = events.look(part, |seen, docs| {
            matched += docs.count();
            if read_rather(&docs) {
                return Ok(Open { of_all: docs.to_vec(), ..Open::default() });
            }
            listed(seen, &docs, &axes, &mut tallies, events.budget)
        })?;
        let Some(open) = open else { continue };
        events.records(part, &open.of_all, |_, fields| {
            let mut pairs = axes.iter().zip(&mut tallies);
            pairs.try_for_each(|(axis, tally)| tally.add_record(&values_of(fields, axis)?, events.budget))
        })?;
        for ((axis, tally), docs) in axes.iter().zip(&mut tallies).zip(open.of_one) {
            events.records(part, &docs, |_, fields| {
                tally.add_record(&values_of(fields, axis)?, events.budget)
            })?;
        }
    }
    Ok((tallies.into_iter().map(|tally| tally.facet(top)).collect(), matched))
}

/// Counts what the lists of a segment tell; returns the documents of which only the records can.
fn listed(
    seen: &Seen<'_>,
    docs: &DocSet,
    axes: &[Axis],
    tallies: &mut [Tally],
    budget: &Budget<'_>,
) -> Result<Open, StoreError> {
    let all = seen.view.docs();
    let others = others(docs, all, OTHERS_MAX);
    let mut open = Open::default();
    let mut whole = vec![false; axes.len()];
    for ((axis, tally), whole) in axes.iter().zip(&mut *tallies).zip(&mut whole) {
        let places = Places::of(seen.view, axis)?;
        let mut unlisted = DocSet::empty();
        for places in &places {
            unlisted = unlisted.or(places.unlisted(seen.view, seen.docs)?, seen.docs);
        }
        *whole = unlisted.is_empty() && others.is_some();
        let segment = Segment { view: seen.view, docs: if *whole { all } else { seen.docs }, axis, budget };
        if *whole {
            tally.add(&segment, &places, DocSet::All(all))?;
        } else {
            tally.add(&segment, &places, docs.clone().as_bits(seen.docs).without(&unlisted))?;
        }
        open.of_one.push(docs.clone().and(unlisted).to_vec());
    }
    for doc in others.unwrap_or_default() {
        record(seen, doc, |fields| {
            let counted = axes.iter().zip(tallies.iter_mut()).zip(&whole).filter(|(_, whole)| **whole);
            counted
                .map(|(pair, _)| pair)
                .try_for_each(|(axis, tally)| tally.take_record(&values_of(fields, axis)?))
        })?;
    }
    Ok(open)
}

impl Tally {
    /// Counts documents whose values are all in lists.
    fn add(&mut self, segment: &Segment<'_, '_>, places: &[Places], docs: DocSet) -> Result<(), StoreError> {
        let single = !matches!(segment.axis, Axis::Path(_));
        let mut left = docs;
        for (at, tried) in places.iter().enumerate() {
            let counted = self.add_places(segment, &left, tried)?;
            let missing = left.count().saturating_sub(counted);
            if single && (missing == 0 || at + 1 == places.len()) {
                self.missing += missing;
                return Ok(());
            }
            left = left.without(&segment.with_values(tried)?);
        }
        self.missing += left.count();
        Ok(())
    }

    /// Counts each value; returns the sum.
    fn add_places(
        &mut self,
        segment: &Segment<'_, '_>,
        docs: &DocSet,
        places: &Places,
    ) -> Result<u64, StoreError> {
        let (mut sum, mut steps) = (0, 0_u32);
        places.values(segment.view, &mut |value, lists| {
            steps += 1;
            if steps.is_multiple_of(4096) {
                segment.budget.check()?;
            }
            let count = segment.count(docs, lists)?;
            sum += count;
            if count > 0 { self.add_value(value, count, segment.budget) } else { Ok(()) }
        })?;
        Ok(sum)
    }

    fn add_value(&mut self, value: Value<'_>, count: u64, budget: &Budget<'_>) -> Result<(), StoreError> {
        if let Some(known) = self.counts.get_mut(&value) {
            *known += count;
            return Ok(());
        }
        budget.keep(value.bytes())?;
        self.counts.insert(FacetValue::from(&value), count);
        Ok(())
    }

    fn add_record(&mut self, values: &[FacetValue], budget: &Budget<'_>) -> Result<(), StoreError> {
        self.missing += u64::from(values.is_empty());
        values.iter().try_for_each(|value| self.add_value(Value::from(value), 1, budget))
    }

    /// Takes away what was counted of a document that does not match.
    #[expect(clippy::unnecessary_wraps, reason = "one of several steps, of which the others can fail")]
    fn take_record(&mut self, values: &[FacetValue]) -> Result<(), StoreError> {
        self.missing -= u64::from(values.is_empty()).min(self.missing);
        for value in values {
            if let Some(count) = self.counts.get_mut(value) {
                *count -= 1;
            }
        }
        Ok(())
    }

    fn facet(self, top: usize) -> Facet {
        let mut values: Vec<(FacetValue, u64)> =
            self.counts.into_iter().filter(|(_, count)| *count > 0).collect();
        let total: u64 = values.iter().map(|(_, count)| count).sum();
        let compare =
            |a: &(FacetValue, u64), b: &(FacetValue, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0));
        if values.len() > top {
            values.select_nth_unstable_by(top, compare);
            values.truncate(top);
        }
        values.sort_unstable_by(compare);
        let shown: u64 = values.iter().map(|(_, count)| count).sum();
        Facet { values, other: total - shown, missing: self.missing }
    }
}

impl Segment<'_, '_> {
    /// How many of the documents are in any of the lists of one value.
    fn count(&self, docs: &DocSet, lists: &[Postings<'_>]) -> Result<u64, StoreError> {
        match (lists, docs) {
            ([list], DocSet::All(docs)) if *docs == self.view.docs() => Ok(list.count()),
            ([list], docs) => Ok(docs.count_common(&list.set()?)),
            (lists, docs) => Ok(DocSet::union(lists, self.docs)?.and(docs.clone()).count()),
        }
    }

    /// Documents that have any value.
    fn with_values(&self, places: &Places) -> Result<DocSet, StoreError> {
        let mut all = Vec::new();
        places.values(self.view, &mut |_, lists| {
            all.extend_from_slice(lists);
            Ok(())
        })?;
        DocSet::union(&all, self.docs)
    }
}
