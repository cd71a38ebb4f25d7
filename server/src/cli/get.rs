//! `stele get`: one event.

use std::path::{Path, PathBuf};

use clap::Args;

use super::client::{Client, Connection};
use super::failure::Failure;
use super::filters::path_of;
use super::out::Out;
use super::text::pretty;

/// Print one event, by its id
#[derive(Args, Debug)]
#[command(
    after_help = "Piped, the event is printed byte for byte as it is stored, with `chain` as its last member.\n\
    The file of --proof shows, to someone who has the log's verifier key and nothing else, that the event is in\n\
    the log (c2sp.org/tlog-proof). Exit code 1 when there is no such event."
)]
pub struct GetArgs {
    /// The event's id
    event_id: String,
    /// One line, also on a terminal
    #[arg(long)]
    json: bool,
    /// Write the proof that the event is in the log to this file, such as e-1.tlog-proof
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the command.
pub fn run(args: &GetArgs) -> Result<(), Failure> {
    let path = path_of("/v1/events", &args.event_id)?;
    let client = Client::new(&args.connection, 1)?;
    if let Some(file) = &args.proof {
        save(file, &client.get_bytes(&format!("{path}?proof=tlog"))?)?;
    }
    let body = client.get_bytes(&path)?;
    let text = String::from_utf8(body)
        .map_err(|_| Failure::Unreachable("the answer is not UTF-8: not a Stele server".to_owned()))?;
    let mut out = Out::new(args.json);
    if out.json {
        out.line(text.trim_end())?;
    } else {
        out.line(&pretty(text.trim_end()))?;
    }
    out.flush()
}

fn save(file: &Path, proof: &[u8]) -> Result<(), Failure> {
    std::fs::write(file, proof).map_err(|e| Failure::Usage(format!("--proof {}: {e}", file.display())))
}
