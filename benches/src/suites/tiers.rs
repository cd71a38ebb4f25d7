//! Cold segments: what they take on disk, what making them costs beside ingest, and how they answer.

use std::path::Path;
use std::time::{Duration, Instant};

use stele_engine::log::{Log, TierState};

use super::ingest::{self, rate};
use super::{Sizes, queries};
use crate::Failure;
use crate::figures::{Figure, Report, Unit};
use crate::generate::Generator;
use crate::system;

/// All of the suite.
///
/// # Errors
/// A log that does not do what is measured.
pub fn run(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&sizes.dir)?;
    let log = ingest::create(sizes, dir.path())?;
    // Twice the events: one half is made cold while the other comes in.
    let generator = Generator::new(&sizes.stream(sizes.events * 2));
    ingest::fill(&log, &generator, 0..sizes.events, sizes.until_ns)?;
    let chilled = beside_ingest(sizes, &log, &generator, report)?;
    let rest = chill_all(&log)?;
    on_disk(dir.path(), (chilled.events + rest.events) as f64, report)?;
    let asked = Sizes { events: sizes.events * 2, ..sizes.clone() };
    queries::run(&asked, &log, "cold", report)
}

/// What chilling did.
#[derive(Default)]
pub(super) struct Chilled {
    events: u64,
    wall: Duration,
    processor: Duration,
}

pub(super) fn chill_all(log: &Log) -> Result<Chilled, Failure> {
    let mut chilled = Chilled::default();
    loop {
        let (before, start) = (system::thread_time()?, Instant::now());
        let cold = cold_events(log);
        if !log.chill_next(u64::MAX)? {
            return Ok(chilled);
        }
        chilled.processor += system::thread_time()?.saturating_sub(before);
        chilled.wall += start.elapsed();
        chilled.events += cold_events(log) - cold;
    }
}

fn cold_events(log: &Log) -> u64 {
    log.tiers().iter().filter(|range| range.state == TierState::Cold).map(|range| range.events).sum()
}

/// One thread makes segments cold while events come in as fast as they are taken.
fn beside_ingest(
    sizes: &Sizes,
    log: &Log,
    generator: &Generator,
    report: &mut Report,
) -> Result<Chilled, Failure> {
    let (chilled, filled) = std::thread::scope(|scope| -> Result<_, Failure> {
        let chilling =
            scope.spawn(|| -> Result<Chilled, String> { chill_all(log).map_err(|e| e.to_string()) });
        let filled = ingest::fill(log, generator, sizes.events..sizes.events * 2, sizes.until_ns);
        let chilled = chilling.join().map_err(|_| "the chilling thread panicked")??;
        Ok((chilled, filled?))
    })?;
    report.add(
        "tiers",
        "segments made cold by one thread, while events come in",
        vec![
            rate("of a core", chilled.events as f64, chilled.processor),
            rate("by the clock", chilled.events as f64, chilled.wall),
            rate("ingest meanwhile", sizes.events as f64, filled.appended),
        ],
    );
    Ok(chilled)
}

fn on_disk(dir: &Path, events: f64, report: &mut Report) -> Result<(), Failure> {
    let kinds = system::bytes_by_kind(&dir.join("segments"))?;
    let of = |kind: &str| kinds.get(kind).copied().unwrap_or(0) as f64 / events;
    let (data, index) = (of("cold"), of("idx"));
    if data == 0.0 {
        return Err("no segment was made cold".into());
    }
    report.add(
        "tiers",
        "bytes on disk of cold segments",
        vec![
            Figure::new("data", data, Unit::BytesPerEvent),
            Figure::new("all indexes", index, Unit::BytesPerEvent),
            Figure::new("of which h", 32.0, Unit::BytesPerEvent),
            Figure::new("data and indexes, without h", data + index - 32.0, Unit::BytesPerEvent),
        ],
    );
    Ok(())
}
