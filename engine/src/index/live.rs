//! The live form: the index of a segment that still grows, in memory.
//!
//! Keeps true: a document is found by all its terms as soon as `push` returned.
//! Pushing is on the writer's path: a push of ten known terms is ten probes and ten appends.
//!
//! Values are found by their exact bytes. Those that are not lower case are also chained from a
//! second table by their folded form; a chain, so that a flood of spellings of one value costs each
//! push the same.

use std::collections::BTreeSet;

use hashbrown::HashTable;

use super::doc::{self, Doc, Term};
use super::postings::{List, Postings};
use crate::text::{cmp_folded, fold_bytes};

const NONE: u32 = u32::MAX;

/// Index of a segment that still grows, in memory. Documents are numbered from 0.
#[derive(Debug, Default)]
pub struct Live {
    /// All exact values.
    exact: HashTable<Slot>,
    /// Folded forms of values that are not lower case: head of the chain.
    folded: HashTable<Slot>,
    terms: Vec<Entry>,
    values: Vec<u8>,
    /// Terms of each field id, in order of arrival.
    fields: Vec<Vec<u32>>,
    pub(super) times: Vec<i64>,
    pub(super) committed: Vec<u64>,
    /// Documents not earlier than any before them: ascending by (time, document).
    pub(super) punctual: Vec<u32>,
    /// The others.
    pub(super) late: BTreeSet<(i64, u32)>,
    span: Option<(i64, i64)>,
    postings: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    term: u32,
}

#[derive(Debug)]
struct Entry {
    start: u32,
    bytes: u32,
    field: u16,
    /// The next term of the same field and folded form that is not lower case.
    next: u32,
    list: List,
}

/// The table takes the top bits for tags and the low ones for places: spread 32 bits over both.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Live {
    /// Adds the next document. About 0.3 µs for ten terms.
    pub fn push(&mut self, doc: &Doc) {
        let number = self.docs();
        let time = doc.time_ns();
        for term in doc.terms() {
            self.add(&term, number);
        }
        self.times.push(time);
        self.committed.push(doc.committed_us());
        let (first, last) = self.span.unwrap_or((time, time));
        if time >= last {
            self.punctual.push(number);
        } else {
            self.late.insert((time, number));
        }
        self.span = Some((first.min(time), last.max(time)));
    }

    /// How many documents it holds.
    #[must_use]
    pub fn docs(&self) -> u32 {
        self.times.len() as u32
    }

    /// Earliest and latest event time.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        self.span
    }

    /// When a document was committed.
    #[must_use]
    pub fn committed_us(&self, doc: u32) -> Option<u64> {
        self.committed.get(doc as usize).copied()
    }

    /// Heap bytes, roughly: for metrics and bounds.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let tables = (self.exact.capacity() + self.folded.capacity()) * (size_of::<Slot>() + 2);
        let terms = self.terms.capacity() * (size_of::<Entry>() + 8) + self.values.capacity();
        let columns = (self.times.capacity() + self.committed.capacity()) * 8 + self.punctual.capacity() * 4;
        tables + terms + columns + self.late.len() * 24 + self.postings * 4
    }

    fn add(&mut self, term: &Term<'_>, doc: u32) {
        let Self { exact, terms, values, .. } = self;
        let known = exact.find(spread(term.hash), |slot| {
            slot.hash == term.hash && is(&terms[slot.term as usize], values, term.field, term.value)
        });
        self.postings += 1;
        match known.map(|slot| slot.term) {
            Some(known) => self.terms[known as usize].list.push(doc),
            None => self.insert(term, doc),
        }
    }

    fn insert(&mut self, term: &Term<'_>, doc: u32) {
        let number = self.terms.len() as u32;
        let slot = Slot { hash: term.hash, term: number };
        self.exact.insert_unique(spread(term.hash), slot, |slot| spread(slot.hash));
        let field = usize::from(term.field);
        if self.fields.len() <= field {
            self.fields.resize_with(field + 1, Vec::new);
        }
        self.fields[field].push(number);
        let next = self.chain(term, number);
        self.terms.push(Entry {
            start: self.values.len() as u32,
            bytes: term.value.len() as u32,
            field: term.field,
            next,
            list: List::One(doc),
        });
        self.values.extend_from_slice(term.value);
    }

    /// Puts a term that is not lower case at the head of its chain; returns what was the head.
    fn chain(&mut self, term: &Term<'_>, number: u32) -> u32 {
        let folded = fold_bytes(term.value);
        if *folded == *term.value {
            return NONE;
        }
        let hash = doc::hash(term.field, &folded);
        let Self { folded: heads, terms, values, .. } = self;
        let head = heads.find_mut(spread(hash), |slot| {
            slot.hash == hash && folds_to(&terms[slot.term as usize], values, term.field, &folded)
        });
        if let Some(slot) = head {
            return std::mem::replace(&mut slot.term, number);
        }
        heads.insert_unique(spread(hash), Slot { hash, term: number }, |slot| spread(slot.hash));
        NONE
    }

    pub(super) fn exact<'a>(&'a self, field: u16, value: &str, found: &mut Vec<Postings<'a>>) {
        let hash = doc::hash(field, value.as_bytes());
        let slot = self.exact.find(spread(hash), |slot| {
            slot.hash == hash && is(&self.terms[slot.term as usize], &self.values, field, value.as_bytes())
        });
        found.extend(slot.map(|slot| Postings::of_list(&self.terms[slot.term as usize].list)));
    }

    pub(super) fn folded<'a>(&'a self, field: u16, folded: &str, found: &mut Vec<Postings<'a>>) {
        self.exact(field, folded, found);
        let hash = doc::hash(field, folded.as_bytes());
        let head = self.folded.find(spread(hash), |slot| {
            let entry = &self.terms[slot.term as usize];
            slot.hash == hash && folds_to(entry, &self.values, field, folded.as_bytes())
        });
        let mut at = head.map_or(NONE, |slot| slot.term);
        while let Some(entry) = self.terms.get(at as usize) {
            found.push(Postings::of_list(&entry.list));
            at = entry.next;
        }
    }

    pub(super) fn scan<'a>(
        &'a self,
        field: u16,
        prefix: &str,
        wanted: &dyn Fn(&[u8]) -> bool,
        found: &mut Vec<Postings<'a>>,
    ) {
        for &number in self.fields.get(usize::from(field)).map_or(&[][..], Vec::as_slice) {
            let entry = &self.terms[number as usize];
            let folded = fold_bytes(value(entry, &self.values));
            if folded.starts_with(prefix.as_bytes()) && wanted(&folded) {
                found.push(Postings::of_list(&entry.list));
            }
        }
    }

    /// Every field that has terms: its id, and number and value of each term.
    pub(super) fn dictionary(&self) -> impl Iterator<Item = (u16, &[u32])> {
        let ids = self.fields.iter().enumerate().filter(|(_, terms)| !terms.is_empty());
        ids.map(|(id, terms)| (id as u16, terms.as_slice()))
    }

    pub(super) fn value_of(&self, number: u32) -> &[u8] {
        value(&self.terms[number as usize], &self.values)
    }

    pub(super) fn list_of(&self, number: u32) -> &List {
        &self.terms[number as usize].list
    }
}

