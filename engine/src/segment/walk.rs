//! Walking the frames of a data file from its start to the first one that is not valid.
//!
//! Reads with pread into bounded buffers, never through a mapping. A frame is valid only if its
//! length, checksum, sequence, commit time and link to the frame before all fit.

use std::path::Path;

use super::header::SegmentHeader;
use crate::chain::{self, Hash, Link};
use crate::error::StoreError;
use crate::event::id_and_time;
use crate::io::DiskFile;
use crate::record::{FrameHeader, HEADER_BYTES, SaltKey, Salted, bodies, record_hashes};

const SCAN_BYTES: usize = 1 << 20;
const FRAME_ALIGN: u64 = 8;

/// A valid frame.
pub struct Walked<'a> {
    /// Its header.
    pub header: FrameHeader,
    /// Where it begins in the file.
    pub offset: u64,
    /// All its bytes, padding included.
    pub bytes: &'a [u8],
    /// Its records in order.
    pub records: Vec<WalkedRecord<'a>>,
}

/// A record of a valid frame.
pub struct WalkedRecord<'a> {
    /// Where its body begins in the file.
    pub offset: u64,
    /// Its body.
    pub body: &'a [u8],
    /// Salt and fingerprint of its id.
    pub salted: Salted,
    /// h.
    pub hash: Hash,
}

/// A walk in progress: it stands before the frame at `at`.
pub struct Walk<'a> {
    file: &'a dyn DiskFile,
    /// The data file.
    pub path: &'a Path,
    salts: &'a SaltKey,
    file_bytes: u64,
    buffer: Vec<u8>,
    /// Where the next frame begins.
    pub at: u64,
    /// Sequence that it must begin with.
    pub sequence: u64,
    /// h of the record before it.
    pub head: Hash,
    /// Commit time of the record before it.
    pub committed_us: u64,
    /// Why the last `step` found no frame.
    pub stopped: String,
}

impl<'a> Walk<'a> {
    /// Reads the header and stands before the first frame.
    ///
    /// # Errors
    /// `Io`, or `Damaged` when the file is not a segment.
    pub fn start(
        file: &'a dyn DiskFile,
        path: &'a Path,
        salts: &'a SaltKey,
        committed_before_us: u64,
    ) -> Result<(SegmentHeader, Self), StoreError> {
        let file_bytes = file.len().map_err(StoreError::io(path, "measuring"))?;
        if file_bytes < SegmentHeader::BYTES as u64 {
            return Err(StoreError::damaged(path, file_bytes, "shorter than a segment header"));
        }
        let mut bytes = [0; SegmentHeader::BYTES];
        file.read_exact_at(&mut bytes, 0).map_err(StoreError::io(path, "reading"))?;
        let header = SegmentHeader::decode(&bytes).map_err(|e| StoreError::damaged(path, 0, e))?;
        let walk = Self {
            file,
            path,
            salts,
            file_bytes,
            buffer: Vec::new(),
            at: SegmentHeader::BYTES as u64,
            sequence: header.first,
            head: header.previous,
            committed_us: committed_before_us,
            stopped: String::new(),
        };
        Ok((header, walk))
    }

