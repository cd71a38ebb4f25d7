//! Words and phrases in one segment.
//!
//! A word leads to the values that have it, and those to documents; values that no dictionary lists
//! give documents alone, of which a phrase can only say that they may match.

use std::net::IpAddr;

use super::DocSet;
use super::lookup::{Lists, Look};
use super::needs::Need;
use super::phrase::Phrase;
use crate::error::StoreError;
use crate::index::{Dictionary, Postings, View, Words};
use crate::text::fold_bytes;

/// What the words of a phrase lead to.
#[derive(Debug)]
pub(super) struct PhraseTerms {
    /// Terms that can have it; `None`: so many that they were not listed.
    terms: Option<Vec<u32>>,
    /// All of the terms do have it.
    checked: bool,
    /// Documents that may have it in a value that a dictionary lists, but one of whose words is rare:
    /// rare words lead to documents alone.
    pub rare: DocSet,
}

/// What the words of a phrase lead to while they are looked up: never more than two long lists of terms
/// at once, however many the words are.
struct Gathered<'a> {
    /// Terms that have all the words so far. `None`: every word is in too many values to say.
    common: Option<Vec<u32>>,
    each: Vec<Each<'a>>,
}

/// Where one word of several stands.
struct Each<'a> {
    words: Words<'a>,
    /// Its terms were too many to be kept.
    many: bool,
}

/// Longer lists of terms are not kept but for what they have in common. The stored form has none.
const TERMS_KEPT: usize = 1024;
/// So many terms are listed or compared in a unit of work.
const TERMS_EACH_UNIT: usize = 8;
/// More terms than this are not all checked.
const CHECKED_MAX: usize = 256;
/// A value of so few documents costs no more to check in their records.
const RECORDS_EACH: u64 = 2;
/// So many neighbours are looked up: a phrase that goes on is in few documents by then.
const PAIRS_MAX: usize = 16;
/// So few doubtful documents are left to their records, before other words are looked at.
const RARE_FEW: u64 = 16;

/// Documents with a phrase in any value that bare text sees.
pub(super) fn anywhere<'a>(
    look: &Look<'a, '_>,
    phrase: &Phrase,
    lists: &mut Lists<'a>,
) -> Result<(), StoreError> {
    let needs = Need::of_phrase(phrase);
    if let ([only], 1) = (needs.as_slice(), phrase.len()) {
        let mut words = find(look, only)?;
        lists.sure.append(&mut words.docs);
        if !words.maybe.is_empty() {
            lists.doubt(DocSet::of_list(words.maybe, look.seen.docs), look.seen.docs);
        }
        for &term in &words.terms {
            look.pace.step(3)?;
            lists.sure.push(look.seen.view.term(term)?.2);
        }
        return Ok(());
    }
    let gathered = Gathered::of(look, &needs)?;
    if gathered.each.is_empty() {
        // One of the words is nowhere in the segment.
        return Ok(());
    }
    check(look, &gathered.common.unwrap_or_default(), None, phrase, lists)?;
    let mut each = gathered.each;
    let mut together = pairs(look, phrase, &needs, &each)?;
    if let ([pair], 2) = (together.as_mut_slice(), phrase.len()) {
        // Both words are in no more than the pair's documents, or in listed values, checked above.
        lists.sure.append(&mut pair.docs);
        if !pair.maybe.is_empty() {
            lists.doubt(DocSet::of_list(std::mem::take(&mut pair.maybe), look.seen.docs), look.seen.docs);
        }
        return Ok(());
    }
    each.extend(together.into_iter().map(|words| Each { words, many: false }));
    for maybe in [unlisted(look, &each)?, rare(look, &each)?] {
        if !maybe.is_empty() {
            lists.doubt(maybe, look.seen.docs);
        }
    }
    Ok(())
}

