//! Words next to each other, within one value.

use super::pattern::Pattern;
use crate::text::words;

/// What a term looks for in text: its words, adjacent and in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// Whole words, folded.
    pub words: Vec<String>,
    /// The word behind them where it has wildcards: `depl*`, or the last one of `"role chan"*`.
    pub last: Option<Pattern>,
}

impl Phrase {
    /// True when there is no word in it: it matches nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.last.is_none()
    }

    /// How many words it takes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len() + usize::from(self.last.is_some())
    }

    /// What a look at a value of so many bytes costs, in units of a pace.
    pub(super) fn units(&self, bytes: usize) -> usize {
        bytes / 16 + self.last.as_ref().map_or(0, |last| last.units(bytes))
    }

    /// True when the value, folded, has these words next to each other. One pass over the value, keeping
    /// none of its words; the last one's wildcards cost what [`Pattern::matches`] does.
    #[must_use]
    pub fn matches(&self, folded_value: &str) -> bool {
        match (self.words.as_slice(), &self.last) {
            ([], None) => false,
            ([only], None) => words(folded_value).any(|word| word == only),
            ([], Some(last)) => words(folded_value).any(|word| last.matches(word)),
            ([first, ..], _) => folded_value.contains(first.as_str()) && self.matches_in_a_row(folded_value),
        }
    }

    fn matches_in_a_row(&self, folded_value: &str) -> bool {
        let again = self.repeats();
        // How many words of the phrase end here, and whether all of them ended one word before.
        let (mut row, mut complete) = (0, false);
        for word in words(folded_value) {
            if complete && self.last.as_ref().is_some_and(|last| last.matches(word)) {
                return true;
            }
            while row > 0 && self.words.get(row).is_none_or(|next| next != word) {
                row = again[row - 1];
            }
            row += usize::from(self.words.get(row).is_some_and(|next| next == word));
            complete = row == self.words.len();
            if complete && self.last.is_none() {
                return true;
            }
        }
        false
    }

    /// For every beginning of the words: how long the longest other beginning is that it ends with. A
    /// row that breaks off goes on as that one.
    fn repeats(&self) -> Vec<usize> {
        let mut again = vec![0; self.words.len()];
        let mut row = 0;
        for at in 1..self.words.len() {
            while row > 0 && self.words[row] != self.words[at] {
                row = again[row - 1];
            }
            row += usize::from(self.words[row] == self.words[at]);
            again[at] = row;
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By windows over all words.
    fn plainly(phrase: &Phrase, value: &str) -> bool {
        let found: Vec<&str> = words(value).collect();
        found.windows(phrase.len()).any(|row| {
            let (whole, behind) = row.split_at(phrase.words.len());
            whole == phrase.words
                && phrase.last.as_ref().zip(behind.first()).is_none_or(|(last, word)| last.matches(word))
        })
    }

    #[test]
    fn rows_that_break_off_go_on_where_they_repeat_themselves() {
        let row = |bits: u32, len: u32| (0..len).map(move |at| if bits >> at & 1 == 1 { "ab" } else { "b" });
        let mut matched = 0;
        for len in 2..=5 {
            for bits in 0..1 << len {
                let words: Vec<String> = row(bits, len).map(str::to_owned).collect();
                for last in [None, Some("a*"), Some("?"), Some("*")] {
                    let phrase = Phrase { words: words.clone(), last: last.map(Pattern::of) };
                    for value in 0..1 << 9 {
                        let value = row(value, 9).collect::<Vec<_>>().join("-");
                        assert_eq!(phrase.matches(&value), plainly(&phrase, &value), "{phrase:?} in {value}");
                        matched += usize::from(phrase.matches(&value));
                    }
                }
            }
        }
        assert!(matched > 5_000, "{matched}");
    }
}
