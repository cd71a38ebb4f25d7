//! Prints generated events, one JSON line each.
//!
//! `stele-generate --demo --until 2026-11-25T00:00:00Z` prints the month before that time. The same
//! arguments print the same bytes on every machine and day.

use clap::Parser;
use std::io::{self, Write as _};
use std::process::ExitCode;
use stele_benches::generate::{Generator, Settings, Shape};

const DAY_NS: i64 = 86_400_000_000_000;
const CHUNK_BYTES: usize = 1 << 18;

/// Prints realistic events as NDJSON, the same for the same arguments.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// How many events [default: 1,000,000, with --demo 50,000]
    #[arg(long)]
    events: Option<u64>,
    /// Decides everything that the other arguments leave open
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End of the span, RFC 3339, or `now`: the present minute
    #[arg(long, default_value = "now", value_parser = until)]
    until: jiff::Timestamp,
    /// Length of the span in days
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Days and nights, weekends and incidents instead of an even stream
    #[arg(long)]
    demo: bool,
}

fn until(text: &str) -> Result<jiff::Timestamp, String> {
    if text != "now" {
        return text.parse().map_err(|error| format!("{error}"));
    }
    let seconds = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(seconds - seconds % 60).map_err(|error| error.to_string())
}

fn settings(arguments: &Arguments) -> Result<Settings, String> {
    let span_ns = i64::from(arguments.days) * DAY_NS;
    let until_ns =
        i64::try_from(arguments.until.as_nanosecond()).map_err(|_| "--until is past the year 2262")?;
    let start_ns = until_ns.checked_sub(span_ns).filter(|start| *start >= 0);
    Ok(Settings {
        seed: arguments.seed,
        events: arguments.events.unwrap_or(if arguments.demo { 50_000 } else { 1_000_000 }),
        start_ns: start_ns.ok_or("the span begins before 1970")?,
        span_ns,
        shape: if arguments.demo { Shape::Month } else { Shape::Even },
    })
}

fn print(settings: &Settings) -> io::Result<()> {
    let generator = Generator::new(settings);
    let mut out = io::stdout().lock();
    let mut lines = Vec::with_capacity(CHUNK_BYTES + 8192);
    for index in 0..settings.events {
        generator.write(index, &mut lines);
        if lines.len() >= CHUNK_BYTES {
            out.write_all(&lines)?;
            lines.clear();
        }
    }
    out.write_all(&lines)?;
    out.flush()
}

fn main() -> ExitCode {
    let settings = match settings(&Arguments::parse()) {
        Ok(settings) => settings,
        Err(why) => {
            eprintln!("stele-generate: {why}");
            return ExitCode::from(2);
        }
    };
    match print(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader had enough, as with `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stele-generate: cannot write to standard output: {error}");
            ExitCode::from(3)
        }
    }
}
