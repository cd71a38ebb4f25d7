//! The plain evaluator that the engine must agree with: decoded events, one after the other, nothing
//! clever. It shares with the engine the tree, and the three functions that define text: case, words,
//! numbers. What it says is read off docs/QUERY.md, and where the engine says something else, one of
//! the two is wrong.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::lang::{
    Bound, Clause, Expr, Field, Keyword, Literal, Moment, Name, Scalar, Term, Test, Token, Value,
};
use super::tests::decoded::{Event, Json, present, words_of};
use crate::text::{Number, fold, in_word};

/// Whether any clause on the type has a value that begins with `stele`.
pub(super) fn names_own(expr: &Expr) -> bool {
    match expr {
        Expr::All | Expr::Text(_) => false,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(names_own),
        Expr::Not(part) => names_own(part),
        Expr::Clause(clause) => {
            clause.field == Field::Keyword(Keyword::EventType) && begins_own(&clause.test)
        }
    }
}

fn begins_own(test: &Test) -> bool {
    let begins = |text: &str| fold(text).starts_with("stele");
    let bound = |bound: &Option<Bound>| matches!(bound, Some(Bound { scalar: Scalar::Text(text), .. }) if begins(text));
    match test {
        Test::Present => false,
        Test::Is(Value::Term(term)) | Test::Equals(Value::Term(term)) | Test::Contains(term) => {
            begins(&literal(term))
        }
        Test::Is(_) | Test::Equals(_) => false,
        Test::Within { low, high } => bound(low) || bound(high),
        Test::AnyOf(tests) => tests.iter().any(begins_own),
    }
}

/// What a tree says of an event.
pub(super) fn matches(expr: &Expr, event: &Event, now_ns: i64) -> bool {
    match expr {
        Expr::All => true,
        Expr::And(parts) => parts.iter().all(|part| matches(part, event, now_ns)),
        Expr::Or(parts) => parts.iter().any(|part| matches(part, event, now_ns)),
        Expr::Not(part) => !matches(part, event, now_ns),
        Expr::Text(term) => {
            let is_id = !wild(term) && Some(literal(term).as_str()) == event.get(&["event_id"]);
            is_id || event.seen.iter().any(|words| has_phrase(words, term))
        }
        Expr::Clause(clause) => any_of(clause, &clause.test, event, now_ns),
    }
}

fn any_of(clause: &Clause, test: &Test, event: &Event, now_ns: i64) -> bool {
    match test {
        Test::AnyOf(tests) => tests.iter().any(|test| any_of(clause, test, event, now_ns)),
        test => holds(&clause.field, test, event, now_ns),
    }
}

fn holds(field: &Field, test: &Test, event: &Event, now_ns: i64) -> bool {
    let any = |paths: &[[&str; 2]]| {
        let mut values = paths.iter().filter_map(|path| event.get(path));
        values.any(|value| keyword(test, value, false))
    };
    match field {
        Field::EventId => keyword_exact(test, event.get(&["event_id"]).unwrap()),
        Field::Sequence => number(test, &Number::parse(&event.sequence.to_string()).unwrap()),
        Field::Timestamp => time(test, event.time_ns, now_ns),
        Field::CommittedAt => time(test, i64::try_from(event.committed_us).unwrap() * 1000, now_ns),
        Field::Keyword(Keyword::EventType) => keyword(test, event.get(&["event_type"]).unwrap(), true),
        Field::Keyword(of) => event.get(place(*of)).is_some_and(|value| keyword(test, value, false)),
        Field::Actor => any(&[["actor", "id"], ["actor", "email"], ["actor", "name"]]),
        Field::Resource => any(&[["resource", "type"], ["resource", "id"]]),
        Field::Address => event.get(&["actor", "ip_address"]).is_some_and(|value| address(test, value)),
        Field::UserAgent => {
            event.json.get(&["actor", "user_agent"]).is_some_and(|value| own_type(test, value))
        }
        Field::Metadata(path) => {
            let mut found = Vec::new();
            reach(event.json.get(&["metadata"]).unwrap(), &path.0, &mut found);
            found.into_iter().any(|value| own_type(test, value))
        }
        Field::Changed => {
            let mut paths = changed(event).into_iter();
            match test {
                Test::Present => paths.next().is_some(),
                Test::Is(Value::Path(path)) => paths.any(|stored| stands_for(&stored, &path.0)),
                other => panic!("no test of changed: {other:?}"),
            }
        }
        Field::Unknown(_) => false,
    }
}

fn place(of: Keyword) -> &'static [&'static str] {
    match of {
        Keyword::EventType => &["event_type"],
        Keyword::Category => &["category"],
        Keyword::Status => &["status"],
        Keyword::Action => &["action"],
        Keyword::ActorType => &["actor", "type"],
        Keyword::ActorId => &["actor", "id"],
        Keyword::ActorEmail => &["actor", "email"],
        Keyword::ActorName => &["actor", "name"],
        Keyword::ResourceType => &["resource", "type"],
        Keyword::ResourceId => &["resource", "id"],
        Keyword::ResourceName => &["resource", "name"],
    }
}

