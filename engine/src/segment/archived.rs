//! A segment whose data and index are in the archive: what stays here of it.
//!
//! Two files stay. `.h` holds the links of all records, from which tiles and proofs are made for ever.
//! `.seen` holds 24 bytes a record that tell whether an event was seen, and the index events whole:
//! statements of completeness go on from them. Both are mapped when they are first used, not at the opening.
//!
//! On disk: docs/FORMAT.md, "Archived segment".

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::kept::{self, Kept, KeptSection};
use super::{Sealed, data_path};
use crate::chain::Hash;
use crate::codec::sections::{Sections, SectionsWriter};
use crate::codec::{Decode, Encode};
use crate::error::StoreError;
use crate::event::{Fields, id_and_time};
use crate::io::{Disk, Mapping};
use crate::record::{Record, SaltKey, record_hash};

/// Kind of a file of links, in its footer.
pub const LINKS_KIND: &str = "links";
/// Kind of a file of what was seen.
pub const SEEN_KIND: &str = "seen";

const LINKS: u16 = 1;
const SEEN: u16 = 1;
const KEPT: u16 = 2;

/// Bytes of one record in a file of what was seen.
const SEEN_BYTES: usize = 24;

/// The type of events that are kept whole: docs/CUSTODY.md, "Index events".
const KEPT_TYPE: &str = "stele.index";

/// Which segment a file is of: the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ArchivedFacts {
    /// The log's origin.
    pub origin: String,
    /// First sequence.
    pub first: u64,
    /// Records.
    pub count: u32,
    /// h before the first record.
    pub previous: Hash,
    /// h of the last record.
    pub last: Hash,
}

/// Times of a segment, microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Commit time of the first record.
    pub committed_first_us: u64,
    /// Commit time of the last record.
    pub committed_last_us: u64,
    /// Earliest event time, nanoseconds.
    pub event_min_ns: i64,
    /// Latest event time, nanoseconds.
    pub event_max_ns: i64,
}

impl Times {
    /// Commit times of the first and the last record (microseconds), earliest and latest event time
    /// (nanoseconds).
    #[must_use]
    pub const fn of(committed_us: (u64, u64), event_ns: (i64, i64)) -> Self {
        Self {
            committed_first_us: committed_us.0,
            committed_last_us: committed_us.1,
            event_min_ns: event_ns.0,
            event_max_ns: event_ns.1,
        }
    }
}

/// What is known of one archived record: 128 bits of its id's keyed hash and the beginning of r.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenRecord {
    /// [`crate::record::Salted::fingerprint`] of its id.
    pub fingerprint: u64,
    /// [`crate::record::Salted::second`] of its id.
    pub second: u64,
    /// First eight bytes of r.
    pub r: [u8; 8],
}

/// A segment that is away.
pub struct Archived {
    facts: ArchivedFacts,
    times: Times,
    /// Its data file, which is not here: the others are named after it.
    path: PathBuf,
    disk: Arc<dyn Disk>,
    salts: SaltKey,
    links: OnceLock<Sections>,
    seen: OnceLock<Sections>,
}

impl Archived {
    /// A segment that is away. Opens nothing.
    #[must_use]
    pub fn new(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        salts: &SaltKey,
        facts: ArchivedFacts,
        times: Times,
    ) -> Self {
        Self {
            path: data_path(dir, facts.first),
            facts,
            times,
            disk: Arc::clone(disk),
            salts: salts.clone(),
            links: OnceLock::new(),
            seen: OnceLock::new(),
        }
    }

    /// Which segment it is.
    #[must_use]
    pub const fn facts(&self) -> &ArchivedFacts {
        &self.facts
    }

    /// Its times.
    #[must_use]
    pub const fn times(&self) -> &Times {
        &self.times
    }

