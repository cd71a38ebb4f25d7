//! The query language on the command line: its words, its advice, its errors.

use clap::Args;
use serde::Deserialize;

use super::client::{Client, Connection};
use super::failure::Failure;
use super::filters::{Filters, Query, TimeRange};
use super::out::Look;
use super::text::{grouped, printable};
use serde::de::DeserializeOwned;

/// How to write a query, for the help of every command that takes one.
pub const HELP: &str = "\
Query: words, fields and operators, joined by AND, OR, NOT and parentheses
  timeout \"rate limited\"                words and phrases, anywhere in the event
  category:api status:failure           fields; @latency_ms is metadata.latency_ms
  '@latency_ms>=500' 'ip:10.0.0.0/8'    numbers, times, networks; quote > < ( ) * for the shell
  'type:agent.* NOT by:ada@example.com' wildcards, negation; a query that begins with - goes after --";

/// What to look for.
#[derive(Args, Clone, Debug, Default)]
pub struct QueryArgs {
    /// Query, in one argument or several; ANDed with the filters
    #[arg(value_name = "QUERY")]
    words: Vec<String>,
}

impl QueryArgs {
    /// The words as one text; none without any.
    pub fn text(&self) -> Option<String> {
        let text = self.words.join(" ");
        (!text.trim().is_empty()).then_some(text)
    }
}

/// What every command takes that asks a question over a stretch of time.
#[derive(Args, Debug)]
pub struct AskArgs {
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    time: TimeRange,
    #[command(flatten)]
    filters: Filters,
    /// How the answer is shown.
    #[command(flatten)]
    pub look: Look,
    #[command(flatten)]
    connection: Connection,
}

impl AskArgs {
    /// The server that is asked.
    ///
    /// # Errors
    /// No address or key, or ones that cannot be used.
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.connection, 1)
    }

    /// The question.
    pub fn question(&self) -> Question {
        Question::new(&self.query, &self.filters, Some(&self.time))
    }
}

/// Advice that came with an answer.
#[derive(Debug, Default, Deserialize)]
pub struct Hint {
    detail: String,
    suggestion: Option<String>,
}

/// A question as a command asks it: the text, and the parameters that go with it.
pub struct Question {
    text: String,
    /// `q`, filters and times, to which a command adds its own.
    pub base: Query,
}

impl Question {
    /// Puts text, filters and times together.
    pub fn new(words: &QueryArgs, filters: &Filters, time: Option<&TimeRange>) -> Self {
        let text = words.words.join(" ");
        let mut base = Query::default();
        if !text.trim().is_empty() {
            base.push("q", &text);
        }
        filters.add_to(&mut base);
        if let Some(time) = time {
            time.add_to(&mut base);
        }
        Self { text, base }
    }

    /// Asks; an error in the text is told with its place.
    pub fn ask<T: DeserializeOwned>(&self, client: &Client, query: &Query, path: &str) -> Result<T, Failure> {
        client.get(&query.on(path)).map_err(|failure| self.explain(failure))
    }

    /// Gives an error in the text the text, to be shown in.
    pub fn explain(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Problem(mut problem) if problem.position.is_some() => {
                problem.query = Some(self.text.clone());
                Failure::Problem(problem)
            }
            other => other,
        }
    }
}

/// A stretch of the log that an answer left out.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Archived {
    first_sequence: u64,
    last_sequence: u64,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    events: Option<u64>,
}

impl Archived {
    fn told(&self) -> String {
        let Self { first_sequence, last_sequence, from, to, events } = self;
        let events = events.map_or(String::new(), |n| format!(" ({} events)", grouped(n)));
        let what = format!(
            "sequences {first_sequence} to {last_sequence}{events} are archived and were not searched"
        );
        let (from, to) = (printable(from), printable(to));
        format!("note: {what}; to search them: stele restore --from {from} --to {to} --reason WHY --wait")
    }
}

/// Names on standard error what an answer left out, and how to get it back.
pub fn tell_archived(ranges: &[Archived]) {
    for range in ranges {
        eprintln!("{}", range.told());
    }
}

/// Tells advice on standard error.
pub fn tell(hints: &[Hint]) {
    for Hint { detail, suggestion } in hints {
        let perhaps = suggestion.as_ref().map_or(String::new(), |s| format!(" (perhaps {})", printable(s)));
        eprintln!("hint: {}{perhaps}", printable(detail));
    }
}

/// A query with a mark under the place of an error, on a line of its own that fits a terminal.
pub fn marked(text: &str, position: usize, length: usize) -> String {
    /// Characters shown before and behind the place.
    const AROUND: usize = 36;
    // One character each, so that the mark stands below its place.
    let plain = |c: char| if printable(c.encode_utf8(&mut [0; 4])).chars().eq([c]) { c } else { '\u{b7}' };
    let all: Vec<char> = text.chars().map(plain).collect();
    let position = position.min(all.len());
    let length = length.clamp(1, AROUND);
    let (start, end) = (position.saturating_sub(AROUND), (position + length + AROUND).min(all.len()));
    let before = if start > 0 { "…" } else { "" };
    let after = if end < all.len() { "…" } else { "" };
    let shown: String = all[start..end.max(start)].iter().collect();
    let blanks = " ".repeat(position - start + before.chars().count());
    format!("  {before}{shown}{after}\n  {blanks}{}", "^".repeat(length))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        query: QueryArgs,
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        time: TimeRange,
    }

    fn target(words: &[&str]) -> String {
        let flags = Flags::try_parse_from([&["x"], words].concat()).unwrap();
        Question::new(&flags.query, &flags.filters, Some(&flags.time)).base.on("/v1/events")
    }

    #[test]
    fn words_are_joined_and_stand_beside_filters() {
        assert_eq!(target(&[]), "/v1/events");
        let got = target(&["category:api", "--last", "1h", "timeout OR @n>5", "--status", "failure"]);
        assert_eq!(got, "/v1/events?q=category%3Aapi%20timeout%20OR%20%40n%3E5&status=failure&from=now-1h");
        assert_eq!(target(&["--", "-status:success"]), "/v1/events?q=-status%3Asuccess");
    }

    #[test]
    fn the_mark_stands_below_its_place() {
        assert_eq!(marked("a AND", 5, 1), "  a AND\n       ^");
        assert_eq!(marked("stauts:failure", 0, 6), "  stauts:failure\n  ^^^^^^");
        assert_eq!(marked("", 9, 0), "  \n  ^");
        assert_eq!(marked("a\u{1b}\nb )", 4, 1), "  a\u{b7}\u{b7}b )\n      ^");
        let long = format!("{})", "x".repeat(16_000));
        let shown = marked(&long, 16_000, 1);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].chars().count() < 80 && lines[0].ends_with(')'), "{shown}");
        assert_eq!(lines[0].chars().count(), lines[1].chars().count(), "{shown}");
    }
}
