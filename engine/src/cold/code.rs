//! Numbers in few bits: one prefix code a column for all blocks of a segment, and the bits themselves.
//!
//! A number is coded as its magnitude, and the bits below it as they are; a symbol of its own says that
//! a value is the one before. Codes are those of RFC 1951, 3.2.2, packed as there: bits from the lowest of
//! each byte on, codes from their first bit on, everything else from its lowest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::stream::{take_bytes, take_count};
use crate::codec::varint;

/// Bits of the longest code: the table of a column has as many entries as they count.
const CODE_BITS_MAX: u32 = 10;
/// The symbol for the value before.
const AGAIN: usize = 0;
/// That one, and those of all numbers.
const SYMBOLS: usize = 1 + 8 * 62;

/// The symbol of a number, and how many of its lowest bits follow.
const fn symbol(value: u64) -> (usize, u32) {
    if value < 8 {
        return (1 + value as usize, 0);
    }
    let more = value.ilog2() - 3;
    (1 + 8 * (more as usize + 1) + (value >> more & 7) as usize, more)
}

/// The smallest number of a symbol that is not [`AGAIN`], and how many bits follow.
const fn smallest(symbol: usize) -> (u64, u32) {
    let bucket = symbol - 1;
    if bucket < 8 {
        return (bucket as u64, 0);
    }
    let more = (bucket / 8 - 1) as u32;
    ((8 | (bucket % 8) as u64) << more, more)
}

/// How often each symbol is needed.
pub(super) struct Counts([u64; SYMBOLS], u64);

impl Counts {
    pub const fn new() -> Self {
        Self([0; SYMBOLS], 0)
    }

    /// Counts a number, and bits that go with it.
    pub const fn add(&mut self, value: u64, bits: u64) {
        let (symbol, more) = symbol(value);
        self.0[symbol] += 1;
        self.1 += bits + more as u64;
    }

    /// Counts a value that is the one before.
    pub const fn add_again(&mut self) {
        self.0[AGAIN] += 1;
    }

    /// The best code, and the bits that all of it takes.
    pub fn code(&self) -> (Lengths, u64) {
        let mut counts = self.0;
        let lengths = loop {
            let lengths = tree(&counts);
            if lengths.iter().all(|&length| u32::from(length) <= CODE_BITS_MAX) {
                break lengths;
            }
            counts.iter_mut().for_each(|count| *count = count.div_ceil(2));
        };
        let lengths = Lengths::of(lengths);
        let codes = self.0.iter().zip(&lengths.all).map(|(&count, &length)| count * u64::from(length));
        let codes: u64 = if lengths.only().is_some() { 0 } else { codes.sum() };
        (lengths, self.1 + codes)
    }
}

/// Lengths of Huffman codes; 1 for a symbol alone.
fn tree(counts: &[u64; SYMBOLS]) -> Vec<u8> {
    let used = (0..SYMBOLS).filter(|&symbol| counts[symbol] > 0);
    let mut heap: BinaryHeap<_> = used.map(|symbol| Reverse((counts[symbol], symbol))).collect();
    let mut lengths = vec![0; SYMBOLS];
    if let (1, Some(Reverse((_, only)))) = (heap.len(), heap.peek()) {
        lengths[*only] = 1;
        return lengths;
    }
    // Nodes behind the symbols; each is later than those below it.
    let mut above = vec![0; SYMBOLS];
    while let (Some(Reverse((a, left))), Some(Reverse((b, right)))) = (heap.pop(), heap.pop()) {
        let node = above.len();
        (above[left], above[right]) = (node, node);
        above.push(0);
        if heap.is_empty() {
            break;
        }
        heap.push(Reverse((a + b, node)));
    }
    let mut depths = vec![0_u8; above.len()];
    for node in (0..above.len().saturating_sub(1)).rev() {
        if above[node] > 0 {
            depths[node] = depths[above[node]].saturating_add(1);
        }
    }
    lengths.copy_from_slice(&depths[..SYMBOLS]);
    lengths
}

/// The length of each symbol's code; 0: it has none. A symbol alone takes no bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths {
    all: Vec<u8>,
}

impl Lengths {
    fn of(mut all: Vec<u8>) -> Self {
        let used = all.iter().rposition(|&length| length > 0).map_or(0, |last| last + 1);
        all.truncate(used);
        Self { all }
    }

    fn only(&self) -> Option<usize> {
        let mut used = (0..).zip(&self.all).filter(|(_, length)| **length > 0).map(|(symbol, _)| symbol);
        used.next().filter(|_| used.next().is_none())
    }

