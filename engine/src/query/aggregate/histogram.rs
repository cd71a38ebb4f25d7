//! Histograms: how many events match in each stretch of time.
//!
//! The order of documents by time says where each bucket begins and ends. Where all documents of a
//! segment match, that alone is the answer; where all but a few do, those few are taken away; else the
//! documents of each bucket are tested in one pass.

use std::collections::BTreeMap;

use super::dimension::{Places, Value, each_common};
use super::events::{Events, others, record};
use crate::error::StoreError;
use crate::index::{Cuts, Field, Times};
use crate::query::{Bucket, Budget, DocSet, Scope, Seen, Split};

/// Most buckets of an answer.
const BUCKETS_MAX: i128 = 10_000;

/// The times of up to so many documents that do not match are looked up to take them away again.
const OTHERS_MAX: u64 = 4096;

/// The buckets of an answer: multiples of an interval, one after the other.
#[derive(Clone, Copy)]
struct Grid {
    interval_ns: i64,
    /// The first bucket's start, in intervals since 1970.
    first: i64,
    buckets: usize,
}

/// Counts by bucket, and by the value of the split.
struct Counts<'b> {
    budget: &'b Budget<'b>,
    all: Vec<u64>,
    by: BTreeMap<String, Vec<u64>>,
}

/// Every bucket that overlaps the searched range, empty ones too. Where neither the scope nor the tree
/// says where the range begins or ends, the first or last match's bucket ends the list.
///
/// # Errors
/// `Refused` for an interval that is not positive; `Damaged`, `TooBroad` (also for more than 10,000
/// buckets), `Cancelled`.
pub fn histogram(
    events: &Events<'_>,
    scope: &Scope,
    interval_ns: i64,
    split: Option<Split>,
) -> Result<Vec<Bucket>, StoreError> {
    if interval_ns <= 0 {
        return Err(StoreError::Refused("the interval of a histogram must be positive".to_owned()));
    }
    let Some((first, last)) = range(events, scope)? else { return Ok(Vec::new()) };
    let grid = Grid::over(first, last, interval_ns)?;
    let mut counts = Counts { budget: events.budget, all: vec![0; grid.buckets], by: BTreeMap::new() };
    for part in events.parts() {
        events.look(part, |seen, docs| match split {
            None => counts.add(seen, &docs, grid),
            Some(split) => counts.add_split(seen, &docs, grid, split),
        })?;
    }
    Ok(counts.buckets(grid))
}

/// First and last nanosecond of the searched range: what the scope says, else the tree, else the first
/// or last match; `None` when it is empty.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn range(events: &Events<'_>, scope: &Scope) -> Result<Option<(i64, i64)>, StoreError> {
    let (from, to) = events.plan.time_range();
    let mut first = scope.from_ns.or(Some(from).filter(|&from| from > i64::MIN));
    let mut last = scope.to_ns.or(to).map(|to| to.saturating_sub(1));
    if first.is_none() || last.is_none() {
        let Some((least, most)) = events.span()? else { return Ok(None) };
        first = first.or(Some(least));
        last = last.or(Some(most));
    }
    Ok(first.zip(last).filter(|(first, last)| first <= last))
}

impl Grid {
    fn over(first_ns: i64, last_ns: i64, interval_ns: i64) -> Result<Self, StoreError> {
        let (first, last) = (first_ns.div_euclid(interval_ns), last_ns.div_euclid(interval_ns));
        let buckets = i128::from(last) - i128::from(first) + 1;
        if buckets > BUCKETS_MAX {
            return Err(StoreError::TooBroad(format!(
                "the histogram would have {buckets} buckets, {BUCKETS_MAX} at most: take a longer interval or \
                 narrow the time range"
            )));
        }
        Ok(Self { interval_ns, first, buckets: usize::try_from(buckets).unwrap_or_default() })
    }

