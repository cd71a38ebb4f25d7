//! The file of a log's signed checkpoints: append-only, synced before anyone sees an entry.
//!
//! Keeps true: sizes never fall from one entry to the next; each entry names the one before by its
//! hash, so one that was dropped, moved or swapped shows; and an entry that was handed out is on
//! stable storage.
//!
//! On disk: docs/FORMAT.md, "Checkpoints".

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::key::Signature;
use super::note::KeyId;
use crate::error::StoreError;
use crate::io::{Disk, DiskFile, Mode, remove_if_there, sync_parent, write_whole};
use crate::merkle::Node;

const MAGIC: [u8; 8] = *b"STELECKP";
const VERSION: u16 = 1;
const HEADER_BYTES: u64 = 16;
/// Where the header says how many entries were thinned out.
const THINNED: Range<usize> = 10..16;
/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 128;

/// The first bytes of the hash of what lies before an entry in the file. Zero in files from before
/// there were links.
pub type Link = [u8; 8];

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
    const LINK: Range<usize> = 116..124;
    const CRC: Range<usize> = 124..128; // of the 124 bytes before

    /// The entry as it lies in the file, behind what `link` is of.
    #[must_use]
    pub fn encode(&self, link: &Link) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[Self::SIZE].copy_from_slice(&self.size.to_le_bytes());
        bytes[Self::SIGNED_US].copy_from_slice(&self.signed_us.to_le_bytes());
        bytes[Self::ROOT].copy_from_slice(&self.root);
        bytes[Self::KEY_ID].copy_from_slice(&self.key_id);
        bytes[Self::SIGNATURE].copy_from_slice(&self.signature);
        bytes[Self::LINK].copy_from_slice(link);
        let crc = crc32fast::hash(&bytes[..Self::CRC.start]);
        bytes[Self::CRC].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when the bytes are not an entry.
    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Option<(Self, Link)> {
        let crc = crc32fast::hash(&bytes[..Self::CRC.start]);
        if bytes[Self::CRC] != crc.to_le_bytes() {
            return None;
        }
        let entry = Self {
            size: u64::from_le_bytes(bytes[Self::SIZE].try_into().ok()?),
            signed_us: u64::from_le_bytes(bytes[Self::SIGNED_US].try_into().ok()?),
            root: bytes[Self::ROOT].try_into().ok()?,
            key_id: bytes[Self::KEY_ID].try_into().ok()?,
            signature: bytes[Self::SIGNATURE].try_into().ok()?,
        };
        Some((entry, bytes[Self::LINK].try_into().ok()?))
    }
}

