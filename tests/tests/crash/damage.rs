//! Damage done while nothing runs: flipped bits, cut, exchanged and missing files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use stele_engine::io::SimDisk;
use stele_engine::log::Search;
use stele_engine::query::{Budget, Filter, Order};
use stele_engine::record::Record;

use crate::events::{COUNT, id, time_ns};
use crate::soak;
use crate::workload::{Ledger, Process, run};

/// The finished log of the workload: its files, and the records that it must show.
struct Golden {
    files: BTreeMap<PathBuf, Vec<u8>>,
    records: Vec<Record>,
}

fn golden() -> &'static Golden {
    static GOLDEN: OnceLock<Golden> = OnceLock::new();
    GOLDEN.get_or_init(|| {
        let disk = SimDisk::new();
        run(&disk, &mut Ledger::default()).expect("the workload runs");
        let (process, _) = Process::open(&disk.after_kill()).expect("it opens");
        let everything = Filter { own: true, ..Filter::default() }.scope();
        let (records, _) =
            process.log.read_from(0, &everything, COUNT, &Budget::unlimited()).expect("it reads");
        assert_eq!(records.len(), COUNT);
        let files = disk.files().into_iter().map(|path| (path.clone(), disk.contents(&path))).collect();
        Golden { files, records }
    })
}

/// A disk with the finished log, closed cleanly.
fn disk() -> SimDisk {
    let disk = SimDisk::new();
    for (path, bytes) in &golden().files {
        disk.put(path, bytes.clone());
    }
    disk
}

/// What a reader met, over everything it tried.
#[derive(Default)]
struct Seen {
    /// Notes, damage, errors and faults: all that was said.
    said: Vec<String>,
    /// Events that could not be shown.
    withheld: usize,
}

impl Seen {
    fn names(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a file has a name");
        self.said.iter().any(|line| line.contains(name))
    }
}

/// Opens a damaged log and reads all of it, in every way. Answers may be missing with an error; none
/// may be wrong.
fn look(disk: &SimDisk) -> Seen {
    let mut seen = Seen::default();
    let process = match Process::open(disk) {
        Ok((process, report)) => {
            seen.said.extend(report.notes);
            seen.said.extend(report.damage);
            process
        }
        Err(error) => {
            seen.said.push(error.to_string());
            seen.withheld = COUNT;
            return seen;
        }
    };
    match process.log.settle() {
        Ok(notes) => seen.said.extend(notes),
        Err(error) => seen.said.push(error.to_string()),
    }
    seen.said.extend(process.log.damage());
    let told = !seen.said.is_empty();
    by_id(&process, told, &mut seen);
    by_sequence(&process, &mut seen);
    by_search(&process, told, &mut seen);
    match process.log.verify(None, &|_| true) {
        Ok(verdict) => {
            let proved = verdict.proved_to as usize;
            assert!(proved <= COUNT, "nothing is proved that is not there");
            seen.said
                .extend(verdict.faults.iter().map(|f| format!("{} at {}: {}", f.file, f.offset, f.detail)));
        }
        Err(error) => seen.said.push(error.to_string()),
    }
    seen
}

fn by_id(process: &Process, told: bool, seen: &mut Seen) {
    for record in &golden().records {
        let n = crate::events::number_of(&record.body).expect("of the workload");
        match process.log.find(&id(n)) {
            Ok(Some(found)) => assert_eq!(&found, record, "a wrong answer for {}", id(n)),
            Ok(None) => {
                assert!(told, "{} is not found, and nobody was told of damage", id(n));
                seen.withheld += 1;
            }
            Err(error) => {
                seen.said.push(error.to_string());
                seen.withheld += 1;
            }
        }
    }
}

fn by_sequence(process: &Process, seen: &mut Seen) {
    let everything = Filter { own: true, ..Filter::default() }.scope();
    for sequence in 0..process.log.head().size {
        match process.log.read_from(sequence, &everything, 1, &Budget::unlimited()) {
            Ok((records, _)) => {
                for record in records {
                    let expected = golden().records.get(record.sequence as usize);
                    assert_eq!(Some(&record), expected, "a wrong answer for sequence {sequence}");
                }
            }
            Err(error) => seen.said.push(error.to_string()),
        }
    }
}

fn by_search(process: &Process, told: bool, seen: &mut Seen) {
    for n in 0..3 {
        let scope = Filter { actor_id: vec![format!("usr_{n}")], ..Filter::default() }.scope();
        let search = Search { scope, order: Order::Desc, limit: COUNT, after: None, head: None, count: true };
        let wanted = |record: &&Record| {
            let number = crate::events::number_of(&record.body).expect("of the workload");
            number % 7 == n
        };
        let mut expected: Vec<_> = golden().records.iter().filter(wanted).collect();
        expected.sort_by_key(|r| {
            (time_ns(crate::events::number_of(&r.body).expect("of the workload")), r.sequence)
        });
        expected.reverse();
        match process.log.search(&search, &Budget::unlimited()) {
            Ok(found) => {
                let missing = expected.len() - found.records.len();
                assert!(missing == 0 || told, "{missing} hits are missing, and nobody was told of damage");
                let mut expected = expected.into_iter();
                for record in &found.records {
                    assert!(expected.any(|e| e == record), "a wrong hit: {record:?}");
                }
                if missing == 0 {
                    assert_eq!(found.matched, Some(found.records.len() as u64));
                }
            }
            Err(error) => seen.said.push(error.to_string()),
        }
    }
}

fn is_derived(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "idx")
        || path.components().any(|c| c.as_os_str() == "ids")
        || path.ends_with("tree")
}

