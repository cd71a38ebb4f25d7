//! Back from the archive: nothing is served before every hash of it was recomputed.

use std::path::Path;
use std::sync::Arc;

use super::{Log, facts_of};
use crate::archive::manifest::{MANIFEST_BYTES_MAX, sha256};
use crate::archive::{ArchiveError, MANIFEST_KIND, Manifest, Object, ObjectError, ObjectStore, object_name};
use crate::catalog::{Entry, InArchive, Place, SealedSegment};
use crate::codec::sections::Sections;
use crate::error::StoreError;
use crate::io::{HeldFile, Mapping, Mode, remove_if_there, sync_parent, write_whole};
use crate::segment::archived::{links_of_bytes, read_links};
use crate::segment::cold::ColdFile;
use crate::segment::sealed::INDEX_KIND;
use crate::segment::{Sealed, Segment, data_path};
use crate::verify::{self, Claims};

/// Days that a slow store is asked to keep an object readable: until it was read, and for attempts again.
const READABLE_DAYS: u32 = 3;

/// What came from the archive, held against the manifest.
pub(super) struct Fetched {
    pub cold: Vec<u8>,
    pub index: Vec<u8>,
}

impl Log {
    /// Brings the segment that begins at `first` back from the archive until `until_us`. `pace` is told the
    /// bytes of each object read; false stops. A segment that is back already only has its time lengthened,
    /// never shortened. What stays of it beside the archive is made whole again; a log that takes no events
    /// for want of that alone takes them once the last of it is. Ingest, answers and what is done about
    /// other segments go on.
    ///
    /// # Errors
    /// `Object` with `NotYet` while a slow store is at it: try again later. `Refused` with the object that
    /// is not what was archived: nothing of it is served. `Stopped` by `pace`; `Store`, also when the segment
    /// is being moved.
    pub fn restore(
        &self,
        store: &dyn ObjectStore,
        first: u64,
        until_us: u64,
        pace: &dyn Fn(u64) -> bool,
    ) -> Result<(), ArchiveError> {
        self.restorable().map_err(|why| StoreError::ReadOnly { why })?;
        let Some(_claim) = self.moving.claim(first) else {
            let why = format!("the segment that begins at sequence {first} is being moved");
            return Err(StoreError::Refused(why).into());
        };
        self.bring(store, first, until_us, pace)?;
        Ok(self.mended(first)?)
    }

    fn bring(
        &self,
        store: &dyn ObjectStore,
        first: u64,
        until_us: u64,
        pace: &dyn Fn(u64) -> bool,
    ) -> Result<(), ArchiveError> {
        let (entry, archived) = self.archived_at(first)?;
        match archived.place {
            Place::Both => return Ok(()),
            Place::BackUntil(was) if was >= until_us => return Ok(()),
            Place::BackUntil(_) => return Ok(self.catalog().append(&Entry::Restored { first, until_us })?),
            Place::Away => {}
        }
        let manifest = self.archived_manifest(store, &entry, &archived)?;
        let fetched = self.fetch(store, &manifest, &entry, pace)?;
        self.check_content(&fetched, &manifest, &entry)?;
        let sealed = self.put_in_place(&fetched, &entry)?;
        self.keep(&sealed, &entry, &archived)?;
        let sealed = Arc::new(Segment::Sealed(Box::new(sealed)));
        Ok(self.move_to(&Entry::Restored { first, until_us }, sealed)?)
    }

    /// The manifest that the catalog names: the one that stayed, or where that is not whole the archive's,
    /// which takes its place.
    fn archived_manifest(
        &self,
        store: &dyn ObjectStore,
        entry: &SealedSegment,
        archived: &InArchive,
    ) -> Result<Manifest, ArchiveError> {
        let manifest = match self.local_manifest(entry, archived) {
            Ok((manifest, _)) => manifest,
            Err(_) => self.fetched_manifest(store, entry, archived)?,
        };
        self.mend_links(store, &manifest, entry)?;
        self.meets(&manifest, entry)?;
        Ok(manifest)
    }

