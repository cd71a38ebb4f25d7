//! The stored form: the index of a sealed segment, read from its mapping.
//!
//! Opening reads one small section, whatever the segment holds; the others are hashed when a query
//! first needs them. Sections (docs/FORMAT.md, "Index sections"):
//!
//! | tag | section |
//! |---|---|
//! | 32 | head: version u16, zero u16, documents u32, earliest and latest time i64, dictionaries u32, paths u32, list of unlisted documents u32, zero u32; per dictionary 16 bytes: id, first term, terms, list of loose documents, u32 each |
//! | 33 | column: start of each term's value, and once more the length of all values |
//! | 34 | values, one after the other |
//! | 35 | posting lists (see `postings`) |
//! | 36, 37, 38 | columns: event time, documents in order of (time, document), commit time in µs |
//! | 39 | paths: per path 16 bytes: start of its name, lists of documents that have it, with `true`, with `false`, u32 each; the length of all names u32; names |
//! | 40 | words, and pairs of them (see `word_file`, `pairs`) |
//! | 41 | rare words and pairs (see `rare`) |
//! | 42 | column: list of each term: twice its offset in section 35, or twice its one document plus 1 |
//!
//! Terms are sorted by dictionary; strings by folded value, exact value; numbers by value, text.
//! In the head and in paths a list is named by its offset in section 35, or with the top bit set by its
//! one document; all ones: none.

use std::sync::Arc;

use super::column::Column;
use super::pairs;
use super::postings::Postings;
use super::rare::{self, Rare};
use super::times::Times;
use super::word_file::{Body, Docs, WordFile};
use super::{Dictionary, PathId, Words};
use crate::codec::sections::{Sections, u32_at, u64_at};
use crate::error::StoreError;
use crate::text::{Number, cmp_folded, fold, fold_bytes};

pub(super) const HEAD: u16 = 32;
pub(super) const STARTS: u16 = 33;
pub(super) const VALUES: u16 = 34;
pub(super) const POSTINGS: u16 = 35;
pub(super) const TIMES: u16 = 36;
pub(super) const ORDER: u16 = 37;
pub(super) const COMMITTED: u16 = 38;
pub(super) const PATHS: u16 = 39;
pub(super) const WORDS: u16 = 40;
pub(super) const RARE: u16 = 41;
pub(super) const LISTS: u16 = 42;
pub(super) const VERSION: u16 = 3;
pub(super) const ONE: u32 = 1 << 31;
pub(super) const NO_LIST: u32 = u32::MAX;
const HEAD_BYTES: usize = 40;
const RANGE_BYTES: usize = 16;
const PATH_BYTES: usize = 16;

/// Index of a sealed segment, read from its mapping.
#[derive(Debug)]
pub struct Stored {
    file: Arc<Sections>,
    docs: u32,
    span: Option<(i64, i64)>,
    ranges: Vec<Range>,
    paths: u32,
    unlisted: u32,
}

/// Where a dictionary's terms are.
#[derive(Clone, Copy, Debug)]
struct Range {
    id: u32,
    first: u32,
    terms: u32,
    loose: u32,
}

/// The sections of terms, at hand for one lookup.
struct Terms<'a> {
    stored: &'a Stored,
    starts: Column<'a>,
    lists: Column<'a>,
    values: &'a [u8],
}

/// Lists of a path.
#[derive(Clone, Copy)]
pub(super) enum PathList {
    Present = 1,
    Yes,
    No,
}

