//! Words of the live form: every word of every distinct value, found by its text.
//!
//! A word's terms are a chain through one arena, newest first: an append costs no search and no
//! allocation of its own.

use hashbrown::HashTable;

use super::doc;
use super::live::spread;
use crate::text::words;

/// Marks the hashes of words: no place of a value is this.
const PLACE: u32 = u32::MAX;
const NONE: u32 = u32::MAX;

/// Words to terms, growing.
#[derive(Debug, Default)]
pub(super) struct LiveWords {
    slots: HashTable<Slot>,
    entries: Vec<Entry>,
    texts: Vec<u8>,
    /// (term, the link before it).
    links: Vec<(u32, u32)>,
    /// The word of each link, for the seal.
    owners: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    entry: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    bytes: u32,
    /// Its newest link.
    head: u32,
    links: u32,
}

impl LiveWords {
    /// Adds the words of a folded value, the value of a new term.
    pub(super) fn add(&mut self, folded: &[u8], term: u32) {
        // Values come out of JSON; what is not UTF-8 has no words.
        let Ok(folded) = std::str::from_utf8(folded) else { return };
        for word in words(folded) {
            let entry = self.enter(word.as_bytes());
            let Entry { head, links, .. } = &mut self.entries[entry as usize];
            // A value that says a word twice is one link.
            if self.links.get(*head as usize).is_none_or(|link| link.0 != term) {
                self.links.push((term, *head));
                self.owners.push(entry);
                *head = self.links.len() as u32 - 1;
                *links += 1;
            }
        }
    }

    fn enter(&mut self, word: &[u8]) -> u32 {
        let hash = doc::hash(PLACE, word);
        if let Some(slot) = self.find(hash, word) {
            return slot.entry;
        }
        let entry = self.entries.len() as u32;
        self.slots.insert_unique(spread(hash), Slot { hash, entry }, |slot| spread(slot.hash));
        self.entries.push(Entry {
            start: self.texts.len() as u32,
            bytes: word.len() as u32,
            head: NONE,
            links: 0,
        });
        self.texts.extend_from_slice(word);
        entry
    }

    fn find(&self, hash: u32, word: &[u8]) -> Option<Slot> {
        let is = |slot: &Slot| slot.hash == hash && self.text(slot.entry) == word;
        self.slots.find(spread(hash), is).copied()
    }

    /// Terms whose value has the word, ascending.
    pub(super) fn terms(&self, word: &str) -> Vec<u32> {
        let mut terms = Vec::new();
        if let Some(slot) = self.find(doc::hash(PLACE, word.as_bytes()), word.as_bytes()) {
            self.chain(slot.entry, &mut terms);
            terms.reverse();
        }
        terms
    }

    /// Terms whose value has a word that begins with `prefix` and is wanted, ascending. Looks at every
    /// distinct word, until `go_on`, which is asked before each, says no.
    pub(super) fn terms_with(
        &self,
        prefix: &str,
        go_on: &dyn Fn() -> bool,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Vec<u32> {
        let mut terms = Vec::new();
        for entry in (0..self.entries.len() as u32).take_while(|_| go_on()) {
            let text = self.text(entry);
            if text.starts_with(prefix.as_bytes()) && std::str::from_utf8(text).is_ok_and(wanted) {
                self.chain(entry, &mut terms);
            }
        }
        terms.sort_unstable();
        terms.dedup();
        terms
    }

    /// Appends the terms of a word, descending.
    fn chain(&self, entry: u32, terms: &mut Vec<u32>) {
        let mut at = self.entries[entry as usize].head;
        while let Some(&(term, before)) = self.links.get(at as usize) {
            terms.push(term);
            at = before;
        }
    }

    /// The text of a word.
    pub(super) fn text(&self, entry: u32) -> &[u8] {
        let entry = self.entries[entry as usize];
        &self.texts[entry.start as usize..][..entry.bytes as usize]
    }

    /// Number of distinct words: entries are below it.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// The entry of a word.
    pub(super) fn entry(&self, word: &[u8]) -> Option<u32> {
        self.find(doc::hash(PLACE, word), word).map(|slot| slot.entry)
    }

    /// Every term that has words, in order, with the entries of its distinct words.
    pub(super) fn by_term(&self, mut visit: impl FnMut(u32, &[u32])) {
        let mut owners = self.owners.as_slice();
        for links in self.links.chunk_by(|a, b| a.0 == b.0) {
            let (own, rest) = owners.split_at(links.len());
            owners = rest;
            visit(links[0].0, own);
        }
    }

    /// Every word in byte order, with its terms ascending.
    pub(super) fn sorted(&self, mut visit: impl FnMut(u32, &[u32])) {
        let mut order: Vec<(u64, u32)> =
            (0..self.entries.len() as u32).map(|entry| (head_of(self.text(entry)), entry)).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.text(a.1).cmp(self.text(b.1))));
        let (ends, terms) = self.by_word();
        for (_, entry) in order {
            let end = ends[entry as usize] as usize;
            let start = end - self.entries[entry as usize].links as usize;
            visit(entry, &terms[start..end]);
        }
    }

    /// All terms, those of one word together, and where each word's end. One pass over the links in their
    /// order: following the chains would wait for memory at every step.
    fn by_word(&self) -> (Vec<u32>, Vec<u32>) {
        let mut places = Vec::with_capacity(self.entries.len());
        let mut total = 0;
        for entry in &self.entries {
            places.push(total);
            total += entry.links;
        }
        let mut terms = vec![0; total as usize];
        for (&(term, _), &owner) in self.links.iter().zip(&self.owners) {
            let place = &mut places[owner as usize];
            terms[*place as usize] = term;
            *place += 1;
        }
        (places, terms)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * (size_of::<Slot>() + 2)
            + self.entries.capacity() * size_of::<Entry>()
            + self.texts.capacity()
            + self.links.capacity() * 12
    }
}

/// The first eight bytes, for most comparisons.
fn head_of(text: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = text.len().min(8);
    first[..len].copy_from_slice(&text[..len]);
    u64::from_be_bytes(first)
}
