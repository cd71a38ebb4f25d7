//! `stele checkpoint`: the log's signed head.

use clap::Args;
use serde::Deserialize;
use stele_engine::proof::{Checkpoint, VerifierKey};
use ureq::http::Method;

use super::client::{Client, Connection};
use super::failure::Failure;
use super::out::Out;
use super::text::printable;

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
    /// Put a new signing key in the place of the log's, and print the checkpoint that both sign (needs an admin key)
    #[arg(long)]
    rotate_key: bool,
    #[command(flatten)]
    connection: Connection,
}

/// The answer to a change of the key.
#[derive(Deserialize)]
struct Rotated {
    key: String,
    previous_key: String,
    checkpoint: String,
}

/// Runs the command.
pub fn run(args: &CheckpointArgs) -> Result<(), Failure> {
    let verifier = args.verifier.as_deref().map(VerifierKey::parse).transpose();
    let verifier = verifier.map_err(|why| Failure::Usage(format!("--verifier: {why}")))?;
    let client = Client::new(&args.connection, 1)?;
    let note = if args.rotate_key {
        let rotated: Rotated =
            client.send(Method::POST, "/v1/chain/rotate-key", Some(&serde_json::json!({})))?;
        eprintln!("previous key: {}", printable(&rotated.previous_key));
        eprintln!("key:          {}", printable(&rotated.key));
        rotated.checkpoint.into_bytes()
    } else {
        client.get_bytes("/v1/checkpoint")?
    };
    if let Some(key) = verifier {
        Checkpoint::open(&note, &key).map_err(|why| Failure::No(Some(why)))?;
    }
    let text = String::from_utf8(note)
        .map_err(|_| Failure::Unreachable("the answer is not UTF-8: not a Stele server".to_owned()))?;
    let mut out = Out::new(false);
    for line in text.trim_end().split('\n') {
        out.line(&printable(line))?;
    }
    out.flush()
}
