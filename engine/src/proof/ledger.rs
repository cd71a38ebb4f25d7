//! The file of a log's signed checkpoints: append-only, synced before anyone sees an entry.
//!
//! Keeps true: sizes never fall from one entry to the next, and an entry that was handed out is on
//! stable storage.
//!
//! On disk: docs/FORMAT.md, "Checkpoints".

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::key::Signature;
use super::note::KeyId;
use crate::error::StoreError;
use crate::io::{Disk, DiskFile, Mode};
use crate::merkle::Node;
use crate::segment::growing::sync_parent;

const MAGIC: [u8; 8] = *b"STELECKP";
const VERSION: u16 = 1;
const HEADER_BYTES: u64 = 16;
/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 128;

/// One signed checkpoint; its origin is the log's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Records that it covers.
    pub size: u64,
    /// When it was signed, microseconds since 1970.
    pub signed_us: u64,
    /// Root of the tree over them.
    pub root: Node,
    /// The key that signed.
    pub key_id: KeyId,
    /// Its signature over the checkpoint's text.
    pub signature: Signature,
}

impl Entry {
    const SIZE: Range<usize> = 0..8;
    const SIGNED_US: Range<usize> = 8..16;
    const ROOT: Range<usize> = 16..48;
    const KEY_ID: Range<usize> = 48..52;
    const SIGNATURE: Range<usize> = 52..116;
    const RESERVED: Range<usize> = 116..124; // zero; anything else is refused
    const CRC: Range<usize> = 124..128; // of the 124 bytes before

    /// The entry as it lies in the file.
    #[must_use]
    pub fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[Self::SIZE].copy_from_slice(&self.size.to_le_bytes());
        bytes[Self::SIGNED_US].copy_from_slice(&self.signed_us.to_le_bytes());
        bytes[Self::ROOT].copy_from_slice(&self.root);
        bytes[Self::KEY_ID].copy_from_slice(&self.key_id);
        bytes[Self::SIGNATURE].copy_from_slice(&self.signature);
        let crc = crc32fast::hash(&bytes[..Self::CRC.start]);
        bytes[Self::CRC].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when the bytes are not an entry.
    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let crc = crc32fast::hash(&bytes[..Self::CRC.start]);
        if bytes[Self::CRC] != crc.to_le_bytes() || bytes[Self::RESERVED].iter().any(|&b| b != 0) {
            return None;
        }
        Some(Self {
            size: u64::from_le_bytes(bytes[Self::SIZE].try_into().ok()?),
            signed_us: u64::from_le_bytes(bytes[Self::SIGNED_US].try_into().ok()?),
            root: bytes[Self::ROOT].try_into().ok()?,
            key_id: bytes[Self::KEY_ID].try_into().ok()?,
            signature: bytes[Self::SIGNATURE].try_into().ok()?,
        })
    }
}

/// The file.
pub struct Ledger {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    entries: u64,
    last: Option<Entry>,
}

