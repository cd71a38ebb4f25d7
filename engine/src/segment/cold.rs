//! The data of a segment in its cold form: one file `.cold` in the place of the `.log`.
//!
//! Bodies are packed (room `cold`); the rest of the data file follows from them, the frames' sizes and
//! times, and the log's salts, so that it can be made again byte for byte: [`ColdFile::thaw`].
//!
//! On disk: docs/FORMAT.md, "Cold segment".

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::{ColdCache, Kept};
use super::header::SegmentHeader;
use super::rows::FrameAt;
use crate::chain::{self, Hash};
use crate::codec::sections::{Sections, SectionsWriter};
use crate::codec::{Decode, Encode, decode_exact, encode};
use crate::cold::{BLOCK_BODIES, Block, Cold, pack};
use crate::error::StoreError;
use crate::event::{event_us, id_and_time};
use crate::io::{Disk, Mapping};
use crate::record::{FrameBuilder, SaltKey, record_hashes};

/// Kind of a cold file, in its footer.
pub const COLD_KIND: &str = "cold";

const SHAPES: u16 = 1;
const COLUMNS: u16 = 2;
const SHARED: u16 = 3;
const ENDS: u16 = 4;
const BLOCKS: u16 = 5;
const FRAMES: u16 = 6;

/// Level of compression of the frames.
const LEVEL: i32 = 6;
/// Most bytes of frames outside their compressed form: one for every record of the largest segment.
const FRAMES_BYTES_MAX: usize = 32 << 20;
/// Room for most bodies.
const BODY_BYTES: usize = 1 << 10;

/// Facts of a cold file: which data it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ColdFacts {
    /// First sequence of the segment.
    pub first: u64,
    /// Records in it.
    pub count: u32,
    /// h before the first record.
    pub previous: Hash,
    /// The log's origin.
    pub origin: String,
    /// Bytes of the data file.
    pub data_bytes: u64,
    /// BLAKE3 of the data file.
    pub data_hash: Hash,
}

/// Records and commit time of each frame, as differences from the frame before.
#[derive(Encode, Decode)]
struct Frames(Vec<(u32, u64)>);

/// What a cold file is made from.
pub struct ColdSource<'a> {
    /// The segment's header.
    pub header: &'a SegmentHeader,
    /// All bodies in order.
    pub bodies: &'a [&'a [u8]],
    /// All frames in order.
    pub frames: &'a [FrameAt],
    /// The whole data file.
    pub data: &'a [u8],
}

/// Writes the cold file beside the data file at `path`; durable when it returns.
///
/// # Errors
/// `Io` or `Full`.
pub fn write(disk: &dyn Disk, path: &Path, source: &ColdSource<'_>) -> Result<PathBuf, StoreError> {
    let cold_path = path.with_extension("cold");
    let packing = StoreError::io(&cold_path, "compressing");
    let packed = pack(source.bodies).map_err(packing)?;
    let frames = zstd::bulk::compress(&encode(&frames_of(source)), LEVEL);
    let frames = frames.map_err(StoreError::io(&cold_path, "compressing"))?;
    let mut file = SectionsWriter::create(disk, &cold_path, COLD_KIND)?;
    file.section(SHAPES, &packed.shapes)?;
    file.section(COLUMNS, &packed.columns)?;
    file.section(SHARED, &packed.shared)?;
    file.section(ENDS, &packed.ends)?;
    file.section(BLOCKS, &packed.blocks)?;
    file.section(FRAMES, &frames)?;
    file.finish(&ColdFacts {
        first: source.header.first,
        count: source.bodies.len() as u32,
        previous: source.header.previous,
        origin: source.header.origin.clone(),
        data_bytes: source.data.len() as u64,
        data_hash: *blake3::hash(source.data).as_bytes(),
    })?;
    Ok(cold_path)
}

fn frames_of(source: &ColdSource<'_>) -> Frames {
    let mut last = 0;
    let ends = source.frames.iter().skip(1).map(|frame| frame.first_doc);
    let ends = ends.chain([source.bodies.len() as u32]);
    let row = |(frame, end): (&FrameAt, u32)| {
        let step = frame.committed_us.wrapping_sub(last);
        last = frame.committed_us;
        (end - frame.first_doc, step)
    };
    Frames(source.frames.iter().zip(ends).map(row).collect())
}

