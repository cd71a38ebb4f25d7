//! Verification of proofs: from hashes alone, as RFC 9162 2.1.3.2 and 2.1.4.2 say.

use super::{Node, node};

/// The root that an inclusion proof leads to; `None` when it has another length than one of leaf
/// `index` among `size`.
#[must_use]
pub fn root_by_inclusion(leaf: &Node, index: u64, size: u64, path: &[Node]) -> Option<Node> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut root) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node(sibling, &root);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            root = node(&root, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// True when the proof shows that the tree of `from` leaves with root `old` is the beginning of the tree
/// of `to` leaves with root `new`.
#[must_use]
pub fn consistent(from: u64, to: u64, old: &Node, new: &Node, path: &[Node]) -> bool {
    if from > to {
        return false;
    }
    if from == to {
        return path.is_empty() && old == new;
    }
    if from == 0 {
        return path.is_empty() && *old == super::empty();
    }
    // A tree of a power of two is a node of the new one: its root need not be told.
    let (first, rest) = if from.is_power_of_two() {
        (old, path)
    } else {
        match path.split_first() {
            Some((first, rest)) => (first, rest),
            None => return false,
        }
    };
    let (mut at, mut last) = (from - 1, to - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut old_root, mut new_root) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_root = node(sibling, &old_root);
            new_root = node(sibling, &new_root);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new_root = node(&new_root, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old_root == *old && new_root == *new
}
