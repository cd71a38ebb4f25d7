//! Which id files are merged next, and their entries in one order.

use std::ops::Range;

use super::id_file::{Entry, IdFile};
use crate::error::StoreError;
use std::sync::Arc;

/// Files of a level that become one of the next.
const FANOUT: usize = 8;
/// Most ids of a file of level 0; each level has eight times more. A full segment (131,072) is of
/// level 2: the levels below are for logs whose segments are small.
const LEVEL_0: u64 = 2_048;

/// The level of a file with this many ids: the smallest whose bound it keeps.
fn level(count: u64) -> u32 {
    let (mut level, mut most) = (0, LEVEL_0);
    while most < count {
        most = most.saturating_mul(8);
        level += 1;
    }
    level
}

/// The files to merge next, as positions in `ranges` (ascending): the lowest level that has eight
/// files in a row without a gap. Smaller ones that lie between them are taken along, so that none
/// is left alone between two large ones. Never more ids than a 32-bit offset can number.
pub(super) fn due(ranges: &[Range<u64>]) -> Option<Range<usize>> {
    let levels: Vec<u32> = ranges.iter().map(|r| level(r.end - r.start)).collect();
    let highest = levels.iter().max().copied()?;
    (0..=highest).find_map(|level| due_at(level, &levels, ranges)).or_else(|| due_mixed(&levels, ranges))
}

/// Eight files in a row of which a small one lies before a larger one, where no smaller neighbours
/// will ever join it. They are merged unless one file has more than half of the ids, so that an id
/// moves to a file at least twice as large each time.
fn due_mixed(levels: &[u32], ranges: &[Range<u64>]) -> Option<Range<usize>> {
    let mut groups = (0..ranges.len().saturating_sub(FANOUT - 1)).map(|start| start..start + FANOUT);
    groups.find(|group| {
        let files = &ranges[group.clone()];
        let total: u64 = files.iter().map(|r| r.end - r.start).sum();
        let largest = files.iter().map(|r| r.end - r.start).max().unwrap_or(0);
        files.windows(2).all(|pair| pair[0].end == pair[1].start)
            && !levels[group.clone()].is_sorted_by(|before, after| before >= after)
            && largest <= total / 2
            && total <= u64::from(u32::MAX)
    })
}

fn due_at(level: u32, levels: &[u32], ranges: &[Range<u64>]) -> Option<Range<usize>> {
    let mut members: Vec<usize> = Vec::new();
    for (at, range) in ranges.iter().enumerate() {
        let follows = at > 0 && ranges[at - 1].end == range.start;
        if !follows || levels[at] > level {
            members.clear();
        }
        if levels[at] != level {
            continue;
        }
        members.push(at);
        if members.len() >= FANOUT {
            let start = members[members.len() - FANOUT];
            if range.end - ranges[start].start <= u64::from(u32::MAX) {
                return Some(start..at + 1);
            }
        }
    }
    None
}

/// The entries of adjacent files in one order, offsets counted from the first file's first.
///
/// Holds one entry per file, whatever their sizes.
pub(super) fn merged(files: &[Arc<IdFile>]) -> Result<impl Iterator<Item = Entry> + '_, StoreError> {
    let base = files.first().map_or(0, |file| file.range().start);
    let mut heads: Vec<(Entry, _)> = Vec::with_capacity(files.len());
    for file in files {
        let shift = (file.range().start - base) as u32;
        let mut entries = file.iter()?.map(move |(key, offset)| (key, offset + shift));
        if let Some(first) = entries.next() {
            heads.push((first, entries));
        }
    }
    Ok(std::iter::from_fn(move || {
        let least = least(heads.iter().map(|head| head.0))?;
        let (head, rest) = &mut heads[least];
        let entry = *head;
        match rest.next() {
            Some(next) => *head = next,
            None => drop(heads.swap_remove(least)),
        }
        Some(entry)
    }))
}

/// Position of the least entry. There are eight or a few more, for which a walk beats a heap.
fn least(entries: impl Iterator<Item = Entry>) -> Option<usize> {
    let mut least: Option<(Entry, usize)> = None;
    for (at, entry) in entries.enumerate() {
        if least.is_none_or(|(best, _)| entry < best) {
            least = Some((entry, at));
        }
    }
    least.map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds segments of these sizes one after another, merging whenever one is due.
    fn grow(sizes: impl Iterator<Item = u64>) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for size in sizes {
            let first = ranges.last().map_or(0, |r| r.end);
            ranges.push(first..first + size);
            while let Some(group) = due(&ranges) {
                let whole = ranges[group.start].start..ranges[group.end - 1].end;
                ranges.splice(group, [whole]);
            }
        }
        ranges
    }

    fn most_in_a_level(ranges: &[Range<u64>]) -> usize {
        let mut counts = [0usize; 24];
        for range in ranges {
            counts[level(range.end - range.start) as usize] += 1;
        }
        counts.into_iter().max().unwrap()
    }

    #[test]
    fn levels_are_131_072_times_powers_of_eight() {
        for (count, expected) in [(1, 0), (2_048, 0), (2_049, 1), (131_072, 2), (131_073, 3), (1 << 20, 3)] {
            assert_eq!(level(count), expected, "{count}");
        }
        assert_eq!(level(u64::MAX), 18);
    }

    #[test]
    fn no_level_holds_more_than_seven_files_whatever_the_segments_size() {
        for size in [1, 7, 500, 20_000, 131_072] {
            let ranges = grow(std::iter::repeat_n(size, 2_000));
            assert!(most_in_a_level(&ranges) <= 7, "segments of {size}: {ranges:?}");
        }
        let mixed = grow((0..5_000u64).map(|i| [1, 131_072, 30, 4_000, 131_072, 70_000][(i % 6) as usize]));
        assert!(mixed.len() <= 30, "{} files", mixed.len());
        let mut seed = 1u64;
        let random = grow((0..5_000).map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            [1, 40, 900, 2_500, 20_000, 131_072][(seed >> 33) as usize % 6]
        }));
        assert!(random.len() <= 64, "{} files", random.len());
    }

    #[test]
    fn files_with_a_gap_between_them_are_never_merged() {
        let ranges: Vec<Range<u64>> = (0..40).map(|i| i * 200..i * 200 + 100).collect();
        assert_eq!(due(&ranges), None);
    }

    #[test]
    fn a_merge_never_passes_what_a_32_bit_offset_can_number() {
        let size = 1 << 29;
        let eight: Vec<Range<u64>> = (0..8).map(|i| i * size..(i + 1) * size).collect();
        assert_eq!(due(&eight), None, "together one id too many");
        let fitting: Vec<Range<u64>> = (0..8).map(|i| i * (size - 1)..(i + 1) * (size - 1)).collect();
        assert_eq!(due(&fitting), Some(0..8));
    }
}
