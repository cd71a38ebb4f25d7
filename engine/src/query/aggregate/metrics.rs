//! Figures of numbers: count, least, most, mean and percentiles, by group. Exact.
//!
//! Numbers come from the index's dictionary of them, so each distinct one is parsed once a segment. They
//! are taken as 64-bit floats; those beyond are the largest float. Each number that an event has at
//! the path counts once, spelled differently as another one; strings never count. An event with
//! several values of the group's dimension counts in each of their groups.

use hashbrown::HashMap;

use super::dimension::{Axis, Places, Value, each_common, numbers_of, values_of};
use super::events::{Events, read_rather};
use crate::error::StoreError;
use crate::index::Postings;
use crate::query::lang::Path;
use crate::query::path::PathPattern;
use crate::query::{Budget, Dimension, DocSet, FacetValue, Group, Seen};

/// The group of events without a value, and of all when nothing is grouped.
const NONE: u32 = 0;

/// What is gathered over all segments.
struct Gathered<'b> {
    budget: &'b Budget<'b>,
    groups: HashMap<FacetValue, u32>,
    /// Per group its numbers, with how many times each; one may stand several times.
    samples: Vec<Vec<(f64, u64)>>,
    /// Documents at hand, kept for its memory.
    found: Vec<u32>,
}

/// Which groups the documents of one segment are in.
#[derive(Default)]
struct Groups {
    /// The group of each document; none: all are in [`NONE`].
    of: Vec<u32>,
    /// The other groups of documents with several values.
    more: HashMap<u32, Vec<u32>>,
    /// Documents whose values only the record tells.
    open: Option<DocSet>,
}

/// Figures of the numbers at `field`, by group: descending by count, then ascending by key.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn metrics(
    events: &Events<'_>,
    field: &Path,
    group_by: Option<&Dimension>,
) -> Result<Vec<Group>, StoreError> {
    let (field, by) = (PathPattern::of(field), group_by.map(Axis::from));
    let mut gathered = Gathered {
        budget: events.budget,
        groups: HashMap::new(),
        samples: vec![Vec::new()],
        found: Vec::new(),
    };
    for part in events.parts() {
        let open = events.look(part, |seen, docs| gathered.add(seen, docs, &field, by.as_ref()))?;
        events.records(part, &open.unwrap_or_default(), |_, fields| {
            let numbers = numbers_of(fields, &field)?;
            let by = by.as_ref().filter(|_| !numbers.is_empty());
            let values = by.map(|by| values_of(fields, by)).transpose()?;
            gathered.add_record(&numbers, &values.unwrap_or_default())
        })?;
    }
    Ok(gathered.figures())
}

impl Gathered<'_> {
    /// Takes what lists tell of a segment; returns the documents that only their records can.
    fn add(
        &mut self,
        seen: &Seen<'_>,
        docs: DocSet,
        field: &PathPattern,
        by: Option<&Axis>,
    ) -> Result<Vec<u32>, StoreError> {
        if read_rather(&docs) {
            return Ok(docs.to_vec());
        }
        let places = Places::of_numbers(seen.view, field)?;
        let mut open = places.unlisted(seen.view, seen.docs)?;
        let mut groups = Groups::default();
        if let Some(axis) = by {
            groups = self.groups_of(seen, &docs, axis)?;
            if let Some(unlisted) = groups.open.take() {
                open = open.or(unlisted, seen.docs);
            }
        }
        let listed = docs.clone().without(&open);
        places.values(seen.view, &mut |number, lists| {
            let Value::Number(text) = number else { return Ok(()) };
            self.budget.check()?;
            self.add_number(seen, float(text), lists, &listed, &groups)
        })?;
        Ok(docs.and(open).to_vec())
    }

    fn add_number(
        &mut self,
        seen: &Seen<'_>,
        number: f64,
        lists: &[Postings<'_>],
        docs: &DocSet,
        groups: &Groups,
    ) -> Result<(), StoreError> {
        if let ([list], true) = (lists, groups.of.is_empty()) {
            let whole = matches!(docs, DocSet::All(docs) if *docs == seen.view.docs());
            let count = if whole { list.count() } else { docs.count_common(&list.set()?) };
            return self.add_sample(NONE, number, count);
        }
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        each_common(docs, lists, |doc| found.push(doc))?;
        for &doc in &found {
            self.add_sample(groups.of.get(doc as usize).copied().unwrap_or(NONE), number, 1)?;
            for &group in groups.more.get(&doc).into_iter().flatten() {
                self.add_sample(group, number, 1)?;
            }
        }
        self.found = found;
        Ok(())
    }

    fn groups_of(&mut self, seen: &Seen<'_>, docs: &DocSet, axis: &Axis) -> Result<Groups, StoreError> {
        let mut groups = Groups { of: vec![NONE; seen.docs as usize], ..Groups::default() };
        let mut open = DocSet::empty();
        for places in Places::of(seen.view, axis)? {
            open = open.or(places.unlisted(seen.view, seen.docs)?, seen.docs);
            let settled = groups.of.clone();
            let in_turn = matches!(axis, Axis::Actor);
            places.values(seen.view, &mut |value, lists| {
                self.budget.check()?;
                let mut found = std::mem::take(&mut self.found);
                found.clear();
                each_common(docs, lists, |doc| found.push(doc))?;
                // An actor's e-mail counts only where there is no id.
                found.retain(|&doc| !in_turn || settled[doc as usize] == NONE);
                if !found.is_empty() {
                    let group = self.group(value)?;
                    found.iter().for_each(|&doc| groups.join(doc, group));
                }
                self.found = found;
                Ok(())
            })?;
        }
        groups.open = Some(open);
        Ok(groups)
    }

    fn group(&mut self, value: Value<'_>) -> Result<u32, StoreError> {
        if let Some(&known) = self.groups.get(&value) {
            return Ok(known);
        }
        self.budget.keep(value.bytes() + 64)?;
        let group = self.samples.len() as u32;
        self.samples.push(Vec::new());
        self.groups.insert(FacetValue::from(&value), group);
        Ok(group)
    }

    fn add_record(&mut self, numbers: &[&str], values: &[FacetValue]) -> Result<(), StoreError> {
        for number in numbers.iter().map(|text| float(text)) {
            if values.is_empty() {
                self.add_sample(NONE, number, 1)?;
            }
            for value in values {
                let group = self.group(Value::from(value))?;
                self.add_sample(group, number, 1)?;
            }
        }
        Ok(())
    }

    fn add_sample(&mut self, group: u32, number: f64, count: u64) -> Result<(), StoreError> {
        let samples = &mut self.samples[group as usize];
        match samples.last_mut() {
            Some((last, known)) if *last == number => *known += count,
            _ if count > 0 => {
                self.budget.keep(size_of::<(f64, u64)>())?;
                samples.push((number, count));
            }
            _ => {}
        }
        Ok(())
    }

    fn figures(self) -> Vec<Group> {
        let mut keys: Vec<Option<FacetValue>> = vec![None; self.samples.len()];
        for (key, group) in self.groups {
            keys[group as usize] = Some(key);
        }
        let groups = keys.into_iter().zip(self.samples).filter(|(_, samples)| !samples.is_empty());
        let mut groups: Vec<Group> = groups.map(|(key, samples)| figures(key, samples)).collect();
        groups.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        groups
    }
}

