use super::*;
use crate::error::StoreError;
use crate::io::{Disk, RealDisk};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A small generator of uniform numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Which sequences have a fingerprint, the plain way.
#[derive(Default)]
struct Oracle(HashMap<u64, Vec<u64>>);

impl Oracle {
    fn insert(&mut self, fingerprint: u64, sequence: u64) {
        self.0.entry(fingerprint).or_default().push(sequence);
    }

    /// Compares every known fingerprint, its neighbours, and the extremes.
    fn agrees_with(&self, locator: &Locator) {
        let mut asked: Vec<u64> =
            self.0.keys().flat_map(|&k| [k, k.wrapping_add(1), k.wrapping_sub(1), !k]).collect();
        asked.extend([0, u64::MAX]);
        let mut found = Vec::new();
        locator.find(&asked, &mut found).unwrap();
        let mut by_position: HashMap<usize, Vec<u64>> = HashMap::new();
        for (at, sequence) in found {
            by_position.entry(at).or_default().push(sequence);
        }
        for (at, fingerprint) in asked.iter().enumerate() {
            let mut found = by_position.remove(&at).unwrap_or_default();
            found.sort_unstable();
            assert_eq!(&found, self.0.get(fingerprint).unwrap_or(&Vec::new()), "{fingerprint:x}");
        }
    }
}

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

fn open(dir: &Path) -> Locator {
    let (locator, notes) = Locator::open(disk(), dir).unwrap();
    assert_eq!(notes, Vec::<String>::new());
    locator
}

fn names(dir: &Path) -> Vec<PathBuf> {
    RealDisk.list(dir).unwrap()
}

/// Goal: every id is found under its sequence, and nothing else is, across merges and reopening.
/// Method: segments of random sizes, a tenth of the ids repeated, compared with a hash map.
#[test]
fn random_ids_are_found_as_a_hash_map_finds_them_across_merges_and_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(8841);
    let mut oracle = Oracle::default();
    let mut locator = open(dir.path());
    let mut first = 0;
    let mut used = vec![0, u64::MAX];
    for round in 0..60 {
        let size = [1, 3, 40, 900, 2_500, 20_000][(random.next() % 6) as usize];
        let ids: Vec<u64> = (0..size)
            .map(|_| match random.next() % 10 {
                0 => used[(random.next() % used.len() as u64) as usize],
                _ => random.next(),
            })
            .collect();
        used.extend(ids.iter().step_by(20));
        for (&fingerprint, sequence) in ids.iter().zip(first..) {
            oracle.insert(fingerprint, sequence);
        }
        locator.add(first, &ids).unwrap();
        first += size;
        if round % 3 == 0 {
            while locator.merge_step().unwrap() {}
        }
        if round % 20 == 19 {
            oracle.agrees_with(&locator);
            locator = open(dir.path());
            oracle.agrees_with(&locator);
        }
    }
    assert_eq!(locator.covered(), [(0, first)]);
    assert_eq!(locator.files().1, first);
    assert!(names(dir.path()).len() < 30, "{:?}", names(dir.path()));
}

#[test]
fn ranges_may_come_in_any_order_but_never_twice() {
    let dir = tempfile::tempdir().unwrap();
    let locator = open(dir.path());
    locator.add(100, &[1; 50]).unwrap();
    locator.add(0, &[2; 50]).unwrap();
    locator.add(200, &[]).unwrap();
    assert_eq!(locator.covered(), [(0, 50), (100, 150)]);
    for (first, count) in [(0, 1), (49, 1), (49, 60), (50, 51), (149, 1), (0, 500), (120, 5)] {
        let refused = locator.add(first, &vec![3; count]);
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{first} and {count}");
    }
    assert!(matches!(locator.add(u64::MAX, &[1, 2]), Err(StoreError::Refused(_))));
    locator.add(50, &[1; 50]).unwrap();
    assert_eq!(locator.covered(), [(0, 150)]);
    let mut found = Vec::new();
    locator.find(&[2], &mut found).unwrap();
    assert_eq!(found, (0..50).map(|sequence| (0, sequence)).collect::<Vec<_>>());
}

