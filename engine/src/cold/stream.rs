//! Streams: the bytes of one column in one block, compressed where that makes them smaller.

use crate::codec::varint;
use zstd::bulk::{Compressor, Decompressor};

/// Shorter streams are left as they are: the frame around them would cost more.
const COMPRESSED_MIN: usize = 24;
/// Level of compression: 60,000 events a second and more, and 3 % off the best.
const LEVEL: i32 = 6;

/// How a stream is stored.
const AS_IT_IS: u8 = 0;
const COMPRESSED: u8 = 1;
const WITH_WORDS: u8 = 2;

/// Takes a length off the front, at most `most`.
pub(super) fn take_length(bytes: &mut &[u8], most: usize) -> Option<usize> {
    varint::take(bytes).and_then(|value| usize::try_from(value).ok()).filter(|&value| value <= most)
}

/// Takes a number of things that follow, each at least one byte long.
pub(super) fn take_count(bytes: &mut &[u8]) -> Option<usize> {
    let count = varint::take(bytes)?;
    usize::try_from(count).ok().filter(|&count| count <= bytes.len())
}

/// Takes `count` bytes off the front.
pub(super) fn take_bytes<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// Differences of either sign as small numbers.
pub(super) const fn fold_sign(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)) as u64
}

/// The difference again.
pub(super) const fn unfold_sign(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Compresses streams.
pub(super) struct Packer<'d> {
    plain: Compressor<'static>,
    words: Option<Compressor<'d>>,
}

impl<'d> Packer<'d> {
    /// With a dictionary of words that texts have in common, which may be empty.
    pub fn new(words: &'d [u8]) -> std::io::Result<Self> {
        let plain = Compressor::new(LEVEL)?;
        let words = if words.is_empty() { None } else { Some(Compressor::with_dictionary(LEVEL, words)?) };
        Ok(Self { plain, words })
    }

    /// Adds a stream to a block.
    pub fn put(&mut self, stream: &[u8], is_text: bool, out: &mut Vec<u8>) -> std::io::Result<()> {
        let mut best: (u8, Option<Vec<u8>>) = (AS_IT_IS, None);
        let mut least = stream.len();
        if stream.len() >= COMPRESSED_MIN {
            let mut consider = |how, made: Vec<u8>| {
                if made.len() < least {
                    least = made.len();
                    best = (how, Some(made));
                }
            };
            consider(COMPRESSED, self.plain.compress(stream)?);
            if let Some(words) = self.words.as_mut().filter(|_| is_text) {
                consider(WITH_WORDS, words.compress(stream)?);
            }
        }
        let (how, made) = best;
        out.push(how);
        varint::put(stream.len() as u64, out);
        if let Some(made) = made {
            varint::put(made.len() as u64, out);
            out.extend_from_slice(&made);
        } else {
            out.extend_from_slice(stream);
        }
        Ok(())
    }
}

/// Takes streams out of a block, and counts what they come to.
pub(super) struct Unpacker<'b, 'd> {
    rest: &'b [u8],
    words: &'d [u8],
    left: usize,
}

impl<'b, 'd> Unpacker<'b, 'd> {
    /// Over a block's bytes; its streams may come to `most` bytes together.
    pub fn new(block: &'b [u8], words: &'d [u8], most: usize) -> Self {
        Self { rest: block, words, left: most }
    }

    /// A number between the streams.
    pub fn number(&mut self) -> Option<u64> {
        varint::take(&mut self.rest)
    }

    /// The next stream.
    pub fn stream(&mut self) -> Result<Vec<u8>, String> {
        let cut = || "a stream of the block is cut".to_owned();
        let (&how, rest) = self.rest.split_first().ok_or_else(cut)?;
        self.rest = rest;
        let length = take_length(&mut self.rest, self.left).ok_or("a stream of the block is too long")?;
        self.left -= length;
        if how == AS_IT_IS {
            return Ok(take_bytes(&mut self.rest, length).ok_or_else(cut)?.to_vec());
        }
        let stored = take_count(&mut self.rest).ok_or_else(cut)?;
        let stored = take_bytes(&mut self.rest, stored).ok_or_else(cut)?;
        let failed = |e: std::io::Error| format!("a stream of the block cannot be decompressed: {e}");
        let mut unpacker = match how {
            COMPRESSED => Decompressor::new(),
            WITH_WORDS => Decompressor::with_dictionary(self.words),
            other => return Err(format!("a stream of the block is stored in an unknown way, {other}")),
        }
        .map_err(failed)?;
        let made = unpacker.decompress(stored, length).map_err(failed)?;
        if made.len() == length {
            Ok(made)
        } else {
            Err("a stream of the block has another length".to_owned())
        }
    }

    /// True when everything was taken.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Fields of `width` bits one after the other, lowest bits first.
pub(super) fn put_bits(fields: impl Iterator<Item = u8>, width: u32, out: &mut Vec<u8>) {
    let (mut held, mut bits) = (0_u32, 0);
    for field in fields {
        held |= u32::from(field) << bits;
        bits += width;
        while bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(held as u8);
    }
}

/// The field at a place; 0 past the end.
pub(super) fn bits_at(bytes: &[u8], at: usize, width: u32) -> u8 {
    let bit = at * width as usize;
    let byte = |i: usize| u16::from(bytes.get(i).copied().unwrap_or(0));
    let pair = byte(bit / 8) | byte(bit / 8 + 1) << 8;
    ((pair >> (bit % 8)) & ((1 << width) - 1)) as u8
}