    /// Adds them to what stands once in the segment.
    pub fn put(&self, out: &mut Vec<u8>) {
        varint::put(self.all.len() as u64, out);
        out.extend_from_slice(&self.all);
    }

    /// Takes them back; `None` unless they are the lengths of a whole code.
    pub fn take(bytes: &mut &[u8]) -> Option<Self> {
        let count = take_count(bytes).filter(|&count| count <= SYMBOLS)?;
        let lengths = Self { all: take_bytes(bytes, count)?.to_vec() };
        if lengths.all.iter().any(|&length| u32::from(length) > CODE_BITS_MAX) {
            return None;
        }
        let one = 1_u32 << CODE_BITS_MAX;
        let taken: u32 = lengths.all.iter().filter(|length| **length > 0).map(|length| one >> length).sum();
        let whole = taken == one || taken == 0 || lengths.only().is_some_and(|only| lengths.all[only] == 1);
        whole.then_some(lengths)
    }

    /// The code of each symbol that has one, first bit lowest.
    fn codes(&self) -> impl Iterator<Item = (usize, u16, u8)> {
        let (mut code, mut before) = (0_u16, 1_u8);
        let by_length = (1..=CODE_BITS_MAX as u8).flat_map(|length| {
            (0..)
                .zip(&self.all)
                .filter(move |(_, own)| **own == length)
                .map(move |(symbol, _)| (symbol, length))
        });
        by_length.map(move |(symbol, length)| {
            code <<= length - before;
            before = length;
            let reversed = code.reverse_bits() >> (16 - length);
            code += 1;
            (symbol, reversed, length)
        })
    }
}

/// Writes numbers by their code.
pub(super) struct Coder {
    codes: Vec<(u16, u8)>,
}

impl Coder {
    pub fn new(lengths: &Lengths) -> Self {
        let mut codes = vec![(0, 0); SYMBOLS];
        if lengths.only().is_none() {
            lengths.codes().for_each(|(symbol, code, length)| codes[symbol] = (code, length));
        }
        Self { codes }
    }

    pub fn put(&self, value: u64, bits: &mut BitWriter) {
        let (symbol, more) = symbol(value);
        self.put_symbol(symbol, bits);
        bits.put(value & ((1 << more) - 1), more);
    }

    pub fn put_again(&self, bits: &mut BitWriter) {
        self.put_symbol(AGAIN, bits);
    }

    fn put_symbol(&self, symbol: usize, bits: &mut BitWriter) {
        let (code, length) = self.codes[symbol];
        bits.put(u64::from(code), u32::from(length));
    }
}

/// Reads numbers by their code.
pub(super) struct Decoder {
    /// Symbol and length of the code that the next bits begin with; one entry for a symbol alone, none
    /// without symbols.
    table: Vec<(u16, u8)>,
    bits: u32,
}

impl Decoder {
    pub fn new(lengths: &Lengths) -> Self {
        if let Some(only) = lengths.only() {
            return Self { table: vec![(only as u16, 0)], bits: 0 };
        }
        let Some(longest) = lengths.all.iter().max().map(|longest| u32::from(*longest)) else {
            return Self { table: Vec::new(), bits: 0 };
        };
        let mut table = vec![(0, 0); 1 << longest];
        for (symbol, code, length) in lengths.codes() {
            let same = table.iter_mut().skip(usize::from(code)).step_by(1 << length);
            same.for_each(|entry| *entry = (symbol as u16, length));
        }
        Self { table, bits: longest }
    }

    /// Heap bytes.
    pub fn heap_bytes(&self) -> usize {
        4 * self.table.len()
    }

    /// The next number, or that it is the value before (`Some(None)`); `None` when there are no such bits.
    pub fn take(&self, bits: &mut BitReader<'_>) -> Option<Option<u64>> {
        let next = bits.peek()? & ((1 << self.bits) - 1);
        let &(symbol, length) = self.table.get(next as usize)?;
        bits.skip(u64::from(length))?;
        if usize::from(symbol) == AGAIN {
            return Some(None);
        }
        let (least, more) = smallest(usize::from(symbol));
        if more == 0 {
            return Some(Some(least));
        }
        bits.take(more).map(|rest| Some(least | rest))
    }
}

/// Bits one after the other.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    held: u128,
    count: u32,
}

impl BitWriter {
    /// Adds the lowest `width` bits, at most 64; the others must be zero.
    pub fn put(&mut self, value: u64, width: u32) {
        self.held |= u128::from(value) << self.count;
        self.count += width;
        if self.count >= 64 {
            self.bytes.extend_from_slice(&(self.held as u64).to_le_bytes());
            self.held >>= 64;
            self.count -= 64;
        }
    }

