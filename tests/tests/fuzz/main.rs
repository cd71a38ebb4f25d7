//! Every parser on its seeds and on cheap mutations of them, in every test run.
//!
//! The long form is `tests/fuzz.sh`, which searches by coverage; what it finds goes into
//! `fuzz/seeds/<target>/` and is replayed here from then on.

#[path = "../../../fuzz/harness/mod.rs"]
#[expect(dead_code, reason = "running a target by its name is for the fuzz targets")]
mod harness;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use stele_tests::Random;

use harness::{TARGETS, Target};

const MUTATIONS: u64 = 10_000;

fn seeds_dir(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target.name)
}

/// The seeds that the engine makes now, and the ones that are kept. `STELE_WRITE_SEEDS=1` writes the
/// former beside the latter, for the search by coverage.
fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let dir = seeds_dir(target);
    let made = (target.seeds)();
    if std::env::var_os("STELE_WRITE_SEEDS").is_some() {
        fs::create_dir_all(&dir).expect("a folder for seeds");
        for (i, seed) in made.iter().enumerate() {
            fs::write(dir.join(format!("made-{i}")), seed).expect("a seed is written");
        }
    }
    let kept = fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut kept: Vec<_> = kept.map(|entry| entry.expect("a readable folder").path()).collect();
    kept.sort();
    assert!(!kept.is_empty(), "{} holds no seeds", dir.display());
    made.into_iter().chain(kept.iter().map(|path| fs::read(path).expect("a readable seed"))).collect()
}

const INTERESTING: [u8; 16] =
    [0, 1, 4, 7, 8, 16, 0x7f, 0x80, 0xff, b'"', b'\\', b'{', b'}', b'[', b'0', b'-'];

fn mutate(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seeds[random.place(seeds.len())].clone();
    for _ in 0..=random.place(4) {
        let at = random.place(data.len() + 1);
        let end = (at + 1 + random.place(16)).min(data.len());
        match random.place(7) {
            0 if at < data.len() => data[at] ^= 1 << random.place(8),
            1 if at < data.len() => data[at] = INTERESTING[random.place(INTERESTING.len())],
            2 => data.insert(at, INTERESTING[random.place(INTERESTING.len())]),
            3 if at < end => drop(data.drain(at..end)),
            4 if at < end => {
                let copy = data[at..end].to_vec();
                let to = random.place(data.len() + 1);
                data.splice(to..to, copy);
            }
            5 => data.truncate(at),
            6 => {
                let other = &seeds[random.place(seeds.len())];
                let from = random.place(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            _ => {}
        }
    }
    data
}

fn survives(target: &Target, input: &[u8]) {
    if catch_unwind(|| (target.run)(input)).is_err() {
        panic!("{} fails on {} bytes: {}", target.name, input.len(), input.escape_ascii());
    }
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of the table");
    let seeds = seeds(target);
    assert!(!(target.seeds)().is_empty(), "the engine makes sound inputs for {name}");
    for seed in &seeds {
        survives(target, seed);
        for len in (0..seed.len()).step_by(1 + seed.len() / 200) {
            survives(target, &seed[..len]);
        }
    }
    let mut random = Random(name.len() as u64);
    for _ in 0..MUTATIONS {
        survives(target, &mutate(&seeds, &mut random));
    }
}

/// One test a target, so that they run side by side and a finding has its name.
macro_rules! replays {
    ($($name:ident),*) => {
        $(#[test] fn $name() { replay(stringify!($name)); })*
        #[test]
        fn every_target_is_replayed() {
            let mut replayed = [$(stringify!($name)),*];
            let mut known = TARGETS.map(|target| target.name);
            replayed.sort_unstable();
            known.sort_unstable();
            assert_eq!(replayed, known);
        }
    };
}

replays!(
    normalize, fields, cursor, body, query, language, frames, sections, catalog, ids, index, report, notes
);
