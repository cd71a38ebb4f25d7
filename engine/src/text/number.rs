//! Numbers as JSON writes them, compared exactly whatever their size.

use std::cmp::Ordering;

/// A decimal number of any size: `0.d1d2d3… × 10^exponent`, with no zero at either end of the digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    negative: bool,
    exponent: i64,
    digits: Vec<u8>,
}

/// Exponents beyond this are all the same: nothing in an event is that long.
const EXPONENT_MAX: i64 = 1 << 40;

impl Number {
    /// Reads the number syntax of JSON; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], power(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let leads_with_zero = whole.len() > 1 && whole.starts_with('0');
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || leads_with_zero || !digits(whole) || !digits(fraction) {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
        Some(Self::of(negative, &all, whole.len() as i64 + power))
    }

    /// `digits` are the first ones behind the point of `0.…`.
    fn of(negative: bool, digits: &[u8], exponent: i64) -> Self {
        let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
        let end = digits.iter().rposition(|&digit| digit != 0).map_or(zeros, |last| last + 1);
        let digits = digits[zeros..end].to_vec();
        if digits.is_empty() {
            return Self { negative: false, exponent: 0, digits };
        }
        Self { negative, exponent: exponent - zeros as i64, digits }
    }

    /// The number times a factor, exactly.
    #[must_use]
    pub fn times(&self, factor: u32) -> Self {
        let mut reversed = Vec::with_capacity(self.digits.len() + 10);
        let mut carry = 0_u64;
        for &digit in self.digits.iter().rev() {
            carry += u64::from(digit) * u64::from(factor);
            reversed.push((carry % 10) as u8);
            carry /= 10;
        }
        let mut longer = 0;
        while carry > 0 {
            reversed.push((carry % 10) as u8);
            carry /= 10;
            longer += 1;
        }
        reversed.reverse();
        Self::of(self.negative, &reversed, self.exponent + longer)
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

/// The exponent part of a number; `None` when it is not one.
fn power(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let power = digits.parse().unwrap_or(EXPONENT_MAX).min(EXPONENT_MAX);
    Some(if negative { -power } else { power })
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude =
            |a: &Self, b: &Self| a.exponent.cmp(&b.exponent).then_with(|| a.digits.cmp(&b.digits));
        self.sign().cmp(&other.sign()).then_with(|| match self.sign() {
            0 => Ordering::Equal,
            1 => magnitude(self, other),
            _ => magnitude(other, self),
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn spellings_of_one_number_are_equal() {
        for group in [
            &["404", "404.0", "4.04e2", "40400E-2", "404e0", "404e+0"][..],
            &["0", "-0", "0.00", "0e7", "-0.0e-5"],
            &["-1.5", "-15e-1", "-1.50"],
            &["12345678901234567890", "12345678901234567890.0"],
            &["1e400", "10e399"],
        ] {
            group.iter().for_each(|text| assert_eq!(number(text), number(group[0]), "{text}"));
        }
    }

    #[test]
    fn order_is_that_of_the_numbers_whatever_their_size() {
        let ascending = [
            "-1e999999999999999999999",
            "-1e400",
            "-12345678901234567891",
            "-12345678901234567890",
            "-2",
            "-1.01",
            "-1",
            "-0.1",
            "-1e-9",
            "0",
            "1e-9",
            "0.1",
            "0.25",
            "1",
            "1.01",
            "9",
            "10",
            "99.9",
            "12345678901234567890",
            "12345678901234567891",
            "1e400",
            "1e401",
        ];
        for (at, low) in ascending.iter().enumerate() {
            for high in &ascending[at + 1..] {
                assert!(number(low) < number(high), "{low} < {high}");
                assert!(number(high) > number(low), "{high} > {low}");
            }
        }
    }

    #[test]
    fn only_the_syntax_of_json_is_a_number() {
        for bad in [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1_000", "NaN", "1.5.2", " 1", "1 ", "--1",
            "é",
        ] {
            assert!(Number::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn products_are_exact() {
        for (text, factor, wanted) in [
            ("2", 1000, "2000"),
            ("1.5", 1024, "1536"),
            ("-0.25", 60_000, "-15000"),
            ("0", 9, "0"),
            ("99e20", 7, "693e20"),
        ] {
            assert_eq!(number(text).times(factor), number(wanted), "{text} * {factor}");
        }
    }
}
