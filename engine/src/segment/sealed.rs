//! A sealed segment: data file and index file, both read-only, read through mappings.
//!
//! No byte is believed before it was checked: sections of the index file when first used, frames
//! of the data file when a record of theirs is first read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::first_of;
use super::header::SegmentHeader;
use super::rows::{FrameAt, StoredRows};
use crate::codec::sections::{Sections, u32_at};
use crate::codec::{Decode, Encode};
use crate::error::StoreError;
use crate::event::id_and_time;
use crate::index::Stored;
use crate::io::{Disk, Mapping};
use crate::record::{FrameHeader, Record, SaltKey};

/// Kind of an index file, in its footer.
pub const INDEX_KIND: &str = "index";

/// Facts of an index file: which data it is about.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct IndexFacts {
    /// First sequence of the segment.
    pub first: u64,
    /// Records in it.
    pub count: u32,
    /// Bytes of the data file.
    pub data_bytes: u64,
    /// h before the first record, and of the last one.
    pub previous: [u8; 32],
    /// h of the last record.
    pub last: [u8; 32],
}

/// A sealed segment, open for reading.
pub struct Sealed {
    path: PathBuf,
    header: SegmentHeader,
    facts: IndexFacts,
    data: Mapping,
    sections: Arc<Sections>,
    index: Stored,
    salts: SaltKey,
    /// A bit per frame: its checksum was compared.
    checked: Vec<AtomicU64>,
}

impl Sealed {
    /// Opens both files and checks that they belong together. Costs no look at the records.
    ///
    /// # Errors
    /// `Io`, `TooNew` or `Damaged` with file and byte.
    pub fn open(disk: &dyn Disk, path: &Path, salts: &SaltKey) -> Result<Self, StoreError> {
        let data = disk.map(path).map_err(StoreError::io(path, "mapping"))?;
        let start = data.get(..SegmentHeader::BYTES);
        let start = start
            .ok_or_else(|| StoreError::damaged(path, data.len() as u64, "shorter than a segment header"))?;
        let header = SegmentHeader::decode(start).map_err(|e| StoreError::damaged(path, 0, e))?;
        if first_of(path).is_some_and(|named| named != header.first) {
            let detail = format!("the file begins with sequence {}, its name says another", header.first);
            return Err(StoreError::damaged(path, 0, detail).at(header.first));
        }
        let index_path = path.with_extension("idx");
        let sections = Arc::new(Sections::open(disk, &index_path, INDEX_KIND)?);
        let facts: IndexFacts = sections.facts()?;
        if (facts.first, facts.previous) != (header.first, header.previous) {
            let detail = "belongs to another segment than the data file of its name";
            return Err(StoreError::damaged(&index_path, 0, detail));
        }
        if data.len() as u64 != facts.data_bytes {
            let detail = format!("has {} bytes, {} were sealed", data.len(), facts.data_bytes);
            return Err(
                StoreError::damaged(path, facts.data_bytes.min(data.len() as u64), detail).at(facts.first)
            );
        }
        let index = Stored::open(Arc::clone(&sections))?;
        if index.docs() != facts.count {
            let detail = format!("is an index of {} records, {} were sealed", index.docs(), facts.count);
            return Err(StoreError::damaged(&index_path, 0, detail));
        }
        let frames = StoredRows::new(&sections, facts.count).frames()?;
        let checked = (0..frames.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self {
            path: path.to_owned(),
            header,
            facts,
            data,
            sections,
            index,
            salts: salts.clone(),
            checked,
        })
    }

    /// The data file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The data file's header.
    #[must_use]
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// What the index file says of the segment.
    #[must_use]
    pub fn facts(&self) -> &IndexFacts {
        &self.facts
    }

    /// The index file.
    #[must_use]
    pub fn sections(&self) -> &Sections {
        &self.sections
    }

    /// Values and times.
    #[must_use]
    pub fn index(&self) -> &Stored {
        &self.index
    }

    /// Places and hashes.
    #[must_use]
    pub fn rows(&self) -> StoredRows<'_> {
        StoredRows::new(&self.sections, self.facts.count)
    }

    /// The body of a record.
    ///
    /// # Errors
    /// `Damaged` with byte and sequence.
    pub fn body(&self, doc: u32) -> Result<&[u8], StoreError> {
        let (number, frame) = self.rows().frame_of(doc)?;
        self.check_frame(number, frame)?;
        let at = self.rows().offset(doc)? as usize;
        let prefix = at.checked_sub(4).and_then(|start| self.data.get(start..at));
        prefix
            .and_then(|prefix| self.data.get(at..at.checked_add(u32_at(prefix, 0) as usize)?))
            .ok_or_else(|| self.damaged(at as u64, doc, "the record lies outside the file"))
    }

    /// A record with its place in the chain.
    ///
    /// # Errors
    /// `Damaged` with byte and sequence.
    pub fn record(&self, doc: u32) -> Result<Record, StoreError> {
        let rows = self.rows();
        let (_, frame) = rows.frame_of(doc)?;
        let body = self.body(doc)?;
        let (event_id, _) = id_and_time(body).map_err(|e| self.damaged(frame.offset, doc, &e))?;
        Ok(Record {
            sequence: self.header.first + u64::from(doc),
            committed_us: frame.committed_us,
            salt: self.salts.salted(event_id).salt,
            previous: if doc == 0 { self.header.previous } else { rows.hash(doc - 1)? },
            hash: rows.hash(doc)?,
            body: body.to_vec(),
        })
    }

    /// Compares a frame's checksum once.
    fn check_frame(&self, number: usize, frame: FrameAt) -> Result<(), StoreError> {
        let (word, bit) = (&self.checked[number / 64], 1 << (number % 64));
        if word.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        let start = usize::try_from(frame.offset).unwrap_or(usize::MAX);
        let bytes = start.checked_add(frame.bytes as usize).and_then(|end| self.data.get(start..end));
        let sound =
            bytes.is_some_and(|bytes| FrameHeader::read(bytes).is_some_and(|header| header.sound(bytes)));
        if !sound {
            let detail = "the frame does not match its checksum";
            return Err(self.damaged(frame.offset, frame.first_doc, detail));
        }
        word.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }

    fn damaged(&self, offset: u64, doc: u32, detail: &str) -> StoreError {
        StoreError::damaged(&self.path, offset, detail).at(self.header.first + u64::from(doc))
    }
}
