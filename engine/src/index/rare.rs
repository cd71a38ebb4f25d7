//! Rare words: those of two documents at most, most of them ids. Their text is not kept: a word is 24
//! bits of its beginning and 8 of its hash, and only the record can tell. So are pairs of words (see
//! `pairs`), whose key is 26 bits of a hash behind a beginning that no word has.
//!
//! Section: pairs u32, then for each 64 pairs a block entry (first key u32, offset u32 from the end of
//! that table), then the pairs, ascending by (key, document): the difference of the key from the pair
//! before (from the block's first key for the first), and the document, less the document before where
//! the key is the same, as varints.

use crate::codec::sections::u32_at;
use crate::codec::varint;

const BLOCK: usize = 64;
const ENTRY_BYTES: usize = 8;
const PREFIX_CHARS: usize = 4;
const HASH_BITS: u32 = 8;
/// Bits of a pair's hash.
const PAIR_BITS: u32 = 26;
/// First six bits of a pair's key: the code of no byte.
const PAIR: u32 = 63;

/// Bytes as six bits that keep their order: nothing, digits, lower-case letters, the rest by eights.
fn code(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0') + 1,
        b'a'..=b'z' => u32::from(byte - b'a') + 11,
        0x80.. => u32::from((byte - 0x80) >> 3) + 37,
        // Words hold no other bytes.
        _ => 0,
    }
}

fn prefix(word: &[u8]) -> u32 {
    (0..PREFIX_CHARS).fold(0, |key, at| key << 6 | word.get(at).map_or(0, |&byte| code(byte)))
}

/// The key of a folded word.
pub(super) fn key(word: &[u8]) -> u32 {
    prefix(word) << HASH_BITS | (crc32fast::hash(word) & ((1 << HASH_BITS) - 1))
}

/// The key of a pair of words: in its first six bits what no word has.
pub(super) fn pair_key(pair: &[u8]) -> u32 {
    PAIR << PAIR_BITS | (crc32fast::hash(pair) & ((1 << PAIR_BITS) - 1))
}

/// Keys that words beginning with `start` can have.
fn keys_with(start: &[u8]) -> (u32, u32) {
    let free = PREFIX_CHARS.saturating_sub(start.len()) as u32 * 6 + HASH_BITS;
    let low = prefix(start) << HASH_BITS;
    let high = low | ((1_u64 << free) - 1) as u32;
    // Behind all words are pairs.
    (low, high.min((PAIR << PAIR_BITS) - 1))
}

/// Encodes the pairs, which ascend.
pub(super) fn encode(pairs: &[(u32, u32)]) -> Vec<u8> {
    let mut table = Vec::with_capacity(pairs.len().div_ceil(BLOCK) * ENTRY_BYTES);
    let mut data = Vec::with_capacity(pairs.len() * 6);
    for block in pairs.chunks(BLOCK) {
        let (mut last_key, mut last_doc) = (block[0].0, 0);
        table.extend_from_slice(&last_key.to_le_bytes());
        table.extend_from_slice(&(data.len() as u32).to_le_bytes());
        for (at, &(key, doc)) in block.iter().enumerate() {
            varint::put(u64::from(key - last_key), &mut data);
            let same = at > 0 && key == last_key;
            varint::put(u64::from(if same { doc - last_doc } else { doc }), &mut data);
            (last_key, last_doc) = (key, doc);
        }
    }
    let mut out = Vec::with_capacity(4 + table.len() + data.len());
    out.extend_from_slice(&(pairs.len() as u32).to_le_bytes());
    out.append(&mut table);
    out.append(&mut data);
    out
}

/// The stored pairs.
#[derive(Clone, Copy)]
pub(super) struct Rare<'a> {
    count: usize,
    table: &'a [u8],
    data: &'a [u8],
}

impl<'a> Rare<'a> {
    /// Takes the section apart; `None` when its table is cut.
    pub(super) fn open(section: &'a [u8]) -> Option<Self> {
        let (count, rest) = section.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (table, data) = rest.split_at_checked(count.div_ceil(BLOCK) * ENTRY_BYTES)?;
        Some(Self { count, table, data })
    }

