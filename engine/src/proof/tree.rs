//! The tree over a log: what is kept of it, and how the rest is computed.
//!
//! Kept are the hashes of complete subtrees of 256 leaves and above; lower ones are hashed from the
//! segments' links when they are asked for. The file holds those of 256 leaves alone, 32 bytes for
//! 256 records. It is derived: what a signed checkpoint does not cover is computed again at opening,
//! and what it does cover must lead to the signed root or all of it is.
//!
//! On disk: docs/FORMAT.md, "Tree".

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use crate::chain::Hash;
use crate::error::StoreError;
use crate::io::{Disk, DiskFile, Mode};
use crate::merkle::{self, Node, Nodes};
use crate::segment::{Segment, Snapshot};

/// Leaves of the smallest subtrees that are kept.
pub const BLOCK: u64 = 1 << BLOCK_LEVEL;
const BLOCK_LEVEL: u32 = 8;

const MAGIC: [u8; 8] = *b"STELETRE";
const VERSION: u16 = 1;
pub(super) const HEADER_BYTES: u64 = 16;
pub(super) const NODE_BYTES: u64 = 32;
/// Blocks that are hashed between two looks at the lock.
const STRETCH: u64 = 64;
/// Nodes in the file that may be unsynced: losing them costs hashing them again.
const UNSYNCED_MAX: u64 = 512;

/// Complete subtrees by height above a block, each row in order.
#[derive(Default)]
struct Levels(Vec<Vec<Node>>);

impl Levels {
    fn blocks(&self) -> u64 {
        self.0.first().map_or(0, |row| row.len() as u64)
    }

    /// Adds the next block, and every subtree that it completes.
    fn push(&mut self, block: Node) {
        let mut node = block;
        for height in 0.. {
            if self.0.len() == height {
                self.0.push(Vec::new());
            }
            let row = &mut self.0[height];
            row.push(node);
            match row[..] {
                [.., left, right] if row.len().is_multiple_of(2) => node = merkle::node(&left, &right),
                _ => return,
            }
        }
    }

    fn get(&self, height: u32, index: u64) -> Option<Node> {
        self.0.get(height as usize)?.get(usize::try_from(index).ok()?).copied()
    }

    fn of(blocks: impl Iterator<Item = Node>) -> Self {
        let mut levels = Self::default();
        blocks.for_each(|block| levels.push(block));
        levels
    }
}

/// The file, and how much of the tree it holds.
struct Kept {
    /// None when the log is only read.
    file: Option<Arc<dyn DiskFile>>,
    path: std::path::PathBuf,
    written: u64,
    synced: u64,
}

impl Kept {
    /// Adds what is missing. What fails is tried again next time.
    fn store(&mut self, levels: &RwLock<Levels>) -> Result<(), StoreError> {
        let Some(file) = &self.file else { return Ok(()) };
        let missing: Vec<Node> = {
            let levels = levels.read().unwrap_or_else(PoisonError::into_inner);
            levels.0.first().map_or(Vec::new(), |row| row[self.written as usize..].to_vec())
        };
        if !missing.is_empty() {
            let offset = HEADER_BYTES + self.written * NODE_BYTES;
            let bytes = missing.as_flattened();
            file.write_all_at(bytes, offset).map_err(StoreError::io(&self.path, "writing"))?;
            self.written += missing.len() as u64;
        }
        if self.written >= self.synced + UNSYNCED_MAX {
            file.sync_data().map_err(StoreError::syncing(&self.path))?;
            self.synced = self.written;
        }
        Ok(())
    }
}

/// The tree of one log.
pub struct Tree {
    levels: RwLock<Levels>,
    /// Held while the tree is extended.
    kept: Mutex<Kept>,
}

impl Tree {
    /// Makes the file of a new log, durably but for its name.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn create(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
        create(disk, path, false)?.sync_data().map_err(StoreError::syncing(path))
    }

    /// Reads the file as it stands, without believing it; makes it where it is missing or not one, which
    /// is told as a note. Writes nothing when `read_only`.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn open(disk: &dyn Disk, path: &Path, read_only: bool) -> Result<(Self, Option<String>), StoreError> {
        let exists = disk.exists(path).map_err(StoreError::io(path, "looking"))?;
        let mut blocks = None;
        if exists {
            let file = disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
            blocks = read(&*file, path)?;
        }
        let file = match (&blocks, read_only) {
            (_, true) => None,
            (Some(_), false) => Some(disk.open(path).map_err(StoreError::io(path, "opening"))?),
            (None, false) => Some(create(disk, path, exists)?),
        };
        let what = if exists { "is not a tree file" } else { "is missing" };
        let note = blocks.is_none().then(|| format!("{}: {what}; made again", path.display()));
        let levels = Levels::of(blocks.unwrap_or_default().into_iter());
        let written = levels.blocks();
        let kept = Kept { file, path: path.to_owned(), written, synced: written };
        Ok((Self { levels: RwLock::new(levels), kept: Mutex::new(kept) }, note))
    }

    /// Complete blocks that are kept.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.read().blocks()
    }

    /// Forgets all blocks from the `blocks`-th on.
    pub fn cut(&self, blocks: u64) {
        let mut kept = self.kept();
        let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
        let row = levels.0.first().cloned().unwrap_or_default();
        if row.len() as u64 > blocks {
            *levels = Levels::of(row.into_iter().take(blocks as usize));
        }
        kept.written = kept.written.min(blocks);
        kept.synced = kept.synced.min(blocks);
    }

    /// Hashes at most `most` of the blocks that the log has completed since; true when more are due.
    /// Readers go on meanwhile.
    ///
    /// # Errors
    /// `Damaged` or `Io` of a segment; `Io` or `Full` of the file, when memory is extended already.
    pub fn extend(&self, snapshot: &Snapshot, most: u64) -> Result<bool, StoreError> {
        let mut kept = self.kept();
        let whole = snapshot.head.size / BLOCK;
        let mut at = self.blocks();
        let end = whole.min(at.saturating_add(most));
        while at < end {
            let upto = end.min(at + STRETCH);
            let links = links(snapshot, at * BLOCK, upto * BLOCK)?;
            let blocks: Vec<Node> = links.chunks(BLOCK as usize).map(|links| fold(leaves(links))).collect();
            let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
            blocks.into_iter().for_each(|block| levels.push(block));
            at = upto;
        }
        kept.store(&self.levels)?;
        Ok(at < whole)
    }

    /// The subtrees of the log at one moment.
    #[must_use]
    pub fn over<'a>(&'a self, snapshot: &'a Snapshot) -> Over<'a> {
        Over { levels: self.read(), snapshot }
    }

    fn read(&self) -> RwLockReadGuard<'_, Levels> {
        self.levels.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tree over the records of a snapshot.
