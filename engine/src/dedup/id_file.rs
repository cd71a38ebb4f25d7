//! One id file: the fingerprints of a range of sequences, sorted, with a directory.
//!
//! `<first>-<end>.ids` (20 digits each) covers sequences `first..end` and is a file of sections of
//! kind "ids" (docs/FORMAT.md). Entries are 12 bytes: fingerprint, then offset from `first`, both
//! little-endian, sorted by both. The directory has one `u32` per value of the fingerprint's top
//! bits, the index of the first entry that has them or more, and the count as its last. A bucket
//! has 4 to 8 entries on average, so that a probe touches one line of the directory and one or two
//! of the entries.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::codec::sections::{Sections, SectionsWriter};
use crate::error::StoreError;
use crate::io::Disk;

pub(super) const KIND: &str = "ids";
pub(super) const ENTRY_BYTES: usize = 12;
const ENTRIES: u16 = 1;
const DIRECTORY: u16 = 2;
/// Fingerprints probed side by side: their loads do not depend on each other, so the processor
/// waits for many lines of memory at once.
const LANES: usize = 128;
/// Bytes handed to the writer at once: enough for its hash to run at full width.
const CHUNK_BYTES: usize = 5461 * ENTRY_BYTES;

/// A fingerprint and its sequence's offset from the file's first.
pub(super) type Entry = (u64, u32);

/// Bits of the directory for a file of this many ids.
const fn directory_bits(count: u32) -> u32 {
    if count < 16 { 0 } else { count.ilog2() - 2 }
}

/// The bucket of a fingerprint.
fn bucket(fingerprint: u64, bits: u32) -> usize {
    // A shift by 64 is no shift at all: without bits there is one bucket.
    fingerprint.checked_shr(64 - bits).unwrap_or(0) as usize
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Entry {
    let (key, offset) = bytes.split_at(8);
    let mut word = [0; 8];
    word.copy_from_slice(key);
    let mut half = [0; 4];
    half.copy_from_slice(offset);
    (u64::from_le_bytes(word), u32::from_le_bytes(half))
}

/// Name of the file that covers a range.
pub(super) fn path_of(dir: &Path, range: &Range<u64>) -> PathBuf {
    dir.join(format!("{:020}-{:020}.ids", range.start, range.end))
}

/// The range that a file's name states; `None` when it is not the name of an id file.
pub(super) fn range_of(path: &Path) -> Option<Range<u64>> {
    let (first, end) = path.file_name()?.to_str()?.strip_suffix(".ids")?.split_once('-')?;
    let number = |text: &str| {
        let digits = text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten()
    };
    Some(number(first)?..number(end)?)
}

/// An open id file. Nothing of what it holds is believed before every byte of it was checked.
#[derive(Debug)]
pub(super) struct IdFile {
    sections: Sections,
    range: Range<u64>,
    bits: u32,
    checked: OnceLock<bool>,
}

impl IdFile {
    /// Opens a file by its footer, without reading the rest of it: see [`check`](Self::check).
    ///
    /// # Errors
    /// `Io`, or `Damaged` and `TooNew` when it is not what was written.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, StoreError> {
        let sections = Sections::open(disk, path, KIND)?;
        let (first, count): (u64, u32) = sections.facts()?;
        let range = first..first.saturating_add(u64::from(count));
        if range_of(path).as_ref() != Some(&range) || count == 0 {
            let detail = format!("holds sequences {first} and {count} on, its name says otherwise");
            return Err(StoreError::damaged(path, 0, detail));
        }
        let bits = directory_bits(count);
        let lengths = (sections.length(ENTRIES), sections.length(DIRECTORY));
        if lengths != (Some(u64::from(count) * ENTRY_BYTES as u64), Some(((1 << bits) + 1) * 4)) {
            return Err(StoreError::damaged(path, 0, "sections do not fit each other"));
        }
        Ok(Self { sections, range, bits, checked: OnceLock::new() })
    }

    /// Checks every byte, once: reads the file from end to end. Whoever asks meanwhile waits.
    ///
    /// # Errors
    /// `Damaged` when it is not what was written.
    pub fn check(&self) -> Result<(), StoreError> {
        self.sections.check_all()?;
        if *self.checked.get_or_init(|| self.directory_leads()) {
            return Ok(());
        }
        Err(StoreError::damaged(self.path(), 0, "the directory does not lead through the entries"))
    }

    /// Whether [`check`](Self::check) has been called.
    pub fn is_checked(&self) -> bool {
        self.checked.get().is_some()
    }

    fn directory_leads(&self) -> bool {
        self.directory().is_ok_and(|directory| {
            directory.last() == Some(&(self.count() as u32).to_le_bytes())
                && directory.is_sorted_by_key(|&start| u32::from_le_bytes(start))
        })
    }

    /// The sequences covered.
    pub const fn range(&self) -> &Range<u64> {
        &self.range
    }

    /// Ids in the file.
    pub const fn count(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// The file's name.
    pub fn path(&self) -> &Path {
        self.sections.path()
    }

    fn directory(&self) -> Result<&[[u8; 4]], StoreError> {
        Ok(self.sections.get(DIRECTORY)?.as_chunks().0)
    }

    fn entries(&self) -> Result<&[[u8; ENTRY_BYTES]], StoreError> {
        Ok(self.sections.get(ENTRIES)?.as_chunks().0)
    }

    /// The entries in order.
    pub fn iter(&self) -> Result<impl Iterator<Item = Entry> + '_, StoreError> {
        self.check()?;
        Ok(self.entries()?.iter().map(entry))
    }

    /// Adds (position, sequence) for every entry with one of the fingerprints. Up to 30 ns per
    /// fingerprint when nothing of the file is in the processor's caches.
    pub fn find(&self, fingerprints: &[u64], found: &mut Vec<(usize, u64)>) -> Result<(), StoreError> {
        self.check()?;
        let (entries, directory) = (self.entries()?, self.directory()?);
        let mut buckets = [&entries[..0]; LANES];
        for (group, lanes) in fingerprints.chunks(LANES).enumerate() {
            for (slot, &fingerprint) in buckets.iter_mut().zip(lanes) {
                let at = bucket(fingerprint, self.bits);
                let (start, end) = (u32::from_le_bytes(directory[at]), u32::from_le_bytes(directory[at + 1]));
                *slot = &entries[start as usize..end as usize];
            }
            warm(&buckets[..lanes.len()]);
            for (lane, (slot, &fingerprint)) in buckets.iter().zip(lanes).enumerate() {
                for (_, offset) in slot.iter().map(entry).filter(|found| found.0 == fingerprint) {
                    found.push((group * LANES + lane, self.range.start + u64::from(offset)));
                }
            }
        }
        Ok(())
    }
}