    /// Adds the documents that may have the word or pair of this key; `None` where the section is not what
    /// was written.
    pub(super) fn find(&self, key: u32, docs: &mut Vec<u32>) -> Option<()> {
        self.within(key, key, docs)
    }

    /// Adds the documents that may have a word which begins with `start`.
    pub(super) fn find_with(&self, start: &[u8], docs: &mut Vec<u32>) -> Option<()> {
        let (low, high) = keys_with(start);
        self.within(low, high, docs)
    }

    fn within(&self, low: u32, high: u32, docs: &mut Vec<u32>) -> Option<()> {
        let blocks = self.table.len() / ENTRY_BYTES;
        // The block before the first one that begins at or after `low` may hold it too.
        let (mut first, mut end) = (0, blocks);
        while first < end {
            let middle = usize::midpoint(first, end);
            if u32_at(self.table, middle * ENTRY_BYTES) < low { first = middle + 1 } else { end = middle }
        }
        for block in first.saturating_sub(1)..blocks {
            let mut key = u32_at(self.table, block * ENTRY_BYTES);
            if key > high {
                break;
            }
            let mut rest = self.data.get(u32_at(self.table, block * ENTRY_BYTES + 4) as usize..)?;
            let mut doc = 0_u32;
            for at in 0..BLOCK.min(self.count - block * BLOCK) {
                let step = varint::take_u32(&mut rest)?;
                key = key.checked_add(step)?;
                let number = varint::take_u32(&mut rest)?;
                doc = if at > 0 && step == 0 { doc.checked_add(number)? } else { number };
                if key > high {
                    break;
                }
                if key >= low {
                    docs.push(doc);
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(words: &[String]) -> Vec<(u32, u32)> {
        let mut pairs: Vec<_> =
            words.iter().zip(0..).map(|(word, doc)| (key(word.as_bytes()), doc)).collect();
        pairs.extend(words.iter().zip(7..).step_by(3).map(|(word, doc)| (key(word.as_bytes()), doc)));
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    fn vocabulary() -> Vec<String> {
        let mut words: Vec<String> =
            (0..2_000_u32).map(|i| format!("{:x}", i.wrapping_mul(2_654_435_761))).collect();
        words.extend(["é", "日本語", "a", "ab", "abc", "abcd", "abcde", "0", "ÿ"].map(str::to_owned));
        words
    }

    #[test]
    fn every_word_and_prefix_finds_its_documents_and_few_others() {
        let words = vocabulary();
        let bytes = encode(&pairs(&words));
        let rare = Rare::open(&bytes).unwrap();
        let mut false_hits = 0;
        for (word, doc) in words.iter().zip(0_u32..) {
            let mut docs = Vec::new();
            rare.find(key(word.as_bytes()), &mut docs).unwrap();
            assert!(docs.contains(&doc), "{word}");
            false_hits += docs.len() - 1;
            for len in (0..word.len()).filter(|&len| word.is_char_boundary(len)) {
                let mut docs = Vec::new();
                rare.find_with(&word.as_bytes()[..len], &mut docs).unwrap();
                assert!(docs.contains(&doc), "{word} by {len}");
            }
        }
        assert!(false_hits < 1_000, "{false_hits}");
        let mut none = Vec::new();
        rare.find_with(b"zzz", &mut none).unwrap();
        assert!(none.is_empty());
        let mut all = Vec::new();
        rare.find_with(b"", &mut all).unwrap();
        assert_eq!(all.len(), pairs(&words).len());
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let bytes = encode(&pairs(&vocabulary()[..200]));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            for bytes in [&damaged[..], &bytes[..at]] {
                if let Some(rare) = Rare::open(bytes) {
                    let _ = (rare.find(key(b"abc"), &mut Vec::new()), rare.find_with(b"", &mut Vec::new()));
                }
            }
        }
    }
}
