//! Values to documents: which documents of one segment have which value, and when they happened.
//!
//! Owns the live form in memory ([`Live`], of the active segment), the stored form in a segment's
//! index file ([`Stored`]), and [`View`], through which readers see both alike. It knows no query:
//! clauses, order and pages are the `query` room's.
//!
//! Keeps true:
//! - documents are numbered from 0 in the order of the log, without gaps;
//! - a posting list holds each document at most once, ascending;
//! - both forms give the same answer to every lookup;
//! - stored bytes are believed only after their section's hash fits, and even then decoded with
//!   every bound checked.
//!
//! On disk: docs/FORMAT.md, "Index sections". Field ids are open-ended (`u16`), and one dictionary
//! holds all fields, so that an index over more paths needs no new kind of section.

mod column;
mod doc;
mod live;
mod postings;
mod stored;
mod times;
mod write;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use doc::Doc;
pub use live::Live;
pub use postings::{Postings, Set};
pub use stored::Stored;
pub use times::{Position, Times, Walk};

use crate::error::StoreError;

/// The envelope members that have exact lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Field {
    /// `category`.
    Category = 1,
    /// `status`.
    Status,
    /// `actor.type`.
    ActorType,
    /// `event_type`.
    EventType,
    /// `action`.
    Action,
    /// `actor.id`.
    ActorId,
    /// `actor.email`.
    ActorEmail,
    /// `actor.name`.
    ActorName,
    /// `resource.type`.
    ResourceType,
    /// `resource.id`.
    ResourceId,
}

impl Field {
    /// Its number on disk.
    #[must_use]
    pub const fn id(self) -> u16 {
        self as u16
    }
}

/// Either form, for readers.
#[derive(Clone, Copy)]
pub enum View<'a> {
    /// Of the active segment.
    Live(&'a Live),
    /// Of a sealed one.
    Stored(&'a Stored),
}

impl<'a> View<'a> {
    /// How many documents it holds.
    #[must_use]
    pub fn docs(self) -> u32 {
        match self {
            View::Live(live) => live.docs(),
            View::Stored(stored) => stored.docs(),
        }
    }

    /// Earliest and latest event time; `None` when it holds no document.
    #[must_use]
    pub fn span(self) -> Option<(i64, i64)> {
        match self {
            View::Live(live) => live.span(),
            View::Stored(stored) => stored.span(),
        }
    }

    /// The documents whose `field` is `value`, byte for byte. Added to `found`: at most one list.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn exact(self, field: Field, value: &str, found: &mut Vec<Postings<'a>>) -> Result<(), StoreError> {
        match self {
            View::Live(live) => live.exact(field.id(), value, found),
            View::Stored(stored) => return stored.exact(field.id(), value, found),
        }
        Ok(())
    }

    /// The documents whose `field` is `folded` when case is ignored (`folded` is the outcome of
    /// [`crate::text::fold`]). Adds one list per way of writing it.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn folded(self, field: Field, folded: &str, found: &mut Vec<Postings<'a>>) -> Result<(), StoreError> {
        match self {
            View::Live(live) => live.folded(field.id(), folded, found),
            View::Stored(stored) => return stored.folded(field.id(), folded, found),
        }
        Ok(())
    }

    /// The documents whose folded `field` begins with `prefix` and is wanted: visits each distinct
    /// value with that prefix once.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn scan(
        self,
        field: Field,
        prefix: &str,
        wanted: &dyn Fn(&[u8]) -> bool,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        match self {
            View::Live(live) => live.scan(field.id(), prefix, wanted, found),
            View::Stored(stored) => return stored.scan(field.id(), prefix, wanted, found),
        }
        Ok(())
    }

    /// Event times and their order.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn times(self) -> Result<Times<'a>, StoreError> {
        match self {
            View::Live(live) => Ok(Times::of_live(live)),
            View::Stored(stored) => stored.times(),
        }
    }

    /// When a document was committed, in microseconds since 1970; `None` past the last one.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn committed_us(self, doc: u32) -> Result<Option<u64>, StoreError> {
        match self {
            View::Live(live) => Ok(live.committed_us(doc)),
            View::Stored(stored) => stored.committed_us(doc),
        }
    }
}
