//! Advice on queries that are right but perhaps not what was meant.

use super::fields::nearest;
use super::parse::{BareText, read};
use super::print::in_quotes;
use super::scan::Op;
use super::tree::{Bound, Clause, Expr, Field, Query, Scalar, Term, Test, Token, Value};
use super::typed::near_operator;
use crate::query::answer::Hint;

/// Advice on a query and the text it was read from, in the order of their places: `or`, `and`, `not`
/// in lower case between terms, fields that no event has, terms without a word, and values that look
/// like an operator or a list.
#[must_use]
pub fn hints(text: &str, query: &Query) -> Vec<Hint> {
    let mut clauses = Vec::new();
    clauses_of(&query.root, &mut clauses);
    let texts = read(text).map(|(_, texts)| texts).unwrap_or_default();
    let mut hints = Vec::new();
    let places = texts.iter().map(|bare| bare.position).chain(clauses.iter().map(|clause| clause.position));
    let (first, last) = places.fold((usize::MAX, 0), |(first, last), at| (first.min(at), last.max(at)));
    texts.iter().for_each(|bare| hints.extend(of_text(bare, first, last)));
    clauses.iter().for_each(|clause| hints.extend(of_clause(clause)));
    hints.sort_by_key(|hint| hint.position);
    hints
}

fn clauses_of<'q>(expr: &'q Expr, out: &mut Vec<&'q Clause>) {
    match expr {
        Expr::All | Expr::Text(_) => {}
        Expr::And(items) | Expr::Or(items) => items.iter().for_each(|item| clauses_of(item, out)),
        Expr::Not(inner) => clauses_of(inner, out),
        Expr::Clause(clause) => out.push(clause),
    }
}

fn of_text(bare: &BareText, first: usize, last: usize) -> Option<Hint> {
    let hint = |detail: String, suggestion| Some(Hint { position: bare.position, detail, suggestion });
    let text = bare.term.text();
    let between = match text.as_str() {
        "or" | "and" => first < bare.position && bare.position < last,
        "not" => bare.position < last,
        _ => false,
    };
    if between && !bare.term.quoted {
        let operator = text.to_uppercase();
        return hint(
            format!("`{text}` in lower case is a word to search for; the operator is {operator}"),
            Some(operator),
        );
    }
    if bare.term.phrase().is_empty() {
        return hint(format!("`{text}` has no letter and no digit, so it matches nothing"), None);
    }
    None
}

fn of_clause(clause: &Clause) -> Option<Hint> {
    let hint = |detail: String, suggestion| Some(Hint { position: clause.position, detail, suggestion });
    if let Field::Unknown(name) = &clause.field {
        let suggestion = known_name(name);
        return hint(format!("no event has a field `{name}`, so this matches nothing"), suggestion);
    }
    let name = clause.field.name();
    if let Some(rest) = not_equal(&clause.test) {
        let detail = "`>` is part of the value here, not an operator".to_owned();
        return hint(detail, Some(format!("{name}!={rest}")));
    }
    let (op, term) = first_term(&clause.test)?;
    let text = term.text();
    let in_words = matches!(clause.field, Field::Metadata(_) | Field::UserAgent);
    if let Some((meant, rest)) = near_operator(op, &text).filter(|_| !term.quoted) {
        let detail =
            format!("`{}` is part of the value here, not an operator", &text[..text.len() - rest.len()]);
        return hint(detail, Some(format!("{name}{meant}{rest}")));
    }
    if op == Op::Is && in_words && term.phrase().is_empty() {
        let detail = format!(
            "the value of `{name}` has no letter and no digit, so it matches nothing; `=` compares whole values"
        );
        return hint(detail, Some(format!("{name}={}", in_quotes(&text))));
    }
    let is_list = op == Op::Is && !in_words && !term.quoted && term.tokens.contains(&Token::Char(','));
    if is_list && matches!(clause.field, Field::Keyword(_) | Field::EventId) {
        let detail = "a comma joins values only inside parentheses".to_owned();
        return hint(detail, Some(format!("{name}:({text})")));
    }
    None
}

/// What an unknown name was perhaps meant to be: a known one, or one below `metadata`.
fn known_name(name: &str) -> Option<String> {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    if nearest(first) == Some("metadata") {
        return (!rest.is_empty()).then(|| format!("@{rest}"));
    }
    Some(nearest(name).map_or_else(|| format!("@{name}"), str::to_owned))
}

/// The first value that is a term.
fn first_term(test: &Test) -> Option<(Op, &Term)> {
    match test {
        Test::Is(Value::Term(term)) => Some((Op::Is, term)),
        Test::Equals(Value::Term(term)) => Some((Op::Equals, term)),
        Test::Contains(term) => Some((Op::Contains, term)),
        Test::AnyOf(tests) => tests.iter().find_map(first_term),
        _ => None,
    }
}

/// The value of `f<>value`.
fn not_equal(test: &Test) -> Option<&str> {
    let Test::Within { low: None, high: Some(Bound { inclusive: false, scalar: Scalar::Text(text) }) } = test
    else {
        return None;
    };
    text.strip_prefix('>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::lang::parse;

    fn of(text: &str) -> Vec<(usize, Option<String>)> {
        let hints = hints(text, &parse(text).unwrap());
        hints.into_iter().map(|hint| (hint.position, hint.suggestion)).collect()
    }

    #[test]
    fn what_was_perhaps_meant_is_said_where_it_stands() {
        for (text, wanted) in [
            ("timeout or refused", &[(8, Some("OR"))][..]),
            ("a and status:failure", &[(2, Some("AND"))]),
            ("not timeout", &[(0, Some("NOT"))]),
            ("or", &[]),
            ("a or", &[]),
            ("a \"or\" b", &[]),
            ("a OR b AND NOT c", &[]),
            ("ä timestmp:2026", &[(2, Some("timestamp"))]),
            ("http://x", &[(0, Some("@http"))]),
            (
                "latency_ms_of_the_whole_request_with_retries>500",
                &[(0, Some("@latency_ms_of_the_whole_request_with_retries"))],
            ),
            ("latency_ms>500", &[(0, Some("@latency_ms"))]),
            ("a ... b", &[(2, None)]),
            ("a --- b", &[(3, None)]),
            ("@f:\"-\"", &[(0, Some("@f=\"-\""))]),
            ("status==failure", &[(0, Some("status=failure"))]),
            ("status:!failure", &[(0, Some("status!=failure"))]),
            ("status:failure,pending", &[(0, Some("status:(failure,pending)"))]),
            ("@f:a,b", &[]),
            ("status<>failure", &[(0, Some("status!=failure"))]),
            ("metdata.x:1 metadata:1", &[(0, Some("@x")), (12, None)]),
        ] {
            let wanted: Vec<_> = wanted.iter().map(|(at, text)| (*at, text.map(str::to_owned))).collect();
            assert_eq!(of(text), wanted, "{text}");
        }
    }
}
