//! One change of a log's files, from a seed.

use std::path::{Path, PathBuf};
use stele_tests::Random;

use stele_engine::proof::ENTRY_BYTES;

use super::logs::{DIR, Files, Golden, name};

/// Bytes before the entries of `checkpoints` and `tree`.
const HEADER_BYTES: usize = 16;
const NODE_BYTES: usize = 32;
/// Bytes before the first frame of a segment.
const SEGMENT_HEADER_BYTES: usize = stele_engine::segment::SegmentHeader::BYTES;

/// What a change must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A fault that names the file.
    Found,
    /// Nothing: fewer or more zeros behind the active segment's records.
    Zeros,
    /// A fault, or nothing that is not true.
    CatalogEnd,
    /// A fault, or nothing: the time of an entry in the file of checkpoints.
    SignedTime,
}

/// A changed directory.
pub struct Change {
    pub files: Files,
    /// In a word.
    pub kind: &'static str,
    /// In full.
    pub what: String,
    /// Parts of the names of the files, one of which must be told.
    pub named: Vec<String>,
    pub class: Class,
}

/// Any change; `None` where the draw makes none.
pub fn any(golden: &Golden, random: &mut Random) -> Option<Change> {
    let path = file(golden, random);
    let bytes = golden.files[&path].clone();
    let change = match random.place(20) {
        0..=3 => bit(golden, &path, bytes, random),
        4..=5 => byte(golden, &path, bytes, random),
        6..=7 => cut(golden, &path, bytes, random),
        8 => longer(golden, &path, bytes, random),
        9 => removed(golden, &path),
        10 => swapped(golden, &path, random)?,
        11..=12 => edited_record(golden, random),
        13..=14 => frames(golden, random),
        15 => replaced(golden, &path, &golden.foreign, "another log's file")?,
        16 => replaced(golden, &path, &golden.older, "an older backup")?,
        17 => entries(golden, random),
        18 => nodes(golden, random),
        _ => stranger(golden, random),
    };
    (change.files != golden.files).then_some(change)
}

/// Each kind of file alike often, however many there are of it.
fn file(golden: &Golden, random: &mut Random) -> PathBuf {
    let kinds =
        ["catalog", "checkpoints", "tree", "key", "secret", "sealed", "sealed", "active", ".idx", ".ids"];
    let kind = kinds[random.place(kinds.len())];
    let all: Vec<&PathBuf> = golden.files.keys().filter(|path| is(golden, path, kind)).collect();
    all[random.place(all.len())].clone()
}

fn is(golden: &Golden, path: &Path, kind: &str) -> bool {
    let data = path.extension().is_some_and(|e| e == "log");
    match kind {
        "sealed" => data && golden.is_sealed(path),
        "active" => data && !golden.is_sealed(path),
        kind => name(path).ends_with(kind),
    }
}

fn changed(golden: &Golden, path: &Path, bytes: Vec<u8>, kind: &'static str, what: &str) -> Change {
    let mut files = golden.files.clone();
    files.insert(path.to_owned(), bytes);
    let what = format!("{}: {kind}: {what}", path.display());
    let class = Class::Found;
    Change { files, kind, what, named: vec![name(path)], class }
}

fn bit(golden: &Golden, path: &Path, mut bytes: Vec<u8>, random: &mut Random) -> Change {
    let at = random.place(bytes.len().min(written(golden, path).saturating_add(4096)));
    let bit = random.place(8);
    bytes[at] ^= 1 << bit;
    let change = changed(golden, path, bytes, "bit", &format!("bit {bit} of byte {at}"));
    at_end(golden, path, at, change)
}

fn byte(golden: &Golden, path: &Path, mut bytes: Vec<u8>, random: &mut Random) -> Change {
    let at = random.place(bytes.len().min(written(golden, path).saturating_add(4096)));
    let with = random.place(255) as u8 + 1;
    bytes[at] ^= with;
    let change = changed(golden, path, bytes, "byte", &format!("byte {at} xor {with}"));
    at_end(golden, path, at, change)
}

/// Changes of the last record of the catalog are told apart.
fn at_end(golden: &Golden, path: &Path, at: usize, change: Change) -> Change {
    let records = catalog_records(golden);
    let last = records[records.len() - 2];
    match name(path) == "catalog" && at >= last {
        true => Change { class: Class::CatalogEnd, ..change },
        false => change,
    }
}

