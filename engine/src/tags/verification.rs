//! The one hash that a report is known by.

use ring::digest::{SHA256, digest};

use crate::ids::tag;
use crate::merkle::{InMemory, Node};

/// The verification hash of a report: over the checkpoint's three lines, the filter's text and the leaf
/// hashes of the entries in their order.
#[must_use]
pub fn verification_hash_of(checkpoint: &str, filter: &str, entries: Vec<Node>) -> Node {
    let mut preimage = Vec::with_capacity(16 + 32 + 32 + 8 + 32);
    preimage.extend_from_slice(&tag("stele/report/v1"));
    preimage.extend_from_slice(&sha256(checkpoint.as_bytes()));
    preimage.extend_from_slice(&sha256(filter.as_bytes()));
    preimage.extend_from_slice(&(entries.len() as u64).to_be_bytes());
    preimage.extend_from_slice(&InMemory::new(entries).root());
    sha256(&preimage)
}

fn sha256(bytes: &[u8]) -> Node {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
