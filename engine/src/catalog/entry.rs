//! What the catalog records, and the rules by which one entry follows another.

use std::collections::BTreeMap;

use crate::chain::{Hash, genesis};
use crate::codec::{Decode, Encode};
use crate::ids::Origin;

/// First record of every catalog.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Created {
    /// The log's origin.
    pub origin: String,
    /// Hash suite of its segments.
    pub suite: u8,
}

/// A finished segment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SealedSegment {
    /// Sequence of its first record.
    pub first: u64,
    /// Records in it, at least one.
    pub count: u32,
    /// Bytes of the data file, zeros cut.
    pub data_bytes: u64,
    /// h(first - 1).
    pub previous: Hash,
    /// h(first + count - 1).
    pub last: Hash,
    /// Commit time of the first record.
    pub committed_first_us: u64,
    /// Commit time of the last record.
    pub committed_last_us: u64,
    /// Smallest event time.
    pub time_min_ns: i64,
    /// Largest event time.
    pub time_max_ns: i64,
    /// `Sections::footer_hash` of the index file.
    pub index_footer: Hash,
}

impl SealedSegment {
    /// The sequence after its last record.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.first.saturating_add(self.count as u64)
    }
}

/// The clean-shutdown mark: how far the log reached. Valid until the next `Opened`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Closed {
    /// Records in the log.
    pub size: u64,
    /// h of the last one.
    pub head: Hash,
    /// Its commit time.
    pub committed_us: u64,
}

/// The checkpoints that had been signed when the log was shut down. Their file can only have more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Checkpoints {
    /// How many, those that were thinned out since among them.
    pub signed: u64,
    /// Size of the last one.
    pub size: u64,
}

/// One record of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Entry {
    /// The log was made.
    Created(Created),
    /// A segment was finished.
    Sealed(SealedSegment),
    /// The log was shut down in order.
    Closed(Closed),
    /// A writer opened the log: what follows may be cut by a crash.
    Opened,
    /// An index file was rebuilt: its new footer hash.
    Reindexed {
        /// First sequence of the segment.
        first: u64,
        /// `Sections::footer_hash` of the new index file.
        index_footer: Hash,
    },
    /// How far the file of checkpoints reached.
    Checkpoints(Checkpoints),
    /// The data of a sealed segment are in its cold file from now on; the data file goes.
    Chilled {
        /// First sequence of the segment.
        first: u64,
        /// `Sections::footer_hash` of the cold file.
        cold_footer: Hash,
    },
    /// The objects of a cold segment are in the archive and were read back; its files are still here.
    Archived {
        /// First sequence of the segment.
        first: u64,
        /// SHA-256 of the manifest.
        manifest_sha256: Hash,
        /// Event time of its earliest record, microseconds since 1970.
        event_first_us: i64,
        /// Event time of its latest record.
        event_last_us: i64,
    },
    /// The data and the index of an archived segment go; what answers for them is on stable storage.
    Dropped {
        /// First sequence of the segment.
        first: u64,
    },
    /// The data and the index of a dropped segment are here again.
    Restored {
        /// First sequence of the segment.
        first: u64,
        /// When they may go again, microseconds since 1970.
        until_us: u64,
    },
}

/// Where an archived segment's data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the archive and here.
    Both,
    /// In the archive alone.
    Away,
    /// In the archive, and here until then, microseconds since 1970.
    BackUntil(u64),
}

/// What the catalog knows of a segment that is in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InArchive {
    /// SHA-256 of its manifest.
    pub manifest_sha256: Hash,
    /// Event time of its earliest record, microseconds since 1970.
    pub event_first_us: i64,
    /// Event time of its latest record.
    pub event_last_us: i64,
    /// Where its data are.
    pub place: Place,
}

/// What the entries so far add up to.
#[derive(Debug)]
pub(super) struct State {
    pub created: Created,
    pub sealed: Vec<SealedSegment>,
    /// Footers of the cold files, by first sequence.
    pub cold: BTreeMap<u64, Hash>,
    /// Those in the archive, by first sequence.
    pub archived: BTreeMap<u64, InArchive>,
    pub last_closed: Option<Closed>,
    /// A writer opened the log after `last_closed`.
    pub opened: bool,
    pub checkpoints: Option<Checkpoints>,
    genesis: Hash,
}

impl State {
    /// The state after a catalog's first entry.
    pub fn first(entry: &Entry) -> Result<Self, String> {
        let Entry::Created(created) = entry else {
            return Err("does not begin with the log's making".to_owned());
        };
        let origin = Origin::new(&created.origin)?;
        Ok(Self {
            created: created.clone(),
            sealed: Vec::new(),
            cold: BTreeMap::new(),
            archived: BTreeMap::new(),
            last_closed: None,
            opened: false,
            checkpoints: None,
            genesis: genesis(&origin),
        })
    }

