//! Which segments exist and in which state: an append-only file of checksummed records.
//!
//! Owns the file, the torn tail it may end with, and the rules by which one entry follows another.
//! It does not look at segments; `recover` compares the two.
//!
//! Keeps true:
//! - an entry is in memory only after it is on stable storage;
//! - each record names the one before by hash, so none is removed, added or moved unseen, except at
//!   the end;
//! - **a record is believed whole or not at all**: one that is unsound with a sound one behind it is
//!   damage; with none behind it, it is taken for a torn write.
//!
//! The last record is the limit of what can be told from the file alone: a flipped bit in it looks
//! like a power cut while it was written, and a file that ends one record early looks as if the
//! record had never been. Segment files and checkpoints reach further then, and `recover` sees it.

mod entry;
mod framing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use entry::{Checkpoints, Closed, Created, Entry, InArchive, Place, SealedSegment};

use crate::chain::Hash;
use crate::error::StoreError;
use crate::io::{Disk, DiskFile, Mode, write_whole};
use entry::State;
use framing::{Bad, MAGIC, Tie};

/// Largest catalog that is read: some 200,000 segments take 50 MB.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// The catalog of one log.
pub struct Catalog {
    path: PathBuf,
    state: State,
    /// Hash of the last record, for the next one.
    tie: Tie,
    /// Bytes of sound records: the next one goes here.
    bytes: u64,
    /// For appending; absent in a catalog opened with [`Catalog::read`].
    file: Option<Arc<dyn DiskFile>>,
    /// Why nothing can be appended any more.
    failed: Option<String>,
}

/// What a file holds.
struct Content {
    state: State,
    tie: Tie,
    /// Bytes of magic and sound records.
    sound: usize,
    /// What is wrong with the bytes after them, if there are any.
    torn: Option<String>,
}

impl Catalog {
    /// Makes the file with its first record; durable when it returns (file and directory).
    ///
    /// # Errors
    /// `Refused` when the file exists or the origin is none; `Io` or `Full`.
    pub fn create(disk: Arc<dyn Disk>, path: &Path, created: &Created) -> Result<Self, StoreError> {
        if disk.exists(path).map_err(StoreError::io(path, "looking"))? {
            return Err(StoreError::Refused(format!("{}: exists already", path.display())));
        }
        let entry = Entry::Created(created.clone());
        let state = State::first(&entry).map_err(StoreError::Refused)?;
        let record = framing::record(&framing::first_tie(), &entry);
        let bytes = [&MAGIC[..], &record].concat();
        let file = write_whole(&*disk, path, Mode::Shared, &bytes)?;
        let (path, tie, bytes) = (path.to_owned(), framing::tie(&record), bytes.len() as u64);
        Ok(Self { path, state, tie, bytes, file: Some(file), failed: None })
    }

