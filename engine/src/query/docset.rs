//! Sets of documents of one segment, and their algebra.
//!
//! Three forms, so that nothing costs more than it must: all documents, a few in a sorted list, many
//! as bits. Stored lists ([`Set`]) are combined where they lie, without a copy.

use crate::error::StoreError;
use crate::index::{Postings, Set};

/// Documents of one segment, all below the number of its visible ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocSet {
    /// All below the number.
    All(u32),
    /// Ascending.
    List(Vec<u32>),
    /// A bit per document, least significant first; `docs.div_ceil(64)` words.
    Bits(Vec<u64>),
}

impl Default for DocSet {
    fn default() -> Self {
        Self::empty()
    }
}

/// Sets with at most one document in so many are lists.
const SPARSE: u64 = 32;

impl DocSet {
    /// No document.
    #[must_use]
    pub const fn empty() -> Self {
        Self::List(Vec::new())
    }

    /// The documents of some lists together, of `docs` visible ones.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn union(lists: &[Postings<'_>], docs: u32) -> Result<Self, StoreError> {
        let total: u64 = lists.iter().map(Postings::count).sum();
        if total <= u64::from(docs) / SPARSE {
            let mut all = Vec::with_capacity(total as usize);
            for list in lists {
                list.set()?.each(|doc| all.push(doc));
            }
            return Ok(Self::of_list(all, docs));
        }
        let mut words = zeros(docs);
        for list in lists {
            or_into(&mut words, &list.set()?);
        }
        trim(&mut words, docs);
        Ok(Self::Bits(words))
    }

    /// The documents of a list in any order, those past the visible ones dropped.
    #[must_use]
    pub fn of_list(mut list: Vec<u32>, docs: u32) -> Self {
        if !list.is_sorted_by(|a, b| a < b) {
            list.sort_unstable();
            list.dedup();
        }
        list.truncate(list.partition_point(|&doc| doc < docs));
        Self::List(list)
    }

    /// The same for a list that may be long: it becomes bits then.
    #[must_use]
    pub fn of_many(list: Vec<u32>, docs: u32) -> Self {
        if list.len() as u64 <= u64::from(docs) / SPARSE {
            return Self::of_list(list, docs);
        }
        let mut words = zeros(docs);
        list.into_iter().filter(|&doc| doc < docs).for_each(|doc| set(&mut words, doc));
        Self::Bits(words)
    }

    /// Documents from `range.start` on, before `range.end`.
    #[must_use]
    pub fn range(range: std::ops::Range<u32>, docs: u32) -> Self {
        let end = range.end.min(docs);
        if range.start == 0 && end == docs {
            return Self::All(docs);
        }
        if range.start >= end {
            return Self::empty();
        }
        if u64::from(end - range.start) <= u64::from(docs) / SPARSE {
            return Self::List((range.start..end).collect());
        }
        let mut words = vec![u64::MAX; (docs as usize).div_ceil(64)];
        words[..range.start as usize / 64].fill(0);
        words[range.start as usize / 64] &= u64::MAX << (range.start % 64);
        trim(&mut words, end);
        Self::Bits(words)
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::All(docs) => u64::from(*docs),
            Self::List(list) => list.len() as u64,
            Self::Bits(words) => words.iter().map(|word| u64::from(word.count_ones())).sum(),
        }
    }

    /// True when it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::All(docs) => *docs == 0,
            Self::List(list) => list.is_empty(),
            Self::Bits(words) => words.iter().all(|&word| word == 0),
        }
    }

    /// True when the document is in it.
    #[must_use]
    pub fn contains(&self, doc: u32) -> bool {
        match self {
            Self::All(docs) => doc < *docs,
            Self::List(list) => list.binary_search(&doc).is_ok(),
            Self::Bits(words) => has(words, doc),
        }
    }

    /// Calls `visit` for each document, ascending.
    pub fn each(&self, mut visit: impl FnMut(u32)) {
        match self {
            Self::All(docs) => (0..*docs).for_each(visit),
            Self::List(list) => list.iter().copied().for_each(visit),
            Self::Bits(words) => {
                for (at, &word) in words.iter().enumerate() {
                    let mut word = word;
                    while word != 0 {
                        visit(at as u32 * 64 + word.trailing_zeros());
                        word &= word - 1;
                    }
                }
            }
        }
    }

    /// The documents, ascending.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u32> {
        let mut all = Vec::with_capacity(self.count() as usize);
        self.each(|doc| all.push(doc));
        all
    }

    /// Keeps the documents that pass.
    #[must_use]
    pub fn filter(self, mut pass: impl FnMut(u32) -> bool) -> Self {
        match self {
            Self::List(mut list) => {
                list.retain(|&doc| pass(doc));
                Self::List(list)
            }
            Self::All(docs) => {
                let mut words = zeros(docs);
                (0..docs).filter(|&doc| pass(doc)).for_each(|doc| set(&mut words, doc));
                Self::Bits(words)
            }
            Self::Bits(mut words) => {
                for (at, word) in words.iter_mut().enumerate() {
                    let mut rest = *word;
                    while rest != 0 {
                        let bit = rest & rest.wrapping_neg();
                        if !pass(at as u32 * 64 + rest.trailing_zeros()) {
                            *word &= !bit;
                        }
                        rest ^= bit;
                    }
                }
                Self::Bits(words)
            }
        }
    }

    /// The documents of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All(_), other) | (other, Self::All(_)) => other,
            (Self::List(a), Self::List(b)) => Self::List(common(a, b)),
            (Self::List(list), Self::Bits(words)) | (Self::Bits(words), Self::List(list)) => {
                Self::List(list).filter(|doc| has(&words, doc))
            }
            (Self::Bits(mut a), Self::Bits(b)) => {
                a.iter_mut().zip(&b).for_each(|(a, b)| *a &= b);
                Self::Bits(a)
            }
        }
    }

    /// The documents of either, of `docs` visible ones.
    #[must_use]
    pub fn or(self, other: Self, docs: u32) -> Self {
        match (self, other) {
            (Self::All(docs), _) | (_, Self::All(docs)) => Self::All(docs),
            (Self::List(a), Self::List(b)) => {
                if b.is_empty() {
                    return Self::List(a);
                }
                if ((a.len() + b.len()) as u64) <= u64::from(docs) / SPARSE {
                    let mut all = a;
                    all.extend_from_slice(&b);
                    return Self::of_list(all, docs);
                }
                let mut words = zeros(docs);
                a.iter().chain(&b).for_each(|&doc| set(&mut words, doc));
                Self::Bits(words)
            }
            (Self::List(list), Self::Bits(mut words)) | (Self::Bits(mut words), Self::List(list)) => {
                list.iter().for_each(|&doc| set(&mut words, doc));
                Self::Bits(words)
            }
            (Self::Bits(mut a), Self::Bits(b)) => {
                a.iter_mut().zip(&b).for_each(|(a, b)| *a |= b);
                Self::Bits(a)
            }
        }
    }

    /// The documents that are not in the other set.
    #[must_use]
    pub fn without(self, other: &Self) -> Self {
        match (self, other) {
            (_, Self::All(_)) => Self::empty(),
            (this, Self::List(list)) if list.is_empty() => this,
            (Self::All(docs), other) => {
                let mut words = full(docs);
                take_from(&mut words, other);
                Self::Bits(words)
            }
            (Self::List(list), other) => Self::List(list).filter(|doc| !other.contains(doc)),
            (Self::Bits(mut words), other) => {
                take_from(&mut words, other);
                Self::Bits(words)
            }
        }
    }

    /// All of `docs` visible documents but these.
    #[must_use]
    pub fn complement(&self, docs: u32) -> Self {
        Self::All(docs).without(self)
    }

    /// The documents of a stored list too, read where it lies.
    #[must_use]
    pub fn and_set(self, other: &Set<'_>, docs: u32) -> Self {
        match (self, other) {
            (Self::All(_), Set::Docs(list)) => Self::of_list(list.to_vec(), docs),
            (Self::All(_), other) => {
                let mut words = zeros(docs);
                or_into(&mut words, other);
                trim(&mut words, docs);
                Self::Bits(words)
            }
            (Self::Bits(words), Set::Docs(list)) => {
                Self::List(list.iter().copied().filter(|&doc| has(&words, doc)).collect())
            }
            (Self::Bits(mut words), Set::Bits(bits)) => {
                let mut rest = words.iter_mut();
                for (word, bits) in rest.by_ref().zip(bits.chunks(8)) {
                    *word &= word_of(bits);
                }
                rest.for_each(|word| *word = 0);
                Self::Bits(words)
            }
            (this, other) => this.filter(|doc| other.contains(doc)),
        }
    }

    /// The same set with a bit per document, which is quicker to compare with many lists.
    #[must_use]
    pub fn as_bits(self, docs: u32) -> Self {
        let Self::List(list) = self else { return self };
        let mut words = zeros(docs);
        list.into_iter().for_each(|doc| set(&mut words, doc));
        Self::Bits(words)
    }

    /// How many documents it has in common with a stored list: nothing is copied.
    #[must_use]
    pub fn count_common(&self, other: &Set<'_>) -> u64 {
        let mut count = 0;
        match (self, other) {
            (Self::Bits(words), Set::Bits(bits)) => {
                // Whole words first: the compiler counts several of them at once.
                let (whole, rest) = bits.as_chunks::<8>();
                let both = words.iter().zip(whole).map(|(word, bits)| word & u64::from_le_bytes(*bits));
                count = both.map(|word| u64::from(word.count_ones())).sum();
                let last = words.get(whole.len()).map_or(0, |word| word & word_of(rest));
                count += u64::from(last.count_ones());
            }
            (Self::List(list), Set::Docs(docs)) if docs.len() < list.len() => {
                docs.iter().for_each(|doc| count += u64::from(list.binary_search(doc).is_ok()));
            }
            (Self::List(list), other) => {
                list.iter().for_each(|&doc| count += u64::from(other.contains(doc)));
            }
            (this, other) => other.each(|doc| count += u64::from(this.contains(doc))),
        }
        count
    }
}

