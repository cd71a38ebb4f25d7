//! Bytes on disk that are not records: bincode values and files made of hashed sections.
//!
//! bincode appears here and nowhere else, pinned exactly, always bounded, and always behind a hash
//! or checksum that is checked first. What is hashed is the stored bytes, never a re-encoding.

pub mod sections;
pub mod varint;

use bincode::config::{self, Configuration, Limit, LittleEndian, Varint};
pub use bincode::{Decode, Encode};

/// Largest encoded value: footers and catalog records are far below.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

fn settings() -> Configuration<LittleEndian, Varint, Limit<VALUE_BYTES_MAX>> {
    config::standard().with_limit::<VALUE_BYTES_MAX>()
}

/// Encodes a value (bincode 2 standard: little-endian, varint).
///
/// # Panics
/// When the value is larger than [`VALUE_BYTES_MAX`]: ours never are.
#[must_use]
#[expect(clippy::expect_used, reason = "encoding our own bounded structs into memory cannot fail")]
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, settings()).expect("own value fits the limit")
}

/// Decodes a value that fills `bytes` exactly.
///
/// # Errors
/// What does not decode, or leaves bytes over, in words.
pub fn decode_exact<T: Decode<()>>(bytes: &[u8]) -> Result<T, String> {
    let (value, used) = bincode::decode_from_slice(bytes, settings()).map_err(|e| e.to_string())?;
    if used == bytes.len() {
        Ok(value)
    } else {
        Err(format!("{} bytes left over after the value", bytes.len() - used))
    }
}
