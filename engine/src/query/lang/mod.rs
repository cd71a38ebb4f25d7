//! The query language: text to tree and back (docs/QUERY.md).
//!
//! Owns the syntax (`scan`, `parse`, `value`), what names and values mean (`fields`, `typed`,
//! `times`, `literals`, `term`), the canonical text (`print`), advice (`hints`), and the tree that structured
//! parameters stand for (`parameters`). What a tree matches is the business of the rooms beside it.
//!
//! Keeps true:
//! - no text panics, and none costs more than time in proportion to its length;
//! - a tree printed and parsed again is the same tree, and its text is within the limits too;
//! - the place of every fault lies within the text.

mod error;
mod fields;
mod hints;
mod literals;
mod parameters;
mod parse;
mod print;
mod scan;
mod term;
#[cfg(test)]
mod tests;
mod times;
mod tree;
mod typed;
mod value;

pub use error::SyntaxError;
pub use hints::hints;
pub use parameters::asks_for_own;
pub use tree::{
    Bound, Clause, Expr, Field, Keyword, Literal, Moment, Name, Path, Query, Scalar, Term, Test, Token, Value,
};

/// Most bytes of a query's text, as given and as printed.
pub const TEXT_BYTES_MAX: usize = 16 << 10;
/// Most clauses and bare terms together.
pub const CLAUSES_MAX: usize = 256;
/// Most parentheses inside each other, those of lists included.
pub const DEPTH_MAX: usize = 32;
/// Most values of one list.
pub const VALUES_MAX: usize = 1000;

/// Most words of a term that is looked for as words.
pub const WORDS_MAX: usize = 64;
/// Most characters of a word with wildcards, or of a whole value with them.
pub const PATTERN_CHARS_MAX: usize = 256;

/// Reads a query. Empty text, or blanks alone, asks for everything.
///
/// # Errors
/// The first fault, with its place, what was expected there and, where one is near, what was perhaps
/// meant. Text beyond a limit is an error that names the limit.
pub fn parse(text: &str) -> Result<Query, SyntaxError> {
    parse::read(text).map(|(query, _)| query)
}