impl Groups {
    fn join(&mut self, doc: u32, group: u32) {
        match self.of.get_mut(doc as usize) {
            Some(of) if *of == NONE => *of = group,
            Some(_) => self.more.entry(doc).or_default().push(group),
            None => {}
        }
    }
}

/// A JSON number as a float; zero has one sign.
fn float(text: &str) -> f64 {
    let number: f64 = text.parse().unwrap_or(0.0);
    number.clamp(f64::MIN, f64::MAX) + 0.0
}

fn figures(key: Option<FacetValue>, mut samples: Vec<(f64, u64)>) -> Group {
    samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let count: u64 = samples.iter().map(|(_, count)| count).sum();
    let at_rank = |percent: u64| {
        let mut left = (u128::from(count) * u128::from(percent)).div_ceil(100);
        let found = samples.iter().find(|(_, times)| {
            let reached = left <= u128::from(*times);
            left = left.saturating_sub(u128::from(*times));
            reached
        });
        found.map_or(0.0, |(number, _)| *number)
    };
    let (p50, p95, p99) = (at_rank(50), at_rank(95), at_rank(99));
    let min = samples.first().map_or(0.0, |(number, _)| *number);
    let max = samples.last().map_or(0.0, |(number, _)| *number);
    Group { key, count, min, max, mean: mean(&samples, count), p50, p95, p99 }
}

/// The mean of ascending numbers, with the rounding of each addition made good (Neumaier).
fn mean(samples: &[(f64, u64)], count: u64) -> f64 {
    let count = count.max(1) as f64;
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for &(number, times) in samples {
        let term = number * times as f64;
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    let mean = (sum + lost) / count;
    if mean.is_finite() {
        return mean;
    }
    // The sum passes what a float holds, the mean does not.
    samples
        .iter()
        .map(|&(number, times)| number * (times as f64 / count))
        .sum::<f64>()
        .clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let of = |numbers: &[f64]| figures(None, numbers.iter().map(|&number| (number, 1)).collect());
        let group = of(&[15.0, 20.0, 35.0, 40.0, 50.0]);
        assert_eq!((group.p50, group.p95, group.p99), (35.0, 50.0, 50.0));
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let group = of(&hundred);
        assert_eq!((group.p50, group.p95, group.p99, group.mean), (50.0, 95.0, 99.0, 50.5));
        let group = of(&[7.5]);
        assert_eq!((group.count, group.min, group.max, group.p50, group.p99), (1, 7.5, 7.5, 7.5, 7.5));
        let counted = figures(None, vec![(2.0, 3), (1.0, 1), (2.0, 6)]);
        assert_eq!((counted.count, counted.p50, counted.min, counted.mean), (10, 2.0, 1.0, 1.9));
    }

    #[test]
    fn means_stay_exact_and_finite() {
        assert_eq!(mean(&[(-1e100, 1), (1.0, 2), (1e100, 1)], 4), 0.5);
        assert_eq!(mean(&[(f64::MAX, 4)], 4), f64::MAX);
        assert_eq!(float("1e400"), f64::MAX);
        assert_eq!(float("-0.0").to_bits(), 0);
    }
}
