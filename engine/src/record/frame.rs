//! A frame: the bytes of one commit in a segment file (docs/FORMAT.md, "Frame").

use crate::codec::sections::{u32_at, u64_at};

/// First bytes of every frame.
pub const MAGIC: [u8; 4] = *b"SFRM";
/// Bytes before a frame's bodies.
pub const HEADER_BYTES: usize = 48;
/// Largest frame, header and padding included.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

const CRC: usize = 4;
const PAYLOAD_BYTES: usize = 8;
const COUNT: usize = 12;
const FIRST: usize = 16;
const COMMITTED: usize = 24;
const LINK: usize = 32;

/// What stands before a frame's bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// CRC-32 of everything after it, padding left out.
    pub crc: u32,
    /// Bytes of the length-prefixed bodies.
    pub payload_bytes: u32,
    /// Records in the frame, at least one.
    pub count: u32,
    /// Sequence of the first one.
    pub first_sequence: u64,
    /// Commit time of all of them.
    pub committed_us: u64,
    /// First 16 bytes of the chain hash before the first one.
    pub link: [u8; 16],
}

/// Bytes that a frame of this payload takes in the file: frames begin at multiples of 8.
#[must_use]
pub const fn framed_bytes(payload_bytes: usize) -> usize {
    (HEADER_BYTES + payload_bytes).next_multiple_of(8)
}

impl FrameHeader {
    /// Reads a header from the first [`HEADER_BYTES`] of `bytes`; `None` when it cannot be one.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let mut link = [0; 16];
        link.copy_from_slice(&bytes[LINK..]);
        let header = Self {
            crc: u32_at(bytes, CRC),
            payload_bytes: u32_at(bytes, PAYLOAD_BYTES),
            count: u32_at(bytes, COUNT),
            first_sequence: u64_at(bytes, FIRST),
            committed_us: u64_at(bytes, COMMITTED),
            link,
        };
        let fits = bytes[..4] == MAGIC
            && header.count > 0
            && header.payload_bytes / 4 >= header.count
            && header.bytes() <= FRAME_BYTES_MAX;
        fits.then_some(header)
    }

    /// Bytes that the frame takes in the file.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        framed_bytes(self.payload_bytes as usize)
    }

    /// True when the frame's bytes, from its magic on, match its checksum.
    #[must_use]
    pub fn sound(&self, frame: &[u8]) -> bool {
        let end = HEADER_BYTES + self.payload_bytes as usize;
        frame.get(CRC + 4..end).is_some_and(|covered| crc32fast::hash(covered) == self.crc)
    }
}

/// The bodies of a frame's payload with their offsets in it; `None` where lengths do not add up.
pub fn bodies(payload: &[u8]) -> impl Iterator<Item = Option<(usize, &[u8])>> {
    let mut at = 0;
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken || at == payload.len() {
            return None;
        }
        let start = at + 4;
        let body = payload
            .get(at..start)
            .map(|prefix| u32_at(prefix, 0) as usize)
            .and_then(|len| payload.get(start..start.checked_add(len)?));
        broken = body.is_none();
        at = start + body.map_or(0, <[u8]>::len);
        Some(body.map(|body| (start, body)))
    })
}

/// Builds the bytes of one frame.
pub struct FrameBuilder {
    bytes: Vec<u8>,
    count: u32,
}

impl Default for FrameBuilder {
    fn default() -> Self {
        Self { bytes: vec![0; HEADER_BYTES], count: 0 }
    }
}

impl FrameBuilder {
    /// True when a body of this length still fits.
    #[must_use]
    pub fn fits(&self, body_bytes: usize) -> bool {
        (self.bytes.len() + 4 + body_bytes).next_multiple_of(8) <= FRAME_BYTES_MAX
    }

    /// Adds a body; returns its offset in the frame.
    ///
    /// # Panics
    /// When it does not fit: the caller asks first.
    pub fn push(&mut self, body: &[u8]) -> usize {
        assert!(self.fits(body.len()), "the writer splits frames before their limit");
        self.bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        let at = self.bytes.len();
        self.bytes.extend_from_slice(body);
        self.count += 1;
        at
    }

    /// Records so far.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Bytes the frame will take in the file.
    #[must_use]
    pub fn framed_bytes(&self) -> usize {
        self.bytes.len().next_multiple_of(8)
    }

    /// Fills the header in and returns the frame, padded. The builder can be used again.
    pub fn finish(&mut self, first_sequence: u64, committed_us: u64, previous: &[u8; 32]) -> &[u8] {
        let payload_bytes = (self.bytes.len() - HEADER_BYTES) as u32;
        self.bytes[..4].copy_from_slice(&MAGIC);
        self.bytes[PAYLOAD_BYTES..COUNT].copy_from_slice(&payload_bytes.to_le_bytes());
        self.bytes[COUNT..FIRST].copy_from_slice(&self.count.to_le_bytes());
        self.bytes[FIRST..COMMITTED].copy_from_slice(&first_sequence.to_le_bytes());
        self.bytes[COMMITTED..LINK].copy_from_slice(&committed_us.to_le_bytes());
        self.bytes[LINK..HEADER_BYTES].copy_from_slice(&previous[..16]);
        let crc = crc32fast::hash(&self.bytes[CRC + 4..]);
        self.bytes[CRC..CRC + 4].copy_from_slice(&crc.to_le_bytes());
        self.bytes.resize(self.framed_bytes(), 0);
        &self.bytes
    }

    /// Empties the builder, keeping its memory up to a bound.
    pub fn clear(&mut self) {
        const KEPT_BYTES_MAX: usize = 4 << 20;
        self.bytes.truncate(HEADER_BYTES);
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gives_its_bodies_back_and_any_flipped_bit_is_seen() {
        let mut builder = FrameBuilder::default();
        for body in [&b"{}"[..], b"{\"a\":1}", b"x"] {
            builder.push(body);
        }
        let frame = builder.finish(5, 77, &[9; 32]).to_vec();
        let header = FrameHeader::read(&frame).unwrap();
        assert_eq!(
            (header.count, header.first_sequence, header.committed_us, header.link),
            (3, 5, 77, [9; 16])
        );
        assert_eq!(header.bytes(), frame.len());
        assert!(header.sound(&frame));
        let payload = &frame[HEADER_BYTES..HEADER_BYTES + header.payload_bytes as usize];
        let found: Vec<_> = bodies(payload).map(|b| b.unwrap().1).collect();
        assert_eq!(found, [&b"{}"[..], b"{\"a\":1}", b"x"]);
        for bit in 0..(HEADER_BYTES + payload.len()) * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let sound = FrameHeader::read(&damaged).is_some_and(|h| h.sound(&damaged));
            assert!(!sound, "bit {bit}");
        }
    }

    #[test]
    fn lengths_that_do_not_add_up_end_the_walk() {
        assert!(bodies(&[9, 0, 0, 0, 1]).any(|b| b.is_none()));
        assert!(bodies(&[255; 7]).any(|b| b.is_none()));
        assert_eq!(bodies(&[]).count(), 0);
    }
}
