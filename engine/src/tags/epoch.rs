//! The tree over the values of one stretch of the log: a leaf per value, with the records that have it.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Dimension, TAG_BYTES, Tag, TagKeys, Value, each_tagged};
use crate::error::StoreError;
use crate::event::{Fields, event_us};
use crate::ids::tag;
use crate::merkle::{self, InMemory, Node};

/// Most records that one index event covers.
pub const EPOCH_RECORDS_MAX: u64 = 65_536;
/// Bytes of a leaf's data.
pub const LEAF_BYTES: usize = TAG_BYTES + 4 + 32;

/// A leaf as it is hashed: tag, number of records, hash of their list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Of which value.
    pub tag: Tag,
    /// Records that have it.
    pub count: u32,
    /// [`postings_hash`] of them.
    pub postings: Node,
}

impl Leaf {
    /// The 53 bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; LEAF_BYTES] {
        let mut bytes = [0; LEAF_BYTES];
        bytes[..TAG_BYTES].copy_from_slice(&self.tag);
        bytes[TAG_BYTES..TAG_BYTES + 4].copy_from_slice(&self.count.to_be_bytes());
        bytes[TAG_BYTES + 4..].copy_from_slice(&self.postings);
        bytes
    }

    /// Takes the bytes apart.
    #[must_use]
    pub fn read(bytes: &[u8; LEAF_BYTES]) -> Self {
        let (mut tag, mut count, mut postings) = ([0; TAG_BYTES], [0; 4], [0; 32]);
        tag.copy_from_slice(&bytes[..TAG_BYTES]);
        count.copy_from_slice(&bytes[TAG_BYTES..TAG_BYTES + 4]);
        postings.copy_from_slice(&bytes[TAG_BYTES + 4..]);
        Self { tag, count: u32::from_be_bytes(count), postings }
    }
}

/// The hash of a list of offsets from an index event's first record.
#[must_use]
pub fn postings_hash(offsets: &[u32]) -> Node {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&tag("stele/posting/v1"));
    let mut bytes = Vec::with_capacity(offsets.len() * 4);
    offsets.iter().for_each(|offset| bytes.extend_from_slice(&offset.to_be_bytes()));
    hasher.update(&bytes);
    *hasher.finalize().as_bytes()
}

/// A leaf shown with its way to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownLeaf {
    /// Its place among the leaves.
    pub index: u64,
    /// The leaf.
    pub leaf: Leaf,
    /// Hashes that lead to the root (RFC 9162, 2.1.3), lowest first.
    pub path: Vec<Node>,
}

/// What an epoch says of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The records that have it, as offsets; `None` when no record does.
    pub postings: Option<Vec<u32>>,
    /// The value's leaf; where there is none, the leaves that it would stand between.
    pub leaves: Vec<ShownLeaf>,
}

struct Found {
    dimension: Dimension,
    value: Box<[u8]>,
    offsets: Vec<u32>,
}

/// Collects the values of records, in their order.
pub struct EpochBuilder {
    keys: TagKeys,
    hasher: DefaultHashBuilder,
    /// Places in `found`.
    table: HashTable<u32>,
    found: Vec<Found>,
    event_us: Option<(u64, u64)>,
}

impl EpochBuilder {
    /// An empty stretch.
    #[must_use]
    pub fn new(keys: TagKeys) -> Self {
        let (hasher, table) = (DefaultHashBuilder::default(), HashTable::new());
        Self { keys, hasher, table, found: Vec::new(), event_us: None }
    }

    /// Takes the record at `offset` from the first one; offsets ascend.
    pub fn add(&mut self, offset: u32, fields: &Fields<'_>) {
        let at = event_us(fields.time_ns);
        let (low, high) = self.event_us.unwrap_or((at, at));
        self.event_us = Some((low.min(at), high.max(at)));
        each_tagged(fields, |dimension, value| self.put(dimension, value, offset));
    }

    fn put(&mut self, dimension: Dimension, value: &[u8], offset: u32) {
        let hash = self.hasher.hash_one((dimension, value));
        let (found, hasher) = (&mut self.found, &self.hasher);
        let same =
            |&at: &u32| found[at as usize].dimension == dimension && *found[at as usize].value == *value;
        let hash_of = |&at: &u32| hasher.hash_one((found[at as usize].dimension, &*found[at as usize].value));
        match self.table.entry(hash, same, hash_of) {
            Entry::Occupied(at) => found[*at.get() as usize].offsets.push(offset),
            Entry::Vacant(free) => {
                free.insert(found.len() as u32);
                found.push(Found { dimension, value: value.into(), offsets: vec![offset] });
            }
        }
    }

    /// The stretch as a tree.
    #[must_use]
    pub fn finish(self) -> Epoch {
        let Self { keys, found, event_us, .. } = self;
        let mut rows: Vec<(Leaf, Vec<u32>)> = found
            .into_iter()
            .map(|Found { dimension, value, offsets }| {
                let tag = keys.of(dimension).tag(&value);
                let (count, postings) = (offsets.len() as u32, postings_hash(&offsets));
                (Leaf { tag, count, postings }, offsets)
            })
            .collect();
        rows.sort_by_key(|row| row.0.tag);
        let tree = InMemory::new(rows.iter().map(|(leaf, _)| merkle::leaf_of(&leaf.bytes())).collect());
        Epoch { keys, rows, tree, event_us: event_us.unwrap_or((0, 0)) }
    }
}

/// The values of a stretch of the log, sorted by tag, under one root.
pub struct Epoch {
    keys: TagKeys,
    rows: Vec<(Leaf, Vec<u32>)>,
    tree: InMemory,
    /// Smallest and largest event time.
    event_us: (u64, u64),
}

impl Epoch {
    /// Number of leaves.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Root of the tree over them.
    #[must_use]
    pub fn root(&self) -> Node {
        self.tree.root()
    }

    /// Its keys.
    #[must_use]
    pub const fn keys(&self) -> &TagKeys {
        &self.keys
    }

    /// Smallest and largest event time, microseconds since 1970.
    #[must_use]
    pub const fn event_us(&self) -> (u64, u64) {
        self.event_us
    }

    /// The records that have a value, or the proof that none does.
    ///
    /// # Errors
    /// None in memory; the signature is that of the tree.
    pub fn lookup(&self, dimension: Dimension, value: &Value) -> Result<Lookup, StoreError> {
        let tag = self.keys.of(dimension).tag(&value.bytes());
        match self.rows.binary_search_by(|(leaf, _)| leaf.tag.cmp(&tag)) {
            Ok(at) => Ok(Lookup { postings: Some(self.rows[at].1.clone()), leaves: vec![self.shown(at)?] }),
            Err(at) => {
                let around = at.saturating_sub(1)..(at + 1).min(self.rows.len());
                let leaves = around.map(|at| self.shown(at)).collect::<Result<_, _>>()?;
                Ok(Lookup { postings: None, leaves })
            }
        }
    }

    fn shown(&self, at: usize) -> Result<ShownLeaf, StoreError> {
        let path = merkle::inclusion(at as u64, self.leaves(), &self.tree)?;
        Ok(ShownLeaf { index: at as u64, leaf: self.rows[at].0, path })
    }
}
