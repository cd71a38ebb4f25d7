//! RFC 3339 text to and from nanoseconds since 1970.
//!
//! Accepts what RFC 3339 5.6 defines, with up to nine decimals: any offset (`-00:00` included),
//! `t` and `z` in lower case, no blank instead of `T`. A second of 60 is taken only where a leap
//! second can stand (23:59:60 UTC on 30 June or 31 December) and is kept as the second before it,
//! since neither nanoseconds since 1970 nor most readers of the log can tell it.
//!
//! Written by hand because it runs on every event, at ingest and at recovery; jiff is the oracle in
//! the tests.

use std::fmt::Write;

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// A moment, as far as RFC 3339 reaches (years 0000 to 9999), with its decimals as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment<'a> {
    pub seconds: i64,
    pub nanos: u32,
    /// Digits after the point, without it; empty where there is no point.
    pub decimals: &'a str,
    /// The text already is the stored form.
    pub stored_form: bool,
}

impl Moment<'_> {
    /// Nanoseconds since 1970, within the years 1677 to 2262.
    pub fn ns(&self) -> Option<i64> {
        self.seconds.checked_mul(NANOS)?.checked_add(i64::from(self.nanos))
    }

    /// Appends the stored form: UTC, `Z`, the decimals as given.
    pub fn write(&self, out: &mut String) {
        write_seconds(self.seconds, out);
        if !self.decimals.is_empty() {
            out.push('.');
            out.push_str(self.decimals);
        }
        out.push('Z');
    }
}

/// Reads RFC 3339 text.
pub(super) fn parse(text: &str) -> Result<Moment<'_>, &'static str> {
    const SHAPE: &str = "not RFC 3339, as in 2026-11-23T07:28:00.123Z";
    let raw = text.as_bytes();
    let fixed: &[u8; 19] = raw.first_chunk().ok_or(SHAPE)?;
    let (local, leap) = fields(fixed, true).ok_or(SHAPE)??;
    let digits = raw[19..].iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
    let (decimals, zone) = match raw.get(19) {
        Some(b'.') if digits == 0 => return Err(SHAPE),
        Some(b'.') if digits > 9 => return Err("more than nine decimals of a second"),
        Some(b'.') => (&text[20..20 + digits], &raw[20 + digits..]),
        _ => ("", &raw[19..]),
    };
    let offset = match zone {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(*h1, *h2).ok_or(SHAPE)?, two(*m1, *m2).ok_or(SHAPE)?);
            if hours > 23 || minutes > 59 {
                return Err("the offset is out of range");
            }
            let offset = i64::from(hours * 3600 + minutes * 60);
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return Err(SHAPE),
    };
    let seconds = local - offset;
    if leap && !leap_second_can_follow(seconds) {
        return Err("second 60 stands only at 23:59:60 UTC on 30 June or 31 December");
    }
    let stored_form = zone == b"Z" && fixed[10] == b'T' && !leap;
    Ok(Moment { seconds, nanos: nanos(decimals.as_bytes()), decimals, stored_form })
}

/// Nanoseconds of a timestamp in stored form; none where it is in another form, before 1970 or after 2262.
pub fn parse_stored(raw: &[u8]) -> Option<i64> {
    let fixed: &[u8; 19] = raw.first_chunk()?;
    if fixed[10] != b'T' {
        return None;
    }
    let (seconds, _) = fields(fixed, false)?.ok()?;
    let decimals = match &raw[19..] {
        [b'Z'] => &[],
        [b'.', decimals @ .., b'Z'] if (1..=9).contains(&decimals.len()) => decimals,
        _ => return None,
    };
    if seconds < 0 || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    seconds.checked_mul(NANOS)?.checked_add(i64::from(nanos(decimals)))
}

/// Appends a time as [`parse_stored`] reads it, with so many decimals, at most nine; those that it has
/// beyond them are left out.
pub fn write_stored(ns: i64, decimals: u8, out: &mut String) {
    write_seconds(ns.div_euclid(NANOS), out);
    let (width, nanos) = (usize::from(decimals.min(9)), ns.rem_euclid(NANOS));
    if width > 0 {
        let digits = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1000, 100, 10, 1];
        out.push('.');
        digits[..width].iter().for_each(|unit| out.push(char::from(b'0' + (nanos / unit % 10) as u8)));
    }
    out.push('Z');
}

