//! Posting lists: the documents of one value, in memory and on disk.
//!
//! On disk a list is `varint(count * 4 + kind)`, `varint(payload bytes)`, payload. Kinds: 0, the
//! differences of ascending numbers as varints; 1, a roaring bitmap in its portable form; 2, a bit
//! set, least significant bit first, for lists that are dense or often intersected: it is read in
//! place; 3, Rice codes: a byte k, then for each number its difference as above: the quotient by
//! 2^k as ones and a zero, and k bits, all from the least significant bit on. A list of one document is not here at all: it stands in the dictionary.

use std::borrow::Cow;
use std::path::Path;

use roaring::RoaringBitmap;

use super::rice;
use crate::codec::varint;
use crate::error::StoreError;

const DELTAS: u64 = 0;
const ROARING: u64 = 1;
const BITS: u64 = 2;
const RICE: u64 = 3;
/// A list that at least every tenth document is in is no smaller than a bit set.
pub(super) const DENSE: usize = 10;
/// Below this many documents no bitmap is smaller than differences.
const ROARING_MIN: usize = 512;
/// What a bitmap takes for a run.
const RUN_BYTES: usize = 4;
/// Below this many documents, what Rice codes save is not worth it.
const RICE_MIN: usize = 8;

/// A list that still grows.
#[derive(Clone, Debug)]
pub(super) enum List {
    One(u32),
    Few(Vec<u32>),
    /// Least significant bit first, up to the last document.
    Bits {
        bits: Vec<u8>,
        count: u32,
    },
}

/// The documents of one value, not read yet.
#[derive(Clone, Copy)]
pub struct Postings<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    List(&'a List),
    One(u32),
    Encoded(Encoded<'a>),
}

#[derive(Clone, Copy)]
struct Encoded<'a> {
    kind: u64,
    count: u32,
    docs: u32,
    bytes: &'a [u8],
    path: &'a Path,
}

/// The documents of one value, ready for tests of membership.
#[derive(Clone, Debug)]
pub enum Set<'a> {
    /// Ascending numbers.
    Docs(Cow<'a, [u32]>),
    /// A bit per document, least significant first.
    Bits(&'a [u8]),
    /// A bitmap.
    Roaring(Cow<'a, RoaringBitmap>),
}

impl<'a> Postings<'a> {
    pub(super) fn of_list(list: &'a List) -> Self {
        Self(Source::List(list))
    }

    pub(super) fn of_one(doc: u32) -> Self {
        Self(Source::One(doc))
    }

    /// Reads the head of an encoded list; `docs` is how many documents the segment has.
    pub(super) fn of_bytes(bytes: &'a [u8], docs: u32, path: &'a Path) -> Result<Self, StoreError> {
        let damaged = |detail: &str| StoreError::damaged(path, 0, detail);
        let mut rest = bytes;
        let head = varint::take(&mut rest).ok_or_else(|| damaged("a posting list has no head"))?;
        let len = varint::take(&mut rest).and_then(|len| usize::try_from(len).ok());
        let bytes = len.and_then(|len| rest.get(..len)).ok_or_else(|| damaged("a posting list is cut"))?;
        let count = u32::try_from(head >> 2).ok().filter(|&count| count <= docs);
        let count = count.ok_or_else(|| damaged("a posting list has more documents than the segment"))?;
        Ok(Self(Source::Encoded(Encoded { kind: head & 3, count, docs, bytes, path })))
    }

    /// How many documents the list holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        match &self.0 {
            Source::List(List::One(_)) | Source::One(_) => 1,
            Source::List(List::Few(docs)) => docs.len() as u64,
            Source::List(List::Bits { count, .. }) => u64::from(*count),
            Source::Encoded(encoded) => u64::from(encoded.count),
        }
    }

    /// Reads the list; what lies ready in memory or in the mapping is borrowed.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn set(&self) -> Result<Set<'a>, StoreError> {
        Ok(match self.0 {
            Source::One(doc) => Set::Docs(Cow::Owned(vec![doc])),
            Source::List(List::One(doc)) => Set::Docs(Cow::Borrowed(std::slice::from_ref(doc))),
            Source::List(List::Few(docs)) => Set::Docs(Cow::Borrowed(docs)),
            Source::List(List::Bits { bits, .. }) => Set::Bits(bits),
            Source::Encoded(encoded) => {
                return encoded.read().ok_or_else(|| {
                    StoreError::damaged(encoded.path, 0, "a posting list does not decode as its head says")
                });
            }
        })
    }
}

