//! Why a text is no query.

use std::ops::Range;

/// A fault in a query's text, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// First character that is wrong, counted from 0; the length of the text when its end came too
    /// early.
    pub position: usize,
    /// How many characters are wrong; 0 where something is missing.
    pub length: usize,
    /// What could stand there.
    pub expected: String,
    /// Text that could stand in place of these characters, where one is near.
    pub suggestion: Option<String>,
    /// The whole complaint, for people.
    pub message: String,
}

impl SyntaxError {
    /// A fault at a place, whose message says what was expected.
    pub(super) fn expected(place: Range<usize>, expected: impl Into<String>) -> Self {
        let expected = expected.into();
        let message = format!("at character {}: expected {expected}", place.start + 1);
        Self { position: place.start, length: place.len(), expected, suggestion: None, message }
    }

    /// The same with other words for people.
    pub(super) fn because(mut self, why: impl std::fmt::Display) -> Self {
        self.message = format!("at character {}: {why}", self.position + 1);
        self
    }

    /// The same with text to put there instead.
    pub(super) fn suggest(mut self, instead: impl Into<String>) -> Self {
        let instead = instead.into();
        self.message = format!("{}; perhaps {instead}", self.message);
        self.suggestion = Some(instead);
        self
    }

    /// The same where "everything" is no value to suggest.
    pub(super) fn without_star(mut self) -> Self {
        if self.suggestion.as_deref() == Some("*") {
            self.suggestion = None;
            self.message = format!("at character {}: expected {}", self.position + 1, self.expected);
        }
        self
    }
}