    /// The sequence after its last record.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.facts.first + u64::from(self.facts.count)
    }

    /// The name of its data file, which is not here.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The links of all records, in order.
    ///
    /// # Errors
    /// `Io`, or `Damaged` when the file is not what was written.
    pub fn links(&self) -> Result<&[Hash], StoreError> {
        let links = opened(&self.links, || {
            let path = self.path.with_extension("h");
            let file = Sections::open(&*self.disk, &path, LINKS_KIND)?;
            check_links(&file, &self.facts)?;
            Ok(file)
        })?;
        Ok(links.get(LINKS)?.as_chunks::<32>().0)
    }

    /// What is known of a record.
    ///
    /// # Errors
    /// `Io`, or `Damaged` when the file is not what was written.
    pub fn seen(&self, doc: u32) -> Result<SeenRecord, StoreError> {
        let bytes = self.seen_file()?.get(SEEN)?;
        let at = doc as usize;
        let record = bytes.as_chunks::<SEEN_BYTES>().0.get(at);
        record.map(seen_record).ok_or_else(|| self.damaged(doc, "no such record"))
    }

    /// The records that are kept whole, in order.
    ///
    /// # Errors
    /// `Io`, or `Damaged` when the file is not what was written.
    pub fn kept(&self) -> Result<Vec<Kept>, StoreError> {
        kept(self.seen_file()?, |section| section.all())
    }

    /// A record that is kept whole.
    ///
    /// # Errors
    /// `Archived` for all others; `Io` or `Damaged`.
    pub fn record(&self, doc: u32) -> Result<Record, StoreError> {
        let Some(kept) = kept(self.seen_file()?, |section| section.find(doc))? else {
            return Err(self.away());
        };
        let links = self.links()?;
        let hash = *links.get(doc as usize).ok_or_else(|| self.damaged(doc, "no such record"))?;
        let previous = doc.checked_sub(1).map_or(self.facts.previous, |before| links[before as usize]);
        let (id, _) = id_and_time(&kept.body).map_err(|why| self.damaged(doc, &why))?;
        Ok(Record {
            sequence: self.facts.first + u64::from(doc),
            committed_us: kept.committed_us,
            salt: self.salts.salted(id).salt,
            previous,
            hash,
            body: kept.body,
        })
    }

    /// The error that says that a record of this segment is away.
    #[must_use]
    pub fn away(&self) -> StoreError {
        StoreError::Archived { first_sequence: self.facts.first, last_sequence: self.end() - 1 }
    }

    /// Bytes of the files that stay.
    #[must_use]
    pub fn local_bytes(&self) -> u64 {
        let bytes = |extension| {
            let file = self.disk.open_read(&self.path.with_extension(extension));
            file.and_then(|file| file.len()).unwrap_or(0)
        };
        bytes("h") + bytes("seen") + bytes("manifest")
    }

    fn seen_file(&self) -> Result<&Sections, StoreError> {
        opened(&self.seen, || {
            let path = self.path.with_extension("seen");
            let file = Sections::open(&*self.disk, &path, SEEN_KIND)?;
            check_seen(&file, &self.facts)?;
            Ok(file)
        })
    }

    fn damaged(&self, doc: u32, why: &str) -> StoreError {
        let path = self.path.with_extension("seen");
        StoreError::damaged(&path, 0, why).at(self.facts.first + u64::from(doc))
    }
}

/// Opens a file the first time; what fails is tried again the next time.
fn opened(
    cell: &OnceLock<Sections>,
    open: impl FnOnce() -> Result<Sections, StoreError>,
) -> Result<&Sections, StoreError> {
    if let Some(file) = cell.get() {
        return Ok(file);
    }
    let file = open()?;
    Ok(cell.get_or_init(|| file))
}

/// Reads a file of links whole from the disk, through no mapping, and checks it.
///
/// # Errors
/// `Io`, or `Damaged` when it is not of this segment or not what was written.
pub fn read_links(disk: &dyn Disk, path: &Path, facts: &ArchivedFacts) -> Result<Vec<Hash>, StoreError> {
    links_of(Sections::read(disk, path, LINKS_KIND)?, facts)
}

/// The links of a file of links that is at hand; `path` names it in errors.
///
/// # Errors
/// `Damaged` when it is not of this segment or not what was written.
pub fn links_of_bytes(bytes: Vec<u8>, path: &Path, facts: &ArchivedFacts) -> Result<Vec<Hash>, StoreError> {
    links_of(Sections::of_bytes(Mapping::held(bytes), path, LINKS_KIND)?, facts)
}

fn links_of(file: Sections, facts: &ArchivedFacts) -> Result<Vec<Hash>, StoreError> {
    file.check_all()?;
    check_links(&file, facts)?;
    Ok(file.get(LINKS)?.as_chunks::<32>().0.to_vec())
}

/// Reads a file of what was seen whole from the disk, through no mapping, and checks it.
///
/// # Errors
/// `Io`, or `Damaged` when it is not of this segment or not what was written.
pub fn read_seen(
    disk: &dyn Disk,
    path: &Path,
    facts: &ArchivedFacts,
) -> Result<(Vec<SeenRecord>, Vec<Kept>), StoreError> {
    let file = Sections::read(disk, path, SEEN_KIND)?;
    file.check_all()?;
    check_seen(&file, facts)?;
    let seen = file.get(SEEN)?.as_chunks::<SEEN_BYTES>().0.iter().map(seen_record).collect();
    Ok((seen, kept(&file, |section| section.all())?))
}