impl<'a> Encoded<'a> {
    fn read(&self) -> Option<Set<'a>> {
        match self.kind {
            DELTAS => self.read_deltas().map(|docs| Set::Docs(Cow::Owned(docs))),
            ROARING => {
                let mut rest = self.bytes;
                let docs = RoaringBitmap::deserialize_from(&mut rest).ok()?;
                let fits = rest.is_empty()
                    && docs.len() == u64::from(self.count)
                    && docs.max().is_none_or(|max| max < self.docs);
                fits.then_some(Set::Roaring(Cow::Owned(docs)))
            }
            BITS if self.bytes.len() == bit_bytes(self.docs) => Some(Set::Bits(self.bytes)),
            RICE => rice::decode(self.bytes, self.count, self.docs).map(|docs| Set::Docs(Cow::Owned(docs))),
            _ => None,
        }
    }

    fn read_deltas(&self) -> Option<Vec<u32>> {
        // A difference takes at least one byte: a wrong count cannot ask for more than there is.
        if self.count as usize > self.bytes.len() {
            return None;
        }
        let mut docs = Vec::with_capacity(self.count as usize);
        let mut rest = self.bytes;
        let mut next = 0_u64;
        for _ in 0..self.count {
            let doc = next.checked_add(varint::take(&mut rest)?).filter(|&doc| doc < u64::from(self.docs))?;
            docs.push(doc as u32);
            next = doc + 1;
        }
        rest.is_empty().then_some(docs)
    }
}

impl Set<'_> {
    /// True when the document is in it.
    #[must_use]
    pub fn contains(&self, doc: u32) -> bool {
        match self {
            Set::Docs(docs) => docs.binary_search(&doc).is_ok(),
            Set::Bits(bits) => bits.get(doc as usize / 8).is_some_and(|byte| byte >> (doc % 8) & 1 == 1),
            Set::Roaring(docs) => docs.contains(doc),
        }
    }

    /// Calls `visit` for each document, ascending.
    pub fn each(&self, mut visit: impl FnMut(u32)) {
        match self {
            Set::Docs(docs) => docs.iter().copied().for_each(visit),
            Set::Bits(bits) => {
                for (at, chunk) in bits.chunks(8).enumerate() {
                    let mut word = [0; 8];
                    word[..chunk.len()].copy_from_slice(chunk);
                    let mut word = u64::from_le_bytes(word);
                    while word != 0 {
                        visit(at as u32 * 64 + word.trailing_zeros());
                        word &= word - 1;
                    }
                }
            }
            Set::Roaring(docs) => docs.iter().for_each(visit),
        }
    }

    /// The set as a bitmap.
    #[must_use]
    pub fn into_bitmap(self) -> RoaringBitmap {
        match self {
            Set::Docs(docs) => docs.iter().copied().collect(),
            Set::Bits(bits) => RoaringBitmap::from_lsb0_bytes(0, bits),
            Set::Roaring(docs) => docs.into_owned(),
        }
    }
}

/// Bytes of a bit set: whole words, so that it can be read by words.
fn bit_bytes(docs: u32) -> usize {
    (docs as usize).div_ceil(64) * 8
}

