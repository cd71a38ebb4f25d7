//! `stele archive`, `stele archives`, `stele restore`: events to the archive and back, through a server or
//! on a data directory that none holds.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};
use stele_server::objects::StoreArgs;
use stele_server::offline::{Offline, Wanted};
use stele_server::serve::ServeError;
use ureq::http::Method;

use super::admin::{Call, Common};
use super::failure::Failure;
use super::filters::path_of;
use super::text::printable;

/// Between the first two looks at a restore.
const POLL: Duration = Duration::from_millis(300);
/// The pauses grow to this.
const POLL_MAX: Duration = Duration::from_secs(30);

/// Archive whole segments now, earlier than the policy would
#[derive(Args, Debug)]
pub struct ArchiveArgs {
    /// Segments whose last event was committed before this time [default: now]
    #[arg(long, value_name = "TIME", default_value = "now")]
    before: String,
    #[command(flatten)]
    here: Here,
    #[command(flatten)]
    common: Common,
}

/// List what is in the archive, oldest first
#[derive(Args, Debug)]
pub struct ArchivesArgs {
    #[command(flatten)]
    here: Here,
    #[command(flatten)]
    common: Common,
}

/// Make archived events searchable again for some days
#[derive(Args, Debug)]
#[command(after_help = "\
Without --from: lists restores, or shows the one named.
Exit codes: 0 done, 1 something was refused, 2 wrong usage, 3 could not reach or read.")]
pub struct RestoreArgs {
    /// A restore to show
    #[arg(value_name = "ID", conflicts_with_all = ["from", "to", "reason", "days", "data"])]
    id: Option<String>,
    /// Events from this time on, RFC 3339 or such as now-90d
    #[arg(long, value_name = "TIME", requires = "reason")]
    from: Option<String>,
    /// Events before this time [default: now]
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    /// Why; it stands in the log
    #[arg(long, value_name = "TEXT", requires = "from")]
    reason: Option<String>,
    /// For how many days
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    days: u32,
    /// Wait until it has ended
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    here: Here,
    #[command(flatten)]
    common: Common,
}

/// A data directory in place of a server.
#[derive(Args, Debug)]
#[command(next_help_heading = "Without a server")]
struct Here {
    /// A data directory that no server holds
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    archive: StoreArgs,
    /// Only the organization of this id
    #[arg(long, value_name = "ID", requires = "data")]
    org: Option<String>,
}

impl Here {
    fn offline(&self) -> Option<Offline> {
        let data = self.data.clone()?;
        Some(Offline { data, archive: self.archive.choice(), org: self.org.clone() })
    }
}

fn failed(error: ServeError) -> Failure {
    match error.exit_code() {
        2 => Failure::Usage(error.to_string()),
        _ => Failure::Unreachable(error.to_string()),
    }
}

/// Runs `stele archive`.
pub fn archive(args: &ArchiveArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    match args.here.offline() {
        Some(offline) => {
            let moved = offline.archive(&args.before).map_err(failed)?;
            call.show(&json!({"segments": moved.segments, "events": moved.events}), None)
        }
        None => {
            let body = Map::from_iter([("before".to_owned(), args.before.clone().into())]);
            call.change(Method::POST, "/v1/archives", Some(body), None)
        }
    }
}

/// Runs `stele archives`.
pub fn archives(args: &ArchivesArgs) -> Result<(), Failure> {
    let fields = ["first_sequence", "last_sequence", "from", "to", "events", "bytes", "state", "expires_at"];
    let mut call = Call::new(&args.common)?;
    match args.here.offline() {
        Some(offline) => call.rows(&offline.archives().map_err(failed)?, &fields),
        None => call.list("/v1/archives", "archives", &fields),
    }
}