/// First sequence after the last record of the data file; `None` for other files.
fn records_of(path: &Path) -> Option<(usize, usize)> {
    let first = |path: &Path| {
        let data = path.extension()? == "log";
        path.file_stem()?.to_str()?.parse::<usize>().ok().filter(|_| data)
    };
    let mine = first(path)?;
    let next = golden().files.keys().filter_map(|p| first(p)).filter(|&f| f > mine).min();
    Some((mine, next.unwrap_or(COUNT)))
}

/// What was done to which file must be told, and must not hide what other files hold.
fn told_and_contained(seen: &Seen, path: &Path, what: &str) {
    // Nobody knows the name of an id file that is gone, only whose ids had to be made again.
    let made_again = is_derived(path) && seen.withheld == 0 && seen.names(Path::new("ids made again"));
    let named = seen.names(path) || made_again;
    assert!(named, "{what}: nothing names {}; said: {:?}", path.display(), seen.said);
    if is_derived(path) {
        assert!(seen.withheld <= 8, "{what}: a derived file hides {} events", seen.withheld);
    } else if let Some((first, end)) = records_of(path) {
        assert!(seen.withheld <= end - first, "{what}: {} events are hidden: {:?}", seen.withheld, seen.said);
    }
}

/// Bytes of a file that hold something: written-ahead zeros at the end hold nothing.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1)
}

/// Bytes to damage: all, or the edges and some between.
fn positions(len: usize) -> Vec<usize> {
    const SHORT: usize = 24;
    if soak() || len <= SHORT * 2 {
        return (0..len).collect();
    }
    let edges = (0..SHORT / 4).chain(len - SHORT / 4..len);
    let mut all: Vec<usize> =
        edges.chain((1..SHORT).map(|i| i * len / SHORT + i)).filter(|&p| p < len).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Goal: a flipped bit anywhere is named, nothing panics, no answer is wrong, and undamaged segments
/// are read as before.
/// Method: flip a bit at a time in the finished log, open it, read it in every way.
#[test]
fn a_flipped_bit_anywhere_is_named_and_gives_no_wrong_answer() {
    let mut silent = Vec::new();
    for (path, bytes) in &golden().files {
        for at in positions(used(bytes)) {
            let bit = at as u64 * 8 + (at as u64 * 5 + 3) % 8;
            let disk = disk();
            disk.flip(path, bit);
            let seen = look(&disk);
            if !seen.names(path) {
                silent.push(format!("{} byte {at}; said: {:?}", path.display(), seen.said));
                continue;
            }
            told_and_contained(&seen, path, &format!("bit {bit} of {}", path.display()));
        }
    }
    assert!(silent.is_empty(), "{} flips went unnamed:\n{}", silent.len(), silent.join("\n"));
}

#[test]
fn a_bit_in_the_zeros_ahead_gives_no_wrong_answer() {
    for (path, bytes) in &golden().files {
        let used = used(bytes);
        for at in [used, used + 7, used + 500, bytes.len().saturating_sub(1)] {
            if at >= used && at < bytes.len() {
                let disk = disk();
                disk.flip(path, at as u64 * 8);
                let seen = look(&disk);
                assert_eq!(seen.withheld, 0, "zeros hold no events: {:?}", seen.said);
            }
        }
    }
}

#[test]
fn a_file_cut_short_is_named_and_gives_no_wrong_answer() {
    for (path, bytes) in &golden().files {
        let used = used(bytes);
        let many = if soak() { 64 } else { 6 };
        let mut lens: Vec<usize> = (0..many).map(|i| i * used / many).collect();
        lens.push(used - 1);
        for len in lens {
            let disk = disk();
            disk.truncate(path, len as u64);
            let seen = look(&disk);
            told_and_contained(&seen, path, &format!("{} cut to {len} of {used}", path.display()));
        }
    }
}

#[test]
fn a_missing_file_is_named_and_gives_no_wrong_answer() {
    for path in golden().files.keys() {
        let disk = disk();
        disk.delete(path);
        let seen = look(&disk);
        told_and_contained(&seen, path, &format!("{} missing", path.display()));
    }
}

/// One of the two is named: each is a sound file in the wrong place.
#[test]
fn exchanged_files_are_named_and_give_no_wrong_answer() {
    let files: Vec<&PathBuf> = golden().files.keys().collect();
    for (i, one) in files.iter().enumerate() {
        for other in &files[i + 1..] {
            let same_kind = one.extension() == other.extension() && one.parent() == other.parent();
            if !same_kind && !soak() {
                continue;
            }
            let disk = disk();
            disk.swap(one, other);
            let seen = look(&disk);
            let named = seen.names(one) || seen.names(other);
            assert!(named, "{} and {} exchanged: {:?}", one.display(), other.display(), seen.said);
        }
    }
}

/// Goal: what is derived can be made again: with every index and id file gone the log is whole.
#[test]
fn all_derived_files_missing_are_made_again() {
    let disk = disk();
    let derived: Vec<_> = golden().files.keys().filter(|path| is_derived(path)).collect();
    assert!(derived.len() > 3, "the workload leaves derived files: {derived:?}");
    derived.iter().for_each(|path| disk.delete(path));
    let seen = look(&disk);
    assert_eq!(seen.withheld, 0, "{:?}", seen.said);
    let now = disk.files();
    let indexes = derived.iter().filter(|path| path.extension().is_some_and(|e| e == "idx"));
    indexes.for_each(|path| assert!(now.contains(path), "{} is not made again", path.display()));
    assert!(now.iter().any(|path| path.extension().is_some_and(|e| e == "ids")), "{now:?}");
    let seen = look(&disk);
    assert_eq!((seen.withheld, seen.said), (0, vec![]), "the second opening finds nothing amiss");
}