/// Where words of the phrase stand together in values that no dictionary lists, of each two neighbours that
/// the index knows of; `needs` are what `each` was found for.
fn pairs<'a>(
    look: &Look<'a, '_>,
    phrase: &Phrase,
    needs: &[Need],
    each: &[Each<'a>],
) -> Result<Vec<Words<'a>>, StoreError> {
    let found = |word: &str| {
        let at = needs.iter().position(|need| matches!(need, Need::Word(own) if own == word))?;
        each.get(at).map(|each| &each.words)
    };
    let mut together = Vec::new();
    for two in phrase.words.windows(2).take(PAIRS_MAX) {
        let (first, second) = (&two[0], &two[1]);
        if let Some((own, next)) = found(first).zip(found(second)) {
            look.pace.step(20)?;
            together.extend(look.seen.view.pair((first, own), (second, next))?);
        }
    }
    Ok(together)
}

/// The values that can have a phrase, of whatever dictionary.
pub(super) fn terms(look: &Look<'_, '_>, phrase: &Phrase) -> Result<PhraseTerms, StoreError> {
    let gathered = Gathered::of(look, &Need::of_phrase(phrase))?;
    let rare = rare(look, &gathered.each)?;
    Ok(PhraseTerms { terms: gathered.common, checked: phrase.len() == 1, rare })
}

impl<'a> Gathered<'a> {
    /// Looks the words up one by one, up to one that is nowhere.
    fn of(look: &Look<'a, '_>, needs: &[Need]) -> Result<Self, StoreError> {
        let live = matches!(look.seen.view, View::Live(_));
        let mut gathered = Self { common: None, each: Vec::new() };
        for need in needs {
            let words = find(look, need)?;
            if words.is_empty() {
                return Ok(Self { common: Some(Vec::new()), each: Vec::new() });
            }
            gathered.add(words, look)?;
            // The live form has no documents but those of terms.
            if live && gathered.common.as_ref().is_some_and(Vec::is_empty) {
                break;
            }
        }
        Ok(gathered)
    }

    fn add(&mut self, mut words: Words<'a>, look: &Look<'_, '_>) -> Result<(), StoreError> {
        if !words.wide {
            let terms = if words.terms.len() > TERMS_KEPT {
                std::mem::take(&mut words.terms)
            } else {
                words.terms.clone()
            };
            let many = words.terms.is_empty() && !terms.is_empty();
            self.common = Some(match self.common.take() {
                None => terms,
                Some(common) => {
                    let (mut few, all) =
                        if common.len() <= terms.len() { (common, terms) } else { (terms, common) };
                    look.pace.step(few.len() / TERMS_EACH_UNIT)?;
                    few.retain(|term| all.binary_search(term).is_ok());
                    few
                }
            });
            self.each.push(Each { words, many });
        } else {
            self.each.push(Each { words, many: false });
        }
        Ok(())
    }
}

/// The documents with a phrase in a value that one dictionary lists.
pub(super) fn in_dictionary<'a>(
    look: &Look<'a, '_>,
    of: Dictionary,
    phrase: &Phrase,
    terms: &PhraseTerms,
    lists: &mut Lists<'a>,
) -> Result<(), StoreError> {
    let Some(listed) = &terms.terms else {
        return look.seen.view.terms(of, &mut |_, value, postings| {
            if has(value, phrase) {
                lists.sure.push(postings);
            }
            look.pace.step(5 + phrase.units(value.len()))
        });
    };
    if !terms.checked {
        return check(look, listed, Some(of), phrase, lists);
    }
    for &term in listed {
        let (own, _, postings) = look.seen.view.term(term)?;
        look.pace.step(3)?;
        if own == of {
            lists.sure.push(postings);
        }
    }
    Ok(())
}

/// Adds the documents of those terms, of one dictionary or any, whose value has the phrase. Where the
/// terms are many, those of few documents are left to their records: a page needs few of them.
fn check<'a>(
    look: &Look<'a, '_>,
    terms: &[u32],
    of: Option<Dictionary>,
    phrase: &Phrase,
    lists: &mut Lists<'a>,
) -> Result<(), StoreError> {
    let mut left = Vec::new();
    for &term in terms {
        let (own, value, postings) = look.seen.view.term(term)?;
        look.pace.step(2)?;
        if of.is_some_and(|of| of != own) {
            continue;
        }
        if terms.len() > CHECKED_MAX && postings.count() <= RECORDS_EACH {
            postings.set()?.each(|doc| left.push(doc));
            continue;
        }
        look.pace.step(3 + phrase.units(value.len()))?;
        if has(value, phrase) {
            lists.sure.push(postings);
        }
    }
    if !left.is_empty() {
        lists.doubt(DocSet::of_many(left, look.seen.docs), look.seen.docs);
    }
    Ok(())
}

