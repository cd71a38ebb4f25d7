//! Times of parameters: RFC 3339, or relative to now.

use jiff::Timestamp;

use crate::http::problem::Problem;
use crate::http::query::Params;

/// What `from` and `to` take.
pub const TAKES: &str = "takes an RFC 3339 time such as 2026-11-23T07:28:00Z, or one relative to now such as now-15m (units s, m, h, d, w)";

/// Nanoseconds since 1970, now.
pub fn now_ns() -> i64 {
    clamp(Timestamp::now())
}

/// A time of microseconds since 1970 in nanoseconds.
pub fn of_us(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX).saturating_mul(1_000)
}

fn clamp(time: Timestamp) -> i64 {
    let ns = time.as_nanosecond();
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

/// A time as answers show it: UTC, with the decimals that it has.
pub fn show(ns: i64) -> String {
    // Every i64 of nanoseconds is a time of the library: the years 1677 to 2262.
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| String::new(), |time| time.to_string())
}

/// Takes a parameter that is a time; relative ones count from `now_ns`.
///
/// # Errors
/// 400 that names the parameter and what it takes.
pub fn take(params: &mut Params, name: &str, now_ns: i64) -> Result<Option<i64>, Problem> {
    let Some(text) = params.take(name)? else { return Ok(None) };
    let parsed = parse(&text, now_ns);
    parsed.map(Some).ok_or_else(|| Problem::parameter(name, format!("{TAKES}, not `{text}`")))
}

/// Reads a time; `None` when it is neither form.
pub fn parse(text: &str, now_ns: i64) -> Option<i64> {
    if let Some(rest) = text.strip_prefix("now") {
        return relative(rest, now_ns);
    }
    // A plus sign that was not percent-encoded arrives as a space.
    let text = text.replace(' ', "+");
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 20
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10].eq_ignore_ascii_case(&b'T')
        && bytes[13] == b':'
        && bytes[16] == b':';
    if !shaped {
        return None;
    }
    text.parse::<Timestamp>().ok().map(clamp).or_else(|| last_days(&text))
}

/// The end of the year 9999, which the library leaves out to have room for offsets, and which people
/// write for "no end".
fn last_days(text: &str) -> Option<i64> {
    let (date_time, rest) = (text.get(..19)?, text.get(19..)?);
    let valid = date_time.starts_with("9999-12-3") && date_time.parse::<jiff::civil::DateTime>().is_ok();
    let fraction =
        rest.strip_prefix('.').map_or(rest, |r| r.trim_start_matches(|c: char| c.is_ascii_digit()));
    (valid && fraction.eq_ignore_ascii_case("Z")).then_some(i64::MAX)
}

fn relative(rest: &str, now_ns: i64) -> Option<i64> {
    let (sign, amount) = match rest.as_bytes().first() {
        None => return Some(now_ns),
        Some(b'-') => (-1, &rest[1..]),
        Some(b'+' | b' ') => (1, &rest[1..]),
        Some(_) => return None,
    };
    let unit = amount.chars().last()?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let digits = &amount[..amount.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: i64 = digits.parse().ok()?;
    let offset = count.checked_mul(seconds)?.checked_mul(1_000_000_000)?.checked_mul(sign)?;
    Some(now_ns.saturating_add(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_123_456_789;

    #[test]
    fn relative_times_count_from_now() {
        assert_eq!(parse("now", NOW), Some(NOW));
        assert_eq!(parse("now-15m", NOW), Some(NOW - 900_000_000_000));
        assert_eq!(parse("now-7d", NOW), Some(NOW - 7 * 86_400_000_000_000));
        assert_eq!(parse("now+1h", NOW), Some(NOW + 3_600_000_000_000));
        for bad in
            ["now-", "now-m", "now-15", "now-15y", "now--1m", "nowish", "now-1.5h", "now-99999999999999d"]
        {
            assert_eq!(parse(bad, NOW), None, "{bad}");
        }
    }

    #[test]
    fn times_are_shown_in_utc_with_their_decimals() {
        assert_eq!(show(0), "1970-01-01T00:00:00Z");
        assert_eq!(show(1_763_882_880_123_000_000), "2025-11-23T07:28:00.123Z");
        assert_eq!([show(i64::MIN), show(i64::MAX)].map(|t| t[..4].to_owned()), ["1677", "2262"]);
    }

    #[test]
    fn rfc_3339_times_keep_their_nanoseconds() {
        assert_eq!(parse("1970-01-01T00:00:00.000000001Z", 0), Some(1));
        assert_eq!(parse("1970-01-01T01:00:00+01:00", 9), Some(0));
        assert_eq!(parse("1970-01-01T01:00:00 01:00", 9), Some(0));
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T07:28Z",
            "2026-11-23 07:28:00Z",
            "1732346880",
            "2026-13-01T00:00:00Z",
            "äöüäöüäöüäöüäöüäöüäöü",
        ] {
            assert_eq!(parse(bad, NOW), None, "{bad}");
        }
        assert_eq!(parse("9999-12-31T00:00:00Z", 0), Some(i64::MAX));
    }
}
