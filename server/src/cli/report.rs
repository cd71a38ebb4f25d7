//! `stele report`: ask for compliance reports, and fetch them.

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::admin::{Call, Common, word};
use super::failure::Failure;
use super::fetch;
use super::filters::{ActorType, Status, TimeRange, path_of};
use super::text::printable;

/// Between the first two looks at a report that is being made.
const POLL: Duration = Duration::from_millis(300);
/// The pauses grow to this.
const POLL_MAX: Duration = Duration::from_secs(10);

/// Compliance reports: events that match a filter, with the proof that none is changed or left out
#[derive(Args, Debug)]
#[command(after_help = "\
The JSON form is the one that proves; check it with `stele verify-report FILE --key KEY`, which needs no server.
Exit codes: 0 done, 1 the report could not be made or is not there, 2 wrong usage, 3 could not reach or read.")]
pub struct ReportArgs {
    #[command(subcommand)]
    command: ReportCommand,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand, Debug)]
enum ReportCommand {
    /// Ask for a report; waits for it on a terminal, or where a file is asked for
    Create(Box<CreateArgs>),
    /// List reports, newest first
    List,
    /// Show how far a report is
    Get {
        /// Its id
        id: String,
    },
    /// Fetch the file of a report
    Download {
        /// Its id
        id: String,
        #[command(flatten)]
        file: FileArgs,
    },
}

/// Where the file goes.
#[derive(Args, Clone, Debug)]
struct FileArgs {
    /// Form: json proves, csv is for spreadsheets, html is to be read and printed [default: as FILE ends, else json]
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Format>,
    /// Where to; `-` is standard output [default: standard output, on a terminal a file named after the report]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// `stele.report/v1`.
    Json,
    /// A row for each event.
    Csv,
    /// One page.
    Html,
}

/// Which events. Values of one filter are alternatives, different filters all have to match.
#[derive(Args, Debug)]
struct CreateArgs {
    /// Which time the range is on: when things happened, or when they were recorded
    #[arg(long, value_enum, default_value_t = Axis::Event)]
    axis: Axis,
    /// Such as agent.updated
    #[arg(long = "type", visible_alias = "event-type", value_name = "TYPE")]
    event_type: Vec<String>,
    /// session, api, agent, auth, integration, system, security, or a registered one
    #[arg(long, value_name = "CATEGORY")]
    category: Vec<String>,
    /// How it went
    #[arg(long, value_enum, value_name = "STATUS")]
    status: Vec<Status>,
    /// Type and id of the actor, such as user:usr_17
    #[arg(long, value_name = "TYPE:ID", value_parser = pair)]
    actor_id: Vec<Value>,
    /// E-mail address of the actor
    #[arg(long, value_name = "EMAIL")]
    actor_email: Vec<String>,
    /// Name of the actor
    #[arg(long, value_name = "NAME")]
    actor_name: Vec<String>,
    /// What kind of actor
    #[arg(long, value_enum, value_name = "TYPE")]
    actor_type: Vec<ActorType>,
    /// Type and id of the resource, such as agent:agt_42
    #[arg(long, value_name = "TYPE:ID", value_parser = pair)]
    resource: Vec<Value>,
    /// Type of the resource
    #[arg(long, value_name = "TYPE")]
    resource_type: Vec<String>,
    #[command(flatten)]
    time: TimeRange,
    /// Wait until the report is made
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Do not wait, also on a terminal
    #[arg(long, conflicts_with_all = ["format", "out"])]
    no_wait: bool,
    #[command(flatten)]
    file: FileArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    /// `timestamp`.
    Event,
    /// `committed_at`.
    Commit,
}

/// A type and an id, parted by the first colon.
fn pair(text: &str) -> Result<Value, String> {
    match text.split_once(':') {
        Some((kind, id)) if !kind.is_empty() && !id.is_empty() => Ok(json!([kind, id])),
        _ => Err("takes a type and an id with a colon between them, such as user:usr_17".to_owned()),
    }
}

/// Runs the command.
pub fn run(args: &ReportArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    match &args.command {
        ReportCommand::Create(create) => make(&mut call, create),
        ReportCommand::List => {
            let fields = ["id", "status", "created_at", "entries", "as_of", "verification_hash"];
            call.list("/v1/reports", "reports", &fields)
        }
        ReportCommand::Get { id } => {
            let row: Value = call.client.get(&path_of("/v1/reports", id)?)?;
            call.show(&row, None)
        }
        ReportCommand::Download { id, file } => download(&call, id, file),
    }
}

