//! The structured filter over plain rows: for the tests of pages over single parts.

use crate::index::fixture::Row;
use crate::query::{Ask, Filter, Hits, Order};

/// Answers a page request over all visible rows; the sequence of a row is its index.
pub(super) fn page(rows: &[Row], ask: &Ask<'_>) -> Hits {
    let mut all: Vec<(i64, u64)> = matching(rows, ask.filter);
    all.sort_unstable();
    if ask.order == Order::Desc {
        all.reverse();
    }
    let matched = ask.count.then_some(all.len() as u64);
    let is_after = |row: &(i64, u64)| match (ask.after, ask.order) {
        (None, _) => true,
        (Some(after), Order::Desc) => *row < after,
        (Some(after), Order::Asc) => *row > after,
    };
    let mut hits: Vec<_> = all.into_iter().filter(is_after).collect();
    let more = hits.len() > ask.limit;
    hits.truncate(ask.limit);
    Hits { hits, more, matched }
}

/// (time, sequence) of every row that matches.
pub(super) fn matching(rows: &[Row], filter: &Filter) -> Vec<(i64, u64)> {
    let numbered = rows.iter().zip(0..);
    numbered.filter(|(row, _)| fits(row, filter)).map(|(row, number)| (row.time_ns, number)).collect()
}

fn fits(row: &Row, filter: &Filter) -> bool {
    let in_time = filter.from_ns.is_none_or(|from| row.time_ns >= from)
        && filter.to_ns.is_none_or(|to| row.time_ns < to);
    let exact = |wanted: &Vec<String>, value: &str| wanted.is_empty() || wanted.iter().any(|w| w == value);
    let email = |wanted: &String| row.actor_email.as_ref().is_some_and(|e| lower(e) == lower(wanted));
    in_time
        && exact(&filter.category, &row.category)
        && exact(&filter.status, &row.status)
        && exact(&filter.action, &row.action)
        && exact(&filter.actor_type, &row.actor_type)
        && exact(&filter.resource_type, &row.resource_type)
        && exact(&filter.resource_id, &row.resource_id)
        && (filter.actor_id.is_empty()
            || row.actor_id.as_ref().is_some_and(|id| filter.actor_id.contains(id)))
        && (filter.actor_email.is_empty() || filter.actor_email.iter().any(email))
        && (filter.event_type.is_empty() || filter.event_type.iter().any(|p| type_fits(p, &row.event_type)))
        && (shows_own(filter) || !type_fits("stele", &row.event_type))
}

fn shows_own(filter: &Filter) -> bool {
    filter.own || filter.event_type.iter().any(|value| lower(value).starts_with("stele"))
}

fn type_fits(pattern: &str, value: &str) -> bool {
    let plain = !escaped_removed(pattern).contains(['*', '?']);
    glob(pattern, &lower(value)) || (plain && glob(&format!("{pattern}.*"), &lower(value)))
}

fn escaped_removed(pattern: &str) -> String {
    let mut chars = pattern.chars();
    let mut kept = String::new();
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else {
            kept.push(c);
        }
    }
    kept
}

/// Straight from the definition, by recursion; `value` is lower case.
fn glob(pattern: &str, value: &str) -> bool {
    let (mut pattern_rest, mut value_rest) = (pattern.chars(), value.chars());
    let (first, next) = (pattern_rest.next(), value_rest.next());
    match (first, next) {
        (None, None) => true,
        (Some('*'), None) => glob(pattern_rest.as_str(), value),
        (Some('*'), Some(_)) => glob(pattern_rest.as_str(), value) || glob(pattern, value_rest.as_str()),
        (Some('?'), Some(_)) => glob(pattern_rest.as_str(), value_rest.as_str()),
        (Some('\\'), Some(found)) => {
            let wanted = pattern_rest.next().unwrap_or('\\');
            lower(&wanted.to_string()) == found.to_string()
                && glob(pattern_rest.as_str(), value_rest.as_str())
        }
        (Some(wanted), Some(found)) => {
            lower(&wanted.to_string()) == found.to_string()
                && glob(pattern_rest.as_str(), value_rest.as_str())
        }
        _ => false,
    }
}

fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}