/// Goal: a merge that was interrupted loses nothing and counts nothing twice.
/// Method: put back each set of inputs that a crash between two removals leaves, and half-written
/// files.
#[test]
fn an_interrupted_merge_is_cleaned_up_when_opened() {
    let dir = tempfile::tempdir().unwrap();
    let mut oracle = Oracle::default();
    let locator = open(dir.path());
    for n in 0..8u64 {
        let ids: Vec<u64> = (0..30).map(|i| (n * 30 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        ids.iter().zip(n * 30..).for_each(|(&id, sequence)| oracle.insert(id, sequence));
        locator.add(n * 30, &ids).unwrap();
    }
    let inputs: Vec<(PathBuf, Vec<u8>)> =
        names(dir.path()).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    assert!(locator.merge_step().unwrap());
    assert!(!locator.merge_step().unwrap());
    let merged = names(dir.path());
    assert_eq!(merged.len(), 1);
    for left in 0..inputs.len() {
        for (path, bytes) in &inputs[left..] {
            fs::write(path, bytes).unwrap();
        }
        fs::write(merged[0].with_extension("tmp"), b"half").unwrap();
        let (reader, notes) = Locator::read(disk(), dir.path()).unwrap();
        oracle.agrees_with(&reader);
        assert_eq!(
            (notes.len(), names(dir.path()).len()),
            (inputs.len() - left + 1, inputs.len() - left + 2)
        );
        let (locator, notes) = Locator::open(disk(), dir.path()).unwrap();
        assert_eq!(notes.len(), inputs.len() - left + 1);
        oracle.agrees_with(&locator);
        assert_eq!(names(dir.path()), merged);
    }
    // Where the output is the damaged one, the inputs that are left serve.
    for (path, bytes) in &inputs {
        fs::write(path, bytes).unwrap();
    }
    fs::remove_file(&merged[0]).unwrap();
    fs::write(&merged[0], b"not an id file").unwrap();
    let (locator, notes) = Locator::open(disk(), dir.path()).unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    oracle.agrees_with(&locator);
}

/// Goal: no damaged id file answers. Method: flip every bit and cut at every byte of a small one.
#[test]
fn every_flipped_bit_and_every_cut_sets_the_file_aside_to_be_added_again() {
    let dir = tempfile::tempdir().unwrap();
    let ids: Vec<u64> = (1..=20u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    open(dir.path()).add(7, &ids).unwrap();
    let path = names(dir.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let flips = (0..whole.len() * 8).map(|bit| {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        damaged
    });
    let cuts = (0..whole.len()).map(|length| whole[..length].to_vec());
    let (mut harmless, mut later) = (0, 0);
    for damaged in flips.chain(cuts) {
        fs::write(&path, &damaged).unwrap();
        let (locator, mut notes) = Locator::open(disk(), dir.path()).unwrap();
        let found_later = locator.check();
        for (first, error) in &found_later {
            assert!(locator.find(&ids, &mut Vec::new()).is_err(), "it does not answer meanwhile");
            notes.extend(locator.set_aside(*first, &error.to_string(), true).unwrap());
        }
        later += found_later.len();
        if notes.is_empty() {
            // Zeros between sections, which mean nothing: every id is still found.
            let mut found = Vec::new();
            locator.find(&ids, &mut found).unwrap();
            assert_eq!(found, (0..20).map(|i| (i, 7 + i as u64)).collect::<Vec<_>>());
            harmless += 1;
            fs::remove_file(&path).unwrap();
            continue;
        }
        assert_eq!((notes.len(), locator.covered().len()), (1, 0), "{notes:?}");
        assert!(!path.exists());
        fs::remove_file(path.with_extension("ids.damaged")).unwrap();
    }
    assert!(harmless <= 7 * 8 * 2, "{harmless}");
    assert!(later >= 20 * 12 * 8, "{later} of the bits lie in entries");
    let (locator, _) = Locator::open(disk(), dir.path()).unwrap();
    locator.add(7, &ids).unwrap();
    assert_eq!(locator.covered(), [(7, 27)]);
}

#[test]
fn a_file_under_another_files_name_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).add(7, &[1, 2, 3]).unwrap();
    let path = names(dir.path()).remove(0);
    fs::rename(&path, dir.path().join(format!("{:020}-{:020}.ids", 8, 11))).unwrap();
    let (locator, notes) = Locator::open(disk(), dir.path()).unwrap();
    assert_eq!((notes.len(), locator.covered().len()), (1, 0));
}

#[test]
fn finding_goes_on_while_files_are_added_and_merged() {
    let dir = tempfile::tempdir().unwrap();
    let locator = open(dir.path());
    let done = std::sync::atomic::AtomicBool::new(false);
    locator.add(0, &[42]).unwrap();
    std::thread::scope(|scope| {
        let finder = scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) || rounds == 0 {
                let mut found = Vec::new();
                locator.find(&[42], &mut found).unwrap();
                assert_eq!(found, [(0, 0)]);
                rounds += 1;
            }
        });
        let merger = scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                locator.merge_step().unwrap();
            }
        });
        for n in 1..60 {
            locator.add(n, &[n << 40]).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        finder.join().unwrap();
        merger.join().unwrap();
    });
    assert_eq!(locator.covered(), [(0, 60)]);
}

#[test]
fn recent_ids_are_found_as_a_hash_map_finds_them_and_forgotten_with_their_memory() {
    let mut random = Random(17);
    let mut recent = Recent::default();
    let mut ids = Vec::new();
    for sequence in 100_000..500_000u64 {
        let fingerprint = (random.next() % 300_000).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        recent.insert(fingerprint, sequence);
        ids.push((fingerprint, sequence));
    }
    let full = recent.heap_bytes();
    for end in [0, 100_000, 131_072, 250_000, 262_144, 499_999, 500_000, 600_000] {
        recent.forget_below(end);
        let mut oracle = Oracle::default();
        ids.iter().filter(|pair| pair.1 >= end).for_each(|&(id, sequence)| oracle.insert(id, sequence));
        assert_eq!(recent.len(), ids.iter().filter(|pair| pair.1 >= end).count());
        for &(fingerprint, _) in ids.iter().step_by(7) {
            let mut found = Vec::new();
            recent.find(fingerprint, &mut |sequence| found.push(sequence));
            found.sort_unstable();
            assert_eq!(&found, oracle.0.get(&fingerprint).unwrap_or(&Vec::new()));
        }
        if end == 499_999 {
            assert!(recent.heap_bytes() < full / 100, "{} of {full}", recent.heap_bytes());
        }
    }
    assert_eq!((recent.len(), recent.is_empty(), recent.heap_bytes()), (0, true, 0));
}