/// The file.
pub struct Ledger {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    entries: u64,
    /// Entries that were taken out of the file, ever.
    thinned: u64,
    first: Option<Entry>,
    last: Option<Entry>,
    /// What the next entry is linked to.
    link: Link,
    fault: Option<(u64, &'static str)>,
}

impl Ledger {
    /// Makes an empty file, durably.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn create(disk: &dyn Disk, path: &Path) -> Result<Self, StoreError> {
        let start = header(0);
        let file = write_whole(disk, path, Mode::Shared, &start)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            entries: 0,
            thinned: 0,
            first: None,
            last: None,
            link: link(&start),
            fault: None,
        })
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
        let start = read_header(&*file, path, length)?;
        let entries = (length - HEADER_BYTES) / ENTRY_BYTES as u64;
        let mut ledger = Self {
            path: path.to_owned(),
            file,
            entries,
            thinned: thinned(&start),
            first: None,
            last: None,
            link: link(&start),
            fault: None,
        };
        if let Some(at) = entries.checked_sub(1)
            && ledger.entry(at)?.is_none()
        {
            // Each entry is synced before the next is begun: only the last can be torn.
            ledger.entries = at;
        }
        ledger.check_ends(&start)?;
        let end = place(ledger.entries);
        if !read_only {
            ledger.keep_last()?;
        }
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

    /// Writes the last entry again, durably: a process that was killed may have left it in memory alone,
    /// and from now on it is built upon. Those before it were synced first.
    fn keep_last(&self) -> Result<(), StoreError> {
        let Some(last) = self.entries.checked_sub(1) else { return Ok(()) };
        let bytes = self.bytes(last)?;
        self.file.write_all_at(&bytes, place(last)).map_err(StoreError::io(&self.path, "writing"))?;
        self.file.sync_data().map_err(StoreError::syncing(&self.path))
    }

    /// Reads the first and the last entry. The one must follow the header, the other the entry before it.
    fn check_ends(&mut self, start: &[u8]) -> Result<(), StoreError> {
        let Some(last) = self.entries.checked_sub(1) else {
            let emptied = StoreError::damaged(&self.path, HEADER_BYTES, "entries were thinned, none is left");
            return if self.thinned == 0 { Ok(()) } else { Err(emptied) };
        };
        let all = self.all();
        let (newest, of_last) = all.sound(last)?;
        self.last = Some(newest);
        self.link = link(&self.bytes(last)?);
        let follows = |of: Link, before: &[u8]| of == Link::default() || of == link(before);
        if let Some((first, of_first)) = self.entry(0)? {
            self.first = Some(first);
            if !follows(of_first, start) {
                self.fault = Some((HEADER_BYTES, "the first entry does not follow the header"));
            }
        }
        if let Some(before) = last.checked_sub(1)
            && self.entry(before)?.is_some()
            && !follows(of_last, &self.bytes(before)?)
        {
            self.fault = Some((place(last), NOT_LINKED));
        }
        Ok(())
    }

    /// Where the file is not what was written although its last entry is sound, and why.
    #[must_use]
    pub fn fault(&self) -> Option<StoreError> {
        self.fault.map(|(at, what)| StoreError::damaged(&self.path, at, what))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The oldest entry.
    #[must_use]
    pub fn first(&self) -> Option<&Entry> {
        self.first.as_ref()
    }

    /// Checkpoints that were signed, those that were thinned out among them.
    #[must_use]
    pub const fn signed(&self) -> u64 {
        self.thinned.saturating_add(self.entries)
    }

    /// Entries in the file.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
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
        let bytes = entry.encode(&self.link);
        // A full disk may take a part: it is a torn entry until the next one is written over it.
        self.file.write_all_at(&bytes, at).map_err(StoreError::io(&self.path, "writing"))?;
        self.file.sync_data().map_err(StoreError::syncing(&self.path))?;
        self.entries += 1;
        self.link = link(&bytes);
        self.first.get_or_insert_with(|| entry.clone());
        self.last = Some(entry.clone());
        Ok(())
    }

    /// The first entry that does not come before what is looked for, in a file ordered so.
    ///
    /// # Errors
    /// `Io`, or `Damaged` where an entry is not what was written.
    pub fn find(&self, is_before: &dyn Fn(&Entry) -> bool) -> Result<Option<Entry>, StoreError> {
        let at = self.all().place_of(is_before)?;
        if at == self.entries { Ok(None) } else { self.all().number(at).map(Some) }
    }

    /// What is in the file now, to read all of it while signing goes on.
    #[must_use]
    pub fn all(&self) -> All {
        let (path, file) = (self.path.clone(), Arc::clone(&self.file));
        All { path, file, entries: self.entries, thinned: self.thinned }
    }

    /// Takes the place of the file's content: the entries that were added since the rewrite began
    /// are copied, and the new file gets the name. On stable storage when it returns.
    ///
    /// # Errors
    /// `Full` before anything was changed. After `Io` the caller adds nothing more.
    pub fn replace(&mut self, disk: &dyn Disk, mut rewrite: Rewrite) -> Result<(), StoreError> {
        for at in rewrite.seen..self.entries {
            rewrite.add(&self.all().number(at)?)?;
        }
        rewrite.flush()?;
        rewrite.file.sync_data().map_err(StoreError::syncing(&rewrite.path))?;
        disk.rename(&rewrite.path, &self.path).map_err(StoreError::io(&self.path, "renaming"))?;
        sync_parent(disk, &self.path)?;
        self.file = rewrite.file;
        self.entries = rewrite.entries;
        self.thinned = rewrite.thinned;
        self.link = rewrite.link;
        Ok(())
    }

    fn entry(&self, at: u64) -> Result<Option<(Entry, Link)>, StoreError> {
        self.bytes(at).map(|bytes| Entry::decode(&bytes))
    }

    fn bytes(&self, at: u64) -> Result<[u8; ENTRY_BYTES], StoreError> {
        read_entry(&*self.file, &self.path, at)
    }
}

