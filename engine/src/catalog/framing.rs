//! Records of the catalog as bytes (docs/FORMAT.md, "Catalog").
//!
//! The file is 8 bytes of magic, then records without gaps: `u32` length of the payload, `u32`
//! CRC-32 of length and payload, payload; little-endian. The payload is a version byte, then an
//! encoded (link, entry), where the link is the first 16 bytes of the BLAKE3 hash of the whole
//! record before: a record removed, added or moved in the middle breaks it.

use super::entry::Entry;
use crate::codec::sections::u32_at;
use crate::codec::{decode_exact, encode};
use crate::ids::tag;

/// First bytes of every catalog.
pub(super) const MAGIC: &[u8; 8] = b"STELECAT";
/// Newest version of a record.
pub(super) const VERSION: u8 = 1;
const PREFIX_BYTES: usize = 8;
/// Far above any entry (an origin of 255 bytes is the largest): bounds the search for records.
const PAYLOAD_BYTES_MAX: usize = 4096;

/// The first bytes of the hash of the record before.
pub(super) type Tie = [u8; 16];

/// What the first record is tied to.
pub(super) fn first_tie() -> Tie {
    tie(&tag("stele/catalog"))
}

/// What the record after these bytes is tied to.
pub(super) fn tie(record: &[u8]) -> Tie {
    let mut tie = [0; 16];
    tie.copy_from_slice(&blake3::hash(record).as_bytes()[..16]);
    tie
}

/// Why there is no record where one was looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// Cut short or altered: the bytes are not a whole record.
    Unsound(String),
    /// A whole record that this build cannot read.
    TooNew(u8),
    /// A whole record whose content cannot be.
    Content(String),
}

/// The bytes of one record.
pub(super) fn record(tie: &Tie, entry: &Entry) -> Vec<u8> {
    let mut payload = vec![VERSION];
    payload.extend_from_slice(&encode(&(*tie, entry)));
    let length = (payload.len() as u32).to_le_bytes();
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + payload.len());
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&crc(&length, &payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

fn crc(length: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(length);
    crc.update(payload);
    crc.finalize()
}

/// The payload at the beginning of `bytes`, when a whole and unaltered record is there.
fn payload(bytes: &[u8]) -> Result<&[u8], String> {
    let prefix = bytes.get(..PREFIX_BYTES).ok_or_else(|| format!("{} bytes are no record", bytes.len()))?;
    let length = u32_at(prefix, 0) as usize;
    if length == 0 || length > PAYLOAD_BYTES_MAX {
        return Err(format!("record length {length}, allowed are 1 to {PAYLOAD_BYTES_MAX}"));
    }
    let payload = bytes
        .get(PREFIX_BYTES..PREFIX_BYTES + length)
        .ok_or_else(|| format!("record of {length} bytes, {} are there", bytes.len() - PREFIX_BYTES))?;
    let (stored, computed) = (u32_at(prefix, 4), crc(&prefix[..4], payload));
    if stored != computed {
        return Err(format!("record checksum is {stored:08x}, its bytes give {computed:08x}"));
    }
    Ok(payload)
}

/// Reads the record at the beginning of `bytes`: its link, its entry, its length.
pub(super) fn read(bytes: &[u8]) -> Result<(Tie, Entry, usize), Bad> {
    let payload = payload(bytes).map_err(Bad::Unsound)?;
    if payload[0] != VERSION {
        return Err(Bad::TooNew(payload[0]));
    }
    let (tie, entry) = decode_exact(&payload[1..]).map_err(Bad::Content)?;
    Ok((tie, entry, PREFIX_BYTES + payload.len()))
}

/// Offset of the first whole record at or after `from`: proof that what is unsound before it is
/// not a torn tail. Costs at most one checksum of 4 KiB per byte of a tail.
pub(super) fn next_sound(bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len()).find(|&at| payload(&bytes[at..]).is_ok())
}