/// Runs `stele restore`.
pub fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    let Some(from) = &args.from else {
        if args.here.data.is_some() {
            return Err(Failure::Usage("--data takes --from and --reason".to_owned()));
        }
        return look(&mut call, args.id.as_deref());
    };
    let reason = args.reason.clone().unwrap_or_default();
    let (from, to, days) = (from.clone(), args.to.clone(), args.days);
    if let Some(offline) = args.here.offline() {
        let brought = offline.restore(&Wanted { from, to, reason, days }).map_err(failed)?;
        brought.restores.iter().try_for_each(|row| call.show(row, None))?;
        return if brought.whole { Ok(()) } else { Err(refused("the restore", &brought.restores)) };
    }
    let mut body = Map::new();
    body.insert("from".to_owned(), from.into());
    if let Some(to) = to {
        body.insert("to".to_owned(), to.into());
    }
    body.insert("reason".to_owned(), reason.into());
    body.insert("days".to_owned(), days.into());
    let mut row: Value = call.client.send(Method::POST, "/v1/restores", Some(&body))?;
    if args.wait {
        row = ended(&call, row)?;
    }
    call.show(&row, None)?;
    if row["status"] == "failed" {
        return Err(refused(row["id"].as_str().unwrap_or("the restore"), std::slice::from_ref(&row)));
    }
    Ok(())
}

fn look(call: &mut Call, id: Option<&str>) -> Result<(), Failure> {
    match id {
        Some(id) => {
            let row: Value = call.client.get(&path_of("/v1/restores", id)?)?;
            call.show(&row, None)
        }
        None => {
            let fields = ["id", "status", "from", "to", "done", "total", "deadline", "overdue", "expires_at"];
            call.list("/v1/restores", "restores", &fields)
        }
    }
}

/// The restore once it has ended.
fn ended(call: &Call, mut row: Value) -> Result<Value, Failure> {
    let id = row["id"].as_str().map(str::to_owned);
    let id = id.ok_or_else(|| Failure::Unreachable("the answer names no restore".to_owned()))?;
    let path = path_of("/v1/restores", &id)?;
    let mut pause = POLL;
    while matches!(row["status"].as_str(), Some("pending" | "running")) {
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(POLL_MAX);
        row = call.client.get(&path)?;
    }
    Ok(row)
}

fn refused(name: &str, rows: &[Value]) -> Failure {
    let none = Vec::new();
    let of = |row: &Value| row["segments"].as_array().unwrap_or(&none).clone();
    let details: Vec<String> = rows
        .iter()
        .flat_map(of)
        .filter(|segment| segment["state"] == "refused")
        .map(|segment| {
            let detail = segment["detail"].as_str().unwrap_or_default();
            format!("sequences {} to {}: {detail}", segment["first_sequence"], segment["last_sequence"])
        })
        .collect();
    Failure::No(Some(printable(&format!("{name}: refused: {}", details.join("; "))).into_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: RestoreArgs,
    }

    #[test]
    fn a_restore_needs_a_range_and_a_reason() {
        let parsed = |flags: &[&str]| Line::try_parse_from([&["x"], flags].concat()).map(|line| line.args);
        assert_eq!(parsed(&["--from", "now-90d", "--reason", "audit"]).unwrap().days, 7);
        assert!(parsed(&["--from", "now-90d"]).is_err(), "a reason is needed");
        assert!(parsed(&["--to", "now-90d"]).is_err());
        assert!(parsed(&["res_1", "--from", "now-1d", "--reason", "x"]).is_err());
        assert_eq!(parsed(&["res_1"]).unwrap().id.as_deref(), Some("res_1"));
        assert!(parsed(&[]).unwrap().from.is_none(), "lists");
    }

    #[test]
    fn what_was_refused_is_named() {
        let row = json!({"segments": [
            {"first_sequence": 0, "last_sequence": 9, "state": "restored"},
            {"first_sequence": 10, "last_sequence": 19, "state": "refused", "detail": "object x: changed"},
        ]});
        let failure = refused("res_1", &[row]);
        assert_eq!(failure.exit_code(), 1);
        assert_eq!(failure.to_string(), "res_1: refused: sequences 10 to 19: object x: changed");
    }
}
