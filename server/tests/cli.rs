//! The command line against a real server, from the outside: processes, pipes and exit codes.

#![expect(
    clippy::unwrap_used,
    reason = "the whole file is tests; the lint's exemption sees only test functions"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use stele_engine::event::{Limits, Receipt, Taxonomy, normalize};
use stele_engine::io::SimDisk;
use stele_engine::log::{Log, ReportLimits};
use stele_engine::tags::{self, Axis, Dimension, Filter};

const KEY: &str = "cli-test-key-0123456789abcdef";

/// A directory of one test, with a server on its `data` where one is started.
struct Bench {
    dir: PathBuf,
    url: String,
    server: Option<Child>,
}

impl Bench {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("stele-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self { dir, url: String::new(), server: None }
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn start(&mut self) {
        let mut server = stele()
            .args(["serve", "--listen", "127.0.0.1:0", "--access-log", "off", "--data"])
            .arg(self.data())
            .env("STELE_ADMIN_KEY", KEY)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned));
        self.url = line.expect("the server says where it listens");
        self.server = Some(server);
    }

    /// Ctrl-C, as a shell sends it.
    fn stop(&mut self) {
        let mut server = self.server.take().unwrap();
        interrupt(&server);
        assert!(server.wait().unwrap().success(), "a drained server ends with code 0");
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = stele();
        command.args(args).env("STELE_URL", &self.url).env("STELE_API_KEY", KEY);
        command
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn stele() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stele"));
    command.env_remove("STELE_URL").env_remove("STELE_API_KEY").stdin(Stdio::null());
    command
}

fn interrupt(child: &Child) {
    signal(child, "INT");
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status().unwrap();
    assert!(done.success());
}

