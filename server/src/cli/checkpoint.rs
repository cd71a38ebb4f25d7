//! `stele checkpoint`: the log's signed head.

use clap::Args;
use stele_engine::proof::{Checkpoint, VerifierKey};

use super::client::{Client, Connection};
use super::failure::Failure;
use super::out::Out;

/// Print a signed checkpoint of the log
#[derive(Args, Debug)]
#[command(
    after_help = "The checkpoint is printed as it is signed: keep it where the operator of the log cannot write,\n\
    and every later state of the log can be held against it. Exit code 1 when --verifier is given and did not sign."
)]
pub struct CheckpointArgs {
    /// Check the signature with this verifier key (`key` in GET /v1/chain), kept from before
    #[arg(long, value_name = "KEY")]
    verifier: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the command.
pub fn run(args: &CheckpointArgs) -> Result<(), Failure> {
    let verifier = args.verifier.as_deref().map(VerifierKey::parse).transpose();
    let verifier = verifier.map_err(|why| Failure::Usage(format!("--verifier: {why}")))?;
    let note = Client::new(&args.connection, 1)?.get_bytes("/v1/checkpoint")?;
    if let Some(key) = verifier {
        Checkpoint::open(&note, &key).map_err(|why| Failure::No(Some(why)))?;
    }
    let text = String::from_utf8(note)
        .map_err(|_| Failure::Unreachable("the answer is not UTF-8: not a Stele server".to_owned()))?;
    let mut out = Out::new(false);
    for line in text.trim_end().split('\n') {
        out.line(&super::text::printable(line))?;
    }
    out.flush()
}