const NOT_LINKED: &str =
    "the entry does not follow the one before it: entries were dropped, moved or swapped";

/// The entries of a ledger at one moment.
pub struct All {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    entries: u64,
    thinned: u64,
}

/// One entry, as it was found.
pub struct Row {
    /// Which of the file's entries.
    pub number: u64,
    /// Its place in the file.
    pub at: u64,
    /// What it says, where it is what was written.
    pub entry: Option<Entry>,
    /// What is wrong: it is not what was written, or does not follow the one before.
    pub fault: Option<&'static str>,
}

/// Entries that are read in one go.
const STRETCH: u64 = 512;

impl All {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many there are.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Where the file ends.
    #[must_use]
    pub const fn end(&self) -> u64 {
        place(self.entries)
    }

    /// The entry of a number.
    ///
    /// # Errors
    /// `Io`, or `Damaged` where it is not what was written.
    pub fn number(&self, number: u64) -> Result<Entry, StoreError> {
        self.sound(number).map(|(entry, _)| entry)
    }

    /// The number of the first entry that does not come before what is looked for.
    ///
    /// # Errors
    /// `Io`, or `Damaged` where an entry is not what was written.
    pub fn place_of(&self, is_before: &dyn Fn(&Entry) -> bool) -> Result<u64, StoreError> {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = u64::midpoint(low, high);
            if is_before(&self.sound(middle)?.0) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// Reads entries again, in order, by their numbers. `see` returns false to stop.
    ///
    /// # Errors
    /// `Io`.
    pub fn each(&self, which: Range<u64>, see: &mut dyn FnMut(Row) -> bool) -> Result<(), StoreError> {
        let start = read_header(&*self.file, &self.path, HEADER_BYTES)?;
        // None behind an entry that is not what was written: it says nothing about the next one.
        let mut before = Some(link(&start)).filter(|_| which.start == 0);
        let (mut linked, mut at) = (false, which.start);
        let end = which.end.min(self.entries);
        while at < end {
            let count = STRETCH.min(end - at);
            let mut bytes = vec![0; count as usize * ENTRY_BYTES];
            let read = self.file.read_exact_at(&mut bytes, place(at));
            read.map_err(StoreError::io(&self.path, "reading"))?;
            for (number, bytes) in (at..).zip(bytes.as_chunks::<ENTRY_BYTES>().0) {
                let found = Entry::decode(bytes);
                let follows = |of: Link| before.is_none_or(|b| b == of) || (of == Link::default() && !linked);
                let fault = match &found {
                    None => Some("the entry does not match its checksum"),
                    Some((_, of)) => (!follows(*of)).then_some(NOT_LINKED),
                };
                linked |= found.as_ref().is_some_and(|(_, of)| *of != Link::default());
                before = found.is_some().then(|| link(bytes));
                let entry = found.map(|(entry, _)| entry);
                if !see(Row { number, at: place(number), entry, fault }) {
                    return Ok(());
                }
            }
            at += count;
        }
        Ok(())
    }

    /// Begins a file without `removed` of the entries, those that `keep` refuses by number and content. No file is
    /// made where an entry is not what was written or does not follow the one before, which a
    /// new file would hide, or where another number would go.
    ///
    /// # Errors
    /// `Io` or `Full`; what there is stays as it is.
    pub fn rewrite(
        &self,
        disk: &dyn Disk,
        removed: u64,
        keep: &mut dyn FnMut(u64, &Entry) -> bool,
    ) -> Result<Option<Rewrite>, StoreError> {
        let mut rewrite = Rewrite::begin(disk, &self.path, self.thinned.saturating_add(removed))?;
        let mut outcome = Ok(true);
        self.each(0..u64::MAX, &mut |row| {
            outcome = match (&row.entry, row.fault) {
                (Some(entry), None) if keep(row.number, entry) => rewrite.add(entry).map(|()| true),
                (Some(_), None) => Ok(true),
                _ => Ok(false),
            };
            matches!(outcome, Ok(true))
        })?;
        let whole = outcome?;
        rewrite.seen = self.entries;
        rewrite.flush()?;
        rewrite.file.sync_data().map_err(StoreError::syncing(&rewrite.path))?;
        Ok((whole && rewrite.entries + removed == self.entries).then_some(rewrite))
    }

    fn sound(&self, at: u64) -> Result<(Entry, Link), StoreError> {
        let damaged = || StoreError::damaged(&self.path, place(at), "the entry does not match its checksum");
        Entry::decode(&read_entry(&*self.file, &self.path, at)?).ok_or_else(damaged)
    }
}

/// A new content of a ledger, under another name.
pub struct Rewrite {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    /// Entries of the old file that were looked at.
    seen: u64,
    entries: u64,
    thinned: u64,
    link: Link,
    /// Entries that are not written yet.
    waiting: Vec<u8>,
}

impl Rewrite {
    /// The name that a file has until it takes the ledger's place.
    #[must_use]
    pub fn path(ledger: &Path) -> PathBuf {
        ledger.with_extension("new")
    }

