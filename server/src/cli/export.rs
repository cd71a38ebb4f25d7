//! `stele export`: what a search lists, as a file.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::admin::word;
use super::client::{Client, Connection};
use super::failure::Failure;
use super::fetch;
use super::filters::{Filters, TimeRange, path_of};
use super::query::{HELP, QueryArgs};
use super::search::Order;
use super::text::{grouped, printable};

/// Between the first two looks at an export that is being written.
const POLL: Duration = Duration::from_millis(100);
/// The pauses grow to this.
const POLL_MAX: Duration = Duration::from_secs(2);

/// Write what a search lists to a file: asks for it, waits, fetches it and compares its hash
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct ExportArgs {
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    time: TimeRange,
    #[command(flatten)]
    filters: Filters,
    /// Newest first, or oldest first
    #[arg(long, value_enum, default_value_t = Order::Desc, help_heading = "File")]
    order: Order,
    /// Form: ndjson has the stored lines, which can be hashed again [default: as FILE ends, else json]
    #[arg(long, value_enum, value_name = "FORM", help_heading = "File")]
    format: Option<Form>,
    /// Paths for csv and json, in the order of the file, such as timestamp,actor.email,@latency_ms [default: all]
    #[arg(long, value_name = "PATHS", help_heading = "File")]
    fields: Vec<String>,
    /// JSON with line breaks and indents
    #[arg(long, help_heading = "File")]
    pretty: bool,
    /// How it is packed [default: as FILE ends, else none]
    #[arg(long, value_enum, value_name = "HOW", help_heading = "File")]
    compression: Option<Packing>,
    /// Leave csv cells as they are that spreadsheets take for formulas
    #[arg(long, help_heading = "File")]
    no_formula_guard: bool,
    /// In chunks of 100,000 rows, however many match (enterprise plan); FILE is a directory then
    #[arg(long, requires = "output", help_heading = "File")]
    bulk: bool,
    /// Where to; `-` is standard output [default: standard output, on a terminal a file named after the export]
    #[arg(long, short, visible_alias = "out", value_name = "FILE", help_heading = "File")]
    output: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One array.
    Json,
    /// A line for each event.
    Ndjson,
    /// A header, then a row for each event.
    Csv,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// Not at all.
    None,
    /// `.gz`.
    Gzip,
    /// `.zst`.
    Zstd,
}

/// Runs the command.
pub fn run(args: &ExportArgs) -> Result<(), Failure> {
    let client = Client::new(&args.connection, 1)?;
    let asked: Value = client.send(Method::POST, "/v1/exports", Some(&args.body()))?;
    let id = asked["id"].as_str().ok_or_else(strange)?;
    let row = ended(&client, id)?;
    if row["status"] != "done" {
        let why = row["error"].as_str().unwrap_or("it was cancelled, or the server does not say why");
        return Err(Failure::No(Some(format!(
            "export {} was not written: {}",
            printable(id),
            printable(why)
        ))));
    }
    if row["archived"].as_array().is_some_and(|gaps| !gaps.is_empty()) {
        eprintln!(
            "note: archived events are left out; `stele search` names them, `stele restore` brings them back"
        );
    }
    match &args.output {
        Some(dir) if args.bulk => all(&client, id, &row, dir),
        output => one(&client, id, &row, output.as_deref()),
    }
}

fn strange() -> Failure {
    Failure::Unreachable("the answer is of no export: not a Stele server".to_owned())
}

/// The export once it is no longer on its way.
fn ended(client: &Client, id: &str) -> Result<Value, Failure> {
    let path = path_of("/v1/exports", id)?;
    let bar = io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {msg}");
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    });
    let mut pause = POLL;
    loop {
        let row: Value = client.get(&path)?;
        let status = row["status"].as_str().unwrap_or_default();
        if !matches!(status, "pending" | "running") {
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            return Ok(row);
        }
        if let Some(bar) = &bar {
            bar.set_length(row["total"].as_u64().unwrap_or(0));
            bar.set_position(row["entries"].as_u64().unwrap_or(0));
            bar.set_message(printable(status).into_owned());
        }
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(POLL_MAX);
    }
}

/// Fetches the one file.
fn one(client: &Client, id: &str, row: &Value, output: Option<&Path>) -> Result<(), Failure> {
    let chunk = &row["chunks"][0];
    let sha256 = chunk["sha256"].as_str().ok_or_else(strange)?;
    let mut file = fetch::open(client, &format!("{}/download", path_of("/v1/exports", id)?))?;
    match output {
        Some(path) if path.as_os_str() != "-" => save(path, &mut *file, sha256)?,
        None if io::stdout().is_terminal() => save(&named(chunk)?, &mut *file, sha256)?,
        _ => fetch::print(&mut *file, Some(sha256))?,
    }
    let entries = grouped(row["entries"].as_u64().unwrap_or(0));
    let hash = row["verification_hash"].as_str().unwrap_or_default();
    eprintln!("{entries} events, {}", printable(hash));
    Ok(())
}

fn save(path: &Path, file: &mut dyn io::Read, sha256: &str) -> Result<(), Failure> {
    fetch::save(path, file, Some(sha256), "writing the export")
}

/// The name that the server gives a file, as far as it has a place in a file's name.
fn named(chunk: &Value) -> Result<PathBuf, Failure> {
    let name = chunk["file"].as_str().ok_or_else(strange)?;
    let safe: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).collect();
    Ok(PathBuf::from(format!("stele-{safe}")))
}

