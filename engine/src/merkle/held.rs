//! A whole tree in memory.

use super::{Node, Nodes, empty, node, root};
use crate::error::StoreError;

/// The complete subtrees over leaves that are all at hand: two hashes a leaf.
pub struct InMemory {
    /// By height.
    rows: Vec<Vec<Node>>,
}

impl InMemory {
    /// The tree over hashes of leaves.
    #[must_use]
    pub fn new(leaves: Vec<Node>) -> Self {
        let mut rows = vec![leaves];
        loop {
            let below = &rows[rows.len() - 1];
            let row: Vec<Node> = below.chunks_exact(2).map(|pair| node(&pair[0], &pair[1])).collect();
            if row.is_empty() {
                return Self { rows };
            }
            rows.push(row);
        }
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> Node {
        // Every subtree that a root asks for is held.
        root(self.rows[0].len() as u64, self).unwrap_or_else(|_| empty())
    }
}

impl Nodes for InMemory {
    fn node(&self, level: u32, index: u64) -> Result<Node, StoreError> {
        let row = self.rows.get(level as usize);
        let found = usize::try_from(index).ok().and_then(|index| row?.get(index)).copied();
        found.ok_or_else(|| StoreError::Refused(format!("the tree has no node {index} at height {level}")))
    }
}
