//! `stele history`: what was changed of a resource, and its state.

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::{Client, Connection};
use super::event::{Columns, Shown};
use super::failure::Failure;
use super::filters::{Filters, Query, path_of};
use super::out::{Look, Out};
use super::query::{Archived, Hint, QueryArgs, Question, tell, tell_archived};
use super::text::pretty;

/// Most changes of one page.
const PAGE_MAX: u64 = 1000;

/// Show the changes of one resource, newest first, and its state
#[derive(Args, Debug)]
#[command(
    after_help = "Example: what the agent was a day ago\n  stele history agent agt_42 --at now-1d --state"
)]
pub struct HistoryArgs {
    /// Type of the resource
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Its id
    id: String,
    #[command(flatten)]
    query: QueryArgs,
    /// The state at this time: RFC 3339, or relative such as now-1d
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Only the state, as JSON
    #[arg(long)]
    state: bool,
    /// Changes at most
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Deserialize)]
struct Page {
    changes: Vec<Box<RawValue>>,
    state: Option<Box<RawValue>>,
    next_cursor: Option<String>,
    #[serde(default)]
    hints: Vec<Hint>,
    #[serde(default)]
    archived: Vec<Archived>,
}

/// Runs the command.
pub fn run(args: &HistoryArgs) -> Result<(), Failure> {
    let client = Client::new(&args.connection, 1)?;
    let path = path_of(&path_of("/v1/resources", &args.kind)?, &args.id)? + "/history";
    let question = Question::new(&args.query, &args.filters, None);
    let limit = if args.state { 1 } else { args.limit };
    let mut base: Query = question.base.with("limit", &limit.min(PAGE_MAX).to_string());
    if let Some(at) = &args.at {
        base.push("at", at);
    }
    let mut out = Out::with(&args.look);
    let (mut cursor, mut left) = (None::<String>, limit);
    loop {
        let query = cursor.as_ref().map_or_else(|| base.clone(), |c| base.with("cursor", c));
        let page: Page = question.ask(&client, &query, &path)?;
        if cursor.is_none() {
            tell(&page.hints);
            tell_archived(&page.archived);
            if args.state || !out.json {
                state(&mut out, page.state.as_deref())?;
            }
        }
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(page.changes.len());
        if !args.state {
            print(&mut out, page.changes.get(..take).unwrap_or_default(), cursor.is_none())?;
        }
        left -= take as u64;
        match page.next_cursor {
            Some(next) if left > 0 && take > 0 => cursor = Some(next),
            _ => return out.flush(),
        }
    }
}

fn state(out: &mut Out, state: Option<&RawValue>) -> Result<(), Failure> {
    let text = state.map_or("null", RawValue::get);
    if out.json { out.line(text) } else { out.line(&format!("{}\n", pretty(text))) }
}

fn print(out: &mut Out, changes: &[Box<RawValue>], first: bool) -> Result<(), Failure> {
    if out.json {
        return changes.iter().try_for_each(|change| out.line(change.get()));
    }
    if changes.is_empty() {
        return Ok(());
    }
    let columns = Columns::fit(out.width());
    let mut table = out.new_table(&if first { columns.header() } else { Vec::new() });
    for change in changes {
        Shown::read(change.get()).add_to(&mut table, columns);
    }
    out.table(&table)
}
