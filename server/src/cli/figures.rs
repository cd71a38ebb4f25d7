//! `stele metrics`: count, extremes, mean and percentiles of numbers.

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::facets::shown;
use super::failure::Failure;
use super::out::{Out, cell};
use super::query::{Archived, AskArgs, HELP, Hint, tell, tell_archived};
use super::text::grouped;

/// Figures of the numbers at a metadata path, such as metadata.latency_ms
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct MetricsArgs {
    /// Where the numbers are: metadata.PATH (@PATH)
    #[arg(value_name = "FIELD")]
    field: String,
    #[command(flatten)]
    ask: AskArgs,
    /// A line for each value of this field
    #[arg(long, short = 'g', value_name = "FIELD")]
    group_by: Option<String>,
    /// Groups at most, the most frequent ones
    #[arg(long, value_name = "N")]
    top: Option<u64>,
}

#[derive(Deserialize)]
struct Answer {
    groups: Vec<Box<RawValue>>,
    #[serde(default)]
    groups_left_out: u64,
    #[serde(default)]
    hints: Vec<Hint>,
    #[serde(default)]
    archived: Vec<Archived>,
}

#[derive(Deserialize)]
struct Group {
    key: Box<RawValue>,
    count: u64,
    min: Option<f64>,
    mean: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

/// Runs the command.
pub fn run(args: &MetricsArgs) -> Result<(), Failure> {
    let client = args.ask.client()?;
    let question = args.ask.question();
    let mut query = question.base.with("field", &args.field);
    if let Some(group_by) = &args.group_by {
        query.push("group_by", group_by);
    }
    if let Some(top) = args.top {
        query.push("top", &top.to_string());
    }
    let answer: Answer = question.ask(&client, &query, "/v1/metrics/query")?;
    tell(&answer.hints);
    tell_archived(&answer.archived);
    let mut out = Out::with(&args.ask.look);
    if out.json {
        answer.groups.iter().try_for_each(|group| out.line(group.get()))?;
        return out.flush();
    }
    let title = args.group_by.as_deref().unwrap_or("").to_uppercase();
    let mut table = out.new_table(&[&title, "COUNT", "MIN", "MEAN", "P50", "P95", "P99", "MAX"]);
    for group in &answer.groups {
        let group: Group = serde_json::from_str(group.get())
            .map_err(|e| Failure::Unreachable(format!("not an answer of Stele: {e}")))?;
        let key = if group.key.get() == "null" { "-".to_owned() } else { shown(&group.key) };
        let figures = [group.min, group.mean, group.p50, group.p95, group.p99, group.max];
        let mut row = vec![cell(&key), cell(&grouped(group.count))];
        row.extend(figures.map(|figure| cell(&figure.map_or_else(|| "-".to_owned(), short))));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    out.table(&table)?;
    if answer.groups_left_out > 0 {
        eprintln!("{} more groups (--top)", grouped(answer.groups_left_out));
    }
    out.flush()
}

/// At most two decimals, none where there are none.
fn short(figure: f64) -> String {
    let text = format!("{figure:.2}");
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    if trimmed == "-0" || (trimmed == "0" && figure != 0.0) {
        format!("{figure:e}")
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_small_ones_are_not_nothing() {
        assert_eq!([0.0, 12.0, 100.0, 12.345, 1.5].map(short), ["0", "12", "100", "12.35", "1.5"]);
        assert_eq!([0.001, -0.004].map(short), ["1e-3", "-4e-3"]);
    }
}