/// A cold file, open for reading. What it needs to read is kept in a cache that all cold segments share.
pub struct ColdFile {
    path: PathBuf,
    sections: Sections,
    facts: ColdFacts,
    cache: Arc<ColdCache>,
    /// Tells the segments of the cache apart.
    id: u64,
}

impl ColdFile {
    /// Opens the file. Costs a look at its footer.
    ///
    /// # Errors
    /// `Io`, `TooNew` or `Damaged` with file and byte.
    pub fn open(disk: &dyn Disk, path: &Path, cache: &Arc<ColdCache>) -> Result<Self, StoreError> {
        Self::of(Sections::open(disk, path, COLD_KIND)?, path, cache)
    }

    /// The same with the whole file read into memory: for verification, which trusts no mapping.
    ///
    /// # Errors
    /// As [`ColdFile::open`].
    pub fn read(disk: &dyn Disk, path: &Path, cache: &Arc<ColdCache>) -> Result<Self, StoreError> {
        Self::of(Sections::read(disk, path, COLD_KIND)?, path, cache)
    }

    /// The same for a file's bytes at hand; `path` names it in errors.
    ///
    /// # Errors
    /// `TooNew` or `Damaged`.
    pub fn of_bytes(bytes: Vec<u8>, path: &Path, cache: &Arc<ColdCache>) -> Result<Self, StoreError> {
        Self::of(Sections::of_bytes(Mapping::held(bytes), path, COLD_KIND)?, path, cache)
    }

    fn of(sections: Sections, path: &Path, cache: &Arc<ColdCache>) -> Result<Self, StoreError> {
        let facts = sections.facts()?;
        let (cache, id) = (Arc::clone(cache), cache.new_id());
        Ok(Self { path: path.to_owned(), sections, facts, cache, id })
    }

    /// What the file says of its data.
    #[must_use]
    pub const fn facts(&self) -> &ColdFacts {
        &self.facts
    }

    /// Names the whole content.
    #[must_use]
    pub fn footer_hash(&self) -> Hash {
        self.sections.footer_hash()
    }

