//! Bodies in their cold form: taken apart into shapes and columns, coded block by block, and put
//! together again byte for byte (docs/FORMAT.md, "Cold segment").
//!
//! Owns the form alone: [`pack`] makes it from bodies, [`Cold`] reads single bodies out of it. It knows
//! nothing of files, hashes or sequences, and uses no unsafe code.
//!
//! Keeps true:
//! - what comes out is what went in, to the byte, also for bodies that are no JSON;
//! - reading believes nothing: bytes that are not what was written are an error, never a panic, and
//!   cost no more memory than a few times [`BLOCK_BYTES_MAX`].

mod block;
mod code;
mod column;
mod once;
mod pack;
mod plan;
mod row;
mod shape;
mod stream;
#[cfg(test)]
mod tests;
mod values;

pub use block::Block;
pub use once::Cold;
pub use pack::{Packed, pack};

/// Bodies of one block: a single body costs the decoding of as many.
pub const BLOCK_BODIES: usize = 64;

/// Most bytes that the texts of a block may have, and its shapes with 8 bytes more for each value.
pub const BLOCK_BYTES_MAX: usize = 256 << 20;

/// Most bytes of a body: no frame holds more.
const BODY_BYTES_MAX: usize = 64 << 20;