    /// Moves the bits to `out`, the last byte filled with zeros.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let rest = self.count.div_ceil(8) as usize;
        out.append(&mut self.bytes);
        out.extend_from_slice(&self.held.to_le_bytes()[..rest]);
        (self.held, self.count) = (0, 0);
    }
}

/// Zero bytes that must follow the bits in memory, so that a look at them needs no care for the end.
pub(super) const PADDING: usize = 8;

/// Takes bits off.
pub(super) struct BitReader<'b> {
    padded: &'b [u8],
    at: u64,
}

impl<'b> BitReader<'b> {
    /// Over bytes of which the last [`PADDING`] do not count, from a bit on.
    pub const fn new(padded: &'b [u8], at: u64) -> Self {
        Self { padded, at }
    }

    /// The next bit's place.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// The next bits, at least 57, zeros behind the end; `None` past the end.
    fn peek(&self) -> Option<u64> {
        let start = usize::try_from(self.at / 8).ok()?;
        let word = self.padded.get(start..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*word) >> (self.at % 8))
    }

    /// Passes bits over.
    pub fn skip(&mut self, width: u64) -> Option<()> {
        self.at = self.at.checked_add(width)?;
        (self.at <= 8 * self.padded.len().saturating_sub(PADDING) as u64).then_some(())
    }

    /// Takes bits, at most 64.
    pub fn take(&mut self, width: u32) -> Option<u64> {
        if width > 56 {
            let low = self.take(56)?;
            return Some(low | self.take(width - 56)? << 56);
        }
        let taken = self.peek()? & ((1 << width) - 1);
        self.skip(u64::from(width))?;
        Some(taken)
    }

    /// True when what is left is what fills the last byte.
    pub fn is_done(&self) -> bool {
        let left = (8 * self.padded.len().saturating_sub(PADDING) as u64).saturating_sub(self.at);
        left < 8 && self.peek().is_none_or(|rest| rest & ((1 << left) - 1) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Vec<u64> {
        let near = (0..64).flat_map(|bit| [1_u64 << bit, (1_u64 << bit) - 1, (1 << bit) + 1]);
        near.chain([0, u64::MAX, u64::MAX - 1]).chain((0..5000).map(|n| n % 7 * n)).collect()
    }

    #[test]
    fn numbers_come_out_as_they_went_in_and_a_code_is_never_too_long() {
        for numbers in
            [numbers(), vec![5; 9], vec![], (0..40).flat_map(|n| vec![1 << n; 1 << (n / 3)]).collect()]
        {
            let mut counts = Counts::new();
            numbers.iter().for_each(|&number| counts.add(number, 0));
            counts.add_again();
            let (lengths, size) = counts.code();
            let mut once = Vec::new();
            lengths.put(&mut once);
            let mut rest = &once[..];
            assert_eq!(Lengths::take(&mut rest).as_ref(), Some(&lengths));
            assert!(rest.is_empty());
            let (coder, decoder) = (Coder::new(&lengths), Decoder::new(&lengths));
            let (mut writer, mut bytes) = (BitWriter::default(), Vec::new());
            numbers.iter().for_each(|&number| coder.put(number, &mut writer));
            coder.put_again(&mut writer);
            writer.finish(&mut bytes);
            assert_eq!(bytes.len() as u64, size.div_ceil(8));
            bytes.extend([0; PADDING]);
            let mut reader = BitReader::new(&bytes, 0);
            numbers.iter().for_each(|&number| assert_eq!(decoder.take(&mut reader), Some(Some(number))));
            assert_eq!(decoder.take(&mut reader), Some(None));
            assert!(reader.is_done());
            assert_eq!(reader.take(9), None, "behind the end");
        }
    }

    #[test]
    fn lengths_that_make_no_code_are_refused() {
        let take = |lengths: &[u8]| {
            let mut bytes = vec![lengths.len() as u8];
            bytes.extend_from_slice(lengths);
            Lengths::take(&mut &bytes[..])
        };
        for good in [&[][..], &[0, 0], &[1], &[0, 1], &[1, 1], &[1, 2, 2], &[1, 0, 2, 3, 3]] {
            assert!(take(good).is_some(), "{good:?}");
        }
        for bad in [&[2][..], &[1, 2], &[1, 1, 1], &[1, 2, 2, 2], &[1, 11], &[255, 1], &[0, 2, 2]] {
            assert!(take(bad).is_none(), "{bad:?}");
        }
    }
}
