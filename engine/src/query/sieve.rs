//! A quick look at a record's raw bytes that can rule it out, before its values are read.
//!
//! What a query must find in some text stands in the raw line too, as long as nothing is escaped there
//! and case is that of ASCII; other lines pass, and their values decide. It never says no to a record
//! that matches.

use memchr::memchr;
use memchr::memmem::Finder;

use super::phrase::Phrase;
use super::plan::{Leaf, Node};
use super::value::ValueTest;

/// What every match has in its line.
#[derive(Debug)]
pub(super) struct Sieve {
    /// The longest part: the rarest, as a guess.
    pivot: Finder<'static>,
    /// For words: those before the pivot, nearest first, and those behind it. Without, any place will do.
    around: Option<(Vec<String>, Vec<String>)>,
}

impl Sieve {
    /// The sieve of a tree, where one of its necessary parts gives one.
    pub(super) fn of(root: &Node) -> Option<Self> {
        match root {
            Node::And(children) => children.iter().find_map(Self::of),
            Node::Leaf(Leaf::Text { phrase: Some(phrase), sequence: None }) => Self::of_phrase(phrase),
            Node::Leaf(Leaf::Metadata { tests, .. } | Leaf::Envelope { tests, .. }) => match tests.as_slice()
            {
                [ValueTest::Phrase { phrase, .. }] => Self::of_phrase(phrase),
                [ValueTest::Contains { part, .. }] => Self::of_part(part),
                _ => None,
            },
            _ => None,
        }
    }

    fn of_phrase(phrase: &Phrase) -> Option<Self> {
        let words = &phrase.words;
        if !words.iter().all(|word| word.is_ascii()) {
            return None;
        }
        let (at, pivot) = words.iter().enumerate().max_by_key(|(_, word)| word.len())?;
        let before = words[..at].iter().rev().cloned().collect();
        let pivot = Finder::new(pivot.as_bytes()).into_owned();
        Some(Self { pivot, around: Some((before, words[at + 1..].to_vec())) })
    }

    fn of_part(part: &str) -> Option<Self> {
        // A quote or a control would be escaped in the line.
        let plain = |b: u8| b.is_ascii() && !b.is_ascii_control() && b != b'"' && b != b'\\';
        let usable = !part.is_empty() && part.bytes().all(plain);
        usable.then(|| Self { pivot: Finder::new(part.as_bytes()).into_owned(), around: None })
    }

    /// What a look at a body of so many bytes costs at most, in units of a pace.
    pub(super) fn units(&self, bytes: usize) -> usize {
        let words = self.around.as_ref().map_or(1, |(before, behind)| 1 + before.len() + behind.len());
        6 + bytes.saturating_mul(words) / 256
    }

    /// False when the record with this body cannot match.
    pub(super) fn lets_pass(&self, body: &[u8]) -> bool {
        // Some letters beyond ASCII fold to ones in it, and escapes hide what they stand for.
        if !body.is_ascii() || memchr(b'\\', body).is_some() {
            return true;
        }
        let line = body.to_ascii_lowercase();
        let Some((before, behind)) = &self.around else { return self.pivot.find(&line).is_some() };
        let len = self.pivot.needle().len();
        self.pivot.find_iter(&line).any(|at| {
            let (left, right) = (&line[..at], &line[at + len..]);
            !left.last().is_some_and(u8::is_ascii_alphanumeric)
                && !right.first().is_some_and(u8::is_ascii_alphanumeric)
                && ends_with(left, before)
                && begins_with(right, behind)
        })
    }
}

/// True when the words of the text, from its end backwards, are these.
fn ends_with(mut text: &[u8], words: &[String]) -> bool {
    words.iter().all(|word| {
        let end = text.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
        let Some(rest) = text[..end].strip_suffix(word.as_bytes()) else { return false };
        text = rest;
        !rest.last().is_some_and(u8::is_ascii_alphanumeric)
    })
}

/// True when the words of the text, from its beginning on, are these.
fn begins_with(mut text: &[u8], words: &[String]) -> bool {
    words.iter().all(|word| {
        let start = text.iter().position(u8::is_ascii_alphanumeric).unwrap_or(text.len());
        let Some(rest) = text[start..].strip_prefix(word.as_bytes()) else { return false };
        text = rest;
        !rest.first().is_some_and(u8::is_ascii_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase(words: &[&str]) -> Sieve {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Sieve::of_phrase(&Phrase { words, last: None }).unwrap()
    }

    #[test]
    fn a_line_without_the_words_in_a_row_is_ruled_out() {
        let line = br#"{"a":"The quick-brown FOX","b":"fox tail","c":"tails"}"#;
        for (words, passes) in [
            (&["the", "quick", "brown", "fox"][..], true),
            (&["quick", "brown"], true),
            (&["brown", "fox"], true),
            (&["fox", "tail"], true),
            (&["tail"], true),
            (&["fox"], true),
            (&["quick", "fox"], false),
            (&["the", "brown"], false),
            (&["brown", "the"], false),
            (&["tai"], false),
            (&["ails"], false),
            (&["fox", "tails"], false),
            (&["he", "quick"], false),
            (&["absent"], false),
        ] {
            assert_eq!(phrase(words).lets_pass(line), passes, "{words:?}");
        }
    }

    #[test]
    fn what_raw_bytes_cannot_tell_passes() {
        let absent = phrase(&["absent", "word"]);
        assert!(absent.lets_pass(br#"{"a":"x\ny"}"#), "an escape");
        assert!(absent.lets_pass("{\"a\":\"\u{212a}\"}".as_bytes()), "the Kelvin sign folds to k");
        assert!(!absent.lets_pass(br#"{"a":"x y"}"#));
        assert!(Sieve::of_phrase(&Phrase { words: vec!["é".into()], last: None }).is_none());
        for part in ["", "a\"b", "a\\b", "a\nb", "é"] {
            assert!(Sieve::of_part(part).is_none(), "{part}");
        }
    }

    #[test]
    fn a_part_is_looked_for_anywhere_without_case() {
        let part = Sieve::of_part("k-br").unwrap();
        assert!(part.lets_pass(br#"{"a":"QuicK-Brown"}"#));
        assert!(!part.lets_pass(br#"{"a":"Quick Brown"}"#));
    }
}
