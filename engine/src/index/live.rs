//! The live form: the index of a segment that still grows, in memory.
//!
//! Keeps true: a document is found by all its values, paths and words as soon as `push` returned.
//! Pushing is on the writer's path: a value that is known costs a probe and an append; a new one is
//! split into words once.
//!
//! Values are found by their exact bytes. Those that are not lower case are also chained from a
//! second table by their folded form; a chain, so that a flood of spellings of one value costs each
//! push the same.

use std::collections::BTreeSet;

use hashbrown::HashTable;

use super::doc::{self, Doc, Entry, Hashed};
use super::live_words::LiveWords;
use super::postings::{List, Postings};
use super::{Dictionary, Field, PATHS_MAX, PathId, UNLISTED, Words};
use crate::error::StoreError;
use crate::text::{Number, cmp_folded, fold_bytes};

const NONE: u32 = u32::MAX;

/// Index of a segment that still grows, in memory. Documents are numbered from 0.
#[derive(Debug, Default)]
pub struct Live {
    /// All exact values.
    exact: HashTable<Slot>,
    /// Folded forms of values that are not lower case: head of the chain.
    folded: HashTable<Slot>,
    terms: Vec<Term>,
    values: Vec<u8>,
    /// Terms of each dictionary, in order of arrival.
    dictionaries: Vec<Vec<u32>>,
    /// The term that was said last, of each dictionary.
    last: Vec<u32>,
    paths: Vec<Path>,
    path_slots: HashTable<Slot>,
    path_names: Vec<u8>,
    /// Documents with paths that are not listed.
    unlisted: Option<List>,
    /// Documents whose changed paths are not listed.
    changes_loose: Option<List>,
    pub(super) words: LiveWords,
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
    number: u32,
}

#[derive(Debug)]
struct Term {
    start: u32,
    bytes: u32,
    dictionary: u16,
    /// The next term of the same dictionary and folded form that is not lower case.
    next: u32,
    list: List,
}

/// One path below `metadata`.
#[derive(Debug)]
pub(super) struct Path {
    hash: u32,
    start: u32,
    bytes: u32,
    pub present: List,
    pub yes: Option<List>,
    pub no: Option<List>,
}

/// Where the values of an entry go.
#[derive(Clone, Copy)]
enum Place {
    Listed(PathId),
    Unlisted,
}

