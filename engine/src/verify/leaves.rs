//! From chain hashes to the tree: what one segment's records give of it.

use crate::chain::Hash;
use crate::merkle::{self, InMemory, Node};
use crate::proof::BLOCK;

/// The leaves of one segment, whole blocks of them folded, as far as chain hashes are known: where a
/// record cannot be read and no index has its hash, they end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Leaves before the first block that begins in the segment.
    pub start: Vec<Node>,
    /// The whole blocks after them.
    pub blocks: Vec<Node>,
    /// Leaves after the last whole block.
    pub rest: Vec<Node>,
    /// For each size asked for that ends inside a block which begins in this segment: the hash over
    /// that block's leaves below it.
    pub partial: Vec<(u64, Node)>,
    /// Sum of the claims' digest over the ids of all records that could be read.
    pub ids: u64,
}

/// Takes the chain hashes of a segment in order.
pub(super) struct Leaves<'a> {
    piece: Piece,
    next: u64,
    row: Vec<Node>,
    /// The row begins with a block.
    whole: bool,
    /// Sizes that are asked for and not reached yet.
    sizes: &'a [u64],
}

impl<'a> Leaves<'a> {
    /// `sizes` ascend.
    pub fn new(first: u64, sizes: &'a [u64]) -> Self {
        let sizes = &sizes[sizes.partition_point(|&size| size <= first)..];
        let whole = first.is_multiple_of(BLOCK);
        Self { piece: Piece::default(), next: first, row: Vec::with_capacity(BLOCK as usize), whole, sizes }
    }

    pub fn push(&mut self, h: &Hash) {
        self.row.push(merkle::leaf(h));
        self.next += 1;
        let asked = self.sizes.first() == Some(&self.next);
        if asked {
            self.sizes = &self.sizes[1..];
        }
        if self.next.is_multiple_of(BLOCK) {
            self.end_row();
        } else if asked && self.whole {
            self.piece.partial.push((self.next, root(&self.row)));
        }
    }

    fn end_row(&mut self) {
        let row = std::mem::replace(&mut self.row, Vec::with_capacity(BLOCK as usize));
        if self.whole {
            self.piece.blocks.push(root(&row));
        } else {
            self.piece.start = row;
            self.whole = true;
        }
    }

    pub fn finish(mut self) -> Piece {
        if self.whole {
            self.piece.rest = self.row;
        } else {
            self.piece.start = self.row;
        }
        self.piece
    }
}

/// What the chain hashes of a segment give of the tree, where they alone are at hand.
#[must_use]
pub fn links(first: u64, links: &[Hash], sizes: &[u64]) -> Piece {
    let mut leaves = Leaves::new(first, sizes);
    links.iter().for_each(|link| leaves.push(link));
    leaves.finish()
}

/// The hash over the first leaves of a block, or all of them.
#[must_use]
pub fn root(row: &[Node]) -> Node {
    if !row.len().is_power_of_two() {
        return InMemory::new(row.to_vec()).root();
    }
    let mut nodes = row.to_vec();
    while nodes.len() > 1 {
        let half = nodes.len() / 2;
        for at in 0..half {
            nodes[at] = merkle::node(&nodes[2 * at], &nodes[2 * at + 1]);
        }
        nodes.truncate(half);
    }
    nodes[0]
}
