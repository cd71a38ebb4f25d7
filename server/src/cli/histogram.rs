//! `stele histogram`: events by time, as bars.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bars::{bar, stacked, style_of};
use super::failure::Failure;
use super::out::Out;
use super::query::{Archived, AskArgs, HELP, Hint, tell, tell_archived};
use super::text::{grouped, printable};

/// Empty buckets in a row that are drawn one by one.
const EMPTY_MAX: usize = 3;

/// Count events by time
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct HistogramArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// Width of a bucket: 1s to 1d, or auto
    #[arg(long, short = 'i', default_value = "auto", value_name = "INTERVAL")]
    interval: String,
    /// Parts of each bar
    #[arg(long, value_enum, value_name = "FIELD")]
    split: Option<Split>,
}

/// What bars are split by.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum Split {
    /// How it went.
    Status,
    /// What it is about.
    Category,
}

#[derive(Deserialize)]
struct Answer {
    interval: String,
    buckets: Vec<Box<RawValue>>,
    #[serde(default)]
    hints: Vec<Hint>,
    #[serde(default)]
    archived: Vec<Archived>,
}

#[derive(Deserialize)]
struct Bucket {
    start: String,
    count: u64,
    by: BTreeMap<String, u64>,
}

/// Runs the command.
pub fn run(args: &HistogramArgs) -> Result<(), Failure> {
    let client = args.ask.client()?;
    let question = args.ask.question();
    let mut query = question.base.with("interval", &args.interval);
    if let Some(split) = args.split.and_then(|split| split.to_possible_value()) {
        query.push("split", split.get_name());
    }
    let answer: Answer = question.ask(&client, &query, "/v1/histogram")?;
    tell(&answer.hints);
    tell_archived(&answer.archived);
    let mut out = Out::with(&args.ask.look);
    if out.json {
        answer.buckets.iter().try_for_each(|bucket| out.line(bucket.get()))?;
        return out.flush();
    }
    let buckets = answer.buckets.iter().map(|bucket| serde_json::from_str(bucket.get()));
    let buckets: Result<Vec<Bucket>, _> = buckets.collect();
    let buckets = buckets.map_err(|e| Failure::Unreachable(format!("not an answer of Stele: {e}")))?;
    draw(&mut out, &buckets)?;
    let total = buckets.iter().map(|bucket| bucket.count).sum();
    eprintln!("{} events, {} each bar", grouped(total), printable(&answer.interval));
    out.flush()
}

fn draw(out: &mut Out, buckets: &[Bucket]) -> Result<(), Failure> {
    let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
    let digits = grouped(most).len();
    let values: Vec<&String> = {
        let all: std::collections::BTreeSet<&String> = buckets.iter().flat_map(|b| b.by.keys()).collect();
        all.into_iter().collect()
    };
    let time_chars = 22;
    let width = out.width().saturating_sub(time_chars + digits + 2).clamp(10, 80);
    if !values.is_empty() {
        let named = values.iter().enumerate();
        let names: Vec<String> =
            named.map(|(i, value)| out.painted(&printable(value), style_of(value, i))).collect();
        out.line(&names.join("  "))?;
    }
    let mut rest = buckets;
    while let Some((bucket, behind)) = rest.split_first() {
        let empty = rest.iter().take_while(|bucket| bucket.count == 0).count();
        if empty > EMPTY_MAX {
            out.line(&format!("⋮ {} empty", grouped(empty as u64)))?;
            rest = &rest[empty..];
            continue;
        }
        rest = behind;
        let bar = if values.is_empty() {
            bar(bucket.count, most, width)
        } else {
            let parts = values.iter().enumerate();
            let parts: Vec<_> = parts
                .map(|(i, value)| (style_of(value, i), bucket.by.get(*value).copied().unwrap_or(0)))
                .collect();
            stacked(out, &parts, most, width)
        };
        let parts = if out.colour || values.is_empty() { String::new() } else { by_parts(bucket) };
        let line = format!("{}  {:>digits$}  {bar}{parts}", printable(&bucket.start), grouped(bucket.count));
        out.line(line.trim_end())?;
    }
    Ok(())
}

/// The parts in words, where colours cannot tell them.
fn by_parts(bucket: &Bucket) -> String {
    let parts: Vec<String> =
        bucket.by.iter().map(|(value, count)| format!("{} {}", printable(value), grouped(*count))).collect();
    if parts.is_empty() { String::new() } else { format!("  ({})", parts.join(", ")) }
}
