//! One proof for many leaves: the hashes of the maximal subtrees that hold none of them.

use super::prove::head;
use super::{Node, Nodes, node, split};
use crate::error::StoreError;

/// The hashes that lead from the `disclosed` leaves (ascending, each once, below `size`) to the root of
/// the first `size` leaves: depth first, left before right.
///
/// # Errors
/// What `nodes` fails with.
pub fn covers(disclosed: &[u64], size: u64, nodes: &dyn Nodes) -> Result<Vec<Node>, StoreError> {
    let mut proof = Vec::new();
    if size > 0 {
        cover(disclosed, 0, size, nodes, &mut proof)?;
    }
    Ok(proof)
}

fn cover(
    disclosed: &[u64],
    begin: u64,
    leaves: u64,
    nodes: &dyn Nodes,
    proof: &mut Vec<Node>,
) -> Result<(), StoreError> {
    if disclosed.is_empty() {
        proof.push(head(begin, leaves, nodes)?);
        return Ok(());
    }
    if leaves == 1 {
        return Ok(());
    }
    let left = split(leaves);
    let (low, high) = disclosed.split_at(disclosed.partition_point(|&leaf| leaf < begin + left));
    cover(low, begin, left, nodes, proof)?;
    cover(high, begin + left, leaves - left, nodes, proof)
}

/// The root that the disclosed leaves and such a proof lead to; `None` when the leaves are not ascending
/// and below `size`, or the proof has another number of hashes than they need.
#[must_use]
pub fn root_of_many(disclosed: &[(u64, Node)], size: u64, proof: &[Node]) -> Option<Node> {
    let sorted = disclosed.is_sorted_by(|a, b| a.0 < b.0);
    if size == 0 || !sorted || disclosed.last().is_some_and(|last| last.0 >= size) {
        return None;
    }
    let mut rest = proof;
    let root = fold(disclosed, 0, size, &mut rest)?;
    rest.is_empty().then_some(root)
}

fn fold(disclosed: &[(u64, Node)], begin: u64, leaves: u64, proof: &mut &[Node]) -> Option<Node> {
    match disclosed {
        [] => {
            let (next, rest) = proof.split_first()?;
            *proof = rest;
            Some(*next)
        }
        [(_, leaf)] if leaves == 1 => Some(*leaf),
        _ => {
            let left = split(leaves);
            let (low, high) = disclosed.split_at(disclosed.partition_point(|leaf| leaf.0 < begin + left));
            let low = fold(low, begin, left, proof)?;
            let high = fold(high, begin + left, leaves - left, proof)?;
            Some(node(&low, &high))
        }
    }
}