/// Where the records of the catalog begin, and where the last one ends.
fn catalog_records(golden: &Golden) -> Vec<usize> {
    let bytes = &golden.files[&Path::new(DIR).join("catalog")];
    let mut places = vec![8];
    while let Some(&at) = places.last().filter(|&&at| at < bytes.len()) {
        places.push(at + 8 + u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize);
    }
    places
}

/// Frames of a segment: where each begins, and where the last one ends.
fn frame_places(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![SEGMENT_HEADER_BYTES];
    while let Some(&at) = places.last().filter(|&&at| bytes.get(at..at + 4) == Some(b"SFRM")) {
        let payload = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().expect("four bytes")) as usize;
        places.push(at + (48 + payload).next_multiple_of(8));
    }
    places
}

/// End of the records of a data file; of other files, their length.
fn written(golden: &Golden, path: &Path) -> usize {
    let bytes = &golden.files[path];
    match path.extension().is_some_and(|e| e == "log") {
        true => *frame_places(bytes).last().expect("at least one"),
        false => bytes.len(),
    }
}

/// A tail cut anywhere, or at the end of a frame or entry.
fn cut(golden: &Golden, path: &Path, bytes: Vec<u8>, random: &mut Random) -> Change {
    let (end, full) = (written(golden, path), bytes.len());
    let places: Vec<usize> = match name(path).as_str() {
        "checkpoints" => (0..).map(|n| HEADER_BYTES + n * ENTRY_BYTES).take_while(|&at| at < full).collect(),
        "tree" => (0..).map(|n| HEADER_BYTES + n * NODE_BYTES).take_while(|&at| at < full).collect(),
        "catalog" => catalog_records(golden),
        _ if path.extension().is_some_and(|e| e == "log") => frame_places(&bytes),
        _ => vec![0, 1, full / 2, full - 1],
    };
    let at = match random.place(2) {
        0 => places[random.place(places.len())],
        _ => random.place(full),
    };
    let change = changed(golden, path, bytes[..at].to_vec(), "tail cut", &format!("from byte {at} on"));
    match name(path).as_str() {
        "catalog" if at > 8 => Change { class: Class::CatalogEnd, ..change },
        _ if is(golden, path, "active") && at >= end => Change { class: Class::Zeros, ..change },
        _ => change,
    }
}

fn longer(golden: &Golden, path: &Path, mut bytes: Vec<u8>, random: &mut Random) -> Change {
    let (count, with) = (1 + random.place(600), [0, 0x5a][random.place(2)]);
    bytes.resize(bytes.len() + count, with);
    let change = changed(golden, path, bytes, "trailing bytes", &format!("{count} of {with}"));
    match name(path).as_str() {
        "catalog" => Change { class: Class::CatalogEnd, ..change },
        _ if is(golden, path, "active") && with == 0 => Change { class: Class::Zeros, ..change },
        _ => change,
    }
}

fn removed(golden: &Golden, path: &Path) -> Change {
    let mut change = changed(golden, path, Vec::new(), "file removed", "");
    change.files.remove(path);
    // The ids that are missing are named by their sequences.
    if path.extension().is_some_and(|e| e == "ids") {
        change.named.push("/ids".to_owned());
    }
    change
}

/// Two files of one kind, or any two.
fn swapped(golden: &Golden, path: &Path, random: &mut Random) -> Option<Change> {
    let alike = |other: &&PathBuf| *other != path && other.extension() == path.extension();
    let others: Vec<&PathBuf> = golden.files.keys().filter(alike).collect();
    let other = *others.get(random.place(others.len().max(1)))?;
    let (one, two) = (golden.files[path].clone(), golden.files[other].clone());
    let mut change = changed(golden, path, two, "files swapped", &format!("with {}", other.display()));
    change.files.insert(other.clone(), one);
    change.named.push(name(other));
    Some(change)
}

fn replaced(golden: &Golden, path: &Path, from: &Files, kind: &'static str) -> Option<Change> {
    Some(changed(golden, path, from.get(path)?.clone(), kind, ""))
}

