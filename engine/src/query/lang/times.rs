//! Times in queries: whole units of a date or time, and times counted from now.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::tree::Moment;

const SECOND: i128 = 1_000_000_000;

/// What `timestamp` and `committed_at` take.
pub(super) const TAKES: &str = "a time such as 2026-11-23T07:28:00Z, 2026-11-23, 2026-11 or now-15m";
/// What `last:` takes.
pub(super) const SPAN_TAKES: &str = "a number and one of s, m, h, d, w, as in 15m";

/// Reads a time. With `exact` a time to the second or finer is one nanosecond, not its whole unit.
pub(super) fn moment(text: &str, exact: bool) -> Option<Moment> {
    if let Some(rest) = text.strip_prefix("now") {
        let offset_ns = match rest.split_at_checked(1) {
            None if rest.is_empty() => 0,
            Some(("-", span)) => -span_ns(span)?,
            Some(("+", span)) => span_ns(span)?,
            _ => return None,
        };
        return Some(Moment::Now { text: text.to_owned(), offset_ns });
    }
    let (from, to) = unit(text, exact)?;
    let clamp = |ns: i128| ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    let to_ns = (to <= i64::MAX.into()).then(|| clamp(to));
    Some(Moment::Unit { text: text.to_owned(), from_ns: clamp(from), to_ns })
}

/// Nanoseconds of a length such as `15m`.
pub(super) fn span_ns(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let digits = text.strip_suffix(unit)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(seconds * SECOND as i64)
}

/// First nanosecond of what the text names, and the first after it.
fn unit(text: &str, exact: bool) -> Option<(i128, i128)> {
    let mut rest = Rest(text);
    let year = rest.digits(4)?;
    let month = rest.part('-')?;
    let day = if month.is_some() { rest.part('-')? } else { None };
    let date = Date::new(year as i16, month.unwrap_or(1) as i8, day.unwrap_or(1) as i8).ok()?;
    if day.is_none() || rest.0.is_empty() {
        let next = match (month, day) {
            (None, _) => Date::new(year as i16 + 1, 1, 1).ok(),
            (Some(12), None) => Date::new(year as i16 + 1, 1, 1).ok(),
            (Some(month), None) => Date::new(year as i16, month as i8 + 1, 1).ok(),
            (_, Some(_)) => date.tomorrow().ok(),
        };
        return rest.0.is_empty().then(|| (start_of(date), next.map_or(i128::MAX, start_of)));
    }
    let (of_day, length, is_full) = rest.time_of_day()?;
    let from = start_of(date) + of_day - rest.offset()? * SECOND;
    Some((from, from + if exact && is_full { 1 } else { length }))
}

