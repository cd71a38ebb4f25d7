//! `stele tail`: the live stream, without loss or repeat across lost connections.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use ureq::http::Method;

use super::client::{Backoff, Client, Connection, is_transient};
use super::event::Shown;
use super::failure::Failure;
use super::filters::{Filters, Query};
use super::out::Out;

/// Longest line of a stream: an event of the largest size a server can be set to, and its chain.
const LINE_BYTES_MAX: u64 = 33 << 20;

/// Follow events as they are stored
#[derive(Args, Debug)]
pub struct TailArgs {
    #[command(flatten)]
    filters: Filters,
    /// Begin behind this sequence instead of with what comes from now on
    #[arg(long, value_name = "SEQUENCE")]
    after: Option<u64>,
    /// Give up when the server is away for this long
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    retry_for: u64,
    /// NDJSON also on a terminal
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the command, until Ctrl-C.
pub fn run(args: &TailArgs) -> Result<(), Failure> {
    let client = Client::new(&args.connection, 1)?;
    let mut query = Query::default();
    args.filters.add_to(&mut query);
    let path = query.on("/v1/events/stream");
    let mut out = Out::new(args.json);
    let after = args.after.map_or_else(|| newest(&client), |sequence| Ok(Some(sequence)))?;
    let mut last_id = after.map(|sequence| sequence.to_string());
    let patience = Duration::from_secs(args.retry_for);
    let mut backoff = Backoff::new(patience);
    loop {
        match connect(&client, &path, last_id.as_deref())? {
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
fn newest(client: &Client) -> Result<Option<u64>, Failure> {
    #[derive(Deserialize)]
    struct Chain {
        size: u64,
    }
    client.get::<Chain>("/v1/chain").map(|chain| chain.size.checked_sub(1))
}

enum Connected {
    Stream(Box<dyn Read>),
    /// Not now, for this reason; the server may have said when.
    Later(Option<Duration>, Failure),
}

fn connect(client: &Client, path: &str, last_id: Option<&str>) -> Result<Connected, Failure> {
    // No compression: it would hold events back until a block is full.
    let mut headers = vec![("accept", "text/event-stream"), ("accept-encoding", "identity")];
    if let Some(id) = last_id {
        headers.push(("last-event-id", id));
    }
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

/// Prints events until the connection ends; only our own output can fail.
fn follow(stream: impl BufRead, last_id: &mut Option<String>, out: &mut Out) -> Result<(), Failure> {
    let mut events = Events::new(stream);
    while let Some(message) = events.next() {
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
            *last_id = Some(id);
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
                if has_data {
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
                // Comments (an empty field name) and fields that we do not know.
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
    fn an_event_cut_by_a_lost_connection_is_not_taken() {
        assert_eq!(read("event: event\nid: 7\ndata: {}\n"), []);
        assert_eq!(read("event: event\nid: 7\ndata: {\"a"), []);
    }
}
