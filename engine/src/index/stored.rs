//! The stored form: the index of a sealed segment, read from its mapping.
//!
//! Opening reads one small section, whatever the segment holds; the others are hashed when a query
//! first needs them. Sections (docs/FORMAT.md, "Index sections"):
//!
//! | tag | section |
//! |---|---|
//! | 32 | head: version u16, field count u16, documents u32, earliest and latest time i64; per field 12 bytes: id u16, zero u16, first term u32, terms u32 |
//! | 33 | terms: per term 8 bytes: start of its value u32, postings u32; at the end once more 8 bytes with the length of all values |
//! | 34 | values, one after the other |
//! | 35 | posting lists (see `postings`) |
//! | 36, 37, 38 | columns: event time, documents in order of (time, document), commit time in µs |
//!
//! Terms are sorted by field, folded value, exact value. A postings word is an offset into section
//! 35, or with the top bit set the one document itself.

use std::sync::Arc;

use super::column::Column;
use super::postings::Postings;
use super::times::Times;
use crate::codec::sections::{Sections, u32_at, u64_at};
use crate::error::StoreError;
use crate::text::{cmp_folded, fold, fold_bytes};

pub(super) const HEAD: u16 = 32;
pub(super) const TERMS: u16 = 33;
pub(super) const VALUES: u16 = 34;
pub(super) const POSTINGS: u16 = 35;
pub(super) const TIMES: u16 = 36;
pub(super) const ORDER: u16 = 37;
pub(super) const COMMITTED: u16 = 38;
pub(super) const VERSION: u16 = 1;
pub(super) const ONE: u32 = 1 << 31;
const HEAD_BYTES: usize = 24;
const FIELD_BYTES: usize = 12;
pub(super) const TERM_BYTES: usize = 8;

/// Index of a sealed segment, read from its mapping.
#[derive(Debug)]
pub struct Stored {
    file: Arc<Sections>,
    docs: u32,
    span: Option<(i64, i64)>,
    fields: Vec<FieldRange>,
}

#[derive(Clone, Copy, Debug)]
struct FieldRange {
    id: u16,
    first: u32,
    terms: u32,
}

/// The dictionary's sections, at hand for one lookup.
struct Dictionary<'a> {
    stored: &'a Stored,
    terms: &'a [u8],
    values: &'a [u8],
}

impl Stored {
    /// Checks shape only; section hashes are checked on first use (`Sections::get`).
    ///
    /// # Errors
    /// `Damaged`, `TooNew`.
    pub fn open(file: Arc<Sections>) -> Result<Self, StoreError> {
        let head = file.get(HEAD)?;
        let damaged = |detail: &str| StoreError::damaged(file.path(), 0, detail);
        if head.len() < HEAD_BYTES {
            return Err(damaged("the head of the index is cut"));
        }
        let version = u32_at(head, 0) as u16;
        if version != VERSION {
            let path = file.path().to_owned();
            return Err(StoreError::TooNew { path, found: version, newest_known: VERSION });
        }
        let count = (u32_at(head, 0) >> 16) as usize;
        if head.len() != HEAD_BYTES + count * FIELD_BYTES {
            return Err(damaged("the head of the index has another number of fields than it says"));
        }
        let fields = head[HEAD_BYTES..].chunks_exact(FIELD_BYTES).map(|entry| FieldRange {
            id: u32_at(entry, 0) as u16,
            first: u32_at(entry, 4),
            terms: u32_at(entry, 8),
        });
        let fields: Vec<_> = fields.collect();
        if !fields.is_sorted_by(|a, b| a.id < b.id && a.first.checked_add(a.terms) == Some(b.first)) {
            return Err(damaged("the fields of the index do not follow each other"));
        }
        let docs = u32_at(head, 4);
        let span = (docs > 0).then(|| (u64_at(head, 8) as i64, u64_at(head, 16) as i64));
        Ok(Self { docs, span, fields, file })
    }

    /// How many documents it holds.
    #[must_use]
    pub fn docs(&self) -> u32 {
        self.docs
    }

