//! Text as searches see it: case ([`fold`]), words, and numbers of any size.
//!
//! Keeps true: folding is a function of the text alone (no locale, no context), so a value folded
//! when it was stored equals the same value folded when it is asked for.

mod number;
mod words;

pub use number::Number;
pub use words::{in_word, words};

use std::borrow::Cow;
use std::cmp::Ordering;

/// Replaces each character by its full lower-case mapping, without context: `Σ` becomes `σ` at a
/// word's end too, `ß` stays. Borrows what is lower case already.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}

/// The same for stored bytes; what is not UTF-8 is taken as it is.
#[must_use]
pub fn fold_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(bytes).map(fold) {
        Ok(Cow::Borrowed(_)) | Err(_) => Cow::Borrowed(bytes),
        Ok(Cow::Owned(folded)) => Cow::Owned(folded.into_bytes()),
    }
}

/// Compares `fold(text)` with text that is folded already, in byte order, without copying ASCII.
#[must_use]
pub fn cmp_folded(text: &[u8], folded: &[u8]) -> Ordering {
    if text.is_ascii() {
        return text.iter().map(u8::to_ascii_lowercase).cmp(folded.iter().copied());
    }
    (*fold_bytes(text)).cmp(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_knows_no_context_and_keeps_sharp_s() {
        assert_eq!(fold("ΑΣ"), "ας".replace('ς', "σ"));
        assert_eq!(fold("Straße ÄÖ"), "straße äö");
        assert_eq!(fold("İ"), "i\u{307}");
        assert!(matches!(fold("ada@example.com"), Cow::Borrowed(_)));
        assert_eq!(fold("Ada@Example.COM"), "ada@example.com");
    }

    #[test]
    fn comparing_folds_like_fold() {
        for text in ["", "a", "A", "Zé", "zÉ", "ΣΑΣ", "b", "ab", "AB"] {
            for other in ["", "a", "zé", "σασ", "ab", "b"] {
                assert_eq!(cmp_folded(text.as_bytes(), other.as_bytes()), (*fold(text)).cmp(other));
            }
        }
    }
}