/// The documents that have all the words, each in a value that no dictionary of a listed path lists, those
/// of a phrase together. More may be among them where the segment has paths that are not listed.
pub(super) fn with_all(
    look: &Look<'_, '_>,
    needs: &[Need],
    phrase: Option<&Phrase>,
) -> Result<DocSet, StoreError> {
    // The words of values at such paths lead to terms like all others.
    let by_terms = look.seen.view.unlisted()?.is_some();
    let docs = look.seen.docs;
    let mut all = DocSet::All(docs);
    let mut found = Vec::with_capacity(needs.len());
    for need in needs {
        let mut words = find(look, need)?;
        if by_terms && words.terms.len() > TERMS_KEPT {
            let own = of_terms(look, &words.terms)?.or(look.union(&words.docs)?, docs);
            all = all.and(own.or(DocSet::of_list(words.maybe, docs), docs));
            continue;
        }
        if by_terms {
            for &term in &words.terms {
                look.pace.step(3)?;
                words.docs.push(look.seen.view.term(term)?.2);
            }
            words.terms.clear();
        }
        if words.docs.is_empty() && words.maybe.is_empty() {
            return Ok(DocSet::empty());
        }
        found.push(Each { words, many: false });
    }
    // Values at paths that are not listed may be terms, which pairs leave out.
    if let Some(phrase) = phrase.filter(|_| !by_terms) {
        let together = pairs(look, phrase, needs, &found)?;
        found.extend(together.into_iter().map(|words| Each { words, many: false }));
    }
    Ok(all.and(unlisted(look, &found)?))
}

/// The documents of many terms.
fn of_terms(look: &Look<'_, '_>, terms: &[u32]) -> Result<DocSet, StoreError> {
    let mut all = DocSet::empty();
    for terms in terms.chunks(TERMS_KEPT) {
        let lists = terms.iter().map(|&term| Ok(look.seen.view.term(term)?.2));
        let lists = lists.collect::<Result<Vec<_>, StoreError>>()?;
        look.pace.step(terms.len() + look.seen.docs as usize / 1024)?;
        all = all.or(look.union(&lists)?, look.seen.docs);
    }
    Ok(all)
}

/// The text that every address of a network begins with.
pub(super) fn network_prefix(address: IpAddr, prefix: u8) -> String {
    let IpAddr::V4(address) = address else { return String::new() };
    if prefix >= 32 {
        return address.to_string();
    }
    let octets = address.octets();
    octets.iter().take(usize::from(prefix / 8)).map(|octet| format!("{octet}.")).collect()
}

fn find<'a>(look: &Look<'a, '_>, need: &Need) -> Result<Words<'a>, StoreError> {
    let view = look.seen.view;
    look.pace.step(20)?;
    let words = match need {
        Need::Word(word) => view.word(word),
        Need::Begins(start) => view.words(start, &|| look.pace.go_on(2), &|_| true),
        Need::Fits(pattern) => {
            let wanted = |word: &str| look.pace.go_on(pattern.units(word.len())) && pattern.matches(word);
            view.words(&pattern.prefix(), &|| look.pace.go_on(2), &wanted)
        }
    };
    look.pace.result()?;
    let words = words?;
    look.pace.step(words.terms.len() / TERMS_EACH_UNIT)?;
    Ok(words)
}

