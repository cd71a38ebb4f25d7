//! The logs of the campaign, on a simulated disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use stele_engine::dedup::Locator;
use stele_engine::event::{Event, Fields, Limits, Receipt, Taxonomy, id_and_time, normalize, own};
use stele_engine::ids::Secret;
use stele_engine::io::SimDisk;
use stele_engine::log::{Log, Options, Outcome};
use stele_engine::proof::{Checkpoint, ENTRY_BYTES};
use stele_engine::record::SaltKey;
use stele_engine::tags::{EVENT_TYPE, EpochBuilder, Statement, TagKeys};

/// Where every log lies.
pub const DIR: &str = "data/log";
const SECRET: [u8; 32] = [7; 32];
const NOW_US: u64 = 1_700_000_000_000_000;
/// The record that [`rewritten`] has otherwise.
pub const REWRITTEN: u64 = 500;
/// Events appended in one go, over and over.
const BATCHES: [u64; 7] = [1, 60, 17, 3, 44, 2, 29];
/// Records of the finished log, but for index events.
const EVENTS: u64 = 1_150;

/// A directory.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The log that is changed.
pub struct Golden {
    /// Its files, closed in order.
    pub files: Files,
    /// The same at an earlier clean shutdown.
    pub older: Files,
    /// A log of the same shape with another name, secret and key.
    pub foreign: Files,
    /// Records.
    pub size: u64,
    /// Chain hash of the last one.
    pub head: [u8; 32],
    /// Every checkpoint.
    pub signed: Vec<Checkpoint>,
    /// The newest one.
    pub last: Checkpoint,
}

impl Golden {
    /// Data files of sealed segments: those that have an index.
    pub fn sealed(&self) -> Vec<&PathBuf> {
        let sealed = |path: &&PathBuf| path.extension().is_some_and(|e| e == "log") && self.is_sealed(path);
        self.files.keys().filter(sealed).collect()
    }

    /// True for a data file with an index beside it.
    pub fn is_sealed(&self, path: &Path) -> bool {
        self.files.contains_key(&path.with_extension("idx"))
    }
}

/// The last part of a path.
pub fn name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).expect("a file has a name").to_owned()
}

/// Made once.
pub fn golden() -> &'static Golden {
    static GOLDEN: OnceLock<Golden> = OnceLock::new();
    GOLDEN.get_or_init(|| {
        let mut making = Making::new("example.com/stele/golden", SECRET);
        making.grow(700);
        making.index(None);
        let older = making.restart();
        making.grow(EVENTS);
        making.index(None);
        let (size, head) = (making.log.head().size, making.log.head().hash);
        making.close();
        let foreign = {
            let mut making = Making::new("example.com/stele/others", [9; 32]);
            making.grow(EVENTS);
            making.close();
            files(&making.disk)
        };
        let last = making.signed.last().expect("some are signed").clone();
        let golden =
            Golden { files: files(&making.disk), older, foreign, size, head, signed: making.signed, last };
        assert!(golden.sealed().len() >= 3, "{} sealed segments", golden.sealed().len());
        assert!(golden.signed.len() > 15 && golden.last.size == size);
        golden
    })
}

/// The golden log made anew by someone who has its key, with one record changed.
pub fn rewritten() -> Files {
    let mut making = Making::with_key_of("example.com/stele/golden", SECRET, &golden().files);
    making.changed = Some(REWRITTEN);
    making.grow(700);
    making.index(None);
    making.restart();
    making.grow(EVENTS);
    making.index(None);
    making.close();
    files(&making.disk)
}

/// A log whose writer was killed, and every checkpoint that was signed.
pub fn killed() -> (Files, Vec<Checkpoint>) {
    let mut making = Making::new("example.com/stele/killed", SECRET);
    making.grow(200);
    making.sign();
    (files(&making.disk.after_kill()), making.signed)
}

/// The log with the first `kept` of its checkpoints alone.
pub fn with_checkpoints(files: &Files, kept: usize) -> Files {
    let mut files = files.clone();
    if let Some(bytes) = files.get_mut(&Path::new(DIR).join("checkpoints")) {
        bytes.truncate(16 + kept * ENTRY_BYTES);
    }
    files
}

/// A whole log whose second index event leaves something out.
pub fn falsely_indexed() -> Files {
    let mut making = Making::new("example.com/stele/false", SECRET);
    making.grow(700);
    making.index(None);
    making.index(Some(310));
    making.close();
    files(&making.disk)
}

/// A whole log with an index event beside the row: whoever has the secret can add one.
pub fn doubly_indexed() -> Files {
    let mut making = Making::new("example.com/stele/double", SECRET);
    making.grow(700);
    making.index(None);
    let row = std::mem::replace(&mut making.indexed, (20, Some(5)));
    making.index(Some(30));
    making.indexed = row;
    making.index(None);
    making.close();
    files(&making.disk)
}