impl Stored {
    /// Checks shape only; section hashes are checked on first use (`Sections::get`).
    ///
    /// # Errors
    /// `Damaged`, also for an index of an older version, which is made again from its data; `TooNew`.
    pub fn open(file: Arc<Sections>) -> Result<Self, StoreError> {
        let head = file.get(HEAD)?;
        let damaged = |detail: &str| StoreError::damaged(file.path(), 0, detail);
        if head.len() < 4 {
            return Err(damaged("the head of the index is cut"));
        }
        match u32_at(head, 0) as u16 {
            VERSION => {}
            older if older < VERSION => return Err(damaged("the index is of an older version")),
            found => {
                let path = file.path().to_owned();
                return Err(StoreError::TooNew { path, found, newest_known: VERSION });
            }
        }
        let cut = head.len() < HEAD_BYTES;
        if cut || (head.len() - HEAD_BYTES) as u64 != u64::from(u32_at(head, 24)) * RANGE_BYTES as u64 {
            return Err(damaged("the head of the index has another number of dictionaries than it says"));
        }
        let ranges = head[HEAD_BYTES..].chunks_exact(RANGE_BYTES).map(|entry| Range {
            id: u32_at(entry, 0),
            first: u32_at(entry, 4),
            terms: u32_at(entry, 8),
            loose: u32_at(entry, 12),
        });
        let ranges: Vec<_> = ranges.collect();
        let follow = |a: &Range, b: &Range| a.id < b.id && a.first.checked_add(a.terms) == Some(b.first);
        let ends = ranges.last().is_none_or(|last| last.first.checked_add(last.terms).is_some());
        if !ranges.is_sorted_by(follow) || !ends {
            return Err(damaged("the dictionaries of the index do not follow each other"));
        }
        let docs = u32_at(head, 4);
        let span = (docs > 0).then(|| (u64_at(head, 8) as i64, u64_at(head, 16) as i64));
        let (paths, unlisted) = (u32_at(head, 28), u32_at(head, 32));
        Ok(Self { docs, span, ranges, paths, unlisted, file })
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
        self.column_of(tag, self.docs as usize)
    }

