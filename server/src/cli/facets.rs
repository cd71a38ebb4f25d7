//! `stele facets`: how often each value occurs.

use std::collections::HashMap;

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bars::bar;
use super::failure::Failure;
use super::out::{Out, cell, status_cell};
use super::query::{Archived, AskArgs, HELP, Hint, tell, tell_archived};
use super::text::grouped;

/// Longest bar.
const BAR_CHARS: usize = 24;

/// Count values of the events that match
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct FacetsArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// category, status, event_type, action, actor, resource_type, … or metadata.PATH (@PATH)
    #[arg(long, short = 'f', default_value = "category,status,event_type,actor", value_name = "FIELDS")]
    fields: String,
    /// Values of each field, the most frequent ones
    #[arg(long, default_value_t = 20, value_name = "N")]
    top: u64,
}

#[derive(Deserialize)]
struct Answer {
    facets: HashMap<String, Facet>,
    matched: u64,
    #[serde(default)]
    hints: Vec<Hint>,
    #[serde(default)]
    archived: Vec<Archived>,
}

#[derive(Deserialize)]
struct Facet {
    values: Vec<Counted>,
    other: u64,
    missing: u64,
}

#[derive(Deserialize)]
struct Counted {
    value: Box<RawValue>,
    count: u64,
}

/// Runs the command.
pub fn run(args: &FacetsArgs) -> Result<(), Failure> {
    let client = args.ask.client()?;
    let question = args.ask.question();
    let query = question.base.with("fields", &args.fields).with("top", &args.top.to_string());
    let mut answer: Answer = question.ask(&client, &query, "/v1/facets")?;
    tell(&answer.hints);
    tell_archived(&answer.archived);
    let mut out = Out::with(&args.ask.look);
    // In the order asked for, which the answer has too, but not a map.
    let mut places: Vec<(usize, String)> = answer
        .facets
        .keys()
        .map(|name| (args.fields.find(name.as_str()).unwrap_or(0), name.clone()))
        .collect();
    places.sort();
    for (_, name) in places {
        let Some(facet) = answer.facets.remove(&name) else { continue };
        if out.json { lines(&mut out, &name, &facet)? } else { table(&mut out, &name, &facet)? }
    }
    if !out.json {
        eprintln!("{} event{}", grouped(answer.matched), if answer.matched == 1 { "" } else { "s" });
    }
    out.flush()
}

/// A line for each value, and one for what is not among them.
fn lines(out: &mut Out, name: &str, facet: &Facet) -> Result<(), Failure> {
    for Counted { value, count } in &facet.values {
        out.json_line(&serde_json::json!({"field": name, "value": value, "count": count}))?;
    }
    out.json_line(&serde_json::json!({"field": name, "other": facet.other, "missing": facet.missing}))
}

fn table(out: &mut Out, name: &str, facet: &Facet) -> Result<(), Failure> {
    let most = facet.values.first().map_or(0, |v| v.count);
    let title = name.to_uppercase();
    let mut table = out.new_table(&[&title, "COUNT", ""]);
    for Counted { value, count } in &facet.values {
        let text = shown(value);
        let value = if name == "status" { status_cell(&text) } else { cell(&text) };
        table.add_row([value, cell(&grouped(*count)), cell(&bar(*count, most, BAR_CHARS))]);
    }
    for (text, count) in [("(other)", facet.other), ("(missing)", facet.missing)] {
        if count > 0 {
            table.add_row([cell(text), cell(&grouped(count)), cell("")]);
        }
    }
    if let Some(counts) = table.column_mut(1) {
        counts.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    out.table(&table)?;
    out.line("")
}

/// A value as people read it: text without its quotes.
pub fn shown(value: &RawValue) -> String {
    serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_show_without_quotes_and_numbers_as_they_are() {
        let answer = r#"{"facets":{"status":{"values":[{"value":"a\"b","count":2},{"value":1.0,"count":1}],
            "other":0,"missing":1}},"matched":4,"query":"","hints":[{"position":0,"detail":"d","suggestion":null}]}"#;
        let answer: Answer = serde_json::from_str(answer).unwrap();
        let values = &answer.facets["status"].values;
        assert_eq!([shown(&values[0].value), shown(&values[1].value)], ["a\"b", "1.0"]);
        assert_eq!((answer.matched, answer.hints.len()), (4, 1));
    }
}
