//! The server under load, over loopback: client and server share the cores.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpStream;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::client::{self, Load};
use super::ingest::{BATCH, rate};
use super::server::{KEY, Server};
use super::wire::{self, Head, Requests};
use super::{Sizes, client::Outcome};
use crate::Failure;
use crate::figures::{Figure, Report, Unit};
use crate::generate::Generator;
use crate::system;

const BULK_CONNECTIONS: usize = 4;
const SINGLE_CONNECTIONS: usize = 64;
/// Requests prepared for each second: more than a server on two cores answers.
const SINGLES_PER_S: f64 = 45_000.0;
const SEALED_WITHIN: Duration = Duration::from_secs(600);
const NDJSON: Head<'_> =
    Head { method: "POST", path: "/v1/events", key: KEY, content_type: "application/x-ndjson" };
const JSON: Head<'_> = Head { content_type: "application/json", ..NDJSON };
const STATIC: Head<'_> = Head { method: "GET", path: "/healthz", key: KEY, content_type: "" };

/// All of the suite, each part on a server of its own.
///
/// # Errors
/// A server that does not start, an answer that is not the expected one.
pub fn run(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    bulk(sizes, report)?;
    singles(sizes, report)
}

/// Bodies of 1,000 lines, made ahead in a file from which the kernel sends them.
pub(super) struct Bodies {
    path: PathBuf,
    /// Where each begins, and the end of the last.
    bounds: Vec<u64>,
}

impl Bodies {
    pub(super) fn write(generator: &Generator, events: u64, dir: &Path) -> Result<Self, Failure> {
        let path = dir.join("bodies.ndjson");
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let (mut bounds, mut body, mut at) = (vec![0], Vec::new(), 0);
        for first in (0..events).step_by(BATCH as usize) {
            body.clear();
            (first..events.min(first + BATCH)).for_each(|index| generator.write(index, &mut body));
            file.write_all(&body)?;
            at += body.len() as u64;
            bounds.push(at);
        }
        // On the disk before the clock starts, so that writing back does not compete with the log.
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(Self { path, bounds })
    }
    fn bytes(&self) -> u64 {
        self.bounds.last().copied().unwrap_or(0)
    }
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.bounds.len() - 1
    }
}

fn bulk(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&sizes.dir)?;
    let generator = Generator::new(&sizes.stream(sizes.http_events));
    let bodies = Bodies::write(&generator, sizes.http_events, dir.path())?;
    let server = Server::start(&sizes.server, dir.path())?;
    let start = Instant::now();
    let (sent, anonymous_kib) = system::watched(&server.process(), || -> Result<Duration, Failure> {
        let accepted = send_all(&server, &bodies, 0..bodies.count(), None)?;
        let acknowledged = start.elapsed();
        if accepted != sizes.http_events {
            return Err(format!("{accepted} of {} events were accepted", sizes.http_events).into());
        }
        wait_until_sealed(&server)?;
        Ok(acknowledged)
    });
    let (acknowledged, sealed) = (sent?, start.elapsed());
    let events = sizes.http_events as f64;
    report.add(
        "http",
        format!("{} events, bodies of {BATCH}, {BULK_CONNECTIONS} connections", sizes.http_events),
        vec![
            rate("acknowledged", events, acknowledged),
            rate("sealed", events, sealed),
            Figure::new("in", bodies.bytes() as f64 / 1e6 / acknowledged.as_secs_f64(), Unit::MbPerS),
            Figure::new("server's anonymous peak", anonymous_kib as f64 / 1024.0, Unit::Mib),
        ],
    );
    Ok(())
}

/// Sends bodies once each, `pace` of them a second or as fast as answers come; returns how many events
/// were accepted.
pub(super) fn send_all(
    server: &Server,
    bodies: &Bodies,
    which: Range<usize>,
    pace: Option<f64>,
) -> Result<u64, Failure> {
    let (next, accepted) = (AtomicUsize::new(which.start), AtomicU64::new(0));
    let begin = Instant::now();
    let due = |at: usize| {
        let after = pace.map_or(0.0, |pace| (at - which.start) as f64 / pace);
        std::thread::sleep(
            (begin + Duration::from_secs_f64(after)).saturating_duration_since(Instant::now()),
        );
    };
    let turn =
        || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < which.end).inspect(|at| due(*at));
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..BULK_CONNECTIONS)
            .map(|_| scope.spawn(|| send_some(server, bodies, &turn, &accepted)))
            .collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| "a sending thread panicked")?)
    })?;
    Ok(accepted.into_inner())
}