fn seen_record(bytes: &[u8; SEEN_BYTES]) -> SeenRecord {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at..at + 8]);
        word
    };
    let (fingerprint, second) = (u64::from_be_bytes(word(0)), u64::from_be_bytes(word(8)));
    SeenRecord { fingerprint, second, r: word(16) }
}

fn kept<T>(file: &Sections, look: impl Fn(&KeptSection<'_>) -> Option<T>) -> Result<T, StoreError> {
    let found = KeptSection::read(file.get(KEPT)?).and_then(|section| look(&section));
    found.ok_or_else(|| StoreError::damaged(file.path(), 0, "the kept records are not what was written"))
}

fn check_facts(file: &Sections, facts: &ArchivedFacts) -> Result<(), StoreError> {
    let found: ArchivedFacts = file.facts()?;
    if found == *facts {
        return Ok(());
    }
    let detail = format!("is of the records from {} on of the log {}", found.first, found.origin);
    Err(StoreError::damaged(file.path(), 0, detail).at(facts.first))
}

fn check_links(file: &Sections, facts: &ArchivedFacts) -> Result<(), StoreError> {
    check_facts(file, facts)?;
    let links = file.get(LINKS)?;
    let last = links.as_chunks::<32>().0.last();
    if links.len() == facts.count as usize * 32 && last == Some(&facts.last) {
        Ok(())
    } else {
        let detail =
            format!("holds {} bytes of links, and {} records do not end so", links.len(), facts.count);
        Err(StoreError::damaged(file.path(), 0, detail).at(facts.first))
    }
}

fn check_seen(file: &Sections, facts: &ArchivedFacts) -> Result<(), StoreError> {
    check_facts(file, facts)?;
    let bytes = file.get(SEEN)?.len();
    if bytes == facts.count as usize * SEEN_BYTES {
        Ok(())
    } else {
        let detail = format!("holds {bytes} bytes of what was seen of {} records", facts.count);
        Err(StoreError::damaged(file.path(), 0, detail).at(facts.first))
    }
}

/// Writes the file of links beside a sealed segment; durable when it returns.
///
/// # Errors
/// `Damaged` of the index; `Io` or `Full`.
pub fn write_links(disk: &dyn Disk, sealed: &Sealed, facts: &ArchivedFacts) -> Result<PathBuf, StoreError> {
    let path = sealed.path().with_extension("h");
    let mut file = SectionsWriter::create(disk, &path, LINKS_KIND)?;
    file.section(LINKS, sealed.rows().hashes()?)?;
    file.finish(facts)?;
    Ok(path)
}

/// Writes the file of what was seen beside a sealed segment; durable when it returns.
///
/// # Errors
/// `Damaged` of a record; `Io` or `Full`.
pub fn write_seen(
    disk: &dyn Disk,
    sealed: &Sealed,
    salts: &SaltKey,
    facts: &ArchivedFacts,
) -> Result<PathBuf, StoreError> {
    let path = sealed.path().with_extension("seen");
    let mut seen = Vec::with_capacity(facts.count as usize * SEEN_BYTES);
    let mut kept_records = Vec::new();
    for doc in 0..facts.count {
        let body = sealed.body(doc)?;
        let damaged = |why| StoreError::damaged(sealed.path(), 0, why).at(facts.first + u64::from(doc));
        let (id, _) = id_and_time(&body).map_err(damaged)?;
        let salted = salts.salted(id);
        seen.extend_from_slice(&salted.fingerprint.to_be_bytes());
        seen.extend_from_slice(&salted.second.to_be_bytes());
        seen.extend_from_slice(&record_hash(&salted.salt, &body)[..8]);
        // Clients may send no type that begins so, and few bodies hold the text at all.
        if memchr::memmem::find(&body, KEPT_TYPE.as_bytes()).is_some()
            && Fields::scan(&body).is_ok_and(|fields| fields.event_type == KEPT_TYPE)
        {
            let committed_us = sealed.rows().frame_of(doc)?.1.committed_us;
            kept_records.push(Kept { doc, committed_us, body: body.into_owned() });
        }
    }
    let mut file = SectionsWriter::create(disk, &path, SEEN_KIND)?;
    file.section(SEEN, &seen)?;
    file.section(KEPT, &kept::write(&kept_records))?;
    file.finish(facts)?;
    Ok(path)
}