/// Loads the first and last byte of every bucket, independently of each other, so that the
/// comparisons after it find them in the cache.
fn warm(buckets: &[&[[u8; ENTRY_BYTES]]]) {
    let touched = buckets.iter().fold(0u8, |sum, bucket| match (bucket.first(), bucket.last()) {
        (Some(first), Some(last)) => sum ^ first[0] ^ last[ENTRY_BYTES - 1],
        _ => sum,
    });
    std::hint::black_box(touched);
}

/// Writes an id file from entries in order; durable when it returns.
///
/// `entries` is walked twice, so that the directory need not be held in memory.
pub(super) fn write<I: Iterator<Item = Entry>>(
    disk: &dyn Disk,
    path: &Path,
    (first, count): (u64, u32),
    entries: impl Fn() -> Result<I, StoreError>,
) -> Result<(), StoreError> {
    let mut file = SectionsWriter::create(disk, path, KIND)?;
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    file.begin(ENTRIES);
    for (key, offset) in entries()? {
        chunk.extend_from_slice(&key.to_le_bytes());
        chunk.extend_from_slice(&offset.to_le_bytes());
        hand_over(&mut file, &mut chunk, CHUNK_BYTES)?;
    }
    hand_over(&mut file, &mut chunk, 0)?;
    file.begin(DIRECTORY);
    let bits = directory_bits(count);
    let mut next = 0;
    for (index, (key, _)) in entries()?.enumerate() {
        while next <= bucket(key, bits) {
            chunk.extend_from_slice(&(index as u32).to_le_bytes());
            hand_over(&mut file, &mut chunk, CHUNK_BYTES)?;
            next += 1;
        }
    }
    for _ in next..=1 << bits {
        chunk.extend_from_slice(&count.to_le_bytes());
        hand_over(&mut file, &mut chunk, CHUNK_BYTES)?;
    }
    hand_over(&mut file, &mut chunk, 0)?;
    file.finish(&(first, count))
}

fn hand_over(file: &mut SectionsWriter<'_>, chunk: &mut Vec<u8>, at: usize) -> Result<(), StoreError> {
    if chunk.len() >= at {
        file.write(chunk)?;
        chunk.clear();
    }
    Ok(())
}
