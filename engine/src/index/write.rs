//! Sealing: a live index becomes sections of the segment's index file.
//!
//! Deterministic: the same documents in the same order give the same bytes, whatever the process.
//!
//! Values that cost more than they help are left to the record (`loose`): long texts and ids that few
//! documents have. Their words are found all the same.

use std::cmp::Ordering;

use hashbrown::HashMap;

use super::column;
use super::live::Live;
use super::pairs::{self, Known, Pair, joined};
use super::postings::{DENSE, List};
use super::stored::{
    COMMITTED, HEAD, LISTS, NO_LIST, ONE, ORDER, PATHS, POSTINGS, RARE, STARTS, TIMES, VALUES, VERSION, WORDS,
};
use super::word_file::{Body, Docs, INLINE_BYTES_MAX, WordWriter};
use super::{Dictionary, Field, rare};
use crate::codec::sections::SectionsWriter;
use crate::error::StoreError;
use crate::text::{Number, cmp_folded, fold_bytes};

/// Words of at most this many documents are kept by hash.
const RARE_DOCS_MAX: usize = 2;
/// Longer words too.
const WORD_BYTES_MAX: usize = 128;
/// Words of more terms than this keep their documents instead.
const WORD_TERMS_MAX: usize = 1024;

/// Members with few values, by which events are counted: their lists are intersected with everything,
/// so they are bit sets down to this density.
const COUNTED: [Field; 6] =
    [Field::Category, Field::Status, Field::ActorType, Field::EventType, Field::Action, Field::ResourceType];
const COUNTED_DENSE: usize = 64;

/// No number in the dictionary: the value is loose.
const LOOSE: u32 = u32::MAX;

/// A term and the first bytes of its folded value: most comparisons end there.
struct Key {
    prefix: u128,
    term: u32,
}

/// One dictionary's entry in the head.
struct Range {
    id: u16,
    first: u32,
    terms: u32,
    loose: u32,
}

#[derive(Default)]
struct Sealing {
    ranges: Vec<Range>,
    /// Of each term: where its value begins, and its list.
    starts: Vec<i64>,
    term_lists: Vec<i64>,
    values: Vec<u8>,
    lists: Lists,
    /// The number of each live term in the dictionary, or `LOOSE`.
    numbers: Vec<u32>,
}

/// Posting lists; equal ones are stored once: a user's id, e-mail and name name the same documents, and
/// so do the paths that come together.
#[derive(Default)]
struct Lists {
    bytes: Vec<u8>,
    known: HashMap<[u8; 32], u32>,
}

impl Live {
    /// Writes the stored form as sections with tags 32 to 42. About 0.5 s for 131,072 documents.
    ///
    /// # Errors
    /// `Io` or `Full`; `Refused` when values or lists pass the 2 GiB that their offsets can name.
    pub fn write(&self, file: &mut SectionsWriter<'_>) -> Result<(), StoreError> {
        let mut sealing = Sealing { numbers: vec![LOOSE; self.terms_count()], ..Sealing::default() };
        let changed = Field::Changed.id();
        for id in 0..self.dictionaries_end().max(changed + 1) {
            let terms = self.terms_of(id);
            if !terms.is_empty() || (id == changed && self.changes_loose().is_some()) {
                sealing.dictionary(self, id, terms)?;
            }
        }
        // One more than terms: where the last value ends.
        sealing.starts.push(i64::from(offset(sealing.values.len())?));
        let paths = sealing.paths(self)?;
        let unlisted = sealing.lists.word(self.unlisted(), self.docs(), DENSE)?;
        let (words, rare) = sealing.words(self)?;
        file.section(HEAD, &sealing.head(self, unlisted))?;
        file.section(STARTS, &column::encode(&sealing.starts))?;
        file.section(VALUES, &sealing.values)?;
        file.section(POSTINGS, &sealing.lists.bytes)?;
        file.section(TIMES, &column::encode(&self.times))?;
        file.section(ORDER, &column::encode(&self.order()))?;
        let committed: Vec<i64> = self.committed.iter().map(|&us| us as i64).collect();
        file.section(COMMITTED, &column::encode(&committed))?;
        file.section(PATHS, &paths)?;
        file.section(WORDS, &words)?;
        file.section(RARE, &rare)?;
        file.section(LISTS, &column::encode(&sealing.term_lists))
    }

