//! In-process ingest: two threads normalize and hash, one appends, two do what is due behind it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use stele_engine::io::RealDisk;
use stele_engine::log::{Batch, Log, Outcome};

use super::Sizes;
use super::input::Input;
use crate::Failure;
use crate::figures::{Figure, Report, Unit};
use crate::generate::Generator;
use crate::system;

/// Events of one request.
pub(super) const BATCH: u64 = 1000;
const INPUT_EVENTS_MAX: u64 = 1_000_000;
const PREPARERS: usize = 2;
/// Batches that may wait for the writer.
const QUEUE: usize = 8;

/// What comes before the store, on one core: generating lines, and making canonical events of them.
///
/// # Errors
/// A generated event that is refused.
pub fn input(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let generator = Generator::new(&sizes.stream(sizes.events));
    let events = sizes.events.min(INPUT_EVENTS_MAX);
    let (mut lines, mut bytes) = (Vec::new(), 0);
    let start = Instant::now();
    for index in 0..events {
        lines.clear();
        generator.write(index, &mut lines);
        bytes += lines.len();
    }
    let generated = start.elapsed();
    let mut input = Input::new(&generator, sizes.until_ns);
    let start = Instant::now();
    for first in (0..events).step_by(BATCH as usize) {
        input.events(first..events.min(first + BATCH))?;
    }
    let both = start.elapsed();
    let mean = Figure::new("mean", bytes as f64 / events as f64, Unit::BytesPerEvent);
    report.add("input", "generate, one core", vec![rate("rate", events as f64, generated), mean]);
    let alone = rate("rate", events as f64, both.saturating_sub(generated));
    report.add("input", "parse, validate and make canonical, one core", vec![alone]);
    Ok(())
}

/// Makes a log in `dir`.
pub(super) fn create(sizes: &Sizes, dir: &Path) -> Result<Arc<Log>, Failure> {
    let disk = Arc::new(RealDisk);
    Ok(Arc::new(Log::create(disk, dir, "bench.example/default", [7; 32], sizes.log.clone())?))
}

/// Fills a new log in `dir` with [`Sizes::events`] and reports rates, memory and bytes on disk.
///
/// # Errors
/// An event that is not stored, or any failure of the log.
pub fn run(sizes: &Sizes, dir: &Path, report: &mut Report) -> Result<Arc<Log>, Failure> {
    let log = create(sizes, dir)?;
    let generator = Generator::new(&sizes.stream(sizes.events));
    let (filled, anonymous_kib) =
        system::watched("self", || fill(&log, &generator, 0..sizes.events, sizes.until_ns));
    let filled = filled?;
    if log.head().size < sizes.events {
        return Err(format!("{} of {} events are in the log", log.head().size, sizes.events).into());
    }
    let events = sizes.events as f64;
    let bytes = filled.bytes as f64;
    report.add(
        "ingest",
        format!("{} events in process, batches of {BATCH}, generator included", sizes.events),
        vec![
            rate("acknowledged", events, filled.appended),
            rate("sealed", events, filled.sealed),
            Figure::new("in", bytes / 1e6 / filled.appended.as_secs_f64(), Unit::MbPerS),
            Figure::new("syncs", log.stats().syncs as f64, Unit::Count),
        ],
    );
    let peak_kib = system::memory("self")?.peak_kib;
    report.add(
        "ingest",
        "memory",
        vec![
            Figure::new("anonymous peak", anonymous_kib as f64 / 1024.0, Unit::Mib),
            Figure::new("with mapped files", peak_kib as f64 / 1024.0, Unit::Mib),
        ],
    );
    report.add("ingest", "bytes on disk by kind of file", on_disk(dir, events, bytes)?);
    Ok(log)
}

fn on_disk(dir: &Path, events: f64, raw: f64) -> Result<Vec<Figure>, Failure> {
    let kinds: BTreeMap<String, u64> = system::bytes_by_kind(dir)?;
    let total: u64 = kinds.values().sum();
    let per_event = |name: &str, bytes: f64| Figure::new(name, bytes / events, Unit::BytesPerEvent);
    let mut figures = vec![per_event("sent", raw), per_event("total", total as f64)];
    figures.extend(kinds.iter().map(|(kind, bytes)| per_event(kind, *bytes as f64)));
    Ok(figures)
}

pub(super) fn rate(name: &str, events: f64, took: Duration) -> Figure {
    Figure::new(name, events / took.as_secs_f64().max(1e-9), Unit::EventsPerS)
}

/// How long it took until everything was acknowledged, and until nothing was left to seal or merge.
pub(super) struct Filled {
    pub(super) appended: Duration,
    pub(super) sealed: Duration,
    pub(super) bytes: u64,
}

/// Appends events of a stream and does all background work that they cause.
pub(super) fn fill(
    log: &Log,
    generator: &Generator,
    indexes: std::ops::Range<u64>,
    now_ns: i64,
) -> Result<Filled, Failure> {
    let start = Instant::now();
    let (next, bytes, appending) = (AtomicU64::new(indexes.start), AtomicU64::new(0), AtomicBool::new(true));
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(QUEUE);
        let (next, bytes, appending) = (&next, &bytes, &appending);
        let preparers: Vec<_> = (0..PREPARERS)
            .map(|_| {
                let (sender, input) = (sender.clone(), Input::new(generator, now_ns));
                scope.spawn(move || prepare(log, input, next, indexes.end, bytes, &sender))
            })
            .collect();
        drop(sender);
        let worker = scope.spawn(|| until_idle(appending, || log.work()));
        let zeroer = scope.spawn(|| until_idle(appending, || log.zero_ahead()));
        let appended = append_all(log, receiver, now_ns).map(|()| start.elapsed());
        appending.store(false, Ordering::Release);
        for preparer in preparers {
            preparer.join().map_err(|_| "a preparing thread panicked")??;
        }
        zeroer.join().map_err(|_| "the zeroing thread panicked")??;
        worker.join().map_err(|_| "the working thread panicked")??;
        let sealed = start.elapsed();
        Ok(Filled { appended: appended?, sealed, bytes: bytes.load(Ordering::Relaxed) })
    })
}

fn prepare(
    log: &Log,
    mut input: Input<'_>,
    next: &AtomicU64,
    end: u64,
    bytes: &AtomicU64,
    sender: &SyncSender<Batch>,
) -> Result<(), Failure> {
    loop {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        if first >= end {
            return Ok(());
        }
        let (events, sent_bytes) = input.events(first..end.min(first + BATCH))?;
        bytes.fetch_add(sent_bytes as u64, Ordering::Relaxed);
        // A writer that is gone has failed and says why.
        if sender.send(log.prepare(events, false)).is_err() {
            return Ok(());
        }
    }
}

/// The writer: one sync for all that waits.
fn append_all(log: &Log, batches: Receiver<Batch>, now_ns: i64) -> Result<(), Failure> {
    let mut now_us = u64::try_from(now_ns / 1000)?;
    while let Ok(first) = batches.recv() {
        let mut waiting = vec![first];
        waiting.extend(batches.try_iter());
        now_us += 1;
        for outcomes in log.append(waiting, now_us) {
            if let Some(other) = outcomes?.iter().find(|outcome| !matches!(outcome, Outcome::Stored { .. })) {
                return Err(format!("a new event was not stored: {other:?}").into());
            }
        }
    }
    Ok(())
}

fn until_idle<E>(appending: &AtomicBool, step: impl Fn() -> Result<bool, E>) -> Result<(), E> {
    loop {
        let last = !appending.load(Ordering::Acquire);
        if !step()? {
            if last {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
