//! What custody costs: checkpoints while the log grows, and verification beside ingest.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::http::{Bodies, send_all};
use super::ingest::{self, BATCH, rate};
use super::server::{KEY, Server};
use super::wire::{self, Head};
use super::{Sizes, recovery};
use crate::Failure;
use crate::figures::{Durations, Figure, Report, Unit};
use crate::generate::Generator;
use crate::system;

/// Events between two checkpoints: a second of the rate that the goal names.
const EVENTS_A_CHECKPOINT: u64 = 100_000;
/// Between two searches beside the load.
const SEARCH_EVERY: Duration = Duration::from_millis(20);
const SEARCH: Head<'_> = Head {
    method: "GET",
    path: "/v1/events?q=category:api%20status:failure&limit=50",
    key: KEY,
    content_type: "",
};
const VERIFY: Head<'_> =
    Head { method: "POST", path: "/v1/chain/verify", key: KEY, content_type: "application/json" };

/// All of the suite.
///
/// # Errors
/// A log or server that does not do what is measured.
pub fn run(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    checkpoints(sizes, report)?;
    beside_ingest(sizes, report)
}

/// Tree, root, signature and sync of one checkpoint for 100,000 new events: what it takes of a core when
/// they come within a second.
fn checkpoints(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&sizes.dir)?;
    let log = ingest::create(sizes, dir.path())?;
    let generator = Generator::new(&sizes.stream(sizes.events));
    let step = EVENTS_A_CHECKPOINT.min(sizes.events);
    let (mut took, mut signed) = (Duration::ZERO, 0);
    for first in (0..sizes.events / step).map(|round| round * step) {
        ingest::fill(&log, &generator, first..first + step, sizes.until_ns)?;
        let before = system::thread_time()?;
        let checkpoint = log.checkpoint(sizes.until_ns.unsigned_abs() / 1000)?;
        took += system::thread_time()?.saturating_sub(before);
        if checkpoint.checkpoint.size != first + step {
            return Err(format!("the checkpoint is of {} events", checkpoint.checkpoint.size).into());
        }
        signed += 1;
    }
    let each = took.as_secs_f64() / f64::from(signed);
    let at_rate = each * EVENTS_A_CHECKPOINT as f64 / step as f64;
    report.add(
        "custody",
        format!("a checkpoint over {step} new events, their tree hashed before"),
        vec![
            Figure::new("processor time", each * 1e3, Unit::Ms),
            Figure::new("of a core at 100,000 events/s", at_rate * 100.0, Unit::Percent),
        ],
    );
    recovery::verify(&log, report)
}

/// Ingest at half of what the server takes, alone and beside verifications of the whole log.
fn beside_ingest(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&sizes.dir)?;
    let generator = Generator::new(&sizes.stream(sizes.http_events));
    let bodies = Bodies::write(&generator, sizes.http_events, dir.path())?;
    let server = Server::start(&sizes.server, dir.path())?;
    let (full, alone) = (bodies.count() / 4, bodies.count() * 5 / 8);
    let sent = |which: std::ops::Range<usize>, pace| -> Result<f64, Failure> {
        let (start, count) = (Instant::now(), which.len() as f64);
        send_all(&server, &bodies, which, pace)?;
        Ok(count / start.elapsed().as_secs_f64())
    };
    let most = sent(0..full, None)?;
    let half = Some(most / 2.0);
    let (alone_rate, mut searches_alone, _) = watched(&server, false, || sent(full..alone, half))?;
    let (beside_rate, mut searches, checked) = watched(&server, true, || sent(alone..bodies.count(), half))?;
    let events = |bodies: f64| bodies * BATCH as f64;
    let took = Duration::from_secs_f64((bodies.count() - alone) as f64 / beside_rate);
    report.add(
        "custody",
        "ingest at half load beside verifications of the whole log",
        vec![
            Figure::new("alone", events(alone_rate), Unit::EventsPerS),
            Figure::new("beside", events(beside_rate), Unit::EventsPerS),
            Figure::new("kept", beside_rate / alone_rate * 100.0, Unit::Percent),
            rate("verified meanwhile", checked as f64, took),
        ],
    );
    let mut figures =
        vec![Figure::new("p99 without verification", searches_alone.percentile_ms(990), Unit::Ms)];
    figures.extend(searches.figures());
    report.add("custody", "page queries meanwhile", figures);
    Ok(())
}

