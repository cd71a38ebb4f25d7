//! Where to split a question that matches more than an export holds.

use hyper::StatusCode;
use serde_json::{Value, json};
use stele_engine::error::StoreError;
use stele_engine::log::{Ask, Log};
use stele_engine::query::{Budget, Scope};

use crate::http::problem::Problem;
use crate::routes::times;

/// Buckets of one look: half of what a histogram may have, because its interval is rounded up.
const BUCKETS: i128 = 5_000;
/// Ranges that a refusal names.
const NAMED_MAX: usize = 1_000;

/// A stretch of time and how many events of the question lie in it: from the first end up to the second.
pub type Range = (i64, i64, u64);

/// Ranges that an export holds, one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// Those that fit.
    pub fit: Vec<Range>,
    /// The first timestamp with too many events, which no range can split.
    pub crowded: Option<(i64, u64)>,
}

/// Ranges with at most `most` events each. Where time runs out there are none.
///
/// # Errors
/// `Damaged`, `Cancelled`.
pub fn ranges(
    log: &Log,
    scope: &Scope,
    head: u64,
    most: u64,
    budget: &Budget<'_>,
) -> Result<Ranges, StoreError> {
    let ends = log.range(Ask { scope, head: Some(head), budget });
    let counts = |from: i64, to: i64, interval: i64| {
        let scope = Scope { from_ns: Some(from), to_ns: Some(to), ..scope.clone() };
        let buckets = log.histogram(Ask { scope: &scope, head: Some(head), budget }, interval, None)?;
        Ok(buckets.into_iter().map(|bucket| (bucket.start_ns, bucket.count)).collect())
    };
    let found = ends.and_then(|ends| match ends {
        Some((first, last)) => split((first, last.saturating_add(1)), most, &counts),
        None => Ok(Ranges::default()),
    });
    match found {
        Err(StoreError::TooBroad(_)) => Ok(Ranges::default()),
        found => found,
    }
}

/// Counts of the buckets between two times, by the start of each.
type Counts<'a> = &'a dyn Fn(i64, i64, i64) -> Result<Vec<(i64, u64)>, StoreError>;

fn split(ends: (i64, i64), most: u64, counts: Counts<'_>) -> Result<Ranges, StoreError> {
    let mut pieces = Vec::new();
    let mut found = Ranges::default();
    cut(ends, most, counts, &mut pieces, &mut found.crowded)?;
    for (from, to, events) in pieces {
        match found.fit.last_mut() {
            Some(last) if last.2 + events <= most => (last.1, last.2) = (to, last.2 + events),
            _ => found.fit.push((from, to, events)),
        }
    }
    Ok(found)
}

/// Adds the stretches between two times that hold events, none with more than `most`.
fn cut(
    (from, to): (i64, i64),
    most: u64,
    counts: Counts<'_>,
    pieces: &mut Vec<Range>,
    crowded: &mut Option<(i64, u64)>,
) -> Result<(), StoreError> {
    let width = i128::from(to) - i128::from(from);
    // At least one nanosecond, and never more than fits: a range has 64 bits.
    let interval = i64::try_from((width / BUCKETS).max(1)).unwrap_or(i64::MAX);
    for (start, events) in counts(from, to, interval)? {
        let (start, end) = (start.max(from), start.saturating_add(interval).min(to));
        if events == 0 || start >= end {
            continue;
        }
        if events <= most {
            pieces.push((start, end, events));
        } else if end - start == 1 {
            crowded.get_or_insert((start, events));
        } else {
            cut((start, end), most, counts, pieces, crowded)?;
        }
    }
    Ok(())
}

/// The refusal that says how to split.
pub fn problem(matched: u64, most: u64, ranges: &Ranges) -> Problem {
    let how = match (&ranges.crowded, ranges.fit.len()) {
        (Some((at, events)), _) => format!(
            "{events} of them have the timestamp {}: narrow the question by another filter, then split it by time",
            times::show(*at)
        ),
        (None, 0) => "narrow the time range or the question".to_owned(),
        (None, count) => format!("ask for one of the {count} `ranges` at a time, or narrow the question"),
    };
    let detail = format!(
        "{matched} events match, and an export holds at most {most}: {how}. `bulk: true` (enterprise plan) has no such limit"
    );
    let named: Vec<Value> = ranges
        .fit
        .iter()
        .take(NAMED_MAX)
        .map(
            |&(from, to, events)| json!({"from": times::show(from), "to": times::show(to), "events": events}),
        )
        .collect();
    let members = format!(",\"matched\":{matched},\"ranges\":{}", Value::Array(named)).into_bytes();
    Problem { members, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too-many-entries", detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits events at these times.
    fn of(times: &[i64], ends: (i64, i64), most: u64) -> Ranges {
        let counts = |from: i64, to: i64, interval: i64| {
            let mut buckets = std::collections::BTreeMap::new();
            for &time in times.iter().filter(|&&time| (from..to).contains(&time)) {
                *buckets.entry(time.div_euclid(interval) * interval).or_insert(0) += 1;
            }
            assert!(i128::from(to) - i128::from(from) <= i128::from(interval) * 9_999, "too many buckets");
            Ok(buckets.into_iter().collect())
        };
        split(ends, most, &counts).unwrap()
    }

    #[test]
    fn ranges_hold_all_events_and_none_too_many() {
        let times: Vec<i64> =
            (0..10_000).map(|i| i * i * 1_000).chain((0..5_000).map(|i| 7 + i % 100)).collect();
        for most in [100, 1_000, 4_999] {
            let found = of(&times, (i64::MIN, i64::MAX), most);
            assert_eq!(found.crowded, None);
            let mut sum = 0;
            for &(from, to, events) in &found.fit {
                assert_eq!(times.iter().filter(|&&time| (from..to).contains(&time)).count() as u64, events);
                assert!(events <= most && from < to);
                sum += events;
            }
            assert_eq!(sum, times.len() as u64);
            assert!(found.fit.windows(2).all(|two| two[0].1 <= two[1].0));
            assert!(found.fit.len() as u64 <= 2 * sum / most + 2, "{} ranges", found.fit.len());
        }
    }

    #[test]
    fn one_crowded_timestamp_is_told() {
        let times = [5; 20];
        let found = of(&times, (0, 100), 10);
        assert_eq!((found.crowded, found.fit.len()), (Some((5, 20)), 0));
        let problem = problem(20, 10, &found);
        assert!(problem.detail.contains("1970-01-01T00:00:00.000000005Z"), "{}", problem.detail);
        let found = of(&[1, 2, 3], (0, 100), 2);
        assert_eq!(found.fit.iter().map(|range| range.2).collect::<Vec<_>>(), [2, 1]);
        let told = super::problem(3, 2, &found);
        assert!(String::from_utf8(told.members).unwrap().contains("\"events\":2"));
        assert!(super::problem(3, 2, &Ranges::default()).detail.contains("narrow"));
    }
}
