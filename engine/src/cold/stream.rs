//! Bytes of text, compressed where that makes them smaller, and small things that are read off the front.

use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, DCtx, DDict};

use crate::codec::varint;

/// Shorter texts are left as they are: the frame around them would cost more.
const COMPRESSED_MIN: usize = 24;
/// Level of compression.
const LEVEL: i32 = 6;

/// How a text is stored.
const AS_IT_IS: u8 = 0;
const COMPRESSED: u8 = 1;

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

/// Compresses texts.
pub(super) struct Packer<'d> {
    zstd: Compressor<'d>,
}

impl<'d> Packer<'d> {
    /// With a dictionary of what texts have in common, which may be empty.
    pub fn new(shared: &'d [u8]) -> std::io::Result<Self> {
        let mut zstd = Compressor::with_dictionary(LEVEL, shared)?;
        // The block says the length, and the segment has one dictionary.
        zstd.set_parameter(CParameter::ContentSizeFlag(false))?;
        zstd.set_parameter(CParameter::DictIdFlag(false))?;
        Ok(Self { zstd })
    }

    /// Adds a text to a block.
    pub fn put(&mut self, text: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
        let made = if text.len() < COMPRESSED_MIN { None } else { Some(self.zstd.compress(text)?) };
        let made = made.filter(|made| made.len() < text.len());
        varint::put(text.len() as u64, out);
        if let Some(made) = made {
            out.push(COMPRESSED);
            varint::put(made.len() as u64, out);
            out.extend_from_slice(&made);
        } else {
            out.push(AS_IT_IS);
            out.extend_from_slice(text);
        }
        Ok(())
    }
}

/// Takes a block's text off its front; it may come to `most` bytes.
pub(super) fn take_text(block: &mut &[u8], shared: &DDict<'_>, most: usize) -> Result<Vec<u8>, String> {
    let cut = || "the text of the block is cut".to_owned();
    let length = take_length(block, most).ok_or("the text of the block is too long")?;
    let (&how, rest) = block.split_first().ok_or_else(cut)?;
    *block = rest;
    match how {
        AS_IT_IS => Ok(take_bytes(block, length).ok_or_else(cut)?.to_vec()),
        COMPRESSED => {
            let stored = take_count(block).ok_or_else(cut)?;
            unpack(take_bytes(block, stored).ok_or_else(cut)?, length, shared)
        }
        other => Err(format!("the text of the block is stored in an unknown way, {other}")),
    }
}

thread_local! {
    /// Making one costs more than most texts do.
    static CONTEXT: std::cell::RefCell<DCtx<'static>> = std::cell::RefCell::new(DCtx::create());
}

fn unpack(stored: &[u8], length: usize, shared: &DDict<'_>) -> Result<Vec<u8>, String> {
    // No zstd block is larger outside than 128 KiB, and none takes less than 3 bytes.
    if length > stored.len().saturating_mul((128 << 10) / 3) {
        return Err("the text of the block is longer than its bytes can hold".to_owned());
    }
    let mut made = Vec::with_capacity(length);
    let failed = |code| {
        format!("the text of the block cannot be decompressed: {}", zstd::zstd_safe::get_error_name(code))
    };
    CONTEXT
        .with_borrow_mut(|context| context.decompress_using_ddict(&mut made, stored, shared))
        .map_err(failed)?;
    if made.len() == length { Ok(made) } else { Err("the text of the block has another length".to_owned()) }
}