impl Ledger {
    /// Makes an empty file, durably.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn create(disk: &dyn Disk, path: &Path) -> Result<Self, StoreError> {
        let temporary = path.with_extension("tmp");
        if disk.exists(&temporary).map_err(StoreError::io(&temporary, "looking"))? {
            disk.remove(&temporary).map_err(StoreError::io(&temporary, "removing"))?;
        }
        let file =
            disk.create_new(&temporary, Mode::Shared).map_err(StoreError::io(&temporary, "creating"))?;
        file.write_all_at(&header(), 0).map_err(StoreError::io(&temporary, "writing"))?;
        file.sync_data().map_err(StoreError::syncing(&temporary))?;
        disk.rename(&temporary, path).map_err(StoreError::io(path, "renaming"))?;
        sync_parent(disk, path)?;
        Ok(Self { path: path.to_owned(), file, entries: 0, last: None })
    }

    /// Opens the file; costs a look at its ends. A torn last entry, which nobody has seen, is cut and
    /// told as a note, unless `read_only`.
    ///
    /// # Errors
    /// `Io`; `TooNew`; `Damaged` when the file is not what was written.
    pub fn open(disk: &dyn Disk, path: &Path, read_only: bool) -> Result<(Self, Option<String>), StoreError> {
        let opened = if read_only { disk.open_read(path) } else { disk.open(path) };
        let file = opened.map_err(StoreError::io(path, "opening"))?;
        let length = file.len().map_err(StoreError::io(path, "measuring"))?;
        check_header(&*file, path, length)?;
        let whole = (length - HEADER_BYTES) / ENTRY_BYTES as u64;
        let mut ledger = Self { path: path.to_owned(), file, entries: whole, last: None };
        if let Some(at) = whole.checked_sub(1)
            && ledger.entry(at)?.is_none()
        {
            // Each entry is synced before the next is begun: only the last can be torn.
            ledger.entries = at;
        }
        if let Some(at) = ledger.entries.checked_sub(1) {
            let last = ledger.entry(at)?;
            let damaged = || StoreError::damaged(path, place(at), "the entry does not match its checksum");
            ledger.last = Some(last.ok_or_else(damaged)?);
        }
        let end = place(ledger.entries);
        if end == length {
            return Ok((ledger, None));
        }
        let torn = length - end;
        if !read_only {
            ledger.file.set_len(end).map_err(StoreError::io(path, "cutting the torn end of"))?;
            ledger.file.sync_data().map_err(StoreError::syncing(path))?;
        }
        let note = format!("{}: {torn} bytes of an entry that nobody was given were torn", path.display());
        Ok((ledger, Some(note)))
    }

    /// The newest entry.
    #[must_use]
    pub fn last(&self) -> Option<&Entry> {
        self.last.as_ref()
    }

    /// Adds an entry; on stable storage when it returns.
    ///
    /// # Errors
    /// `Refused` when its size is below the last one's. `Full`: nothing was added. `Io`: what the
    /// file holds is unknown; the caller adds nothing more.
    pub fn append(&mut self, entry: &Entry) -> Result<(), StoreError> {
        if let Some(last) = self.last.as_ref().filter(|last| last.size > entry.size) {
            let detail = format!("size {} was signed, {} is less", last.size, entry.size);
            return Err(StoreError::Refused(format!("{}: {detail}", self.path.display())));
        }
        let at = place(self.entries);
        // A full disk may take a part: it is a torn entry until the next one is written over it.
        self.file.write_all_at(&entry.encode(), at).map_err(StoreError::io(&self.path, "writing"))?;
        self.file.sync_data().map_err(StoreError::syncing(&self.path))?;
        self.entries += 1;
        self.last = Some(entry.clone());
        Ok(())
    }

    /// The oldest entry of a size.
    ///
    /// # Errors
    /// `Io`, or `Damaged` where an entry is not what was written.
    pub fn of_size(&self, size: u64) -> Result<Option<Entry>, StoreError> {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = u64::midpoint(low, high);
            if self.sound(middle)?.size < size { low = middle + 1 } else { high = middle }
        }
        if low == self.entries {
            return Ok(None);
        }
        Ok(Some(self.sound(low)?).filter(|entry| entry.size == size))
    }

    /// What is in the file now, to check all of it while signing goes on.
    #[must_use]
    pub fn all(&self) -> All {
        All { path: self.path.clone(), file: Arc::clone(&self.file), entries: self.entries }
    }

    fn sound(&self, at: u64) -> Result<Entry, StoreError> {
        let damaged = || StoreError::damaged(&self.path, place(at), "the entry does not match its checksum");
        self.entry(at)?.ok_or_else(damaged)
    }

    fn entry(&self, at: u64) -> Result<Option<Entry>, StoreError> {
        let mut bytes = [0; ENTRY_BYTES];
        self.file.read_exact_at(&mut bytes, place(at)).map_err(StoreError::io(&self.path, "reading"))?;
        Ok(Entry::decode(&bytes))
    }
}

/// The entries of a ledger at one moment.
pub struct All {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    entries: u64,
}

/// Entries that are read in one go.
const STRETCH: u64 = 512;

impl All {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads every entry again, in order: its place in the file, and the entry unless it is not what
    /// was written. `see` returns false to stop.
    ///
    /// # Errors
    /// `Io`.
    pub fn each(&self, see: &mut dyn FnMut(u64, Option<Entry>) -> bool) -> Result<(), StoreError> {
        let mut at = 0;
        while at < self.entries {
            let count = STRETCH.min(self.entries - at);
            let mut bytes = vec![0; count as usize * ENTRY_BYTES];
            let read = self.file.read_exact_at(&mut bytes, place(at));
            read.map_err(StoreError::io(&self.path, "reading"))?;
            for (number, entry) in (at..).zip(bytes.as_chunks::<ENTRY_BYTES>().0) {
                if !see(place(number), Entry::decode(entry)) {
                    return Ok(());
                }
            }
            at += count;
        }
        Ok(())
    }
}

const fn place(entry: u64) -> u64 {
    HEADER_BYTES + entry * ENTRY_BYTES as u64
}

fn header() -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header
}

fn check_header(file: &dyn DiskFile, path: &Path, length: u64) -> Result<(), StoreError> {
    if length < HEADER_BYTES {
        return Err(StoreError::damaged(path, length, "shorter than a header"));
    }
    let mut found = [0; HEADER_BYTES as usize];
    file.read_exact_at(&mut found, 0).map_err(StoreError::io(path, "reading"))?;
    let version = u16::from_le_bytes([found[8], found[9]]);
    if found[..8] == MAGIC && version > VERSION {
        return Err(StoreError::TooNew { path: path.to_owned(), found: version, newest_known: VERSION });
    }
    if found == header() { Ok(()) } else { Err(StoreError::damaged(path, 0, "not a file of checkpoints")) }
}
