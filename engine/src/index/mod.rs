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
mod live_words;
mod pairs;
mod postings;
mod rare;
mod rice;
mod stored;
mod times;
mod word_file;
mod write;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_values;

pub use column::{Column, encode as encode_column};
pub use doc::Doc;
pub use live::Live;
pub use postings::{Postings, Set};
pub use stored::Stored;
pub use times::{Cuts, Position, Times, Walk};

pub use crate::event::PATH_JOINT;

use crate::error::StoreError;
use crate::text::Number;
use stored::PathList;

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
    /// `actor.ip_address`.
    ActorAddress,
    /// `actor.user_agent`.
    UserAgent,
    /// `resource.name`.
    ResourceName,
    /// Strings of `schema_errors`: seen by bare text only.
    SchemaErrors,
    /// Paths of `metadata.changes` that differ between before and after, as path bytes.
    Changed,
}

/// Number of a path below `metadata` within one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathId(pub u16);

/// A dictionary of a segment: of an envelope member, or of the strings or numbers at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dictionary(u16);

impl From<Field> for Dictionary {
    fn from(field: Field) -> Self {
        Self(field.id())
    }
}

impl Dictionary {
    /// The strings at a path.
    #[must_use]
    pub fn strings(path: PathId) -> Self {
        Self(FIRST_PATH + path.0 * 2)
    }

    /// The numbers at a path, as written.
    #[must_use]
    pub fn numbers(path: PathId) -> Self {
        Self(FIRST_PATH + path.0 * 2 + 1)
    }

    /// The path, and whether it is of its numbers; `None` for an envelope member.
    #[must_use]
    pub fn path(self) -> Option<(PathId, bool)> {
        let number = self.0.checked_sub(FIRST_PATH)?;
        Some((PathId(number / 2), number % 2 == 1))
    }
}

/// Dictionaries below are the envelope's.
const FIRST_PATH: u16 = 64;

/// Values at paths that are not listed, for their words.
const UNLISTED: u16 = 16;

/// Longer paths are not listed.
const PATH_BYTES_MAX: usize = 1024;

/// Paths that one segment lists: an event that makes member names of ids cannot make more.
const PATHS_MAX: u16 = 8192;

