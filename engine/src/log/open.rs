//! Making a new log and opening an existing one.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use super::ids::Settling;
use super::mend::{Opened, refusal};
use super::moving::Moving;
use super::{Log, OpenReport, Options};
use crate::catalog::{Catalog, Created, Entry};
use crate::dedup::Locator;
use crate::error::StoreError;
use crate::ids::{Origin, Secret};
use crate::ingest::{Shared, Writer};
use crate::io::Disk;
use crate::proof::{self, Notary};
use crate::query::CursorKey;
use crate::record::SaltKey;
use crate::recover::{Opening, Recovered, first_segment, read_secret, recover, write_secret};
use crate::segment::growing::AHEAD_BYTES_MIN;
use crate::segment::{Segment, SegmentHeader, Segments, data_path, folder};

/// Hash suite of new logs: BLAKE3 records and links (docs/CUSTODY.md).
const SUITE: u8 = 1;

impl Log {
    /// Makes the directory, secret, signing key, first segment and catalog of a new, empty log, and opens it.
    ///
    /// The catalog comes last, and a repeated call after a crash begins anew. Only what such a crash
    /// can leave is replaced: where records lie without a catalog, nothing is touched.
    ///
    /// # Errors
    /// `Refused` for an origin that cannot stand in a checkpoint or a directory that holds a log or
    /// records of one; `Io`, `Full`.
    pub fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        origin: &str,
        secret: [u8; 32],
        options: Options,
    ) -> Result<Self, StoreError> {
        let origin = Origin::new(origin).map_err(StoreError::Refused)?;
        let segments = folder(dir);
        disk.create_dir_all(&segments).map_err(StoreError::io(&segments, "making"))?;
        let catalog_path = dir.join("catalog");
        if disk.exists(&catalog_path).map_err(StoreError::io(&catalog_path, "looking"))? {
            return Err(StoreError::Refused(format!("{}: a log is here already", dir.display())));
        }
        let leftovers = disk.list(&segments).map_err(StoreError::io(&segments, "listing"))?;
        for leftover in &leftovers {
            if !was_left_by_creation(&*disk, dir, leftover)? {
                let detail = "holds records, and the catalog is missing: bring it back from a backup";
                return Err(StoreError::Refused(format!("{}: {detail}", leftover.display())));
            }
        }
        for leftover in leftovers {
            disk.remove(&leftover).map_err(StoreError::io(&leftover, "removing"))?;
        }
        let secret = Secret::new(secret);
        write_secret(&*disk, dir, &secret)?;
        proof::create(&*disk, dir, &origin)?;
        let salts = SaltKey::new(&secret);
        let rules = options.rules();
        let cache = Arc::default();
        let opening = Opening {
            disk: &disk,
            dir,
            origin: &origin,
            salts: &salts,
            rules,
            cache: &cache,
            read_only: false,
        };
        first_segment(&opening)?;
        let created = Created { origin: origin.as_str().to_owned(), suite: SUITE };
        Catalog::create(Arc::clone(&disk), &catalog_path, &created)?;
        Self::open(disk, dir, options).map(|(log, _)| log)
    }

    /// Opens an existing log.
    ///
    /// Cuts a torn tail and keeps it aside, makes missing derived files again. A damaged log opens
    /// too, takes no events, and says where: see [`OpenReport::damage`] and [`Log::writable`].
    ///
    /// # Errors
    /// `Io`, `Full`, or `Damaged` and `TooNew` of the catalog or the secret, without which nothing
    /// can be read.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<(Self, OpenReport), StoreError> {
        let (catalog, notes) = Catalog::open(Arc::clone(&disk), &dir.join("catalog"))?;
        let ids = dir.join("ids");
        disk.create_dir_all(&ids).map_err(StoreError::io(&ids, "making"))?;
        remove_temporary(&*disk, &folder(dir))?;
        let (locator, id_notes) = Locator::open(Arc::clone(&disk), &ids)?;
        let secret = read_secret(&*disk, dir)?;
        let (log, mut report) = Self::wire(disk, dir, &secret, options, catalog, locator, false)?;
        report.notes.splice(0..0, notes.into_iter().chain(id_notes));
        if report.damage.is_empty() {
            log.catalog().append(&Entry::Opened)?;
        }
        Ok((log, report))
    }

    /// Opens a directory to read and verify it: cuts nothing, writes nothing, takes no events.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_read_only(disk: Arc<dyn Disk>, dir: &Path) -> Result<(Self, OpenReport), StoreError> {
        let (catalog, notes) = Catalog::read(&*disk, &dir.join("catalog"))?;
        let secret = read_secret(&*disk, dir)?;
        let (locator, id_notes) = Locator::read(Arc::clone(&disk), &dir.join("ids"))?;
        let (log, mut report) = Self::wire(disk, dir, &secret, Options::default(), catalog, locator, true)?;
        log.shared.refuse("it is open for reading only");
        report.notes.splice(0..0, notes.into_iter().chain(id_notes));
        Ok((log, report))
    }

    /// Recovers and puts the rooms together.
    fn wire(
        disk: Arc<dyn Disk>,
        dir: &Path,
        secret: &Secret,
        options: Options,
        mut catalog: Catalog,
        locator: Locator,
        read_only: bool,
    ) -> Result<(Self, OpenReport), StoreError> {
        let created = catalog.created().clone();
        if created.suite != SUITE {
            let detail = format!("hash suite {} is not known to this build", created.suite);
            return Err(StoreError::Refused(format!("{}: {detail}", dir.display())));
        }
        let origin =
            Origin::new(&created.origin).map_err(|e| StoreError::damaged(&dir.join("catalog"), 0, e))?;
        let salts = SaltKey::new(secret);
        let rules = options.rules();
        let cache = Arc::default();
        let opening =
            Opening { disk: &disk, dir, origin: &origin, salts: &salts, rules, cache: &cache, read_only };
        let found = recover(&opening, &mut catalog)?;
        let Recovered { segments, head, recent, tally, mut notes, mut damage, mendable } = found;
        let sealed_first = segments.iter().find(|s| matches!(***s, Segment::Sealed(_))).map(|s| s.first());
        let shared = Arc::new(Shared {
            disk,
            dir: dir.to_owned(),
            origin,
            secret: secret.clone(),
            salts,
            cache,
            segments: Segments::new(segments, head),
            locator,
            recent: RwLock::new(recent),
            refuses: RwLock::new(None),
            syncs: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
        });
        let snapshot = shared.segments.snapshot();
        // Where a restore mends all of it, the notary must be ready to sign after that.
        let change_nothing = read_only || damage.len() > mendable.len();
        let noted = catalog.checkpoints();
        let opened = Notary::open(&*shared.disk, dir, &shared.origin, &snapshot, noted, change_nothing)?;
        notes.extend(opened.notes);
        damage.extend(opened.damage);
        if let Some(first) = damage.first() {
            shared.refuse(refusal(first));
        }
        let writer = Mutex::new(Writer::new(Arc::clone(&shared), rules, tally));
        let log = Self {
            shared,
            writer,
            catalog: Mutex::new(catalog),
            notary: opened.notary,
            cursors: CursorKey::new(secret),
            options,
            unchecked: Mutex::new(sealed_first),
            moving: Moving::default(),
            index_events: Mutex::new(Vec::new()),
            ids: Settling::default(),
            opened: Mutex::new(Opened::new(&damage, mendable, read_only)),
            read_only,
        };
        Ok((log, OpenReport { notes, damage }))
    }
}

/// Removes what an interrupted creation left: files that never got their name.
fn remove_temporary(disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
    for path in disk.list(dir).map_err(StoreError::io(dir, "listing"))? {
        if path.extension().is_some_and(|e| e == "new" || e == "tmp") {
            disk.remove(&path).map_err(StoreError::io(&path, "removing"))?;
        }
    }
    Ok(())
}

/// True for a file that an interrupted creation can have left: one that never got its name, or the
/// first segment without a record.
fn was_left_by_creation(disk: &dyn Disk, dir: &Path, path: &Path) -> Result<bool, StoreError> {
    if path.extension().is_some_and(|e| e == "new" || e == "tmp") {
        return Ok(true);
    }
    if path != data_path(dir, 0) {
        return Ok(false);
    }
    let file = disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
    let length = file.len().map_err(StoreError::io(path, "measuring"))?;
    let header = SegmentHeader::BYTES as u64;
    if length > AHEAD_BYTES_MIN {
        return Ok(false);
    }
    let mut behind = vec![0; length.saturating_sub(header) as usize];
    file.read_exact_at(&mut behind, header.min(length)).map_err(StoreError::io(path, "reading"))?;
    Ok(behind.iter().all(|&byte| byte == 0))
}
