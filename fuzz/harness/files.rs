//! What lies on disk: frames, files of sections, catalogs, id files.

use std::path::Path;
use std::sync::Arc;

use stele_engine::catalog::{Catalog, Closed, Created, Entry};
use stele_engine::chain::genesis;
use stele_engine::codec::sections::{Sections, SectionsWriter};
use stele_engine::dedup::Locator;
use stele_engine::ids::{Origin, Secret};
use stele_engine::io::{Disk, Mapping, SimDisk};
use stele_engine::record::{FrameBuilder, FrameHeader, SaltKey, bodies};
use stele_engine::segment::SegmentHeader;
use stele_engine::verify::{self, Claims};

use super::{joined, pieces, text};

const ORIGIN: &str = "example.com/stele/fuzz";

fn origin() -> Origin {
    Origin::new(ORIGIN).expect("a good origin")
}

/// A segment file whose frames are the input: raw after tag 0, else bodies under a sound header.
fn segment_file(data: &[u8]) -> Vec<u8> {
    let previous = genesis(&origin());
    let header = SegmentHeader { first: 0, previous, origin: ORIGIN.to_owned() };
    let mut file = header.encode().to_vec();
    let mut builder = FrameBuilder::default();
    for (tag, piece) in pieces(data) {
        match tag {
            0 => file.extend_from_slice(piece),
            1..=200 => {
                builder.push(piece);
            }
            _ if builder.count() > 0 => {
                file.extend_from_slice(builder.finish(u64::from(255 - tag), 1000, &previous));
                builder.clear();
            }
            _ => {}
        }
    }
    file
}

/// Verifying any bytes as a segment ends, and proves no more than it checked.
pub fn frames(data: &[u8]) {
    for raw in [data.to_vec(), segment_file(data)] {
        let at = raw.len().min(SegmentHeader::BYTES);
        if let Some(header) = FrameHeader::read(&raw[at..]) {
            let _sound: bool = header.sound(&raw[at..]);
        }
        let _bodies: usize = bodies(&raw).count();
        verified(raw);
    }
}

fn verified(raw: Vec<u8>) {
    let disk = SimDisk::new();
    let path = Path::new("segments/00000000000000000000.log");
    let data_bytes = raw.len() as u64;
    disk.put(path, raw);
    let file = disk.open_read(path).expect("it is there");
    let origin = origin();
    let salts = SaltKey::new(&Secret::new([9; 32]));
    for count in [1, 3, u64::from(u32::MAX)] {
        let claims = Claims {
            path,
            origin: &origin,
            salts: &salts,
            first: 0,
            previous: genesis(&origin),
            committed_before_us: 0,
            count,
            data_bytes,
            hashes: None,
            last: None,
            sealed: false,
            sizes: &[],
            digest: &|_, _| 0,
        };
        let (verdict, _) = verify::segment(&*file, &claims, &|_| true);
        assert!(verdict.proved_to <= verdict.checked, "{verdict:?}");
        assert!(verdict.proved_to == count || !verdict.faults.is_empty(), "a gap is a fault: {verdict:?}");
    }
}

pub fn frame_seeds() -> Vec<Vec<u8>> {
    let bodies = text::bodies();
    let one = bodies.iter().take(1).map(|body| (1, body.as_slice())).chain([(255, &b""[..])]);
    let three = bodies.iter().take(3).map(|body| (1, body.as_slice())).chain([(255, &b""[..])]);
    let mut builder = FrameBuilder::default();
    bodies.iter().for_each(|body| {
        builder.push(body);
    });
    let raw = builder.finish(0, 1000, &genesis(&origin())).to_vec();
    vec![joined(one), joined(three), joined([(0, raw.as_slice())])]
}

/// A file of sections with the input's pieces as its sections.
pub(super) fn sections_file(data: &[u8], kind: &str, facts: &(u64, u32)) -> Vec<u8> {
    let disk = SimDisk::new();
    let path = Path::new("file.idx");
    let mut writer = SectionsWriter::create(&disk, path, kind).expect("the disk works");
    for (tag, piece) in pieces(data) {
        writer.section(u16::from(tag), piece).expect("the disk works");
    }
    writer.finish(facts).expect("the disk works");
    disk.contents(path)
}

/// Opening any bytes does not panic; what opens shows only bytes that match their hashes, and a file
/// written from pieces gives the pieces back.
pub fn sections(data: &[u8]) {
    let _raw: bool = opened_and_read(data.to_vec()).is_some();
    let file = opened_and_read(sections_file(data, "fuzz", &(1, 2))).expect("a file just written opens");
    assert_eq!(file.facts::<(u64, u32)>().ok(), Some((1, 2)));
    for (tag, piece) in pieces(data) {
        // Of two sections with one tag the first is found.
        let first = pieces(data).into_iter().find(|(t, _)| *t == tag).map_or(piece, |(_, first)| first);
        assert_eq!(file.get(u16::from(tag)).ok(), Some(first));
    }
}

