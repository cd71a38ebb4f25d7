//! One leaf of a plan in one segment: which documents match for sure, and which may.
//!
//! Dictionaries answer for the values that they list. Documents with values that none lists may
//! match, narrowed down by the words that such a value must have.

use std::cell::OnceCell;

use super::DocSet;
use super::Seen;
use super::pace::Pace;
use super::path::PathPattern;
use super::phrase::Phrase;
use super::plan::{Leaf, TimeRange};
use super::value::{ValueTest, contains, looks_like_number};
use super::words::{self, PhraseTerms};
use crate::error::StoreError;
use crate::index::{Dictionary, Field, PathId, Postings};
use crate::text::Number;

/// What a leaf gives in one segment.
pub(super) enum Hit<'a, 'p> {
    /// Posting lists together, and documents that may match too.
    Lists(Lists<'a>),
    /// Exactly these.
    Docs(DocSet),
    /// Those with these event times.
    Times(&'p [TimeRange]),
}

/// Lists whose union matches, and documents that only their records can decide.
#[derive(Default)]
pub(super) struct Lists<'a> {
    pub sure: Vec<Postings<'a>>,
    pub maybe: DocSet,
    /// What very many lists united to: they match too.
    pub united: DocSet,
}

/// More lists than this are united at once: a set takes less memory.
const LISTS_MAX: usize = 512;

/// A segment and the pace of the query.
#[derive(Clone, Copy)]
pub(super) struct Look<'a, 'b> {
    pub seen: Seen<'a>,
    pub pace: &'b Pace<'b>,
}

/// One test of a clause in one segment: what its lookups in several dictionaries have in common.
struct Asked<'p> {
    test: &'p ValueTest,
    /// Documents that can have it in a value that no dictionary lists.
    narrowed: OnceCell<DocSet>,
    /// Terms with the phrase.
    phrase: OnceCell<PhraseTerms>,
}

