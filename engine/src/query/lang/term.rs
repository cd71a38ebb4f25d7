//! What a term is when it is looked at as text, as a pattern and as words.

use super::tree::{Term, Token};
use super::{PATTERN_CHARS_MAX, WORDS_MAX};
use crate::query::pattern::Pattern;
use crate::query::phrase::Phrase;
use crate::text::in_word;

impl Term {
    /// A term of exactly these characters.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self { tokens: text.chars().map(Token::Char).collect(), quoted: true }
    }

    /// Its characters, wildcards as `*` and `?`.
    #[must_use]
    pub fn text(&self) -> String {
        let chars = self.tokens.iter().map(|token| match token {
            Token::Char(plain) => *plain,
            Token::Run => '*',
            Token::One => '?',
        });
        chars.collect()
    }

    /// True when any of its characters is a wildcard.
    #[must_use]
    pub fn has_wildcards(&self) -> bool {
        self.tokens.iter().any(|token| !matches!(token, Token::Char(_)))
    }

    /// The term as a folded pattern for whole values.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        Pattern::of_tokens(&self.tokens)
    }

    /// The term as words. A parsed term has wildcards in its last word at most; of another term,
    /// words before the last are taken literally, without their wildcards.
    #[must_use]
    pub fn phrase(&self) -> Phrase {
        let mut parts: Vec<&[Token]> = self.words().collect();
        let is_plain = |part: &[Token]| part.iter().all(|token| matches!(token, Token::Char(_)));
        let last = parts.pop_if(|part| !is_plain(part)).map(Pattern::of_tokens);
        let fold = |part: &[Token]| {
            let chars = part.iter().filter_map(|token| match token {
                Token::Char(plain) => Some(plain.to_lowercase()),
                _ => None,
            });
            chars.flatten().collect()
        };
        Phrase { words: parts.into_iter().map(fold).collect(), last }
    }

    /// The same with runs of `*` as one, which mean the same.
    pub(super) fn collapsed(mut self) -> Self {
        self.tokens.dedup_by(|a, b| *a == Token::Run && *b == Token::Run);
        self
    }

    /// True for a `*` alone: anything.
    pub(super) fn is_star(&self) -> bool {
        !self.quoted && self.tokens == [Token::Run]
    }

    /// True when a wildcard stands in another word than the last.
    pub(super) fn has_early_wildcard(&self) -> bool {
        let mut parts: Vec<&[Token]> = self.words().collect();
        parts.pop();
        parts.into_iter().flatten().any(|token| !matches!(token, Token::Char(_)))
    }

    /// What is allowed where it is looked for as words, and it is too long for that.
    pub(super) fn too_many_words(&self) -> Option<String> {
        (self.words().nth(WORDS_MAX).is_some()).then(|| format!("at most {WORDS_MAX} words in a term"))
    }

    /// What is allowed where it is a pattern for whole values, or its last word is one for words, and it is
    /// too long for that.
    pub(super) fn too_long_pattern(&self, of_words: bool) -> Option<String> {
        if !self.has_wildcards() {
            return None;
        }
        let chars = if of_words { self.words().last().map_or(0, <[_]>::len) } else { self.tokens.len() };
        let what = if of_words { "word" } else { "value" };
        (chars > PATTERN_CHARS_MAX)
            .then(|| format!("at most {PATTERN_CHARS_MAX} characters in a {what} with wildcards"))
    }

    /// Runs of word characters and wildcards.
    fn words(&self) -> impl Iterator<Item = &[Token]> {
        let between = |token: &Token| matches!(token, Token::Char(plain) if !in_word(*plain));
        self.tokens.split(between).filter(|part| !part.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::lang::{Expr, parse};

    fn term(text: &str) -> Term {
        match parse(text).unwrap().root {
            Expr::Text(term) => term,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn phrases_are_the_words_of_the_term_adjacent_and_in_order() {
        for (query, yes, no) in [
            ("timeout", &["a timeout!", "TIMEOUT", "x/timeout/y"][..], &["timeouts", "time out", ""][..]),
            (
                "rate_limited",
                &["Rate limited", "api.rate_limited x", "rate rate-limited"],
                &["limited rate", "rate x limited", "rate"],
            ),
            ("\"rate limited\"", &["rate_limited"], &["rate limite"]),
            ("depl*", &["was deployed", "depl"], &["xdepl", "dep l"]),
            ("\"role chan\"*", &["user.role_changed", "role chan"], &["role x changed", "role", "chan"]),
            ("\"role \"*", &["role changed"], &["role", "changed"]),
            ("d?pl*ed", &["deployed", "DEPLOYED now"], &["dployed", "deploy"]),
            ("agent.*", &["agent.created"], &["agent", "created agent"]),
            ("\"role *\"", &["role x"], &["rol"]),
            ("ΣΑΣ", &["σασ"], &["σας"]),
            ("106.9", &["106.9", "1 106-9 2"], &["1069", "106"]),
            ("\"--\"", &[], &["", "--", "a"]),
        ] {
            let phrase = term(query).phrase();
            let fold = |value: &str| crate::text::fold(value).into_owned();
            yes.iter().for_each(|value| assert!(phrase.matches(&fold(value)), "{query} {value}"));
            no.iter().for_each(|value| assert!(!phrase.matches(&fold(value)), "{query} {value}"));
        }
    }

    #[test]
    fn a_term_without_words_is_an_empty_phrase() {
        assert!(term("\"--\"").phrase().is_empty());
        assert!(!term("?").phrase().is_empty());
        assert_eq!(term("a-b?").phrase().len(), 2);
    }

    #[test]
    fn text_is_what_was_written() {
        assert_eq!(term(r"a\*b*?").text(), "a*b*?");
        assert_eq!(term(r#""C:\tmp \"x\" \\""#).text(), r#"C:\tmp "x" \"#);
    }
}
