//! Values to documents: which documents of one segment have which value, and when they happened.
//!
//! Live form in memory for the active segment, stored form in the segment's index file.
#![allow(unused, missing_docs, clippy::unimplemented)]
use crate::codec::sections::{Sections, SectionsWriter};
use crate::error::StoreError;
use crate::event::Fields;
use roaring::RoaringBitmap;
use std::sync::Arc;

/// The envelope members that have exact lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Field {
    Category = 1,
    Status,
    ActorType,
    EventType,
    Action,
    ActorId,
    ActorEmail,
    ActorName,
    ResourceType,
    ResourceId,
}
/// What one event adds to the index, made on the ingesting connection's thread (hashing done there).
pub struct Doc;
impl Doc {
    pub fn of(fields: &Fields<'_>, committed_us: u64) -> Self {
        unimplemented!()
    }
    pub fn time_ns(&self) -> i64 {
        unimplemented!()
    }
}
/// Index of a segment that still grows, in memory. Documents are numbered from 0.
#[derive(Default)]
pub struct Live;
impl Live {
    pub fn push(&mut self, doc: &Doc) {
        unimplemented!()
    }
    pub fn docs(&self) -> u32 {
        unimplemented!()
    }
    /// Heap bytes, roughly: for metrics and bounds.
    pub fn heap_bytes(&self) -> usize {
        unimplemented!()
    }
    /// Writes the stored form as sections with tags 32 to 63.
    pub fn write(&self, file: &mut SectionsWriter<'_>) -> Result<(), StoreError> {
        unimplemented!()
    }
}
/// Index of a sealed segment, read from its mapping.
pub struct Stored;
impl Stored {
    /// Checks shape only; section hashes are checked on first use (`Sections::get`).
    pub fn open(file: Arc<Sections>) -> Result<Self, StoreError> {
        unimplemented!()
    }
}
/// Either form, for readers.
#[derive(Clone, Copy)]
pub enum View<'a> {
    Live(&'a Live),
    Stored(&'a Stored),
}
