//! Where each record of a segment lies and what it hashes to: the columns that reading needs.

use crate::chain::Hash;
use crate::codec::sections::{Sections, SectionsWriter, u32_at, u64_at};
use crate::error::StoreError;
use crate::index::{Column, encode_column};

/// Section tags of the index file that belong to the rows; the index room has 32 to 63.
const FRAMES: u16 = 1;
const OFFSETS: u16 = 2;
const HASHES: u16 = 3;
const FRAME_ROW_BYTES: usize = 24;
const HASH_BYTES: usize = 32;

/// One frame of the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameAt {
    /// First document (record counted from the segment's first) in it.
    pub first_doc: u32,
    /// Bytes it takes in the file, padding included.
    pub bytes: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// Commit time of its records.
    pub committed_us: u64,
}

/// The columns in memory, for a segment that grows.
#[derive(Debug, Default)]
pub struct Rows {
    frames: Vec<FrameAt>,
    offsets: Vec<u32>,
    hashes: Vec<Hash>,
    fingerprints: Vec<u64>,
}

impl Rows {
    /// Begins a frame; the records pushed next belong to it.
    pub fn push_frame(&mut self, offset: u64, bytes: u32, committed_us: u64) {
        self.frames.push(FrameAt { first_doc: self.docs(), bytes, offset, committed_us });
    }

    /// Adds a record: its body begins at byte `offset` of the file.
    pub fn push(&mut self, offset: u32, hash: Hash, fingerprint: u64) {
        self.offsets.push(offset);
        self.hashes.push(hash);
        self.fingerprints.push(fingerprint);
    }

    /// Records so far.
    #[must_use]
    pub fn docs(&self) -> u32 {
        self.offsets.len() as u32
    }

    /// Id fingerprints in document order.
    #[must_use]
    pub fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }

    /// h of every record in document order.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The frames in order.
    #[must_use]
    pub fn frames(&self) -> &[FrameAt] {
        &self.frames
    }

    /// Where a record's body begins in the file.
    #[must_use]
    pub fn offset(&self, doc: u32) -> u32 {
        self.offsets[doc as usize]
    }

    /// The frame that holds a record.
    #[must_use]
    pub fn frame_of(&self, doc: u32) -> FrameAt {
        self.frames[self.frames.partition_point(|f| f.first_doc <= doc) - 1]
    }

    /// Heap bytes, roughly.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.frames.capacity() * size_of::<FrameAt>() + self.offsets.capacity() * (4 + HASH_BYTES + 8)
    }

    /// Writes the stored form.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn write(&self, file: &mut SectionsWriter<'_>) -> Result<(), StoreError> {
        file.begin(FRAMES);
        for frame in &self.frames {
            file.write(&frame.first_doc.to_le_bytes())?;
            file.write(&frame.bytes.to_le_bytes())?;
            file.write(&frame.offset.to_le_bytes())?;
            file.write(&frame.committed_us.to_le_bytes())?;
        }
        let offsets: Vec<i64> = self.offsets.iter().map(|&offset| i64::from(offset)).collect();
        file.section(OFFSETS, &encode_column(&offsets))?;
        file.section(HASHES, self.hashes.as_flattened())
    }
}

/// The stored columns of a sealed segment, read in place.
#[derive(Clone, Copy)]
pub struct StoredRows<'a> {
    sections: &'a Sections,
    docs: u32,
}

impl<'a> StoredRows<'a> {
    /// The rows of an index file over `docs` records.
    #[must_use]
    pub fn new(sections: &'a Sections, docs: u32) -> Self {
        Self { sections, docs }
    }

    /// h of every record, 32 bytes each.
    ///
    /// # Errors
    /// `Damaged` when the section is not what was written.
    pub fn hashes(&self) -> Result<&'a [u8], StoreError> {
        let bytes = self.sections.get(HASHES)?;
        if bytes.len() == self.docs as usize * HASH_BYTES {
            Ok(bytes)
        } else {
            Err(self.malformed("there is another number of hashes than the segment has records"))
        }
    }

    /// h of one record.
    ///
    /// # Errors
    /// `Damaged` when the section is not what was written.
    pub fn hash(&self, doc: u32) -> Result<Hash, StoreError> {
        let at = doc as usize * HASH_BYTES;
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(&self.hashes()?[at..at + HASH_BYTES]);
        Ok(hash)
    }

    /// Where a record's body begins in the data file.
    ///
    /// # Errors
    /// `Damaged` when the section is not what was written.
    pub fn offset(&self, doc: u32) -> Result<u32, StoreError> {
        let column = Column::open(self.sections.get(OFFSETS)?, self.docs as usize, self.sections.path())?;
        let offset = u32::try_from(column.get(doc as usize)?);
        offset.map_err(|_| self.malformed("the place of a record is past any segment"))
    }

    /// Number of the frame that holds a record, and the frame.
    ///
    /// # Errors
    /// `Damaged` when the section is not what was written.
    pub fn frame_of(&self, doc: u32) -> Result<(usize, FrameAt), StoreError> {
        let bytes = self.sections.get(FRAMES)?;
        let (mut low, mut high) = (0, bytes.len() / FRAME_ROW_BYTES);
        while low < high {
            let middle = usize::midpoint(low, high);
            if u32_at(bytes, middle * FRAME_ROW_BYTES) <= doc { low = middle + 1 } else { high = middle }
        }
        let number = low.checked_sub(1).ok_or_else(|| self.malformed("no frame holds the first record"))?;
        Ok((number, frame_at(bytes, number)))
    }

    /// All frames in order.
    ///
    /// # Errors
    /// `Damaged` when the section is not what was written.
    pub fn all_frames(&self) -> Result<Vec<FrameAt>, StoreError> {
        let bytes = self.sections.get(FRAMES)?;
        Ok((0..bytes.len() / FRAME_ROW_BYTES).map(|number| frame_at(bytes, number)).collect())
    }

    /// Number of frames.
    ///
    /// # Errors
    /// `Damaged` when the section is not what was written.
    pub fn frames(&self) -> Result<usize, StoreError> {
        Ok(self.sections.get(FRAMES)?.len() / FRAME_ROW_BYTES)
    }

    fn malformed(&self, detail: &str) -> StoreError {
        StoreError::damaged(self.sections.path(), 0, detail)
    }
}

fn frame_at(rows: &[u8], number: usize) -> FrameAt {
    let at = number * FRAME_ROW_BYTES;
    FrameAt {
        first_doc: u32_at(rows, at),
        bytes: u32_at(rows, at + 4),
        offset: u64_at(rows, at + 8),
        committed_us: u64_at(rows, at + 16),
    }
}
