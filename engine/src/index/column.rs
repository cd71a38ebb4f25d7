//! Columns of numbers, read in place: times, the order of documents by time, places in other sections.
//!
//! A column is: unit (i64), count (u64), then for each 128 values a block entry of 16 bytes (base
//! i64, offset u32, width u8, exceptions u8, slope u16), then the data, then 8 zero bytes. Value `i` of
//! a block is `(base + i * slope + delta) * unit`, where delta is the `width` little-endian bytes at
//! `offset + i * width`; unless it is one of the block's exceptions, which follow its deltas: position
//! u8 and value / unit i64 each. The unit is the largest of a second, millisecond or microsecond in
//! nanoseconds that divides every value: clocks of coarse events cost few bytes; the slope lets even
//! steps cost none, and exceptions keep one late event from widening its block.

use std::path::Path;

use crate::codec::sections::{u32_at, u64_at};
use crate::error::StoreError;

const BLOCK: usize = 128;
const HEADER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 16;
const EXCEPTION_BYTES: usize = 9;
const PADDING_BYTES: usize = 8;
const UNITS: [i64; 3] = [1_000_000_000, 1_000_000, 1_000];

/// A stored column.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    unit: i64,
    count: usize,
    entries: &'a [u8],
    data: &'a [u8],
    path: &'a Path,
}

/// How a block is written best.
struct Shape {
    base: i64,
    width: usize,
    slope: u16,
}

/// Encodes a column.
#[must_use]
pub fn encode(values: &[i64]) -> Vec<u8> {
    let unit = UNITS.into_iter().find(|unit| values.iter().all(|v| v % unit == 0)).unwrap_or(1);
    let mut entries = Vec::with_capacity(values.len().div_ceil(BLOCK) * ENTRY_BYTES);
    let mut data = Vec::with_capacity(values.len() * 3 + PADDING_BYTES);
    let mut scaled = Vec::with_capacity(BLOCK);
    for block in values.chunks(BLOCK) {
        scaled.clear();
        scaled.extend(block.iter().map(|value| value / unit));
        put_block(&scaled, &mut entries, &mut data);
    }
    let mut out = Vec::with_capacity(HEADER_BYTES + entries.len() + data.len() + PADDING_BYTES);
    out.extend_from_slice(&unit.to_le_bytes());
    out.extend_from_slice(&(values.len() as u64).to_le_bytes());
    out.append(&mut entries);
    out.append(&mut data);
    out.resize(out.len() + PADDING_BYTES, 0);
    out
}

fn put_block(values: &[i64], entries: &mut Vec<u8>, data: &mut Vec<u8>) {
    let shape = [shape(values, 0), shape(values, slope(values))].into_iter().min_by_key(|(cost, _)| *cost);
    let Some((_, shape)) = shape else { return };
    let start = data.len() as u32;
    let mut exceptions = Vec::new();
    for (at, &value) in values.iter().enumerate() {
        let delta = flat(value, at, shape.slope).wrapping_sub(shape.base) as u64;
        let fits = shape.width == 8 || delta >> (8 * shape.width) == 0;
        if !fits {
            exceptions.push(at as u8);
            exceptions.extend_from_slice(&value.to_le_bytes());
        }
        data.extend_from_slice(&(if fits { delta } else { 0 }).to_le_bytes()[..shape.width]);
    }
    entries.extend_from_slice(&shape.base.to_le_bytes());
    entries.extend_from_slice(&start.to_le_bytes());
    entries.extend_from_slice(&[shape.width as u8, (exceptions.len() / EXCEPTION_BYTES) as u8]);
    entries.extend_from_slice(&shape.slope.to_le_bytes());
    data.append(&mut exceptions);
}

/// A value without its part of the slope.
fn flat(value: i64, at: usize, slope: u16) -> i64 {
    value.wrapping_sub(at as i64 * i64::from(slope))
}

/// The step between the outer values, where it is one that a block can have.
fn slope(values: &[i64]) -> u16 {
    let steps = values.len().saturating_sub(1).max(1) as i64;
    let rise = values.last().zip(values.first()).map_or(0, |(last, first)| last.wrapping_sub(*first));
    u16::try_from(rise / steps).unwrap_or(0)
}

