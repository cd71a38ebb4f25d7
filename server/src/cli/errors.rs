//! `stele errors`: events that fail alike, as groups.

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bars::sparkline;
use super::failure::Failure;
use super::out::Out;
use super::query::{Archived, AskArgs, HELP, Hint, tell, tell_archived};
use super::text::{grouped, printable};

/// Most groups of one page.
const PAGE_MAX: u64 = 1000;

/// Group events that fail alike, the most recently seen first
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct ErrorsArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// Groups at most
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
}

#[derive(Deserialize)]
struct Page {
    groups: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    #[serde(default)]
    hints: Vec<Hint>,
    #[serde(default)]
    archived: Vec<Archived>,
}

#[derive(Deserialize)]
struct Group {
    event_type: String,
    message: String,
    count: u64,
    first_seen: String,
    last_seen: String,
    sparkline: Vec<u64>,
}

/// Runs the command.
pub fn run(args: &ErrorsArgs) -> Result<(), Failure> {
    let client = args.ask.client()?;
    let question = args.ask.question();
    let base = question.base.with("limit", &args.limit.min(PAGE_MAX).to_string());
    let mut out = Out::with(&args.ask.look);
    let (mut cursor, mut left) = (None::<String>, args.limit);
    loop {
        let query = cursor.as_ref().map_or_else(|| base.clone(), |c| base.with("cursor", c));
        let page: Page = question.ask(&client, &query, "/v1/errors")?;
        if cursor.is_none() {
            tell(&page.hints);
            tell_archived(&page.archived);
        }
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(page.groups.len());
        print(&mut out, page.groups.get(..take).unwrap_or_default())?;
        left -= take as u64;
        match page.next_cursor {
            Some(next) if left > 0 && take > 0 => cursor = Some(next),
            _ => return out.flush(),
        }
    }
}

fn print(out: &mut Out, groups: &[Box<RawValue>]) -> Result<(), Failure> {
    for group in groups {
        if out.json {
            out.line(group.get())?;
            continue;
        }
        let group: Group = serde_json::from_str(group.get())
            .map_err(|e| Failure::Unreachable(format!("not an answer of Stele: {e}")))?;
        block(out, &group)?;
    }
    Ok(())
}

/// A group as two lines: messages are long, and a table would cut them.
fn block(out: &mut Out, group: &Group) -> Result<(), Failure> {
    let red = anstyle::AnsiColor::Red.on_default();
    let count = out.painted(&format!("{}×", grouped(group.count)), red);
    let title = out.painted(&printable(&group.event_type), anstyle::Style::new().bold());
    let trend = sparkline(&group.sparkline);
    out.line(&format!("{count} {title}  {}", printable(&group.message)))?;
    let seen = format!("{} to {}", printable(&group.first_seen), printable(&group.last_seen));
    out.line(format!("    {seen}  {trend}").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_read_whatever_else_it_holds() {
        let text = r#"{"fingerprint":"0","event_type":"api.error","message":"m","count":3,"first_seen":"a",
            "last_seen":"b","sample":{"event_id":"e"},"sparkline":[0,1,2]}"#;
        let group: Group = serde_json::from_str(text).unwrap();
        assert_eq!((group.count, group.sparkline.len(), group.message.as_str()), (3, 3, "m"));
    }
}
