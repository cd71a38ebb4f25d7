//! Verify, and opening: after a clean end, and after a kill with a full active segment.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use stele_engine::io::RealDisk;
use stele_engine::log::{Log, OpenReport};

use super::{Sizes, ingest};
use crate::Failure;
use crate::figures::{Durations, Figure, Report, Unit};
use crate::generate::Generator;

const ROUNDS: usize = 3;
const FILLED: &str = "filled";

/// Recomputes every hash and link of the log.
///
/// # Errors
/// A fault, or a log that is not proved to its end.
pub fn verify(log: &Log, report: &mut Report) -> Result<(), Failure> {
    let start = Instant::now();
    let verdict = log.verify(None, &|_| true)?;
    let took = start.elapsed();
    let size = log.head().size;
    if verdict.proved_to != size || !verdict.faults.is_empty() {
        return Err(
            format!("verify proved {} of {size} events: {:?}", verdict.proved_to, verdict.faults).into()
        );
    }
    report.add(
        "verify",
        format!("{size} events, all hashes and links"),
        vec![ingest::rate("rate", size as f64, took)],
    );
    Ok(())
}

/// Opens a sealed, cleanly closed log.
///
/// # Errors
/// A log that does not open whole.
pub fn sealed(sizes: &Sizes, dir: &Path, report: &mut Report) -> Result<(), Failure> {
    let mut durations = Durations::default();
    for _ in 0..ROUNDS {
        let (log, _) = open(sizes, dir, sizes.events, &mut durations)?;
        log.close()?;
    }
    add(report, format!("{} events, closed cleanly", sizes.events), &mut durations, &OpenReport::default());
    Ok(())
}

/// Opens a log whose process was killed with an active segment that lacks one batch to be full.
///
/// # Errors
/// A log that does not open whole.
pub fn after_kill(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&sizes.dir)?;
    let events = (u64::from(sizes.log.segment_records_max) - 1).min(sizes.events);
    fill_and_kill(sizes, events, dir.path())?;
    let (mut durations, mut first) = (Durations::default(), None);
    for _ in 0..ROUNDS {
        // Dropped without a clean end, so that each round recovers.
        let (_, opened) = open(sizes, dir.path(), events, &mut durations)?;
        first.get_or_insert(opened);
    }
    add(
        report,
        format!("after a kill, {events} events in the active segment"),
        &mut durations,
        &first.unwrap_or_default(),
    );
    Ok(())
}

/// Fills `dir` in a process of its own and kills it: nothing is closed, flushed or dropped.
fn fill_and_kill(sizes: &Sizes, events: u64, dir: &Path) -> Result<(), Failure> {
    let until = jiff::Timestamp::from_nanosecond(i128::from(sizes.until_ns))?;
    let mut child = Command::new(&sizes.this)
        .arg("--fill-and-wait")
        .arg(dir)
        .args(["--events", &events.to_string()])
        .args(["--seed", &sizes.seed.to_string(), "--until", &until.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = String::new();
    let read = child.stdout.take().ok_or("no standard output")?;
    BufReader::new(read).read_line(&mut said)?;
    child.kill()?;
    let status = child.wait()?;
    if said.trim() != FILLED {
        return Err(format!("the filling process did not get there: {status}").into());
    }
    Ok(())
}

/// What the killed process does: fills a log, says so, waits.
///
/// # Errors
/// Any, instead of waiting.
pub fn fill_and_wait(sizes: &Sizes, dir: &Path) -> Result<(), Failure> {
    let log = ingest::create(sizes, dir)?;
    let generator = Generator::new(&sizes.stream(sizes.events));
    ingest::fill(&log, &generator, 0..sizes.events, sizes.until_ns)?;
    println!("{FILLED}");
    loop {
        std::thread::park();
    }
}

fn open(
    sizes: &Sizes,
    dir: &Path,
    events: u64,
    durations: &mut Durations,
) -> Result<(Log, OpenReport), Failure> {
    let start = Instant::now();
    let (log, opened) = Log::open(Arc::new(RealDisk), dir, sizes.log.clone())?;
    durations.push(start.elapsed());
    if !opened.damage.is_empty() || log.head().size != events {
        return Err(
            format!("{} of {events} events after opening: {:?}", log.head().size, opened.damage).into()
        );
    }
    Ok((log, opened))
}

fn add(report: &mut Report, what: String, durations: &mut Durations, opened: &OpenReport) {
    let mut figures = took(durations);
    if !opened.notes.is_empty() {
        figures.push(Figure::new("notes", opened.notes.len() as f64, Unit::Count));
    }
    report.add("open", what, figures);
}

pub(super) fn took(durations: &mut Durations) -> Vec<Figure> {
    vec![
        Figure::new("median", durations.percentile_ms(500), Unit::Ms),
        Figure::new("max", durations.percentile_ms(1000), Unit::Ms),
    ]
}
