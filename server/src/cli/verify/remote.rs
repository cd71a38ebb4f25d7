//! `POST /v1/chain/verify`, read as it is answered; taken up again where the connection breaks.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;

use super::{Fault, Finding, VerifyArgs, outside, progress_bar};
use crate::cli::client::{Backoff, Client, is_transient};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;

/// Longest line of the answer: the last one, with all its faults.
const LINE_BYTES_MAX: u64 = 256 << 20;
/// How long a server may be out of reach before a verification that has begun is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// One line of the answer: progress, or the result.
#[derive(Deserialize)]
struct Line {
    progress: Option<Progress>,
    result: Option<String>,
    #[serde(default)]
    proved_to: u64,
    checked: Option<u64>,
    indexed_to: Option<u64>,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    faults: Vec<Fault>,
    #[serde(default)]
    faults_left_out: u64,
    /// Why the server could not finish.
    error: Option<String>,
}

#[derive(Deserialize)]
struct Progress {
    sequence: u64,
    of: u64,
}

/// Why an attempt gave no result.
enum Ended {
    /// The connection broke: what is below the last progress need not be checked again.
    Broken(Failure),
    /// Another attempt would end alike.
    Failed(Failure),
}

/// Asks the server, shows progress, returns what it found.
pub fn run(args: &VerifyArgs) -> Result<Finding, Failure> {
    let client = Client::new(&args.connection, 1)?;
    let stop = Interrupt::listen();
    let outside = outside::remote(args, &client)?;
    let bar = progress_bar(args, "verifying");
    let reached = Cell::new(args.from.unwrap_or(0));
    let show = |progress: &Progress| {
        reached.set(progress.sequence.max(reached.get()));
        if let Some(bar) = &bar {
            bar.set_length(progress.of);
            bar.set_position(progress.sequence);
        }
        !stop.is_set()
    };
    let finding = attempts(args, &client, &reached, &show);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if stop.is_set() {
        let from = reached.get();
        eprintln!("everything below sequence {from} is without fault; to go on: --from {from}");
        return Err(Failure::Interrupted);
    }
    let mut finding = with_head(finding?, &client);
    if !outside.is_empty() {
        finding.result = "failed";
        finding.faults.extend(outside);
    }
    Ok(finding)
}

/// Goes on from the last progress as often as the connection breaks and progress was made, and for
/// a while where none was.
fn attempts(
    args: &VerifyArgs,
    client: &Client,
    reached: &Cell<u64>,
    show: &dyn Fn(&Progress) -> bool,
) -> Result<Finding, Failure> {
    let first = args.from.unwrap_or(0);
    let (mut patience, mut begun) = (Backoff::new(PATIENCE), None);
    loop {
        let from = (args.from.is_some() || reached.get() > first).then_some(reached.get());
        match attempt(args, client, from, show) {
            Ok(mut finding) => {
                let before = from.unwrap_or(0) - first;
                finding.checked = finding.checked.map(|checked| checked + before);
                return Ok(finding);
            }
            Err(Ended::Failed(failure)) => return Err(failure),
            Err(Ended::Broken(failure)) => {
                if begun != Some(reached.get()) {
                    (patience, begun) = (Backoff::new(PATIENCE), Some(reached.get()));
                }
                // A server that never answered is told soon.
                if reached.get() == first || !patience.wait(None) {
                    return Err(failure);
                }
                eprintln!("note: {failure}; going on from sequence {}", reached.get());
            }
        }
    }
}

fn attempt(
    args: &VerifyArgs,
    client: &Client,
    from: Option<u64>,
    show: &dyn Fn(&Progress) -> bool,
) -> Result<Finding, Ended> {
    let mut ask = serde_json::Map::new();
    for (name, value) in [("from", from), ("to", args.to)] {
        ask.extend(value.map(|value| (name.to_owned(), json!(value))));
    }
    if args.deep {
        ask.insert("deep".to_owned(), json!(true));
    }
    let body = serde_json::Value::Object(ask).to_string();
    let headers = [("content-type", "application/json"), ("accept-encoding", "identity")];
    let stream = client
        .stream(Method::POST, "/v1/chain/verify", &headers, Some(body.as_bytes()))
        .map_err(|error| {
            let failure = client.unreachable(&error);
            if is_transient(&error) { Ended::Broken(failure) } else { Ended::Failed(failure) }
        })?
        .map_err(|answer| Ended::Failed(answer.into_failure()))?;
    read(BufReader::new(stream), show)
}

/// Adds the log's name and, where the log has not grown since, the hash of its last record: the two
/// things to keep outside.
fn with_head(mut finding: Finding, client: &Client) -> Finding {
    #[derive(Deserialize)]
    struct Chain {
        origin: String,
        size: u64,
        hash: String,
    }
    if let Ok(chain) = client.get::<Chain>("/v1/chain") {
        finding.head = (finding.result == "ok" && chain.size == finding.proved_to).then_some(chain.hash);
        finding.origin = Some(chain.origin);
    }
    finding
}