/// Fetches all chunks of a bulk export and its manifest into a directory.
fn all(client: &Client, id: &str, row: &Value, dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(Failure::file(dir, "making the directory"))?;
    let path = path_of("/v1/exports", id)?;
    let chunks = row["chunks"].as_array().ok_or_else(strange)?;
    for (i, chunk) in chunks.iter().enumerate() {
        let sha256 = chunk["sha256"].as_str().ok_or_else(strange)?;
        let mut file = fetch::open(client, &format!("{path}/download?chunk={}", i + 1))?;
        save(&dir.join(named(chunk)?), &mut *file, sha256)?;
    }
    let hash = row["verification_hash"].as_str().unwrap_or_default();
    let mut file = fetch::open(client, &format!("{path}/manifest"))?;
    save(&dir.join("manifest.json"), &mut *file, hash.trim_start_matches("sha256:"))?;
    let entries = grouped(row["entries"].as_u64().unwrap_or(0));
    eprintln!("{entries} events in {} files, {}", chunks.len(), printable(hash));
    Ok(())
}

impl ExportArgs {
    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(text) = self.query.text() {
            body.insert("q".to_owned(), text.into());
        }
        self.time.add_to_body(&mut body);
        self.filters.add_to_body(&mut body);
        body.insert("order".to_owned(), word(&self.order).into());
        body.insert("format".to_owned(), word(&self.form()).into());
        body.insert("compression".to_owned(), word(&self.packing()).into());
        let fields: Vec<&str> = self.fields.iter().flat_map(|list| split(list)).collect();
        if !fields.is_empty() {
            body.insert("fields".to_owned(), json!(fields));
        }
        for (name, set) in [("pretty", self.pretty), ("bulk", self.bulk)] {
            if set {
                body.insert(name.to_owned(), true.into());
            }
        }
        if self.no_formula_guard {
            body.insert("formula_guard".to_owned(), false.into());
        }
        body
    }

    fn name(&self) -> &str {
        self.output
            .as_ref()
            .and_then(|path| path.file_name())
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }

    fn form(&self) -> Form {
        let name = self.name().trim_end_matches(".gz").trim_end_matches(".zst");
        let end = name.rsplit_once('.').map(|(_, end)| end);
        let by_name = || Form::value_variants().iter().copied().find(|f| Some(word(f).as_str()) == end);
        self.format.or_else(by_name).unwrap_or(Form::Json)
    }

    fn packing(&self) -> Packing {
        let by_name = match self.name().rsplit_once('.') {
            Some((_, "gz")) => Packing::Gzip,
            Some((_, "zst")) => Packing::Zstd,
            _ => Packing::None,
        };
        self.compression.unwrap_or(by_name)
    }
}

/// Splits a list at its commas, but not at those inside quotes.
fn split(list: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = list.split(move |c| {
        let ends = c == ',' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    parts.filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ExportArgs,
    }

    fn body(flags: &[&str]) -> Result<Value, clap::Error> {
        Line::try_parse_from([&["x"], flags].concat()).map(|line| Value::Object(line.args.body()))
    }

    #[test]
    fn flags_become_the_body_of_the_contract() {
        let plain = json!({"order": "desc", "format": "json", "compression": "none"});
        assert_eq!(body(&[]).unwrap(), plain);
        let flags = [
            "status:failure",
            "@latency_ms>=5",
            "--last",
            "2w",
            "--to",
            "now-1h",
            "--category",
            "api",
            "--status",
            "failure",
            "--own",
            "--order",
            "asc",
            "--format",
            "csv",
            "--fields",
            "timestamp,@\"a,b\".c",
            "--fields",
            "status",
            "--compression",
            "zstd",
            "--no-formula-guard",
            "--bulk",
            "--output",
            "d",
        ];
        assert_eq!(
            body(&flags).unwrap(),
            json!({"q": "status:failure @latency_ms>=5", "from": "now-14d", "to": "now-1h", "category": ["api"],
                "status": ["failure"], "own": true, "order": "asc", "format": "csv", "compression": "zstd",
                "fields": ["timestamp", "@\"a,b\".c", "status"], "formula_guard": false, "bulk": true})
        );
        assert!(body(&["--bulk"]).is_err(), "chunks need a directory");
        assert!(body(&["--format", "xml"]).is_err());
    }

    #[test]
    fn form_and_packing_are_those_told_else_those_of_the_files_name() {
        for (flags, form, packing) in [
            (&["-o", "a.csv.gz"][..], "csv", "gzip"),
            (&["--output", "a.ndjson.zst"], "ndjson", "zstd"),
            (&["--output", "-"], "json", "none"),
            (&["--output", "d.x/a"], "json", "none"),
            (&["--output", "a.csv.gz", "--format", "json", "--compression", "none"], "json", "none"),
        ] {
            let body = body(flags).unwrap();
            assert_eq!((&body["format"], &body["compression"]), (&json!(form), &json!(packing)), "{flags:?}");
        }
    }

    #[test]
    fn a_name_from_elsewhere_stays_in_the_directory() {
        assert_eq!(named(&json!({"file": "../../etc/x.json"})).unwrap(), Path::new("stele-....etcx.json"));
        assert!(named(&json!({})).is_err());
    }
}
