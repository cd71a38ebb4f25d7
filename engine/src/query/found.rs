//! A plan's tree in one segment: every leaf looked up, nothing read yet.

use super::DocSet;
use super::lookup::{Hit, Lists, Look};
use super::plan::{Node, TimeRange};
use crate::error::StoreError;
use crate::index::{Postings, Set, Times};

/// More lists than this are united before documents are tested.
const ALTERNATIVES_MAX: usize = 8;
/// A set with at most this many documents is worth testing one by one.
const FEW: u64 = 256;

/// Where another conjunct leaves so few documents, what is dear to look up is left to their records.
const RECORDS_FEW: u64 = 16;
/// What is dear: scans of dictionaries, and words.
const DEAR: u32 = 40;

/// The tree with its leaves looked up.
pub(super) enum Found<'a, 'p> {
    All,
    Nothing,
    /// Not looked up: any document may match.
    Unknown,
    /// Those with the fewest documents first.
    And(Vec<Found<'a, 'p>>),
    Or(Vec<Found<'a, 'p>>),
    Not(Box<Found<'a, 'p>>),
    Lists(Lists<'a>),
    Docs(DocSet),
    Times(&'p [TimeRange]),
}

/// What the index knows of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Known {
    No,
    /// Only the record can tell.
    Maybe,
    Yes,
}

/// The tree ready for tests of single documents.
pub(super) enum Test<'a, 'p> {
    All,
    Nothing,
    Unknown,
    And(Vec<Test<'a, 'p>>),
    Or(Vec<Test<'a, 'p>>),
    Not(Box<Test<'a, 'p>>),
    Sets { sure: Vec<Set<'a>>, maybe: DocSet },
    Docs(DocSet),
    Times(&'p [TimeRange], Times<'a>),
}

/// The tree as sets of documents.
pub(super) struct Three {
    /// Those that match.
    pub sure: DocSet,
    /// Those that match or may; `None` when there is no doubt.
    pub possible: Option<DocSet>,
}

impl<'a, 'p> Found<'a, 'p> {
    /// Looks a tree up, as far as it takes to know that nothing matches.
    pub(super) fn of(node: &'p Node, look: &Look<'a, '_>) -> Result<Self, StoreError> {
        Ok(match node {
            Node::All => Self::All,
            Node::Nothing => Self::Nothing,
            Node::And(children) => Self::all_of(children, look)?,
            Node::Or(children) => Self::any_of(children, look)?,
            Node::Not(child) => match Self::of(child, look)? {
                Self::All => Self::Nothing,
                Self::Nothing => Self::All,
                other => Self::Not(Box::new(other)),
            },
            Node::Leaf(leaf) => match look.leaf(leaf)? {
                Hit::Lists(lists) if lists.is_empty() => Self::Nothing,
                Hit::Lists(mut lists) if !lists.united.is_empty() => {
                    let united = std::mem::take(&mut lists.united);
                    if lists.maybe.is_empty() {
                        return Ok(Self::Docs(united.or(look.union(&lists.sure)?, look.seen.docs)));
                    }
                    Self::Or(vec![Self::Docs(united), Self::Lists(lists)])
                }
                Hit::Lists(lists) => Self::Lists(lists),
                Hit::Docs(docs) if docs == DocSet::All(look.seen.docs) => Self::All,
                Hit::Docs(docs) if docs.is_empty() => Self::Nothing,
                Hit::Docs(docs) => Self::Docs(docs),
                Hit::Times(ranges) => Self::Times(ranges),
            },
        })
    }

    fn all_of(children: &'p [Node], look: &Look<'a, '_>) -> Result<Self, StoreError> {
        let docs = look.seen.docs;
        let mut kept = Vec::with_capacity(children.len());
        let (mut least, mut unknown) = (u64::MAX, false);
        for child in children {
            if least <= RECORDS_FEW && child.cost() >= DEAR {
                unknown = true;
                continue;
            }
            match Self::of(child, look)? {
                Self::All => {}
                Self::Nothing => return Ok(Self::Nothing),
                other => {
                    least = least.min(other.most(docs));
                    kept.push(other);
                }
            }
        }
        if unknown {
            kept.push(Self::Unknown);
        }
        kept.sort_by_cached_key(|child: &Self| child.most(docs));
        Ok(match kept.len() {
            0 => Self::All,
            1 => kept.remove(0),
            _ => Self::And(kept),
        })
    }

