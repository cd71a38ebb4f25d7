//! What an index event commits to: which records of a stretch carry which values, so that a report
//! can prove that it leaves none of them out (docs/CUSTODY.md, "Completeness").
//!
//! Owns the nine dimensions ([`Dimension`]), their keyed tags ([`TagKeys`]), the tree over a stretch
//! ([`Epoch`]), what the index event says of it ([`Statement`]) and the filter of a report
//! ([`Filter`]). It reads no log and signs nothing.
//!
//! Keeps true: an epoch is a function of the records and the log's secret alone, so whoever has both
//! computes the same root again.

mod dimension;
mod epoch;
mod filter;
mod keys;
mod statement;
#[cfg(test)]
mod tests;
mod verification;

pub use dimension::{Dimension, Value, each_tagged};
pub use epoch::{EPOCH_RECORDS_MAX, Epoch, EpochBuilder, LEAF_BYTES, Leaf, Lookup, ShownLeaf, postings_hash};
pub use filter::{Axis, Filter};
pub use keys::{TAG_BYTES, Tag, TagKey, TagKeys};
pub use statement::{EVENT_ID_PREFIX, EVENT_TYPE, Statement};
pub use verification::verification_hash_of;
