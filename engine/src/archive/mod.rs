//! Where sealed segments go when their time on the local disk is over: the interface of object stores, a
//! directory as one, and the manifest of a segment that is away.
//!
//! Owns the names of objects and what a manifest says. Decides nothing: what is shipped, dropped and
//! restored, and when, is `log`'s business.
//!
//! Keeps true:
//! - an object is made once and never replaced;
//! - no byte of a store is believed before it was held against a manifest, and no manifest before its
//!   hash was found in the catalog.
//!
//! On disk: docs/FORMAT.md, "Archived segment".

mod local;
pub mod manifest;
mod store;

pub use local::LocalStore;
pub use manifest::{Manifest, Object};
pub use store::{ArchiveError, ObjectError, ObjectStore, Put};

/// What a segment's objects are, in the order in which they are shipped.
pub const KINDS: [&str; 3] = ["cold", "idx", "h"];

/// Ending of a manifest's name.
pub const MANIFEST_KIND: &str = "manifest.json";

/// Name of an object: `<log id>/<first sequence, 20 digits>.<kind>`.
#[must_use]
pub fn object_name(origin: &str, first: u64, kind: &str) -> String {
    let log_id = origin.rsplit('/').next().unwrap_or(origin);
    format!("{log_id}/{first:020}.{kind}")
}
