//! Roots and proofs, from the hashes of complete subtrees.

use super::{Node, Nodes, empty, node, split};
use crate::error::StoreError;

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// What `nodes` fails with.
pub fn root(size: u64, nodes: &dyn Nodes) -> Result<Node, StoreError> {
    if size == 0 { Ok(empty()) } else { head(0, size, nodes) }
}

/// The hashes that lead from leaf `index` to the root of the first `size` leaves, lowest first.
///
/// # Errors
/// `Refused` when the tree has no such leaf; what `nodes` fails with.
pub fn inclusion(index: u64, size: u64, nodes: &dyn Nodes) -> Result<Vec<Node>, StoreError> {
    if index >= size {
        return Err(StoreError::Refused(format!("a tree of {size} leaves has no leaf {index}")));
    }
    let (mut begin, mut leaves, mut path) = (0, size, Vec::new());
    while leaves > 1 {
        let left = split(leaves);
        if index < begin + left {
            path.push(head(begin + left, leaves - left, nodes)?);
            leaves = left;
        } else {
            path.push(head(begin, left, nodes)?);
            (begin, leaves) = (begin + left, leaves - left);
        }
    }
    path.reverse();
    Ok(path)
}

/// The hashes that show the tree of the first `from` leaves to be the beginning of that of the first
/// `to`. Empty when they are the same, and when `from` is 0.
///
/// # Errors
/// `Refused` when `from` is above `to`; what `nodes` fails with.
pub fn consistency(from: u64, to: u64, nodes: &dyn Nodes) -> Result<Vec<Node>, StoreError> {
    if from > to {
        return Err(StoreError::Refused(format!("a tree of {to} leaves has no beginning of {from}")));
    }
    if from == 0 || from == to {
        return Ok(Vec::new());
    }
    let (mut begin, mut leaves, mut path, mut whole) = (0, to, Vec::new(), true);
    // RFC 9162 2.1.4.1, from the top down; `whole` while the old tree is a left part of what is left.
    while begin + leaves != from {
        let left = split(leaves);
        if from <= begin + left {
            path.push(head(begin + left, leaves - left, nodes)?);
            leaves = left;
        } else {
            path.push(head(begin, left, nodes)?);
            (begin, leaves, whole) = (begin + left, leaves - left, false);
        }
    }
    if !whole {
        path.push(head(begin, leaves, nodes)?);
    }
    path.reverse();
    Ok(path)
}

/// The maximal aligned complete subtrees of the leaves `[first, limit)`, left to right: level and index.
#[must_use]
pub fn subtrees(first: u64, limit: u64) -> Vec<(u32, u64)> {
    let (mut at, mut found) = (first, Vec::new());
    while at < limit {
        let aligned = if at == 0 { 63 } else { at.trailing_zeros() };
        let level = aligned.min((limit - at).ilog2());
        found.push((level, at >> level));
        at += 1 << level;
    }
    found
}

/// The hash over leaves `[begin, begin + leaves)`, where `begin` is a place that RFC 6962 splits at.
pub(super) fn head(begin: u64, leaves: u64, nodes: &dyn Nodes) -> Result<Node, StoreError> {
    if leaves.is_power_of_two() {
        return nodes.node(leaves.trailing_zeros(), begin >> leaves.trailing_zeros());
    }
    let left = split(leaves);
    // At most as deep as a tree is high.
    Ok(node(&head(begin, left, nodes)?, &head(begin + left, leaves - left, nodes)?))
}
