//! Exports: what the list of a search shows, as files for other programs.
//!
//! Owns their forms (JSON, NDJSON, CSV), their packing, and their files. Which rows are in one, and in which
//! order, is the search's; when it is written is the job's.
//!
//! Keeps true: the same rows in the same form are the same bytes, so that a file which a stop cut off is
//! written again as it would have been.

mod columns;
pub mod files;
mod form;
pub mod manifest;
mod members;
mod pack;
mod path;
mod pretty;

pub use columns::{COLUMNS_MAX, Columns, too_many};
pub use form::{Compression, Form, Format, Sheet};
pub use pack::{Packed, Packer};
pub use path::FieldPath;

/// Rows of an export that is not bulk, and of a chunk of one that is.
pub const ENTRIES_MAX: u64 = 100_000;