    fn fetched_manifest(
        &self,
        store: &dyn ObjectStore,
        entry: &SealedSegment,
        archived: &InArchive,
    ) -> Result<Manifest, ArchiveError> {
        let name = object_name(self.origin(), entry.first, MANIFEST_KIND);
        let object = ArchiveError::object(&name);
        if !store.request(&name, None, READABLE_DAYS).map_err(ArchiveError::object(&name))? {
            return Err(object(ObjectError::NotYet("it was asked for".to_owned())));
        }
        let bytes = store.get(&name, None, MANIFEST_BYTES_MAX).map_err(object)?;
        if sha256(&bytes) != archived.manifest_sha256 {
            return Err(ArchiveError::refused(&name, "is not the manifest that was archived"));
        }
        let manifest = Manifest::read(&bytes).map_err(|why| ArchiveError::refused(&name, why))?;
        self.put_file(&data_path(&self.shared.dir, entry.first).with_extension("manifest"), &bytes)?;
        Ok(manifest)
    }

    /// Where the links that stayed are not whole, those of the archive take their place.
    fn mend_links(
        &self,
        store: &dyn ObjectStore,
        manifest: &Manifest,
        entry: &SealedSegment,
    ) -> Result<(), ArchiveError> {
        let facts = facts_of(self.origin(), entry);
        let path = data_path(&self.shared.dir, entry.first).with_extension("h");
        if read_links(&*self.shared.disk, &path, &facts).is_ok() {
            return Ok(());
        }
        let Some(object) = manifest.objects.last() else { return Ok(()) };
        ask_for(store, &[object])?;
        let bytes = get(store, object)?;
        let links = links_of_bytes(bytes.clone(), &path, &facts);
        links.map_err(|error| ArchiveError::refused(&object.name, error.to_string()))?;
        self.put_file(&path, &bytes)?;
        // What has mapped the damaged file goes with its last reader.
        let away = Box::new(self.away(entry));
        self.shared.segments.replace(Arc::new(Segment::Archived(away)));
        Ok(())
    }

    fn fetch(
        &self,
        store: &dyn ObjectStore,
        manifest: &Manifest,
        entry: &SealedSegment,
        pace: &dyn Fn(u64) -> bool,
    ) -> Result<Fetched, ArchiveError> {
        let [cold, index, ..] = &manifest.objects[..] else {
            let name = object_name(self.origin(), entry.first, MANIFEST_KIND);
            return Err(ArchiveError::refused(&name, "does not name the objects of a segment"));
        };
        ask_for(store, &[cold, index])?;
        let get = |object: &Object| {
            let bytes = get(store, object)?;
            if pace(object.bytes) { Ok(bytes) } else { Err(ArchiveError::Stopped) }
        };
        Ok(Fetched { cold: get(cold)?, index: get(index)? })
    }

    /// Recomputes every record and link from the bodies, and holds them against the links that stayed, the
    /// catalog and thereby the signed tree.
    fn check_content(
        &self,
        fetched: &Fetched,
        manifest: &Manifest,
        entry: &SealedSegment,
    ) -> Result<(), ArchiveError> {
        let shared = &self.shared;
        let name = &manifest.objects[0].name;
        let refused = |error: StoreError| ArchiveError::refused(name, error.to_string());
        let path = data_path(&shared.dir, entry.first).with_extension("cold");
        let cold = ColdFile::of_bytes(fetched.cold.clone(), &path, &shared.cache).map_err(refused)?;
        if Some(cold.footer_hash()) != self.catalog().cold(entry.first) {
            return Err(ArchiveError::refused(name, "is not the cold file that the catalog names"));
        }
        let facts = cold.facts();
        if (facts.first, facts.count, facts.data_bytes) != (entry.first, entry.count, entry.data_bytes) {
            return Err(ArchiveError::refused(name, "stands for other data than were sealed"));
        }
        let data = cold.check_all().and_then(|()| cold.thaw(&shared.salts)).map_err(refused)?;
        let links = read_links(&*shared.disk, &path.with_extension("h"), &facts_of(self.origin(), entry))?;
        let claims = Claims {
            path: &path,
            origin: &shared.origin,
            salts: &shared.salts,
            first: entry.first,
            previous: entry.previous,
            committed_before_us: self.committed_before(entry.first),
            count: u64::from(entry.count),
            data_bytes: entry.data_bytes,
            hashes: Some(links.as_flattened()),
            last: Some(entry.last),
            sealed: true,
            sizes: &[],
            digest: &|_, _| 0,
        };
        let (verdict, _) = verify::segment(&HeldFile::new(data), &claims, &|_| true);
        match verdict.faults.first() {
            None if verdict.proved_to == entry.end() => Ok(()),
            None => Err(ArchiveError::refused(name, "its records could not all be proved")),
            Some(fault) => Err(ArchiveError::refused(name, format!("{}: {}", fault.kind, fault.detail))),
        }
    }