/// Reads lines to the result. An answer that ends before it proves nothing. `show` returns false to
/// stop.
fn read(mut stream: impl BufRead, show: &dyn Fn(&Progress) -> bool) -> Result<Finding, Ended> {
    let cut = |why: &str| {
        Ended::Broken(Failure::Unreachable(format!("the server's answer ended before its result: {why}")))
    };
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = (&mut stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut text);
        if read.map_err(|e| cut(&e.to_string()))? == 0 {
            return Err(cut("the connection closed"));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let line: Line = serde_json::from_slice(&text).map_err(|e| cut(&e.to_string()))?;
        if line.progress.as_ref().is_some_and(|progress| !show(progress)) {
            return Err(Ended::Failed(Failure::Interrupted));
        }
        if line.result.is_some() {
            return finding(line).map_err(Ended::Failed);
        }
    }
}

fn finding(line: Line) -> Result<Finding, Failure> {
    if let Some(error) = line.error {
        return Err(Failure::Unreachable(format!("the server could not verify: {error}")));
    }
    if line.faults_left_out > 0 {
        eprintln!("note: {} more faults were not listed by the server", line.faults_left_out);
    }
    line.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let Line { proved_to, checked, indexed_to, faults, .. } = line;
    let result = match (line.result.as_deref(), faults.is_empty()) {
        (Some("ok"), true) => "ok",
        (Some("failed"), false) => "failed",
        (other, _) => {
            let said = other.unwrap_or_default();
            let message = format!("the server's result is `{said}` with {} faults", faults.len());
            return Err(Failure::Unreachable(message));
        }
    };
    Ok(Finding { origin: None, result, proved_to, checked, indexed_to, head: None, faults })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn found(text: &str) -> Result<Finding, Failure> {
        read(text.as_bytes(), &|_| true).map_err(|ended| match ended {
            Ended::Broken(failure) | Ended::Failed(failure) => failure,
        })
    }

    #[test]
    fn progress_is_shown_and_the_result_taken() {
        let text = "{\"progress\":{\"sequence\":10,\"of\":20}}\n\n{\"result\":\"ok\",\"proved_to\":20,\"faults\":[]}\n";
        let seen = RefCell::new(Vec::new());
        let show = |p: &Progress| {
            seen.borrow_mut().push((p.sequence, p.of));
            true
        };
        let Ok(finding) = read(text.as_bytes(), &show) else { panic!("a result") };
        assert_eq!((seen.take(), finding.proved_to, finding.is_ok()), (vec![(10, 20)], 20, true));
    }

    #[test]
    fn all_faults_are_kept() {
        let text = r#"{"result":"failed","proved_to":3,"faults":[
            {"kind":"record","first_sequence":3,"last_sequence":3,"file":"a.log","offset":64,"detail":"x"},
            {"kind":"missing","first_sequence":9,"last_sequence":20,"file":null,"offset":null,"detail":"y"}]}"#;
        let finding = found(&text.replace('\n', " ")).unwrap();
        assert_eq!((finding.faults.len(), finding.result), (2, "failed"));
    }

    #[test]
    fn an_answer_without_a_result_or_against_itself_proves_nothing() {
        for text in [
            "",
            "{\"progress\":{\"sequence\":1,\"of\":2}}\n",
            "{\"result\":\"failed\",\"proved_to\":3,\"faults\":[]}\n",
            "{\"result\":\"failed\",\"proved_to\":0,\"faults\":[],\"error\":\"disk\"}\n",
            "{\"result\":\"fine\",\"proved_to\":3}\n",
            "{\"result\":\"ok\",\"proved",
        ] {
            assert_eq!(found(text).unwrap_err().exit_code(), 3, "{text}");
        }
    }

    /// One request's body.
    fn request(stream: &mut std::net::TcpStream) -> String {
        let mut bytes = Vec::new();
        loop {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).unwrap();
            bytes.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8(bytes.clone()).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return body.to_owned();
            }
        }
    }

    #[test]
    fn a_broken_connection_is_taken_up_again_from_the_last_progress() {
        #[derive(clap::Parser)]
        struct Verify {
            #[command(flatten)]
            args: VerifyArgs,
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let progress = "{\"progress\":{\"sequence\":10,\"of\":20,\"faults\":0}}\n";
        let result = "{\"result\":\"ok\",\"proved_to\":20,\"checked\":10,\"faults\":[]}\n";
        let server = std::thread::spawn(move || {
            // The first answer ends before the length that it states.
            let answers = [(progress, progress.len() + 50), (result, result.len())];
            answers.map(|(answer, length)| {
                let (mut stream, _) = listener.accept().unwrap();
                let asked = request(&mut stream);
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length:";
                std::io::Write::write_all(&mut stream, format!("{head} {length}\r\n\r\n{answer}").as_bytes())
                    .unwrap();
                asked
            })
        });
        let args = <Verify as clap::Parser>::try_parse_from(["verify", "--url", &url]).ok().unwrap().args;
        let client = Client::new(&args.connection, 1).unwrap();
        let reached = Cell::new(0);
        let show = |progress: &Progress| {
            reached.set(progress.sequence);
            true
        };
        let finding = attempts(&args, &client, &reached, &show).unwrap();
        assert_eq!((finding.proved_to, finding.checked), (20, Some(20)));
        assert_eq!(server.join().unwrap(), ["{}", "{\"from\":10}"]);
    }
}
