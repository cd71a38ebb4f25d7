//! Patterns of the `:` operator on whole values: `*` any run, `?` any one character, `\` escapes.

use crate::text::fold;

/// A folded pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Run,
}

impl Pattern {
    /// Reads a pattern. A `\` at the end stands for itself.
    pub(super) fn of(text: &str) -> Self {
        let mut tokens = Vec::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(next) = chars.next() {
            match next {
                '*' if tokens.last() == Some(&Token::Run) => {}
                '*' => tokens.push(Token::Run),
                '?' => tokens.push(Token::One),
                '\\' => tokens.extend(chars.next().unwrap_or('\\').to_lowercase().map(Token::Char)),
                plain => tokens.extend(plain.to_lowercase().map(Token::Char)),
            }
        }
        Self { tokens }
    }

    /// The pattern of a term.
    pub(super) fn of_tokens(term: &[super::lang::Token]) -> Self {
        use super::lang::Token as Written;
        let mut tokens = Vec::with_capacity(term.len());
        for token in term {
            match token {
                Written::Run if tokens.last() == Some(&Token::Run) => {}
                Written::Run => tokens.push(Token::Run),
                Written::One => tokens.push(Token::One),
                Written::Char(plain) => tokens.extend(plain.to_lowercase().map(Token::Char)),
            }
        }
        Self { tokens }
    }

    /// What every match begins with: the characters before the first wildcard.
    pub(super) fn prefix(&self) -> String {
        let plain = self.tokens.iter().map_while(|token| match token {
            Token::Char(plain) => Some(plain),
            _ => None,
        });
        plain.collect()
    }

    /// True when it has no wildcard.
    pub(super) fn is_plain(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token, Token::Char(_)))
    }

    /// True when the folded value matches as a whole. Linear in memory, at most the product of both
    /// lengths in time.
    pub(super) fn matches(&self, folded: &str) -> bool {
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
