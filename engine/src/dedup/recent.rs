//! Ids in memory, in generations that can be dropped whole.

use std::collections::BTreeMap;

use hashbrown::HashTable;

/// Sequences of one generation: the most records of a segment, so that a generation goes when the
/// one or two segments that lie in it are sealed.
const GENERATION: u64 = 131_072;

type Pair = (u64, u64);

/// Ids of segments that are not in the locator yet: a multimap in memory.
#[derive(Debug, Default)]
pub struct Recent {
    /// By sequence / GENERATION. There are as many as there are unsealed segments, so one to three.
    generations: BTreeMap<u64, HashTable<Pair>>,
    len: usize,
}

/// Fingerprints are 64 bits of a keyed hash: uniform, and not for a sender to choose.
const fn hash(pair: &Pair) -> u64 {
    pair.0
}

impl Recent {
    /// Adds a pair. Pairs are not compared with what is there: the caller adds each sequence once.
    pub fn insert(&mut self, fingerprint: u64, sequence: u64) {
        let table = self.generations.entry(sequence / GENERATION).or_default();
        table.insert_unique(fingerprint, (fingerprint, sequence), hash);
        self.len += 1;
    }

    /// Calls `candidate` for every sequence with this fingerprint.
    pub fn find(&self, fingerprint: u64, candidate: &mut dyn FnMut(u64)) {
        for table in self.generations.values() {
            for &(_, sequence) in table.iter_hash(fingerprint).filter(|pair| pair.0 == fingerprint) {
                candidate(sequence);
            }
        }
    }

    /// Forgets sequences below `end`: the locator has them now.
    ///
    /// Whole generations are dropped; one that `end` divides is walked (131,072 pairs at most) and
    /// shrunk, so memory is given back either way.
    pub fn forget_below(&mut self, end: u64) {
        let kept = self.generations.split_off(&(end / GENERATION));
        let forgotten = std::mem::replace(&mut self.generations, kept);
        self.len -= forgotten.values().map(HashTable::len).sum::<usize>();
        let Some(table) = self.generations.get_mut(&(end / GENERATION)) else { return };
        let before = table.len();
        table.retain(|pair| pair.1 >= end);
        self.len -= before - table.len();
        if table.is_empty() {
            self.generations.remove(&(end / GENERATION));
        } else if table.len() * 4 < table.capacity() {
            table.shrink_to_fit(hash);
        }
    }

    /// Pairs held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True when nothing is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Heap bytes, roughly: for metrics and bounds.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.generations.values().map(HashTable::allocation_size).sum()
    }
}
