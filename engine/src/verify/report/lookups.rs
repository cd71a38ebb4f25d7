//! Step 5: for each value that was asked for, the records that have it, proved by the index event.

use data_encoding::HEXLOWER;

use super::ReportFault;
use super::form::{Epoch, Leaf as Shown, Lookup};
use super::records::{nodes, not_a_hash};
use crate::ids::unhex;
use crate::merkle;
use crate::tags::{Filter, LEAF_BYTES, Leaf, Statement, Tag, TagKey, Value, postings_hash};

const STEP: u8 = 5;

/// A set of offsets in one index event.
pub(super) struct Offsets {
    words: Vec<u64>,
    end: u64,
}

impl Offsets {
    fn none(end: u64) -> Self {
        Self { words: vec![0; end.div_ceil(64) as usize], end }
    }

    fn all(end: u64) -> Self {
        Self { words: vec![u64::MAX; end.div_ceil(64) as usize], end }
    }

    fn put(&mut self, offset: u32) {
        self.words[offset as usize / 64] |= 1 << (offset % 64);
    }

    fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// The offsets at or above `from`, ascending.
    pub fn iter(&self, from: u64) -> impl Iterator<Item = u64> {
        let has = |offset: &u64| self.words[(offset / 64) as usize] >> (offset % 64) & 1 == 1;
        (from..self.end).filter(has)
    }
}

/// What the index event says of the filter: AND over the dimensions of OR over the values. `at` is the
/// place in `epochs`.
pub(super) fn hits(
    at: usize,
    epoch: &Epoch<'_>,
    statement: &Statement,
    filter: &Filter,
) -> Result<Offsets, ReportFault> {
    let keys = keys(at, epoch, statement, filter)?;
    let end = statement.b - statement.a;
    let (mut hits, mut place) = (Offsets::all(end), 0);
    for ((_, values), key) in filter.dimensions.iter().zip(&keys) {
        let mut any = Offsets::none(end);
        for value in values {
            let name = format!("epochs[{at}].lookups[{place}]");
            let Some(lookup) = epoch.lookups.get(place) else {
                return Err(ReportFault::new(STEP, name, "is missing: one is due for each value"));
            };
            is_of(&name, lookup, key, value)?;
            let offsets = look_up(&name, lookup, statement, &key.tag(&value.bytes()))?;
            offsets.iter().for_each(|&offset| any.put(offset));
            place += 1;
        }
        hits.keep(&any);
    }
    if place < epoch.lookups.len() {
        let what = "is one too many: the filter has no such value";
        return Err(ReportFault::new(STEP, format!("epochs[{at}].lookups[{place}]"), what));
    }
    Ok(hits)
}

/// The keys of the filter's dimensions and of no other, in the filter's order.
fn keys(
    at: usize,
    epoch: &Epoch<'_>,
    statement: &Statement,
    filter: &Filter,
) -> Result<Vec<TagKey>, ReportFault> {
    let wrong = |what: String| ReportFault::new(STEP, format!("epochs[{at}].keys"), what);
    if epoch.keys.0.len() != filter.dimensions.len() {
        return Err(wrong("are not one for each dimension of the filter".to_owned()));
    }
    let key = |dimension: crate::tags::Dimension| {
        let number = dimension.number().to_string();
        let found = epoch.keys.0.iter().find(|(name, _)| *name == number);
        let (_, key) = found.ok_or_else(|| wrong(format!("dimension {number} is missing")))?;
        let key = unhex(key).ok_or_else(|| wrong(format!("{number} is not 32 bytes of hex")))?;
        let key = TagKey::new(dimension, key);
        if key.commitment() == statement.kc[usize::from(dimension.number()) - 1] {
            Ok(key)
        } else {
            Err(wrong(format!("{number} is not the key that the index event was made with")))
        }
    };
    filter.dimensions.iter().map(|(dimension, _)| key(*dimension)).collect()
}