fn make(call: &mut Call, args: &CreateArgs) -> Result<(), Failure> {
    let asked: Value = call.client.send(Method::POST, "/v1/reports", Some(&args.body()))?;
    let wants_file = args.file.out.is_some() || args.file.format.is_some();
    if args.no_wait || !(args.wait || wants_file || io::stdout().is_terminal()) {
        return call.show(&asked, None);
    }
    let Some(id) = asked["id"].as_str() else {
        return Err(Failure::Unreachable("the answer names no report: not a Stele server".to_owned()));
    };
    let row = finished(call, id)?;
    if row["status"] != "done" {
        let why = row["error"].as_str().unwrap_or("the server does not say why");
        return Err(Failure::No(Some(format!("report {id} was not made: {}", printable(why)))));
    }
    if wants_file { download(call, id, &args.file) } else { call.show(&row, None) }
}

/// The report once it is no longer on its way.
fn finished(call: &Call, id: &str) -> Result<Value, Failure> {
    let path = path_of("/v1/reports", id)?;
    let bar = io::stderr().is_terminal().then(ProgressBar::new_spinner);
    let mut pause = POLL;
    loop {
        let row: Value = call.client.get(&path)?;
        let status = row["status"].as_str().unwrap_or_default();
        if !matches!(status, "pending" | "running") {
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            return Ok(row);
        }
        if let Some(bar) = &bar {
            bar.set_message(format!("report {}: {status}", printable(id)));
            bar.tick();
        }
        std::thread::sleep(pause);
        // Each look may be an event of the log, and a long report takes minutes.
        pause = (pause * 3 / 2).min(POLL_MAX);
    }
}

fn download(call: &Call, id: &str, args: &FileArgs) -> Result<(), Failure> {
    let format = args.form();
    let path = format!("{}/download?format={}", path_of("/v1/reports", id)?, word(&format));
    let mut file = fetch::open(&call.client, &path)?;
    match &args.out {
        Some(out) if out.as_os_str() != "-" => save(out, &mut *file),
        None if io::stdout().is_terminal() => {
            // An id that the server did not make up has no place in a file's name.
            let safe: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            save(Path::new(&format!("stele-report-{safe}.{}", word(&format))), &mut *file)
        }
        _ => fetch::print(&mut *file, None),
    }
}

fn save(path: &Path, file: &mut dyn Read) -> Result<(), Failure> {
    fetch::save(path, file, None, "writing the report")
}

impl FileArgs {
    fn form(&self) -> Format {
        let end = self.out.as_ref().and_then(|out| out.extension()).and_then(|end| end.to_str());
        let by_name = || Format::value_variants().iter().copied().find(|f| Some(word(f).as_str()) == end);
        self.format.or_else(by_name).unwrap_or(Format::Json)
    }
}

impl CreateArgs {
    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("axis".to_owned(), word(&self.axis).into());
        self.time.add_to_body(&mut body);
        let statuses: Vec<String> = self.status.iter().map(word).collect();
        let actor_types: Vec<String> = self.actor_type.iter().map(word).collect();
        for (name, values) in [
            ("event_type", json!(self.event_type)),
            ("category", json!(self.category)),
            ("status", json!(statuses)),
            ("actor_id", json!(self.actor_id)),
            ("actor_email", json!(self.actor_email)),
            ("actor_name", json!(self.actor_name)),
            ("actor_type", json!(actor_types)),
            ("resource", json!(self.resource)),
            ("resource_type", json!(self.resource_type)),
        ] {
            if values.as_array().is_some_and(|list| !list.is_empty()) {
                body.insert(name.to_owned(), values);
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: CreateArgs,
    }

    fn body(flags: &[&str]) -> Result<Value, clap::Error> {
        Line::try_parse_from([&["x"], flags].concat()).map(|line| Value::Object(line.args.body()))
    }

    #[test]
    fn flags_become_the_body_of_the_contract() {
        assert_eq!(body(&[]).unwrap(), json!({"axis": "event"}));
        let flags = [
            "--axis",
            "commit",
            "--last",
            "2w",
            "--to",
            "now-1h",
            "--type",
            "a.b",
            "--status",
            "failure",
            "--actor-id",
            "user:usr:1",
            "--actor-type",
            "api_key",
            "--resource",
            "agent:a",
            "--resource",
            "agent:b",
        ];
        assert_eq!(
            body(&flags).unwrap(),
            json!({"axis": "commit", "from": "now-14d", "to": "now-1h", "event_type": ["a.b"], "status": ["failure"],
                "actor_id": [["user", "usr:1"]], "actor_type": ["api_key"], "resource": [["agent", "a"], ["agent", "b"]]})
        );
        for bad in [
            &["--actor-id", "usr_1"][..],
            &["--resource", ":a"],
            &["--axis", "time"],
            &["--no-wait", "--out", "f"],
        ] {
            assert!(body(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_form_is_the_one_told_else_the_one_of_the_files_name() {
        let form = |flags: &[&str]| Line::try_parse_from([&["x"], flags].concat()).unwrap().args.file.form();
        assert_eq!(form(&[]), Format::Json);
        assert_eq!(form(&["--out", "r.html"]), Format::Html);
        assert_eq!(form(&["--out", "r.html", "--format", "csv"]), Format::Csv);
        assert_eq!(form(&["--out", "r.txt"]), Format::Json);
    }
}
