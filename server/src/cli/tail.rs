//! `stele tail`: the live stream, without loss or repeat across lost connections.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use ureq::http::Method;

use super::client::{Backoff, Client, Connection, is_transient};
use super::event::Shown;
use super::failure::Failure;
use super::filters::Filters;
use super::out::{Look, Out};
use super::problem::Problem;
use super::query::{HELP, QueryArgs, Question};
use super::text::printable;

/// Longest line of a stream: an event of the largest size a server can be set to, and its chain.
const LINE_BYTES_MAX: u64 = 33 << 20;

/// Follow events as they are stored
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct TailArgs {
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    filters: Filters,
    /// Begin behind this sequence instead of with what comes from now on; -1 is the beginning
    #[arg(long, value_name = "SEQUENCE", allow_hyphen_values = true)]
    after: Option<i64>,
    /// Give up when the server is away for this long
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    retry_for: u64,
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the command, until Ctrl-C.
pub fn run(args: &TailArgs) -> Result<(), Failure> {
    let client = Client::new(&args.connection, 1)?;
    let question = Question::new(&args.query, &args.filters, None);
    let path = question.base.on("/v1/events/stream");
    let mut out = Out::with(&args.look);
    let mut last_id = args.after.map_or_else(|| newest(&client), Ok)?.to_string();
    let patience = Duration::from_secs(args.retry_for);
    let mut backoff = Backoff::new(patience);
    loop {
        match connect(&client, &path, &last_id).map_err(|f| question.explain(f))? {
            Connected::Stream(stream) => {
                let before = last_id.clone();
                follow(BufReader::new(stream), &mut last_id, &mut out)?;
                if last_id != before {
                    backoff = Backoff::new(patience);
                }
                eprintln!("note: the connection ended; going on where it stopped");
                if !backoff.wait(None) {
                    return Err(Failure::Unreachable("the server keeps closing the stream".to_owned()));
                }
            }
            Connected::Later(asked, failure) => {
                if !backoff.wait(asked) {
                    return Err(failure);
                }
            }
        }
    }
}

/// The newest sequence now. Asked for first, so that events stored while a first connection is lost
/// are not lost with it.
fn newest(client: &Client) -> Result<i64, Failure> {
    #[derive(Deserialize)]
    struct Chain {
        size: i64,
    }
    client.get::<Chain>("/v1/chain").map(|chain| chain.size - 1)
}

enum Connected {
    Stream(Box<dyn Read>),
    /// Not now, for this reason; the server may have said when.
    Later(Option<Duration>, Failure),
}

fn connect(client: &Client, path: &str, last_id: &str) -> Result<Connected, Failure> {
    // No compression: it would hold events back until a block is full.
    let headers =
        [("accept", "text/event-stream"), ("accept-encoding", "identity"), ("last-event-id", last_id)];
    match client.stream(Method::GET, path, &headers, None) {
        Ok(Ok(stream)) => Ok(Connected::Stream(stream)),
        Ok(Err(answer)) if answer.may_repeat() => {
            Ok(Connected::Later(answer.retry_after, answer.into_failure()))
        }
        Ok(Err(answer)) => Err(answer.into_failure()),
        Err(error) if is_transient(&error) => Ok(Connected::Later(None, client.unreachable(&error))),
        Err(error) => Err(client.unreachable(&error)),
    }
}

/// Prints events until the connection ends. Fails when our own output does, and when the server says
/// that it cannot go on and that asking again would not help.
fn follow(stream: impl BufRead, last_id: &mut String, out: &mut Out) -> Result<(), Failure> {
    let mut events = Events::new(stream);
    while let Some(message) = events.next() {
        if message.event == "problem" {
            let status = serde_json::from_str::<Problem>(&message.data).map_or(500, |problem| problem.status);
            let problem = Box::new(Problem::read(status, message.data.as_bytes()));
            if status < 500 {
                return Err(Failure::Problem(problem));
            }
            eprintln!("note: {problem}");
        }
        if message.event == "archived" {
            eprintln!("note: archived and not shown: {}", printable(&message.data));
        }
        if message.event == "event" {
            if out.json {
                out.line(&message.data)?;
            } else {
                let colour = out.colour;
                out.line(&Shown::read(&message.data).line(colour))?;
            }
            out.flush()?;
        }
        // Only now: an event that was not printed has to come again.
        if let Some(id) = message.id {
            *last_id = id;
        }
    }
    Ok(())
}

/// One server-sent event.
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    event: String,
    id: Option<String>,
    data: String,
}

/// Reads server-sent events; ends with the connection, a read error, or a line over the limit. An
/// event that is cut in the middle is dropped, because its end was not seen.
struct Events<R>(R);

impl<R: BufRead> Events<R> {
    const fn new(stream: R) -> Self {
        Self(stream)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        (&mut self.0).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).ok()?;
        line.pop_if(|last| *last == b'\n')?;
        line.pop_if(|last| *last == b'\r');
        String::from_utf8(line).ok()
    }

    fn next(&mut self) -> Option<Message> {
        let mut message = Message::default();
        let mut has_data = false;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                if has_data || message.id.is_some() {
                    return Some(message);
                }
                message = Message::default();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut message.event),
                "id" => message.id = Some(value.to_owned()),
                "data" => {
                    if has_data {
                        message.data.push('\n');
                    }
                    message.data.push_str(value);
                    has_data = true;
                }
                // Comments, of which the server's say how far it looked.
                "" => message.id = value.rsplit_once("after ").map(|(_, id)| id.to_owned()).or(message.id),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>, String)> {
        let mut events = Events::new(text.as_bytes());
        std::iter::from_fn(|| events.next()).map(|m| (m.event, m.id, m.data)).collect()
    }

    #[test]
    fn events_are_read_comments_are_passed_over() {
        let text = ": hello\n\nevent: event\nid: 7\ndata: {\"a\":\": b\"}\n\n:\n\nevent:event\r\nid:8\r\ndata:x\r\n\r\n";
        let expected = [("event", "7", "{\"a\":\": b\"}"), ("event", "8", "x")];
        assert_eq!(read(text), expected.map(|(e, i, d)| (e.to_owned(), Some(i.to_owned()), d.to_owned())));
    }

    #[test]
    fn comments_say_from_where_to_resume() {
        let text = "retry: 1000\n: open after -1\n\n: alive after 41\n\n: hello\n\n";
        let none = |id: &str| (String::new(), Some(id.to_owned()), String::new());
        assert_eq!(read(text), [none("-1"), none("41")]);
    }

    #[test]
    fn a_stream_that_cannot_go_on_says_why() {
        let mut out = Out::new(true);
        let mut last = String::new();
        let text = "event: problem\ndata: {\"title\":\"t\",\"status\":400,\"detail\":\"too broad\"}\n\n";
        let failure = follow(text.as_bytes(), &mut last, &mut out).unwrap_err();
        assert_eq!((failure.exit_code(), failure.to_string().as_str()), (2, "t: too broad (HTTP 400)"));
        assert!(
            follow(text.replace("400", "503").as_bytes(), &mut last, &mut out).is_ok(),
            "worth another try"
        );
    }

    #[test]
    fn an_event_cut_by_a_lost_connection_is_not_taken() {
        assert_eq!(read("event: event\nid: 7\ndata: {}\n"), []);
        assert_eq!(read("event: event\nid: 7\ndata: {\"a"), []);
    }
}