    /// Where a bucket starts; clamped to what 64 bits hold.
    fn start(&self, bucket: usize) -> i64 {
        let start = (i128::from(self.first) + bucket as i128) * i128::from(self.interval_ns);
        i64::try_from(start).unwrap_or(if start < 0 { i64::MIN } else { i64::MAX })
    }

    /// The bucket of a time.
    fn bucket(&self, time_ns: i64) -> Option<usize> {
        let bucket = i128::from(time_ns.div_euclid(self.interval_ns)) - i128::from(self.first);
        usize::try_from(bucket).ok().filter(|&bucket| bucket < self.buckets)
    }

    /// The buckets that a segment's documents can lie in.
    fn within(&self, span: Option<(i64, i64)>) -> std::ops::Range<usize> {
        let Some((least, most)) = span.filter(|_| self.buckets > 0) else { return 0..0 };
        if most < self.start(0) || self.bucket(least).is_none() && least > self.start(0) {
            return 0..0;
        }
        self.bucket(least).unwrap_or(0)..self.bucket(most).map_or(self.buckets, |last| last + 1)
    }

    /// A segment's documents, cut at the buckets' starts.
    fn cut<'a>(&self, times: Times<'a>, buckets: &std::ops::Range<usize>) -> Result<Cuts<'a>, StoreError> {
        let bounds: Vec<i64> = (buckets.start..=buckets.end).map(|bucket| self.start(bucket)).collect();
        times.cut(&bounds)
    }
}

impl Counts<'_> {
    fn add(&mut self, seen: &Seen<'_>, docs: &DocSet, grid: Grid) -> Result<(), StoreError> {
        let (times, buckets) = (seen.view.times()?, grid.within(seen.view.span()));
        if let DocSet::List(list) = docs {
            return each_bucket(times, list, grid, |bucket| self.all[bucket] += 1);
        }
        let cuts = grid.cut(times, &buckets)?;
        if let Some(others) = others(docs, seen.view.docs(), OTHERS_MAX) {
            for (stretch, bucket) in buckets.enumerate() {
                self.all[bucket] += cuts.count(stretch);
            }
            return each_bucket(times, &others, grid, |bucket| self.all[bucket] -= 1);
        }
        for (stretch, bucket) in buckets.enumerate() {
            let mut found = 0;
            cuts.each(stretch, |doc| found += u64::from(docs.contains(doc)))?;
            self.all[bucket] += found;
        }
        Ok(())
    }

    fn add_split(
        &mut self,
        seen: &Seen<'_>,
        docs: &DocSet,
        grid: Grid,
        split: Split,
    ) -> Result<(), StoreError> {
        let (table, names) = ordinals(seen, docs, split)?;
        let (times, buckets) = (seen.view.times()?, grid.within(seen.view.span()));
        let mut found = vec![0_u64; (names.len() + 1) * buckets.len()];
        let rows = names.len() + 1;
        let mut count = |stretch: usize, doc: u32| {
            let ordinal = table.get(doc as usize).map_or(0, |&ordinal| ordinal as usize);
            found[stretch * rows + ordinal] += 1;
        };
        if let DocSet::List(list) = docs {
            for &doc in list {
                if let Some(bucket) = grid.bucket(times.at(doc)?).filter(|bucket| buckets.contains(bucket)) {
                    count(bucket - buckets.start, doc);
                }
            }
        } else {
            let cuts = grid.cut(times, &buckets)?;
            for stretch in 0..buckets.len() {
                cuts.each(stretch, |doc| count(stretch, doc))?;
            }
        }
        for (stretch, counts) in found.chunks(rows).enumerate() {
            for (name, &count) in names.iter().zip(&counts[1..]).filter(|(_, count)| **count > 0) {
                self.add_to(name, buckets.start + stretch, count)?;
            }
        }
        Ok(())
    }

    fn add_to(&mut self, name: &str, bucket: usize, count: u64) -> Result<(), StoreError> {
        self.all[bucket] += count;
        if !self.by.contains_key(name) {
            self.budget.keep(name.len() + self.all.len() * 8)?;
            self.by.insert(name.to_owned(), vec![0; self.all.len()]);
        }
        if let Some(counts) = self.by.get_mut(name) {
            counts[bucket] += count;
        }
        Ok(())
    }

    fn buckets(self, grid: Grid) -> Vec<Bucket> {
        let by = |bucket: usize| {
            let counts = self.by.iter().map(|(name, counts)| (name.clone(), counts[bucket]));
            counts.filter(|(_, count)| *count > 0).collect()
        };
        let bucket = |(bucket, &count)| Bucket { start_ns: grid.start(bucket), count, by: by(bucket) };
        self.all.iter().enumerate().map(bucket).collect()
    }
}

