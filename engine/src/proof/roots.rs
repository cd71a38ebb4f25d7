//! The tree walked from left to right, for verification: its roots on the way, and the kept blocks as
//! they lie in the file.

use std::path::Path;
use std::sync::Arc;

use super::tree::{BLOCK, HEADER_BYTES, NODE_BYTES, header};
use crate::error::StoreError;
use crate::io::{Disk, DiskFile};
use crate::merkle::{self, Node, Nodes};

/// Nodes that are read in one go.
const STRETCH: u64 = 2048;

/// The complete subtrees to the left of a place between two blocks: enough for the root there, and for
/// going on.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    /// Widest first; the bits of `blocks` say how wide each is.
    peaks: Vec<Node>,
    blocks: u64,
}

impl Frontier {
    /// After so many blocks of a tree that is kept.
    ///
    /// # Errors
    /// What `nodes` fails with.
    pub fn at(blocks: u64, nodes: &dyn Nodes) -> Result<Self, StoreError> {
        let peaks = merkle::subtrees(0, blocks * BLOCK).into_iter();
        let peaks = peaks.map(|(level, index)| nodes.node(level, index)).collect::<Result<_, _>>()?;
        Ok(Self { peaks, blocks })
    }

    /// Blocks passed.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Passes the next block.
    pub fn push(&mut self, block: Node) {
        self.peaks.push(block);
        self.blocks += 1;
        for _ in 0..self.blocks.trailing_zeros() {
            if let (Some(right), Some(left)) = (self.peaks.pop(), self.peaks.pop()) {
                self.peaks.push(merkle::node(&left, &right));
            }
        }
    }

    /// The root over the blocks passed and, behind them, the first leaves of a block, given as the hash
    /// over them.
    #[must_use]
    pub fn root(&self, behind: Option<Node>) -> Node {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = behind.or_else(|| peaks.next().copied()) else { return merkle::empty() };
        peaks.fold(last, |right, left| merkle::node(left, &right))
    }
}

/// The file of the tree, as it is on the disk now.
pub struct KeptBlocks {
    file: Arc<dyn DiskFile>,
    path: std::path::PathBuf,
    length: u64,
    held: Vec<Node>,
    /// Index of the first block held.
    first: u64,
}

impl KeptBlocks {
    /// Opens the file.
    ///
    /// # Errors
    /// `Io`; `Damaged` when it is not a file of a tree.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, StoreError> {
        let file = disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
        let length = file.len().map_err(StoreError::io(path, "measuring"))?;
        let mut found = [0; HEADER_BYTES as usize];
        if length < HEADER_BYTES {
            return Err(StoreError::damaged(path, length, "shorter than a header"));
        }
        file.read_exact_at(&mut found, 0).map_err(StoreError::io(path, "reading"))?;
        if found != header() {
            return Err(StoreError::damaged(path, 0, "is not a tree file"));
        }
        Ok(Self { file, path: path.to_owned(), length, held: Vec::new(), first: 0 })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whole blocks in it.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        (self.length - HEADER_BYTES) / NODE_BYTES
    }

    /// Bytes behind the last whole one.
    #[must_use]
    pub const fn torn(&self) -> u64 {
        (self.length - HEADER_BYTES) % NODE_BYTES
    }

    /// Where a block's hash lies.
    #[must_use]
    pub const fn place(index: u64) -> u64 {
        HEADER_BYTES + index * NODE_BYTES
    }

    /// The hash of a block, asked for in order; `None` past the end.
    ///
    /// # Errors
    /// `Io`.
    pub fn get(&mut self, index: u64) -> Result<Option<Node>, StoreError> {
        if index >= self.blocks() {
            return Ok(None);
        }
        if index < self.first || index >= self.first + self.held.len() as u64 {
            let count = STRETCH.min(self.blocks() - index);
            let mut bytes = vec![0; (count * NODE_BYTES) as usize];
            let read = self.file.read_exact_at(&mut bytes, Self::place(index));
            read.map_err(StoreError::io(&self.path, "reading"))?;
            (self.held, self.first) = (bytes.as_chunks::<32>().0.to_vec(), index);
        }
        Ok(self.held.get((index - self.first) as usize).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::InMemory;

    #[test]
    fn roots_on_the_way_are_those_of_the_tree() {
        let leaves: Vec<Node> = (0..3000_u32).map(|i| merkle::leaf_of(&i.to_be_bytes())).collect();
        let tree = InMemory::new(leaves.clone());
        let mut walked = Frontier::default();
        assert_eq!(walked.root(None), merkle::empty());
        for block in 0..11 {
            let first = block * BLOCK as usize;
            for part in [1, 2, 100, 255] {
                let behind = InMemory::new(leaves[first..first + part].to_vec()).root();
                let expected = merkle::root((first + part) as u64, &tree).unwrap();
                assert_eq!(walked.root(Some(behind)), expected, "{block} {part}");
            }
            walked.push(InMemory::new(leaves[first..first + BLOCK as usize].to_vec()).root());
            let size = (block as u64 + 1) * BLOCK;
            assert_eq!(walked.root(None), merkle::root(size, &tree).unwrap(), "{block}");
            let taken_up = Frontier::at(walked.blocks(), &tree).unwrap();
            assert_eq!(taken_up.peaks, walked.peaks);
        }
    }
}
