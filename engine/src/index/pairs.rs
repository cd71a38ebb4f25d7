//! Pairs of words that stand one behind the other, of words that are together in many documents.
//!
//! To ask each of those records whether the words are neighbours would take nearly all of a phrase's time.
//! Where documents with both are few, no pair is kept.

use super::live::Live;
use crate::text::{fold_bytes, words};

/// Stands between the words of a pair; no word has it, and it is before all that words have.
pub(super) const BETWEEN: u8 = b' ';

/// So many documents of a segment have both words, if the words know nothing of each other, before their pairs
/// are kept. Measured on a segment of generated messages, which have 15 words: of 300 pairs of neighbours the
/// hundredth worst leaves 19 candidates, and pairs take some 5 bytes an event. To ask that each word be in one
/// of 512 documents leaves 59 for about as many bytes.
const TOGETHER: u64 = 4;

/// Two words by their numbers, and the terms with the pair, ascending.
pub(super) struct Pair {
    pub first: u32,
    pub second: u32,
    pub terms: Vec<u32>,
}

/// Whether pairs are kept of two words in so many documents each, loose values alone, of a segment of `docs`.
pub(super) fn are_kept(first: u64, second: u64, docs: u32) -> bool {
    first * second > TOGETHER * u64::from(docs)
}

/// The text of a pair.
pub(super) fn joined(first: &[u8], second: &[u8]) -> Vec<u8> {
    [first, &[BETWEEN], second].concat()
}

/// What is known of a word when pairs are made: its number, and in how many documents it is as [`are_kept`]
/// counts them.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    pub number: u32,
    pub docs: u32,
}

/// The pairs to keep in terms that are loose, ascending by their numbers; `known` is by the words' entries.
pub(super) fn of(live: &Live, known: &[Known], is_loose: impl Fn(u32) -> bool) -> Vec<Pair> {
    let kept = |first: Known, second: Known| are_kept(first.docs.into(), second.docs.into(), live.docs());
    let mut found = Vec::new();
    live.words.by_term(|term, entries| {
        // Most loose values are ids, whose words are in few documents.
        let most = entries.iter().map(|&entry| known[entry as usize]).max_by_key(|known| known.docs);
        if most.is_some_and(|most| kept(most, most)) && is_loose(term) {
            in_value(live, term, known, &kept, &mut found);
        }
    });
    found.sort_unstable();
    found.dedup();
    let same = found.chunk_by(|a: &(u64, u32), b| a.0 == b.0);
    let pair = |same: &[(u64, u32)]| Pair {
        first: (same[0].0 >> 32) as u32,
        second: same[0].0 as u32,
        terms: same.iter().map(|&(_, term)| term).collect(),
    };
    same.map(pair).collect()
}

/// Adds the pairs of a value, each as its two numbers in one.
fn in_value(
    live: &Live,
    term: u32,
    known: &[Known],
    kept: &impl Fn(Known, Known) -> bool,
    found: &mut Vec<(u64, u32)>,
) {
    let folded = fold_bytes(live.value_of(term));
    let Ok(folded) = std::str::from_utf8(&folded) else { return };
    let word =
        |word: &str| live.words.entry(word.as_bytes()).map_or_else(Known::default, |at| known[at as usize]);
    let mut before = Known::default();
    for now in words(folded).map(word) {
        if kept(before, now) {
            found.push((u64::from(before.number) << 32 | u64::from(now.number), term));
        }
        before = now;
    }
}
