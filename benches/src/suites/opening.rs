//! Opening a log of very many segments, first all of them cold, then all of them in the archive.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stele_engine::archive::LocalStore;
use stele_engine::io::RealDisk;
use stele_engine::log::{Log, TierState};

use super::{Sizes, ingest, recovery, tiers};
use crate::Failure;
use crate::figures::{Durations, Figure, Report, Unit};
use crate::generate::Generator;
use crate::system;

/// Small segments: what opening costs is first a matter of their number.
const RECORDS: u32 = 1_000;

/// Events in small segments, at most: a thousand of them.
const EVENTS: u64 = 1_000_000;

const ROUNDS: usize = 5;

/// All of the suite: small segments, a thousand at most, and full ones with all events.
///
/// # Errors
/// A log that does not do what is measured, or does not open whole.
pub fn run(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&sizes.dir)?;
    let small = small(sizes);
    for (kind, sizes) in [("small", &small), ("full", sizes)] {
        let (log, archive) = (dir.path().join(kind), dir.path().join(format!("{kind}-archive")));
        let cold = make_cold(sizes, &log)?;
        report.add("open", format!("{cold} {kind} segments, cold"), measure(sizes, &log)?);
        let archived = move_all(sizes, &log, &archive)?;
        report.add("open", format!("{archived} {kind} segments, archived"), measure(sizes, &log)?);
    }
    Ok(())
}

/// The same with small segments.
fn small(sizes: &Sizes) -> Sizes {
    let mut small = sizes.clone();
    small.events = sizes.events.min(EVENTS);
    small.log.segment_records_max = RECORDS.min(sizes.log.segment_records_max);
    small
}

/// Fills a log, makes all of its segments cold and closes it; returns their number.
pub(super) fn make_cold(sizes: &Sizes, dir: &Path) -> Result<usize, Failure> {
    let log = ingest::create(sizes, dir)?;
    ingest::fill(&log, &Generator::new(&sizes.stream(sizes.events)), 0..sizes.events, sizes.until_ns)?;
    cover(sizes, &log)?;
    tiers::chill_all(&log)?;
    close(&log, TierState::Cold)
}

/// Index events and a checkpoint, without which nothing goes to the archive.
fn cover(sizes: &Sizes, log: &Log) -> Result<(), Failure> {
    let now_us = u64::try_from(sizes.until_ns)? / 1_000;
    while let Some(due) = log.next_index_event(sizes.until_ns, true)? {
        let last = log.indexed()? + 1 >= log.head().size;
        let batch = log.prepare(vec![due], false);
        log.append(vec![batch], now_us).into_iter().collect::<Result<Vec<_>, _>>()?;
        if last {
            break;
        }
    }
    while log.work()? {}
    log.checkpoint(now_us)?;
    Ok(())
}

/// Moves all segments to an archive and closes the log; returns their number.
pub(super) fn move_all(sizes: &Sizes, dir: &Path, archive: &Path) -> Result<usize, Failure> {
    let disk = Arc::new(RealDisk);
    let (log, store) = (Log::open(disk.clone(), dir, sizes.log.clone())?.0, LocalStore::new(disk, archive));
    while log.ship_next(&store, u64::MAX, 0)?.is_some() {}
    while log.drop_next(u64::MAX)?.is_some() {}
    close(&log, TierState::Archived)
}

fn close(log: &Log, state: TierState) -> Result<usize, Failure> {
    let segments = log.tiers().iter().filter(|range| range.state == state).count();
    log.close()?;
    Ok(segments)
}

/// What the process does that opens the log: says how many milliseconds it took, and how many KiB.
///
/// # Errors
/// A log that does not open whole.
pub fn open_and_tell(sizes: &Sizes, dir: &Path) -> Result<(), Failure> {
    let (before, start) = (system::memory("self")?.anonymous_kib, Instant::now());
    let (log, opened) = Log::open(Arc::new(RealDisk), dir, sizes.log.clone())?;
    let took = start.elapsed();
    let kib = system::memory("self")?.anonymous_kib.saturating_sub(before);
    if !opened.damage.is_empty() {
        return Err(format!("damage: {:?}", opened.damage).into());
    }
    println!("{} {kib}", took.as_micros());
    Ok(log.close()?)
}

/// Opens the log a few times, each time in a process of its own: memory that others have left would be used
/// again and not be seen.
fn measure(sizes: &Sizes, dir: &Path) -> Result<Vec<Figure>, Failure> {
    let (mut durations, mut most_kib) = (Durations::default(), 0_u64);
    for _ in 0..ROUNDS {
        let output = Command::new(&sizes.this).arg("--open-and-tell").arg(dir).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let told = said.split_whitespace().map(str::parse::<u64>).collect::<Result<Vec<_>, _>>();
        let Ok([us, kib]) = told.as_deref() else {
            return Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)).into());
        };
        durations.push(Duration::from_micros(*us));
        most_kib = most_kib.max(*kib);
    }
    let mut figures = recovery::took(&mut durations);
    figures.push(Figure::new("anonymous memory", most_kib as f64 / 1024.0, Unit::Mib));
    Ok(figures)
}