/// The table takes the top bits for tags and the low ones for places: spread 32 bits over both.
pub(super) fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Live {
    /// Adds the next document. About 2 µs for an event of 20 values, a few of them new.
    pub fn push(&mut self, doc: &Doc) {
        let number = self.docs();
        let time = doc.time_ns();
        let mut place = Place::Unlisted;
        doc.each(|entry| match entry {
            Entry::Envelope(field, value) => self.add(field, value, number),
            Entry::Path(path) => place = self.enter(path, number),
            Entry::UnlistedPath => {
                push(&mut self.unlisted, number);
                place = Place::Unlisted;
            }
            Entry::ChangesLoose => push(&mut self.changes_loose, number),
            Entry::Text(value) => self.add(place.strings(), place.hashed(value), number),
            Entry::Number(value) => self.add(place.numbers(), place.hashed(value), number),
            Entry::Flag(flag) => self.flag(place, flag, number),
        });
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
        let slots = self.exact.capacity() + self.folded.capacity() + self.path_slots.capacity();
        let terms = self.terms.capacity() * (size_of::<Term>() + 8) + self.values.capacity();
        let paths = self.paths.capacity() * size_of::<Path>() + self.path_names.capacity();
        let columns = (self.times.capacity() + self.committed.capacity()) * 8 + self.punctual.capacity() * 4;
        let lists = self.postings * 4;
        slots * (size_of::<Slot>() + 2)
            + terms
            + paths
            + columns
            + lists
            + self.late.len() * 24
            + self.words.heap_bytes()
    }

    /// Finds or makes the path, and notes the document there.
    fn enter(&mut self, path: Hashed<'_>, doc: u32) -> Place {
        let Self { path_slots, paths, path_names, .. } = self;
        let known = path_slots.find(spread(path.hash), |slot| {
            slot.hash == path.hash && paths[slot.number as usize].name(path_names) == path.bytes
        });
        if let Some(number) = known.map(|slot| slot.number) {
            self.paths[number as usize].present.push(doc);
            return Place::Listed(PathId(number as u16));
        }
        let number = self.paths.len() as u32;
        if number >= u32::from(PATHS_MAX) {
            push(&mut self.unlisted, doc);
            return Place::Unlisted;
        }
        let slot = Slot { hash: path.hash, number };
        self.path_slots.insert_unique(spread(path.hash), slot, |slot| spread(slot.hash));
        self.paths.push(Path {
            hash: path.hash,
            start: self.path_names.len() as u32,
            bytes: path.bytes.len() as u32,
            present: List::One(doc),
            yes: None,
            no: None,
        });
        self.path_names.extend_from_slice(path.bytes);
        Place::Listed(PathId(number as u16))
    }

    fn flag(&mut self, place: Place, flag: bool, doc: u32) {
        if let Place::Listed(PathId(number)) = place {
            let path = &mut self.paths[usize::from(number)];
            push(if flag { &mut path.yes } else { &mut path.no }, doc);
        }
    }

    fn add(&mut self, dictionary: u16, value: Hashed<'_>, doc: u32) {
        let Self { exact, terms, values, last, .. } = self;
        self.postings += 1;
        // Neighbours often say the same: one comparison instead of a search.
        if let Some(&again) = last.get(usize::from(dictionary))
            && let Some(term) = terms.get_mut(again as usize)
            && is(term, values, dictionary, value.bytes)
        {
            return term.list.push(doc);
        }
        let known = exact.find(spread(value.hash), |slot| {
            slot.hash == value.hash && is(&terms[slot.number as usize], values, dictionary, value.bytes)
        });
        let number = match known.map(|slot| slot.number) {
            Some(known) => {
                self.terms[known as usize].list.push(doc);
                known
            }
            None => self.insert(dictionary, value, doc),
        };
        if let Some(last) = self.last.get_mut(usize::from(dictionary)) {
            *last = number;
        }
    }

    fn insert(&mut self, dictionary: u16, value: Hashed<'_>, doc: u32) -> u32 {
        let number = self.terms.len() as u32;
        let slot = Slot { hash: value.hash, number };
        self.exact.insert_unique(spread(value.hash), slot, |slot| spread(slot.hash));
        let at = usize::from(dictionary);
        if self.dictionaries.len() <= at {
            self.dictionaries.resize_with(at + 1, Vec::new);
            self.last.resize(at + 1, NONE);
        }
        self.dictionaries[at].push(number);
        let folded = fold_bytes(value.bytes);
        let next = if *folded == *value.bytes { NONE } else { self.chain(dictionary, &folded, number) };
        if dictionary != Field::Changed.id() {
            self.words.add(&folded, number);
        }
        self.terms.push(Term {
            start: self.values.len() as u32,
            bytes: value.bytes.len() as u32,
            dictionary,
            next,
            list: List::One(doc),
        });
        self.values.extend_from_slice(value.bytes);
        number
    }

    /// Puts a term that is not lower case at the head of its chain; returns what was the head.
    fn chain(&mut self, dictionary: u16, folded: &[u8], number: u32) -> u32 {
        let hash = doc::hash(self.place_of(dictionary), folded);
        let Self { folded: heads, terms, values, .. } = self;
        let head = heads.find_mut(spread(hash), |slot| {
            slot.hash == hash && folds_to(&terms[slot.number as usize], values, dictionary, folded)
        });
        if let Some(slot) = head {
            return std::mem::replace(&mut slot.number, number);
        }
        heads.insert_unique(spread(hash), Slot { hash, number }, |slot| spread(slot.hash));
        NONE
    }

    /// What the hashes of a dictionary's values were made with (see `doc`).
    fn place_of(&self, dictionary: u16) -> u32 {
        match Dictionary(dictionary).path() {
            None => u32::from(dictionary),
            Some((path, numbers)) => {
                let hash = self.paths.get(usize::from(path.0)).map_or(0, |path| path.hash);
                if numbers { !hash } else { hash }
            }
        }
    }

    pub(super) fn exact<'a>(&'a self, dictionary: u16, value: &str, found: &mut Vec<Postings<'a>>) {
        let hash = doc::hash(self.place_of(dictionary), value.as_bytes());
        let slot = self.exact.find(spread(hash), |slot| {
            let term = &self.terms[slot.number as usize];
            slot.hash == hash && is(term, &self.values, dictionary, value.as_bytes())
        });
        found.extend(slot.map(|slot| Postings::of_list(self.list_of(slot.number))));
    }

    pub(super) fn folded<'a>(&'a self, dictionary: u16, folded: &str, found: &mut Vec<Postings<'a>>) {
        self.exact(dictionary, folded, found);
        let hash = doc::hash(self.place_of(dictionary), folded.as_bytes());
        let head = self.folded.find(spread(hash), |slot| {
            let term = &self.terms[slot.number as usize];
            slot.hash == hash && folds_to(term, &self.values, dictionary, folded.as_bytes())
        });
        let mut at = head.map_or(NONE, |slot| slot.number);
        while let Some(term) = self.terms.get(at as usize) {
            found.push(Postings::of_list(&term.list));
            at = term.next;
        }
    }

    pub(super) fn scan<'a>(
        &'a self,
        dictionary: u16,
        prefix: &str,
        go_on: &dyn Fn(usize) -> bool,
        wanted: &dyn Fn(&[u8]) -> bool,
        found: &mut Vec<Postings<'a>>,
    ) {
        for &number in self.terms_of(dictionary) {
            let value = self.value_of(number);
            if !go_on(value.len()) {
                break;
            }
            let folded = fold_bytes(value);
            if folded.starts_with(prefix.as_bytes()) && wanted(&folded) {
                found.push(Postings::of_list(self.list_of(number)));
            }
        }
    }

    pub(super) fn visit<'a>(
        &'a self,
        dictionary: u16,
        visit: &mut dyn FnMut(u32, &'a [u8], Postings<'a>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.terms_of(dictionary).iter().try_for_each(|&number| {
            visit(number, self.value_of(number), Postings::of_list(self.list_of(number)))
        })
    }

    pub(super) fn term(&self, number: u32) -> Option<(Dictionary, &[u8], Postings<'_>)> {
        let term = self.terms.get(number as usize)?;
        Some((Dictionary(term.dictionary), value(term, &self.values), Postings::of_list(&term.list)))
    }

    pub(super) fn numbers<'a>(
        &'a self,
        dictionary: u16,
        within: &dyn Fn(&Number) -> bool,
        go_on: &dyn Fn() -> bool,
        found: &mut Vec<Postings<'a>>,
    ) {
        for &number in self.terms_of(dictionary).iter().take_while(|_| go_on()) {
            let text = std::str::from_utf8(self.value_of(number)).ok();
            if text.and_then(Number::parse).is_some_and(|value| within(&value)) {
                found.push(Postings::of_list(self.list_of(number)));
            }
        }
    }

    /// The paths, by number.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&[u8], &Path)> {
        self.paths.iter().map(|path| (path.name(&self.path_names), path))
    }

    pub(super) fn path(&self, path: PathId) -> Option<&Path> {
        self.paths.get(usize::from(path.0))
    }

    pub(super) fn changes_loose(&self) -> Option<&List> {
        self.changes_loose.as_ref()
    }

    pub(super) fn unlisted(&self) -> Option<&List> {
        self.unlisted.as_ref()
    }

    pub(super) fn word(&self, word: &str) -> Words<'_> {
        Words { terms: self.words.terms(word), ..Words::default() }
    }

    pub(super) fn words(
        &self,
        prefix: &str,
        go_on: &dyn Fn() -> bool,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Words<'_> {
        Words { terms: self.words.terms_with(prefix, go_on, wanted), ..Words::default() }
    }

    pub(super) fn terms_of(&self, dictionary: u16) -> &[u32] {
        self.dictionaries.get(usize::from(dictionary)).map_or(&[][..], Vec::as_slice)
    }

    /// Dictionaries have numbers below this.
    pub(super) fn dictionaries_end(&self) -> u16 {
        self.dictionaries.len() as u16
    }

    pub(super) fn terms_count(&self) -> usize {
        self.terms.len()
    }

    pub(super) fn value_of(&self, number: u32) -> &[u8] {
        value(&self.terms[number as usize], &self.values)
    }

    pub(super) fn list_of(&self, number: u32) -> &List {
        &self.terms[number as usize].list
    }
}

