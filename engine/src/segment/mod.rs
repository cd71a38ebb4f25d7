//! segment.
pub mod header;