/// Data files whose bytes are records, by turns.
fn data_file(golden: &Golden, random: &mut Random) -> (PathBuf, Vec<u8>, Vec<usize>) {
    let all: Vec<&PathBuf> =
        golden.files.keys().filter(|path| path.extension().is_some_and(|e| e == "log")).collect();
    let path = all[random.place(all.len())].clone();
    let bytes = golden.files[&path].clone();
    let places = frame_places(&bytes);
    (path, bytes, places)
}

/// A byte of a record's text, with a checksum that fits again.
fn edited_record(golden: &Golden, random: &mut Random) -> Change {
    let (path, mut bytes, places) = data_file(golden, random);
    let frame = random.place(places.len() - 1);
    let at = places[frame];
    let payload = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().expect("four bytes")) as usize;
    let inside = random.place(payload);
    bytes[at + 48 + inside] ^= 1;
    let crc = crc32fast::hash(&bytes[at + 8..at + 48 + payload]);
    bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    changed(
        golden,
        &path,
        bytes,
        "record edited",
        &format!("byte {inside} of the frame at {at}, checksum made anew"),
    )
}

/// A frame taken out, doubled, or swapped with the one behind it.
fn frames(golden: &Golden, random: &mut Random) -> Change {
    let (path, bytes, places) = data_file(golden, random);
    let number = random.place(places.len() - 2);
    let (one, two, end) = (places[number], places[number + 1], places[number + 2]);
    let (kind, made) = match random.place(3) {
        0 => ("frame removed", [&bytes[..one], &bytes[two..]].concat()),
        1 => ("frame doubled", [&bytes[..two], &bytes[one..]].concat()),
        _ => ("frames swapped", [&bytes[..one], &bytes[two..end], &bytes[one..two], &bytes[end..]].concat()),
    };
    changed(golden, &path, made, kind, &format!("at byte {one}"))
}

/// An entry of the file of checkpoints dropped, doubled in another's place, or given another root with a
/// checksum that fits.
fn entries(golden: &Golden, random: &mut Random) -> Change {
    let path = Path::new(DIR).join("checkpoints");
    let bytes = golden.files[&path].clone();
    let number = random.place((bytes.len() - HEADER_BYTES) / ENTRY_BYTES);
    let at = HEADER_BYTES + number * ENTRY_BYTES;
    if random.place(2) == 0 {
        let made = [&bytes[..at], &bytes[at + ENTRY_BYTES..]].concat();
        return changed(golden, &path, made, "entry dropped", &format!("number {number}"));
    }
    let mut made = bytes;
    let inside = random.place(116);
    made[at + inside] ^= 4;
    let crc = crc32fast::hash(&made[at..at + 124]);
    made[at + 124..at + 128].copy_from_slice(&crc.to_le_bytes());
    let what = format!("byte {inside} of number {number}, checksum made anew");
    let class = if (8..16).contains(&inside) { Class::SignedTime } else { Class::Found };
    Change { class, ..changed(golden, &path, made, "entry edited", &what) }
}

/// Nodes of the tree's file swapped or overwritten.
fn nodes(golden: &Golden, random: &mut Random) -> Change {
    let path = Path::new(DIR).join("tree");
    let mut bytes = golden.files[&path].clone();
    let count = (bytes.len() - HEADER_BYTES) / NODE_BYTES;
    let (one, two) = (random.place(count), random.place(count));
    let place = |number: usize| HEADER_BYTES + number * NODE_BYTES;
    for at in 0..NODE_BYTES {
        bytes.swap(place(one) + at, place(two) + at);
    }
    if one == two {
        bytes[place(one)..place(one) + NODE_BYTES].fill(random.place(256) as u8);
    }
    changed(golden, &path, bytes, "tile changed", &format!("nodes {one} and {two}"))
}

/// A file that the log does not know.
fn stranger(golden: &Golden, random: &mut Random) -> Change {
    let (path, bytes, _) = data_file(golden, random);
    let unknown = format!("{:020}", 1 + random.place(250));
    let made = match random.place(4) {
        0 => path.with_file_name(format!("{unknown}.log")),
        1 => path.with_file_name(format!("{unknown}.idx")),
        2 => path.with_file_name("notes.txt"),
        _ => Path::new(DIR).join("ids").join("readme"),
    };
    changed(golden, &made, bytes, "strange file", "")
}
