//! Which event ids have been seen: fingerprint to sequence, for ever.
//!
//! Owns [`Recent`], the ids of segments that are still open or being sealed, in memory, and
//! [`Locator`], the ids of sealed segments in sorted, mapped files that are merged eight at a time.
//!
//! Keeps true:
//! - a fingerprint stands for an id but does not prove it: callers read the record and compare;
//! - id files are derived from records, so a damaged one is set aside and rebuilt, never trusted;
//! - every sequence is in at most one id file, and a merge removes its inputs only after its output
//!   is durable and was read back.

mod id_file;
mod inspect;
mod locator;
mod merge;
mod recent;
#[cfg(test)]
mod tests;

pub use inspect::{IdFileState, Inspected, inspect};
pub use locator::Locator;
pub use recent::Recent;
