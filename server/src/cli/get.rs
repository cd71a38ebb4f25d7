//! `stele get`: one event.

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
    Exit code 1 when there is no such event."
)]
pub struct GetArgs {
    /// The event's id
    event_id: String,
    /// One line, also on a terminal
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the command.
pub fn run(args: &GetArgs) -> Result<(), Failure> {
    let path = path_of("/v1/events", &args.event_id)?;
    let body = Client::new(&args.connection, 1)?.get_bytes(&path)?;
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
