//! Columns of numbers, read in place: times, and the order of documents by time.
//!
//! A column is: unit (i64), count (u64), then for each 128 values a block entry of 16 bytes (base
//! i64, offset u32, width u8, zeros), then the data, then 8 zero bytes. Value `i` is `(base +
//! delta) * unit`, where delta is the `width` little-endian bytes at `offset + (i % 128) * width`.
//! The unit is the largest of a second, millisecond or microsecond in nanoseconds that divides
//! every value: clocks of coarse events cost few bytes.

use std::path::Path;

use crate::codec::sections::{u32_at, u64_at};
use crate::error::StoreError;

const BLOCK: usize = 128;
const HEADER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 16;
const PADDING_BYTES: usize = 8;
const UNITS: [i64; 3] = [1_000_000_000, 1_000_000, 1_000];

/// A stored column.
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    unit: i64,
    count: usize,
    entries: &'a [u8],
    data: &'a [u8],
    path: &'a Path,
}

/// Encodes a column.
pub(super) fn encode(values: &[i64]) -> Vec<u8> {
    let unit = UNITS.into_iter().find(|unit| values.iter().all(|v| v % unit == 0)).unwrap_or(1);
    let mut entries = Vec::with_capacity(values.len().div_ceil(BLOCK) * ENTRY_BYTES);
    let mut data = Vec::with_capacity(values.len() * 4 + PADDING_BYTES);
    for block in values.chunks(BLOCK) {
        let least = block.iter().min().copied().unwrap_or(0) / unit;
        let most = block.iter().max().copied().unwrap_or(0) / unit;
        let width = (64 - most.wrapping_sub(least).leading_zeros() as usize).div_ceil(8);
        entries.extend_from_slice(&least.to_le_bytes());
        entries.extend_from_slice(&(data.len() as u32).to_le_bytes());
        entries.extend_from_slice(&(width as u32).to_le_bytes());
        for value in block {
            data.extend_from_slice(&(value / unit).wrapping_sub(least).to_le_bytes()[..width]);
        }
    }
    let mut out = Vec::with_capacity(HEADER_BYTES + entries.len() + data.len() + PADDING_BYTES);
    out.extend_from_slice(&unit.to_le_bytes());
    out.extend_from_slice(&(values.len() as u64).to_le_bytes());
    out.append(&mut entries);
    out.append(&mut data);
    out.resize(out.len() + PADDING_BYTES, 0);
    out
}

impl<'a> Column<'a> {
    /// Takes apart a section that must hold `count` values.
    pub(super) fn open(bytes: &'a [u8], count: u32, path: &'a Path) -> Result<Self, StoreError> {
        let count = count as usize;
        let data_start = HEADER_BYTES + count.div_ceil(BLOCK) * ENTRY_BYTES;
        if bytes.len() < data_start + PADDING_BYTES || u64_at(bytes, 8) != count as u64 {
            return Err(StoreError::damaged(path, 0, format!("a column does not hold {count} values")));
        }
        let unit = u64_at(bytes, 0) as i64;
        let (entries, data) = (&bytes[HEADER_BYTES..data_start], &bytes[data_start..]);
        Ok(Self { unit, count, entries, data, path })
    }

    /// The value at `at`.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Result<i64, StoreError> {
        self.read(at).ok_or_else(|| {
            StoreError::damaged(self.path, 0, format!("a column of {} values has none at {at}", self.count))
        })
    }

    /// The values of a range in their order: a block's width is looked up once.
    pub(super) fn each(
        &self,
        range: std::ops::Range<usize>,
        mut visit: impl FnMut(i64),
    ) -> Result<(), StoreError> {
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min((at / BLOCK + 1) * BLOCK);
            let (base, width, bytes) = self.block(at, end).ok_or_else(|| {
                StoreError::damaged(self.path, 0, format!("a column of {} values has none at {at}", self.count))
            })?;
            let mask = if width == 8 { u64::MAX } else { (1 << (width * 8)) - 1 };
            for word in (0..end - at).filter_map(|i| bytes.get(i * width..)?.first_chunk()) {
                let delta = u64::from_le_bytes(*word) & mask;
                visit(base.wrapping_add(delta as i64).wrapping_mul(self.unit));
            }
            at = end;
        }
        Ok(())
    }

    /// Base and width of a block, and its data from `at` on, padded as far as the last value needs.
    fn block(&self, at: usize, end: usize) -> Option<(i64, usize, &'a [u8])> {
        if end > self.count {
            return None;
        }
        let entry: &[u8; ENTRY_BYTES] = self.entries[at / BLOCK * ENTRY_BYTES..].first_chunk()?;
        let width = Some(u32_at(entry, 12) as usize).filter(|&width| width <= 8)?;
        let start = u32_at(entry, 8) as usize + at % BLOCK * width;
        let bytes = self.data.get(start..start + (end - at) * width + PADDING_BYTES)?;
        Some((u64_at(entry, 0) as i64, width, bytes))
    }

    #[inline]
    fn read(&self, at: usize) -> Option<i64> {
        if at >= self.count {
            return None;
        }
        let entry: &[u8; ENTRY_BYTES] = self.entries[at / BLOCK * ENTRY_BYTES..].first_chunk()?;
        let (base, width) = (u64_at(entry, 0) as i64, u32_at(entry, 12) as usize);
        if width > 8 {
            return None;
        }
        let word = self.data.get(u32_at(entry, 8) as usize + at % BLOCK * width..)?.first_chunk::<8>()?;
        // Two shifts, because one by 64 bits (width 0) would not be defined.
        let delta = u64::from_le_bytes(*word) << (32 - width * 4) << (32 - width * 4);
        let delta = delta >> (32 - width * 4) >> (32 - width * 4);
        Some(base.wrapping_add(delta as i64).wrapping_mul(self.unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64]) -> usize {
        let bytes = encode(values);
        let column = Column::open(&bytes, values.len() as u32, Path::new("x")).unwrap();
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
