//! One file: what readers see, what is on stable storage, and what may be.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that reach the disk together or not at all.
pub const SECTOR_BYTES: usize = 512;

type Sector = [u8; SECTOR_BYTES];

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// Its newest name, for descriptions.
    pub(super) path: PathBuf,
    /// What readers see.
    pub(super) cache: Arc<Vec<u8>>,
    /// What a power cut cannot take.
    pub(super) durable: Arc<Vec<u8>>,
    /// Sectors that may differ from `durable`, by index.
    pub(super) dirty: BTreeMap<usize, Dirty>,
    /// Lengths since the last sync, with their operation numbers.
    pub(super) lengths: Vec<(u64, u64)>,
    pub(super) read_only: bool,
    pub(super) durable_read_only: bool,
    /// Syncs that failed so far.
    pub(super) failed_syncs: u64,
}

/// A sector's contents since it was last durable, oldest first, with their operation numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Dirty {
    pub(super) versions: Vec<(u64, Box<Sector>)>,
    /// A failed sync took it for clean: syncing again does not write it.
    abandoned: bool,
}

fn sectors(range: Range<usize>) -> Range<usize> {
    if range.is_empty() {
        return 0..0;
    }
    range.start / SECTOR_BYTES..(range.end - 1) / SECTOR_BYTES + 1
}

/// Sector `index` of `bytes`, zeros where they end.
fn sector(bytes: &[u8], index: usize) -> Sector {
    let mut sector = [0; SECTOR_BYTES];
    let start = bytes.len().min(index * SECTOR_BYTES);
    let end = bytes.len().min(start + SECTOR_BYTES);
    sector[..end - start].copy_from_slice(&bytes[start..end]);
    sector
}

/// Puts a sector in place, as far as `bytes` reach.
pub(super) fn put_sector(bytes: &mut [u8], index: usize, sector: &Sector) {
    let start = bytes.len().min(index * SECTOR_BYTES);
    let end = bytes.len().min(start + SECTOR_BYTES);
    bytes[start..end].copy_from_slice(&sector[..end - start]);
}

impl Inode {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// A file whose bytes are all on stable storage.
    pub(super) fn settled(path: &Path, bytes: Arc<Vec<u8>>, read_only: bool) -> Self {
        let durable = Arc::clone(&bytes);
        Self {
            path: path.to_owned(),
            cache: bytes,
            durable,
            read_only,
            durable_read_only: read_only,
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.cache.len() as u64
    }

    pub(super) fn is_settled(&self) -> bool {
        self.dirty.is_empty() && self.lengths.is_empty() && self.read_only == self.durable_read_only
    }

    pub(super) fn slice(&self, offset: u64, len: usize) -> io::Result<&[u8]> {
        usize::try_from(offset)
            .ok()
            .and_then(|start| self.cache.get(start..start.checked_add(len)?))
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// True when a byte of the range is not on stable storage, and no failed sync hides it.
    pub(super) fn is_dirty(&self, offset: u64, len: usize) -> bool {
        let start = offset as usize;
        self.dirty.range(sectors(start..start + len)).any(|(&index, dirty)| {
            let first = start.saturating_sub(index * SECTOR_BYTES);
            let end = SECTOR_BYTES.min(start + len - index * SECTOR_BYTES);
            let durable = sector(&self.durable, index);
            let cached = sector(&self.cache, index);
            !dirty.abandoned && cached[first..end] != durable[first..end]
        })
    }

    pub(super) fn write(&mut self, op: u64, bytes: &[u8], offset: u64) {
        let start = offset as usize;
        let end = start + bytes.len();
        let old_len = self.cache.len();
        let cache = Arc::make_mut(&mut self.cache);
        if end > old_len && !bytes.is_empty() {
            cache.resize(end, 0);
            self.lengths.push((op, end as u64));
        }
        if !bytes.is_empty() {
            cache[start..end].copy_from_slice(bytes);
            self.touch(op, start.min(old_len)..end);
        }
    }

    pub(super) fn set_len(&mut self, op: u64, len: u64) {
        let old_len = self.cache.len();
        Arc::make_mut(&mut self.cache).resize(len as usize, 0);
        if len as usize != old_len {
            self.lengths.push((op, len));
        }
        // Only growth shows bytes that were not there; what a cut hides stays on the disk.
        self.touch(op, old_len..len as usize);
    }

    /// Notes the new contents of the sectors of a range. Writing what is there already, as zeros
    /// beyond the end, leaves nothing to lose.
    fn touch(&mut self, op: u64, range: Range<usize>) {
        for index in sectors(range) {
            let now = sector(&self.cache, index);
            if let Some(dirty) = self.dirty.get_mut(&index) {
                dirty.abandoned = false;
                if dirty.versions.last().is_none_or(|(_, newest)| **newest != now) {
                    dirty.versions.push((op, Box::new(now)));
                }
            } else if now != sector(&self.durable, index) {
                let versions = vec![(op, Box::new(now))];
                self.dirty.insert(index, Dirty { versions, abandoned: false });
            }
        }
    }

    pub(super) fn sync(&mut self) {
        if !self.lengths.is_empty() || !self.dirty.is_empty() {
            let durable = Arc::make_mut(&mut self.durable);
            durable.resize(self.cache.len(), 0);
            for (&index, _) in self.dirty.iter().filter(|(_, dirty)| !dirty.abandoned) {
                put_sector(durable, index, &sector(&self.cache, index));
            }
        }
        self.dirty.retain(|_, dirty| dirty.abandoned);
        self.lengths.clear();
        self.durable_read_only = self.read_only;
    }

    /// What a failed sync does: the pages are clean, the disk does not have them.
    pub(super) fn abandon(&mut self) {
        self.failed_syncs += 1;
        for dirty in self.dirty.values_mut() {
            dirty.abandoned = true;
        }
    }
}
