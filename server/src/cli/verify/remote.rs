//! `POST /v1/chain/verify`, read as it is answered.

use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;

use super::{Fault, Finding, VerifyArgs, progress_bar};
use crate::cli::client::Client;
use crate::cli::failure::Failure;

/// Longest line of the answer: the last one, with all its faults.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// One line of the answer: progress, or the result.
#[derive(Deserialize)]
struct Line {
    progress: Option<Progress>,
    result: Option<String>,
    #[serde(default)]
    proved_to: u64,
    checked: Option<u64>,
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

/// Asks the server, shows progress, returns what it found.
pub fn run(args: &VerifyArgs) -> Result<Finding, Failure> {
    let client = Client::new(&args.connection, 1)?;
    let mut ask = serde_json::Map::new();
    if let Some(from) = args.from {
        ask.insert("from".to_owned(), json!(from));
    }
    if let Some(to) = args.to {
        ask.insert("to".to_owned(), json!(to));
    }
    if args.deep {
        ask.insert("deep".to_owned(), json!(true));
    }
    let body = serde_json::Value::Object(ask).to_string();
    let headers = [("content-type", "application/json"), ("accept-encoding", "identity")];
    let stream = client
        .stream(Method::POST, "/v1/chain/verify", &headers, Some(body.as_bytes()))
        .map_err(|error| client.unreachable(&error))?
        .map_err(super::super::client::Answer::into_failure)?;
    let bar = progress_bar(args, "verifying");
    let finding = read(BufReader::new(stream), |progress| {
        if let Some(bar) = &bar {
            bar.set_length(progress.of);
            bar.set_position(progress.sequence);
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    finding.map(|found| with_head(found, &client))
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

/// Reads lines to the result. An answer that ends before it proves nothing.
fn read(mut stream: impl BufRead, mut show: impl FnMut(&Progress)) -> Result<Finding, Failure> {
    let cut = |why: &str| Failure::Unreachable(format!("the server's answer ended before its result: {why}"));
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
        if let Some(progress) = &line.progress {
            show(progress);
        }
        if line.result.is_some() {
            return finding(line);
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
    let Line { proved_to, checked, faults, .. } = line;
    let result = match (line.result.as_deref(), faults.is_empty()) {
        (Some("ok"), true) => "ok",
        (Some("failed"), false) => "failed",
        (other, _) => {
            let said = other.unwrap_or_default();
            let message = format!("the server's result is `{said}` with {} faults", faults.len());
            return Err(Failure::Unreachable(message));
        }
    };
    Ok(Finding { origin: None, result, proved_to, checked, head: None, faults })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_shown_and_the_result_taken() {
        let text = "{\"progress\":{\"sequence\":10,\"of\":20}}\n\n{\"result\":\"ok\",\"proved_to\":20,\"faults\":[]}\n";
        let mut seen = Vec::new();
        let finding = read(text.as_bytes(), |p| seen.push((p.sequence, p.of))).unwrap();
        assert_eq!((seen, finding.proved_to, finding.is_ok()), (vec![(10, 20)], 20, true));
    }

    #[test]
    fn all_faults_are_kept() {
        let text = r#"{"result":"failed","proved_to":3,"faults":[
            {"kind":"record","first_sequence":3,"last_sequence":3,"file":"a.log","offset":64,"detail":"x"},
            {"kind":"missing","first_sequence":9,"last_sequence":20,"file":null,"offset":null,"detail":"y"}]}"#;
        let finding = read(text.replace('\n', " ").as_bytes(), |_| {}).unwrap();
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
            assert_eq!(read(text.as_bytes(), |_| {}).unwrap_err().exit_code(), 3, "{text}");
        }
    }
}
