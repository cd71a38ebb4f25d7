//! What stays here of an archived segment: its links, what tells duplicates, its manifest. Its records are
//! away, so their content is proved by nothing here but the signed tree over their links.

use std::hash::BuildHasher;
use std::path::Path;

use super::{Run, error_fault, fault};
use crate::archive::manifest::{MANIFEST_BYTES_MAX, sha256};
use crate::archive::{ArchiveError, Manifest};
use crate::chain::{Hash, Link, link};
use crate::error::StoreError;
use crate::event::{event_us, id_and_time};
use crate::io::read_whole;
use crate::record::record_hash;
use crate::segment::Archived;
use crate::segment::Kept;
use crate::segment::archived::{SeenRecord, read_links, read_seen};
use crate::verify::{self, Fault, Part, Piece, Verdict};

/// Checks the files of an archived segment; `sizes` are those at which the tree's root is asked for.
pub(super) fn check(run: &Run<'_>, archived: &Archived, sizes: &[u64]) -> (Part, Piece) {
    let facts = archived.facts();
    let range = (facts.first, archived.end());
    let path = |extension| archived.path().with_extension(extension);
    let (mut faults, mut piece) = (Vec::new(), Piece::default());
    let links = read_links(run.disk(), &path("h"), facts);
    let seen = read_seen(run.disk(), &path("seen"), facts);
    match &links {
        Ok(links) => piece = verify::links(facts.first, links, sizes),
        Err(error) => faults.push(error_fault("archived", range, &path("h"), error)),
    }
    match &seen {
        Ok((seen, _)) => piece.ids = ids(run, facts.first, seen),
        Err(error) => faults.push(error_fault("archived", range, &path("seen"), error)),
    }
    if let (Ok(links), Ok((seen, kept))) = (&links, &seen) {
        faults.extend(kept_faults(run, archived, links, seen, kept));
    }
    faults.extend(manifest(run, archived, &path("manifest")));
    let proved_to = if links.is_ok() { range.1 } else { range.0 };
    let head = links.is_ok().then_some(facts.last);
    let verdict = Verdict { proved_to, faults, head, archived: u64::from(facts.count), ..Verdict::default() };
    let file = path("h").display().to_string();
    (Part { file, first: range.0, end: range.1, previous: facts.previous, verdict }, piece)
}

fn ids(run: &Run<'_>, first: u64, seen: &[SeenRecord]) -> u64 {
    let digest = |(sequence, seen): (u64, &SeenRecord)| run.digest.hash_one((seen.fingerprint, sequence));
    (first..).zip(seen).map(digest).fold(0, u64::wrapping_add)
}

/// Records that are kept whole must give their links, and what is known of each of them.
fn kept_faults(
    run: &Run<'_>,
    archived: &Archived,
    links: &[Hash],
    seen: &[SeenRecord],
    kept: &[Kept],
) -> Vec<Fault> {
    let path = archived.path().with_extension("seen");
    let wrong = kept.iter().filter(|kept| !is_of_chain(run, archived, links, seen, kept));
    wrong
        .map(|kept| {
            let sequence = archived.facts().first + u64::from(kept.doc);
            let detail = "a record that is kept whole does not give its link".to_owned();
            fault("archived", (sequence, sequence + 1), &path, 0, detail)
        })
        .collect()
}

fn is_of_chain(run: &Run<'_>, archived: &Archived, links: &[Hash], seen: &[SeenRecord], kept: &Kept) -> bool {
    let doc = kept.doc as usize;
    let previous = doc.checked_sub(1).map_or(Some(&archived.facts().previous), |before| links.get(before));
    let Some(((&hash, seen), previous)) = links.get(doc).zip(seen.get(doc)).zip(previous) else {
        return false;
    };
    let Ok((id, time_ns)) = id_and_time(&kept.body) else { return false };
    let salted = run.log.shared.salts.salted(id);
    let record_hash = record_hash(&salted.salt, &kept.body);
    let sequence = archived.facts().first + u64::from(kept.doc);
    let (committed_us, event_us) = (kept.committed_us, event_us(time_ns));
    link(previous, &Link { sequence, committed_us, event_us, record_hash }) == hash
        && (seen.fingerprint, seen.second) == (salted.fingerprint, salted.second)
        && seen.r == record_hash[..8]
}

/// The manifest must be the one of the catalog, and of this place in the tree.
fn manifest(run: &Run<'_>, archived: &Archived, path: &Path) -> Option<Fault> {
    let range = (archived.facts().first, archived.end());
    let told = |detail: String| Some(fault("archived", range, path, 0, detail));
    let bytes = match read_whole(run.disk(), path, MANIFEST_BYTES_MAX, "a manifest") {
        Ok(bytes) => bytes,
        Err(error) => return Some(error_fault("archived", range, path, &error)),
    };
    let (entry, known) = {
        let catalog = run.log.catalog();
        (catalog.sealed_at(range.0).cloned(), catalog.in_archive(range.0))
    };
    let Some((entry, known)) = entry.zip(known) else {
        return told("the catalog knows no such archived segment".to_owned());
    };
    if sha256(&bytes) != known.manifest_sha256 {
        return told("is not the manifest that was archived".to_owned());
    }
    let met = Manifest::read(&bytes).map(|manifest| run.log.meets(&manifest, &entry));
    match met {
        Ok(Ok(())) => None,
        Ok(Err(ArchiveError::Store(error @ StoreError::Damaged { .. }))) => {
            told(format!("cannot be held against the tree: {error}"))
        }
        Ok(Err(error)) => told(error.to_string()),
        Err(why) => told(why),
    }
}