/// The width that costs least with a slope: the best window for each width, all others exceptions.
fn shape(values: &[i64], slope: u16) -> (usize, Shape) {
    let mut sorted: Vec<i64> = values.iter().enumerate().map(|(at, &value)| flat(value, at, slope)).collect();
    sorted.sort_unstable();
    let mut best = (usize::MAX, Shape { base: 0, width: 8, slope });
    for width in 0..=8 {
        let (mut first, mut most, mut base) = (0, 0, 0);
        for (last, &value) in sorted.iter().enumerate() {
            let fits = |low: i64| width == 8 || (value.wrapping_sub(low) as u64) >> (8 * width) == 0;
            while !fits(sorted[first]) {
                first += 1;
            }
            if last + 1 - first > most {
                (most, base) = (last + 1 - first, sorted[first]);
            }
        }
        let cost = values.len() * width + (values.len() - most) * EXCEPTION_BYTES;
        if cost < best.0 {
            best = (cost, Shape { base, width, slope });
        }
    }
    best
}

impl<'a> Column<'a> {
    /// Takes apart a section that must hold `count` values.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn open(bytes: &'a [u8], count: usize, path: &'a Path) -> Result<Self, StoreError> {
        let data_start = HEADER_BYTES + count.div_ceil(BLOCK) * ENTRY_BYTES;
        if bytes.len() < data_start + PADDING_BYTES || u64_at(bytes, 8) != count as u64 {
            return Err(StoreError::damaged(path, 0, format!("a column does not hold {count} values")));
        }
        let unit = u64_at(bytes, 0) as i64;
        let (entries, data) = (&bytes[HEADER_BYTES..data_start], &bytes[data_start..]);
        Ok(Self { unit, count, entries, data, path })
    }

    /// The value at `at`.
    ///
    /// # Errors
    /// `Damaged`, also when there is none.
    #[inline]
    pub fn get(&self, at: usize) -> Result<i64, StoreError> {
        self.read(at).ok_or_else(|| {
            StoreError::damaged(self.path, 0, format!("a column of {} values has none at {at}", self.count))
        })
    }

    /// The values of a range in their order, a block at a time: several times quicker than one by one.
    ///
    /// # Errors
    /// `Damaged`, also when there are not so many.
    pub fn each(&self, range: std::ops::Range<usize>, mut visit: impl FnMut(i64)) -> Result<(), StoreError> {
        let mut values = [0; BLOCK];
        let mut at = range.start;
        while at < range.end {
            let first = at / BLOCK * BLOCK;
            let end = range.end.min(first + BLOCK);
            if end > self.count || self.read_block(first, &mut values).is_none() {
                let detail = format!("a column of {} values has no block at {first}", self.count);
                return Err(StoreError::damaged(self.path, 0, detail));
            }
            values[at - first..end - first].iter().for_each(|&value| visit(value));
            at = end;
        }
        Ok(())
    }

    /// Reads the block that begins at `first`.
    fn read_block(&self, first: usize, values: &mut [i64; BLOCK]) -> Option<()> {
        let entry: &[u8; ENTRY_BYTES] = self.entries[first / BLOCK * ENTRY_BYTES..].first_chunk()?;
        let (base, start, shape) = (u64_at(entry, 0) as i64, u32_at(entry, 8) as usize, u32_at(entry, 12));
        let (width, exceptions, slope) = ((shape & 0xFF) as usize, (shape >> 8) & 0xFF, shape >> 16);
        let mask = match width {
            8 => u64::MAX,
            0..8 => (1 << (width * 8)) - 1,
            _ => return None,
        };
        let count = (self.count - first).min(BLOCK);
        let bytes = self.data.get(start..start + count * width + PADDING_BYTES)?;
        for (at, value) in values[..count].iter_mut().enumerate() {
            let delta = u64::from_le_bytes(*bytes[at * width..].first_chunk()?) & mask;
            let flat = base.wrapping_add(at as i64 * i64::from(slope));
            *value = flat.wrapping_add(delta as i64).wrapping_mul(self.unit);
        }
        let exceptional = self.data.get(start + count * width..)?.chunks_exact(EXCEPTION_BYTES);
        for one in exceptional.take(exceptions as usize) {
            let value = values.get_mut(usize::from(one[0]))?;
            *value = (u64_at(one, 1) as i64).wrapping_mul(self.unit);
        }
        Some(())
    }

    #[inline]
    fn read(&self, at: usize) -> Option<i64> {
        if at >= self.count {
            return None;
        }
        let entry: &[u8; ENTRY_BYTES] = self.entries[at / BLOCK * ENTRY_BYTES..].first_chunk()?;
        let (base, start, shape) = (u64_at(entry, 0) as i64, u32_at(entry, 8) as usize, u32_at(entry, 12));
        let (width, exceptions, slope) = ((shape & 0xFF) as usize, (shape >> 8) & 0xFF, shape >> 16);
        if width > 8 {
            return None;
        }
        let within = at % BLOCK;
        if exceptions > 0
            && let Some(value) = self.exception(at, start, width, exceptions as usize)
        {
            return Some(value.wrapping_mul(self.unit));
        }
        let word = self.data.get(start + within * width..)?.first_chunk::<8>()?;
        // Two shifts, because one by 64 bits (width 0) would not be defined.
        let delta = u64::from_le_bytes(*word) << (32 - width * 4) << (32 - width * 4);
        let delta = delta >> (32 - width * 4) >> (32 - width * 4);
        let value = base.wrapping_add(within as i64 * i64::from(slope)).wrapping_add(delta as i64);
        Some(value.wrapping_mul(self.unit))
    }

    /// The value of an exception, divided by the unit.
    fn exception(&self, at: usize, start: usize, width: usize, exceptions: usize) -> Option<i64> {
        let in_block = (self.count - at / BLOCK * BLOCK).min(BLOCK);
        let bytes = self.data.get(start + in_block * width..)?;
        let mut all = bytes.chunks_exact(EXCEPTION_BYTES).take(exceptions);
        all.find(|one| usize::from(one[0]) == at % BLOCK).map(|one| u64_at(one, 1) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64]) -> usize {
        let bytes = encode(values);
        let column = Column::open(&bytes, values.len(), Path::new("x")).unwrap();
        for (at, value) in values.iter().enumerate() {
            assert_eq!(column.get(at).unwrap(), *value);
        }
        assert!(column.get(values.len()).is_err());
        for range in [0..values.len(), values.len() / 3..values.len() * 2 / 3, values.len()..values.len()] {
            let mut found = Vec::new();
            column.each(range.clone(), |value| found.push(value)).unwrap();
            assert_eq!(found, values[range]);
        }
        assert!(column.each(0..values.len() + 1, |_| ()).is_err());
        bytes.len()
    }

    #[test]
    fn values_of_any_width_read_back() {
        check(&[]);
        check(&[i64::MIN, i64::MAX, 0, -1, 1]);
        check(&[1_700_000_000_123_456_789; 300]);
        check(&(0..1000_i64).map(|i| i * i * i * 7 - 5).collect::<Vec<_>>());
        for width in 0..63 {
            check(&(0..200).map(|i| (1_i64 << width) * (i % 2) + 3).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_late_value_does_not_widen_its_block() {
        let mut values: Vec<i64> = (0..12_800).map(|i| i * 250 + i * i % 37).collect();
        let even = check(&values);
        (5..12_800).step_by(100).for_each(|at| values[at] -= 1_000_000_000);
        assert!(check(&values) <= even + 128 * EXCEPTION_BYTES);
        assert!(even <= 12_800 + 100 * 16 + 24, "a slope costs nothing: {even}");
    }

    #[test]
    fn coarse_clocks_take_few_bytes() {
        let milliseconds: Vec<i64> =
            (0..12_800).map(|i| 1_700_000_000_000_000_000 + i * 250_000_000).collect();
        assert!(check(&milliseconds) <= 12_800 * 2 + 100 * 16 + 24);
    }

    #[test]
    fn damaged_columns_never_panic() {
        let bytes = encode(&(0..300).map(|i| i * 77_777).collect::<Vec<_>>());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(column) = Column::open(&damaged, 300, Path::new("x")) {
                (0..300).for_each(|at| drop(column.get(at)));
                let _ = column.each(7..300, |_| ());
            }
        }
        for len in 0..bytes.len() {
            if let Ok(column) = Column::open(&bytes[..len], 300, Path::new("x")) {
                (0..300).for_each(|at| drop(column.get(at)));
            }
        }
    }
}
