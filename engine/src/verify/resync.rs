//! The next frame after bytes that are none.

use memchr::memmem::Finder;

use super::reader::Reader;
use crate::record::{FrameHeader, HEADER_BYTES, MAGIC};
use crate::segment::header::SegmentHeader;

/// Bytes scanned at once; a part of the file that cannot be read is passed over in such steps.
const STEP_BYTES: usize = 1 << 16;

/// Finds the first whole frame at or after `from` whose records lie in `sequences`.
///
/// Checksums at most eight times the file's length of candidates: a file made to look like frames
/// everywhere costs no more than that.
pub(super) fn next_frame(
    reader: &mut Reader<'_>,
    from: u64,
    sequences: std::ops::Range<u64>,
) -> Option<(u64, FrameHeader)> {
    let magic = Finder::new(&MAGIC);
    let mut budget = reader.limit().saturating_mul(8);
    let mut at = from.max(SegmentHeader::BYTES as u64).next_multiple_of(8);
    while at < reader.limit() {
        // Each step sees the last bytes of its range whole, since a mark begins at a multiple of 8.
        let candidates: Vec<u64> = match reader.get(at, STEP_BYTES) {
            Ok(bytes) => {
                magic.find_iter(bytes).filter(|at| at % 8 == 0).map(|found| at + found as u64).collect()
            }
            Err(_) => Vec::new(),
        };
        for candidate in candidates {
            let Some(header) = plausible(reader, candidate, &sequences) else { continue };
            budget = budget.checked_sub(header.bytes() as u64)?;
            if reader.get(candidate, header.bytes()).is_ok_and(|frame| header.sound(frame)) {
                return Some((candidate, header));
            }
        }
        at += STEP_BYTES as u64;
    }
    None
}

fn plausible(reader: &mut Reader<'_>, at: u64, sequences: &std::ops::Range<u64>) -> Option<FrameHeader> {
    let header = FrameHeader::read(reader.get(at, HEADER_BYTES).ok()?)?;
    let end = header.first_sequence.checked_add(u64::from(header.count))?;
    let fits = sequences.start <= header.first_sequence
        && end <= sequences.end
        && header.bytes() as u64 <= reader.limit() - at;
    fits.then_some(header)
}