fn value<'a>(entry: &Entry, values: &'a [u8]) -> &'a [u8] {
    &values[entry.start as usize..][..entry.bytes as usize]
}

fn is(entry: &Entry, values: &[u8], field: u16, exact: &[u8]) -> bool {
    entry.field == field && value(entry, values) == exact
}

fn folds_to(entry: &Entry, values: &[u8], field: u16, folded: &[u8]) -> bool {
    entry.field == field && cmp_folded(value(entry, values), folded).is_eq()
}

impl List {
    /// Shorter lists stay lists; longer ones that at least every 32nd document is in become bits,
    /// which then take no more memory.
    const BITS_MIN: usize = 1024;

    fn push(&mut self, doc: u32) {
        match self {
            // An event that says a value twice is still one document.
            Self::One(only) if *only == doc => {}
            Self::One(only) => *self = Self::Few(vec![*only, doc]),
            Self::Few(docs) if docs.last() == Some(&doc) => {}
            Self::Few(docs) => {
                docs.push(doc);
                if docs.len() >= Self::BITS_MIN && docs.len() >= doc as usize / 32 {
                    *self = Self::bits_of(docs);
                }
            }
            Self::Bits { bits, count } => *count += u32::from(set_bit(bits, doc)),
        }
    }

    /// The same list as bits.
    pub(super) fn bits_of(docs: &[u32]) -> Self {
        let mut bits = Vec::new();
        let count = docs.iter().map(|&doc| u32::from(set_bit(&mut bits, doc))).sum();
        Self::Bits { bits, count }
    }
}

/// Sets a bit; true when it was not set.
fn set_bit(bits: &mut Vec<u8>, doc: u32) -> bool {
    let (at, bit) = (doc as usize / 8, 1 << (doc % 8));
    if at >= bits.len() {
        bits.resize(at + 1, 0);
    }
    let fresh = bits[at] & bit == 0;
    bits[at] |= bit;
    fresh
}
