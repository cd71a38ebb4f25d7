//! Phrases: words that stand side by side in one value.

use super::lang::{Term, Token};
use super::pattern::Pattern;
use crate::text::{fold, in_word, words};

/// The words of a term, case removed; the last one may have wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phrase {
    whole: Vec<String>,
    last: Option<Pattern>,
}

impl Phrase {
    /// `None` when the term has no word.
    pub(super) fn of(term: &Term) -> Option<Self> {
        let wild = |token: &Token| !matches!(token, Token::Char(_));
        let split = match term.tokens.iter().position(wild) {
            None => term.tokens.len(),
            Some(at) => {
                let plain = |token: &Token| matches!(token, Token::Char(c) if !in_word(*c));
                term.tokens[..at].iter().rposition(plain).map_or(0, |before| before + 1)
            }
        };
        let (whole, last) = term.tokens.split_at(split);
        let text: String =
            whole.iter().map(|t| if let Token::Char(c) = t { *c } else { ' ' }).collect();
        let whole: Vec<String> = words(&fold(&text)).map(str::to_owned).collect();
        let last = (!last.is_empty()).then(|| Pattern::of_tokens(last));
        (!whole.is_empty() || last.is_some()).then_some(Self { whole, last })
    }

    pub(super) fn whole(&self) -> &[String] {
        &self.whole
    }

    pub(super) fn last(&self) -> Option<&Pattern> {
        self.last.as_ref()
    }

    pub(super) fn matches(&self, folded: &str) -> bool {
        let found: Vec<&str> = words(folded).collect();
        let wanted = self.whole.len() + usize::from(self.last.is_some());
        found.windows(wanted).any(|window| {
            self.whole.iter().zip(window).all(|(a, b)| a == b)
                && self.last.as_ref().is_none_or(|last| last.matches(window[wanted - 1]))
        })
    }
}