pub struct Over<'a> {
    levels: RwLockReadGuard<'a, Levels>,
    snapshot: &'a Snapshot,
}

impl Nodes for Over<'_> {
    fn node(&self, level: u32, index: u64) -> Result<Node, StoreError> {
        let Some(height) = level.checked_sub(BLOCK_LEVEL) else { return self.from_links(level, index) };
        if let Some(node) = self.levels.get(height, index) {
            return Ok(node);
        }
        if height == 0 {
            return self.from_links(level, index);
        }
        // Not hashed yet; at most as deep as a tree is high.
        Ok(merkle::node(&self.node(level - 1, index * 2)?, &self.node(level - 1, index * 2 + 1)?))
    }
}

impl Over<'_> {
    /// A subtree of at most a block, from the links themselves whatever is kept of it.
    ///
    /// # Errors
    /// `Damaged` or `Io`; `Refused` past the log's end.
    pub fn from_links(&self, level: u32, index: u64) -> Result<Node, StoreError> {
        let first = index << level;
        Ok(fold(leaves(&links(self.snapshot, first, first + (1 << level))?)))
    }

    /// The kept hash of a block.
    #[must_use]
    pub fn kept_block(&self, index: u64) -> Option<Node> {
        self.levels.get(0, index)
    }
}

fn leaves(links: &[Hash]) -> Vec<Node> {
    links.iter().map(merkle::leaf).collect()
}

/// The root over a power of two of leaves.
fn fold(mut row: Vec<Node>) -> Node {
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| merkle::node(&pair[0], &pair[1])).collect();
    }
    row.first().copied().unwrap_or_else(merkle::empty)
}

/// h of the records `[from, to)`.
///
/// # Errors
/// `Damaged` or `Io` of a segment; `Refused` when the log has no such records.
pub fn links(snapshot: &Snapshot, from: u64, to: u64) -> Result<Vec<Hash>, StoreError> {
    let mut found = Vec::with_capacity(usize::try_from(to.saturating_sub(from)).unwrap_or(0).min(1 << 16));
    let mut at = from;
    while at < to {
        let missing = || StoreError::Refused(format!("the log has no sequence {at} yet"));
        let (segment, doc) = snapshot.find(at).ok_or_else(missing)?;
        let range = doc as usize..usize::try_from(to - segment.first()).unwrap_or(usize::MAX);
        let before = found.len();
        match &**segment {
            Segment::Growing(growing) => {
                let state = growing.state();
                let hashes = state.rows.hashes();
                found.extend_from_slice(hashes.get(range.start..range.end.min(hashes.len())).unwrap_or(&[]));
            }
            Segment::Sealed(sealed) => {
                let (hashes, _) = sealed.rows().hashes()?.as_chunks::<32>();
                found.extend_from_slice(hashes.get(range.start..range.end.min(hashes.len())).unwrap_or(&[]));
            }
            Segment::Archived(archived) => {
                let hashes = archived.links()?;
                found.extend_from_slice(hashes.get(range.start..range.end.min(hashes.len())).unwrap_or(&[]));
            }
            Segment::Damaged { first, why, path, .. } => {
                return Err(StoreError::damaged(path, 0, why.clone()).at(first + u64::from(doc)));
            }
        }
        if found.len() == before {
            return Err(missing());
        }
        at = from + found.len() as u64;
    }
    Ok(found)
}

/// The hashes of a tree file; `None` when it is not one that this build knows, or torn in its header.
fn read(file: &dyn DiskFile, path: &Path) -> Result<Option<Vec<Node>>, StoreError> {
    let length = file.len().map_err(StoreError::io(path, "measuring"))?;
    if length < HEADER_BYTES {
        return Ok(None);
    }
    let nodes = (length - HEADER_BYTES) / NODE_BYTES;
    let mut bytes = vec![0; (HEADER_BYTES + nodes * NODE_BYTES) as usize];
    file.read_exact_at(&mut bytes, 0).map_err(StoreError::io(path, "reading"))?;
    let (start, rest) = bytes.split_at(HEADER_BYTES as usize);
    Ok((start == header()).then(|| rest.as_chunks::<32>().0.to_vec()))
}

pub(super) fn header() -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header
}

fn create(disk: &dyn Disk, path: &Path, exists: bool) -> Result<Arc<dyn DiskFile>, StoreError> {
    if exists {
        disk.remove(path).map_err(StoreError::io(path, "removing"))?;
    }
    let file = disk.create_new(path, Mode::Shared).map_err(StoreError::io(path, "creating"))?;
    file.write_all_at(&header(), 0).map_err(StoreError::io(path, "writing"))?;
    Ok(file)
}