    /// Commit time of the record before a segment.
    fn committed_before(&self, first: u64) -> u64 {
        let catalog = self.catalog();
        let before = catalog.sealed().iter().rfind(|entry| entry.first < first);
        before.map_or(0, |entry| entry.committed_last_us)
    }

    /// Writes the files under their names, durably, and opens them. Without the catalog's entry the next
    /// opening removes them.
    pub(super) fn put_in_place(
        &self,
        fetched: &Fetched,
        entry: &SealedSegment,
    ) -> Result<Sealed, StoreError> {
        let (disk, path) = (&*self.shared.disk, data_path(&self.shared.dir, entry.first));
        self.put_file(&path.with_extension("cold"), &fetched.cold)?;
        let index = path.with_extension("idx");
        remove_if_there(disk, &index)?;
        if self.is_index(fetched, &index, entry) {
            self.put_file(&index, &fetched.index)?;
            let cold = path.with_extension("cold");
            match Sealed::open_cold(disk, &cold, &self.shared.salts, &self.shared.cache) {
                // Archives outlive versions of the index.
                Err(StoreError::Damaged { .. }) => remove_if_there(disk, &index)?,
                opened => return opened,
            }
        }
        // It follows from the data.
        self.reindex(entry)
    }

    /// Whether the archived index is the one that the catalog names, which one made again since is not.
    fn is_index(&self, fetched: &Fetched, path: &Path, entry: &SealedSegment) -> bool {
        let sections = Sections::of_bytes(Mapping::held(fetched.index.clone()), path, INDEX_KIND);
        sections.is_ok_and(|sections| {
            sections.check_all().is_ok() && sections.footer_hash() == entry.index_footer
        })
    }

    fn put_file(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let disk = &*self.shared.disk;
        remove_if_there(disk, path)?;
        write_whole(disk, path, Mode::Shared, bytes)?;
        disk.make_read_only(path).map_err(StoreError::io(path, "protecting"))?;
        sync_parent(disk, path)
    }
}

/// Asks for objects, all of them before the first is waited for.
fn ask_for(store: &dyn ObjectStore, objects: &[&Object]) -> Result<(), ArchiveError> {
    let mut late = None;
    for object in objects {
        let ready = store.request(&object.name, object.version_id.as_deref(), READABLE_DAYS);
        if !ready.map_err(ArchiveError::object(&object.name))? {
            late.get_or_insert(&object.name);
        }
    }
    late.map_or(Ok(()), |name| {
        Err(ArchiveError::object(name)(ObjectError::NotYet("it was asked for".to_owned())))
    })
}

/// An object, as it was archived.
fn get(store: &dyn ObjectStore, object: &Object) -> Result<Vec<u8>, ArchiveError> {
    let bytes = store.get(&object.name, object.version_id.as_deref(), object.bytes);
    let bytes = bytes.map_err(ArchiveError::object(&object.name))?;
    object.is(&bytes).map_err(|why| ArchiveError::refused(&object.name, why))?;
    Ok(bytes)
}
