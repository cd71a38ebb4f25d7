//! Numbers with units, addresses and networks.

use std::net::IpAddr;

use super::tree::{Literal, Value};
use crate::text::Number;

/// What a comparison of numbers takes.
pub(super) const NUMBER_TAKES: &str = "a number, perhaps with a unit (ms, s, m, h, KB, MB, KiB, MiB)";

/// Times count in milliseconds, sizes in bytes.
const UNITS: [(&str, u32); 8] = [
    ("ms", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
];

/// A number without a unit.
pub(super) fn plain(text: &str) -> Option<Literal> {
    Some(Literal { text: text.to_owned(), number: Number::parse(text)? })
}

/// A number, with or without a unit.
pub(super) fn with_unit(text: &str) -> Option<Literal> {
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    match unit {
        Some((digits, factor)) => {
            Some(Literal { text: text.to_owned(), number: Number::parse(digits)?.times(*factor) })
        }
        None => plain(text),
    }
}

/// The text with a unit's case put right (`kb`, `MS`), where that makes it a number.
pub(super) fn near_unit(text: &str) -> Option<String> {
    UNITS.iter().find_map(|(unit, _)| {
        let at = text.len().checked_sub(unit.len())?;
        let (digits, given) = text.split_at_checked(at)?;
        (given.eq_ignore_ascii_case(unit) && Number::parse(digits).is_some())
            .then(|| format!("{digits}{unit}"))
    })
}

/// An address as a network of one, or a network in CIDR form; `None` for other text.
///
/// # Errors
/// An address with a prefix that its family does not have.
pub(super) fn network(text: &str) -> Result<Option<Value>, &'static str> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else { return Ok(None) };
    let (bits, takes) = match address {
        IpAddr::V4(_) => (32, "a prefix length of 0 to 32"),
        IpAddr::V6(_) => (128, "a prefix length of 0 to 128"),
    };
    let prefix = match prefix {
        None => bits,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().ok().filter(|prefix| *prefix <= bits).ok_or(takes)?
        }
        Some(_) => return Err(takes),
    };
    Ok(Some(Value::Network { address, prefix, text: text.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_multiply_exactly() {
        for (text, wanted) in [
            ("500", "500"),
            ("500ms", "500"),
            ("1.5s", "1500"),
            ("2m", "120000"),
            ("1h", "3600000"),
            ("10KB", "10000"),
            ("1MB", "1000000"),
            ("1KiB", "1024"),
            ("0.5MiB", "524288"),
            ("-1s", "-1000"),
        ] {
            let literal = with_unit(text).unwrap();
            assert_eq!(literal.number, Number::parse(wanted).unwrap(), "{text}");
            assert_eq!(literal.text, text);
        }
        for bad in ["", "ms", "5 ms", "5kb", "5GB", "0x5", "5mss", "+5", "é"] {
            assert!(with_unit(bad).is_none(), "{bad}");
        }
        assert_eq!(near_unit("5kb").as_deref(), Some("5KB"));
        assert_eq!(near_unit("5MS").as_deref(), Some("5ms"));
        assert_eq!(near_unit("5é"), None);
    }

    #[test]
    fn addresses_are_networks_of_one() {
        let of = |text: &str| match network(text) {
            Ok(Some(Value::Network { address, prefix, .. })) => Some((address.to_string(), prefix)),
            Ok(None) => None,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(of("203.0.113.7"), Some(("203.0.113.7".to_owned(), 32)));
        assert_eq!(of("10.0.0.0/8"), Some(("10.0.0.0".to_owned(), 8)));
        assert_eq!(of("2001:DB8:0::1"), Some(("2001:db8::1".to_owned(), 128)));
        assert_eq!(of("2001:db8::/32"), Some(("2001:db8::".to_owned(), 32)));
        assert_eq!(of("::/0"), Some(("::".to_owned(), 0)));
        for other in ["10.0.0", "10.0.0.*", "x", "", "/8", "300.1.1.1", "10.0.0/8"] {
            assert_eq!(of(other), None, "{other}");
        }
        for bad in [
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/x",
            "::/129",
            "10.0.0.0/8/8",
            "10.0.0.0/+8",
            "10.0.0.0/999",
        ] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