/// Runs `load` while searches are asked and, where wanted, the log is verified again and again. Returns
/// its result, the searches' durations, and how many records were verified.
fn watched(
    server: &Server,
    verified: bool,
    load: impl FnOnce() -> Result<f64, Failure>,
) -> Result<(f64, Durations, u64), Failure> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let searching = scope.spawn(|| search(server, &done).map_err(|e| e.to_string()));
        let verifying =
            scope.spawn(|| if verified { verify(server, &done).map_err(|e| e.to_string()) } else { Ok(0) });
        let result = load();
        done.store(true, Ordering::Relaxed);
        let durations = searching.join().map_err(|_| "a searching thread panicked")??;
        let checked = verifying.join().map_err(|_| "a verifying thread panicked")??;
        Ok((result?, durations, checked))
    })
}

fn search(server: &Server, done: &AtomicBool) -> Result<Durations, Failure> {
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_nodelay(true)?;
    let (mut request, mut buffer, mut durations) = (Vec::new(), Vec::new(), Durations::default());
    SEARCH.write(0, &mut request);
    while !done.load(Ordering::Relaxed) {
        let start = Instant::now();
        stream.write_all(&request)?;
        let answer = wire::read_answer(&mut stream, &mut buffer)?;
        durations.push(start.elapsed());
        if answer.status != 200 {
            return Err(format!("a search was answered {}", answer.status).into());
        }
        std::thread::sleep(SEARCH_EVERY);
    }
    Ok(durations)
}

fn verify(server: &Server, done: &AtomicBool) -> Result<u64, Failure> {
    let mut checked = 0;
    while !done.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(server.address)?;
        let mut request = Vec::new();
        VERIFY.write(2, &mut request);
        request.extend_from_slice(b"{}");
        stream.write_all(&request)?;
        checked += read_verdict(stream, done)?;
    }
    Ok(checked)
}

/// Reads progress lines, which come in chunks, to the verdict or the end of the load.
fn read_verdict(mut stream: TcpStream, done: &AtomicBool) -> Result<u64, Failure> {
    let (mut said, mut chunk, mut progress) = (String::new(), [0; 4096], 0);
    loop {
        let read = stream.read(&mut chunk)?;
        said.push_str(&String::from_utf8_lossy(&chunk[..read]));
        if said.contains("\"result\":\"ok\"") {
            let all = number_behind(&said, "\"checked\":").unwrap_or(progress);
            return Ok(all);
        }
        if read == 0 || said.contains("\"result\":\"failed\"") {
            return Err(format!("the verification ended without a proof: {said}").into());
        }
        progress = number_behind(&said, "\"sequence\":").unwrap_or(progress);
        // Lines that were read to their end are done with.
        said.drain(..said.rfind('\n').map_or(0, |end| end + 1));
        if done.load(Ordering::Relaxed) {
            return Ok(progress);
        }
    }
}

fn number_behind(text: &str, name: &str) -> Option<u64> {
    let rest = &text[text.rfind(name)? + name.len()..];
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_of_a_name_is_read() {
        let lines = "{\"progress\":{\"sequence\":5,\"of\":9}}\n{\"progress\":{\"sequence\":70,\"of\":90}}\n";
        assert_eq!(number_behind(lines, "\"sequence\":"), Some(70));
        assert_eq!(number_behind(lines, "\"checked\":"), None);
    }
}
