//! `stele search`: pages of events.

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::Client;
use super::event::{Columns, Shown};
use super::failure::Failure;
use super::out::Out;
use super::query::{Archived, AskArgs, HELP, Hint, tell, tell_archived};
use super::text::grouped;

/// Most events of one page.
const PAGE_MAX: u64 = 1000;

/// Find events: newest first, 50 of them, unless told otherwise
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct SearchArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// Newest first, or oldest first
    #[arg(long, value_enum, default_value_t = Order::Desc, help_heading = "Output")]
    order: Order,
    /// How many events at most
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N", help_heading = "Output",
          value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// All events that match, page after page, of one snapshot
    #[arg(long, conflicts_with_all = ["limit", "count"], help_heading = "Output")]
    all: bool,
    /// Say how many events match instead of listing them
    #[arg(long, help_heading = "Output")]
    count: bool,
    /// Exit with code 1 when nothing matches
    #[arg(long, help_heading = "Output")]
    fail_if_empty: bool,
}

/// Order by `(timestamp, sequence)`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    Desc,
    /// Oldest first.
    Asc,
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    matched: Option<u64>,
    #[serde(default)]
    archived: Vec<Archived>,
    #[serde(default)]
    hints: Vec<Hint>,
}

/// Runs the command.
pub fn run(args: &SearchArgs) -> Result<(), Failure> {
    let client = args.ask.client()?;
    let mut out = Out::with(&args.ask.look);
    let found = if args.count { count(args, &client, &mut out)? } else { list(args, &client, &mut out)? };
    out.flush()?;
    if found == 0 && args.fail_if_empty { Err(Failure::No(None)) } else { Ok(()) }
}

fn count(args: &SearchArgs, client: &Client, out: &mut Out) -> Result<u64, Failure> {
    let question = args.ask.question();
    let query = question.base.with("limit", "1").with("count", "exact");
    let page: Page = question.ask(client, &query, "/v1/events")?;
    tell(&page.hints);
    let matched = page.matched.ok_or_else(|| Failure::Unreachable("the server did not count".to_owned()))?;
    tell_archived(&page.archived);
    if out.json {
        out.json_line(&serde_json::json!({ "matched": matched }))?;
    } else {
        out.line(&grouped(matched))?;
    }
    Ok(matched)
}

fn list(args: &SearchArgs, client: &Client, out: &mut Out) -> Result<u64, Failure> {
    let mut left = if args.all { u64::MAX } else { args.limit };
    // The page size is part of what a cursor belongs to, so it stays the same for all pages.
    let size = left.min(PAGE_MAX).to_string();
    let order = if args.order == Order::Asc { "asc" } else { "desc" };
    let question = args.ask.question();
    let base = question.base.with("order", order).with("limit", &size);
    let (mut cursor, mut found, mut told) = (None::<String>, 0, Vec::new());
    loop {
        let query = cursor.as_ref().map_or_else(|| base.clone(), |c| base.with("cursor", c));
        let page: Page = question.ask(client, &query, "/v1/events")?;
        if cursor.is_none() {
            tell(&page.hints);
        }
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(page.events.len());
        print(out, page.events.get(..take).unwrap_or_default(), found == 0)?;
        if page.archived != told {
            tell_archived(&page.archived);
            told = page.archived;
        }
        found += take as u64;
        left -= take as u64;
        match page.next_cursor {
            Some(next) if left > 0 => cursor = Some(next),
            more => {
                if !out.json {
                    summary(found, more.is_some());
                }
                return Ok(found);
            }
        }
    }
}

/// Events as the server wrote them, byte for byte, or as a table. A table per page: memory stays
/// bounded however much is listed.
fn print(out: &mut Out, events: &[Box<RawValue>], first: bool) -> Result<(), Failure> {
    if out.json {
        return events.iter().try_for_each(|event| out.line(event.get()));
    }
    if events.is_empty() {
        return Ok(());
    }
    let columns = Columns::fit(out.width());
    let mut table = out.new_table(&if first { columns.header() } else { Vec::new() });
    for event in events {
        Shown::read(event.get()).add_to(&mut table, columns);
    }
    out.table(&table)?;
    out.flush()
}

fn summary(found: u64, more: bool) {
    let plus = if more { ", more match (--limit, --all)" } else { "" };
    eprintln!("{} event{}{plus}", grouped(found), if found == 1 { "" } else { "s" });
}