    fn any_of(children: &'p [Node], look: &Look<'a, '_>) -> Result<Self, StoreError> {
        let mut kept = Vec::with_capacity(children.len());
        for child in children {
            match Self::of(child, look)? {
                Self::All => return Ok(Self::All),
                Self::Nothing => {}
                other => kept.push(other),
            }
        }
        Ok(match kept.len() {
            0 => Self::Nothing,
            1 => kept.remove(0),
            _ => Self::Or(kept),
        })
    }

    /// Documents at most.
    pub(super) fn most(&self, docs: u32) -> u64 {
        let all = u64::from(docs);
        match self {
            Self::Nothing => 0,
            Self::All | Self::Unknown | Self::Not(_) | Self::Times(_) => all,
            Self::And(children) => children.iter().map(|child| child.most(docs)).min().unwrap_or(all),
            Self::Or(children) => children.iter().map(|child| child.most(docs)).sum::<u64>().min(all),
            Self::Lists(lists) => lists.most().min(all),
            Self::Docs(set) => set.count(),
        }
    }

    /// The conjuncts, those with the fewest documents first.
    pub(super) fn conjuncts(&self) -> &[Self] {
        match self {
            Self::And(children) => children,
            Self::All => &[],
            other => std::slice::from_ref(other),
        }
    }

    /// The one list that is all there is, if so.
    pub(super) fn only_list(&self) -> Option<&Postings<'a>> {
        match self {
            Self::Lists(lists) if lists.maybe.is_empty() => match lists.sure.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            _ => None,
        }
    }

    /// Makes it ready for tests.
    pub(super) fn test(&self, look: &Look<'a, '_>) -> Result<Test<'a, 'p>, StoreError> {
        let all =
            |children: &[Self]| children.iter().map(|child| child.test(look)).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Self::All => Test::All,
            Self::Nothing => Test::Nothing,
            Self::Unknown => Test::Unknown,
            Self::And(children) => Test::And(all(children)?),
            Self::Or(children) => Test::Or(all(children)?),
            Self::Not(child) => Test::Not(Box::new(child.test(look)?)),
            Self::Docs(docs) => Test::Docs(docs.clone()),
            Self::Times(ranges) => Test::Times(ranges, look.seen.view.times()?),
            Self::Lists(lists) => {
                let maybe = lists.maybe.clone();
                if lists.sure.len() > ALTERNATIVES_MAX {
                    let sure = look.union(&lists.sure)?;
                    if maybe.is_empty() {
                        return Ok(Test::Docs(sure));
                    }
                    return Ok(Test::Or(vec![Test::Docs(sure), Test::Sets { sure: Vec::new(), maybe }]));
                }
                let sure = lists.sure.iter().map(Postings::set).collect::<Result<_, _>>()?;
                Test::Sets { sure, maybe }
            }
        })
    }

    /// Works the tree out as sets.
    pub(super) fn three(&self, look: &Look<'a, '_>) -> Result<Three, StoreError> {
        let docs = look.seen.docs;
        look.pace.step(4 + docs as usize / 1024)?;
        Ok(match self {
            Self::All => Three::sure(DocSet::All(docs)),
            Self::Nothing => Three::sure(DocSet::empty()),
            Self::Unknown => Three { sure: DocSet::empty(), possible: Some(DocSet::All(docs)) },
            Self::Docs(set) => Three::sure(set.clone()),
            Self::Times(ranges) => Three::sure(at_times(ranges, look)?),
            Self::Not(child) => child.three(look)?.complement(docs),
            Self::Or(children) => {
                let mut any = Three::sure(DocSet::empty());
                for child in children {
                    any = any.or(child.three(look)?, docs);
                }
                any
            }
            Self::And(children) => {
                let mut all = Three::sure(DocSet::All(docs));
                for child in children {
                    all = all.and_found(child, look)?;
                    if all.possible.as_ref().unwrap_or(&all.sure).is_empty() {
                        break;
                    }
                }
                all
            }
            Self::Lists(lists) => {
                let sure = look.union(&lists.sure)?;
                let maybe = lists.maybe.clone();
                let possible = (!maybe.is_empty()).then(|| sure.clone().or(maybe, docs));
                Three { sure, possible }
            }
        })
    }
}

