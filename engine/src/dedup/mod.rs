//! Which event ids have been seen: fingerprint to sequence, for ever.
#![allow(unused, missing_docs, clippy::unimplemented)]
use crate::error::StoreError;
use crate::io::Disk;
use std::path::Path;
use std::sync::Arc;

/// Ids of segments that are not in the locator yet: a multimap in memory.
#[derive(Default)]
pub struct Recent;
impl Recent {
    pub fn insert(&mut self, fingerprint: u64, sequence: u64) {
        unimplemented!()
    }
    /// Calls `candidate` for every sequence with this fingerprint.
    pub fn find(&self, fingerprint: u64, candidate: &mut dyn FnMut(u64)) {
        unimplemented!()
    }
    /// Forgets sequences below `end`: the locator has them now. Bounded cost, memory is given back.
    pub fn forget_below(&mut self, end: u64) {
        unimplemented!()
    }
    pub fn len(&self) -> usize {
        unimplemented!()
    }
    pub fn heap_bytes(&self) -> usize {
        unimplemented!()
    }
}
/// Mapped, sorted id files of sealed segments, merged eight at a time.
pub struct Locator;
impl Locator {
    /// Opens `<log>/ids`. Every file is checked (all section hashes); damaged ones are renamed `<name>.damaged`, overlapping
    /// leftovers of an interrupted merge are removed, and both are told in the notes.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<(Self, Vec<String>), StoreError> {
        unimplemented!()
    }
    /// The ranges [first, end) that are covered, ascending, adjacent ones joined.
    pub fn covered(&self) -> Vec<(u64, u64)> {
        unimplemented!()
    }
    /// Adds the ids of sequences `first..first + fingerprints.len()`; durable when it returns. Readers see it at once.
    pub fn add(&self, first: u64, fingerprints: &[u64]) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Merges one group of eight where one is due; true when it did. Safe beside `find` and `add` (one merger at a time).
    pub fn merge_step(&self) -> Result<bool, StoreError> {
        unimplemented!()
    }
    /// All sequences recorded for any of the fingerprints, as (position in `fingerprints`, sequence). Batched file by file so that
    /// cache misses overlap: called with thousands of new ids on the writer's thread.
    pub fn find(&self, fingerprints: &[u64], found: &mut Vec<(usize, u64)>) -> Result<(), StoreError> {
        unimplemented!()
    }
}