fn event(id: &str, status: &str) -> String {
    format!(
        r#"{{"event_id":"{id}","timestamp":"2026-11-01T00:00:00Z","event_type":"agent.updated","actor":{{"type":"user","id":"u1"}},"resource":{{"type":"agent","id":"a1"}},"action":"update","status":"{status}","metadata":{{"n":1.0}}}}"#
    )
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("ended by itself")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json_lines(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn example_events() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/events.ndjson").display().to_string()
}

#[test]
fn the_example_events_are_all_good_and_duplicates_the_second_time() {
    let mut bench = Bench::new("examples");
    bench.start();
    for (accepted, duplicates) in [(13, 0), (0, 13)] {
        let ingest = bench.run(&["ingest", &example_events()]);
        assert_eq!(code(&ingest), 0, "{ingest:?}");
        let sum = &json_lines(&ingest)[0];
        assert_eq!((&sum["accepted"], &sum["duplicates"]), (&accepted.into(), &duplicates.into()));
    }
    let found = bench.run(&["search", "--all", "--order", "asc"]);
    assert_eq!(out(&found).lines().count(), 13);
    assert!(!out(&found).contains("schema_errors"), "examples follow the schemas of their types");
}

#[test]
fn rejected_lines_are_named_and_the_others_are_stored() {
    let mut bench = Bench::new("rejected");
    bench.start();
    let text = format!(
        "{}\n\nnonsense\n{}\n{}\n",
        event("e1", "success"),
        event("e2", "good"),
        event("e3", "failure")
    );
    let file = bench.write("events.ndjson", &text);
    let ingest = bench.run(&["ingest", &file]);
    assert_eq!(code(&ingest), 1);
    let lines = json_lines(&ingest);
    let rejected: Vec<(u64, &str)> = lines
        .iter()
        .filter_map(|l| Some((l.get("rejected")?.get("line")?.as_u64()?, l["rejected"]["pointer"].as_str()?)))
        .collect();
    assert_eq!(rejected, [(3, ""), (4, "/status")]);
    assert_eq!(lines.last().unwrap()["accepted"], 2);

    assert_eq!(code(&bench.run(&["get", "e1"])), 0);
    assert_eq!(code(&bench.run(&["get", "e2"])), 1, "it was refused");
    let failures = bench.run(&["search", "--status", "failure"]);
    assert_eq!(json_lines(&failures)[0]["event_id"], "e3");
    let none = bench.run(&["search", "--type", "no.such", "--fail-if-empty"]);
    assert_eq!((code(&none), out(&none).as_str()), (1, ""));
    assert_eq!(json_lines(&bench.run(&["search", "--count"]))[0]["matched"], 2);
}

#[test]
fn pages_are_followed_and_a_closed_pipe_is_no_error() {
    let mut bench = Bench::new("pages");
    bench.start();
    let text: String = (0..2500).map(|i| event(&format!("e{i:04}"), "success") + "\n").collect();
    let mut ingest =
        bench.command(&["ingest", "-c", "3", "--compress", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    ingest.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(ingest.wait().unwrap().success());

    let all = bench.run(&["search", "--all", "--order", "asc"]);
    let mut ids: Vec<String> =
        json_lines(&all).iter().map(|e| e["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 2500);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2500, "no event twice");
    assert_eq!(out(&bench.run(&["search", "-n", "1700"])).lines().count(), 1700);

    let mut piped =
        bench.command(&["search", "--all"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::with_capacity(64, piped.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let ended = piped.wait_with_output().unwrap();
    assert_eq!((code(&ended), ended.stderr.len()), (0, 0), "{ended:?}");
}

#[test]
fn a_tail_shows_what_is_stored_and_goes_on_after_a_restart() {
    let mut bench = Bench::new("tail");
    bench.start();
    let port = bench.url.rsplit(':').next().unwrap().to_owned();
    let mut tail = bench.command(&["tail"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let first = bench.write("1", &event("t1", "success"));
    // The tail begins with what comes after it has asked where the log ends; give it until then.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(code(&bench.run(&["ingest", &first])), 0);
    assert!(lines.next().unwrap().unwrap().contains("\"t1\""));

    bench.stop();
    let mut server = stele()
        .args(["serve", "--access-log", "off", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(bench.data())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    bench.server = Some(server);
    let second = bench.write("2", &event("t2", "success"));
    assert_eq!(code(&bench.run(&["ingest", &second])), 0);
    assert!(lines.next().unwrap().unwrap().contains("\"t2\""), "nothing lost, nothing twice");
    // Not Ctrl-C: a runner in the background ignores it, and so does what it starts.
    signal(&tail, "TERM");
    assert!(!tail.wait().unwrap().success());
}

#[test]
fn a_checkpoint_is_printed_as_it_is_signed_and_checked_with_a_key_from_before() {
    let mut bench = Bench::new("checkpoint");
    bench.start();
    assert_eq!(code(&bench.run(&["ingest", &example_events()])), 0);
    let printed = bench.run(&["checkpoint"]);
    assert_eq!(code(&printed), 0, "{printed:?}");
    let note = out(&printed);
    let lines: Vec<&str> = note.split('\n').collect();
    let [origin, _, root, "", signature, ""] = lines[..] else { panic!("{note}") };
    assert!(origin.contains("/stele/") && root.len() == 44, "{note}");
    let data_key =
        fs::read_dir(bench.data().join("orgs")).unwrap().next().unwrap().unwrap().path().join("key");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(data_key).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert!(signature.starts_with(&format!("\u{2014} {origin} ")), "{note}");
    let other = "example.com/stele/test+4489043c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
    assert_eq!(code(&bench.run(&["checkpoint", "--verifier", other])), 1, "another key did not sign it");
    assert_eq!(code(&bench.run(&["checkpoint", "--verifier", "nonsense"])), 2);
}

#[test]
fn verify_proves_a_log_with_and_without_its_server_and_names_a_flipped_bit() {
    let mut bench = Bench::new("verify");
    bench.start();
    assert_eq!(code(&bench.run(&["ingest", &example_events()])), 0);
    let remote = bench.run(&["verify"]);
    assert_eq!(code(&remote), 0, "{remote:?}");
    let data = bench.data();
    let local = || stele().args(["verify", "--data"]).arg(&data).output().unwrap();
    assert_eq!(code(&local()), 3, "a server holds the directory");

    bench.stop();
    let proved = local();
    assert_eq!(code(&proved), 0, "{proved:?}");
    let finding = &json_lines(&proved)[0];
    assert_eq!(finding["result"], "ok");
    assert!(finding["proved_to"].as_u64().unwrap() >= 13);

    let file = segment(&data);
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(10).position(|w| w == b"example-07").unwrap();
    bytes[at] ^= 1;
    fs::write(&file, bytes).unwrap();
    let damaged = local();
    assert_eq!(code(&damaged), 1, "{damaged:?}");
    let finding = &json_lines(&damaged)[0];
    assert_eq!(finding["result"], "failed");
    assert!(!finding["faults"].as_array().unwrap().is_empty());
    assert!(out(&damaged).contains("segments"), "the file is named");
}

#[test]
fn verify_holds_a_log_against_checkpoints_kept_outside() {
    let mut bench = Bench::new("outside");
    bench.start();
    assert_eq!(code(&bench.run(&["ingest", &example_events()])), 0);
    let kept = bench.write("kept", &out(&bench.run(&["checkpoint"])));
    assert_eq!(code(&bench.run(&["ingest", &bench.write("more", &event("more", "success"))])), 0);
    let proved = bench.run(&["verify", "--checkpoint", &kept]);
    assert_eq!(code(&proved), 0, "{proved:?}");
    assert!(String::from_utf8_lossy(&proved.stderr).contains("own key"), "{proved:?}");
    let other = "example.com/stele/test+4489043c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
    assert_eq!(code(&bench.run(&["verify", "--checkpoint", &kept, "--verifier", other])), 1);
    assert_eq!(code(&bench.run(&["verify", "--verifier", other])), 2, "a key for nothing");
    assert_eq!(code(&bench.run(&["verify", "--checkpoint", &bench.write("none", "no note")])), 2);

    let mut younger = Bench::new("younger");
    younger.start();
    let foreign = younger.write("foreign", &out(&younger.run(&["checkpoint"])));
    assert_eq!(code(&bench.run(&["verify", "--checkpoint", &foreign])), 1);
    bench.stop();
    let data = bench.data();
    let local = |more: &[&str]| stele().args(["verify", "--data"]).arg(&data).args(more).output().unwrap();
    let proved = local(&["--checkpoint", &kept, "--deep"]);
    assert_eq!(code(&proved), 0, "{proved:?}");
    assert!(json_lines(&proved)[0]["indexed_to"].is_u64());
    let failed = local(&["--checkpoint", &foreign]);
    assert_eq!(code(&failed), 1, "{failed:?}");
    assert_eq!(json_lines(&failed)[0]["faults"][0]["kind"], "outside");
}

fn segment(data: &Path) -> PathBuf {
    let log = fs::read_dir(data.join("orgs")).unwrap().next().unwrap().unwrap().path();
    let mut files: Vec<PathBuf> =
        fs::read_dir(log.join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "log"));
    files.sort();
    files.remove(0)
}

#[test]
fn an_export_is_asked_for_waited_for_fetched_and_compared() {
    let mut bench = Bench::new("export");
    bench.start();
    let events: String = (0..30).map(|i| event(&format!("x{i}"), "success") + "\n").collect();
    assert_eq!(code(&bench.run(&["ingest", &bench.write("events.ndjson", &events)])), 0);
    let path = |name: &str| bench.dir.join(name).to_str().unwrap().to_owned();
    let searched = out(&bench.run(&["search", "status:success", "--all", "--json"]));
    let exported = bench.run(&["export", "status:success", "--format", "ndjson", "--output", "-"]);
    assert_eq!(out(&exported), searched, "the lines of the search, byte for byte");
    assert!(String::from_utf8_lossy(&exported.stderr).contains("sha256:"));
    let saved = bench.run(&["export", "--fields", "event_id,@n", "--order", "asc", "-o", &path("e.csv")]);
    assert_eq!(code(&saved), 0, "{}", String::from_utf8_lossy(&saved.stderr));
    let csv = fs::read_to_string(path("e.csv")).unwrap();
    assert!(csv.starts_with("event_id,metadata.n\r\n") && csv.lines().count() == 31, "{csv}");
    assert_eq!(code(&bench.run(&["export", "--pretty", "-o", &path("e.json.gz")])), 0);
    assert_eq!(fs::read(path("e.json.gz")).unwrap()[..2], [0x1f, 0x8b]);
    assert_eq!(code(&bench.run(&["export", "--category", "weather"])), 2, "no such category");
    let bulk = bench.run(&["export", "--bulk", "--output", &path("all")]);
    assert!(
        code(&bulk) != 0 && String::from_utf8_lossy(&bulk.stderr).contains("enterprise"),
        "not of this plan"
    );
    assert_eq!(code(&bench.run(&["org", "list"])), 0);
    bench.stop();
}

#[test]
fn a_report_is_asked_for_fetched_in_the_form_of_its_file_and_listed() {
    let mut bench = Bench::new("report");
    bench.start();
    assert_eq!(code(&bench.run(&["ingest", &example_events()])), 0);
    let path = |name: &str| bench.dir.join(name).to_str().unwrap().to_owned();
    let asked = bench.run(&["report", "create", "--status", "failure", "--out", &path("r.csv")]);
    assert_eq!(code(&asked), 0, "{}", String::from_utf8_lossy(&asked.stderr));
    let sent = fs::read_to_string(example_events()).unwrap();
    let failed = sent.lines().filter(|line| line.contains("\"failure\"")).count();
    let csv = fs::read_to_string(path("r.csv")).unwrap();
    assert!(csv.starts_with("sequence,committed_at,"), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), failed + 1, "{csv}");
    let waited = json_lines(&bench.run(&["report", "create", "--type", "auth.login", "--wait"]));
    assert_eq!(waited[0]["status"], "done", "{waited:?}");
    let listed = json_lines(&bench.run(&["report", "list"]));
    assert_eq!((listed.len(), &listed[0]["id"]), (2, &waited[0]["id"]), "newest first");
    let id = waited[0]["id"].as_str().unwrap();
    let json = out(&bench.run(&["report", "download", id]));
    let report: Value = serde_json::from_str(&json).unwrap();
    let (file, key) = (bench.write("r.json", &json), report["key"].as_str().unwrap());
    // The key of the report will do here: the log is our own.
    let verdict = bench.run(&["verify-report", &file, "--key", key]);
    assert_eq!((code(&verdict), &json_lines(&verdict)[0]["result"]), (0, &"proved".into()));
    assert_eq!(json_lines(&verdict)[0]["verification_hash"], waited[0]["verification_hash"]);
    let page = out(&bench.run(&["report", "download", id, "--format", "html"]));
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains(id));
    let told = json_lines(&bench.run(&["report", "create", "--no-wait"]));
    assert_eq!(told[0]["status"], "pending");
    assert_eq!(code(&bench.run(&["report", "get", "rep_1"])), 1, "there is none");
    assert_eq!(code(&bench.run(&["report", "create", "--category", "weather"])), 2, "no such category");
    assert_eq!(code(&bench.run(&["report", "create", "--actor-id", "ada"])), 2, "an id needs its type");
    bench.stop();
}

#[test]
fn keys_organizations_and_types_are_managed() {
    let mut bench = Bench::new("admin");
    bench.start();
    let made = bench.run(&["key", "create", "ci", "--scope", "ingest"]);
    assert_eq!(code(&made), 0, "{made:?}");
    let made = &json_lines(&made)[0];
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let file = bench.write("key", &format!("{secret}\n"));
    let with_file = |words: &[&str]| bench.run(&[words, &["--key-file", &file]].concat());
    assert_eq!(code(&with_file(&["ingest", &example_events()])), 0);
    let denied = with_file(&["search"]);
    assert_eq!(code(&denied), 3);
    assert!(String::from_utf8_lossy(&denied.stderr).contains("HTTP 403"), "{denied:?}");
    assert!(
        json_lines(&bench.run(&["key", "list"])).iter().any(|k| k["id"] == id && k.get("secret").is_none())
    );
    assert_eq!(code(&bench.run(&["key", "revoke", id])), 0);
    assert_eq!(code(&with_file(&["ingest", &example_events()])), 3, "revoking works at once");

    let org = bench.run(&["org", "create", "Example Ltd"]);
    assert_eq!(code(&org), 0, "{org:?}");
    let org = &json_lines(&org)[0];
    let key = org["key"].as_str().unwrap();
    assert_eq!(out(&bench.run(&["search", "--key", key, "--all"])), "", "a log of its own");
    assert_eq!(code(&bench.run(&["org", "get", org["id"].as_str().unwrap()])), 0);
    assert!(json_lines(&bench.run(&["org", "list"])).len() >= 2);

    let schema = bench.write("schema.json", r#"{"type":"object","required":["amount"]}"#);
    let set = [
        "event-type",
        "set",
        "invoice.paid",
        "--category",
        "api",
        "--on-mismatch",
        "refuse",
        "--schema",
        &schema,
    ];
    assert_eq!(code(&bench.run(&set)), 0);
    let types = json_lines(&bench.run(&["event-type", "list"]));
    assert!(types.iter().any(|t| t["event_type"] == "invoice.paid" && t["on_mismatch"] == "refuse"));
}

#[test]
fn exit_codes_tell_wrong_usage_from_a_server_out_of_reach() {
    let bench = Bench::new("codes");
    assert_eq!(code(&bench.run(&["search", "--status", "fine", "--url", "http://127.0.0.1:1"])), 2);
    assert_eq!(code(&bench.run(&["search", "--url", "nowhere"])), 2);
    let began = Instant::now();
    assert_eq!(code(&bench.run(&["search", "--url", "http://127.0.0.1:1"])), 3);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(code(&bench.run(&["ingest", "--url", "http://127.0.0.1:1", "/no/such/file"])), 3);
    assert_eq!(code(&bench.run(&["verify", "--data", "/no/such/dir"])), 3);
    assert_eq!(code(&bench.run(&["version"])), 0);
    assert!(out(&bench.run(&["completions", "bash"])).contains("complete"));
}

/// A log with calls of two paths, some of which fail.
fn calls(name: &str) -> Bench {
    let mut bench = Bench::new(name);
    bench.start();
    let call = |i: u32| {
        let (status, message) =
            if i % 4 == 3 { ("failure", "upstream 7 timed out") } else { ("success", "") };
        let path = if i.is_multiple_of(2) { "/a" } else { "/b" };
        let time = format!("\"timestamp\":\"2026-11-01T00:{:02}:00Z\"", i);
        let metadata = format!(
            r#""metadata":{{"latency_ms":{},"path":"{path}","error":{{"message":"{message}"}}}}"#,
            10 * (i + 1)
        );
        event(&format!("c{i}"), status)
            .replace("\"timestamp\":\"2026-11-01T00:00:00Z\"", &time)
            .replace(r#""metadata":{"n":1.0}"#, &metadata)
            .replace("agent.updated", "api.request")
    };
    let text: String = (0..12).map(|i| call(i) + "\n").collect();
    let changed = event("m1", "success")
        .replace(r#"{"n":1.0}"#, r#"{"changes":{"before":{"model":"a"},"after":{"model":"b"}}}"#);
    let file = bench.write("events.ndjson", &(text + &changed + "\n"));
    assert_eq!(code(&bench.run(&["ingest", &file])), 0);
    bench
}

#[test]
fn a_query_finds_in_a_pipe_and_a_table_shows_it() {
    let bench = calls("query");
    let found = bench.run(&["search", "status:failure", "@latency_ms>=80", "--order", "asc"]);
    let ids: Vec<Value> = json_lines(&found).iter().map(|e| e["event_id"].clone()).collect();
    assert_eq!(ids, ["c7", "c11"]);
    assert_eq!(json_lines(&bench.run(&["search", "\"timed out\"", "--count"]))[0]["matched"], 3);
    assert_eq!(json_lines(&bench.run(&["search", "--count", "--", "-status:failure"]))[0]["matched"], 10);
    let table = bench.run(&["search", "status:failure", "--table"]);
    assert!(
        out(&table).trim_start().starts_with("TIME") && !out(&table).contains('\u{1b}'),
        "{}",
        out(&table)
    );
    let painted = bench.run(&["search", "status:failure", "--table", "--color", "always"]);
    assert!(out(&painted).contains("\u{1b}["), "{}", out(&painted));
    let advised = bench.run(&["search", "status:failure or @latncy_ms>5"]);
    let said = String::from_utf8(advised.stderr).unwrap();
    assert!(said.contains("hint: ") && said.contains("latency_ms"), "{said}");
}

#[test]
fn a_syntax_error_is_shown_in_its_place_with_code_2() {
    let bench = calls("syntax");
    let questions: [&[&str]; 7] = [
        &["search"],
        &["tail"],
        &["facets"],
        &["histogram"],
        &["metrics", "@n"],
        &["errors"],
        &["history", "agent", "a1"],
    ];
    for words in questions {
        let refused = bench.run(&[words, &["category:api (status:failure"]].concat());
        let said = String::from_utf8(refused.stderr.clone()).unwrap();
        assert_eq!((code(&refused), out(&refused).as_str()), (2, ""), "{words:?}: {said}");
        let lines: Vec<&str> = said.lines().collect();
        let query =
            lines.iter().position(|line| *line == "  category:api (status:failure").expect("the query");
        assert!(lines[query + 1].trim_start().starts_with('^'), "{said}");
    }
}

#[test]
fn facets_histograms_and_figures_are_ndjson_in_a_pipe_and_bars_for_people() {
    let bench = calls("figures");
    let facets =
        json_lines(&bench.run(&["facets", "category:api", "--fields", "status,@path", "--top", "1"]));
    let shown: Vec<String> = facets.iter().map(Value::to_string).collect();
    let expected = [
        r#"{"count":9,"field":"status","value":"success"}"#,
        r#"{"field":"status","missing":0,"other":3}"#,
        r#"{"count":6,"field":"@path","value":"/a"}"#,
        r#"{"field":"@path","missing":0,"other":6}"#,
    ];
    assert_eq!(shown, expected);
    let table = bench.run(&["facets", "category:api", "--table"]);
    assert!(out(&table).contains("STATUS") && out(&table).contains('█'), "{}", out(&table));

    let buckets = json_lines(&bench.run(&["histogram", "category:api", "-i", "10m", "--split", "status"]));
    assert_eq!(
        (buckets.len(), &buckets[0]["count"], &buckets[1]["by"]["failure"]),
        (2, &10.into(), &1.into())
    );
    let bars = bench.run(&["histogram", "category:api", "-i", "10m", "--split", "status", "--table"]);
    assert!(out(&bars).contains("(failure 1, success 1)"), "{}", out(&bars));

    let groups = json_lines(&bench.run(&["metrics", "@latency_ms", "-g", "metadata.path"]));
    assert_eq!(
        (&groups[0]["key"], &groups[0]["p50"], &groups[1]["max"]),
        (&"/a".into(), &50.into(), &120.into())
    );
    let table = bench.run(&["metrics", "@latency_ms", "--table"]);
    assert!(
        out(&table)
            .lines()
            .nth(1)
            .unwrap()
            .split_whitespace()
            .eq(["-", "12", "10", "65", "60", "120", "120", "120"]),
        "{}",
        out(&table)
    );
}

#[test]
fn errors_fold_and_a_history_tells_the_state() {
    let bench = calls("errors");
    let groups = json_lines(&bench.run(&["errors"]));
    assert_eq!(
        (groups.len(), &groups[0]["count"], &groups[0]["sample"]["event_id"]),
        (1, &3.into(), &"c11".into())
    );
    let shown = bench.run(&["errors", "--table"]);
    assert!(out(&shown).starts_with("3× api.request  "), "{}", out(&shown));
    let changes = json_lines(&bench.run(&["history", "agent", "a1"]));
    assert_eq!((changes.len(), &changes[0]["event_id"]), (1, &"m1".into()));
    assert_eq!(out(&bench.run(&["history", "agent", "a1", "--state"])).trim(), r#"{"model":"b"}"#);
    assert_eq!(
        out(&bench.run(&["history", "agent", "a1", "--state", "--at", "2026-01-01T00:00:00Z"])).trim(),
        "null"
    );
}

/// A log with ten events that ends where its index does, and the report of those of one actor.
fn reported() -> (Vec<u8>, String) {
    let disk = Arc::new(SimDisk::new());
    let options = stele_engine::log::Options::default();
    let log = Log::create(disk, Path::new("/log"), "example.com/stele/cli", [7; 32], options).unwrap();
    let event = |i: u64| {
        let raw = format!(
            r#"{{"event_id":"e{i}","timestamp":"2026-09-21T14:00:0{i}Z","event_type":"auth.login","actor":{{"type":"user","id":"u{}"}},"resource":{{"type":"session","id":"s"}},"action":"login","status":"success"}}"#,
            i % 2
        );
        let receipt = Receipt {
            now_ns: 1_790_000_000_000_000_000,
            ip_address: None,
            user_agent: None,
            new_id: &|| unreachable!(),
        };
        normalize(raw.as_bytes(), &receipt, &Taxonomy::default(), &Limits::default()).unwrap()
    };
    log.append(vec![log.prepare((0..10).map(event).collect(), false)], 1_790_000_000_000_000);
    let due = log.next_index_event(1_790_000_000_000_000_000, true).unwrap().unwrap();
    log.append(vec![log.prepare(vec![due], false)], 1_790_000_000_000_000);
    let actor = vec![tags::Value::Pair("user".to_owned(), "u1".to_owned())];
    let filter = Filter::new(Axis::Event, 0, u64::MAX, vec![(Dimension::Actor, actor)]);
    let report = log.report(filter, ReportLimits::default(), 1_790_000_000_000_000, &|| true).unwrap();
    let mut bytes = Vec::new();
    report.write_json(&mut bytes).unwrap();
    (bytes, log.verifier_key().unwrap())
}

#[test]
fn a_report_is_proved_from_its_file_alone_and_an_altered_one_refused() {
    let bench = Bench::new("verify-report");
    let (bytes, key) = reported();
    let text = String::from_utf8(bytes).unwrap();
    let file = bench.write("report.json", &text);

    let proved = bench.run(&["verify-report", &file, "--key", &key]);
    let told = &json_lines(&proved)[0];
    assert_eq!((told["result"].as_str(), told["entries"].as_u64()), (Some("proved"), Some(5)));
    assert_eq!((told["as_of"].as_u64(), told["first_sequence"].as_u64()), (Some(10), Some(1)));
    assert_eq!(told["filter"]["actor_id"][0][0], "user");
    let hash = told["verification_hash"].as_str().unwrap();
    assert!(hash.starts_with("stele1:") && hash.len() == 71, "{hash}");

    // For people, from standard input.
    let mut piped = bench.command(&["verify-report", "-", "--key", &key, "--table"]);
    let mut piped = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let piped = piped.wait_with_output().unwrap();
    let said = out(&piped);
    assert_eq!(code(&piped), 0, "{said}");
    for part in [
        "PROVED\n",
        "example.com/stele/cli\n",
        "happened at any time; actor_id is user \"u1\"\n",
        "5 (sequences 1 to 9)\n",
        "sequence 10\n",
        "size 11, ",
        hash,
        "What is proved: Every entry",
        "What is not: ",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }

    let altered = bench.write("altered.json", &text.replacen("14:00:03", "14:00:04", 1));
    let refused = bench.run(&["verify-report", &altered, "--key", &key]);
    assert_eq!(code(&refused), 1);
    let told: Value = serde_json::from_str(&out(&refused)).unwrap();
    assert_eq!((told["result"].as_str(), told["step"].as_u64()), (Some("refused"), Some(2)));
    let refused = bench.run(&["verify-report", &altered, "--key", &key, "--table"]);
    assert!(out(&refused).starts_with("REFUSED: step 2: "), "{}", out(&refused));

    let gone = bench.run(&["verify-report", "/nowhere/report.json", "--key", &key]);
    assert!(code(&gone) == 3 && String::from_utf8_lossy(&gone.stderr).contains("/nowhere/report.json"));
    let no_key = bench.run(&["verify-report", &file, "--key", "example.com+1"]);
    assert!(code(&no_key) == 2 && String::from_utf8_lossy(&no_key.stderr).contains("--key"));
}
