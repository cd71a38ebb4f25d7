//! Memory mappings: the one place with `unsafe`.
//!
//! Two kinds: [`Mapping`] of a file that is finished, and a growing window on the active segment,
//! which is mapped once at its full capacity and read only below the synced length.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

use super::Window;

/// The bytes of a finished file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mapping(Backing);

#[derive(Clone, Debug)]
enum Backing {
    Mapped(Arc<Mmap>),
    Held(Arc<[u8]>),
}

impl Mapping {
    /// Maps a file whose last writer is gone.
    pub(super) fn of_file(file: &File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        if len == 0 {
            return Ok(Self::held(Vec::new()));
        }
        // SAFETY: mapped bytes must not change while the mapping lives. Callers map only sealed
        // and derived files: no writer of ours is left, their mode is 0444, and the directory lock
        // keeps a second Stele out. A hostile process with write access can still break this
        // (docs/SECURITY.md), so `verify`, recovery and scrub read with pread and never map.
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self(Backing::Mapped(Arc::new(map))))
    }

    /// Wraps bytes in memory: what a simulated disk returns.
    #[must_use]
    pub fn held(bytes: Vec<u8>) -> Self {
        Self(Backing::Held(bytes.into()))
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Backing::Mapped(map) => map,
            Backing::Held(bytes) => bytes,
        }
    }
}

/// The active segment's mapping: address space for `capacity` bytes, of which the file has fewer.
pub(super) struct GrowingWindow {
    map: Mmap,
    file: File,
}

impl GrowingWindow {
    pub(super) fn new(file: File, capacity: usize) -> io::Result<Self> {
        // SAFETY: as above, with one difference: the file still grows. `slice` hands out only
        // ranges below the length of the file, and the engine asks only for ranges below its
        // synced length, which no write of ours touches again. Pages past the end of the file are
        // address space that nothing reads. A file cut short by another process while mapped ends
        // this process with SIGBUS; the next start then names the place (docs/SECURITY.md).
        let map = unsafe { MmapOptions::new().len(capacity).map(&file) }?;
        Ok(Self { map, file })
    }
}

impl Window for GrowingWindow {
    fn slice(&self, offset: usize, len: usize) -> io::Result<Cow<'_, [u8]>> {
        let end = offset.checked_add(len).filter(|&end| end <= self.map.len());
        match end {
            Some(end) => Ok(Cow::Borrowed(&self.map[offset..end])),
            // Past the mapped capacity: one oversized frame at the end of a segment may lie here.
            None => {
                let mut bytes = vec![0; len];
                std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut bytes, offset as u64)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}