    /// Says which rule the entry would break as the next one.
    pub fn check(&self, entry: &Entry) -> Result<(), String> {
        match entry {
            Entry::Created(_) => Err("a log is made only once".to_owned()),
            Entry::Sealed(segment) => self.check_follows(segment),
            Entry::Closed(closed) => {
                let sealed = self.sealed.last().map_or(0, SealedSegment::end);
                let enough = closed.size >= sealed;
                enough
                    .then_some(())
                    .ok_or(format!("closed with {} records, {sealed} are sealed", closed.size))
            }
            Entry::Opened => Ok(()),
            Entry::Reindexed { first, .. } => self.check_sealed(*first),
            // The archive has the one cold form, and the data file went with it.
            Entry::Chilled { first, .. } if self.cold.contains_key(first) => {
                Err(format!("segment {first} is made cold twice"))
            }
            Entry::Chilled { first, .. } => self.check_sealed(*first),
            Entry::Archived { first, event_first_us, event_last_us, .. } => {
                if !self.cold.contains_key(first) {
                    Err(format!("segment {first} is archived, and is not cold"))
                } else if self.archived.contains_key(first) {
                    Err(format!("segment {first} is archived twice"))
                } else if event_last_us < event_first_us {
                    Err(format!("event times of archived segment {first} fall"))
                } else {
                    Ok(())
                }
            }
            Entry::Dropped { first } => match self.archived.get(first).map(|a| a.place) {
                Some(Place::Both | Place::BackUntil(_)) => Ok(()),
                Some(Place::Away) => Err(format!("segment {first} is dropped twice")),
                None => Err(format!("segment {first} is dropped, and is not in the archive")),
            },
            Entry::Restored { first, until_us } => match self.archived.get(first).map(|a| a.place) {
                Some(Place::Away) => Ok(()),
                Some(Place::BackUntil(was)) if *until_us >= was => Ok(()),
                Some(Place::BackUntil(_)) => Err(format!("the time of restored segment {first} falls")),
                Some(Place::Both) | None => Err(format!("segment {first} is restored, and was not away")),
            },
            Entry::Checkpoints(now) => {
                let falls = |was: Checkpoints| now.signed < was.signed || now.size < was.size;
                let fall = self.checkpoints.is_some_and(falls);
                if fall { Err("there are fewer checkpoints than before".to_owned()) } else { Ok(()) }
            }
        }
    }

    /// Takes an entry that was checked.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Created(_) => {}
            Entry::Sealed(segment) => self.sealed.push(segment.clone()),
            Entry::Closed(closed) => {
                self.last_closed = Some(closed.clone());
                self.opened = false;
            }
            Entry::Opened => self.opened = true,
            Entry::Reindexed { first, index_footer } => {
                if let Some(at) = self.position(*first) {
                    self.sealed[at].index_footer = *index_footer;
                }
            }
            Entry::Checkpoints(checkpoints) => self.checkpoints = Some(*checkpoints),
            Entry::Chilled { first, cold_footer } => {
                self.cold.insert(*first, *cold_footer);
            }
            Entry::Archived { first, manifest_sha256, event_first_us, event_last_us } => {
                let (manifest_sha256, place) = (*manifest_sha256, Place::Both);
                let (event_first_us, event_last_us) = (*event_first_us, *event_last_us);
                let archived = InArchive { manifest_sha256, event_first_us, event_last_us, place };
                self.archived.insert(*first, archived);
            }
            Entry::Dropped { first } => self.set_place(*first, Place::Away),
            Entry::Restored { first, until_us } => self.set_place(*first, Place::BackUntil(*until_us)),
        }
    }

    fn set_place(&mut self, first: u64, place: Place) {
        if let Some(archived) = self.archived.get_mut(&first) {
            archived.place = place;
        }
    }

    fn position(&self, first: u64) -> Option<usize> {
        self.sealed.binary_search_by_key(&first, |segment| segment.first).ok()
    }

    fn check_sealed(&self, first: u64) -> Result<(), String> {
        self.position(first).map(|_| ()).ok_or_else(|| format!("segment {first} is not sealed"))
    }

    fn check_follows(&self, segment: &SealedSegment) -> Result<(), String> {
        let last = self.sealed.last();
        let end = last.map_or(0, SealedSegment::end);
        let head = last.map_or(self.genesis, |last| last.last);
        let committed = last.map_or(0, |last| last.committed_last_us);
        if segment.first != end {
            return Err(format!("sealed segment begins at {}, the last one ends at {end}", segment.first));
        }
        if segment.count == 0 || segment.first.checked_add(u64::from(segment.count)).is_none() {
            return Err(format!("sealed segment {} has {} records", segment.first, segment.count));
        }
        if segment.previous != head {
            return Err(format!("sealed segment {} does not link to the one before", segment.first));
        }
        if segment.committed_first_us < committed || segment.committed_last_us < segment.committed_first_us {
            return Err(format!("commit times of sealed segment {} fall", segment.first));
        }
        Ok(())
    }
}
