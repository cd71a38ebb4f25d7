//! Into the archive: objects put, read back, and only then believed to be there.

use std::path::Path;

use super::super::moving::Claim;
use super::{Log, Shipped, all_names, facts_of};
use crate::archive::manifest::{MANIFEST_BYTES_MAX, OBJECT_BYTES_MAX, sha256};
use crate::archive::{
    ArchiveError, KINDS, MANIFEST_KIND, Manifest, Object, ObjectError, ObjectStore, object_name,
};
use crate::catalog::{Entry, SealedSegment};
use crate::codec::sections::Sections;
use crate::error::StoreError;
use crate::io::{Mapping, Mode, read_whole, write_whole};
use crate::segment::archived::write_links;
use crate::segment::sealed::{INDEX_KIND, IndexFacts};
use crate::segment::{Sealed, Segment};

/// The kind of object that follows from another one.
const INDEX: &str = "idx";

impl Log {
    /// Puts the oldest cold segment that is not in the archive yet into it, where its last record was
    /// committed before `before_us`, index events and a signed checkpoint cover it; `None` when there is
    /// none. Its data are proved first; every object is read back and compared; only then the catalog says
    /// so. Objects that are there already and equal count as put. While the oldest one is being moved there
    /// is none; what is done about others goes on meanwhile, however slow the store is.
    ///
    /// # Errors
    /// `Refused` when an object of that name holds something else; `Object` of the store; `Store`. The
    /// segment stays as it is then, and the same call may be made again.
    pub fn ship_next(
        &self,
        store: &dyn ObjectStore,
        before_us: u64,
        retain_until_us: u64,
    ) -> Result<Option<Shipped>, ArchiveError> {
        if self.writable().is_err() {
            return Ok(None);
        }
        let Some((entry, _claim)) = self.next_to_ship(before_us) else { return Ok(None) };
        let Some(segment) = self.sealed(entry.first) else { return Ok(None) };
        let Segment::Sealed(sealed) = &*segment else { return Ok(None) };
        self.prove(sealed)?;
        write_links(&*self.shared.disk, sealed, &facts_of(self.origin(), &entry))?;
        let retain = Some(retain_until_us);
        let mut objects = Vec::new();
        for kind in KINDS {
            objects.push(self.put(store, sealed, &entry, kind, retain)?);
        }
        // Read back after all were put: what is there now is what will be there.
        objects.iter().try_for_each(|object| read_back(store, object))?;
        let (manifest, manifest_bytes) = self.put_manifest(store, &entry, objects, retain)?;
        let manifest_sha256 = sha256(&manifest_bytes);
        let path = sealed.path().with_extension("manifest");
        write_whole(&*self.shared.disk, &path, Mode::Shared, &manifest_bytes)?;
        self.catalog().append(&Entry::Archived {
            first: entry.first,
            manifest_sha256,
            event_first_us: entry.time_min_ns.div_euclid(1_000),
            event_last_us: entry.time_max_ns.div_euclid(1_000),
        })?;
        Ok(Some(Shipped {
            first_sequence: entry.first,
            last_sequence: entry.end() - 1,
            events: u64::from(entry.count),
            bytes: manifest.objects.iter().map(|object| object.bytes).sum::<u64>()
                + manifest_bytes.len() as u64,
            objects: all_names(self.origin(), entry.first),
            manifest_sha256,
        }))
    }

    fn next_to_ship(&self, before_us: u64) -> Option<(SealedSegment, Claim<'_>)> {
        let (entry, claim) = {
            let catalog = self.catalog();
            let next = catalog.sealed().iter().find(|entry| catalog.in_archive(entry.first).is_none());
            let due = |e: &&SealedSegment| e.committed_last_us < before_us && catalog.cold(e.first).is_some();
            let entry = next.filter(due)?;
            (entry.clone(), self.moving.claim(entry.first)?)
        };
        let signed = self.notary.last().is_some_and(|last| last.checkpoint.size >= entry.end());
        let indexed = self.indexed().is_ok_and(|to| to >= entry.end());
        (signed && indexed).then_some((entry, claim))
    }

    /// The file that becomes an object, read from the disk through no mapping.
    fn local(&self, sealed: &Sealed, kind: &str) -> Result<Vec<u8>, StoreError> {
        let path = sealed.path().with_extension(kind);
        read_whole(&*self.shared.disk, &path, OBJECT_BYTES_MAX, "an object")
    }

