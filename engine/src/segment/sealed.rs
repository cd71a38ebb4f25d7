//! A sealed segment: data file and index file, both read-only, read through mappings.
//!
//! No byte is believed before it was checked: sections of the index file when first used, frames
//! of the data file when a record of theirs is first read.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cache::ColdCache;
use super::cold::{self, ColdFile, ColdSource};
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
    data: Data,
    sections: Arc<Sections>,
    index: Stored,
    salts: SaltKey,
}

/// The data of a segment.
enum Data {
    Raw {
        file: Mapping,
        /// A bit per frame: its checksum was compared.
        checked: Vec<AtomicU64>,
    },
    Cold(Box<ColdFile>),
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
        let (sections, facts, index) = open_index(disk, path, &header)?;
        if data.len() as u64 != facts.data_bytes {
            let detail = format!("has {} bytes, {} were sealed", data.len(), facts.data_bytes);
            return Err(
                StoreError::damaged(path, facts.data_bytes.min(data.len() as u64), detail).at(facts.first)
            );
        }
        let frames = StoredRows::new(&sections, facts.count).frames()?;
        let checked = (0..frames.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let data = Data::Raw { file: data, checked };
        Ok(Self { path: path.to_owned(), header, facts, data, sections, index, salts: salts.clone() })
    }

    /// The same for a segment whose data are cold, in the file at `path`.
    ///
    /// # Errors
    /// `Io`, `TooNew` or `Damaged` with file and byte.
    pub fn open_cold(
        disk: &dyn Disk,
        path: &Path,
        salts: &SaltKey,
        cache: &Arc<ColdCache>,
    ) -> Result<Self, StoreError> {
        let cold = ColdFile::open(disk, path, cache)?;
        let said = cold.facts();
        let header =
            SegmentHeader { first: said.first, previous: said.previous, origin: said.origin.clone() };
        let (sections, facts, index) = open_index(disk, path, &header)?;
        if (facts.count, facts.data_bytes) != (said.count, said.data_bytes) {
            let detail = format!("stands for {} records, {} were sealed", said.count, facts.count);
            return Err(StoreError::damaged(path, 0, detail).at(facts.first));
        }
        let data = Data::Cold(Box::new(cold));
        Ok(Self { path: path.to_owned(), header, facts, data, sections, index, salts: salts.clone() })
    }

    /// The cold file, where the data are cold.
    #[must_use]
    pub fn cold(&self) -> Option<&ColdFile> {
        if let Data::Cold(cold) = &self.data { Some(cold) } else { None }
    }

    /// Writes the cold form of the data beside them; durable when it returns. Costs some 20 µs a record,
    /// and memory of about twice the data.
    ///
    /// # Errors
    /// `Damaged` when the data are not what was sealed; `Io` or `Full`.
    pub fn write_cold(&self, disk: &dyn Disk) -> Result<PathBuf, StoreError> {
        let Data::Raw { file, .. } = &self.data else { return Ok(self.path.clone()) };
        let rows = self.rows();
        let bodies: Vec<Cow<'_, [u8]>> =
            (0..self.facts.count).map(|doc| self.body(doc)).collect::<Result<_, _>>()?;
        let bodies: Vec<&[u8]> = bodies.iter().map(|body| &**body).collect();
        let (frames, header) = (rows.all_frames()?, &self.header);
        cold::write(disk, &self.path, &ColdSource { header, bodies: &bodies, frames: &frames, data: file })
    }

    /// Bytes of the data file, cold or not.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.cold().map_or(self.facts.data_bytes, ColdFile::bytes)
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
    pub fn body(&self, doc: u32) -> Result<Cow<'_, [u8]>, StoreError> {
        let (file, checked) = match &self.data {
            Data::Raw { file, checked } => (file, checked),
            Data::Cold(cold) => return cold.body(doc).map(Cow::Owned),
        };
        let (number, frame) = self.rows().frame_of(doc)?;
        self.check_frame(file, checked, number, frame)?;
        let at = self.rows().offset(doc)? as usize;
        let prefix = at.checked_sub(4).and_then(|start| file.get(start..at));
        prefix
            .and_then(|prefix| file.get(at..at.checked_add(u32_at(prefix, 0) as usize)?))
            .map(Cow::Borrowed)
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
        let (event_id, _) = id_and_time(&body).map_err(|e| self.damaged(frame.offset, doc, &e))?;
        Ok(Record {
            sequence: self.header.first + u64::from(doc),
            committed_us: frame.committed_us,
            salt: self.salts.salted(event_id).salt,
            previous: if doc == 0 { self.header.previous } else { rows.hash(doc - 1)? },
            hash: rows.hash(doc)?,
            body: body.into_owned(),
        })
    }

    /// Compares a frame's checksum once.
    fn check_frame(
        &self,
        file: &[u8],
        checked: &[AtomicU64],
        number: usize,
        frame: FrameAt,
    ) -> Result<(), StoreError> {
        let (word, bit) = (&checked[number / 64], 1 << (number % 64));
        if word.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        let start = usize::try_from(frame.offset).unwrap_or(usize::MAX);
        let bytes = start.checked_add(frame.bytes as usize).and_then(|end| file.get(start..end));
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

/// The index file of the data file at `path`, which must belong to it.
fn open_index(
    disk: &dyn Disk,
    path: &Path,
    header: &SegmentHeader,
) -> Result<(Arc<Sections>, IndexFacts, Stored), StoreError> {
    let index_path = path.with_extension("idx");
    let sections = Arc::new(Sections::open(disk, &index_path, INDEX_KIND)?);
    let facts: IndexFacts = sections.facts()?;
    if (facts.first, facts.previous) != (header.first, header.previous) {
        let detail = "belongs to another segment than the data file of its name";
        return Err(StoreError::damaged(&index_path, 0, detail));
    }
    let index = Stored::open(Arc::clone(&sections))?;
    if index.docs() != facts.count {
        let detail = format!("is an index of {} records, {} were sealed", index.docs(), facts.count);
        return Err(StoreError::damaged(&index_path, 0, detail));
    }
    Ok((sections, facts, index))
}