/// Appends a time in stored form, with six decimals, or nine where six would lose some.
pub(super) fn write_ns(ns: i64, out: &mut String) {
    write_seconds(ns.div_euclid(NANOS), out);
    let nanos = ns.rem_euclid(NANOS);
    let (value, width) = if nanos % 1000 == 0 { (nanos / 1000, 6) } else { (nanos, 9) };
    // Writing to a String cannot fail.
    let _ = write!(out, ".{value:0width$}Z");
}

/// Seconds since 1970 of `YYYY-MM-DDThh:mm:ss` taken as UTC, and whether the second was 60 (counted
/// as 59). None for another shape, an error for a date or time that does not exist.
#[inline]
fn fields(text: &[u8; 19], leap_allowed: bool) -> Option<Result<(i64, bool), &'static str>> {
    let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2] = *text
    else {
        return None;
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(o1, o2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    if !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return Some(Err("there is no such date"));
    }
    let leap = second == 60 && leap_allowed;
    if hour > 23 || minute > 59 || (second > 59 && !leap) {
        return Some(Err("there is no such time of day"));
    }
    let of_day = i64::from(hour * 3600 + minute * 60 + second.min(59));
    Some(Ok((days_from_date(year, month, day) * DAY + of_day, leap)))
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 { None } else { Some(u32::from(tens) * 10 + u32::from(ones)) }
}

