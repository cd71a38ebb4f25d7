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
use crate::index::{Dictionary, Postings, Words};
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

/// More terms than this are not all checked.
const CHECKED_MAX: usize = 256;
/// A value of so few documents costs no more to check in their records.
const RECORDS_EACH: u64 = 2;
/// So few doubtful documents are left to their records, before other words are looked at.
const RARE_FEW: u64 = 16;

/// Documents with a phrase in any value that bare text sees.
pub(super) fn anywhere<'a>(
    look: &Look<'a, '_>,
    phrase: &Phrase,
    lists: &mut Lists<'a>,
) -> Result<(), StoreError> {
    let needs = Need::of_phrase(phrase);
    let mut found = Vec::with_capacity(needs.len());
    for need in &needs {
        let words = find(look, need)?;
        if words.is_empty() {
            return Ok(());
        }
        found.push(words);
    }
    if let [only] = found.as_mut_slice() {
        lists.sure.append(&mut only.docs);
        let maybe = std::mem::take(&mut only.maybe);
        if !maybe.is_empty() {
            lists.doubt(DocSet::of_list(maybe, look.seen.docs), look.seen.docs);
        }
        for &term in &only.terms {
            look.pace.step(3)?;
            lists.sure.push(look.seen.view.term(term)?.2);
        }
        return Ok(());
    }
    check(look, &common(&found).unwrap_or_default(), None, phrase, lists)?;
    for maybe in [unlisted(look, &found)?, rare(look, &found)?] {
        if !maybe.is_empty() {
            lists.doubt(maybe, look.seen.docs);
        }
    }
    Ok(())
}

/// The values that can have a phrase, of whatever dictionary.
pub(super) fn terms(look: &Look<'_, '_>, phrase: &Phrase) -> Result<PhraseTerms, StoreError> {
    let needs = Need::of_phrase(phrase);
    let found = needs.iter().map(|need| find(look, need)).collect::<Result<Vec<_>, _>>()?;
    Ok(PhraseTerms { terms: common(&found), checked: found.len() == 1, rare: rare(look, &found)? })
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
            look.pace.step(5 + value.len() / 16)
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
        look.pace.step(3 + value.len() / 16)?;
        if has(value, phrase) {
            lists.sure.push(postings);
        }
    }
    if !left.is_empty() {
        lists.doubt(DocSet::of_many(left, look.seen.docs), look.seen.docs);
    }
    Ok(())
}

/// The documents that have all the words, each in a value that no dictionary of a listed path lists.
/// More may be among them where the segment has paths that are not listed.
pub(super) fn with_all(look: &Look<'_, '_>, needs: &[Need]) -> Result<DocSet, StoreError> {
    // The words of values at such paths lead to terms like all others.
    let by_terms = look.seen.view.unlisted()?.is_some();
    let mut found = Vec::with_capacity(needs.len());
    for need in needs {
        let mut words = find(look, need)?;
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
        found.push(words);
    }
    unlisted(look, &found)
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
        Need::Begins(start) => view.words(start, &|_| look.pace.go_on(2)),
        Need::Fits(pattern) => {
            view.words(&pattern.prefix(), &|word| look.pace.go_on(3) && pattern.matches(word))
        }
    };
    look.pace.result()?;
    words
}

/// The terms that all words have in common. A word that is in too many values says nothing here.
fn common(found: &[Words<'_>]) -> Option<Vec<u32>> {
    let mut narrow: Vec<&Words<'_>> = found.iter().filter(|words| !words.wide).collect();
    narrow.sort_by_key(|words| words.terms.len());
    let (first, rest) = narrow.split_first()?;
    let mut terms = first.terms.clone();
    for words in rest {
        terms.retain(|term| words.terms.binary_search(term).is_ok());
    }
    Some(terms)
}

/// Documents that have all the words, one of them at least by a rare word.
fn rare(look: &Look<'_, '_>, found: &[Words<'_>]) -> Result<DocSet, StoreError> {
    let docs = look.seen.docs;
    let set = |words: &Words<'_>| DocSet::of_many(words.maybe.clone(), docs);
    let mut all = found.iter().map(set).fold(DocSet::empty(), |all, more| all.or(more, docs));
    for words in found {
        let only_rare = words.terms.is_empty() && words.docs.is_empty();
        if only_rare {
            all = all.and(set(words));
        } else if found.len() > 1 && all.count() > RARE_FEW {
            let mut lists = words.docs.clone();
            for &term in &words.terms {
                lists.push(look.seen.view.term(term)?.2);
            }
            all = all.and(look.union(&lists)?.or(set(words), docs));
        }
    }
    Ok(all)
}

fn unlisted(look: &Look<'_, '_>, found: &[Words<'_>]) -> Result<DocSet, StoreError> {
    let docs = look.seen.docs;
    let mut all = DocSet::All(docs);
    let mut ordered: Vec<&Words<'_>> = found.iter().collect();
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
                let terms = words.terms.iter().map(|&term| Ok(look.seen.view.term(term)?.2));
                let lists = terms.collect::<Result<Vec<_>, StoreError>>()?;
                own = own.or(look.union(&lists)?, docs);
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