impl Place {
    fn strings(self) -> u16 {
        match self {
            Self::Listed(path) => Dictionary::strings(path).0,
            Self::Unlisted => UNLISTED,
        }
    }

    fn numbers(self) -> u16 {
        match self {
            Self::Listed(path) => Dictionary::numbers(path).0,
            Self::Unlisted => UNLISTED,
        }
    }

    /// Values come hashed with their path; those at unlisted paths are one dictionary's, whatever their
    /// paths.
    fn hashed(self, value: Hashed<'_>) -> Hashed<'_> {
        match self {
            Self::Listed(_) => value,
            Self::Unlisted => Hashed { hash: doc::hash(u32::from(UNLISTED), value.bytes), ..value },
        }
    }
}

impl Path {
    fn name<'a>(&self, names: &'a [u8]) -> &'a [u8] {
        &names[self.start as usize..][..self.bytes as usize]
    }
}

fn value<'a>(term: &Term, values: &'a [u8]) -> &'a [u8] {
    &values[term.start as usize..][..term.bytes as usize]
}

fn is(term: &Term, values: &[u8], dictionary: u16, exact: &[u8]) -> bool {
    term.dictionary == dictionary && value(term, values) == exact
}

fn folds_to(term: &Term, values: &[u8], dictionary: u16, folded: &[u8]) -> bool {
    term.dictionary == dictionary && cmp_folded(value(term, values), folded).is_eq()
}

fn push(list: &mut Option<List>, doc: u32) {
    match list {
        Some(list) => list.push(doc),
        None => *list = Some(List::One(doc)),
    }
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
