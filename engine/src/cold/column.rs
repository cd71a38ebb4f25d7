//! How the values of one column are written: its plan, which stands once for all blocks.

use super::stream::{take_bytes, take_count, take_length};
use crate::codec::varint;

/// Most values of a dictionary.
pub(super) const WORDS_MAX: usize = 1 << 20;
/// Longest fixed text of symbols.
const CODED_BYTES_MAX: usize = 1 << 16;

/// How values are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// As bytes.
    Text,
    /// As places in a list, most frequent first.
    Words(Vec<Vec<u8>>),
    /// As times: RFC 3339 in UTC with the same decimals each, or with their own.
    Time(Option<u8>),
    /// As UUIDs; those of version 7 by their distance from the body's time.
    Uuid,
    /// As symbols behind a prefix, all of one length.
    Coded(Symbols),
    /// As decimal numbers.
    Number,
    /// As the value that another column has in the same body.
    Same(u32),
    /// As what another column's word brings with it: of each of its words a place in the list, or nothing.
    Follows { of: u32, list: Vec<Vec<u8>>, map: Vec<Option<u32>> },
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
    /// Columns that others refer to are read before those.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Time(_) => 0,
            Self::Same(_) | Self::Follows { .. } => 2,
            _ => 1,
        }
    }

    /// The column whose value in the same body this one needs; `clock` is the one of the body's time.
    pub fn needs(&self, clock: Option<u32>) -> Option<u32> {
        match self {
            Self::Same(of) | Self::Follows { of, .. } => Some(*of),
            Self::Uuid => clock,
            _ => None,
        }
    }

    /// Heap bytes, roughly.
    pub fn heap_bytes(&self) -> usize {
        let list = |list: &[Vec<u8>]| list.iter().map(|value| value.len() + 40).sum::<usize>();
        match self {
            Self::Words(words) => list(words),
            Self::Follows { list: words, map, .. } => list(words) + 8 * map.len(),
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
                put_list(list, out);
            }
            Self::Time(decimals) => out.extend_from_slice(&[2, decimals.unwrap_or(u8::MAX)]),
            Self::Uuid => out.push(3),
            Self::Coded(Symbols { prefix, alphabet, count }) => {
                out.push(4);
                put_list(&[prefix.clone(), alphabet.clone()], out);
                varint::put(*count as u64, out);
            }
            Self::Number => out.push(5),
            Self::Same(of) => {
                out.push(6);
                varint::put(u64::from(*of), out);
            }
            Self::Follows { of, list, map } => {
                out.push(7);
                varint::put(u64::from(*of), out);
                put_list(list, out);
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
            1 => Self::Words(take_list(bytes)?),
            2 => {
                let (&decimals, rest) = bytes.split_first()?;
                *bytes = rest;
                Self::Time(match decimals {
                    u8::MAX => None,
                    0..=9 => Some(decimals),
                    _ => return None,
                })
            }
            3 => Self::Uuid,
            4 => {
                let [prefix, alphabet] = take_list(bytes)?.try_into().ok()?;
                let count = take_length(bytes, CODED_BYTES_MAX)?;
                let sorted = alphabet.is_sorted_by(|a, b| a < b);
                let sound = sorted && (1..=64).contains(&alphabet.len());
                sound.then_some(Self::Coded(Symbols { prefix, alphabet, count }))?
            }
            5 => Self::Number,
            6 => Self::Same(u32::try_from(varint::take(bytes)?).ok()?),
            7 => {
                let of = u32::try_from(varint::take(bytes)?).ok()?;
                let list = take_list(bytes)?;
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

fn put_list(list: &[Vec<u8>], out: &mut Vec<u8>) {
    varint::put(list.len() as u64, out);
    for value in list {
        varint::put(value.len() as u64, out);
        out.extend_from_slice(value);
    }
}

fn take_list(bytes: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
    let count = take_count(bytes)?;
    (0..count)
        .map(|_| {
            let length = take_count(bytes)?;
            Some(take_bytes(bytes, length)?.to_vec())
        })
        .collect()
}
