//! Keys of one index event, and the tags made with them: who has no key cannot guess values.

use ring::digest::{SHA256, digest};

use super::Dimension;
use crate::ids::{Secret, tag};
use crate::merkle::Node;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 17;

/// The number of a dimension, and the first 16 bytes of the keyed hash of a value.
pub type Tag = [u8; TAG_BYTES];

/// K(dim): makes the tags of one dimension in one index event. Shown by a report that asks for the
/// dimension, so that a verifier can make the tags too.
#[derive(Clone, PartialEq, Eq)]
pub struct TagKey {
    dimension: Dimension,
    key: [u8; 32],
}

impl TagKey {
    /// A key that was shown.
    #[must_use]
    pub const fn new(dimension: Dimension, key: [u8; 32]) -> Self {
        Self { dimension, key }
    }

    /// What it makes tags of.
    #[must_use]
    pub const fn dimension(&self) -> Dimension {
        self.dimension
    }

    /// What the index event says of the key: its SHA-256.
    #[must_use]
    pub fn commitment(&self) -> Node {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &self.key).as_ref());
        hash
    }

    /// The key itself.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// The tag of a value's bytes.
    #[must_use]
    pub fn tag(&self, value: &[u8]) -> Tag {
        let mut made = [self.dimension.number(); TAG_BYTES];
        made[1..].copy_from_slice(&blake3::keyed_hash(&self.key, value).as_bytes()[..16]);
        made
    }
}

/// The keys of all dimensions for the index event over the records from `a` on.
#[derive(Clone)]
pub struct TagKeys([TagKey; 9]);

impl TagKeys {
    /// Derives them from the log's secret.
    #[must_use]
    pub fn new(secret: &Secret, a: u64) -> Self {
        let index = secret.numbered_key("stele/index/v1", a);
        Self(Dimension::ALL.map(|dimension| {
            let mut preimage = [dimension.number(); 17];
            preimage[..16].copy_from_slice(&tag("stele/tag/v1"));
            TagKey::new(dimension, *blake3::keyed_hash(&index, &preimage).as_bytes())
        }))
    }

    /// The key of a dimension.
    #[must_use]
    pub fn of(&self, dimension: Dimension) -> &TagKey {
        &self.0[usize::from(dimension.number()) - 1]
    }

    /// What the index event says of them, by number.
    #[must_use]
    pub fn commitments(&self) -> [Node; 9] {
        std::array::from_fn(|i| self.0[i].commitment())
    }
}