    /// Reads the file and makes it ready to append to.
    ///
    /// A torn last record (power cut while appending) is cut: its bytes go to `<name>.torn`, the
    /// rest to a new file that takes the old one's place, and the notes say so. A flipped bit in
    /// the last record cannot be told from that: the caller compares with the segment files.
    ///
    /// # Errors
    /// `Damaged` with its byte when what is wrong lies before the last record, or when the records
    /// contradict each other; `TooNew`; `Io` or `Full`.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<(Self, Vec<String>), StoreError> {
        let file = disk.open(path).map_err(StoreError::io(path, "opening"))?;
        let bytes = read_whole(&*file, path)?;
        let content = parse(&bytes, path)?;
        let mut notes = Vec::new();
        let file = match &content.torn {
            // Written anew: what a killed process appended, and the file's name, may not be on stable
            // storage, and after a failed sync another sync of the old pages would prove nothing.
            None => write_whole(&*disk, path, Mode::Shared, &bytes)?,
            Some(why) => {
                let (sound, tail) = bytes.split_at(content.sound);
                let aside = beside(path, "torn");
                write_whole(&*disk, &aside, Mode::Shared, tail)?;
                notes.push(format!(
                    "{}: cut at byte {} and kept {} bytes in {}: {why}",
                    path.display(),
                    content.sound,
                    tail.len(),
                    aside.display()
                ));
                write_whole(&*disk, path, Mode::Shared, sound)?
            }
        };
        Ok((Self::of(content, path, Some(file)), notes))
    }

    /// The same for readers: a torn last record is passed over and noted, and nothing is written.
    /// Appending is refused.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<(Self, Vec<String>), StoreError> {
        let file = disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
        let content = parse(&read_whole(&*file, path)?, path)?;
        let torn = content.torn.iter();
        let notes = torn.map(|why| format!("{}: torn at byte {}: {why}", path.display(), content.sound));
        let notes = notes.collect();
        Ok((Self::of(content, path, None), notes))
    }

    fn of(content: Content, path: &Path, file: Option<Arc<dyn DiskFile>>) -> Self {
        let Content { state, tie, sound, .. } = content;
        Self { path: path.to_owned(), state, tie, bytes: sound as u64, file, failed: None }
    }

    /// What the log was made as.
    #[must_use]
    pub const fn created(&self) -> &Created {
        &self.state.created
    }

    /// Sealed segments, ascending and without gaps from sequence 0.
    #[must_use]
    pub fn sealed(&self) -> &[SealedSegment] {
        &self.state.sealed
    }

    /// The footer of a segment's cold file, where its data are cold.
    #[must_use]
    pub fn cold(&self, first: u64) -> Option<Hash> {
        self.state.cold.get(&first).copied()
    }

    /// The footers of all cold files, by first sequence.
    #[must_use]
    pub const fn cold_files(&self) -> &BTreeMap<u64, Hash> {
        &self.state.cold
    }

    /// The segments that are in the archive, by first sequence.
    #[must_use]
    pub const fn archived(&self) -> &BTreeMap<u64, InArchive> {
        &self.state.archived
    }

    /// What is known of a segment in the archive.
    #[must_use]
    pub fn in_archive(&self, first: u64) -> Option<InArchive> {
        self.state.archived.get(&first).copied()
    }

    /// The sealed segment that begins at `first`.
    #[must_use]
    pub fn sealed_at(&self, first: u64) -> Option<&SealedSegment> {
        let at = self.state.sealed.binary_search_by_key(&first, |segment| segment.first).ok()?;
        self.state.sealed.get(at)
    }

    /// The mark, when the last writer shut down cleanly and none opened the log since.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.state.last_closed.as_ref().filter(|_| !self.state.opened)
    }

    /// The newest mark, even when a writer opened the log since: the log can only be longer.
    #[must_use]
    pub const fn last_closed(&self) -> Option<&Closed> {
        self.state.last_closed.as_ref()
    }

    /// The checkpoints that had been signed at the newest shutdown that says so.
    #[must_use]
    pub const fn checkpoints(&self) -> Option<Checkpoints> {
        self.state.checkpoints
    }

    /// Appends and syncs: one write, one sync, whatever the file's length.
    ///
    /// # Errors
    /// `Refused` for an entry that cannot follow (a sealed segment that does not begin where the
    /// last one ends, among others), and nothing was written. `Full`: nothing was written, try again
    /// when there is space. `Io`: whether it is on stable storage is not known, and further appends
    /// are `ReadOnly` until the catalog is opened again.
    pub fn append(&mut self, entry: &Entry) -> Result<(), StoreError> {
        if let Some(why) = &self.failed {
            return Err(StoreError::ReadOnly { why: why.clone() });
        }
        let Some(file) = self.file.clone() else {
            return Err(StoreError::ReadOnly { why: format!("{}: opened for reading", self.path.display()) });
        };
        self.state.check(entry).map_err(StoreError::Refused)?;
        let record = framing::record(&self.tie, entry);
        if let Err(error) = self.write(&*file, &record) {
            // A full disk took none of it or a part, which the next record overwrites; a failed
            // sync may have dropped pages that still look written.
            if !matches!(error, StoreError::Full { .. }) {
                self.failed = Some(format!("the catalog failed: {error}"));
            }
            return Err(error);
        }
        self.state.apply(entry);
        self.tie = framing::tie(&record);
        self.bytes += record.len() as u64;
        Ok(())
    }

    fn write(&self, file: &dyn DiskFile, record: &[u8]) -> Result<(), StoreError> {
        file.write_all_at(record, self.bytes).map_err(StoreError::io(&self.path, "writing"))?;
        file.sync_data().map_err(StoreError::syncing(&self.path))
    }
}

/// `<path>.<word>`.
fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(word);
    PathBuf::from(name)
}

fn read_whole(file: &dyn DiskFile, path: &Path) -> Result<Vec<u8>, StoreError> {
    let length = file.len().map_err(StoreError::io(path, "measuring"))?;
    if length > FILE_BYTES_MAX {
        return Err(StoreError::damaged(
            path,
            0,
            format!("{length} bytes, a catalog has {FILE_BYTES_MAX} at most"),
        ));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, 0).map_err(StoreError::io(path, "reading"))?;
    Ok(bytes)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Content, StoreError> {
    let damaged = |at: usize, detail: String| StoreError::damaged(path, at as u64, detail);
    if !bytes.starts_with(MAGIC) {
        return Err(damaged(0, "does not begin with STELECAT: not a catalog, or overwritten".to_owned()));
    }
    let mut at = MAGIC.len();
    let mut tie = framing::first_tie();
    let mut state: Option<State> = None;
    let mut torn = None;
    while at < bytes.len() {
        let (link, entry, length) = match framing::read(&bytes[at..]) {
            Ok(record) => record,
            Err(Bad::TooNew(found)) => return Err(too_new(path, found)),
            Err(Bad::Content(why)) => return Err(damaged(at, why)),
            Err(Bad::Unsound(why)) => match framing::next_sound(bytes, at + 1) {
                None => {
                    torn = Some(why);
                    break;
                }
                Some(next) => {
                    return Err(damaged(at, format!("{why}; a sound record follows at byte {next}")));
                }
            },
        };
        if link != tie {
            return Err(damaged(at, "the record does not follow the one before it in the file".to_owned()));
        }
        match &mut state {
            None => state = Some(State::first(&entry).map_err(|why| damaged(at, why))?),
            Some(state) => {
                state.check(&entry).map_err(|why| damaged(at, why))?;
                state.apply(&entry);
            }
        }
        tie = framing::tie(&bytes[at..at + length]);
        at += length;
    }
    // The first record is made together with the file: without it there was never a catalog here.
    let state =
        state.ok_or_else(|| damaged(MAGIC.len(), torn.clone().unwrap_or("has no record".to_owned())))?;
    Ok(Content { state, tie, sound: at, torn })
}

fn too_new(path: &Path, found: u8) -> StoreError {
    StoreError::TooNew {
        path: path.to_owned(),
        found: u16::from(found),
        newest_known: u16::from(framing::VERSION),
    }
}