/// Decimals of a second as nanoseconds.
#[inline]
fn nanos(decimals: &[u8]) -> u32 {
    const SCALE: [u32; 10] =
        [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let value = decimals.iter().fold(0u32, |v, b| v.wrapping_mul(10).wrapping_add(u32::from(b & 15)));
    if decimals.is_empty() { 0 } else { value * SCALE[decimals.len().min(9)] }
}

fn days_of_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. The year is taken to begin in March, so
/// that the leap day is its last one.
#[inline]
fn days_from_date(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_date`].
fn date_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn leap_second_can_follow(seconds: i64) -> bool {
    let (_, month, day) = date_from_days(seconds.div_euclid(DAY));
    seconds.rem_euclid(DAY) == DAY - 1 && matches!((month, day), (6, 30) | (12, 31))
}

fn write_seconds(seconds: i64, out: &mut String) {
    let (year, month, day) = date_from_days(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let mut push = |value: i64, after: &str| {
        out.push(char::from(b'0' + (value / 10 % 10) as u8));
        out.push(char::from(b'0' + (value % 10) as u8));
        out.push_str(after);
    };
    push(year / 100, "");
    push(year % 100, "-");
    push(month, "-");
    push(day, "T");
    push(of_day / 3600, ":");
    push(of_day / 60 % 60, ":");
    push(of_day % 60, "");
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn stored(text: &str) -> String {
        let mut out = String::new();
        parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).write(&mut out);
        out
    }

    #[test]
    fn any_offset_becomes_utc_with_the_decimals_given() {
        for (given, wanted) in [
            ("2026-11-23T07:28:00Z", "2026-11-23T07:28:00Z"),
            ("2026-11-23T07:28:00.120Z", "2026-11-23T07:28:00.120Z"),
            ("2026-11-23t07:28:00.1z", "2026-11-23T07:28:00.1Z"),
            ("2026-11-23T07:28:00.123456789+05:30", "2026-11-23T01:58:00.123456789Z"),
            ("2026-01-01T00:30:00-23:59", "2026-01-02T00:29:00Z"),
            ("2024-03-01T00:00:00+00:01", "2024-02-29T23:59:00Z"),
            ("2026-11-23T07:28:00-00:00", "2026-11-23T07:28:00Z"),
            ("2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.5Z"),
            ("2017-01-01T05:29:60+05:30", "2016-12-31T23:59:59Z"),
        ] {
            assert_eq!(stored(given), wanted);
        }
    }

    #[test]
    fn what_rfc_3339_does_not_define_is_refused() {
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23 07:28:00Z",
            "2026-11-23T07:28:00",
            "2026-11-23T07:28Z",
            "2026-11-23T07:28:00.Z",
            "2026-11-23T07:28:00,5Z",
            "2026-11-23T07:28:00.1234567890Z",
            "2026-11-23T07:28:00+0100",
            "2026-11-23T07:28:00+24:00",
            "2026-11-23T07:28:00+01:60",
            "2026-11-23T07:28:00Z ",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:60Z",
            "2016-12-31T23:59:60+01:00",
            "+2026-11-23T07:28:00Z",
            "2026-11-23T07:28:0éZ",
            "20261123T072800Z",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    /// Goal: the hand-written calendar is right over all of RFC 3339.
    /// Method: every 10 h 7 min 3 s of the years 0 to 9999 is printed and read back, and read by jiff.
    #[test]
    fn every_day_of_ten_thousand_years_agrees_with_jiff() {
        let last = 253_402_207_200; // jiff's maximum, a day before the end of 9999
        let mut seconds = days_from_date(0, 1, 1) * DAY;
        while seconds < last {
            let mut text = String::new();
            write_seconds(seconds, &mut text);
            text.push('Z');
            let oracle = Timestamp::from_second(seconds).unwrap().to_string();
            assert_eq!(text, oracle);
            assert_eq!(parse(&text).unwrap().seconds, seconds);
            assert_eq!(parse_stored(text.as_bytes()), seconds.checked_mul(NANOS).filter(|ns| *ns >= 0));
            seconds += 36_423;
        }
    }

    #[test]
    fn offsets_and_decimals_agree_with_jiff() {
        for text in [
            "2026-11-23T07:28:00.000000001+13:45",
            "1999-12-31T23:59:59.999999999-12:00",
            "2000-02-29T12:00:00.5+00:00",
            "1970-01-01T00:00:00.1-00:00",
            "2262-04-11T23:47:16.854775807Z",
        ] {
            let oracle: Timestamp = text.parse().unwrap();
            let moment = parse(text).unwrap();
            assert_eq!(i128::from(moment.ns().unwrap()), oracle.as_nanosecond(), "{text}");
            assert_eq!(parse_stored(stored(text).as_bytes()), moment.ns());
        }
        assert_eq!(parse("2262-04-11T23:47:16.854775808Z").unwrap().ns(), None);
        assert_eq!(parse_stored(b"2262-04-11T23:47:16.854775808Z"), None);
    }

    #[test]
    fn a_time_is_written_with_six_decimals_or_with_all_nine() {
        for (ns, wanted) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_700_000_000_123_456_000, "2023-11-14T22:13:20.123456Z"),
            (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        ] {
            let mut text = String::new();
            write_ns(ns, &mut text);
            assert_eq!(text, wanted);
            assert_eq!(parse_stored(text.as_bytes()), Some(ns));
        }
    }

    #[test]
    fn only_the_stored_form_is_read_as_stored() {
        for bad in [
            "2026-11-23t07:28:00Z",
            "2026-11-23T07:28:00z",
            "2026-11-23T07:28:00+00:00",
            "2016-12-31T23:59:60Z",
            "1969-12-31T23:59:59Z",
            "2026-11-23T07:28:00.Z",
            "2026-11-23T07:28:00.0123456789Z",
            "2026-11-23T07:28:00.aZ",
        ] {
            assert_eq!(parse_stored(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for ns in [0, 1, 999_999_999, 951_782_400_000_000_000, 1_795_418_880_123_456_789, i64::MAX] {
            let jiff = Timestamp::from_nanosecond(i128::from(ns)).unwrap();
            for decimals in 0..=9_u8 {
                let mut text = String::new();
                write_stored(ns, decimals, &mut text);
                let unit = 10_i64.pow(9 - u32::from(decimals));
                assert_eq!(text, format!("{:.1$}", jiff, usize::from(decimals)));
                assert_eq!(parse_stored(text.as_bytes()), Some(ns / unit * unit));
            }
        }
    }
}
