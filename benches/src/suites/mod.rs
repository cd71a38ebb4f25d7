//! The suites: each measures one side of the store and adds rows to a report.
//!
//! Keeps true: all guarantees are on while measuring (fsync before the answer, chain, dedup, indexes),
//! and what was measured is checked: every event stored, every query with the rows it must have.

mod client;
pub mod custody;
pub mod http;
pub mod ingest;
mod input;
pub mod opening;
pub mod queries;
pub mod recovery;
mod server;
pub mod tiers;
mod wire;

use std::path::PathBuf;

use crate::Failure;
use crate::figures::Report;
use crate::generate::{Settings, Shape};

const MONTH_NS: i64 = 30 * 86_400_000_000_000;

/// Sizes and places of a run.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Events of the in-process suites.
    pub events: u64,
    /// Events sent over HTTP in bodies of 1,000.
    pub http_events: u64,
    /// Seconds for each rate that is measured over time.
    pub seconds: f64,
    /// Times each query is asked at most.
    pub asks: usize,
    /// Seed of the events.
    pub seed: u64,
    /// Newest time of the events, nanoseconds since 1970.
    pub until_ns: i64,
    /// Options of the log: when segments are full.
    pub log: stele_engine::log::Options,
    /// Where logs and bodies are written; a directory of their own each, removed afterwards.
    pub dir: PathBuf,
    /// The server's binary.
    pub server: PathBuf,
    /// This program, which is started again to be killed.
    pub this: PathBuf,
}

impl Sizes {
    /// The stream of `events` that end at [`Sizes::until_ns`]: even over 30 days.
    #[must_use]
    pub const fn stream(&self, events: u64) -> Settings {
        Settings {
            seed: self.seed,
            events,
            start_ns: self.until_ns - MONTH_NS,
            span_ns: MONTH_NS,
            shape: Shape::Even,
        }
    }
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// What comes before the store: the generator, canonical events.
    Input,
    /// In process: ingest, memory, bytes on disk, queries, verify, open.
    Engine,
    /// Open after a kill with a full active segment.
    Crash,
    /// The server: bodies of 1,000, single events, a static answer.
    Http,
    /// Checkpoints while the log grows; verification beside ingest.
    Custody,
    /// Cold segments: bytes, cost of making them beside ingest, queries on them.
    Tiers,
    /// Open a log of very many segments, cold and archived.
    Opening,
}

/// Runs suites in the given order.
///
/// # Errors
/// The first failure of any.
pub fn run(suites: &[Suite], sizes: &Sizes) -> Result<Report, Failure> {
    let mut report = Report::default();
    for suite in suites {
        match suite {
            Suite::Input => ingest::input(sizes, &mut report)?,
            Suite::Engine => engine(sizes, &mut report)?,
            Suite::Crash => recovery::after_kill(sizes, &mut report)?,
            Suite::Http => http::run(sizes, &mut report)?,
            Suite::Custody => custody::run(sizes, &mut report)?,
            Suite::Tiers => tiers::run(sizes, &mut report)?,
            Suite::Opening => opening::run(sizes, &mut report)?,
        }
    }
    Ok(report)
}

fn engine(sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&sizes.dir)?;
    let log = ingest::run(sizes, dir.path(), report)?;
    queries::run(sizes, &log, "query", report)?;
    recovery::verify(&log, report)?;
    log.close()?;
    drop(log);
    recovery::sealed(sizes, dir.path(), report)
}

#[cfg(test)]
mod tests;