fn is_of(name: &str, lookup: &Lookup<'_>, key: &TagKey, value: &Value) -> Result<(), ReportFault> {
    if lookup.dim == u64::from(key.dimension().number()) && lookup.value.is(value) {
        return Ok(());
    }
    let what = "is not that of the filter's value at this place";
    Err(ReportFault::new(STEP, name, what))
}

/// The offsets of the records that have the value of a tag.
fn look_up<'a>(
    name: &str,
    lookup: &'a Lookup<'_>,
    statement: &Statement,
    tag: &Tag,
) -> Result<&'a [u32], ReportFault> {
    let mut leaves = Vec::with_capacity(lookup.leaves.len().min(2));
    for (i, shown) in lookup.leaves.iter().enumerate() {
        leaves.push((shown.i, leaf(format!("{name}.leaves[{i}]"), shown, statement)?));
    }
    match &lookup.postings {
        Some(postings) => {
            listed(name, postings, statement)?;
            is_there(name, postings, &leaves, tag)?;
            Ok(postings)
        }
        None if is_absent(&leaves, statement, tag) => Ok(&[]),
        None => {
            let what = "do not show that no record has the value";
            Err(ReportFault::new(STEP, format!("{name}.leaves"), what))
        }
    }
}

/// A leaf that leads to the index event's root.
fn leaf(name: String, shown: &Shown<'_>, statement: &Statement) -> Result<Leaf, ReportFault> {
    let bytes: Option<[u8; LEAF_BYTES]> =
        HEXLOWER.decode(shown.leaf.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    let Some(bytes) = bytes else {
        return Err(ReportFault::new(STEP, name + ".leaf", "is not 53 bytes of hex"));
    };
    let path = nodes(&shown.path).map_err(|at| not_a_hash(STEP, format!("{name}.path[{at}]")))?;
    let root = merkle::root_by_inclusion(&merkle::leaf_of(&bytes), shown.i, statement.n, &path);
    if root == Some(statement.root) {
        return Ok(Leaf::read(&bytes));
    }
    Err(ReportFault::new(STEP, name, "does not lead to the root of the index event"))
}

fn listed(name: &str, postings: &[u32], statement: &Statement) -> Result<(), ReportFault> {
    let ascending = postings.is_sorted_by(|one, next| one < next);
    let within = postings.last().is_some_and(|&last| u64::from(last) < statement.b - statement.a);
    if ascending && within {
        return Ok(());
    }
    let what = "are none, do not ascend, or pass the end of the index event";
    Err(ReportFault::new(STEP, format!("{name}.postings"), what))
}

/// One leaf, of the tag, over this list.
fn is_there(name: &str, postings: &[u32], leaves: &[(u64, Leaf)], tag: &Tag) -> Result<(), ReportFault> {
    let [(_, leaf)] = leaves else {
        let what = "a value that records have is shown by its one leaf";
        return Err(ReportFault::new(STEP, format!("{name}.leaves"), what));
    };
    if leaf.tag != *tag {
        let what = "is the leaf of another value";
        return Err(ReportFault::new(STEP, format!("{name}.leaves[0]"), what));
    }
    if leaf.count as usize != postings.len() || leaf.postings != postings_hash(postings) {
        let what = "are not the records that the index event has for the value";
        return Err(ReportFault::new(STEP, format!("{name}.postings"), what));
    }
    Ok(())
}

/// True when the leaves, which are proved, leave no place for the tag between them.
fn is_absent(leaves: &[(u64, Leaf)], statement: &Statement, tag: &Tag) -> bool {
    match leaves {
        [] => statement.n == 0 && statement.root == merkle::empty(),
        [(i, leaf)] => {
            (*i == 0 && *tag < leaf.tag) || (Some(*i) == statement.n.checked_sub(1) && leaf.tag < *tag)
        }
        [(i, low), (j, high)] => i.checked_add(1) == Some(*j) && low.tag < *tag && *tag < high.tag,
        _ => false,
    }
}
