//! Bodies in their cold form: taken apart into shapes and columns, compressed block by block, and put
//! together again byte for byte (docs/FORMAT.md, "Cold data").
//!
//! Owns the form alone: [`pack`] makes it from bodies, [`Cold`] reads single bodies out of it. It knows
//! nothing of files, hashes or sequences, and uses no unsafe code.
//!
//! Keeps true:
//! - what comes out is what went in, to the byte, also for bodies that are no JSON;
//! - reading believes nothing: bytes that are not what was written are an error, never a panic, and
//!   cost no more memory than [`BLOCK_BYTES_MAX`].

mod block;
mod column;
mod pack;
mod plan;
mod shape;
mod stream;
#[cfg(test)]
mod tests;
mod values;

pub use block::{Block, Cold};
pub use pack::{Packed, pack};

/// Bodies of one block: a single body costs the decompression of as many.
pub const BLOCK_BODIES: usize = 512;

/// Most bytes that a block may have outside its compressed form.
pub const BLOCK_BYTES_MAX: usize = 256 << 20;