/// Nanoseconds since 1970; a date that no timestamp reaches is far beyond every event.
fn start_of(date: Date) -> i128 {
    let zoned = date.to_zoned(TimeZone::UTC);
    zoned
        .map_or(i128::from(date.year().signum()) * (i128::MAX / 4), |zoned| zoned.timestamp().as_nanosecond())
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// A number of so many digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        digits.parse().ok()
    }

    /// Two digits behind a sign, if the sign is there.
    fn part(&mut self, sign: char) -> Option<Option<u32>> {
        match self.0.strip_prefix(sign) {
            Some(rest) => {
                self.0 = rest;
                self.digits(2).map(Some)
            }
            None => Some(None),
        }
    }

    /// `T07`, `T07:28`, `T07:28:00`, `T07:28:00.123`: nanoseconds of the day, length of the unit,
    /// and whether it has seconds.
    fn time_of_day(&mut self) -> Option<(i128, i128, bool)> {
        self.0 = self.0.strip_prefix(['T', 't'])?;
        let hour = self.digits(2)?;
        let minute = self.part(':')?;
        let second = if minute.is_some() { self.part(':')? } else { None };
        // A leap second is stored as the second before it.
        let in_minute = if second == Some(60) { 59 } else { second.unwrap_or(0) };
        if hour > 23 || minute.is_some_and(|minute| minute > 59) || in_minute > 59 {
            return None;
        }
        let whole = i128::from(hour * 3600 + minute.unwrap_or(0) * 60 + in_minute) * SECOND;
        if second.is_some() && self.0.starts_with('.') {
            let (nanos, length) = self.decimals()?;
            return Some((whole + nanos, length, true));
        }
        let seconds = match (minute, second) {
            (None, _) => 3600,
            (Some(_), None) => 60,
            (Some(_), Some(_)) => 1,
        };
        Some((whole, seconds * SECOND, second.is_some()))
    }

    /// `.123`: nanoseconds, and those of the last digit.
    fn decimals(&mut self) -> Option<(i128, i128)> {
        let rest = self.0.strip_prefix('.')?;
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        let (digits, rest) = rest.split_at(count);
        self.0 = rest;
        let length = 10_i128.pow(9 - count as u32);
        Some((digits.parse::<i128>().ok()? * length, length))
    }

    /// Seconds east of UTC; without a zone it is UTC. Nothing may follow.
    fn offset(&mut self) -> Option<i128> {
        let sign = match self.0 {
            "" | "Z" | "z" => return Some(0),
            zone if zone.starts_with('+') => 1,
            zone if zone.starts_with('-') => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.digits(2)?;
        let minutes = self.part(':')??;
        let fits = hours <= 23 && minutes <= 59 && self.0.is_empty();
        fits.then(|| sign * i128::from(hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn ns(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_nanosecond() as i64
    }

    #[test]
    fn a_partial_time_is_its_whole_unit() {
        for (text, from, to) in [
            ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2026-11-23T07", "2026-11-23T07:00:00Z", "2026-11-23T08:00:00Z"),
            ("2026-11-23T07Z", "2026-11-23T07:00:00Z", "2026-11-23T08:00:00Z"),
            ("2026-11-23T07:28", "2026-11-23T07:28:00Z", "2026-11-23T07:29:00Z"),
            ("2026-11-23T07:28+02:00", "2026-11-23T05:28:00Z", "2026-11-23T05:29:00Z"),
            ("2026-11-23T07:28:05-01:30", "2026-11-23T08:58:05Z", "2026-11-23T08:58:06Z"),
            ("2026-11-23t07:28:05z", "2026-11-23T07:28:05Z", "2026-11-23T07:28:06Z"),
            ("2026-11-23T07:28:05.12Z", "2026-11-23T07:28:05.12Z", "2026-11-23T07:28:05.13Z"),
            (
                "2026-11-23T07:28:05.123456789",
                "2026-11-23T07:28:05.123456789Z",
                "2026-11-23T07:28:05.12345679Z",
            ),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z", "2017-01-01T00:00:00Z"),
        ] {
            let wanted = Moment::Unit { text: text.to_owned(), from_ns: ns(from), to_ns: Some(ns(to)) };
            assert_eq!(moment(text, false), Some(wanted), "{text}");
        }
    }

    #[test]
    fn with_exact_a_full_time_is_one_instant_and_a_partial_one_still_a_unit() {
        for (text, length) in [
            ("2026-11-23T07:28:05Z", 1),
            ("2026-11-23T07:28:05.5Z", 1),
            ("2026-11-23T07:28", 60_000_000_000),
            ("2026-11-23", 86_400_000_000_000),
        ] {
            let Some(Moment::Unit { from_ns, to_ns, .. }) = moment(text, true) else { panic!("{text}") };
            assert_eq!(to_ns.map(|to| to - from_ns), Some(length), "{text}");
        }
    }

    #[test]
    fn times_beyond_what_nanoseconds_reach_are_clamped() {
        let unit = |text: &str| match moment(text, false) {
            Some(Moment::Unit { from_ns, to_ns, .. }) => (from_ns, to_ns),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(unit("0000"), (i64::MIN, Some(i64::MIN)));
        assert_eq!(unit("1500-01-01T00:00:00+23:59"), (i64::MIN, Some(i64::MIN)));
        assert_eq!(unit("9999"), (i64::MAX, None));
        assert_eq!(unit("9999-12-31T23:59:59-23:59"), (i64::MAX, None));
        assert_eq!(unit("2262"), (ns("2262-01-01T00:00:00Z"), None));
        assert_eq!(unit("9999-12-31"), (i64::MAX, None));
    }

    #[test]
    fn now_takes_a_span_before_or_after_it() {
        for (text, offset) in [
            ("now", 0),
            ("now-15m", -900),
            ("now+1h", 3600),
            ("now-7d", -7 * 86_400),
            ("now-2w", -14 * 86_400),
        ] {
            let wanted = Moment::Now { text: text.to_owned(), offset_ns: offset * 1_000_000_000 };
            assert_eq!(moment(text, false), Some(wanted));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "20",
            "202a",
            "2026-",
            "2026-1",
            "2026-13",
            "2026-02-30",
            "2026-11-23T",
            "2026-11-23T7",
            "2026-11-23T24",
            "2026-11-23T07:60",
            "2026-11-23T07:28:61Z",
            "2026-11-23T07:28:00.Z",
            "2026-11-23T07:28:00.1234567890Z",
            "2026-11-23T07:28:00+1:00",
            "2026-11-23T07:28:00+24:00",
            "2026-11-23T07:28:00ZZ",
            "2026-11-23Z",
            "2026-11-23 07:28",
            "now-",
            "now15m",
            "now-15",
            "now-15y",
            "now--15m",
            "now-é",
            "nowé",
            "2026-é1",
            "now-99999999999999d",
            "Now",
        ] {
            assert_eq!(moment(bad, false), None, "{bad}");
        }
    }
}