/// Shows the bucket of each document that lies in one.
fn each_bucket(
    times: Times<'_>,
    docs: &[u32],
    grid: Grid,
    mut visit: impl FnMut(usize),
) -> Result<(), StoreError> {
    for &doc in docs {
        if let Some(bucket) = grid.bucket(times.at(doc)?) {
            visit(bucket);
        }
    }
    Ok(())
}

/// Per document which value of the split it has, counted from 1, 0 for those that do not match; and the
/// values.
fn ordinals(seen: &Seen<'_>, docs: &DocSet, split: Split) -> Result<(Vec<u32>, Vec<String>), StoreError> {
    let field = if split == Split::Status { Field::Status } else { Field::Category };
    let places = Places::of_field(field);
    let mut table = vec![0_u32; seen.docs as usize];
    let mut names: Vec<String> = Vec::new();
    let mut note = |doc: u32, ordinal: usize| {
        if let Some(place) = table.get_mut(doc as usize) {
            *place = ordinal as u32;
        }
    };
    places.values(seen.view, &mut |value, lists| {
        let Value::Text(name) = value else { return Ok(()) };
        names.push(name.to_owned());
        each_common(docs, lists, |doc| note(doc, names.len()))
    })?;
    let unlisted = docs.clone().and(places.unlisted(seen.view, seen.docs)?);
    for doc in unlisted.to_vec() {
        let name = record(seen, doc, |fields| {
            Ok(if split == Split::Status { fields.status.to_owned() } else { fields.category.to_string() })
        })?;
        let known = names.iter().position(|known| *known == name);
        let ordinal = known.unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        note(doc, ordinal + 1);
    }
    Ok((table, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_start_at_multiples_before_1970_too() {
        let grid = Grid::over(-25, 14, 10).unwrap();
        assert_eq!(grid.buckets, 5);
        assert_eq!((0..5).map(|bucket| grid.start(bucket)).collect::<Vec<_>>(), [-30, -20, -10, 0, 10]);
        for (time, wanted) in [
            (-31, None),
            (-30, Some(0)),
            (-21, Some(0)),
            (-1, Some(2)),
            (0, Some(3)),
            (19, Some(4)),
            (20, None),
        ] {
            assert_eq!(grid.bucket(time), wanted, "{time}");
        }
        for (span, wanted) in [
            ((-100, 100), 0..5),
            ((-25, -21), 0..1),
            ((0, 100), 3..5),
            ((-100, -30), 0..1),
            ((-100, -31), 0..0),
            ((20, 30), 0..0),
        ] {
            assert_eq!(grid.within(Some(span)), wanted, "{span:?}");
        }
    }

    #[test]
    fn the_ends_of_time_have_buckets_and_too_many_are_refused() {
        let grid = Grid::over(i64::MIN, i64::MIN + 5, 10).unwrap();
        assert_eq!((grid.start(0), grid.bucket(i64::MIN)), (i64::MIN, Some(0)));
        assert!(Grid::over(i64::MAX - 5, i64::MAX, i64::MAX).is_ok());
        assert!(matches!(Grid::over(i64::MIN, i64::MAX, 1), Err(StoreError::TooBroad(_))));
        assert!(Grid::over(0, 9_999, 1).is_ok() && Grid::over(0, 10_000, 1).is_err());
    }
}
