//! Derived files: sections of bytes, each with its BLAKE3 hash in a footer.
//!
//! Index files and locator files have this form (docs/FORMAT.md). Opening reads the footer only; a
//! section is hashed when it is first asked for, so opening is fast and no byte is believed
//! before it was checked.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bincode::{Decode, Encode};

use super::{decode_exact, encode};
use crate::error::StoreError;
use crate::io::{Disk, DiskFile, Mapping, Mode};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"STELESEC";
const VERSION: u16 = 1;
const HEADER_BYTES: u64 = 16;
/// Footer length (8), BLAKE3 of the footer (32), magic (8).
const TRAILER_BYTES: usize = 48;
const ALIGN: u64 = 8;
const BUFFER_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, Encode, Decode)]
struct Footer {
    /// What the file is, as in "index"; a file of another kind is refused.
    kind: String,
    /// Kind-specific facts, encoded by the kind's owner.
    facts: Vec<u8>,
    sections: Vec<Entry>,
}

#[derive(Clone, Debug, Encode, Decode)]
struct Entry {
    tag: u16,
    offset: u64,
    bytes: u64,
    hash: [u8; 32],
}

/// Writes a file of sections under a temporary name; `finish` gives it its own.
pub struct SectionsWriter<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
    temporary: PathBuf,
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    written: u64,
    hasher: blake3::Hasher,
    kind: String,
    entries: Vec<Entry>,
}