    fn column_of(&self, tag: u16, count: usize) -> Result<Column<'_>, StoreError> {
        Column::open(self.file.get(tag)?, count, self.file.path())
    }

    fn damaged(&self, detail: &str) -> StoreError {
        StoreError::damaged(self.file.path(), 0, detail)
    }

    fn range(&self, id: u16) -> Option<Range> {
        let at = self.ranges.binary_search_by_key(&u32::from(id), |range| range.id).ok()?;
        Some(self.ranges[at])
    }

    fn terms(&self) -> Result<Terms<'_>, StoreError> {
        let count = self.ranges.last().map_or(0, |last| last.first as usize + last.terms as usize);
        let (starts, lists) = (self.column_of(STARTS, count + 1)?, self.column_of(LISTS, count)?);
        Ok(Terms { stored: self, starts, lists, values: self.file.get(VALUES)? })
    }

    /// The list that a word of a table names.
    fn list(&self, word: u32) -> Result<Option<Postings<'_>>, StoreError> {
        if word == NO_LIST {
            return Ok(None);
        }
        if word & ONE != 0 {
            let doc = word & !ONE;
            if doc >= self.docs {
                return Err(self.damaged("a document of the dictionary is not in the segment"));
            }
            return Ok(Some(Postings::of_one(doc)));
        }
        self.list_at(word).map(Some)
    }

    fn list_at(&self, offset: u32) -> Result<Postings<'_>, StoreError> {
        let bytes = self.file.get(POSTINGS)?.get(offset as usize..);
        let bytes = bytes.ok_or_else(|| self.damaged("a posting list lies outside its section"))?;
        Postings::of_bytes(bytes, self.docs, self.file.path())
    }

    pub(super) fn exact<'a>(
        &'a self,
        id: u16,
        value: &str,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        let Some(range) = self.range(id) else { return Ok(()) };
        let terms = self.terms()?;
        let folded = fold(value);
        let (folded, value) = (folded.as_bytes(), value.as_bytes());
        let at = terms.lower_bound(range, |stored| {
            cmp_folded(stored, folded).then_with(|| stored.cmp(value)).is_lt()
        })?;
        if at < range.end() && terms.value(at)? == value {
            found.push(terms.postings(at)?);
        }
        Ok(())
    }

    pub(super) fn folded<'a>(
        &'a self,
        id: u16,
        folded: &str,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        let Some(range) = self.range(id) else { return Ok(()) };
        let terms = self.terms()?;
        let folded = folded.as_bytes();
        let mut at = terms.lower_bound(range, |stored| cmp_folded(stored, folded).is_lt())?;
        while at < range.end() && cmp_folded(terms.value(at)?, folded).is_eq() {
            found.push(terms.postings(at)?);
            at += 1;
        }
        Ok(())
    }

    pub(super) fn scan<'a>(
        &'a self,
        id: u16,
        prefix: &str,
        go_on: &dyn Fn(usize) -> bool,
        wanted: &dyn Fn(&[u8]) -> bool,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        let Some(range) = self.range(id) else { return Ok(()) };
        let terms = self.terms()?;
        let prefix = prefix.as_bytes();
        let mut at = terms.lower_bound(range, |stored| cmp_folded(stored, prefix).is_lt())?;
        while at < range.end() {
            let value = terms.value(at)?;
            let folded = fold_bytes(value);
            if !folded.starts_with(prefix) || !go_on(value.len()) {
                break;
            }
            if wanted(&folded) {
                found.push(terms.postings(at)?);
            }
            at += 1;
        }
        Ok(())
    }

    pub(super) fn visit<'a>(
        &'a self,
        id: u16,
        visit: &mut dyn FnMut(u32, &'a [u8], Postings<'a>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Some(range) = self.range(id) else { return Ok(()) };
        let terms = self.terms()?;
        (range.first..range.end()).try_for_each(|at| visit(at, terms.value(at)?, terms.postings(at)?))
    }

    pub(super) fn term(&self, number: u32) -> Result<(Dictionary, &[u8], Postings<'_>), StoreError> {
        let after = self.ranges.partition_point(|range| range.first <= number);
        let range = after.checked_sub(1).map(|at| self.ranges[at]).filter(|range| number < range.end());
        let range = range.ok_or_else(|| self.damaged("a word names a term that is not there"))?;
        let terms = self.terms()?;
        Ok((Dictionary(range.id as u16), terms.value(number)?, terms.postings(number)?))
    }

    pub(super) fn numbers<'a>(
        &'a self,
        id: u16,
        low: Option<(&Number, bool)>,
        high: Option<(&Number, bool)>,
        go_on: &dyn Fn() -> bool,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        let Some(range) = self.range(id) else { return Ok(()) };
        let terms = self.terms()?;
        let below = |stored: &[u8], (bound, with): (&Number, bool)| {
            let number = std::str::from_utf8(stored).ok().and_then(Number::parse);
            number.is_none_or(|number| if with { number < *bound } else { number <= *bound })
        };
        let first = match low {
            None => range.first,
            Some(bound) => terms.lower_bound(range, |stored| below(stored, bound))?,
        };
        let end = match high {
            None => range.end(),
            Some((bound, with)) => terms.lower_bound(range, |stored| below(stored, (bound, !with)))?,
        };
        let mut wanted = (first..end).take_while(|_| go_on());
        wanted.try_for_each(|at| terms.postings(at).map(|list| found.push(list)))
    }

    /// The path table: per path its name's start and lists.
    fn path_table(&self) -> Result<(&[u8], &[u8]), StoreError> {
        let section = self.file.get(PATHS)?;
        let table_bytes = self.paths as usize * PATH_BYTES + 4;
        let parts = section.split_at_checked(table_bytes);
        parts.ok_or_else(|| self.damaged("the table of paths is cut"))
    }

    pub(super) fn paths<'a>(&'a self, visit: &mut dyn FnMut(PathId, &'a [u8])) -> Result<(), StoreError> {
        let (table, names) = self.path_table()?;
        for number in 0..self.paths.min(u32::from(super::PATHS_MAX)) {
            let at = number as usize * PATH_BYTES;
            // Behind the last path stands the length of all names, where a next one's would begin.
            let name = names.get(u32_at(table, at) as usize..u32_at(table, at + PATH_BYTES) as usize);
            let name = name.ok_or_else(|| self.damaged("the name of a path lies outside its section"))?;
            visit(PathId(number as u16), name);
        }
        Ok(())
    }

    pub(super) fn path_list(
        &self,
        path: PathId,
        which: PathList,
    ) -> Result<Option<Postings<'_>>, StoreError> {
        if u32::from(path.0) >= self.paths {
            return Ok(None);
        }
        let (table, _) = self.path_table()?;
        self.list(u32_at(table, usize::from(path.0) * PATH_BYTES + which as usize * 4))
    }

    pub(super) fn loose(&self, id: u16) -> Result<Option<Postings<'_>>, StoreError> {
        self.range(id).map_or(Ok(None), |range| self.list(range.loose))
    }

    pub(super) fn unlisted(&self) -> Result<Option<Postings<'_>>, StoreError> {
        self.list(self.unlisted)
    }

    pub(super) fn word(&self, word: &str) -> Result<Words<'_>, StoreError> {
        let mut found = Words::default();
        let file = self.word_file()?;
        let body = file.find(word.as_bytes()).ok_or_else(|| self.words_damaged())?;
        // A word is in the file or is rare, never both.
        match body {
            Some(body) => self.gather(body, &mut found)?,
            None => {
                let rare = self.rare()?.find(rare::key(word.as_bytes()), &mut found.maybe);
                rare.ok_or_else(|| self.words_damaged())?;
            }
        }
        self.tidy(found)
    }

    pub(super) fn pair(
        &self,
        first: (&str, &Words<'_>),
        second: (&str, &Words<'_>),
    ) -> Result<Option<Words<'_>>, StoreError> {
        let loose = |words: &Words<'_>| match words.wide {
            true => 0,
            false => words.docs.iter().map(Postings::count).sum(),
        };
        if !pairs::are_kept(loose(first.1), loose(second.1), self.docs) {
            return Ok(None);
        }
        let pair = pairs::joined(first.0.as_bytes(), second.0.as_bytes());
        let mut found = Words::default();
        match self.word_file()?.find(&pair).ok_or_else(|| self.words_damaged())? {
            Some(body) => self.gather(body, &mut found)?,
            None => {
                let rare = self.rare()?.find(rare::pair_key(&pair), &mut found.maybe);
                rare.ok_or_else(|| self.words_damaged())?;
            }
        }
        self.tidy(found).map(Some)
    }

    pub(super) fn words(
        &self,
        prefix: &str,
        go_on: &dyn Fn() -> bool,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Words<'_>, StoreError> {
        let mut found = Words::default();
        let file = self.word_file()?;
        let bodies = file.find_with(prefix, go_on, wanted).ok_or_else(|| self.words_damaged())?;
        for body in bodies {
            self.gather(body, &mut found)?;
        }
        let rare = self.rare()?.find_with(prefix.as_bytes(), &mut found.maybe);
        rare.ok_or_else(|| self.words_damaged())?;
        found.terms.sort_unstable();
        found.terms.dedup();
        self.tidy(found)
    }

    fn gather<'a>(&'a self, body: Body<'a>, found: &mut Words<'a>) -> Result<(), StoreError> {
        found.terms.extend(body.terms);
        found.wide |= body.wide;
        found.docs.extend(match body.docs {
            Docs::None => None,
            Docs::Inline(list) => Some(Postings::of_bytes(list, self.docs, self.file.path())?),
            Docs::At(offset) => Some(self.list_at(offset)?),
        });
        Ok(())
    }

    fn tidy<'a>(&self, mut found: Words<'a>) -> Result<Words<'a>, StoreError> {
        found.maybe.sort_unstable();
        found.maybe.dedup();
        match found.maybe.last() {
            Some(&last) if last >= self.docs => Err(self.words_damaged()),
            _ => Ok(found),
        }
    }

    fn word_file(&self) -> Result<WordFile<'_>, StoreError> {
        WordFile::open(self.file.get(WORDS)?).ok_or_else(|| self.words_damaged())
    }

    fn rare(&self) -> Result<Rare<'_>, StoreError> {
        Rare::open(self.file.get(RARE)?).ok_or_else(|| self.words_damaged())
    }

    fn words_damaged(&self) -> StoreError {
        self.damaged("the words are not what was written")
    }
}

impl Range {
    fn end(&self) -> u32 {
        // Checked when the index was opened.
        self.first + self.terms
    }
}

impl<'a> Terms<'a> {
    fn value(&self, term: u32) -> Result<&'a [u8], StoreError> {
        // There is one start more than terms.
        let (start, end) = (self.starts.get(term as usize)?, self.starts.get(term as usize + 1)?);
        let place = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let value = place.and_then(|(start, end)| self.values.get(start..end));
        value.ok_or_else(|| self.stored.damaged("a value lies outside its section"))
    }

    fn postings(&self, term: u32) -> Result<Postings<'a>, StoreError> {
        let packed = self.lists.get(term as usize)?;
        let word = u32::try_from(packed >> 1).ok().filter(|&word| word < ONE);
        let word = word.ok_or_else(|| self.stored.damaged("the list of a term lies outside its section"))?;
        let list = self.stored.list(if packed & 1 == 1 { word | ONE } else { word })?;
        list.ok_or_else(|| self.stored.damaged("a term has no documents"))
    }

    /// The first term of the range that is not `before`.
    fn lower_bound(&self, range: Range, before: impl Fn(&[u8]) -> bool) -> Result<u32, StoreError> {
        let (mut low, mut high) = (range.first, range.end());
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
