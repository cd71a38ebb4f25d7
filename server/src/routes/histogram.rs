//! `GET /v1/histogram`: counts by time.

use std::sync::Arc;
use std::time::Instant;

use stele_engine::error::StoreError;
use stele_engine::log::{Ask, Log};
use stele_engine::query::{Bucket, Split};

use super::asked::Asked;
use super::search::write_took;
use super::{Cx, run, times};
use crate::http::answer::{self, Answer};
use crate::http::json::{self, Object};
use crate::http::problem::Problem;

const SECOND_NS: i64 = 1_000_000_000;
const DAY_S: i64 = 86_400;

/// Longest interval.
const LONGEST_S: i64 = 365 * DAY_S;

/// Intervals that `auto` chooses from: the finest that makes no more than `AUTO_BUCKETS`.
const LADDER: [(&str, i64); 24] = [
    ("1s", 1),
    ("2s", 2),
    ("5s", 5),
    ("10s", 10),
    ("15s", 15),
    ("30s", 30),
    ("1m", 60),
    ("2m", 120),
    ("5m", 300),
    ("10m", 600),
    ("15m", 900),
    ("30m", 1800),
    ("1h", 3600),
    ("2h", 7200),
    ("3h", 10_800),
    ("6h", 21_600),
    ("12h", 43_200),
    ("1d", DAY_S),
    ("2d", 2 * DAY_S),
    ("7d", 7 * DAY_S),
    ("14d", 14 * DAY_S),
    ("30d", 30 * DAY_S),
    ("90d", 90 * DAY_S),
    ("365d", LONGEST_S),
];
const AUTO_BUCKETS: i64 = 120;

/// A histogram of what matches.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let started = Instant::now();
    let tenant = cx.caller()?.tenant;
    let log = Arc::clone(&tenant.log);
    let asked = Asked::take(&mut cx.params, times::now_ns(), &tenant.taxonomy())?;
    let interval = match cx.params.take("interval")?.as_deref() {
        None | Some("auto") => None,
        Some(text) => Some(interval(text)?),
    };
    let split = match cx.params.take("split")?.as_deref() {
        None => None,
        Some("status") => Some(Split::Status),
        Some("category") => Some(Split::Category),
        Some(other) => {
            return Err(Problem::parameter("split", format!("takes status or category, not `{other}`")));
        }
    };
    Asked::finish(&mut cx.params, &["interval", "split"])?;
    let counted = run::run(&cx.app, move |budget| {
        let ((name, buckets), beside) = asked.answer(&log, Some(log.head().size), budget, |ask| {
            let (name, seconds) = interval.map_or_else(|| auto(&log, ask), Ok)?;
            Ok((name, log.histogram(ask, seconds * SECOND_NS, split)?))
        })?;
        Ok((name, buckets, beside, asked))
    });
    let (name, buckets, beside, asked) = counted.await?;
    let mut out = Vec::with_capacity(buckets.len() * 64 + 256);
    let mut answer = Object::begin(&mut out);
    json::string(answer.member("interval"), &name);
    json::array(answer.member("buckets"), &buckets, write_bucket);
    write_took(&mut answer, started);
    asked.write(&mut answer, &beside);
    answer.end();
    out.push(b'\n');
    Ok(answer::json(out))
}

fn write_bucket(out: &mut Vec<u8>, bucket: &Bucket) {
    let mut object = Object::begin(out);
    json::string(object.member("start"), &times::show(bucket.start_ns));
    json::number(object.member("count"), bucket.count);
    let mut by = Object::begin(object.member("by"));
    for (value, count) in &bucket.by {
        json::number(by.member(value), *count);
    }
    by.end();
    object.end();
}

/// An interval as written, and its seconds.
fn interval(text: &str) -> Result<(String, i64), Problem> {
    let seconds = || {
        let unit = match text.chars().last()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => DAY_S,
            _ => return None,
        };
        let digits = &text[..text.len() - 1];
        let count = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok())??;
        count.checked_mul(unit).filter(|seconds| (1..=LONGEST_S).contains(seconds))
    };
    let takes = || {
        let detail = format!("takes auto, or a length such as 30s, 5m, 1h, 1d, not `{text}`");
        Problem::parameter("interval", detail)
    };
    Ok((text.to_owned(), seconds().ok_or_else(takes)?))
}

/// The interval that suits the range which the histogram will have.
fn auto(log: &Log, ask: Ask<'_>) -> Result<(String, i64), StoreError> {
    let (first, last) = log.range(ask)?.unwrap_or_default();
    let (name, seconds) = suiting(first, last.saturating_add(1));
    Ok((name.to_owned(), seconds))
}

fn suiting(from_ns: i64, to_ns: i64) -> (&'static str, i64) {
    let range = i128::from(to_ns) - i128::from(from_ns);
    let most = i128::from(AUTO_BUCKETS) * i128::from(SECOND_NS);
    let fits = |(_, seconds): &&(&str, i64)| range <= i128::from(*seconds) * most;
    LADDER.iter().find(fits).copied().unwrap_or(("365d", LONGEST_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_whole_units_from_a_second_to_a_year() {
        for (text, seconds) in
            [("1s", 1), ("30s", 30), ("5m", 300), ("1h", 3600), ("24h", DAY_S), ("1d", DAY_S)]
        {
            assert_eq!(interval(text).unwrap(), (text.to_owned(), seconds));
        }
        for bad in ["", "s", "0s", "366d", "1.5h", "-1m", "1w", "60", "1ä", "99999999999999999999h"] {
            assert!(interval(bad).unwrap_err().detail.contains("`interval`"), "{bad}");
        }
    }

    #[test]
    fn auto_makes_a_readable_number_of_buckets() {
        let of = |seconds: i64| suiting(0, seconds * SECOND_NS);
        assert_eq!(of(0).0, "1s");
        assert_eq!(of(900).0, "10s");
        assert_eq!(of(3600).0, "30s");
        assert_eq!(of(DAY_S).0, "15m");
        assert_eq!(of(7 * DAY_S).0, "2h");
        assert_eq!(of(30 * DAY_S).0, "6h");
        assert_eq!(of(9000 * DAY_S).0, "90d");
        assert_eq!(suiting(i64::MIN, i64::MAX).0, "365d");
        for seconds in (120..9000 * DAY_S).step_by(79_193) {
            let buckets = seconds / of(seconds).1;
            assert!((34..=120).contains(&buckets), "{seconds}: {buckets}");
        }
    }

    #[test]
    fn a_bucket_shows_its_time_and_its_parts() {
        let bucket = Bucket { start_ns: 60 * SECOND_NS, count: 3, by: vec![("failure".to_owned(), 3)] };
        let mut out = Vec::new();
        write_bucket(&mut out, &bucket);
        let expected = r#"{"start":"1970-01-01T00:01:00Z","count":3,"by":{"failure":3}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
