//! The values of one column in one block: to streams, and back to bytes one by one.

use super::column::Plan;
use super::stream::{Packer, Unpacker, bits_at, fold_sign, put_bits, unfold_sign};
use crate::codec::varint;
use crate::event::parse_stored;

/// Nanoseconds of the unit of a time with so many decimals.
const fn unit(decimals: u8) -> i64 {
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

fn put_time(ns: i64, decimals: u8, out: &mut Vec<u8>) {
    let at = jiff::Timestamp::from_nanosecond(i128::from(ns)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    out.extend_from_slice(format!("{at:.0$}", usize::from(decimals.min(9))).as_bytes());
}

/// The 16 bytes of a UUID in lower case.
pub(super) fn uuid(value: &[u8]) -> Option<[u8; 16]> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.len() == 36)?;
    let read = uuid::Uuid::try_parse(text).ok()?;
    let mut again = [0; 36];
    (read.hyphenated().encode_lower(&mut again).as_bytes() == value).then_some(*read.as_bytes())
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
fn uuid_ms(bytes: &[u8; 16]) -> Option<i64> {
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&bytes[..6]);
    (bytes[6] >> 4 == 7).then_some(i64::from_be_bytes(ms))
}

/// A column's values on their way into a block.
pub(super) struct Column<'a> {
    pub plan: &'a Plan,
    pub values: &'a [&'a [u8]],
    /// Place of each value in the plan's list.
    pub places: &'a [u32],
    /// Time of each value's body, nanoseconds, where the plan needs it.
    pub clock: &'a [i64],
}

impl Column<'_> {
    /// Adds the streams.
    pub fn put(&self, packer: &mut Packer<'_>, out: &mut Vec<u8>) -> std::io::Result<()> {
        match self.plan {
            Plan::Text => {
                let mut lengths = Vec::new();
                self.values.iter().for_each(|value| varint::put(value.len() as u64, &mut lengths));
                packer.put(&lengths, false, out)?;
                packer.put(&self.values.concat(), true, out)
            }
            Plan::Words(list) => (0..planes(list.len())).try_for_each(|plane| {
                let bytes: Vec<u8> = self.places.iter().map(|place| (place >> (8 * plane)) as u8).collect();
                packer.put(&bytes, false, out)
            }),
            Plan::Time(fixed) => self.put_times(*fixed, packer, out),
            Plan::Uuid => self.put_uuids(packer, out),
            Plan::Coded(symbols) => {
                let place = |symbol: &u8| symbols.alphabet.binary_search(symbol).unwrap_or(0) as u8;
                let behind = self.values.iter().flat_map(|value| &value[symbols.prefix.len()..]).map(place);
                let mut bits = Vec::new();
                put_bits(behind, symbols.width(), &mut bits);
                packer.put(&bits, false, out)
            }
            Plan::Number => {
                let (mut digits, mut decimals) = (Vec::new(), Vec::new());
                for (value, places) in self.values.iter().filter_map(|value| number(value)) {
                    varint::put(fold_sign(value), &mut digits);
                    decimals.push(places);
                }
                packer.put(&digits, false, out)?;
                packer.put(&decimals, false, out)
            }
            Plan::Same(_) | Plan::Follows { .. } => Ok(()),
        }
    }

    fn put_times(
        &self,
        fixed: Option<u8>,
        packer: &mut Packer<'_>,
        out: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        let (mut steps, mut decimals, mut last) = (Vec::new(), Vec::new(), 0_i64);
        for (ns, places) in self.values.iter().filter_map(|value| time(value)) {
            let unit = unit(places);
            // Wraps as the reader does: two times may lie further apart than an i64 says.
            varint::put(fold_sign((ns / unit).wrapping_sub(last / unit)), &mut steps);
            decimals.push(places);
            last = ns;
        }
        packer.put(&steps, false, out)?;
        if fixed.is_none() { packer.put(&decimals, false, out) } else { Ok(()) }
    }

    fn put_uuids(&self, packer: &mut Packer<'_>, out: &mut Vec<u8>) -> std::io::Result<()> {
        let (mut away, mut random) = (Vec::new(), Vec::new());
        for (at, bytes) in self.values.iter().enumerate().filter_map(|(at, value)| Some((at, uuid(value)?))) {
            let ms = self.clock.get(at).map_or(0, |ns| ns.div_euclid(1_000_000));
            if let Some(own) = uuid_ms(&bytes) {
                varint::put(fold_sign(own - ms).saturating_add(1), &mut away);
                random.extend_from_slice(&bytes[6..]);
            } else {
                varint::put(0, &mut away);
                random.extend_from_slice(&bytes);
            }
        }
        packer.put(&away, false, out)?;
        packer.put(&random, false, out)
    }
}

