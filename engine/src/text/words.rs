//! Words: maximal runs of letters, marks and numbers (Unicode categories L, M and N).

use unicode_general_category::{GeneralCategory as G, get_general_category};

/// True for the characters that words are made of.
#[inline]
#[must_use]
pub fn in_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    matches!(
        get_general_category(c),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
            | G::NonspacingMark
            | G::SpacingMark
            | G::EnclosingMark
            | G::DecimalNumber
            | G::LetterNumber
            | G::OtherNumber
    )
}

/// The words of a text, in order. Give the folded text: folding never moves a word's ends.
pub fn words(folded: &str) -> impl Iterator<Item = &str> {
    let mut rest = folded;
    std::iter::from_fn(move || {
        let start = rest.find(in_word)?;
        rest = &rest[start..];
        let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold;

    #[test]
    fn words_are_runs_of_letters_marks_and_numbers() {
        for (text, wanted) in [
            ("", &[][..]),
            ("--- _ ", &[]),
            ("rate_limited", &["rate", "limited"]),
            ("jane@example.com", &["jane", "example", "com"]),
            ("Σίσυφος, ÄÖ-é²Ⅷ", &["σίσυφοσ", "äö", "é²ⅷ"]),
            ("e\u{301}x a\u{200d}b", &["e\u{301}x", "a", "b"]),
            ("12.5ms", &["12", "5ms"]),
            ("日本語 テスト", &["日本語", "テスト"]),
        ] {
            let folded = fold(text).replace('ς', "σ");
            assert_eq!(words(&folded).collect::<Vec<_>>(), wanted, "{text}");
        }
    }

    #[test]
    fn folding_moves_no_end_of_a_word() {
        // The language's tables may be a Unicode version ahead of the categories'.
        let assigned = |c: &char| get_general_category(*c) != G::Unassigned;
        for c in (0..=0x10_FFFF).filter_map(char::from_u32).filter(assigned) {
            let folded = fold(c.encode_utf8(&mut [0; 4])).into_owned();
            assert!(
                folded.chars().filter(assigned).all(|f| in_word(f) == in_word(c)),
                "{c:?} becomes {folded:?}"
            );
        }
    }
}