/// Documents that have all the words, one of them at least by a rare word.
fn rare(look: &Look<'_, '_>, found: &[Each<'_>]) -> Result<DocSet, StoreError> {
    let docs = look.seen.docs;
    let set = |words: &Words<'_>| DocSet::of_many(words.maybe.clone(), docs);
    let mut all = DocSet::empty();
    for Each { words, .. } in found.iter().filter(|each| !each.words.maybe.is_empty()) {
        all = all.or(set(words), docs);
    }
    for Each { words, many } in found {
        if all.is_empty() {
            break;
        }
        let only_rare = words.terms.is_empty() && words.docs.is_empty() && !many;
        if only_rare {
            all = all.and(set(words));
        } else if found.len() > 1 && !many && all.count() > RARE_FEW {
            let mut lists = words.docs.clone();
            for &term in &words.terms {
                lists.push(look.seen.view.term(term)?.2);
            }
            all = all.and(look.union(&lists)?.or(set(words), docs));
        }
    }
    Ok(all)
}

fn unlisted(look: &Look<'_, '_>, found: &[Each<'_>]) -> Result<DocSet, StoreError> {
    let docs = look.seen.docs;
    let mut all = DocSet::All(docs);
    let mut ordered: Vec<&Words<'_>> = found.iter().map(|each| &each.words).collect();
    let most = |words: &Words<'_>| {
        words.terms.len() as u64
            + words.maybe.len() as u64
            + words.docs.iter().map(Postings::count).sum::<u64>()
    };
    ordered.sort_by_key(|words| most(words));
    for words in ordered {
        // The short way: a few documents are looked up in what lies ready.
        let plain = words.maybe.is_empty() && words.terms.is_empty();
        if let ([only], true, DocSet::List(_)) = (words.docs.as_slice(), plain, &all) {
            all = all.and_set(&only.set()?, docs);
        } else {
            let mut own = look.union(&words.docs)?;
            if words.wide && !words.terms.is_empty() {
                // Of several words, some are in too many values and others are not.
                own = own.or(of_terms(look, &words.terms)?, docs);
            }
            if !words.maybe.is_empty() {
                own = own.or(DocSet::of_list(words.maybe.clone(), docs), docs);
            }
            all = all.and(own);
        }
        if all.is_empty() {
            break;
        }
    }
    Ok(all)
}

fn has(value: &[u8], phrase: &Phrase) -> bool {
    std::str::from_utf8(&fold_bytes(value)).is_ok_and(|folded| phrase.matches(folded))
}

impl Words<'_> {
    fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.docs.is_empty() && self.maybe.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::pace::Pace;
    use crate::query::select_tests::live_part;
    use crate::query::{Budget, Part};
    use std::cell::Cell;

    /// Every text has the same three words, and one of its own.
    fn common_words() -> Part {
        let texts = (0..3_000).map(|at| format!("of the and w{at}"));
        live_part(texts.map(|text| format!(r#"{{"text":"{text}"}}"#)))
    }

    fn phrase(text: &str) -> Phrase {
        Phrase { words: text.split(' ').map(str::to_owned).collect(), last: None }
    }

    #[test]
    fn of_words_in_many_values_only_what_they_have_in_common_is_kept() {
        common_words()
            .read(|seen| {
                let budget = Budget::unlimited();
                let pace = Pace::new(&budget);
                let look = Look { seen, pace: &pace };
                let all = Gathered::of(&look, &Need::of_phrase(&phrase("of the and the of")))?;
                assert_eq!((all.each.len(), all.common.map_or(0, |terms| terms.len())), (3, 3_000));
                assert!(all.each.iter().all(|each| each.many && each.words.terms.is_empty()));
                let one = Gathered::of(&look, &Need::of_phrase(&phrase("the w7 of")))?;
                assert_eq!(one.common.map_or(0, |terms| terms.len()), 1);
                let none = Gathered::of(&look, &Need::of_phrase(&phrase("w1007 w1008 the and of")))?;
                assert!(none.common.is_some_and(|terms| terms.is_empty()));
                assert!(none.each.len() < 4, "the rest was looked up for nothing");
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_repeated_word_is_no_single_word() {
        common_words()
            .read(|seen| {
                let budget = Budget::unlimited();
                let pace = Pace::new(&budget);
                let look = Look { seen, pace: &pace };
                assert!(!terms(&look, &phrase("the the"))?.checked);
                assert!(terms(&look, &phrase("the"))?.checked);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn long_lists_of_terms_count_as_work() {
        common_words()
            .read(|seen| {
                let asked = Cell::new(0);
                let count = || {
                    asked.set(asked.get() + 1);
                    None
                };
                let budget = Budget::new(&count);
                let pace = Pace::new(&budget);
                let look = Look { seen, pace: &pace };
                for _ in 0..100 {
                    find(&look, &Need::Word("the".to_owned()))?;
                }
                assert!(asked.get() >= 7, "{}", asked.get());
                Ok(())
            })
            .unwrap();
    }
}
