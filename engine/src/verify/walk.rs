//! From frame to frame of one segment file.

use super::leaves::Piece;
use super::reader::Reader;
use super::records::Chain;
use super::resync::next_frame;
use super::{Claims, Verdict};
use crate::io::DiskFile;
use crate::record::{FrameHeader, HEADER_BYTES, framed_bytes};
use crate::segment::header::SegmentHeader;

/// A walk through one segment file.
pub(super) struct Walk<'a> {
    file: &'a dyn DiskFile,
    claims: &'a Claims<'a>,
    reader: Reader<'a>,
    chain: Chain<'a>,
    /// Where the next frame begins.
    at: u64,
    committed_us: u64,
}

impl<'a> Walk<'a> {
    pub fn new(file: &'a dyn DiskFile, claims: &'a Claims<'a>, progress: &'a dyn Fn(u64) -> bool) -> Self {
        Self {
            file,
            claims,
            reader: Reader::new(file, claims.data_bytes),
            chain: Chain::new(claims, progress),
            at: SegmentHeader::BYTES as u64,
            committed_us: claims.committed_before_us,
        }
    }

    pub fn run(mut self) -> (Verdict, Piece) {
        self.check_length();
        self.check_header();
        while self.at < self.reader.limit() && !self.chain.stopped {
            self.step();
        }
        if !self.chain.stopped {
            let end = self.claims.end();
            if self.chain.next < end {
                self.chain.gap(end, self.at, "missing", "the file ends before these records".to_owned());
            }
            self.chain.check_last(self.at);
        }
        self.chain.verdict()
    }

    fn check_length(&mut self) {
        let (claimed, last) = (self.claims.data_bytes, self.claims.end().saturating_sub(1));
        match self.file.len() {
            Ok(found) if found > claimed && self.claims.sealed => {
                let detail = format!("{found} bytes, {claimed} were sealed");
                self.chain.fault("length", (last, last), claimed, detail);
            }
            Ok(found) if found >= claimed => {}
            Ok(found) => {
                let detail = format!("{found} bytes, {claimed} are claimed");
                self.chain.fault("length", (self.claims.first, last), found, detail);
                self.reader = Reader::new(self.file, found);
            }
            Err(error) => {
                self.chain.fault(
                    "length",
                    (self.claims.first, last),
                    0,
                    format!("cannot be measured: {error}"),
                );
            }
        }
    }

    fn check_header(&mut self) {
        let (claims, range) = (self.claims, (self.claims.first, self.claims.end().saturating_sub(1)));
        let header = match self.reader.get(0, SegmentHeader::BYTES) {
            Ok(bytes) => SegmentHeader::decode(bytes),
            Err(error) => Err(format!("cannot be read: {error}")),
        };
        match header {
            Err(why) => self.chain.fault("header", range, 0, why),
            Ok(header) if header.origin != claims.origin.as_str() => {
                let detail = format!("belongs to {}, expected {}", header.origin, claims.origin.as_str());
                self.chain.fault("foreign", range, 0, detail);
            }
            Ok(header) if header.first != claims.first => {
                let detail = format!("begins at sequence {}, expected {}", header.first, claims.first);
                self.chain.fault("header", range, 0, detail);
            }
            Ok(header) if header.previous != claims.previous => {
                self.chain.fault("header", range, 0, "states another chain hash before it".to_owned());
            }
            Ok(_) => {}
        }
    }

    /// Checks the frame at `at` and moves behind it, or to the next one where there is none.
    fn step(&mut self) {
        match self.frame_at() {
            Ok(header) => self.take(&header),
            Err(why) => self.resync(why),
        }
    }

    fn frame_at(&mut self) -> Result<FrameHeader, String> {
        let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
        let left = self.reader.limit() - self.at;
        let header = FrameHeader::read(self.reader.get(self.at, HEADER_BYTES).map_err(unreadable)?)
            .ok_or_else(|| format!("no frame begins here, {left} bytes are left"))?;
        let bytes = header.bytes();
        if bytes as u64 > left {
            return Err(format!("frame of {bytes} bytes, {left} are left"));
        }
        let frame = self.reader.get(self.at, bytes).map_err(unreadable)?;
        if !header.sound(frame) {
            return Err(format!("frame of sequence {} does not match its checksum", header.first_sequence));
        }
        Ok(header)
    }

    fn take(&mut self, header: &FrameHeader) {
        let (at, first) = (self.at, header.first_sequence);
        self.at += header.bytes() as u64;
        let last = first.saturating_add(u64::from(header.count) - 1);
        if last >= self.claims.end() {
            let detail = format!("frame reaches sequence {last}, the last one is claimed to be before");
            return self.chain.fault("length", (first, last), at, detail);
        }
        if first < self.chain.next {
            let detail = format!("frame of sequence {first} where {} is due", self.chain.next);
            return self.chain.fault("order", (first, last), at, detail);
        }
        if first > self.chain.next {
            let detail = format!("the frame here begins at sequence {first}");
            self.chain.gap(first, at, "missing", detail);
        }
        if header.committed_us < self.committed_us {
            let detail = format!("committed at {} us, before {} us", header.committed_us, self.committed_us);
            self.chain.fault("time", (first, last), at, detail);
            self.chain.doubt_from(first);
        }
        self.committed_us = self.committed_us.max(header.committed_us);
        self.take_records(header, at);
    }

    fn take_records(&mut self, header: &FrameHeader, at: u64) {
        let frame = match self.reader.get(at, header.bytes()) {
            Ok(frame) => frame,
            Err(error) => {
                let end = self.chain.next + u64::from(header.count);
                return self.chain.gap(end, at, "frame", format!("cannot be read: {error}"));
            }
        };
        let (payload, padding) = frame[HEADER_BYTES..].split_at(header.payload_bytes as usize);
        debug_assert_eq!(frame.len(), framed_bytes(payload.len()));
        self.chain.enter_frame(header, at);
        self.chain.records(header, at, payload);
        if padding.iter().any(|&byte| byte != 0) {
            let range = (header.first_sequence, self.chain.next.saturating_sub(1));
            let offset = at + (HEADER_BYTES + payload.len()) as u64;
            self.chain.fault("frame", range, offset, "padding is not zero".to_owned());
        }
    }

    fn resync(&mut self, why: String) {
        let (at, next, end) = (self.at, self.chain.next, self.claims.end());
        match next_frame(&mut self.reader, at + 8, next..end) {
            Some((found, header)) => {
                self.at = found;
                let detail = format!("{why}; the next sound frame is at byte {found}");
                if header.first_sequence > next {
                    self.chain.gap(header.first_sequence, at, "frame", detail);
                } else {
                    self.chain.fault("frame", (next, next), at, detail);
                }
            }
            None => {
                self.at = self.reader.limit();
                if next < end {
                    self.chain.gap(end, at, "frame", format!("{why}; no sound frame follows"));
                } else {
                    let last = end.saturating_sub(1);
                    self.chain.fault("length", (last, last), at, format!("after the last record: {why}"));
                }
            }
        }
    }
}
