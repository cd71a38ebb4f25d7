//! Bounded reading of a file from front to back.

use std::io;

use crate::io::DiskFile;

/// Bytes read at once where less was asked for.
const CHUNK_BYTES: usize = 1 << 20;

/// The first `limit` bytes of a file, a window of them in memory.
pub(super) struct Reader<'a> {
    file: &'a dyn DiskFile,
    limit: u64,
    buffer: Vec<u8>,
    /// Offset of the buffer's first byte.
    start: u64,
}

impl<'a> Reader<'a> {
    pub const fn new(file: &'a dyn DiskFile, limit: u64) -> Self {
        Self { file, limit, buffer: Vec::new(), start: 0 }
    }

    /// Bytes that can be read.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Up to `len` bytes from `offset`: fewer only where the limit comes first.
    ///
    /// The caller bounds `len`.
    pub fn get(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let left = self.limit.saturating_sub(offset);
        let len = left.min(len as u64) as usize;
        let inside = offset.checked_sub(self.start).filter(|&at| at + len as u64 <= self.buffer.len() as u64);
        let at = match inside {
            Some(at) => at as usize,
            None => {
                self.fill(offset, left.min(len.max(CHUNK_BYTES) as u64) as usize)?;
                0
            }
        };
        Ok(&self.buffer[at..at + len])
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        // An oversized frame's memory is not kept.
        if self.buffer.capacity() > 4 * CHUNK_BYTES && len <= CHUNK_BYTES {
            self.buffer = Vec::new();
        }
        self.buffer.resize(len, 0);
        self.start = offset;
        let read = self.file.read_exact_at(&mut self.buffer, offset);
        if read.is_err() {
            self.buffer.clear();
        }
        read
    }
}