impl<'a> SectionsWriter<'a> {
    /// Starts the file; what an interrupted earlier attempt left is replaced.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn create(disk: &'a dyn Disk, path: &Path, kind: &str) -> Result<Self, StoreError> {
        let temporary = path.with_extension("tmp");
        if disk.exists(&temporary).map_err(StoreError::io(&temporary, "looking"))? {
            disk.remove(&temporary).map_err(StoreError::io(&temporary, "removing"))?;
        }
        let file =
            disk.create_new(&temporary, Mode::Shared).map_err(StoreError::io(&temporary, "creating"))?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + 4096);
        buffer.extend_from_slice(MAGIC);
        buffer.extend_from_slice(&VERSION.to_le_bytes());
        buffer.resize(HEADER_BYTES as usize, 0);
        Ok(Self {
            disk,
            path: path.to_owned(),
            temporary,
            file,
            buffer,
            written: 0,
            hasher: blake3::Hasher::new(),
            kind: kind.to_owned(),
            entries: Vec::new(),
        })
    }

    /// Begins a section; the one before ends here.
    pub fn begin(&mut self, tag: u16) {
        self.end_section();
        while !self.position().is_multiple_of(ALIGN) {
            self.buffer.push(0);
        }
        let offset = self.position();
        self.entries.push(Entry { tag, offset, bytes: 0, hash: [0; 32] });
    }

    /// Adds bytes to the section begun last.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hasher.update(bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// A whole section at once.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn section(&mut self, tag: u16, bytes: &[u8]) -> Result<(), StoreError> {
        self.begin(tag);
        self.write(bytes)
    }

    /// Writes the footer, syncs, renames to the final name, and syncs the directory.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn finish(mut self, facts: &impl Encode) -> Result<(), StoreError> {
        self.end_section();
        let footer = encode(&Footer {
            kind: self.kind.clone(),
            facts: encode(facts),
            sections: std::mem::take(&mut self.entries),
        });
        self.buffer.extend_from_slice(&footer);
        self.buffer.extend_from_slice(&(footer.len() as u64).to_le_bytes());
        self.buffer.extend_from_slice(blake3::hash(&footer).as_bytes());
        self.buffer.extend_from_slice(MAGIC);
        self.flush()?;
        self.file.sync_data().map_err(StoreError::io(&self.temporary, "syncing"))?;
        // Nobody may be able to write it when it is made read-only.
        drop(self.file);
        self.disk.make_read_only(&self.temporary).map_err(StoreError::io(&self.temporary, "protecting"))?;
        self.disk.rename(&self.temporary, &self.path).map_err(StoreError::io(&self.path, "renaming"))?;
        let dir = self.path.parent().unwrap_or(Path::new("."));
        self.disk.sync_dir(dir).map_err(StoreError::io(dir, "syncing"))
    }

    fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn end_section(&mut self) {
        let end = self.position();
        if let Some(entry) = self.entries.last_mut()
            && entry.hash == [0; 32]
        {
            entry.bytes = end - entry.offset;
            entry.hash = *self.hasher.finalize().as_bytes();
        }
        self.hasher.reset();
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.file
            .write_all_at(&self.buffer, self.written)
            .map_err(StoreError::io(&self.temporary, "writing"))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// A file of sections, opened for reading.
#[derive(Debug)]
pub struct Sections {
    path: PathBuf,
    bytes: Mapping,
    footer: Footer,
    checked: Vec<OnceLock<bool>>,
}

impl Sections {
    /// Reads and checks the footer of a file of this kind.
    ///
    /// # Errors
    /// `Io`, `TooNew`, or `Damaged` with the byte.
    pub fn open(disk: &dyn Disk, path: &Path, kind: &str) -> Result<Self, StoreError> {
        let bytes = disk.map(path).map_err(StoreError::io(path, "mapping"))?;
        Self::of_bytes(bytes, path, kind)
    }

    /// The same with the whole file read into memory: for verification, which trusts no mapping.
    ///
    /// # Errors
    /// As [`Sections::open`].
    pub fn read(disk: &dyn Disk, path: &Path, kind: &str) -> Result<Self, StoreError> {
        let file = disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
        let mut bytes = vec![0; file.len().map_err(StoreError::io(path, "measuring"))? as usize];
        file.read_exact_at(&mut bytes, 0).map_err(StoreError::io(path, "reading"))?;
        Self::of_bytes(Mapping::held(bytes), path, kind)
    }

    /// The same for bytes at hand; `path` names them in errors.
    ///
    /// # Errors
    /// `TooNew`, or `Damaged` with the byte.
    pub fn of_bytes(bytes: Mapping, path: &Path, kind: &str) -> Result<Self, StoreError> {
        let damaged = |offset: usize, detail: &str| StoreError::damaged(path, offset as u64, detail);
        let total = bytes.len();
        if total < HEADER_BYTES as usize + TRAILER_BYTES {
            return Err(damaged(total, "too short for a file of sections"));
        }
        if &bytes[..8] != MAGIC || bytes[10..16] != [0; 6] {
            return Err(damaged(0, "not a file of sections"));
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version != VERSION {
            return Err(StoreError::TooNew { path: path.to_owned(), found: version, newest_known: VERSION });
        }
        let trailer = total - TRAILER_BYTES;
        if &bytes[total - 8..] != MAGIC {
            return Err(damaged(total - 8, "the end mark is missing: cut short or overwritten"));
        }
        let footer_bytes = u64_at(&bytes, trailer);
        let footer_start = usize::try_from(footer_bytes)
            .ok()
            .and_then(|len| trailer.checked_sub(len))
            .filter(|&start| start >= HEADER_BYTES as usize)
            .ok_or_else(|| damaged(trailer, "footer length does not fit the file"))?;
        let footer = &bytes[footer_start..trailer];
        if blake3::hash(footer).as_bytes()[..] != bytes[trailer + 8..trailer + 40] {
            return Err(damaged(footer_start, "footer does not match its hash"));
        }
        let footer: Footer = decode_exact(footer).map_err(|e| damaged(footer_start, &e))?;
        if footer.kind != kind {
            return Err(damaged(footer_start, &format!("is of kind {:?}, expected {kind:?}", footer.kind)));
        }
        if let Err((offset, detail)) = no_gaps(&bytes[..footer_start], &footer.sections) {
            return Err(damaged(offset, detail));
        }
        let checked = footer.sections.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { path: path.to_owned(), bytes, footer, checked })
    }

    /// The file's name, for errors.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind-specific facts of the footer.
    ///
    /// # Errors
    /// `Damaged` when they do not decode.
    pub fn facts<T: Decode<()>>(&self) -> Result<T, StoreError> {
        decode_exact(&self.footer.facts).map_err(|e| StoreError::damaged(&self.path, 0, e))
    }

    /// Bytes of a section by the footer, which was checked at opening; hashes nothing.
    #[must_use]
    pub fn length(&self, tag: u16) -> Option<u64> {
        self.footer.sections.iter().find(|entry| entry.tag == tag).map(|entry| entry.bytes)
    }

    /// The bytes of a section, hashed on first use.
    ///
    /// # Errors
    /// `Damaged` when the section is absent or does not match its hash.
    pub fn get(&self, tag: u16) -> Result<&[u8], StoreError> {
        let found = self.footer.sections.iter().position(|entry| entry.tag == tag);
        let at =
            found.ok_or_else(|| StoreError::damaged(&self.path, 0, format!("section {tag} is missing")))?;
        let entry = &self.footer.sections[at];
        let bytes = &self.bytes[entry.offset as usize..(entry.offset + entry.bytes) as usize];
        let sound = *self.checked[at].get_or_init(|| *blake3::hash(bytes).as_bytes() == entry.hash);
        if sound {
            Ok(bytes)
        } else {
            let detail = format!("section {tag} ({} bytes) does not match its hash", entry.bytes);
            Err(StoreError::damaged(&self.path, entry.offset, detail))
        }
    }

    /// Checks every section now.
    ///
    /// # Errors
    /// The first damaged one.
    pub fn check_all(&self) -> Result<(), StoreError> {
        self.footer.sections.iter().try_for_each(|entry| self.get(entry.tag).map(|_| ()))
    }

    /// Bytes of the whole file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// BLAKE3 of the footer: it covers every section's hash, so it names the whole content.
    #[must_use]
    pub fn footer_hash(&self) -> [u8; 32] {
        let at = self.bytes.len() - TRAILER_BYTES + 8;
        let mut hash = [0; 32];
        hash.copy_from_slice(&self.bytes[at..at + 32]);
        hash
    }
}

/// Every byte before the footer belongs to a section or is one of the zeros that align the next: a
/// byte that no hash covers could change unseen.
fn no_gaps(body: &[u8], sections: &[Entry]) -> Result<(), (usize, &'static str)> {
    let mut at = HEADER_BYTES as usize;
    for entry in sections {
        let start = at.next_multiple_of(ALIGN as usize);
        let end = start.checked_add(usize::try_from(entry.bytes).unwrap_or(usize::MAX));
        let fits = entry.offset == start as u64 && end.is_some_and(|end| end <= body.len());
        if !fits {
            return Err((at, "a section does not lie where the one before ends"));
        }
        if body[at..start].iter().any(|&byte| byte != 0) {
            return Err((at, "the bytes between two sections are not zero"));
        }
        at = end.unwrap_or(start);
    }
    if at == body.len() { Ok(()) } else { Err((at, "bytes between the last section and the footer")) }
}

/// A little-endian `u64` at a byte offset that the caller has checked.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// A little-endian `u32` at a byte offset that the caller has checked.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::RealDisk;

    /// Goal: no byte of the file can change unseen. Method: sections of lengths that need padding,
    /// and every bit of the file in turn.
    #[test]
    fn a_flipped_bit_anywhere_is_seen_also_between_sections() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.idx");
        let mut writer = SectionsWriter::create(&RealDisk, &path, "test").unwrap();
        writer.section(1, b"three").unwrap();
        writer.section(2, b"").unwrap();
        writer.section(3, b"sixteen bytes...").unwrap();
        writer.section(4, b"x").unwrap();
        writer.finish(&7u32).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let sound = |bytes: Vec<u8>| {
            Sections::of_bytes(Mapping::held(bytes), &path, "test").and_then(|file| file.check_all())
        };
        sound(whole.clone()).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(sound(damaged).is_err(), "bit {bit}");
        }
    }
}