/// Where a word stands. Every document that has it is in `docs`, `maybe`, or the documents of `terms`.
#[derive(Default)]
pub struct Words<'a> {
    /// Terms whose value has the word, ascending; empty when `wide`.
    pub terms: Vec<u32>,
    /// Documents that have the word in a value that is not in a dictionary; when `wide`, in any value.
    pub docs: Vec<Postings<'a>>,
    /// Documents that may have it: only the record can tell. Ascending.
    pub maybe: Vec<u32>,
    /// So many values have the word that they were not listed.
    pub wide: bool,
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

    /// The documents that have `value` in a dictionary of strings, byte for byte. Added to `found`: at most one list.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn exact(self, of: Dictionary, value: &str, found: &mut Vec<Postings<'a>>) -> Result<(), StoreError> {
        match self {
            View::Live(live) => live.exact(of.0, value, found),
            View::Stored(stored) => return stored.exact(of.0, value, found),
        }
        Ok(())
    }

    /// The documents that have `folded` in a dictionary of strings when case is ignored (`folded` is the outcome of
    /// [`crate::text::fold`]). Adds one list per way of writing it.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn folded(
        self,
        of: Dictionary,
        folded: &str,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        match self {
            View::Live(live) => live.folded(of.0, folded, found),
            View::Stored(stored) => return stored.folded(of.0, folded, found),
        }
        Ok(())
    }

    /// The documents that have a string of the dictionary which, folded, begins with `prefix` and is
    /// wanted: visits each distinct value with that prefix once. `go_on` is asked with the bytes of every
    /// value that is looked at; where it says no, the rest is left out.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn scan(
        self,
        of: Dictionary,
        prefix: &str,
        go_on: &dyn Fn(usize) -> bool,
        wanted: &dyn Fn(&[u8]) -> bool,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        match self {
            View::Live(live) => live.scan(of.0, prefix, go_on, wanted, found),
            View::Stored(stored) => return stored.scan(of.0, prefix, go_on, wanted, found),
        }
        Ok(())
    }

    /// Every term of a dictionary: number, exact value, documents. In the stored form strings ascend
    /// by (folded, exact) and numbers by (value, text); in the live form they come in any order.
    /// Values of `loose` documents are missing.
    ///
    /// # Errors
    /// `Damaged`, or what `visit` returns.
    pub fn terms(
        self,
        of: Dictionary,
        visit: &mut dyn FnMut(u32, &'a [u8], Postings<'a>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            View::Live(live) => live.visit(of.0, visit),
            View::Stored(stored) => stored.visit(of.0, visit),
        }
    }

    /// A term by its number, with the dictionary it stands in.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn term(self, number: u32) -> Result<(Dictionary, &'a [u8], Postings<'a>), StoreError> {
        match self {
            View::Live(live) => {
                live.term(number).ok_or_else(|| StoreError::Refused(format!("there is no term {number}")))
            }
            View::Stored(stored) => stored.term(number),
        }
    }

    /// Documents with a number at the path between two bounds (value, inclusive). `go_on` is asked for
    /// every number that is looked at; where it says no, the rest is left out.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn numbers(
        self,
        path: PathId,
        low: Option<(&Number, bool)>,
        high: Option<(&Number, bool)>,
        go_on: &dyn Fn() -> bool,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        let of = Dictionary::numbers(path).0;
        match self {
            View::Live(live) => {
                let above = |number: &Number, (bound, with): (&Number, bool)| {
                    if with { number >= bound } else { number > bound }
                };
                let below = |number: &Number, (bound, with): (&Number, bool)| {
                    if with { number <= bound } else { number < bound }
                };
                let within = |number: &Number| {
                    low.is_none_or(|low| above(number, low)) && high.is_none_or(|high| below(number, high))
                };
                live.numbers(of, &within, go_on, found);
                Ok(())
            }
            View::Stored(stored) => stored.numbers(of, low, high, go_on, found),
        }
    }

    /// Every path of the segment: number, and its names joined by [`PATH_JOINT`].
    ///
    /// # Errors
    /// `Damaged`.
    pub fn paths(self, visit: &mut dyn FnMut(PathId, &'a [u8])) -> Result<(), StoreError> {
        match self {
            View::Live(live) => {
                live.paths().zip(0..).for_each(|((name, _), number)| visit(PathId(number), name));
                Ok(())
            }
            View::Stored(stored) => stored.paths(visit),
        }
    }

    /// Documents that have a value at the path that is not null, or an object.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn present(self, path: PathId) -> Result<Option<Postings<'a>>, StoreError> {
        match self {
            View::Live(live) => Ok(live.path(path).map(|path| Postings::of_list(&path.present))),
            View::Stored(stored) => stored.path_list(path, PathList::Present),
        }
    }

    /// Documents that have `true` or `false` at the path.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn flags(self, path: PathId, value: bool) -> Result<Option<Postings<'a>>, StoreError> {
        match self {
            View::Live(live) => {
                let path = live.path(path);
                let list = path.and_then(|path| if value { path.yes.as_ref() } else { path.no.as_ref() });
                Ok(list.map(Postings::of_list))
            }
            View::Stored(stored) => stored.path_list(path, if value { PathList::Yes } else { PathList::No }),
        }
    }

    /// Documents that have values of the dictionary which it does not list: only the record can tell.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn loose(self, of: Dictionary) -> Result<Option<Postings<'a>>, StoreError> {
        match self {
            View::Live(live) => {
                let changes = live.changes_loose().filter(|_| of == Field::Changed.into());
                Ok(changes.map(Postings::of_list))
            }
            View::Stored(stored) => stored.loose(of.0),
        }
    }

    /// Documents that have paths which `paths` does not list, because the segment has too many: any
    /// path may be in them, only the record can tell. (Their words are found as all others.)
    ///
    /// # Errors
    /// `Damaged`.
    pub fn unlisted(self) -> Result<Option<Postings<'a>>, StoreError> {
        match self {
            View::Live(live) => Ok(live.unlisted().map(Postings::of_list)),
            View::Stored(stored) => stored.unlisted(),
        }
    }

    /// Where a folded word stands, in any value that bare text sees.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn word(self, word: &str) -> Result<Words<'a>, StoreError> {
        match self {
            View::Live(live) => Ok(live.word(word)),
            View::Stored(stored) => stored.word(word),
        }
    }

    /// Where two folded words stand one behind the other in a value that is in no dictionary, each given with
    /// where it stands. `None`: the index does not say, since few documents have both, one of them is in
    /// very many terms, or the segment still grows.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn pair(
        self,
        first: (&str, &Words<'_>),
        second: (&str, &Words<'_>),
    ) -> Result<Option<Words<'a>>, StoreError> {
        match self {
            View::Live(_) => Ok(None),
            View::Stored(stored) => stored.pair(first, second),
        }
    }

    /// Where words stand that begin with `prefix` and are wanted. `go_on` is asked for every word that is
    /// looked at; where it says no, the rest is left out.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn words(
        self,
        prefix: &str,
        go_on: &dyn Fn() -> bool,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Words<'a>, StoreError> {
        match self {
            View::Live(live) => Ok(live.words(prefix, go_on, wanted)),
            View::Stored(stored) => stored.words(prefix, go_on, wanted),
        }
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
