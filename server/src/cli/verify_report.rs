//! `stele verify-report`: proves a compliance report from its file and the log's public key, without a server.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use stele_engine::proof::VerifierKey;
use stele_engine::verify::{REPORT_BYTES_MAX, ReportFault, ReportVerdict, report};

use super::failure::Failure;
use super::out::{Look, Out};
use super::text::{grouped, printable};

/// Prove a compliance report: its entries are of the log, unaltered, and none that matches is left out
#[derive(Args, Debug)]
#[command(after_help = "\
Reads the file and nothing else: no server, no data directory. The key is the log's verifier key, kept from
before or had from someone you trust; the one in the report proves nothing.

Exit codes: 0 proved, 1 refused (with the first fault), 3 the file could not be read.")]
pub struct VerifyReportArgs {
    /// The report (JSON), or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The log's verifier key (`key` in GET /v1/chain): ORIGIN+ID+KEY
    #[arg(long, value_name = "KEY")]
    key: String,
    #[command(flatten)]
    look: Look,
}

/// What a program is told.
#[derive(Serialize)]
#[serde(tag = "result", rename_all = "lowercase")]
enum Told<'a> {
    Proved {
        log: &'a str,
        filter: Box<RawValue>,
        entries: u64,
        first_sequence: Option<u64>,
        last_sequence: Option<u64>,
        as_of: u64,
        checkpoint_size: u64,
        headers: u64,
        index_events: u64,
        verification_hash: String,
        proved: String,
        not_proved: &'a str,
    },
    Refused {
        step: u8,
        place: &'a str,
        detail: &'a str,
    },
}

/// Runs the command.
pub fn run(args: &VerifyReportArgs) -> Result<(), Failure> {
    let key = VerifierKey::parse(&args.key).map_err(|why| Failure::Usage(format!("--key: {why}")))?;
    let bytes = read(&args.file)?;
    let mut out = Out::with(&args.look);
    let found = report(&bytes, &key);
    match &found {
        Ok(verdict) => tell_proved(&mut out, verdict)?,
        Err(fault) => tell_refused(&mut out, fault)?,
    }
    out.flush()?;
    found.map(|_| ()).map_err(|_| Failure::No(None))
}

/// The file, up to one byte more than a report may have: the verifier says that it is too long.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let most = REPORT_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        let reading = io::stdin().lock().take(most).read_to_end(&mut bytes);
        reading.map_err(Failure::file(Path::new("standard input"), "cannot read"))?;
    } else {
        let file = File::open(path).map_err(Failure::file(path, "cannot open"))?;
        file.take(most).read_to_end(&mut bytes).map_err(Failure::file(path, "cannot read"))?;
    }
    Ok(bytes)
}

fn tell_proved(out: &mut Out, verdict: &ReportVerdict) -> Result<(), Failure> {
    if out.json {
        let filter = RawValue::from_string(verdict.filter.text());
        return out.json_line(&Told::Proved {
            log: &verdict.origin,
            filter: filter.map_err(|e| Failure::Output(e.into()))?,
            entries: verdict.entries,
            first_sequence: verdict.sequences.map(|(first, _)| first),
            last_sequence: verdict.sequences.map(|(_, last)| last),
            as_of: verdict.as_of,
            checkpoint_size: verdict.checkpoint_size,
            headers: verdict.headers,
            index_events: verdict.index_events,
            verification_hash: verdict.printed_hash(),
            proved: verdict.proved(),
            not_proved: verdict.not_proved(),
        });
    }
    let sequences = match verdict.sequences {
        Some((first, last)) => format!("{} (sequences {first} to {last})", grouped(verdict.entries)),
        None => "none".to_owned(),
    };
    let rows = [
        ("log", verdict.origin.clone()),
        ("filter", verdict.filter.words()),
        ("entries", sequences),
        ("as of", format!("sequence {}", verdict.as_of)),
        ("checkpoint", format!("size {}, signed by the key given", verdict.checkpoint_size)),
        ("hash", verdict.printed_hash()),
    ];
    out.line("PROVED")?;
    for (name, text) in rows {
        out.line(&format!("  {name:<11} {}", printable(&text)))?;
    }
    out.line(&format!("\nWhat is proved: {}", verdict.proved()))?;
    out.line(&format!("\nWhat is not: {}", verdict.not_proved()))
}

fn tell_refused(out: &mut Out, fault: &ReportFault) -> Result<(), Failure> {
    if out.json {
        return out.json_line(&Told::Refused { step: fault.step, place: &fault.place, detail: &fault.what });
    }
    out.line(&printable(&format!("REFUSED: {fault}")))?;
    out.line("The report proves nothing as it stands. The steps are those of docs/CUSTODY.md.")
}