/// A term's characters as written; wildcards too.
pub(super) fn literal(term: &Term) -> String {
    let char = |token: &Token| match token {
        Token::Char(c) => *c,
        Token::Run => '*',
        Token::One => '?',
    };
    term.tokens.iter().map(char).collect()
}

fn wild(term: &Term) -> bool {
    term.tokens.iter().any(|token| !matches!(token, Token::Char(_)))
}

/// A term's characters without case.
fn folded(term: &Term) -> Vec<Token> {
    let one = |token: &Token| match token {
        Token::Char(c) => fold(&c.to_string()).chars().map(Token::Char).collect(),
        other => vec![*other],
    };
    term.tokens.iter().flat_map(one).collect()
}

fn glob(pattern: &[Token], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(Token::Run), _) => (0..=text.len()).any(|skipped| glob(&pattern[1..], &text[skipped..])),
        (Some(Token::One), Some(_)) => glob(&pattern[1..], &text[1..]),
        (Some(Token::Char(wanted)), Some(found)) if wanted == found => glob(&pattern[1..], &text[1..]),
        _ => false,
    }
}

fn glob_folded(pattern: &[Token], text: &str) -> bool {
    glob(pattern, &fold(text).chars().collect::<Vec<_>>())
}

/// Whether the term's words stand in a value, adjacent and in their order.
fn has_phrase(value: &[String], term: &Term) -> bool {
    let of_word = |token: &Token| !matches!(token, Token::Char(c) if !in_word(*c));
    let folded = folded(term);
    let wanted: Vec<&[Token]> =
        folded.split(|token| !of_word(token)).filter(|word| !word.is_empty()).collect();
    let fits = |found: &[String]| found.iter().zip(&wanted).all(|(found, word)| glob_folded(word, found));
    !wanted.is_empty() && value.windows(wanted.len()).any(fits)
}

fn contains(value: &str, term: &Term) -> bool {
    fold(value).contains(&*fold(&literal(term)))
}

pub(super) fn keyword(test: &Test, value: &str, below: bool) -> bool {
    match test {
        Test::Present => true,
        Test::Is(Value::Term(term)) => {
            let is_below = |term| fold(value).starts_with(&format!("{}.", fold(&literal(term))));
            glob_folded(&folded(term), value) || (below && !wild(term) && is_below(term))
        }
        Test::Equals(Value::Term(term)) => literal(term) == value,
        Test::Contains(term) => contains(value, term),
        Test::Within { low, high } => within(low.as_ref(), high.as_ref(), |scalar| match scalar {
            Scalar::Text(text) => Some(value.as_bytes().cmp(text.as_bytes())),
            _ => None,
        }),
        other => panic!("no test of a keyword: {other:?}"),
    }
}

fn keyword_exact(test: &Test, value: &str) -> bool {
    match test {
        Test::Present => true,
        Test::Is(Value::Term(term)) | Test::Equals(Value::Term(term)) => literal(term) == value,
        other => panic!("no test of an id: {other:?}"),
    }
}

fn address(test: &Test, value: &str) -> bool {
    let stored: IpAddr = value.parse().unwrap();
    match test {
        Test::Is(Value::Network { address, prefix, .. }) => match (stored, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => leading(a.octets(), b.octets(), *prefix),
            (IpAddr::V6(a), IpAddr::V6(b)) => leading(a.octets(), b.octets(), *prefix),
            _ => false,
        },
        Test::Within { low, high } => within(low.as_ref(), high.as_ref(), |scalar| match scalar {
            Scalar::Address(other) if other.is_ipv4() == stored.is_ipv4() => Some(stored.cmp(other)),
            _ => None,
        }),
        other => keyword(other, value, false),
    }
}

fn leading<const N: usize>(a: [u8; N], b: [u8; N], prefix: u8) -> bool {
    let bit = |of: [u8; N], at: usize| of[at / 8] >> (7 - at % 8) & 1;
    (0..usize::from(prefix)).all(|at| bit(a, at) == bit(b, at))
}

/// A value of metadata, by its own JSON type.
fn own_type(test: &Test, value: &Json) -> bool {
    let numeric = |text: &str| {
        let stored = Number::parse(text);
        stored.is_some_and(|stored| number(test, &stored))
    };
    match (test, value) {
        (Test::Present, value) => !matches!(value, Json::Null),
        (Test::Is(Value::Term(term)) | Test::Equals(Value::Term(term)), Json::Number(text)) => {
            let wanted = Number::parse(&literal(term));
            wanted.is_some() && wanted == Number::parse(text)
        }
        (Test::Is(Value::Term(term)) | Test::Equals(Value::Term(term)), Json::Flag(flag)) => {
            literal(term) == flag.to_string()
        }
        (Test::Is(Value::Term(term)), Json::Text(text)) => has_phrase(&words_of(text), term),
        (Test::Equals(Value::Term(term)), Json::Text(text)) => literal(term) == *text,
        (Test::Contains(term), Json::Text(text)) => contains(text, term),
        (Test::Within { .. }, Json::Number(text) | Json::Text(text)) => numeric(text),
        (
            Test::Is(Value::Term(_)) | Test::Equals(Value::Term(_)) | Test::Contains(_) | Test::Within { .. },
            _,
        ) => false,
        (other, _) => panic!("no test of metadata: {other:?}"),
    }
}