    fn put(
        &self,
        store: &dyn ObjectStore,
        sealed: &Sealed,
        entry: &SealedSegment,
        kind: &str,
        retain: Option<u64>,
    ) -> Result<Object, ArchiveError> {
        let (name, bytes) = (object_name(self.origin(), entry.first, kind), self.local(sealed, kind)?);
        match store.put_new(&name, &bytes, retain) {
            Ok(put) => Ok(Object::of(&name, &bytes, put.version)),
            Err(ObjectError::Exists) => {
                let put = store.head(&name).map_err(ArchiveError::object(&name))?;
                let put = put.ok_or_else(|| ArchiveError::object(&name)(ObjectError::NotFound))?;
                let object = Object::of(&name, &bytes, put.version);
                let object = match read_back(store, &object) {
                    Err(refused @ ArchiveError::Refused { .. }) if kind == INDEX => {
                        self.earlier_index(store, sealed, object).map_err(|_| refused)?
                    }
                    read => read.map(|()| object)?,
                };
                // An earlier attempt may have been made under a shorter rule.
                if let Some(until_us) = retain {
                    let retained = store.retain(&name, object.version_id.as_deref(), until_us);
                    retained.map_err(ArchiveError::object(&name))?;
                }
                Ok(object)
            }
            Err(error) => Err(ArchiveError::object(&name)(error)),
        }
    }

    /// The index that an attempt put before this one was made again: objects are never replaced, and a
    /// restore makes an index again that is not the one the catalog names.
    fn earlier_index(
        &self,
        store: &dyn ObjectStore,
        sealed: &Sealed,
        object: Object,
    ) -> Result<Object, ArchiveError> {
        let bytes = store.get(&object.name, object.version_id.as_deref(), OBJECT_BYTES_MAX);
        let bytes = bytes.map_err(ArchiveError::object(&object.name))?;
        let found = Object::of(&object.name, &bytes, object.version_id);
        let sections = Sections::of_bytes(Mapping::held(bytes), Path::new(&found.name), INDEX_KIND)?;
        sections.check_all()?;
        let facts: IndexFacts = sections.facts()?;
        if facts == *sealed.facts() {
            Ok(found)
        } else {
            Err(ArchiveError::refused(&found.name, "is the index of another segment"))
        }
    }

    fn put_manifest(
        &self,
        store: &dyn ObjectStore,
        entry: &SealedSegment,
        objects: Vec<Object>,
        retain: Option<u64>,
    ) -> Result<(Manifest, Vec<u8>), ArchiveError> {
        let name = object_name(self.origin(), entry.first, MANIFEST_KIND);
        let signed = self.covering(entry.end(), 0)?;
        // It leaves the house: it is kept for ever.
        self.deliver(&signed);
        let manifest = Manifest {
            origin: self.origin().to_owned(),
            a: entry.first,
            b: entry.end(),
            prev: entry.previous,
            last: entry.last,
            subtrees: self.subtrees(entry)?,
            objects,
            checkpoint: signed.note.clone(),
        };
        self.meets(&manifest, entry)?;
        let bytes = manifest.encode().map_err(|why| ArchiveError::refused(&name, why))?;
        match store.put_new(&name, &bytes, retain) {
            Ok(put) => {
                read_back(store, &Object::of(&name, &bytes, put.version))?;
                Ok((manifest, bytes))
            }
            Err(ObjectError::Exists) => self.adopt(store, entry, &name, &manifest, retain),
            Err(error) => Err(ArchiveError::object(&name)(error)),
        }
    }

    /// Takes the manifest of an attempt that a crash cut short. It may have an older checkpoint, and
    /// nothing else that differs.
    fn adopt(
        &self,
        store: &dyn ObjectStore,
        entry: &SealedSegment,
        name: &str,
        expected: &Manifest,
        retain: Option<u64>,
    ) -> Result<(Manifest, Vec<u8>), ArchiveError> {
        let bytes = store.get(name, None, MANIFEST_BYTES_MAX).map_err(ArchiveError::object(name))?;
        let found = Manifest::read(&bytes).map_err(|why| ArchiveError::refused(name, why))?;
        let same = Manifest { checkpoint: expected.checkpoint.clone(), ..found.clone() } == *expected;
        if !same {
            let why = "is there already, and is not the manifest of this segment's objects";
            return Err(ArchiveError::refused(name, why));
        }
        self.meets(&found, entry)?;
        if let Some(until_us) = retain {
            store.retain(name, None, until_us).map_err(ArchiveError::object(name))?;
        }
        Ok((found, bytes))
    }
}

/// Reads an object and compares it with what was put.
fn read_back(store: &dyn ObjectStore, object: &Object) -> Result<(), ArchiveError> {
    let found = store.get(&object.name, object.version_id.as_deref(), object.bytes);
    let found = found.map_err(ArchiveError::object(&object.name))?;
    object.is(&found).map_err(|why| ArchiveError::refused(&object.name, format!("read back: {why}")))
}