    /// Earliest and latest event time.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        self.span
    }

    pub(super) fn times(&self) -> Result<Times<'_>, StoreError> {
        Ok(Times::of_columns(self.column(TIMES)?, self.column(ORDER)?, self.docs))
    }

    pub(super) fn committed_us(&self, doc: u32) -> Result<Option<u64>, StoreError> {
        if doc >= self.docs {
            return Ok(None);
        }
        Ok(Some(self.column(COMMITTED)?.get(doc as usize)? as u64))
    }

    fn column(&self, tag: u16) -> Result<Column<'_>, StoreError> {
        Column::open(self.file.get(tag)?, self.docs, self.file.path())
    }

    fn damaged(&self, detail: &str) -> StoreError {
        StoreError::damaged(self.file.path(), 0, detail)
    }

    fn range(&self, field: u16) -> Option<FieldRange> {
        self.fields.iter().find(|range| range.id == field).copied()
    }

    fn dictionary(&self) -> Result<Dictionary<'_>, StoreError> {
        let (terms, values) = (self.file.get(TERMS)?, self.file.get(VALUES)?);
        let count = self.fields.last().map_or(0, |last| last.first as usize + last.terms as usize);
        if terms.len() != (count + 1) * TERM_BYTES {
            return Err(self.damaged("the dictionary has another number of terms than the head says"));
        }
        Ok(Dictionary { stored: self, terms, values })
    }

    pub(super) fn exact<'a>(
        &'a self,
        field: u16,
        value: &str,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        let Some(range) = self.range(field) else { return Ok(()) };
        let dictionary = self.dictionary()?;
        let folded = fold(value);
        let (folded, value) = (folded.as_bytes(), value.as_bytes());
        let at = dictionary.lower_bound(range, |stored| {
            cmp_folded(stored, folded).then_with(|| stored.cmp(value)).is_lt()
        })?;
        if at < range.first + range.terms && dictionary.value(at)? == value {
            found.push(dictionary.postings(at)?);
        }
        Ok(())
    }

    pub(super) fn folded<'a>(
        &'a self,
        field: u16,
        folded: &str,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        let Some(range) = self.range(field) else { return Ok(()) };
        let dictionary = self.dictionary()?;
        let folded = folded.as_bytes();
        let mut at = dictionary.lower_bound(range, |stored| cmp_folded(stored, folded).is_lt())?;
        while at < range.first + range.terms && cmp_folded(dictionary.value(at)?, folded).is_eq() {
            found.push(dictionary.postings(at)?);
            at += 1;
        }
        Ok(())
    }

    pub(super) fn scan<'a>(
        &'a self,
        field: u16,
        prefix: &str,
        wanted: &dyn Fn(&[u8]) -> bool,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        let Some(range) = self.range(field) else { return Ok(()) };
        let dictionary = self.dictionary()?;
        let prefix = prefix.as_bytes();
        let mut at = dictionary.lower_bound(range, |stored| cmp_folded(stored, prefix).is_lt())?;
        while at < range.first + range.terms {
            let folded = fold_bytes(dictionary.value(at)?);
            if !folded.starts_with(prefix) {
                break;
            }
            if wanted(&folded) {
                found.push(dictionary.postings(at)?);
            }
            at += 1;
        }
        Ok(())
    }
}

impl<'a> Dictionary<'a> {
    fn value(&self, term: u32) -> Result<&'a [u8], StoreError> {
        let at = term as usize * TERM_BYTES;
        // The dictionary has one entry more than terms, and every term lies in its field's range.
        let (start, end) = (u32_at(self.terms, at), u32_at(self.terms, at + TERM_BYTES));
        let value = self.values.get(start as usize..end as usize);
        value.ok_or_else(|| self.stored.damaged("a value lies outside its section"))
    }

    fn postings(&self, term: u32) -> Result<Postings<'a>, StoreError> {
        let word = u32_at(self.terms, term as usize * TERM_BYTES + 4);
        let docs = self.stored.docs;
        if word & ONE != 0 {
            let doc = word & !ONE;
            let inside = doc < docs;
            return inside
                .then(|| Postings::of_one(doc))
                .ok_or_else(|| self.stored.damaged("a document of the dictionary is not in the segment"));
        }
        let lists = self.stored.file.get(POSTINGS)?;
        let bytes = lists.get(word as usize..);
        let bytes = bytes.ok_or_else(|| self.stored.damaged("a posting list lies outside its section"))?;
        Postings::of_bytes(bytes, docs, self.stored.file.path())
    }

    /// The first term of the field that is not `before`.
    fn lower_bound(&self, range: FieldRange, before: impl Fn(&[u8]) -> bool) -> Result<u32, StoreError> {
        let (mut low, mut high) = (range.first, range.first + range.terms);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.value(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}