/// Bytes that a place in a list of so many takes.
const fn planes(words: usize) -> u32 {
    match words {
        0 | 1 => 0,
        2..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 3,
    }
}

/// A column's values out of a block.
pub(super) enum Values {
    Text {
        ends: Vec<usize>,
        bytes: Vec<u8>,
    },
    Words(Vec<u32>),
    Times {
        ns: Vec<i64>,
        decimals: Vec<u8>,
    },
    Uuids(Vec<[u8; 16]>),
    Coded(Vec<u8>),
    Numbers(Vec<(i64, u8)>),
    /// Places of the values that these are told from, in their own column.
    Told(Vec<u32>),
}

const WRONG: &str = "a column of the block has other values than its plan";

impl Values {
    /// Takes the streams of `count` values. `clock` gives the time of each one's body, `told` its place
    /// in the column that the plan needs.
    pub fn take(
        plan: &Plan,
        count: usize,
        streams: &mut Unpacker<'_, '_>,
        clock: &dyn Fn(usize) -> i64,
        told: Option<&[u32]>,
    ) -> Result<Self, String> {
        match plan {
            Plan::Text => {
                let lengths = numbers(&streams.stream()?, count)?;
                let bytes = streams.stream()?;
                let mut end = 0_usize;
                let ends: Vec<usize> = lengths
                    .iter()
                    .map(|&length| {
                        end = end.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                        end
                    })
                    .collect();
                if end == bytes.len() { Ok(Self::Text { ends, bytes }) } else { Err(WRONG.to_owned()) }
            }
            Plan::Words(list) => {
                let mut places = vec![0_u32; count];
                for plane in 0..planes(list.len()) {
                    let bytes = exactly(streams.stream()?, count)?;
                    places
                        .iter_mut()
                        .zip(bytes)
                        .for_each(|(place, byte)| *place |= u32::from(byte) << (8 * plane));
                }
                let sound = places.iter().all(|&place| (place as usize) < list.len());
                if sound { Ok(Self::Words(places)) } else { Err(WRONG.to_owned()) }
            }
            Plan::Time(fixed) => {
                let steps = numbers(&streams.stream()?, count)?;
                let decimals = match fixed {
                    Some(places) => vec![*places; count],
                    None => exactly(streams.stream()?, count)?,
                };
                let mut last = 0_i64;
                let ns = steps.iter().zip(&decimals).map(|(&step, &places)| {
                    let unit = unit(places);
                    last = (last / unit).wrapping_add(unfold_sign(step)).wrapping_mul(unit);
                    last
                });
                Ok(Self::Times { ns: ns.collect(), decimals })
            }
            Plan::Uuid => Self::uuids(count, streams, clock),
            Plan::Coded(symbols) => {
                let bits = (count * symbols.count).checked_mul(symbols.width() as usize);
                let bytes = bits.ok_or(WRONG)?.div_ceil(8);
                exactly(streams.stream()?, bytes).map(Self::Coded)
            }
            Plan::Number => {
                let digits = numbers(&streams.stream()?, count)?;
                let decimals = exactly(streams.stream()?, count)?;
                Ok(Self::Numbers(digits.into_iter().map(unfold_sign).zip(decimals).collect()))
            }
            Plan::Same(_) | Plan::Follows { .. } => Ok(Self::Told(told.unwrap_or(&[]).to_vec())),
        }
    }