    fn begin(disk: &dyn Disk, ledger: &Path, thinned: u64) -> Result<Self, StoreError> {
        let path = Self::path(ledger);
        remove_if_there(disk, &path)?;
        let file = disk.create_new(&path, Mode::Shared).map_err(StoreError::io(&path, "creating"))?;
        let start = header(thinned);
        file.write_all_at(&start, 0).map_err(StoreError::io(&path, "writing"))?;
        Ok(Self { path, file, seen: 0, entries: 0, thinned, link: link(&start), waiting: Vec::new() })
    }

    fn add(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let bytes = entry.encode(&self.link);
        self.link = link(&bytes);
        self.waiting.extend_from_slice(&bytes);
        self.entries += 1;
        if self.waiting.len() < STRETCH as usize * ENTRY_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let written = self.entries - (self.waiting.len() / ENTRY_BYTES) as u64;
        let writing = self.file.write_all_at(&self.waiting, place(written));
        writing.map_err(StoreError::io(&self.path, "writing"))?;
        self.waiting.clear();
        Ok(())
    }
}

const fn place(entry: u64) -> u64 {
    HEADER_BYTES + entry * ENTRY_BYTES as u64
}

fn link(before: &[u8]) -> Link {
    let mut link = Link::default();
    link.copy_from_slice(&Sha256::digest(before)[..8]);
    link
}

fn read_entry(file: &dyn DiskFile, path: &Path, at: u64) -> Result<[u8; ENTRY_BYTES], StoreError> {
    let mut bytes = [0; ENTRY_BYTES];
    file.read_exact_at(&mut bytes, place(at)).map_err(StoreError::io(path, "reading"))?;
    Ok(bytes)
}

fn header(thinned: u64) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header[THINNED].copy_from_slice(&thinned.to_le_bytes()[..THINNED.len()]);
    header
}

fn thinned(header: &[u8; HEADER_BYTES as usize]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..THINNED.len()].copy_from_slice(&header[THINNED]);
    u64::from_le_bytes(bytes)
}

fn read_header(
    file: &dyn DiskFile,
    path: &Path,
    length: u64,
) -> Result<[u8; HEADER_BYTES as usize], StoreError> {
    if length < HEADER_BYTES {
        return Err(StoreError::damaged(path, length, "shorter than a header"));
    }
    let mut found = [0; HEADER_BYTES as usize];
    file.read_exact_at(&mut found, 0).map_err(StoreError::io(path, "reading"))?;
    let version = u16::from_le_bytes([found[8], found[9]]);
    if found[..8] == MAGIC && version > VERSION {
        return Err(StoreError::TooNew { path: path.to_owned(), found: version, newest_known: VERSION });
    }
    if found == header(thinned(&found)) {
        Ok(found)
    } else {
        Err(StoreError::damaged(path, 0, "not a file of checkpoints"))
    }
}
