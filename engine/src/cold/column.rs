//! How the values of one column are written: its plan, which stands once for all blocks.

use super::stream::{take_bytes, take_count, take_length};
use crate::codec::varint;

/// Most values of a dictionary.
pub(super) const WORDS_MAX: usize = 1 << 20;
/// Longest fixed text of symbols.
const CODED_BYTES_MAX: usize = 1 << 16;

/// Most decimals of a number: it has at most 19 characters.
pub(super) const DECIMALS_MAX: u8 = 17;

/// How values are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// As bytes.
    Text,
    /// As places in a list, most frequent first.
    Words(List),
    /// As times: RFC 3339 in UTC with so many decimals each, or at most so many.
    Time { decimals: u8, own: bool },
    /// As UUIDs; those of version 7 by their distance from the body's time.
    Uuid,
    /// As symbols behind a prefix, all of one length.
    Coded(Symbols),
    /// As decimal numbers with at most so many decimals.
    Number { decimals: u8 },
    /// As the value that another column has in the same body.
    Same(u32),
    /// As what another column's word brings with it: of each of its words a place in the list, or nothing.
    Follows { of: u32, list: List, map: Vec<Option<u32>> },
}

/// Texts, one after the other in memory: a segment has very many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl List {
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut made = Self::default();
        texts.into_iter().for_each(|text| made.push(text));
        made
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
    }

    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)? as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.bytes.get(start..end)
    }

    const fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + 4 * self.ends.capacity()
    }

    fn put(&self, out: &mut Vec<u8>) {
        varint::put(self.len() as u64, out);
        for text in (0..self.len()).filter_map(|at| self.get(at)) {
            varint::put(text.len() as u64, out);
            out.extend_from_slice(text);
        }
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let count = take_count(bytes).filter(|&count| count <= WORDS_MAX)?;
        let mut made = Self::default();
        for _ in 0..count {
            let length = take_count(bytes)?;
            made.push(take_bytes(bytes, length)?);
        }
        Some(made)
    }
}

/// Texts of one length over few symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Symbols {
    pub prefix: Vec<u8>,
    /// Ascending, 1 to 64.
    pub alphabet: Vec<u8>,
    /// Symbols behind the prefix.
    pub count: usize,
}

impl Symbols {
    /// Bits of a symbol.
    pub fn width(&self) -> u32 {
        match self.alphabet.len() {
            0 | 1 => 0,
            symbols => usize::BITS - (symbols - 1).leading_zeros(),
        }
    }
}

impl Plan {
    /// The column whose value in the same body tells this one's.
    pub const fn told_from(&self) -> Option<u32> {
        match self {
            Self::Same(of) | Self::Follows { of, .. } => Some(*of),
            _ => None,
        }
    }

    /// Heap bytes, roughly.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Words(list) => list.heap_bytes(),
            Self::Follows { list, map, .. } => list.heap_bytes() + 8 * map.len(),
            Self::Coded(symbols) => symbols.prefix.len() + symbols.alphabet.len(),
            _ => 0,
        }
    }

    /// Adds the plan to the segment's columns.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text => out.push(0),
            Self::Words(list) => {
                out.push(1);
                list.put(out);
            }
            Self::Time { decimals, own } => out.extend_from_slice(&[2, *decimals, u8::from(*own)]),
            Self::Uuid => out.push(3),
            Self::Coded(Symbols { prefix, alphabet, count }) => {
                out.push(4);
                List::of([&prefix[..], alphabet]).put(out);
                varint::put(*count as u64, out);
            }
            Self::Number { decimals } => out.extend_from_slice(&[5, *decimals]),
            Self::Same(of) => {
                out.push(6);
                varint::put(u64::from(*of), out);
            }
            Self::Follows { of, list, map } => {
                out.push(7);
                varint::put(u64::from(*of), out);
                list.put(out);
                varint::put(map.len() as u64, out);
                map.iter().for_each(|at| varint::put(at.map_or(0, |at| u64::from(at) + 1), out));
            }
        }
    }

    /// Takes the plan of column `own` back.
    pub fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(match kind {
            0 => Self::Text,
            1 => Self::Words(List::take(bytes)?),
            2 => {
                let &[decimals, own] = take_bytes(bytes, 2)? else { return None };
                (decimals <= 9 && own <= 1).then_some(Self::Time { decimals, own: own == 1 })?
            }
            3 => Self::Uuid,
            4 => {
                let both = List::take(bytes).filter(|both| both.len() == 2)?;
                let (prefix, alphabet) = (both.get(0)?.to_vec(), both.get(1)?.to_vec());
                let count = take_length(bytes, CODED_BYTES_MAX)?;
                let sorted = alphabet.is_sorted_by(|a, b| a < b);
                let sound = sorted && (1..=64).contains(&alphabet.len());
                sound.then_some(Self::Coded(Symbols { prefix, alphabet, count }))?
            }
            5 => {
                let &[decimals] = take_bytes(bytes, 1)? else { return None };
                (decimals <= DECIMALS_MAX).then_some(Self::Number { decimals })?
            }
            6 => Self::Same(u32::try_from(varint::take(bytes)?).ok()?),
            7 => {
                let of = u32::try_from(varint::take(bytes)?).ok()?;
                let list = List::take(bytes)?;
                let entries = take_count(bytes)?;
                let map = (0..entries).map(|_| {
                    let at = take_length(bytes, list.len())?;
                    Some(at.checked_sub(1).map(|at| at as u32))
                });
                let map = map.collect::<Option<Vec<_>>>()?;
                Self::Follows { of, list, map }
            }
            _ => return None,
        })
    }
}
