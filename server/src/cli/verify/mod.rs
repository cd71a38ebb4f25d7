//! `stele verify`: every hash, link and signed root, on a running server or on a data directory at rest.

mod local;
mod outside;
mod remote;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use comfy_table::Cell;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::client::Connection;
use super::failure::Failure;
use super::out::{Out, cell};
use super::text::{grouped, printable};

/// Check every hash and link of a log, and name all faults
#[derive(Args, Debug)]
#[command(after_help = "\
Without --data the server at --url checks its log. With --data the files of a stopped server are read by this
program itself, with no need to trust a server. A checkpoint kept outside (`stele checkpoint > FILE`) shows what
no file of the log itself can: that its end was cut, or all of it made anew.

Exit codes: 0 everything is proved, 1 there are faults, 3 the log could not be reached or read.")]
pub struct VerifyArgs {
    /// A data directory that no server holds; all its logs are checked
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only this log of the data directory
    #[arg(long, value_name = "LOG-ID", requires = "data")]
    log: Option<String>,
    /// First sequence to check; an interrupted run says where to go on
    #[arg(long, value_name = "SEQUENCE")]
    from: Option<u64>,
    /// Check up to, and without, this sequence
    #[arg(long, value_name = "SEQUENCE")]
    to: Option<u64>,
    /// Also recompute every index event from the records that it covers
    #[arg(long)]
    deep: bool,
    /// A signed checkpoint kept outside, which the log must go on from; may be given more than once
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Verifier key for the checkpoints, kept from before; may be given more than once. Without it the log's own keys are used
    #[arg(long, value_name = "KEY", requires = "checkpoint")]
    verifier: Vec<String>,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    /// NDJSON also on a terminal
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// One bad range.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Fault {
    /// A stable word, such as `record` or `link`.
    pub kind: String,
    /// First sequence concerned.
    pub first_sequence: Option<u64>,
    /// Last sequence concerned.
    pub last_sequence: Option<u64>,
    /// File.
    pub file: Option<String>,
    /// Byte in the file.
    pub offset: Option<u64>,
    /// What was expected and what was found.
    pub detail: String,
}

/// What was found out about one log.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// Origin of the log, where it is known.
    pub origin: Option<String>,
    /// `ok` or `failed`.
    pub result: &'static str,
    /// Every record below this sequence is proved.
    pub proved_to: u64,
    /// Records whose hashes were recomputed, where that is known.
    pub checked: Option<u64>,
    /// Records below this are covered by index events that were recomputed (`--deep`).
    pub indexed_to: Option<u64>,
    /// Chain hash of the last record, where it is known.
    pub head: Option<String>,
    /// All faults.
    pub faults: Vec<Fault>,
}

impl Finding {
    const fn is_ok(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Runs the command.
pub fn run(args: &VerifyArgs) -> Result<(), Failure> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(Failure::Usage(format!("--from {from} is behind --to {to}")));
    }
    let mut out = Out::new(args.json);
    let is_ok = match &args.data {
        Some(data) => local::run(args, data, &mut out)?,
        None => {
            let finding = remote::run(args)?;
            tell(&mut out, &finding)?;
            finding.is_ok()
        }
    };
    out.flush()?;
    if is_ok { Ok(()) } else { Err(Failure::No(None)) }
}

/// Prints a finding: a line of JSON, or words and a table of faults.
fn tell(out: &mut Out, finding: &Finding) -> Result<(), Failure> {
    if out.json {
        return out.json_line(finding);
    }
    let origin = finding.origin.as_ref().map_or(String::new(), |o| format!("{}: ", printable(o)));
    let head = finding.head.as_ref().map_or(String::new(), |h| format!("\n  head {h}"));
    let deep = finding.indexed_to.map_or(String::new(), |to| {
        format!("\n  index events recomputed, for the records below sequence {to}")
    });
    if finding.is_ok() {
        let checked = finding.checked.unwrap_or(finding.proved_to);
        return out.line(&format!(
            "{origin}ok: {} records checked, proved to sequence {} (exclusive){head}{deep}",
            grouped(checked),
            finding.proved_to
        ));
    }
    let faults = finding.faults.len();
    out.line(&format!(
        "{origin}FAILED: {faults} fault{}; every record below sequence {} is proved",
        if faults == 1 { "" } else { "s" },
        finding.proved_to
    ))?;
    let mut table = out.new_table(&["KIND", "SEQUENCES", "FILE", "BYTE", "DETAIL"]);
    for fault in &finding.faults {
        table.add_row(row(fault));
    }
    out.table(&table)
}

fn row(fault: &Fault) -> [Cell; 5] {
    let sequences = match (fault.first_sequence, fault.last_sequence) {
        (Some(first), Some(last)) if first != last => format!("{first}-{last}"),
        (Some(one), _) | (None, Some(one)) => one.to_string(),
        (None, None) => "-".to_owned(),
    };
    [
        cell(&fault.kind),
        cell(&sequences),
        cell(fault.file.as_deref().unwrap_or("-")),
        cell(&fault.offset.map_or_else(|| "-".to_owned(), |o| o.to_string())),
        cell(&fault.detail),
    ]
}

/// A bar on a terminal, on standard error.
fn progress_bar(args: &VerifyArgs, label: &str) -> Option<ProgressBar> {
    if args.quiet || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{msg} {bar:30} {human_pos} of {human_len}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(printable(label).into_owned());
    Some(bar)
}
