//! Measures Stele: runs suites and prints one table.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum as _};
use stele_benches::Failure;
use stele_benches::suites::{self, Sizes, Suite};
use stele_benches::system;

/// Measures Stele on generated events: one command, one table.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// What to measure [default: everything]
    #[arg(long, value_enum, value_delimiter = ',')]
    suite: Vec<Suite>,
    /// Events of the in-process suites
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Events sent over HTTP in bodies of 1,000
    #[arg(long, default_value_t = 2_000_000)]
    http_events: u64,
    /// Seconds for each rate that is measured over time
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Small sizes: proves that everything runs
    #[arg(long, conflicts_with_all = ["events", "http_events", "seconds"])]
    quick: bool,
    /// Decides the events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Newest time of the events, RFC 3339 [default: now]
    #[arg(long)]
    until: Option<jiff::Timestamp>,
    /// Directory for logs and bodies, on the disk to be measured
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// The server's binary [default: `stele` beside this program]
    #[arg(long)]
    server: Option<PathBuf>,
    /// Also writes the figures to this file as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Fills the directory, says so and waits to be killed
    #[arg(long, hide = true)]
    fill_and_wait: Option<PathBuf>,
    /// Opens the log in the directory and says what that took
    #[arg(long, hide = true)]
    open_and_tell: Option<PathBuf>,
}

impl Arguments {
    fn sizes(&self) -> Result<Sizes, Failure> {
        let this = std::env::current_exe()?;
        let until = self.until.unwrap_or_else(jiff::Timestamp::now);
        let (events, http_events, seconds) =
            if self.quick { (20_000, 20_000, 0.3) } else { (self.events, self.http_events, self.seconds) };
        Ok(Sizes {
            events,
            http_events,
            seconds,
            asks: if self.quick { 50 } else { 2000 },
            seed: self.seed,
            until_ns: i64::try_from(until.as_nanosecond())?,
            log: stele_engine::log::Options::default(),
            dir: std::path::absolute(&self.dir)?,
            server: self.server.clone().unwrap_or_else(|| this.with_file_name("stele")),
            this,
        })
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sizes = arguments.sizes()?;
    if let Some(dir) = &arguments.fill_and_wait {
        return suites::recovery::fill_and_wait(&sizes, dir);
    }
    if let Some(dir) = &arguments.open_and_tell {
        return suites::opening::open_and_tell(&sizes, dir);
    }
    let suites = if arguments.suite.is_empty() { Suite::value_variants() } else { &arguments.suite };
    println!("{}", system::machine());
    println!("seed {}, events until {} ns since 1970", sizes.seed, sizes.until_ns);
    let report = suites::run(suites, &sizes)?;
    println!("{}", report.table());
    if let Some(path) = &arguments.json {
        let mut file = std::fs::File::create(path)?;
        let run = serde_json::json!({"machine": system::machine(), "seed": sizes.seed, "until_ns": sizes.until_ns, "rows": report.json()});
        writeln!(file, "{run:#}")?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stele-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
