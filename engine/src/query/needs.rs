//! Words that a value must have for a test to hold: they narrow down values that no dictionary lists.

use super::lang::Token;
use super::pattern::Pattern;
use super::phrase::Phrase;
use crate::text::in_word;

/// So many words are looked up of one term.
const NEEDS_MAX: usize = 64;

/// A folded word that must stand in the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// This word.
    Word(String),
    /// One that begins so.
    Begins(String),
    /// One that fits.
    Fits(Pattern),
}

impl Need {
    /// What a value must have that matches the tokens; `whole`: from end to end, otherwise anywhere
    /// in it.
    pub(super) fn of_tokens(tokens: &[Token], whole: bool) -> Vec<Self> {
        let mut needs = Vec::new();
        let mut run = String::new();
        // Whether a word can go on before the run: an end of the value is an end of a word.
        let mut open = !whole;
        for token in tokens {
            match token {
                Token::Char(c) if in_word(*c) => run.extend(c.to_lowercase()),
                Token::Char(_) => {
                    needs.extend(Self::of_run(&mut run, open, false));
                    open = false;
                }
                Token::Run | Token::One => {
                    needs.extend(Self::of_run(&mut run, open, true));
                    open = true;
                }
            }
        }
        needs.extend(Self::of_run(&mut run, open, !whole));
        Self::best(needs)
    }

    /// The words of a phrase, each once: that they stand in a row is for others to check.
    pub(super) fn of_phrase(phrase: &Phrase) -> Vec<Self> {
        let words = once(phrase.words.iter().cloned().map(Self::Word).collect());
        words.into_iter().chain(phrase.last.clone().map(Self::Fits)).collect()
    }

    fn of_run(run: &mut String, open_before: bool, open_after: bool) -> Option<Self> {
        let run = std::mem::take(run);
        if run.is_empty() {
            return None;
        }
        // What only ends so, or has it somewhere, could be any word: that narrows nothing down.
        match (open_before, open_after) {
            (false, false) => Some(Self::Word(run)),
            (false, true) => Some(Self::Begins(run)),
            (true, _) => None,
        }
    }

    /// Whole words alone where there are any: beginnings of words are in many more documents.
    fn best(needs: Vec<Self>) -> Vec<Self> {
        let whole = |need: &Self| matches!(need, Self::Word(_));
        once(if needs.iter().any(whole) { needs.into_iter().filter(whole).collect() } else { needs })
    }

    /// A whole word or the beginning of one.
    fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Begins(text) => text,
            Self::Fits(_) => "",
        }
    }
}

/// Each need once, and of very many the longest: those are the rarest, as a guess, and narrow down enough.
fn once(mut needs: Vec<Need>) -> Vec<Need> {
    needs.sort_by(|a, b| b.text().len().cmp(&a.text().len()).then_with(|| a.text().cmp(b.text())));
    needs.dedup();
    needs.truncate(NEEDS_MAX);
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(pattern: &str, whole: bool) -> Vec<Need> {
        let token = |c| match c {
            '*' => Token::Run,
            '?' => Token::One,
            c => Token::Char(c),
        };
        Need::of_tokens(&pattern.chars().map(token).collect::<Vec<_>>(), whole)
    }

    #[test]
    fn words_with_both_ends_known_are_needed_whole_others_by_their_beginning() {
        let word = |text: &str| Need::Word(text.to_owned());
        assert_eq!(needs("Ab_cd", true), [word("ab"), word("cd")]);
        assert_eq!(needs("inv_2024*", true), [word("inv")]);
        assert_eq!(needs("inv*", true), [Need::Begins("inv".to_owned())]);
        assert_eq!(needs("*ab*cde", true), []);
        assert_eq!(needs("a b c", false), [word("b")]);
        assert_eq!(needs(" b", false), [Need::Begins("b".to_owned())]);
        assert_eq!(needs("Time", false), []);
        assert_eq!(needs("-?-", true), []);
        assert_eq!(needs("", true), []);
    }

    #[test]
    fn each_word_is_looked_up_once_and_of_very_many_the_longest() {
        let word = |text: &str| Need::Word(text.to_owned());
        let words = "the cat the dogs the".split(' ').map(str::to_owned).collect();
        let phrase = Phrase { words, last: None };
        assert_eq!(Need::of_phrase(&phrase), [word("dogs"), word("cat"), word("the")]);
        assert_eq!(needs(&"the-".repeat(4_000), true), [word("the")]);
        let many: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
        let most = needs(&many.join(" "), true);
        assert_eq!(most.len(), NEEDS_MAX);
        assert!(most.iter().all(|need| need.text().len() == 4));
    }
}
