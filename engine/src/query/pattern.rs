//! Patterns on whole values and on words: `*` any run, `?` any one character, `\` escapes.

use super::lang::Token;
use crate::text::fold;

/// A folded pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    /// Reads a pattern. A `\` at the end stands for itself.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::of_tokens(&tokens(text))
    }

    /// The pattern of a term's characters.
    #[must_use]
    pub fn of_tokens(from: &[Token]) -> Self {
        let mut tokens = Vec::with_capacity(from.len());
        for token in from {
            match token {
                Token::Run if tokens.last() == Some(&Token::Run) => {}
                Token::Char(plain) => tokens.extend(plain.to_lowercase().map(Token::Char)),
                wildcard => tokens.push(*wildcard),
            }
        }
        Self { tokens }
    }

    /// What every match begins with: the characters before the first wildcard, folded.
    #[must_use]
    pub fn prefix(&self) -> String {
        let plain = self.tokens.iter().map_while(|token| match token {
            Token::Char(plain) => Some(plain),
            _ => None,
        });
        plain.collect()
    }

    /// True when it has no wildcard.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token, Token::Char(_)))
    }

    /// True when it is a plain beginning and then anything: `abc*`.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        let Some((Token::Run, before)) = self.tokens.split_last() else { return false };
        before.iter().all(|token| matches!(token, Token::Char(_)))
    }

    /// What a look at a value of so many bytes costs at most, in units of a pace.
    pub(super) fn units(&self, bytes: usize) -> usize {
        bytes.saturating_mul(self.tokens.len()) / 16
    }

    /// True when the folded value matches as a whole. Linear in memory, at most the product of both
    /// lengths in time.
    #[must_use]
    pub fn matches(&self, folded: &str) -> bool {
        let (mut token, mut rest) = (0, folded.chars());
        // Where to go on when a character does not fit: the last run swallows one more.
        let mut retry = None;
        loop {
            let here = rest.clone();
            match (self.tokens.get(token), rest.next()) {
                (None, None) => return true,
                (Some(Token::Run), _) => {
                    retry = Some((token + 1, here.clone()));
                    (token, rest) = (token + 1, here);
                }
                (Some(Token::One), Some(_)) => token += 1,
                (Some(Token::Char(want)), Some(found)) if *want == found => token += 1,
                (_, _) => {
                    let Some((again, from)) = &mut retry else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    (token, rest) = (*again, from.clone());
                }
            }
        }
    }
}

/// The characters of a pattern given as a parameter: all of the text, blanks and quotes included.
#[must_use]
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '*' if tokens.last() == Some(&Token::Run) => {}
            '*' => tokens.push(Token::Run),
            '?' => tokens.push(Token::One),
            '\\' => tokens.push(Token::Char(chars.next().unwrap_or('\\'))),
            plain => tokens.push(Token::Char(plain)),
        }
    }
    tokens
}

/// True when the value, with case removed, begins with `stele`: it asks for the log's own events.
pub(super) fn asks_for_own(value: &str) -> bool {
    fold(value).starts_with("stele")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_runs_and_single_characters_and_escapes_match_themselves() {
        for (pattern, yes, no) in [
            ("a*c", &["ac", "abc", "abbc", "acc"][..], &["a", "acb", "bac"][..]),
            ("a?c", &["abc", "aéc"], &["ac", "abbc"]),
            ("*", &["", "x"], &[]),
            ("A.B", &["a.b"], &["a.b.c", "a"]),
            ("a\\*c", &["a*c"], &["abc"]),
            ("a\\", &["a\\"], &["a"]),
            ("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "a"]),
            ("?*?", &["ab", "abc"], &["a", ""]),
            ("Σ*", &["σ", "σα"], &["ς"]),
            ("", &[""], &["a"]),
        ] {
            let pattern = Pattern::of(pattern);
            yes.iter().for_each(|value| assert!(pattern.matches(value), "{pattern:?} {value}"));
            no.iter().for_each(|value| assert!(!pattern.matches(value), "{pattern:?} {value}"));
        }
    }

    #[test]
    fn many_runs_stay_quick() {
        let pattern = Pattern::of(&"a*".repeat(60));
        assert!(!pattern.matches(&format!("{}b", "x".repeat(10_000))));
        assert!(pattern.matches(&"a".repeat(10_000)));
    }
}