impl<'a> Look<'a, '_> {
    /// Looks a leaf up.
    pub(super) fn leaf<'p>(&self, leaf: &'p Leaf) -> Result<Hit<'a, 'p>, StoreError> {
        self.pace.step(10)?;
        let mut lists = Lists::default();
        match leaf {
            Leaf::Sequences(ranges) => return Ok(Hit::Docs(self.sequences(ranges))),
            Leaf::Committed(ranges) => return Ok(Hit::Docs(self.committed(ranges)?)),
            Leaf::Times(ranges) => return Ok(self.times(ranges)),
            Leaf::Envelope { fields, tests } => {
                for asked in tests.iter().map(Asked::of) {
                    for &field in *fields {
                        self.strings(field.into(), &asked, &mut lists)?;
                        self.unite(&mut lists)?;
                    }
                }
            }
            Leaf::Metadata { path, tests } => self.metadata(path, tests, &mut lists)?,
            Leaf::Changed { paths, any } => self.changed(paths, *any, &mut lists)?,
            Leaf::Text { phrase, sequence } => {
                if let Some(phrase) = phrase {
                    words::anywhere(self, phrase, &mut lists)?;
                }
                let own = sequence.map(|at| self.sequences(&[(at, at)])).filter(|own| !own.is_empty());
                if let Some(own) = own {
                    // The record says the same: to be doubtful costs one look at most.
                    lists.doubt(own, self.seen.docs);
                }
            }
        }
        self.unite(&mut lists)?;
        Ok(Hit::Lists(lists))
    }

    /// Makes a set of very many lists. Called after each test in each dictionary: what one of those
    /// finds is all that is held as lists.
    fn unite(&self, lists: &mut Lists<'a>) -> Result<(), StoreError> {
        if lists.sure.len() > LISTS_MAX {
            let more = self.union(&std::mem::take(&mut lists.sure))?;
            let all = std::mem::take(&mut lists.united);
            lists.united = all.or(more, self.seen.docs);
        }
        Ok(())
    }

    /// The union of lists as a set.
    pub(super) fn union(&self, lists: &[Postings<'_>]) -> Result<DocSet, StoreError> {
        self.pace.step(lists.iter().map(|list| 2 + list.count() as usize / 16).sum())?;
        DocSet::union(lists, self.seen.docs)
    }

    fn sequences(&self, ranges: &[(u64, u64)]) -> DocSet {
        let docs = self.seen.docs;
        let at = |sequence: u64| {
            u32::try_from(sequence.saturating_sub(self.seen.first)).unwrap_or(u32::MAX).min(docs)
        };
        let mut found = DocSet::empty();
        for &(low, high) in ranges {
            if high >= self.seen.first {
                found = found.or(DocSet::range(at(low)..at(high.saturating_add(1)), docs), docs);
            }
        }
        found
    }

    fn committed(&self, ranges: &[TimeRange]) -> Result<DocSet, StoreError> {
        let docs = self.seen.docs;
        let mut found = DocSet::empty();
        for &(from, to) in ranges {
            let end = to.map_or(Ok(docs), |to| self.first_committed(to))?;
            found = found.or(DocSet::range(self.first_committed(from)?..end, docs), docs);
        }
        Ok(found)
    }

    /// The first document committed at or after a time: commit times never descend.
    fn first_committed(&self, ns: i64) -> Result<u32, StoreError> {
        let (mut low, mut high) = (0, self.seen.docs);
        while low < high {
            let middle = low + (high - low) / 2;
            let us = self.seen.view.committed_us(middle)?.unwrap_or(u64::MAX);
            if i64::try_from(us).unwrap_or(i64::MAX).saturating_mul(1000) < ns {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn times<'p>(&self, ranges: &'p [TimeRange]) -> Hit<'a, 'p> {
        let Some((least, most)) = self.seen.span else { return Hit::Docs(DocSet::empty()) };
        let holds = |&(from, to): &TimeRange| from <= least && to.is_none_or(|to| most < to);
        let meets = |&(from, to): &TimeRange| from <= most && to.is_none_or(|to| least < to);
        if ranges.iter().any(holds) {
            return Hit::Docs(DocSet::All(self.seen.docs));
        }
        if ranges.iter().any(meets) { Hit::Times(ranges) } else { Hit::Docs(DocSet::empty()) }
    }

    fn changed(&self, paths: &[PathPattern], any: bool, lists: &mut Lists<'a>) -> Result<(), StoreError> {
        let of = Field::Changed.into();
        self.seen.view.terms(of, &mut |_, stored, postings| {
            if any || paths.iter().any(|path| path.fits(stored)) {
                lists.sure.push(postings);
            }
            self.pace.step(1 + paths.len())
        })?;
        if let Some(loose) = self.seen.view.loose(of)? {
            lists.doubt(self.union(&[loose])?, self.seen.docs);
        }
        Ok(())
    }

    fn metadata(
        &self,
        path: &PathPattern,
        tests: &[ValueTest],
        lists: &mut Lists<'a>,
    ) -> Result<(), StoreError> {
        let mut ids = Vec::new();
        let mut count = 0;
        self.seen.view.paths(&mut |id, stored| {
            count += 1;
            if path.fits(stored) {
                ids.push(id);
            }
        })?;
        self.pace.step(count)?;
        let unlisted = self.seen.view.unlisted()?;
        for asked in tests.iter().map(Asked::of) {
            for &id in &ids {
                self.metadata_at(id, &asked, lists)?;
                self.unite(lists)?;
            }
            if let Some(unlisted) = unlisted {
                self.doubt(unlisted, &asked, lists)?;
            }
        }
        Ok(())
    }

    fn metadata_at(&self, id: PathId, asked: &Asked<'_>, lists: &mut Lists<'a>) -> Result<(), StoreError> {
        let view = self.seen.view;
        match asked.test {
            ValueTest::Present => lists.sure.extend(view.present(id)?),
            ValueTest::Flag(flag) => lists.sure.extend(view.flags(id, *flag)?),
            ValueTest::Number(number) => {
                self.numbers(id, Some((number, true)), Some((number, true)), lists)?;
            }
            ValueTest::Numbers { low, high } => {
                let end = |end: &'_ Option<(Number, bool)>| end.clone();
                let (low, high) = (end(low), end(high));
                let (low, high) = (low.as_ref().map(|(n, i)| (n, *i)), high.as_ref().map(|(n, i)| (n, *i)));
                self.numbers(id, low, high, lists)?;
                self.strings(Dictionary::strings(id), asked, lists)?;
            }
            _ => self.strings(Dictionary::strings(id), asked, lists)?,
        }
        Ok(())
    }

    fn numbers(
        &self,
        id: PathId,
        low: Option<(&Number, bool)>,
        high: Option<(&Number, bool)>,
        lists: &mut Lists<'a>,
    ) -> Result<(), StoreError> {
        self.seen.view.numbers(id, low, high, &|| self.pace.go_on(2), &mut lists.sure)?;
        self.pace.result()?;
        if let Some(loose) = self.seen.view.loose(Dictionary::numbers(id))? {
            lists.doubt(self.union(&[loose])?, self.seen.docs);
        }
        Ok(())
    }

    /// A test in a dictionary of strings, and in the values that it does not list.
    fn strings(&self, of: Dictionary, asked: &Asked<'_>, lists: &mut Lists<'a>) -> Result<(), StoreError> {
        let (view, found) = (self.seen.view, &mut lists.sure);
        match asked.test {
            ValueTest::Number(_) | ValueTest::Flag(_) => return Ok(()),
            ValueTest::Exact { text, .. } => view.exact(of, text, found)?,
            ValueTest::Whole { pattern, below: None, .. } if pattern.is_plain() => {
                view.folded(of, &pattern.prefix(), found)?;
            }
            ValueTest::Whole { pattern, .. } => {
                self.scan(of, &pattern.prefix(), found, asked.test, |value| asked.test.holds_of_text(value))?;
            }
            ValueTest::Network { address, prefix } => {
                let begin = words::network_prefix(*address, *prefix);
                self.scan(of, &begin, found, asked.test, |value| asked.test.holds_of_text(value))?;
            }
            ValueTest::Contains { part, .. } => {
                self.scan(of, "", found, asked.test, |value| contains(value, part))?
            }
            ValueTest::Present => self.scan(of, "", found, asked.test, |_| true)?,
            ValueTest::Addresses { .. } => {
                self.scan(of, "", found, asked.test, |value| asked.test.holds_of_text(value))?
            }
            ValueTest::Bytes { .. } => {
                view.terms(of, &mut |_, value, postings| {
                    if std::str::from_utf8(value).is_ok_and(|value| asked.test.holds_of_text(value)) {
                        found.push(postings);
                    }
                    self.pace.step(2)
                })?;
            }
            ValueTest::Numbers { .. } => self.numeric_strings(of, asked.test, found)?,
            ValueTest::Phrase { phrase, .. } => self.phrase(of, phrase, asked, lists)?,
        }
        if let Some(loose) = view.loose(of)? {
            self.doubt(loose, asked, lists)?;
        }
        Ok(())
    }

    fn phrase(
        &self,
        of: Dictionary,
        phrase: &Phrase,
        asked: &Asked<'_>,
        lists: &mut Lists<'a>,
    ) -> Result<(), StoreError> {
        let terms = match asked.phrase.get() {
            Some(terms) => terms,
            None => {
                let terms = words::terms(self, phrase)?;
                lists.doubt(terms.rare.clone(), self.seen.docs);
                asked.phrase.get_or_init(|| terms)
            }
        };
        words::in_dictionary(self, of, phrase, terms, lists)
    }

    /// Strings that are numbers all begin with a digit or `-`.
    fn numeric_strings(
        &self,
        of: Dictionary,
        test: &ValueTest,
        found: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        if matches!(self.seen.view, crate::index::View::Live(_)) {
            return self
                .scan(of, "", found, test, |value| looks_like_number(value) && test.holds_of_text(value));
        }
        for start in ["-", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] {
            self.scan(of, start, found, test, |value| test.holds_of_text(value))?;
        }
        Ok(())
    }

    /// Visits the folded values with a prefix.
    fn scan(
        &self,
        of: Dictionary,
        prefix: &str,
        found: &mut Vec<Postings<'a>>,
        test: &ValueTest,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), StoreError> {
        let go_on = |bytes| self.pace.go_on(2 + bytes / 64);
        let wanted = |value: &[u8]| {
            self.pace.go_on(test.units(value.len())) && std::str::from_utf8(value).is_ok_and(&wanted)
        };
        self.seen.view.scan(of, prefix, &go_on, &wanted, found)?;
        self.pace.result()
    }

    /// Documents of values that are listed nowhere: those may match that have the words.
    fn doubt(
        &self,
        listed: Postings<'a>,
        asked: &Asked<'_>,
        lists: &mut Lists<'a>,
    ) -> Result<(), StoreError> {
        let needs = asked.test.needs();
        let mut docs = self.union(&[listed])?;
        if !needs.is_empty() {
            let narrowed = match asked.narrowed.get() {
                Some(narrowed) => narrowed,
                None => {
                    let narrowed = words::with_all(self, needs, asked.test.phrase())?;
                    asked.narrowed.get_or_init(|| narrowed)
                }
            };
            docs = docs.and(narrowed.clone());
        }
        if !docs.is_empty() {
            lists.doubt(docs, self.seen.docs);
        }
        Ok(())
    }
}

impl<'p> Asked<'p> {
    fn of(test: &'p ValueTest) -> Self {
        Self { test, narrowed: OnceCell::new(), phrase: OnceCell::new() }
    }
}

impl Lists<'_> {
    /// Documents at most.
    pub(super) fn most(&self) -> u64 {
        self.sure.iter().map(Postings::count).sum::<u64>() + self.maybe.count() + self.united.count()
    }

    /// True when no document can match.
    pub(super) fn is_empty(&self) -> bool {
        self.sure.is_empty() && self.maybe.is_empty() && self.united.is_empty()
    }

    /// Adds documents that may match.
    pub(super) fn doubt(&mut self, more: DocSet, docs: u32) {
        let all = std::mem::take(&mut self.maybe);
        self.maybe = if all.is_empty() { more } else { all.or(more, docs) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::select_tests::{live_part, plan};
    use crate::query::{Budget, plan::Node};

    #[test]
    fn a_phrase_with_a_word_that_is_nowhere_leaves_no_document_in_doubt() {
        let part = live_part((0..50).map(|at| format!(r#"{{"a":"known word {at}"}}"#)));
        for text in ["\"known absent\"", "\"absent known\"", "absent_known"] {
            let plan = plan(text);
            part.read(|seen| {
                let budget = Budget::unlimited();
                let pace = Pace::new(&budget);
                let Node::Leaf(leaf) = &plan.root else { panic!("{text}") };
                let Hit::Lists(lists) = Look { seen, pace: &pace }.leaf(leaf)? else { panic!("{text}") };
                assert!(lists.maybe.is_empty() && lists.sure.is_empty(), "{text}");
                Ok(())
            })
            .unwrap();
        }
    }

    #[test]
    fn what_many_tests_find_is_united_between_them() {
        let part = live_part((0..2_000).map(|at| format!(r#"{{"a":"k{at}","b":"k{at}"}}"#)));
        for (text, least) in [("@a~(k,1,2,3,4,5)", 2_000), ("@a:k*", 2_000), ("@a:k1*", 1_111)] {
            let plan = plan(text);
            part.read(|seen| {
                let budget = Budget::unlimited();
                let pace = Pace::new(&budget);
                let Node::Leaf(leaf) = &plan.root else { panic!("{text}") };
                let Hit::Lists(lists) = Look { seen, pace: &pace }.leaf(leaf)? else { panic!("{text}") };
                assert!(lists.sure.len() <= LISTS_MAX, "{text}: {}", lists.sure.len());
                assert!(lists.united.count() >= least, "{text}: {}", lists.united.count());
                Ok(())
            })
            .unwrap();
        }
    }
}