    /// The next valid frame; `None` where the walk ends, with the reason in `stopped`.
    ///
    /// # Errors
    /// `Io`.
    pub fn step(&mut self) -> Result<Option<Walked<'_>>, StoreError> {
        let header = match self.load()? {
            Ok(header) => header,
            Err(why) => return Ok(self.stop(why)),
        };
        if let Err(why) = self.fits(&header) {
            return Ok(self.stop(why));
        }
        let Some(records) = records(&self.buffer, self.at, &header, self.head, self.salts) else {
            "its records are not canonical events".clone_into(&mut self.stopped);
            return Ok(None);
        };
        let offset = self.at;
        self.at += header.bytes() as u64;
        self.sequence += u64::from(header.count);
        self.committed_us = header.committed_us;
        self.head = records.last().map_or(self.head, |record| record.hash);
        Ok(Some(Walked { header, offset, bytes: &self.buffer, records }))
    }

    fn stop<T>(&mut self, why: String) -> Option<T> {
        self.stopped = why;
        None
    }

    /// Reads header and bytes of the frame at `at` into the buffer.
    fn load(&mut self) -> Result<Result<FrameHeader, String>, StoreError> {
        let left = self.file_bytes - self.at;
        if left < HEADER_BYTES as u64 {
            return Ok(Err("the file ends".to_owned()));
        }
        self.read(HEADER_BYTES)?;
        let Some(header) = FrameHeader::read(&self.buffer) else {
            return Ok(Err("no frame begins here".to_owned()));
        };
        if header.bytes() as u64 > left {
            return Ok(Err("the frame is longer than the file".to_owned()));
        }
        self.read(header.bytes())?;
        Ok(if header.sound(&self.buffer) {
            Ok(header)
        } else {
            Err("the frame does not match its checksum".to_owned())
        })
    }

    fn read(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.buffer.resize(bytes, 0);
        self.file.read_exact_at(&mut self.buffer, self.at).map_err(StoreError::io(self.path, "reading"))
    }

    fn fits(&self, header: &FrameHeader) -> Result<(), String> {
        if header.first_sequence != self.sequence {
            return Err(format!(
                "the frame begins with sequence {}, not {}",
                header.first_sequence, self.sequence
            ));
        }
        if header.link[..] != self.head[..16] {
            return Err("the frame does not link to the record before".to_owned());
        }
        if header.committed_us < self.committed_us {
            return Err("the frame's commit time is before the one of the record before".to_owned());
        }
        Ok(())
    }

    /// A valid-looking frame (length and checksum fit) behind the place where the walk stopped,
    /// with a sequence that is at or above the expected one: where, and which sequence.
    ///
    /// # Errors
    /// `Io`.
    pub fn frame_behind(&mut self) -> Result<Option<(u64, u64)>, StoreError> {
        let mut at = self.at;
        let mut chunk = Vec::new();
        while at + (HEADER_BYTES as u64) <= self.file_bytes {
            let bytes = (self.file_bytes - at).min((SCAN_BYTES + HEADER_BYTES) as u64) as usize;
            chunk.resize(bytes, 0);
            self.file.read_exact_at(&mut chunk, at).map_err(StoreError::io(self.path, "reading"))?;
            for start in (0..=bytes - HEADER_BYTES).step_by(FRAME_ALIGN as usize) {
                let header = FrameHeader::read(&chunk[start..]);
                let Some(header) = header.filter(|h| h.first_sequence >= self.sequence) else { continue };
                let found = at + start as u64;
                if self.sound_at(found, &header)? {
                    return Ok(Some((found, header.first_sequence)));
                }
            }
            at += SCAN_BYTES as u64;
        }
        Ok(None)
    }

    fn sound_at(&self, at: u64, header: &FrameHeader) -> Result<bool, StoreError> {
        if at + header.bytes() as u64 > self.file_bytes {
            return Ok(false);
        }
        let mut frame = vec![0; header.bytes()];
        self.file.read_exact_at(&mut frame, at).map_err(StoreError::io(self.path, "reading"))?;
        Ok(header.sound(&frame))
    }

    /// What lies behind the place where the walk stopped, without the zeros at its end.
    ///
    /// # Errors
    /// `Io`.
    pub fn rest(&self) -> Result<Vec<u8>, StoreError> {
        let mut kept = 0;
        let mut rest = Vec::new();
        let mut at = self.at;
        while at < self.file_bytes {
            let bytes = (self.file_bytes - at).min(SCAN_BYTES as u64) as usize;
            let mut chunk = vec![0; bytes];
            self.file.read_exact_at(&mut chunk, at).map_err(StoreError::io(self.path, "reading"))?;
            if let Some(last) = chunk.iter().rposition(|&byte| byte != 0) {
                // Zeros between two pieces belong to what is kept.
                rest.resize((at - self.at) as usize, 0);
                rest.extend_from_slice(&chunk[..=last]);
                kept = rest.len();
            }
            at += bytes as u64;
        }
        rest.truncate(kept);
        Ok(rest)
    }
}

/// The records of a sound frame, hashed and linked; `None` when lengths or events do not fit.
fn records<'b>(
    frame: &'b [u8],
    frame_offset: u64,
    header: &FrameHeader,
    before: Hash,
    salts: &SaltKey,
) -> Option<Vec<WalkedRecord<'b>>> {
    let payload = &frame[HEADER_BYTES..HEADER_BYTES + header.payload_bytes as usize];
    let mut found = Vec::with_capacity(header.count.min(1 << 20) as usize);
    for body in bodies(payload) {
        let (at, body) = body?;
        let (event_id, time_ns) = id_and_time(body).ok()?;
        let offset = frame_offset + (HEADER_BYTES + at) as u64;
        found.push((WalkedRecord { offset, body, salted: salts.salted(event_id), hash: [0; 32] }, time_ns));
    }
    if found.len() != header.count as usize {
        return None;
    }
    let inputs: Vec<_> = found.iter().map(|(record, _)| (&record.salted.salt, record.body)).collect();
    let hashes = record_hashes(&inputs);
    let mut head = before;
    let rows = found.iter_mut().zip(hashes);
    for (sequence, ((record, time_ns), record_hash)) in (header.first_sequence..).zip(rows) {
        let event_us = u64::try_from(*time_ns / 1000).ok()?;
        head =
            chain::link(&head, &Link { sequence, committed_us: header.committed_us, event_us, record_hash });
        record.hash = head;
    }
    Some(found.into_iter().map(|(record, _)| record).collect())
}