    /// Documents by (time, document): the two ascending sequences, merged.
    fn order(&self) -> Vec<i64> {
        let mut order = Vec::with_capacity(self.times.len());
        let mut late = self.late.iter().copied().peekable();
        for &doc in &self.punctual {
            let position = (self.times[doc as usize], doc);
            while let Some((_, before)) = late.next_if(|&late| late < position) {
                order.push(i64::from(before));
            }
            order.push(i64::from(doc));
        }
        order.extend(late.map(|(_, doc)| i64::from(doc)));
        order
    }

    /// Whether a term's value is left to the record.
    fn is_loose(&self, dictionary: u16, term: u32) -> bool {
        let always_listed = dictionary <= Field::ActorAddress.id()
            || dictionary == Field::Changed.id()
            || Dictionary(dictionary).path().is_some_and(|(_, numbers)| numbers);
        // Listed, a value costs itself and a dictionary entry; loose, each of its documents costs its
        // words.
        let bytes = self.value_of(term).len();
        !always_listed && self.list_of(term).len() * (bytes / 6 + 4) < bytes + 8
    }
}

impl Sealing {
    fn dictionary(&mut self, live: &Live, id: u16, terms: &[u32]) -> Result<(), StoreError> {
        let (loose, listed): (Vec<u32>, Vec<u32>) = terms.iter().partition(|&&term| live.is_loose(id, term));
        let first = self.count();
        let numbers = Dictionary(id).path().is_some_and(|(_, numbers)| numbers);
        let dense = if COUNTED.iter().any(|field| field.id() == id) { COUNTED_DENSE } else { DENSE };
        for term in if numbers { by_number(live, &listed) } else { by_text(live, &listed) } {
            self.numbers[term as usize] = self.count();
            self.starts.push(i64::from(offset(self.values.len())?));
            self.values.extend_from_slice(live.value_of(term));
            let word = self.lists.word(Some(live.list_of(term)), live.docs(), dense)?;
            self.term_lists.push(i64::from(word & !ONE) << 1 | i64::from(word >> 31));
        }
        let docs =
            if id == Field::Changed.id() { live.changes_loose().cloned() } else { union(live, &loose) };
        let loose = self.lists.word(docs.as_ref(), live.docs(), DENSE)?;
        self.ranges.push(Range { id, first, terms: listed.len() as u32, loose });
        Ok(())
    }

    fn count(&self) -> u32 {
        self.term_lists.len() as u32
    }