fn zeros(docs: u32) -> Vec<u64> {
    vec![0; (docs as usize).div_ceil(64)]
}

fn full(docs: u32) -> Vec<u64> {
    let mut words = vec![u64::MAX; (docs as usize).div_ceil(64)];
    trim(&mut words, docs);
    words
}

/// Clears the bits from `docs` on.
fn trim(words: &mut [u64], docs: u32) {
    let whole = docs as usize / 64;
    if let Some(word) = words.get_mut(whole) {
        *word &= (1 << (docs % 64)) - 1;
    }
    if let Some(rest) = words.get_mut(whole + 1..) {
        rest.fill(0);
    }
}

#[inline]
fn has(words: &[u64], doc: u32) -> bool {
    words.get(doc as usize / 64).is_some_and(|word| word >> (doc % 64) & 1 == 1)
}

#[inline]
fn set(words: &mut [u64], doc: u32) {
    if let Some(word) = words.get_mut(doc as usize / 64) {
        *word |= 1 << (doc % 64);
    }
}

#[inline]
fn word_of(bits: &[u8]) -> u64 {
    if let Ok(whole) = <[u8; 8]>::try_from(bits) {
        return u64::from_le_bytes(whole);
    }
    bits.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

fn or_into(words: &mut [u64], set_: &Set<'_>) {
    match set_ {
        Set::Bits(bits) => {
            words.iter_mut().zip(bits.chunks(8)).for_each(|(word, bits)| *word |= word_of(bits))
        }
        other => other.each(|doc| set(words, doc)),
    }
}

fn take_from(words: &mut [u64], other: &DocSet) {
    match other {
        DocSet::All(_) => words.fill(0),
        DocSet::Bits(bits) => words.iter_mut().zip(bits).for_each(|(word, bits)| *word &= !bits),
        DocSet::List(list) => {
            for &doc in list {
                if let Some(word) = words.get_mut(doc as usize / 64) {
                    *word &= !(1 << (doc % 64));
                }
            }
        }
    }
}

/// Common numbers of two ascending lists: the shorter one is looked up in what is left of the longer.
fn common(a: Vec<u32>, b: Vec<u32>) -> Vec<u32> {
    let (mut short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut rest = long.as_slice();
    short.retain(|doc| {
        // A step that doubles: close neighbours are found at once.
        let mut step = 1;
        while step < rest.len() && rest[step] < *doc {
            step *= 2;
        }
        let near = &rest[..rest.len().min(step + 1)];
        rest = &rest[near.partition_point(|other| other < doc)..];
        rest.first() == Some(doc)
    });
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::fixture::Rng;
    use std::borrow::Cow;
    use std::collections::BTreeSet;

    const DOCS: u32 = 1000;

    fn random(rng: &mut Rng) -> (DocSet, BTreeSet<u32>) {
        let count = [0, 1, 5, 30, 500, 990][rng.below(6) as usize];
        let mut all: BTreeSet<u32> = (0..count).map(|_| rng.below(u64::from(DOCS)) as u32).collect();
        let list = DocSet::of_list(all.iter().copied().collect(), DOCS);
        let set = match rng.below(4) {
            0 => DocSet::All(DOCS).filter(|doc| all.contains(&doc)),
            1 => {
                let (low, high) = (rng.below(1100) as u32, rng.below(1100) as u32);
                all = (low.min(DOCS)..high.clamp(low.min(DOCS), DOCS)).collect();
                DocSet::range(low..high, DOCS)
            }
            2 => list.complement(DOCS).complement(DOCS),
            _ => list,
        };
        (set, all)
    }

    fn listed(set: &DocSet) -> Vec<u32> {
        let all = set.to_vec();
        assert_eq!(all.len() as u64, set.count());
        assert_eq!(all.is_empty(), set.is_empty());
        assert!((0..DOCS + 70).all(|doc| set.contains(doc) == all.binary_search(&doc).is_ok()));
        all
    }

    #[test]
    fn the_algebra_is_that_of_sets_in_every_form() {
        let mut rng = Rng(21);
        for _ in 0..3000 {
            let ((a, x), (b, y)) = (random(&mut rng), random(&mut rng));
            let of = |set: BTreeSet<u32>| set.into_iter().collect::<Vec<_>>();
            assert_eq!(listed(&a), of(x.clone()));
            assert_eq!(listed(&a.clone().and(b.clone())), of(&x & &y));
            assert_eq!(listed(&a.clone().or(b.clone(), DOCS)), of(&x | &y));
            assert_eq!(listed(&a.clone().without(&b)), of(&x - &y));
            assert_eq!(listed(&b.complement(DOCS)), of(&(0..DOCS).collect() - &y));
        }
    }

    #[test]
    fn stored_lists_of_every_form_combine_like_sets() {
        let mut rng = Rng(22);
        for _ in 0..1000 {
            let ((a, x), (_, y)) = (random(&mut rng), random(&mut rng));
            let docs: Vec<u32> = y.iter().copied().collect();
            let mut bits = vec![0_u8; [125, 128, 140][rng.below(3) as usize]];
            docs.iter().for_each(|&doc| bits[doc as usize / 8] |= 1 << (doc % 8));
            let forms = [
                Set::Docs(Cow::Borrowed(&docs)),
                Set::Bits(&bits),
                Set::Roaring(Cow::Owned(docs.iter().copied().collect())),
            ];
            for form in forms {
                let wanted: Vec<u32> = (&x & &y).into_iter().collect();
                assert_eq!(a.count_common(&form), wanted.len() as u64);
                assert_eq!(listed(&a.clone().and_set(&form, DOCS)), wanted);
                assert_eq!(DocSet::All(DOCS).and_set(&form, DOCS).to_vec(), docs);
            }
        }
    }

    #[test]
    fn documents_past_the_visible_ones_are_dropped() {
        let bits = [0xFF_u8; 24];
        let set = Set::Bits(&bits);
        assert_eq!(DocSet::All(70).and_set(&set, 70).count(), 70);
        assert_eq!(DocSet::of_list(vec![90, 5, 5, 69, 70], 70).to_vec(), [5, 69]);
        assert_eq!(DocSet::range(3..500, 70).count(), 67);
        assert_eq!(DocSet::range(0..500, 64), DocSet::All(64));
    }

    #[test]
    fn the_form_of_a_set_changes_no_count() {
        for docs in [1, 63, 64, 65, 200, 1_000] {
            let list: Vec<u32> = (0..docs).step_by(7).collect();
            let bytes: Vec<u8> = (0..docs.div_ceil(8)).map(|at| (at * 37 % 251) as u8).collect();
            let (few, bits) = (DocSet::List(list.clone()), DocSet::List(list.clone()).as_bits(docs));
            assert_eq!(bits.to_vec(), list);
            // Stored bits are whole words, those in memory end anywhere, past the visible documents too.
            for cut in [bytes.len(), bytes.len() / 2, bytes.len().saturating_sub(3)] {
                let stored = Set::Bits(&bytes[..cut]);
                let wanted = list.iter().filter(|&&doc| stored.contains(doc)).count() as u64;
                assert_eq!(
                    (few.count_common(&stored), bits.count_common(&stored)),
                    (wanted, wanted),
                    "{docs} {cut}"
                );
            }
        }
    }
}