fn opened_and_read(raw: Vec<u8>) -> Option<Sections> {
    let file = Sections::of_bytes(Mapping::held(raw), Path::new("file.idx"), "fuzz").ok()?;
    let sound = file.check_all().is_ok();
    let readable = (0..=255).filter(|&tag| file.get(tag).is_ok()).count();
    assert!(sound || readable < 256);
    let _hash: [u8; 32] = file.footer_hash();
    Some(file)
}

pub fn section_seeds() -> Vec<Vec<u8>> {
    let data = joined([(1, &b"first"[..]), (2, &[0; 40][..]), (9, &b""[..])]);
    vec![sections_file(&data, "fuzz", &(1, 2)), data]
}

/// The input as a catalog: raw, and with its pieces as payloads under right lengths and checksums.
pub fn catalog(data: &[u8]) {
    let mut framed = b"STELECAT".to_vec();
    for (_, payload) in pieces(data) {
        let length = (payload.len() as u32).to_le_bytes();
        let crc = crc32fast::hash(&[&length, payload].concat());
        framed.extend_from_slice(&length);
        framed.extend_from_slice(&crc.to_le_bytes());
        framed.extend_from_slice(payload);
    }
    for raw in [data.to_vec(), framed] {
        let disk = SimDisk::new();
        let path = Path::new("log/catalog");
        disk.put(path, raw);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let Ok((mut catalog, _)) = Catalog::open(Arc::clone(&shared), path) else { continue };
        let sealed = catalog.sealed().to_vec();
        catalog.append(&Entry::Opened).expect("an open catalog takes entries");
        drop(catalog);
        let (again, notes) = Catalog::open(shared, path).expect("and opens again");
        assert_eq!((again.sealed(), notes.len()), (&sealed[..], 0), "the tail was cut the first time");
    }
}

pub fn catalog_seeds() -> Vec<Vec<u8>> {
    let disk = SimDisk::new();
    let path = Path::new("log/catalog");
    disk.create_dir_all(Path::new("log")).expect("the disk works");
    let created = Created { origin: ORIGIN.to_owned(), suite: 1 };
    let mut catalog = Catalog::create(Arc::new(disk.clone()), path, &created).expect("the disk works");
    for entry in [Entry::Opened, Entry::Closed(Closed { size: 0, head: genesis(&origin()), committed_us: 0 })]
    {
        catalog.append(&entry).expect("the disk works");
    }
    let raw = disk.contents(path);
    // The same as pieces: payloads without lengths and checksums.
    let mut payloads = Vec::new();
    let mut rest = &raw[8..];
    while let [a, b, c, d, _, _, _, _, after @ ..] = rest {
        let (payload, next) = after.split_at(u32::from_le_bytes([*a, *b, *c, *d]) as usize);
        payloads.push((0, payload));
        rest = next;
    }
    vec![joined(payloads), raw]
}

/// The input as an id file: opening repairs or sets it aside, and lookups stay in range.
pub fn ids(data: &[u8]) {
    let count = data.first().copied().unwrap_or(1).max(1);
    let rest = data.get(1..).unwrap_or_default();
    for raw in [rest.to_vec(), sections_file(rest, "ids", &(0, u32::from(count)))] {
        let disk = SimDisk::new();
        let dir = Path::new("ids");
        let path = dir.join(format!("{:020}-{:020}.ids", 0, count));
        disk.put(&path, raw);
        let Ok((locator, _)) = Locator::open(Arc::new(disk), dir) else { continue };
        let fingerprints: Vec<u64> = (0..64).map(|i| i << 58).chain([0, 1, u64::MAX]).collect();
        let mut found = Vec::new();
        if locator.find(&fingerprints, &mut found).is_ok() {
            // Offsets under a right hash are believed: only a hostile writer could make others.
            assert!(found.iter().all(|&(at, _)| at < fingerprints.len()), "{found:?}");
        }
    }
}

pub fn id_seeds() -> Vec<Vec<u8>> {
    let disk = SimDisk::new();
    let dir = Path::new("ids");
    disk.create_dir_all(dir).expect("the disk works");
    let (locator, _) = Locator::open(Arc::new(disk.clone()), dir).expect("the disk works");
    let fingerprints: Vec<u64> = (0_u64..40).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    locator.add(0, &fingerprints).expect("the disk works");
    let path = disk.files().pop().expect("one id file");
    let raw = disk.contents(&path);
    let file = Sections::of_bytes(Mapping::held(raw.clone()), &path, "ids").expect("it is one");
    let kept: Vec<_> = (0_u8..=255).filter_map(|tag| Some((tag, file.get(u16::from(tag)).ok()?))).collect();
    vec![[vec![40], raw].concat(), [vec![40], joined(kept)].concat()]
}