    fn head(&self, live: &Live, unlisted: u32) -> Vec<u8> {
        let (least, most) = live.span().unwrap_or_default();
        let mut head = Vec::new();
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&[0; 2]);
        head.extend_from_slice(&live.docs().to_le_bytes());
        head.extend_from_slice(&least.to_le_bytes());
        head.extend_from_slice(&most.to_le_bytes());
        head.extend_from_slice(&(self.ranges.len() as u32).to_le_bytes());
        head.extend_from_slice(&(live.paths().count() as u32).to_le_bytes());
        head.extend_from_slice(&unlisted.to_le_bytes());
        head.extend_from_slice(&[0; 4]);
        for range in &self.ranges {
            for word in [u32::from(range.id), range.first, range.terms, range.loose] {
                head.extend_from_slice(&word.to_le_bytes());
            }
        }
        head
    }

    fn paths(&mut self, live: &Live) -> Result<Vec<u8>, StoreError> {
        let (mut table, mut names) = (Vec::new(), Vec::new());
        for (name, path) in live.paths() {
            table.extend_from_slice(&offset(names.len())?.to_le_bytes());
            for list in [Some(&path.present), path.yes.as_ref(), path.no.as_ref()] {
                table.extend_from_slice(&self.lists.word(list, live.docs(), DENSE)?.to_le_bytes());
            }
            names.extend_from_slice(name);
        }
        table.extend_from_slice(&offset(names.len())?.to_le_bytes());
        table.append(&mut names);
        Ok(table)
    }

    /// The sections of words and of rare words.
    fn words(&mut self, live: &Live) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let (mut words, mut rare, mut failed) = (Vec::new(), Vec::new(), None);
        live.words.sorted(|entry, terms| {
            if failed.is_none() {
                match self.word(live, entry, terms, &mut rare) {
                    Ok(word) => words.extend(word),
                    Err(error) => failed = Some(error),
                }
            }
        });
        failed.map_or(Ok(()), Err)?;
        let mut writer = WordWriter::default();
        let mut pairs = self.pairs(live, &words).into_iter().peekable();
        for (number, word) in (0..).zip(&words) {
            writer.add(live.words.text(word.entry), &word.body).ok_or_else(too_large)?;
            // Between a word and the next are the pairs that begin with it: a space is before all letters.
            while let Some(pair) = pairs.next_if(|pair| pair.first == number) {
                let second = &words[pair.second as usize];
                let text = joined(live.words.text(word.entry), live.words.text(second.entry));
                if let Some(body) = self.pair(live, &text, &pair.terms, &mut rare)? {
                    writer.add(&text, &body).ok_or_else(too_large)?;
                }
            }
        }
        rare.sort_unstable();
        rare.dedup();
        Ok((writer.finish(), rare::encode(&rare)))
    }

    /// A word that is not rare; the documents of one that is go to `rare`.
    fn word(
        &mut self,
        live: &Live,
        entry: u32,
        terms: &[u32],
        rare: &mut Vec<(u32, u32)>,
    ) -> Result<Option<Entered>, StoreError> {
        let text = live.words.text(entry);
        if text.len() > WORD_BYTES_MAX || in_few(live, terms) {
            put_rare(live, rare::key(text), terms, rare);
            return Ok(None);
        }
        let (loose, mut listed): (Vec<u32>, Vec<u32>) =
            terms.iter().partition(|&&term| self.numbers[term as usize] == LOOSE);
        listed.iter_mut().for_each(|term| *term = self.numbers[*term as usize]);
        let wide = listed.len() > WORD_TERMS_MAX;
        let docs = union(live, if wide { terms } else { &loose });
        if wide {
            listed.clear();
        }
        listed.sort_unstable();
        let loose = docs.as_ref().filter(|_| !wide).map_or(0, |docs| docs.len() as u32);
        let body = self.body(live, listed, wide, docs)?;
        Ok(Some(Entered { entry, body, loose }))
    }

    /// The body of a pair that stands in these loose terms, unless it is rare too.
    fn pair(
        &mut self,
        live: &Live,
        text: &[u8],
        terms: &[u32],
        rare: &mut Vec<(u32, u32)>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if in_few(live, terms) {
            put_rare(live, rare::pair_key(text), terms, rare);
            return Ok(None);
        }
        self.body(live, Vec::new(), false, union(live, terms)).map(Some)
    }

    fn body(
        &mut self,
        live: &Live,
        terms: Vec<u32>,
        wide: bool,
        docs: Option<List>,
    ) -> Result<Vec<u8>, StoreError> {
        let placed = docs.map(|docs| self.lists.place(&docs, live.docs())).transpose()?;
        let docs = match &placed {
            None => Docs::None,
            Some(Placed::Inline(bytes)) => Docs::Inline(bytes),
            Some(Placed::At(offset)) => Docs::At(*offset),
        };
        Ok(Body { terms, wide, docs }.encode())
    }

    /// The pairs of these words in loose values.
    fn pairs(&self, live: &Live, words: &[Entered]) -> Vec<Pair> {
        let mut known = vec![Known::default(); live.words.count()];
        for (number, word) in (0..).zip(words) {
            known[word.entry as usize] = Known { number, docs: word.loose };
        }
        pairs::of(live, &known, |term| self.numbers[term as usize] == LOOSE)
    }
}

/// A word of the file.
struct Entered {
    entry: u32,
    body: Vec<u8>,
    /// Documents with it in loose values; none for a wide word.
    loose: u32,
}

/// True for terms of at most two documents together. Few terms may have many; many never have few.
fn in_few(live: &Live, terms: &[u32]) -> bool {
    terms.len() <= RARE_DOCS_MAX
        && terms.iter().map(|&term| live.list_of(term).len()).sum::<usize>() <= RARE_DOCS_MAX
}