impl List {
    /// How many documents it holds.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Few(docs) => docs.len(),
            Self::Bits { count, .. } => *count as usize,
        }
    }

    /// Calls `visit` for each document, ascending.
    pub(super) fn each(&self, visit: impl FnMut(u32)) {
        match self {
            Self::One(doc) => Set::Docs(Cow::Borrowed(std::slice::from_ref(doc))).each(visit),
            Self::Few(docs) => Set::Docs(Cow::Borrowed(docs)).each(visit),
            Self::Bits { bits, .. } => Set::Bits(bits).each(visit),
        }
    }

    /// The one document of a list of one.
    pub(super) fn only(&self) -> Option<u32> {
        match self {
            Self::One(doc) => Some(*doc),
            _ => None,
        }
    }

    /// What tells lists apart, whatever form they are stored in.
    pub(super) fn digest(&self) -> [u8; 32] {
        *blake3::hash(&deltas(&self.docs())).as_bytes()
    }

    fn docs(&self) -> Cow<'_, [u32]> {
        match self {
            Self::One(doc) => Cow::Owned(vec![*doc]),
            Self::Few(few) => Cow::Borrowed(few),
            Self::Bits { bits, .. } => {
                let mut all = Vec::new();
                Set::Bits(bits).each(|doc| all.push(doc));
                Cow::Owned(all)
            }
        }
    }

    /// Appends the stored form, for a segment of `docs` documents: a bit set where at least every
    /// `dense`-th document is in the list, unless runs make a bitmap small.
    pub(super) fn encode(&self, docs: u32, dense: usize, out: &mut Vec<u8>) {
        let docs_of = self.docs();
        let count = docs_of.len();
        let dense = count > 1 && count >= docs as usize / dense;
        let (mut kind, mut payload) =
            if dense { (BITS, bits(docs_of.iter().copied(), docs)) } else { (DELTAS, deltas(&docs_of)) };
        if !dense
            && count >= RICE_MIN
            && let Some(codes) = rice::encode(&docs_of).filter(|codes| codes.len() < payload.len())
        {
            (kind, payload) = (RICE, codes);
        }
        // A bitmap is chosen where runs make it small; bits are quicker to read.
        if count >= ROARING_MIN && runs(&docs_of) * RUN_BYTES < payload.len() / 2 {
            let bitmap = roaring(&docs_of);
            if bitmap.len() < payload.len() / 2 {
                (kind, payload) = (ROARING, bitmap);
            }
        }
        varint::put((count as u64) << 2 | kind, out);
        varint::put(payload.len() as u64, out);
        out.extend_from_slice(&payload);
    }
}

/// How many stretches of following numbers there are.
fn runs(docs: &[u32]) -> usize {
    docs.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count() + 1
}

fn roaring(docs: &[u32]) -> Vec<u8> {
    let mut bitmap: RoaringBitmap = docs.iter().copied().collect();
    bitmap.optimize();
    let mut payload = Vec::with_capacity(bitmap.serialized_size());
    bitmap.serialize_into(&mut payload).unwrap_or_else(|_| unreachable!("memory takes all bytes"));
    payload
}

fn deltas(docs: &[u32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(docs.len() * 2);
    let mut next = 0;
    for &doc in docs {
        varint::put(u64::from(doc) - next, &mut out);
        next = u64::from(doc) + 1;
    }
    out
}

fn bits(docs: impl Iterator<Item = u32>, total: u32) -> Vec<u8> {
    let mut out = vec![0; bit_bytes(total)];
    for doc in docs {
        out[doc as usize / 8] |= 1 << (doc % 8);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &List, docs: u32) -> Vec<u32> {
        let mut bytes = Vec::new();
        list.encode(docs, DENSE, &mut bytes);
        let postings = Postings::of_bytes(&bytes, docs, Path::new("x")).unwrap();
        let set = postings.set().unwrap();
        let mut found = Vec::new();
        set.each(|doc| found.push(doc));
        assert_eq!(found.len() as u64, postings.count());
        assert!(found.iter().all(|&doc| set.contains(doc)));
        assert_eq!(set.clone().into_bitmap().iter().collect::<Vec<_>>(), found);
        found
    }

    #[test]
    fn every_kind_of_list_reads_back() {
        assert_eq!(read(&List::One(7), 100), [7]);
        for (step, total) in
            [(1, 5000), (3, 5000), (40, 200_000), (20, 200_000), (700, 200_000), (1, 200_000)]
        {
            let docs: Vec<u32> = (0..total).step_by(step).collect();
            assert_eq!(read(&List::Few(docs.clone()), total), docs);
            let many = List::bits_of(&docs);
            assert_eq!(read(&many, total), docs);
        }
    }

    #[test]
    fn damaged_lists_are_errors() {
        for (step, total) in [(1, 700), (40, 200_000), (700, 70_000)] {
            let docs: Vec<u32> = (0..total).step_by(step).collect();
            let mut bytes = Vec::new();
            List::bits_of(&docs).encode(total, DENSE, &mut bytes);
            for at in (0..bytes.len()).step_by(1 + bytes.len() / 300) {
                for bit in 0..8 {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= 1 << bit;
                    let set = Postings::of_bytes(&damaged, total, Path::new("x")).and_then(|p| p.set());
                    // A bit set has no wrong values in itself; what is read must stay in bounds.
                    if let Ok(set) = set {
                        set.each(|doc| assert!(doc < total + 64));
                    }
                    let _ = Postings::of_bytes(&bytes[..at], total, Path::new("x")).and_then(|p| p.set());
                }
            }
        }
    }
}
