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

    /// True when the value, folded, has these words next to each other. One pass over the value to
    /// find its words, then at most the product of both numbers of words.
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
        let found: Vec<&str> = words(folded_value).collect();
        found.windows(self.len()).any(|row| {
            let (whole, behind) = row.split_at(self.words.len());
            whole == self.words.as_slice()
                && self.last.as_ref().zip(behind.first()).is_none_or(|(last, word)| last.matches(word))
        })
    }
}
