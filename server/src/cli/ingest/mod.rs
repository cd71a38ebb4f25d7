//! `stele ingest`: NDJSON files or standard input, in batches, over several connections.
//!
//! Keeps true:
//! - a command that ends well has an answer for every line: accepted, duplicate, or rejected with
//!   its place; one that ends early says how far it came, and can be run again;
//! - repeats cannot store an event twice, because each one has an `event_id` before it is sent;
//! - memory holds at most two batches a connection, whatever the input is.

mod batch;
mod input;
mod send;
mod tally;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use self::batch::{Batch, Batches, Refused};
use self::input::Inputs;
use self::send::{Outcome, Sender};
use self::tally::Tally;
use super::client::{Client, Connection};
use super::failure::Failure;
use super::interrupt::Interrupt;
use super::out::Out;

/// Send events to a server: one JSON object a line, from files or standard input
#[derive(Args, Debug)]
#[command(after_help = "\
Files may be compressed with zstd or gzip. Events without an event_id get one here, so that repeats after
a lost connection store nothing twice; sending a file again stores nothing twice where its events have ids.

Exit codes: 0 all accepted or duplicates, 1 some rejected, 2 wrong usage, 3 server or file not reached.")]
pub struct IngestArgs {
    /// NDJSON files; `-` or none is standard input
    files: Vec<PathBuf>,
    /// Events in one request
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
    /// Bytes in one request; also the longest line taken
    #[arg(long, default_value_t = 8 << 20, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1024..=1 << 30))]
    batch_bytes: u64,
    /// Requests at the same time
    #[arg(long, short = 'c', default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Compress requests with zstd: for slow networks
    #[arg(long)]
    compress: bool,
    /// How long one request is repeated while the server is overloaded or away
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    retry_for: u64,
    /// Fill absent actor.ip_address and user_agent from this connection
    #[arg(long)]
    capture_ip: bool,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    /// JSON also on a terminal
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What the threads of an ingest tell the one that counts.
enum Report {
    Sent(Outcome),
    Refused(Refused),
    Failed(Failure),
}

/// Runs the command.
pub fn run(args: &IngestArgs) -> Result<(), Failure> {
    let connections = usize::from(args.connections);
    let sender = Sender {
        client: Client::new(&args.connection, connections)?,
        path: if args.capture_ip { "/v1/events?actor_ip=capture" } else { "/v1/events" },
        compress: args.compress,
        retry_for: Duration::from_secs(args.retry_for),
    };
    let inputs = Inputs::new(&args.files)?;
    let names = inputs.names();
    let mut tally = Tally::new(Out::new(args.json), names, inputs.bytes_total(), !args.quiet);
    let read = inputs.bytes_read();
    let line_bytes_max = usize::try_from(args.batch_bytes).unwrap_or(usize::MAX);
    let batches = Batches::new(inputs, args.batch as usize, line_bytes_max);
    let stop = Interrupt::listen();

    let failure = pump(batches, &sender, connections, &stop, |report| {
        tally.progress(read.get());
        match report {
            Report::Sent(outcome) => tally.add(outcome).map(|()| None),
            Report::Refused(refused) => tally.refuse(&refused).map(|()| None),
            Report::Failed(failure) => Ok(Some(failure)),
        }
    })?;
    tally.finish()?;
    match failure {
        Some(failure) => Err(failure),
        None if stop.is_set() => {
            eprintln!("stopped early: send the same input again to finish it");
            Err(Failure::Interrupted)
        }
        None if tally.rejected() > 0 => Err(Failure::No(None)),
        None => Ok(()),
    }
}

/// One thread reads, `connections` threads send, the caller's `count` hears of everything. After the
/// first failure nothing new is begun, and what is under way is still answered for.
fn pump(
    batches: Batches,
    sender: &Sender,
    connections: usize,
    stop: &Interrupt,
    mut count: impl FnMut(Report) -> Result<Option<Failure>, Failure>,
) -> Result<Option<Failure>, Failure> {
    let (work_in, work_out) = sync_channel::<Batch>(connections);
    let work_out = Arc::new(Mutex::new(work_out));
    let (tell, told) = sync_channel::<Report>(2 * connections);
    thread::scope(|scope| {
        let telling = tell.clone();
        scope.spawn(move || read(batches, stop, &work_in, &telling));
        for _ in 0..connections {
            let (work_out, telling) = (Arc::clone(&work_out), tell.clone());
            scope.spawn(move || {
                while let Some(batch) = next(&work_out).filter(|_| !stop.is_set()) {
                    let report = sender.send(batch, stop).map_or_else(Report::Failed, Report::Sent);
                    let failed = matches!(report, Report::Failed(_));
                    if telling.send(report).is_err() || failed {
                        break;
                    }
                }
            });
        }
        // Ours go away, so that both channels end with their threads.
        drop((tell, work_out));
        let mut first = None;
        for report in told {
            if let Some(failure) = count(report)? {
                first.get_or_insert(failure);
                stop.set();
            }
        }
        Ok(first)
    })
}

/// Feeds the senders until the input ends or something stops it.
fn read(mut batches: Batches, stop: &Interrupt, work: &SyncSender<Batch>, tell: &SyncSender<Report>) {
    while !stop.is_set() {
        let sent = match batches.next() {
            Ok(None) => return,
            Ok(Some(batch::Item::Batch(batch))) => work.send(batch).is_ok(),
            Ok(Some(batch::Item::Refused(refused))) => tell.send(Report::Refused(refused)).is_ok(),
            Err(failure) => {
                let _ = tell.send(Report::Failed(failure));
                return;
            }
        };
        if !sent {
            return;
        }
    }
}

fn next(work: &Mutex<Receiver<Batch>>) -> Option<Batch> {
    work.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Events a second, for people.
fn rate(events: u64, since: Instant) -> u64 {
    let micros = since.elapsed().as_micros().max(1);
    u64::try_from(u128::from(events) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
