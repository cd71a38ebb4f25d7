//! Single values: taken apart, and written again. Each has one form that comes out as it went in.

use super::stream::{fold_sign, unfold_sign};
use crate::event::{parse_stored, write_stored};

/// Nanoseconds of the unit of a time with so many decimals.
pub(super) const fn unit(decimals: u8) -> i64 {
    10_i64.pow(9 - if decimals > 9 { 9 } else { decimals } as u32)
}

/// A time taken apart, where it is in the one form that [`put_time`] writes.
pub(super) fn time(value: &[u8]) -> Option<(i64, u8)> {
    let ns = parse_stored(value)?;
    let decimals = value.len().checked_sub(20).map(|more| more.saturating_sub(1) as u8)?;
    let mut again = Vec::with_capacity(value.len());
    put_time(ns, decimals, &mut again);
    (again == value).then_some((ns, decimals))
}

/// Adds a time.
pub(super) fn put_time(ns: i64, decimals: u8, out: &mut Vec<u8>) {
    let mut text = String::with_capacity(32);
    write_stored(ns, decimals, &mut text);
    out.extend_from_slice(text.as_bytes());
}

/// The 16 bytes of a UUID in lower case.
pub(super) fn uuid(value: &[u8]) -> Option<[u8; 16]> {
    let (mut rest, mut bytes) =
        (&value.first_chunk::<36>().filter(|all| all.len() == value.len())?[..], [0; 16]);
    for (at, byte) in bytes.iter_mut().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            rest = rest.strip_prefix(b"-")?;
        }
        let (&[high, low], more) = rest.split_first_chunk()?;
        *byte = hex_digit(high)? << 4 | hex_digit(low)?;
        rest = more;
    }
    Some(bytes)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// A decimal number taken apart: its digits, and how many of them are decimals.
pub(super) fn number(value: &[u8]) -> Option<(i64, u8)> {
    if value.len() > 19 {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    let decimals = text.find('.').map_or(0, |dot| text.len() - dot - 1) as u8;
    let digits: i64 = text.replacen('.', "", 1).parse().ok()?;
    let mut again = Vec::with_capacity(value.len());
    put_decimal(digits, decimals, &mut again);
    (again == value).then_some((digits, decimals))
}

/// A number taken apart as one: of its digits and decimals, where numbers have at most so many.
pub(super) fn joined((digits, decimals): (i64, u8), most: u8) -> Option<u64> {
    fold_sign(digits).checked_mul(u64::from(most) + 1)?.checked_add(u64::from(decimals))
}

/// Adds a number that is joined.
pub(super) fn put_joined(joined: u64, most: u8, out: &mut Vec<u8>) {
    let one = u64::from(most) + 1;
    put_decimal(unfold_sign(joined / one), (joined % one) as u8, out);
}

fn put_decimal(digits: i64, decimals: u8, out: &mut Vec<u8>) {
    let decimals = usize::from(decimals);
    let sign = if digits < 0 { "-" } else { "" };
    let text = format!("{:0>1$}", digits.unsigned_abs(), decimals + 1);
    let (whole, rest) = text.split_at(text.len() - decimals);
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(whole.as_bytes());
    if decimals > 0 {
        out.push(b'.');
        out.extend_from_slice(rest.as_bytes());
    }
}

/// Milliseconds since 1970 of a UUID of version 7.
pub(super) fn uuid_ms(bytes: &[u8; 16]) -> Option<i64> {
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&bytes[..6]);
    (bytes[6] >> 4 == 7).then_some(i64::from_be_bytes(ms))
}

/// Adds a UUID.
pub(super) fn put_uuid(bytes: [u8; 16], out: &mut Vec<u8>) {
    let mut text = [0; 36];
    out.extend_from_slice(uuid::Uuid::from_bytes(bytes).hyphenated().encode_lower(&mut text).as_bytes());
}
