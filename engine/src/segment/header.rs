//! First 512 bytes of a segment's data file (docs/FORMAT.md, "Segment header").
//!
//! The header says where in which log the file belongs; frames begin right behind it.

use std::ops::Range;

use crate::chain::Hash;
use crate::ids::Origin;

/// What the header states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Sequence of the segment's first record.
    pub first: u64,
    /// h(first - 1).
    pub previous: Hash,
    /// The log's origin.
    pub origin: String,
}

const MAGIC: Range<usize> = 0..8;
const FORMAT_VERSION: Range<usize> = 8..10;
const SUITE: usize = 10;
/// Zero; anything else is refused.
const RESERVED: usize = 11;
/// CRC-32 of all 512 bytes, these four taken as zero.
const CRC: Range<usize> = 12..16;
const FIRST: Range<usize> = 16..24;
const PREVIOUS: Range<usize> = 24..56;
/// Zeros; anything else is refused.
const RESERVED_WIDE: Range<usize> = 56..64;
const ORIGIN_BYTES: Range<usize> = 64..66;
/// The origin; what it leaves is zero.
const ORIGIN: Range<usize> = 66..SegmentHeader::BYTES;

const MAGIC_BYTES: &[u8; 8] = b"STELELOG";
const VERSION: u16 = 1;
const SUITE_BLAKE3: u8 = 1;

const _: () = assert!(ORIGIN.start + Origin::BYTES_MAX <= SegmentHeader::BYTES);

impl SegmentHeader {
    /// Bytes of the header: frames start here.
    pub const BYTES: usize = 512;

    /// The header's bytes.
    ///
    /// # Panics
    /// When the origin is longer than [`Origin::BYTES_MAX`]: an [`Origin`] never is.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let origin = self.origin.as_bytes();
        assert!(origin.len() <= Origin::BYTES_MAX, "an origin has at most 255 bytes");
        let mut bytes = [0; Self::BYTES];
        bytes[MAGIC].copy_from_slice(MAGIC_BYTES);
        bytes[FORMAT_VERSION].copy_from_slice(&VERSION.to_le_bytes());
        bytes[SUITE] = SUITE_BLAKE3;
        bytes[FIRST].copy_from_slice(&self.first.to_le_bytes());
        bytes[PREVIOUS].copy_from_slice(&self.previous);
        bytes[ORIGIN_BYTES].copy_from_slice(&(origin.len() as u16).to_le_bytes());
        bytes[ORIGIN][..origin.len()].copy_from_slice(origin);
        let crc = crc32fast::hash(&bytes);
        bytes[CRC].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header from the beginning of `bytes`, checksum first.
    ///
    /// # Errors
    /// What is wrong, in words: not a segment, cut short, another version or hash suite, damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes
            .get(..Self::BYTES)
            .ok_or_else(|| format!("{} bytes, a segment header has {}", bytes.len(), Self::BYTES))?;
        if bytes[MAGIC] != MAGIC_BYTES[..] {
            return Err("does not begin with STELELOG: not a segment, or overwritten".to_owned());
        }
        let (stored, computed) = (u32_in(bytes, CRC), crc_of(bytes));
        if stored != computed {
            return Err(format!("header checksum is {stored:08x}, its bytes give {computed:08x}"));
        }
        let version = u16_in(bytes, FORMAT_VERSION);
        if version != VERSION {
            return Err(format!("segment format {version}, this build reads {VERSION}"));
        }
        if bytes[SUITE] != SUITE_BLAKE3 {
            return Err(format!("hash suite {}, this build knows {SUITE_BLAKE3}", bytes[SUITE]));
        }
        let length = usize::from(u16_in(bytes, ORIGIN_BYTES));
        if length > Origin::BYTES_MAX {
            return Err(format!("origin of {length} bytes, allowed are {}", Origin::BYTES_MAX));
        }
        let (origin, rest) = bytes[ORIGIN].split_at(length);
        if bytes[RESERVED] != 0 || bytes[RESERVED_WIDE].iter().chain(rest).any(|&byte| byte != 0) {
            return Err("reserved bytes are not zero".to_owned());
        }
        let origin = std::str::from_utf8(origin).map_err(|_| "origin is not text")?;
        let mut previous = [0; 32];
        previous.copy_from_slice(&bytes[PREVIOUS]);
        let first = u64::from_le_bytes(array(&bytes[FIRST]));
        Ok(Self { first, previous, origin: Origin::new(origin)?.as_str().to_owned() })
    }
}

fn crc_of(bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..CRC.start]);
    crc.update(&[0; 4]);
    crc.update(&bytes[CRC.end..]);
    crc.finalize()
}

fn u16_in(bytes: &[u8], at: Range<usize>) -> u16 {
    u16::from_le_bytes(array(&bytes[at]))
}

fn u32_in(bytes: &[u8], at: Range<usize>) -> u32 {
    u32::from_le_bytes(array(&bytes[at]))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> SegmentHeader {
        SegmentHeader { first: 131_072, previous: [7; 32], origin: "example.com/stele/test".to_owned() }
    }

    /// Puts the right checksum over edited bytes, as a tamperer would.
    fn sealed(mut bytes: [u8; 512]) -> [u8; 512] {
        let crc = crc_of(&bytes);
        bytes[CRC].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    #[test]
    fn a_header_survives_a_round_trip_and_lies_where_the_format_says() {
        let bytes = sample().encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(sample()));
        assert_eq!(&bytes[..8], b"STELELOG");
        assert_eq!((bytes[8], bytes[9], bytes[10], bytes[11]), (1, 0, 1, 0));
        assert_eq!(bytes[16..24], 131_072u64.to_le_bytes());
        assert_eq!(bytes[24..56], [7; 32]);
        assert_eq!((bytes[64], bytes[65]), (22, 0));
        assert_eq!(&bytes[66..88], b"example.com/stele/test");
        let longest = SegmentHeader { origin: "x".repeat(255), ..sample() };
        assert_eq!(SegmentHeader::decode(&longest.encode()), Ok(longest));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let bytes = sample().encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(SegmentHeader::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn other_versions_suites_and_reserved_bytes_are_refused_under_a_right_checksum() {
        for (at, value) in [(8, 2), (9, 1), (10, 2), (10, 0), (11, 1), (56, 1), (63, 9), (65, 255), (511, 1)]
        {
            let mut bytes = sample().encode();
            bytes[at] = value;
            assert!(SegmentHeader::decode(&sealed(bytes)).is_err(), "byte {at} = {value}");
        }
        for origin in [&b"a b"[..], b"a+b", b"\xff\xfe\xfd"] {
            let mut bytes = sample().encode();
            bytes[64] = 3;
            bytes[66..].fill(0);
            bytes[66..69].copy_from_slice(origin);
            assert!(SegmentHeader::decode(&sealed(bytes)).is_err(), "{origin:?}");
        }
    }
}
