//! What a writer does, step by step, with a ledger of what it was promised.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use stele_engine::error::StoreError;
use stele_engine::io::SimDisk;
use stele_engine::log::{Log, OpenReport, Options, Outcome};

use crate::events::{COUNT, event};

/// Where the log lies on the simulated disk.
pub const DIR: &str = "data/log";
/// Its name.
pub const ORIGIN: &str = "example.com/stele/crash";
const SECRET: [u8; 32] = [42; 32];

/// Segments of eight records: ten seals and a merge of id files in one small workload.
pub fn options() -> Options {
    Options { segment_records_max: 8, ..Options::default() }
}

/// What was sent, and what was acknowledged, by number of the event.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub sent: BTreeSet<usize>,
    pub acknowledged: BTreeMap<usize, (u64, [u8; 32])>,
}

impl Ledger {
    fn take(&mut self, n: usize, outcome: &Outcome) {
        let place = match *outcome {
            Outcome::Stored { sequence, hash } | Outcome::Duplicate { sequence, hash, .. } => {
                (sequence, hash)
            }
            ref other => panic!("event {n} got {other:?}"),
        };
        if let Some(before) = self.acknowledged.insert(n, place) {
            assert_eq!(before, place, "event {n} was acknowledged twice, with different places");
            assert!(matches!(outcome, Outcome::Duplicate { .. }), "event {n} was stored twice");
        }
    }
}

/// One thing a process does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Batches of events in one group commit.
    Append(Vec<Range<usize>>),
    /// One step of background work.
    Work,
    /// Background work until none is due, and a checkpoint.
    Settle,
    /// The data of the oldest sealed segment made cold.
    Chill,
    /// Close and open again.
    Restart,
    /// Open again without closing: the process was killed.
    Kill,
}

/// The whole workload.
pub fn script() -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = 0;
    let mut turn = 0;
    while at < COUNT {
        let batches = [1, 3, 2, 5, 1, 9][turn % 6];
        let middle = (at + batches).min(COUNT);
        let end = (middle + turn % 3).min(COUNT);
        let mut group = vec![at..middle];
        if end > middle {
            group.push(middle..end);
        }
        if turn % 4 == 3 {
            // A client that repeats what was answered already.
            group.push(at.saturating_sub(3)..at);
        }
        steps.push(Step::Append(group));
        match turn % 7 {
            2 => steps.push(Step::Settle),
            3 => steps.push(Step::Kill),
            5 => steps.push(Step::Restart),
            6 => steps.push(Step::Append(vec![0..at.min(4)])),
            4 => steps.push(Step::Chill),
            _ => steps.push(Step::Work),
        }
        (at, turn) = (end, turn + 1);
    }
    steps.push(Step::Settle);
    steps
}

/// A process with the log open.
pub struct Process {
    pub disk: SimDisk,
    pub log: Log,
    pub now_us: u64,
}

impl Process {
    /// Makes the log, or what an interrupted attempt left of it.
    pub fn create(disk: &SimDisk) -> Result<Self, StoreError> {
        let shared = Arc::new(disk.clone());
        let log = Log::create(shared, Path::new(DIR), ORIGIN, SECRET, options())?;
        Ok(Self { disk: disk.clone(), log, now_us: 1_790_000_100_000_000 })
    }

    /// Opens the log that is there.
    pub fn open(disk: &SimDisk) -> Result<(Self, OpenReport), StoreError> {
        let (log, report) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options())?;
        Ok((Self { disk: disk.clone(), log, now_us: 1_790_000_200_000_000 }, report))
    }

    /// Sends batches, all in one group commit, and enters the answers.
    pub fn append(&mut self, group: &[Range<usize>], ledger: &mut Ledger) -> Result<(), StoreError> {
        ledger.sent.extend(group.iter().cloned().flatten());
        let prepare = |batch: &Range<usize>| self.log.prepare(batch.clone().map(event).collect(), false);
        let batches: Vec<_> = group.iter().filter(|batch| !batch.is_empty()).map(prepare).collect();
        self.now_us += 1000;
        let answers = self.log.append(batches, self.now_us);
        let sent = group.iter().filter(|batch| !batch.is_empty());
        let mut failure = None;
        for (batch, answer) in sent.zip(answers) {
            match answer {
                Ok(outcomes) => {
                    assert_eq!(outcomes.len(), batch.len(), "one outcome for each event");
                    batch.clone().zip(&outcomes).for_each(|(n, outcome)| ledger.take(n, outcome));
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Background work until none is due.
    pub fn settle(&self) -> Result<(), StoreError> {
        for _ in 0..1000 {
            if !self.log.work()? {
                return Ok(());
            }
        }
        panic!("background work never ends");
    }

    /// One step; a restart replaces the process.
    pub fn step(&mut self, step: &Step, ledger: &mut Ledger) -> Result<(), StoreError> {
        match step {
            Step::Append(group) => self.append(group, ledger),
            Step::Work => self.log.work().map(|_| ()),
            Step::Settle => {
                self.settle()?;
                self.log.checkpoint(self.now_us).map(|_| ())
            }
            Step::Chill => self.log.chill_next(u64::MAX).map(|_| ()),
            Step::Restart => {
                self.log.close()?;
                self.reopen()
            }
            Step::Kill => self.reopen(),
        }
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        let (next, report) = Self::open(&self.disk)?;
        assert_eq!(report.damage, [""; 0], "nothing is damaged");
        let now_us = self.now_us;
        *self = next;
        self.now_us = now_us;
        Ok(())
    }
}

/// Makes the log and runs the whole script, to the end or to the first failure.
pub fn run(disk: &SimDisk, ledger: &mut Ledger) -> Result<(), StoreError> {
    let mut process = Process::create(disk)?;
    script().iter().try_for_each(|step| process.step(step, ledger))?;
    process.log.close()
}

/// What every client does after a crash: sends everything again.
pub fn resend(process: &mut Process, ledger: &mut Ledger) -> Result<(), StoreError> {
    for first in (0..COUNT).step_by(11) {
        process.append(&[first..(first + 11).min(COUNT)], ledger)?;
        process.log.work()?;
    }
    process.settle()
}
