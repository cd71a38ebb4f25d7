//! `stele backup`, `stele restore-backup`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use stele_server::objects::StoreArgs;
use stele_server::offline::{Backup, RestoreBackup};
use stele_server::serve::ServeError;

use super::admin::{Call, Common};
use super::failure::Failure;
use super::fetch;

/// Copy a data directory, also beside the server that runs on it
#[derive(Args, Debug)]
#[command(after_help = "\
Where a server holds the directory, --url and --key name it: its state is asked for with the instance key.
The copy holds the secrets of the logs and the seeds of their signing keys: guard it like the directory itself.")]
pub struct BackupArgs {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where to; an earlier backup there is brought up to date
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Make a data directory from a backup
#[derive(Args, Debug)]
pub struct RestoreBackupArgs {
    /// The backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The data directory to make; it must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    archive: StoreArgs,
    /// A checkpoint that was kept elsewhere; repeatable
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Take it although the archive or a checkpoint shows that events are missing
    #[arg(long)]
    accept_rollback: bool,
    #[command(flatten)]
    common: Common,
}

fn failed(error: ServeError) -> Failure {
    match error.exit_code() {
        2 => Failure::No(Some(error.to_string())),
        _ => Failure::Unreachable(error.to_string()),
    }
}

/// Runs `stele backup`.
pub fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    let mut backup = Backup { data: args.data.clone(), to: args.to.clone(), state: None };
    let mut taken = backup.take();
    if let Err(ServeError::Locked { .. }) = taken {
        backup.state = Some(fetch::open(&call.client, "/v1/state")?);
        taken = backup.take();
    }
    call.show(&json!({"logs": taken.map_err(failed)?}), None)
}

/// Runs `stele restore-backup`.
pub fn restore(args: &RestoreBackupArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    let mut heads = Vec::new();
    for path in &args.checkpoint {
        heads.push(std::fs::read(path).map_err(Failure::file(path, "reading the checkpoint"))?);
    }
    let backup = RestoreBackup {
        from: args.from.clone(),
        data: args.data.clone(),
        archive: args.archive.choice(),
        heads,
        accept_rollback: args.accept_rollback,
    };
    call.show(&json!({"logs": backup.bring().map_err(failed)?}), None)
}
