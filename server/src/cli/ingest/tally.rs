//! Counts what became of the lines, and tells it: progress, rejected lines, the sum.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::batch::Refused;
use super::rate;
use super::send::{Outcome, joined};
use crate::cli::failure::Failure;
use crate::cli::out::Out;
use crate::cli::problem::ItemError;
use crate::cli::text::{grouped, printable};

/// The running sums of an ingest.
pub struct Tally {
    out: Out,
    names: Vec<String>,
    bar: Option<ProgressBar>,
    began: Instant,
    sum: Outcome,
    requests: u64,
}

/// The last line of an ingest for programs.
#[derive(Serialize)]
struct Sum {
    accepted: u64,
    duplicates: u64,
    rejected: u64,
    first_sequence: Option<u64>,
    last_sequence: Option<u64>,
    requests: u64,
    took_ms: u64,
}

/// A rejected line for programs.
#[derive(Serialize)]
struct Rejected<'a> {
    rejected: RejectedLine<'a>,
}

#[derive(Serialize)]
struct RejectedLine<'a> {
    file: &'a str,
    line: u64,
    event_id: Option<&'a str>,
    code: &'a str,
    pointer: Option<&'a str>,
    detail: Option<&'a str>,
}

impl Tally {
    /// Starts counting. The bar shows only on a terminal, on standard error.
    pub fn new(out: Out, names: Vec<String>, bytes_total: Option<u64>, bar: bool) -> Self {
        let bar = (bar && std::io::stderr().is_terminal()).then(|| progress_bar(bytes_total));
        Self { out, names, bar, began: Instant::now(), sum: Outcome::default(), requests: 0 }
    }

    /// Moves the bar.
    pub fn progress(&self, bytes_read: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes_read);
            let answered = self.sum.accepted + self.sum.duplicates + self.sum.rejected;
            bar.set_message(format!(
                "{} events, {}/s",
                grouped(answered),
                grouped(rate(answered, self.began))
            ));
        }
    }

    /// Adds a batch's outcome and tells its rejected lines.
    pub fn add(&mut self, outcome: Outcome) -> Result<(), Failure> {
        self.requests += 1;
        self.sum.accepted += outcome.accepted;
        self.sum.duplicates += outcome.duplicates;
        self.sum.rejected += outcome.rejected;
        self.sum.repeated |= outcome.repeated;
        self.sum.unlisted += outcome.unlisted;
        self.sum.sequences = joined(self.sum.sequences, outcome.sequences);
        outcome.errors.iter().try_for_each(|(input, line, error)| self.tell(*input, *line, error))
    }

    /// Adds a line that was not sent.
    pub fn refuse(&mut self, refused: &Refused) -> Result<(), Failure> {
        self.sum.rejected += 1;
        let detail = Some(refused.detail.clone());
        let error = ItemError { code: "too_large".to_owned(), detail, ..ItemError::default() };
        self.tell(refused.input, refused.line, &error)
    }

    /// How many lines were rejected.
    pub const fn rejected(&self) -> u64 {
        self.sum.rejected
    }

    /// Prints the sum.
    pub fn finish(&mut self) -> Result<(), Failure> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.sum.repeated {
            eprintln!("note: requests were repeated; duplicates may count events that an earlier try stored");
        }
        if self.sum.unlisted > 0 {
            eprintln!("note: {} more faults were not listed by the server", grouped(self.sum.unlisted));
        }
        let Outcome { accepted, duplicates, rejected, sequences, .. } = self.sum;
        if self.out.json {
            let took_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (first_sequence, last_sequence) = sequences.unzip();
            let requests = self.requests;
            let sum =
                Sum { accepted, duplicates, rejected, first_sequence, last_sequence, requests, took_ms };
            self.out.json_line(&sum)?;
        } else {
            let events = accepted + duplicates + rejected;
            self.out.line(&format!(
                "{} accepted, {} duplicates, {} rejected in {:.1} s ({} events/s)",
                grouped(accepted),
                grouped(duplicates),
                grouped(rejected),
                self.began.elapsed().as_secs_f64(),
                grouped(rate(events, self.began)),
            ))?;
        }
        self.out.flush()
    }

    fn tell(&mut self, input: usize, line: u64, error: &ItemError) -> Result<(), Failure> {
        let file = self.names.get(input).map_or("", String::as_str);
        if self.out.json {
            return self.out.json_line(&Rejected {
                rejected: RejectedLine {
                    file,
                    line,
                    event_id: error.event_id.as_deref(),
                    code: &error.code,
                    pointer: error.pointer.as_deref(),
                    detail: error.detail.as_deref(),
                },
            });
        }
        let text = told(file, line, error);
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
        Ok(())
    }
}

/// `events.ndjson:17: /actor/id: takes 1 to 128 characters (event_id e1)`
fn told(file: &str, line: u64, error: &ItemError) -> String {
    let fault = ItemError { index: None, ..error.clone() };
    format!("{}:{line}: {}", printable(file), printable(&fault.to_string()))
}

fn progress_bar(bytes_total: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes_total {
        Some(total) => (ProgressBar::new(total), "{bar:30} {percent:>3}%  {msg}  {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {bytes}  {msg}  {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_line_is_told_by_file_line_and_pointer() {
        let error = ItemError {
            index: Some(3),
            event_id: Some("e1".to_owned()),
            code: "invalid".to_owned(),
            pointer: Some("/actor/id".to_owned()),
            detail: Some("takes 1 to 128 characters".to_owned()),
        };
        assert_eq!(
            told("events.ndjson", 17, &error),
            "events.ndjson:17: /actor/id: takes 1 to 128 characters (event_id e1)"
        );
        let bare = ItemError { code: "conflict".to_owned(), ..ItemError::default() };
        assert_eq!(told("stdin", 1, &bare), "stdin:1: conflict");
    }
}
