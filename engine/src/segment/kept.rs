//! Records of an archived segment that are kept whole: its index events.
//!
//! On disk: docs/FORMAT.md, "Archived segment".

use crate::codec::sections::{u32_at, u64_at};

const ROW_BYTES: usize = 16;

/// A record that is kept whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number in the segment.
    pub doc: u32,
    /// Its commit time.
    pub committed_us: u64,
    /// Its body.
    pub body: Vec<u8>,
}

/// The section of them, in the order of their numbers; a segment's bodies are less than 4 GiB.
pub(super) fn write(kept: &[Kept]) -> Vec<u8> {
    let mut out = (kept.len() as u32).to_le_bytes().to_vec();
    let mut end = 0_u32;
    for one in kept {
        end += one.body.len() as u32;
        out.extend_from_slice(&one.doc.to_le_bytes());
        out.extend_from_slice(&end.to_le_bytes());
        out.extend_from_slice(&one.committed_us.to_le_bytes());
    }
    kept.iter().for_each(|one| out.extend_from_slice(&one.body));
    out
}

/// The section, read where it lies.
pub(super) struct KeptSection<'a> {
    rows: &'a [[u8; ROW_BYTES]],
    bodies: &'a [u8],
}

impl<'a> KeptSection<'a> {
    /// Takes the section apart; `None` when it is not one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let rows = (u32::from_le_bytes(*count) as usize).checked_mul(ROW_BYTES)?;
        let (rows, bodies) = rest.split_at_checked(rows)?;
        Some(Self { rows: rows.as_chunks::<ROW_BYTES>().0, bodies })
    }

    /// All of them; `None` when a row points outside.
    pub(super) fn all(&self) -> Option<Vec<Kept>> {
        (0..self.rows.len()).map(|at| self.at(at)).collect()
    }

    /// The one of this number. The outer `None` says that its row points outside.
    pub(super) fn find(&self, doc: u32) -> Option<Option<Kept>> {
        match self.rows.binary_search_by_key(&doc, |row| u32_at(row, 0)) {
            Ok(at) => self.at(at).map(Some),
            Err(_) => Some(None),
        }
    }

    fn at(&self, at: usize) -> Option<Kept> {
        let row = self.rows.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| u32_at(&self.rows[before], 4)) as usize;
        let body = self.bodies.get(start..u32_at(row, 4) as usize)?;
        Some(Kept { doc: u32_at(row, 0), committed_us: u64_at(row, 8), body: body.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_out_as_they_went_in_and_no_bytes_panic() {
        let one = |doc, body: &str| Kept { doc, committed_us: u64::from(doc) * 7, body: body.into() };
        // More than one encoded value may hold.
        let large = vec![one(3, "a"), one(9, ""), one(40, &"x".repeat(20 << 20))];
        let section = write(&large);
        let read = KeptSection::read(&section).unwrap();
        assert_eq!(read.all().unwrap(), large);
        assert_eq!(read.find(9), Some(Some(large[1].clone())));
        assert_eq!(read.find(10), Some(None));
        let small = write(&large[..2]);
        for cut in 0..small.len() {
            assert!(KeptSection::read(&small[..cut]).is_none_or(|read| read.all().is_none()), "{cut}");
        }
        for at in 0..small.len() {
            let mut bytes = small.clone();
            bytes[at] ^= 0x81;
            if let Some(read) = KeptSection::read(&bytes) {
                let _ = (read.all(), read.find(3), read.find(9));
            }
        }
    }
}
