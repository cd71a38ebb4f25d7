//! The tree over the chain: RFC 6962 / RFC 9162, SHA-256, one leaf per record (docs/CUSTODY.md).
//!
//! Owns hashing ([`leaf`], [`node`]), roots and proofs over whatever holds the complete subtrees
//! ([`Nodes`]), and their verification, which needs nothing but the hashes themselves (`check`).
//! It stores nothing.
//!
//! Keeps true: a proof is a function of the leaves alone, and a verification accepts only what leads
//! to the root that it returns or was given.

mod check;
mod held;
mod many;
mod prove;
#[cfg(test)]
mod tests;

pub use check::{consistent, root_by_inclusion};
pub use held::InMemory;
pub use many::{covers, root_of_many};
pub use prove::{consistency, inclusion, root, subtrees};

use sha2::{Digest as _, Sha256};

use crate::error::StoreError;

/// A hash of the tree.
pub type Node = [u8; 32];

/// The hash of a leaf, from its record's link h(i).
#[must_use]
pub fn leaf(h: &[u8; 32]) -> Node {
    let mut preimage = [0; 33];
    preimage[1..].copy_from_slice(h);
    hash(&preimage)
}

/// The hash of a leaf with any data.
#[must_use]
pub fn leaf_of(data: &[u8]) -> Node {
    let mut preimage = Vec::with_capacity(1 + data.len());
    preimage.push(0);
    preimage.extend_from_slice(data);
    hash(&preimage)
}

/// The hash of an inner node.
#[must_use]
pub fn node(left: &Node, right: &Node) -> Node {
    let mut preimage = [1; 65];
    preimage[1..33].copy_from_slice(left);
    preimage[33..].copy_from_slice(right);
    hash(&preimage)
}

/// The root of a tree without leaves.
#[must_use]
pub fn empty() -> Node {
    hash(&[])
}

fn hash(preimage: &[u8]) -> Node {
    Sha256::digest(preimage).into()
}

/// Whatever holds the hashes of complete subtrees.
pub trait Nodes {
    /// The subtree of the `2^level` leaves from `index << level` on. It is asked only for subtrees that
    /// the tree has.
    ///
    /// # Errors
    /// `Damaged` or `Io`.
    fn node(&self, level: u32, index: u64) -> Result<Node, StoreError>;
}

/// The greatest power of two below `leaves` (at least 2): where RFC 6962 splits a tree.
const fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}
