//! The structured parameters, judged by hand: their trees must say the same.

use super::decoded::Event;
use crate::query::Filter;
use crate::query::lang::{Term, Test, Token, Value};
use crate::query::oracle::keyword;
use crate::text::fold;

/// What the structured parameters say of an event, without a tree.
pub(super) fn fits(filter: &Filter, event: &Event) -> bool {
    let exact = |wanted: &[String], path: &[&str]| {
        wanted.is_empty() || event.get(path).is_some_and(|value| wanted.iter().any(|w| w == value))
    };
    let email = event.get(&["actor", "email"]).map(fold);
    let kind = event.get(&["event_type"]).unwrap();
    filter.from_ns.is_none_or(|from| event.time_ns >= from)
        && filter.to_ns.is_none_or(|to| event.time_ns < to)
        && exact(&filter.category, &["category"])
        && exact(&filter.status, &["status"])
        && exact(&filter.action, &["action"])
        && exact(&filter.actor_type, &["actor", "type"])
        && exact(&filter.actor_id, &["actor", "id"])
        && exact(&filter.resource_type, &["resource", "type"])
        && exact(&filter.resource_id, &["resource", "id"])
        && (filter.actor_email.is_empty()
            || filter.actor_email.iter().any(|wanted| email == Some(fold(wanted))))
        && (filter.event_type.is_empty() || filter.event_type.iter().any(|wanted| type_fits(wanted, kind)))
}

fn type_fits(pattern: &str, kind: &str) -> bool {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' => Token::Run,
            '?' => Token::One,
            '\\' => Token::Char(chars.next().unwrap_or('\\')),
            c => Token::Char(c),
        });
    }
    keyword(&Test::Is(Value::Term(Term { tokens, quoted: false })), kind, true)
}