fn put_rare(live: &Live, key: u32, terms: &[u32], rare: &mut Vec<(u32, u32)>) {
    terms.iter().for_each(|&term| live.list_of(term).each(|doc| rare.push((key, doc))));
}

/// Where a word's list went.
enum Placed {
    Inline(Vec<u8>),
    At(u32),
}

impl Lists {
    /// The word that names a list in a table.
    fn word(&mut self, list: Option<&List>, docs: u32, dense: usize) -> Result<u32, StoreError> {
        match list {
            None => Ok(NO_LIST),
            Some(list) => match list.only().filter(|&doc| doc < ONE - 1) {
                Some(doc) => Ok(doc | ONE),
                None => self.share(list, docs, dense),
            },
        }
    }

    /// The offset of the list; of two that are equal, the form of the first one stays.
    fn share(&mut self, list: &List, docs: u32, dense: usize) -> Result<u32, StoreError> {
        let next = offset(self.bytes.len())?;
        let at = *self.known.entry(list.digest()).or_insert(next);
        if at == next {
            list.encode(docs, dense, &mut self.bytes);
        }
        Ok(at)
    }

    fn place(&mut self, list: &List, docs: u32) -> Result<Placed, StoreError> {
        if list.len() <= INLINE_BYTES_MAX {
            let mut encoded = Vec::new();
            list.encode(docs, DENSE, &mut encoded);
            if encoded.len() <= INLINE_BYTES_MAX {
                return Ok(Placed::Inline(encoded));
            }
        }
        self.share(list, docs, DENSE).map(Placed::At)
    }
}

/// The documents of several terms.
fn union(live: &Live, terms: &[u32]) -> Option<List> {
    if let [only] = terms {
        return Some(live.list_of(*only).clone());
    }
    let total: usize = terms.iter().map(|&term| live.list_of(term).len()).sum();
    if total * 32 >= live.docs() as usize {
        let mut bits = vec![0_u8; live.docs().div_ceil(8) as usize];
        for &term in terms {
            live.list_of(term).each(|doc| bits[doc as usize / 8] |= 1 << (doc % 8));
        }
        let count = bits.iter().map(|byte| byte.count_ones()).sum();
        return (count > 0).then_some(List::Bits { bits, count });
    }
    let mut docs = Vec::with_capacity(total);
    terms.iter().for_each(|&term| live.list_of(term).each(|doc| docs.push(doc)));
    docs.sort_unstable();
    docs.dedup();
    match docs.as_slice() {
        [] => None,
        [only] => Some(List::One(*only)),
        _ => Some(List::Few(docs)),
    }
}

fn offset(bytes: usize) -> Result<u32, StoreError> {
    u32::try_from(bytes).ok().filter(|&at| at < ONE).ok_or_else(too_large)
}

fn too_large() -> StoreError {
    StoreError::Refused("the index of a segment passes 2 GiB".to_owned())
}

/// Terms by (folded value, exact value).
fn by_text(live: &Live, terms: &[u32]) -> Vec<u32> {
    let mut keys: Vec<Key> =
        terms.iter().map(|&term| Key { prefix: prefix(live.value_of(term)), term }).collect();
    keys.sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| compare(live, a.term, b.term)));
    keys.into_iter().map(|key| key.term).collect()
}

/// Terms by (value, text).
fn by_number(live: &Live, terms: &[u32]) -> Vec<u32> {
    let number = |term: u32| std::str::from_utf8(live.value_of(term)).ok().and_then(Number::parse);
    let mut keys: Vec<(Option<Number>, u32)> = terms.iter().map(|&term| (number(term), term)).collect();
    keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| live.value_of(a.1).cmp(live.value_of(b.1))));
    keys.into_iter().map(|key| key.1).collect()
}

fn prefix(value: &[u8]) -> u128 {
    let mut first = [0; 16];
    let folded = fold_bytes(value);
    let len = folded.len().min(16);
    first[..len].copy_from_slice(&folded[..len]);
    u128::from_be_bytes(first)
}

fn compare(live: &Live, a: u32, b: u32) -> Ordering {
    let (a, b) = (live.value_of(a), live.value_of(b));
    cmp_folded(a, &fold_bytes(b)).then_with(|| a.cmp(b))
}