fn number(test: &Test, stored: &Number) -> bool {
    match test {
        Test::Present => true,
        Test::Is(Value::Number(Literal { number, .. }))
        | Test::Equals(Value::Number(Literal { number, .. })) => stored == number,
        Test::Within { low, high } => within(low.as_ref(), high.as_ref(), |scalar| match scalar {
            Scalar::Number(Literal { number, .. }) => Some(stored.cmp(number)),
            _ => None,
        }),
        other => panic!("no test of a number: {other:?}"),
    }
}

/// `compare` tells how the stored value stands to a bound; `None`: not comparable.
fn within(low: Option<&Bound>, high: Option<&Bound>, compare: impl Fn(&Scalar) -> Option<Ordering>) -> bool {
    let side = |bound: Option<&Bound>, beyond: Ordering| {
        bound.is_none_or(|bound| match compare(&bound.scalar) {
            Some(Ordering::Equal) => bound.inclusive,
            other => other == Some(beyond),
        })
    };
    side(low, Ordering::Greater) && side(high, Ordering::Less)
}

fn time(test: &Test, stored: i64, now_ns: i64) -> bool {
    const SECOND: i128 = 1_000_000_000;
    let stored = i128::from(stored);
    // The first nanosecond of what is meant, and the first one after it.
    let span = |moment: &Moment| match moment {
        Moment::Unit { from_ns, to_ns, .. } => (i128::from(*from_ns), to_ns.map_or(i128::MAX, i128::from)),
        Moment::Now { offset_ns, .. } => {
            let instant = i128::from(now_ns) + i128::from(*offset_ns);
            (instant, instant + 1)
        }
    };
    let bound = |bound: &Bound| match &bound.scalar {
        Scalar::Time(moment) => span(moment),
        other => panic!("no bound of a time: {other:?}"),
    };
    match test {
        Test::Present => true,
        Test::Is(Value::Time(moment)) => (span(moment).0..span(moment).1).contains(&stored),
        Test::Equals(Value::Time(moment)) => {
            let (from, to) = span(moment);
            if to - from <= SECOND { stored == from } else { (from..to).contains(&stored) }
        }
        Test::Within { low, high } => {
            let over = low.as_ref().is_none_or(|low| {
                let (from, to) = bound(low);
                if low.inclusive { stored >= from } else { stored >= to }
            });
            let under = high.as_ref().is_none_or(|high| {
                let (from, to) = bound(high);
                if high.inclusive { stored < to } else { stored < from }
            });
            over && under
        }
        other => panic!("no test of a time: {other:?}"),
    }
}

/// The values at a path: through arrays, and through every way to split it.
pub(super) fn reach<'j>(value: &'j Json, names: &[Name], found: &mut Vec<&'j Json>) {
    match value {
        Json::List(items) => items.iter().for_each(|item| reach(item, names, found)),
        value if names.is_empty() => found.push(value),
        Json::Object(members) => {
            for (member, inner) in members {
                for taken in 1..=names.len() {
                    if is_member(member, &names[..taken]) {
                        reach(inner, &names[taken..], found);
                    }
                }
            }
        }
        _ => {}
    }
}

fn is_member(member: &str, names: &[Name]) -> bool {
    let joined = names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
    member == joined && (names.len() == 1 || names.iter().all(|name| !name.quoted))
}

fn stands_for(stored: &[String], names: &[Name]) -> bool {
    let Some((member, below)) = stored.split_first() else { return names.is_empty() };
    (1..=names.len()).any(|n| is_member(member, &names[..n]) && stands_for(below, &names[n..]))
}

/// The paths whose lists of values differ between before and after.
fn changed(event: &Event) -> Vec<Vec<String>> {
    let side = |name| {
        let mut values: BTreeMap<Vec<String>, Vec<&Json>> = BTreeMap::new();
        if let Some(state @ Json::Object(_)) = event.json.get(&["metadata", "changes", name]) {
            states(state, &mut Vec::new(), &mut values);
        }
        values
    };
    let (before, after) = (side("before"), side("after"));
    let same = |path: &Vec<String>| match (before.get(path), after.get(path)) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
        _ => false,
    };
    let mut paths: Vec<Vec<String>> = before.keys().chain(after.keys()).cloned().collect();
    paths.retain(|path| !same(path));
    paths
}

fn states<'j>(value: &'j Json, path: &mut Vec<String>, found: &mut BTreeMap<Vec<String>, Vec<&'j Json>>) {
    match value {
        Json::List(items) => items.iter().for_each(|item| states(item, path, found)),
        Json::Object(members) => {
            for (name, inner) in present(members) {
                path.push(name.clone());
                found.entry(path.clone()).or_default().push(inner);
                states(inner, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}