/// Documents with event times in any of the ranges.
fn at_times(ranges: &[TimeRange], look: &Look<'_, '_>) -> Result<DocSet, StoreError> {
    let docs = look.seen.docs;
    let times = look.seen.view.times()?;
    let mut all = DocSet::empty();
    for &(from, to) in ranges {
        let mut inside = Vec::new();
        for doc in times.walk((from, 0), end_of(to), false)? {
            inside.push(doc?);
            look.pace.step(1)?;
        }
        all = all.or(DocSet::of_many(inside, docs), docs);
    }
    Ok(all)
}

/// The position before which everything before `to` lies.
pub(super) const fn end_of(to: Option<i64>) -> (i64, u64) {
    match to {
        Some(to) => (to, 0),
        None => (i64::MAX, u64::MAX),
    }
}

impl Three {
    fn sure(sure: DocSet) -> Self {
        Self { sure, possible: None }
    }

    fn complement(self, docs: u32) -> Self {
        let not_sure = self.sure.complement(docs);
        match self.possible {
            None => Self::sure(not_sure),
            Some(possible) => Self { sure: possible.complement(docs), possible: Some(not_sure) },
        }
    }

    fn or(self, other: Self, docs: u32) -> Self {
        let possible = match (self.possible, other.possible) {
            (None, None) => None,
            (Some(a), Some(b)) => Some(a.or(b, docs)),
            (Some(a), None) => Some(a.or(other.sure.clone(), docs)),
            (None, Some(b)) => Some(b.or(self.sure.clone(), docs)),
        };
        Self { sure: self.sure.or(other.sure, docs), possible }
    }

    fn and(self, other: Self) -> Self {
        let possible = match (self.possible, other.possible) {
            (None, None) => None,
            (Some(a), Some(b)) => Some(a.and(b)),
            (Some(a), None) => Some(a.and(other.sure.clone())),
            (None, Some(b)) => Some(b.and(self.sure.clone())),
        };
        Self { sure: self.sure.and(other.sure), possible }
    }

    /// The documents that match another tree too, read in place where that is short.
    fn and_found<'a>(self, found: &Found<'a, '_>, look: &Look<'a, '_>) -> Result<Self, StoreError> {
        let docs = look.seen.docs;
        if let (None, Some(list)) = (&self.possible, found.only_list()) {
            look.pace.step(2 + docs as usize / 1024)?;
            return Ok(Self::sure(self.sure.and_set(&list.set()?, docs)));
        }
        let few = match self.possible.as_ref().unwrap_or(&self.sure) {
            DocSet::List(list) => list.len() as u64 <= FEW,
            _ => false,
        };
        if !few {
            return Ok(self.and(found.three(look)?));
        }
        let test = found.test(look)?;
        let all = self.possible.as_ref().unwrap_or(&self.sure).to_vec();
        let (mut sure, mut possible) = (Vec::new(), Vec::new());
        for doc in all {
            match test.of(doc)? {
                Known::No => continue,
                Known::Yes if self.possible.is_none() || self.sure.contains(doc) => sure.push(doc),
                _ => {}
            }
            possible.push(doc);
        }
        let doubt = possible.len() > sure.len();
        Ok(Self { sure: DocSet::List(sure), possible: doubt.then_some(DocSet::List(possible)) })
    }
}

impl Test<'_, '_> {
    /// What the index knows of a document.
    #[inline]
    pub(super) fn of(&self, doc: u32) -> Result<Known, StoreError> {
        Ok(match self {
            Self::All => Known::Yes,
            Self::Nothing => Known::No,
            Self::Unknown => Known::Maybe,
            Self::Sets { sure, maybe } => {
                if sure.iter().any(|set| set.contains(doc)) {
                    Known::Yes
                } else if maybe.contains(doc) {
                    Known::Maybe
                } else {
                    Known::No
                }
            }
            Self::Docs(docs) => Known::of(docs.contains(doc)),
            Self::Times(ranges, times) => {
                let at = times.at(doc)?;
                Known::of(ranges.iter().any(|&(from, to)| from <= at && to.is_none_or(|to| at < to)))
            }
            Self::And(children) => {
                let mut all = Known::Yes;
                for child in children {
                    all = all.min(child.of(doc)?);
                    if all == Known::No {
                        break;
                    }
                }
                all
            }
            Self::Or(children) => {
                let mut any = Known::No;
                for child in children {
                    any = any.max(child.of(doc)?);
                    if any == Known::Yes {
                        break;
                    }
                }
                any
            }
            Self::Not(child) => match child.of(doc)? {
                Known::No => Known::Yes,
                Known::Maybe => Known::Maybe,
                Known::Yes => Known::No,
            },
        })
    }
}

impl Known {
    const fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}