fn send_some(
    server: &Server,
    bodies: &Bodies,
    turn: &(dyn Fn() -> Option<usize> + Sync),
    accepted: &AtomicU64,
) -> Result<(), Failure> {
    let mut file = File::open(&bodies.path)?;
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_nodelay(true)?;
    let (mut head, mut buffer) = (Vec::new(), Vec::new());
    loop {
        let Some(&[start, end]) = turn().and_then(|at| bodies.bounds.get(at..at + 2)) else { return Ok(()) };
        head.clear();
        NDJSON.write(end - start, &mut head);
        stream.write_all(&head)?;
        file.seek(SeekFrom::Start(start))?;
        io::copy(&mut (&file).take(end - start), &mut stream)?;
        let answer = wire::read_answer(&mut stream, &mut buffer)?;
        let body = &buffer[answer.head_bytes..];
        match accepted_in(body) {
            Some(count) if answer.status == 200 => accepted.fetch_add(count, Ordering::Relaxed),
            _ => return Err(format!("{}: {}", answer.status, String::from_utf8_lossy(body)).into()),
        };
    }
}

fn accepted_in(body: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(body).ok()?.get("accepted")?.as_u64()
}

fn wait_until_sealed(server: &Server) -> Result<(), Failure> {
    let start = Instant::now();
    while server.metric("stele_log_sealing")? > 0.0 {
        if start.elapsed() > SEALED_WITHIN {
            return Err("segments still wait for their seal".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn singles(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&sizes.dir)?;
    let server = Server::start(&sizes.server, dir.path())?;
    let per_phase = (SINGLES_PER_S * sizes.seconds) as u64;
    let stream = crate::generate::Settings { seed: sizes.seed + 1, ..sizes.stream(2 * per_phase) };
    let generator = Generator::new(&stream);
    let time = Duration::from_secs_f64(sizes.seconds);
    let full = Load { time, pace: None, repeat: false };

    let mut get = Requests::default();
    get.push(&STATIC, b"");
    let mut gets = client::run(server.address, vec![get; SINGLE_CONNECTIONS], Load { repeat: true, ..full })?;
    let mut posts = client::run(server.address, events(&generator, 0..per_phase), full)?;
    let pace = posts.durations.count() as f64 / posts.elapsed.as_secs_f64() / 2.0;
    let half = Load { pace: Some(pace), ..full };
    let mut halves = client::run(server.address, events(&generator, per_phase..2 * per_phase), half)?;
    let connections = format!("{SINGLE_CONNECTIONS} connections");
    report.add("http", format!("GET /healthz, {connections}"), figures(&mut gets));
    report.add("http", format!("POST of single events, {connections}"), figures(&mut posts));
    report.add(
        "http",
        format!("POST of single events at half that rate, {connections}"),
        figures(&mut halves),
    );
    Ok(())
}

/// One event each, shared out over the connections.
fn events(generator: &Generator, indexes: std::ops::Range<u64>) -> Vec<Requests> {
    let mut all = vec![Requests::default(); SINGLE_CONNECTIONS];
    let mut line = Vec::new();
    for index in indexes {
        line.clear();
        generator.write(index, &mut line);
        all[index as usize % SINGLE_CONNECTIONS].push(&JSON, line.trim_ascii_end());
    }
    all
}

fn figures(outcome: &mut Outcome) -> Vec<Figure> {
    let per_s = outcome.durations.count() as f64 / outcome.elapsed.as_secs_f64();
    let mut figures = vec![Figure::new("rate", per_s, Unit::RequestsPerS)];
    figures.extend(outcome.durations.figures());
    figures
}