    /// Bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sections.bytes()
    }

    /// Checks every section now.
    ///
    /// # Errors
    /// The first damaged one.
    pub fn check_all(&self) -> Result<(), StoreError> {
        self.sections.check_all()
    }

    /// The body of a record.
    ///
    /// # Errors
    /// `Damaged` with the sequence.
    pub fn body(&self, doc: u32) -> Result<Vec<u8>, StoreError> {
        let cold = self.cold()?;
        let block = self.block(&cold, doc)?;
        let mut out = Vec::with_capacity(BODY_BYTES);
        block.body(&cold, doc as usize % BLOCK_BODIES, &mut out).map_err(|why| self.damaged(doc, why))?;
        Ok(out)
    }

    fn block(&self, cold: &Cold, doc: u32) -> Result<Arc<Block>, StoreError> {
        let number = doc / BLOCK_BODIES as u32;
        let made = self.cache.get(self.id, number, || {
            let blocks = self.sections.get(BLOCKS)?;
            let (at, range) =
                cold.place(u64::from(doc)).ok_or_else(|| self.damaged(doc, "no such record".into()))?;
            let bytes = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
            let bytes = bytes.and_then(|(start, end)| blocks.get(start..end));
            let bytes = bytes.ok_or_else(|| self.damaged(doc, "a block lies outside the file".into()))?;
            let block = cold.block(at, bytes).map_err(|why| self.damaged(doc, why))?;
            let weight = block.heap_bytes();
            Ok((Kept::Block(Arc::new(block)), weight))
        })?;
        match made {
            Kept::Block(block) => Ok(block),
            Kept::Cold(_) => Err(self.damaged(doc, "no such record".into())),
        }
    }

    /// What stands once in the file, taken apart.
    fn cold(&self) -> Result<Arc<Cold>, StoreError> {
        let made = self.cache.get(self.id, u32::MAX, || {
            let get = |tag| self.sections.get(tag);
            let cold = Cold::open(get(SHAPES)?, get(COLUMNS)?, get(SHARED)?, get(ENDS)?);
            let cold = cold.map_err(|why| self.damaged(0, why))?;
            if cold.bodies() != u64::from(self.facts.count) {
                return Err(self.damaged(0, format!("holds {} records", cold.bodies())));
            }
            let weight = cold.heap_bytes();
            Ok((Kept::Cold(Arc::new(cold)), weight))
        })?;
        match made {
            Kept::Cold(cold) => Ok(cold),
            Kept::Block(_) => Err(self.damaged(0, "no such record".into())),
        }
    }

    /// The data file again, byte for byte.
    ///
    /// # Errors
    /// `Damaged` when it is not what was made cold.
    pub fn thaw(&self, salts: &SaltKey) -> Result<Vec<u8>, StoreError> {
        let facts = &self.facts;
        let header =
            SegmentHeader { first: facts.first, previous: facts.previous, origin: facts.origin.clone() };
        let most = usize::try_from(facts.data_bytes).unwrap_or(usize::MAX).min(2 << 30);
        let mut data = Vec::with_capacity(most);
        data.extend_from_slice(&header.encode());
        let (mut doc, mut committed_us, mut head) = (0_u32, 0_u64, facts.previous);
        for (count, step) in self.frames()?.0 {
            committed_us = committed_us.wrapping_add(step);
            let (mut frame, previous) = (FrameBuilder::default(), head);
            let first = facts.first + u64::from(doc);
            let end = doc.checked_add(count).filter(|&end| end <= facts.count);
            let end = end.ok_or_else(|| self.damaged(doc, "frames of more records than there are".into()))?;
            let mut bodies = Vec::new();
            for doc in doc..end {
                let body = self.body(doc)?;
                if !frame.fits(body.len()) {
                    return Err(self.damaged(doc, "a frame is larger than any".into()));
                }
                frame.push(&body);
                bodies.push(body);
            }
            head = self.chain(head, doc, committed_us, &bodies, salts)?;
            doc = end;
            data.extend_from_slice(frame.finish(first, committed_us, &previous));
            if data.len() > most {
                return Err(self.damaged(doc, "its data are longer than they were".into()));
            }
        }
        if *blake3::hash(&data).as_bytes() == facts.data_hash {
            Ok(data)
        } else {
            Err(self.damaged(0, "does not give the data that it was made from".into()))
        }
    }

    /// h of the last of some records that were committed together.
    fn chain(
        &self,
        mut head: Hash,
        doc: u32,
        committed_us: u64,
        bodies: &[Vec<u8>],
        salts: &SaltKey,
    ) -> Result<Hash, StoreError> {
        let mut events = Vec::with_capacity(bodies.len());
        for (doc, body) in (doc..).zip(bodies) {
            let (id, time_ns) = id_and_time(body).map_err(|why| self.damaged(doc, why))?;
            events.push((salts.salted(id).salt, event_us(time_ns)));
        }
        let inputs: Vec<_> = events.iter().zip(bodies).map(|((salt, _), body)| (salt, &body[..])).collect();
        let first = self.facts.first + u64::from(doc);
        for ((sequence, (_, event_us)), record_hash) in (first..).zip(&events).zip(record_hashes(&inputs)) {
            let link = chain::Link { sequence, committed_us, event_us: *event_us, record_hash };
            head = chain::link(&head, &link);
        }
        Ok(head)
    }

    fn frames(&self) -> Result<Frames, StoreError> {
        let bytes = self.sections.get(FRAMES)?;
        let made = zstd::bulk::decompress(bytes, FRAMES_BYTES_MAX).map_err(|e| e.to_string());
        let frames = made.and_then(|bytes| decode_exact(&bytes));
        frames.map_err(|why| self.damaged(0, format!("the frames are not what was written: {why}")))
    }

    fn damaged(&self, doc: u32, why: String) -> StoreError {
        StoreError::damaged(&self.path, 0, why).at(self.facts.first + u64::from(doc))
    }
}
