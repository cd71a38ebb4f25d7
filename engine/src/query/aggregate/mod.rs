//! Answers beyond pages: facets, histograms, figures, groups of errors, histories, hints.
//!
//! Owns how matching documents are counted and folded, over all segments of a snapshot. Which
//! documents match is the plan's ([`super::matching`]).
//!
//! | file | what it is |
//! |---|---|
//! | `events` | the matching documents, part by part, and their records |
//! | `dimension` | where the values of a dimension stand in an index, and in a record |
//! | `facets`, `histogram`, `metrics`, `errors`, `history`, `hints` | an answer each |
//! | `message`, `stack` | what failures of one kind have in common |
//! | `state` | a resource rebuilt from its changes |
//! | `json` | canonical JSON read in place |
//!
//! Keeps true:
//! - answers are exact (log/ask/tests.rs counts again from decoded records): what the index does not
//!   list is read from the records;
//! - they do not depend on how the log is cut into segments, nor on which of them are sealed;
//! - the lock of a growing segment is never held over more than some hundred records.

mod dimension;
mod errors;
mod events;
mod facets;
mod hints;
mod histogram;
mod history;
mod json;
mod message;
mod metrics;
mod stack;
mod state;

pub use errors::errors;
pub use events::Events;
pub use facets::facets;
pub use hints::hints;
pub use histogram::{histogram, range};
pub use history::{Page, changes, state};
pub use metrics::metrics;