/// The second id file with another id at one sequence, its hashes made anew.
pub fn forged_ids(golden: &Golden, sequence: u64) -> (PathBuf, Vec<u8>) {
    let disk = SimDisk::new();
    golden.files.iter().for_each(|(path, bytes)| disk.put(path, bytes.clone()));
    let (log, _) = Log::open_read_only(Arc::new(disk), Path::new(DIR)).expect("it opens");
    let salts = SaltKey::new(&Secret::new(SECRET));
    let fingerprint = |at: u64| {
        let record = log.record(at).expect("it reads").expect("it is there");
        let (id, _) = id_and_time(&record.body).expect("an event");
        salts.salted(if at == sequence { "another" } else { id }).fingerprint
    };
    let fingerprints: Vec<u64> = (300..600).map(fingerprint).collect();
    let made = SimDisk::new();
    let dir = Path::new(DIR).join("ids");
    let (locator, _) = Locator::open(Arc::new(made.clone()), &dir).expect("an empty folder");
    locator.add(300, &fingerprints).expect("it is written");
    let path = made.files().remove(0);
    let bytes = made.contents(&path);
    (path, bytes)
}

fn files(disk: &SimDisk) -> Files {
    disk.files().into_iter().map(|path| (path.clone(), disk.contents(&path))).collect()
}

struct Making {
    disk: SimDisk,
    log: Log,
    now_us: u64,
    signed: Vec<Checkpoint>,
    changed: Option<u64>,
    events: u64,
    /// Where the next index event begins, and where the one before stands.
    indexed: (u64, Option<u64>),
}

fn options() -> Options {
    Options { segment_records_max: 300, ..Options::default() }
}

impl Making {
    fn new(origin: &str, secret: [u8; 32]) -> Self {
        let disk = SimDisk::new();
        let log = Log::create(Arc::new(disk.clone()), Path::new(DIR), origin, secret, options());
        let log = log.expect("a new log");
        Self { disk, log, now_us: NOW_US, signed: Vec::new(), changed: None, events: 0, indexed: (0, None) }
    }

    fn with_key_of(origin: &str, secret: [u8; 32], files: &Files) -> Self {
        let made = Self::new(origin, secret);
        made.log.close().expect("it closes");
        let key = Path::new(DIR).join("key");
        made.disk.put(&key, files[&key].clone());
        let disk = made.disk.clone();
        Self { log: open(&disk), ..made }
    }

    fn append(&mut self, events: Vec<Event>) -> u64 {
        self.now_us += 1_000_003;
        let batch = self.log.prepare(events, false);
        let outcomes = self.log.append(vec![batch], self.now_us).remove(0).expect("it is stored");
        match outcomes.last() {
            Some(Outcome::Stored { sequence, .. }) => *sequence,
            other => panic!("{other:?}"),
        }
    }

    /// Appends until there are so many events, with checkpoints and background work between.
    fn grow(&mut self, to: u64) {
        let mut batches = BATCHES.iter().cycle();
        let mut step = 0;
        while self.events < to {
            let count = (*batches.next().expect("endless")).min(to - self.events);
            let (first, changed) = (self.events, self.changed);
            self.append((first..first + count).map(|n| event(n, changed == Some(n))).collect());
            self.events += count;
            step += 1;
            if step % 2 == 0 {
                self.sign();
            }
            while self.log.work().expect("background work") {}
        }
    }

    /// An index event over 300 records; it leaves one record out.
    fn index(&mut self, left_out: Option<u64>) {
        let (a, before) = self.indexed;
        let b = a + 300;
        let mut builder = EpochBuilder::new(TagKeys::new(&Secret::new(SECRET), a));
        for sequence in (a..b).filter(|&sequence| Some(sequence) != left_out) {
            let record = self.log.record(sequence).expect("it reads").expect("it is there");
            builder.add((sequence - a) as u32, &Fields::scan(&record.body).expect("an event"));
        }
        let said = Statement::of(&builder.finish(), a, b, before);
        let now_ns = self.now_us as i64 * 1_000;
        let (actor, resource) = (r#"{"type":"system","id":"stele"}"#, r#"{"type":"log","id":"log"}"#);
        let event =
            own(EVENT_TYPE, &said.event_id(), now_ns, actor, resource, "index", "success", &said.metadata());
        let sequence = self.append(vec![event.expect("an event of the log")]);
        self.indexed = (b, Some(sequence));
    }

    fn sign(&mut self) {
        let signed = self.log.checkpoint(self.now_us).expect("it signs");
        self.signed.push(signed.checkpoint.clone());
    }

    /// Closes the log and opens it again; returns its files between.
    fn restart(&mut self) -> Files {
        self.close();
        let closed = files(&self.disk);
        self.log = open(&self.disk);
        closed
    }

    fn close(&mut self) {
        self.sign();
        self.log.close().expect("it closes");
    }
}

fn open(disk: &SimDisk) -> Log {
    let (log, report) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).expect("it opens");
    assert_eq!((report.notes, report.damage), (Vec::new(), Vec::new()));
    log
}

fn event(n: u64, changed: bool) -> Event {
    let padding = "x".repeat((n * 37 % 190) as usize);
    let action = if changed { "delete" } else { "update" };
    let raw = format!(
        r#"{{"event_id":"evt-{n}","timestamp":"2023-11-14T00:{:02}:00Z","event_type":"agent.updated","actor":{{"type":"user","id":"usr_{}"}},"resource":{{"type":"agent","id":"agt_{}"}},"action":"{action}","status":"success","metadata":{{"note":"{padding}"}}}}"#,
        n % 60,
        n % 7,
        n % 13
    );
    let now_ns = NOW_US as i64 * 1_000;
    let receipt = Receipt { now_ns, ip_address: None, user_agent: None, new_id: &|| unreachable!() };
    normalize(raw.as_bytes(), &receipt, &Taxonomy::default(), &Limits::default()).expect("an event")
}
