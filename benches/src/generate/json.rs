//! Writes the pieces of a JSON line straight into a buffer.
//!
//! Text is copied as it stands: every text of the generator is free of characters that JSON escapes,
//! or carries them escaped already. A test parses what comes out.

/// Appends pieces of JSON.
pub(crate) trait Json {
    fn raw(&mut self, text: &str);
    fn number(&mut self, n: u64);
    /// The low `digits` hexadecimal digits.
    fn hex(&mut self, n: u64, digits: u32);
    fn comma(&mut self);
    /// Milliseconds with one decimal, from tenths.
    fn tenths(&mut self, n: u64);
    /// `,"name":"text"`
    fn text_member(&mut self, name: &str, text: &str) {
        self.name(name);
        self.raw("\"");
        self.raw(text);
        self.raw("\"");
    }
    /// `,"name":n`
    fn number_member(&mut self, name: &str, n: u64) {
        self.name(name);
        self.number(n);
    }
    /// `,"name":`, without the comma at the beginning of an object.
    fn name(&mut self, name: &str) {
        self.comma();
        self.raw("\"");
        self.raw(name);
        self.raw("\":");
    }
}

impl Json for Vec<u8> {
    fn raw(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
    fn number(&mut self, mut n: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        self.extend_from_slice(&digits[at..]);
    }
    fn hex(&mut self, n: u64, digits: u32) {
        for digit in (0..digits).rev() {
            self.push(b"0123456789abcdef"[(n >> (digit * 4) & 15) as usize]);
        }
    }
    fn comma(&mut self) {
        if self.last() != Some(&b'{') {
            self.push(b',');
        }
    }
    fn tenths(&mut self, n: u64) {
        self.number(n / 10);
        self.push(b'.');
        self.push(b'0' + (n % 10) as u8);
    }
}

/// A UUIDv7: 48 bits of milliseconds, 74 bits of `high` and `low`.
pub(crate) fn uuid(out: &mut Vec<u8>, time_ns: i64, high: u64, low: u64) {
    let ms = (time_ns.max(0) / 1_000_000) as u64;
    out.hex(ms >> 16, 8);
    out.push(b'-');
    out.hex(ms, 4);
    out.push(b'-');
    out.hex(0x7000 | (high & 0xfff), 4);
    out.push(b'-');
    out.hex(0x8000 | (high >> 12 & 0x3fff), 4);
    out.push(b'-');
    out.hex(low, 12);
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn time(out: &mut Vec<u8>, time_ns: i64) {
    let ms = (time_ns.max(0) / 1_000_000) as u64;
    let (days, ms_of_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |at: usize, width: usize, mut n: u64| {
        for place in (at..at + width).rev() {
            text[place] = b'0' + (n % 10) as u8;
            n /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, ms_of_day / 3_600_000);
    put(14, 2, ms_of_day / 60_000 % 60);
    put(17, 2, ms_of_day / 1000 % 60);
    put(20, 3, ms_of_day % 1000);
    out.extend_from_slice(&text);
}

/// Year, month and day of a day counted from 1970, in the proleptic Gregorian calendar: eras of 400
/// years that begin in March, so that leap days come last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_a_calendar_library() {
        for seconds in (0..4_000_000_000i64).step_by(86_399 * 13) {
            let mut ours = Vec::new();
            time(&mut ours, seconds * 1_000_000_000 + 7_000_000);
            let theirs = jiff::Timestamp::from_millisecond(seconds * 1000 + 7).unwrap();
            assert_eq!(String::from_utf8(ours).unwrap(), format!("{theirs:.3}"));
        }
    }
}