    fn uuids(
        count: usize,
        streams: &mut Unpacker<'_, '_>,
        clock: &dyn Fn(usize) -> i64,
    ) -> Result<Self, String> {
        let away = numbers(&streams.stream()?, count)?;
        let random = streams.stream()?;
        let (mut rest, mut made) = (&random[..], Vec::with_capacity(count));
        for (at, away) in away.into_iter().enumerate() {
            let mut bytes = [0; 16];
            let start = if away == 0 { 0 } else { 6 };
            let (own, more) = rest.split_at_checked(16 - start).ok_or(WRONG)?;
            rest = more;
            bytes[start..].copy_from_slice(own);
            if let Some(away) = away.checked_sub(1) {
                let ms = clock(at).div_euclid(1_000_000).wrapping_add(unfold_sign(away));
                bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
            }
            made.push(bytes);
        }
        if rest.is_empty() { Ok(Self::Uuids(made)) } else { Err(WRONG.to_owned()) }
    }

    /// Heap bytes, roughly.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Text { ends, bytes } => 8 * ends.len() + bytes.len(),
            Self::Words(places) | Self::Told(places) => 4 * places.len(),
            Self::Times { ns, decimals } => 8 * ns.len() + decimals.len(),
            Self::Uuids(all) => 16 * all.len(),
            Self::Coded(bits) => bits.len(),
            Self::Numbers(all) => 16 * all.len(),
        }
    }

    /// The place of a value in its plan's list.
    pub fn place(&self, at: usize) -> Option<u32> {
        if let Self::Words(places) = self { places.get(at).copied() } else { None }
    }

    /// The time of a value.
    pub fn time(&self, at: usize) -> Option<i64> {
        if let Self::Times { ns, .. } = self { ns.get(at).copied() } else { None }
    }

    /// Adds the bytes of a value that no other column tells.
    pub fn put(&self, plan: &Plan, at: usize, out: &mut Vec<u8>) -> Option<()> {
        match (self, plan) {
            (Self::Text { ends, bytes }, _) => {
                let start = at.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
                out.extend_from_slice(bytes.get(start..*ends.get(at)?)?);
            }
            (Self::Words(places), Plan::Words(list)) => {
                out.extend_from_slice(list.get(*places.get(at)? as usize)?);
            }
            (Self::Times { ns, decimals }, _) => put_time(*ns.get(at)?, *decimals.get(at)?, out),
            (Self::Uuids(all), _) => {
                let mut text = [0; 36];
                let value = uuid::Uuid::from_bytes(*all.get(at)?);
                out.extend_from_slice(value.hyphenated().encode_lower(&mut text).as_bytes());
            }
            (Self::Coded(bits), Plan::Coded(symbols)) => {
                let (width, count) = (symbols.width(), symbols.count);
                out.extend_from_slice(&symbols.prefix);
                for symbol in at * count..(at + 1) * count {
                    out.push(*symbols.alphabet.get(usize::from(bits_at(bits, symbol, width)))?);
                }
            }
            (Self::Numbers(all), _) => {
                let (digits, decimals) = *all.get(at)?;
                put_decimal(digits, decimals, out);
            }
            _ => return None,
        }
        Some(())
    }
}

fn numbers(stream: &[u8], count: usize) -> Result<Vec<u64>, String> {
    let mut rest = stream;
    let made: Option<Vec<u64>> = (0..count).map(|_| varint::take(&mut rest)).collect();
    made.filter(|_| rest.is_empty()).ok_or_else(|| WRONG.to_owned())
}

fn exactly(stream: Vec<u8>, count: usize) -> Result<Vec<u8>, String> {
    if stream.len() == count { Ok(stream) } else { Err(WRONG.to_owned()) }
}
