//! From the syntax tree to what is looked up.

use super::lang::{Bound, Clause, Expr, Field, Keyword, Literal, Moment, Scalar, Term, Test, Token, Value};
use super::needs::Need;
use super::path::PathPattern;
use super::phrase::Phrase;
use super::plan::{Leaf, Node, TimeRange};
use super::value::ValueTest;
use crate::error::StoreError;
use crate::index::Field as Stored;
use crate::text::{Number, fold};

type FindId<'f> = &'f mut dyn FnMut(&str) -> Result<Option<u64>, StoreError>;

/// Longest text that can be an event's id.
const ID_BYTES_MAX: usize = 128;

const SECOND_NS: i64 = 1_000_000_000;

/// How the values of a field are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Type,
    Keyword,
    Address,
    Text,
    Metadata,
}

/// Compiles a tree. Its depth is bounded by the parser.
pub(super) fn tree(root: &Expr, now_ns: i64, find_id: FindId<'_>) -> Result<Node, StoreError> {
    let mut all = |children: &[Expr]| {
        children.iter().map(|child| tree(child, now_ns, find_id)).collect::<Result<Vec<_>, _>>()
    };
    Ok(match root {
        Expr::All => Node::All,
        Expr::And(children) => Node::and(all(children)?),
        Expr::Or(children) => Node::or(all(children)?),
        Expr::Not(child) => Node::not(tree(child, now_ns, find_id)?),
        Expr::Text(term) => {
            let sequence = sequence_of(term, find_id)?;
            match (phrase_of(term), sequence) {
                (None, None) => Node::Nothing,
                (phrase, sequence) => Node::Leaf(Leaf::Text { phrase, sequence }),
            }
        }
        Expr::Clause(clause) => self::clause(clause, now_ns, find_id)?,
    })
}

fn clause(clause: &Clause, now_ns: i64, find_id: FindId<'_>) -> Result<Node, StoreError> {
    let tests = each_test(&clause.test);
    let leaf = match &clause.field {
        Field::Unknown(_) => return Ok(Node::Nothing),
        Field::EventId => return ids(&tests, find_id),
        Field::Sequence => return Ok(sequences(&tests)),
        Field::Timestamp | Field::CommittedAt => {
            if tests.contains(&&Test::Present) {
                return Ok(Node::All);
            }
            let ranges: Vec<_> = tests.iter().filter_map(|test| time_range(test, now_ns)).collect();
            if ranges.is_empty() {
                return Ok(Node::Nothing);
            }
            if clause.field == Field::Timestamp { Leaf::Times(ranges) } else { Leaf::Committed(ranges) }
        }
        Field::Keyword(Keyword::EventType) => return Ok(envelope(&[Stored::EventType], Kind::Type, &tests)),
        Field::Keyword(keyword) => return Ok(envelope(stored(*keyword), Kind::Keyword, &tests)),
        Field::Actor => {
            let fields = &[Stored::ActorId, Stored::ActorEmail, Stored::ActorName];
            return Ok(envelope(fields, Kind::Keyword, &tests));
        }
        Field::Resource => {
            return Ok(envelope(&[Stored::ResourceType, Stored::ResourceId], Kind::Keyword, &tests));
        }
        Field::Address => return Ok(envelope(&[Stored::ActorAddress], Kind::Address, &tests)),
        Field::UserAgent => return Ok(envelope(&[Stored::UserAgent], Kind::Text, &tests)),
        Field::Metadata(path) => {
            let tests = value_tests(Kind::Metadata, &tests);
            if tests.is_empty() {
                return Ok(Node::Nothing);
            }
            Leaf::Metadata { path: PathPattern::of(path), tests }
        }
        Field::Changed => changed(&tests),
    };
    Ok(Node::Leaf(leaf))
}

/// The tests of a list, or the one.
fn each_test(test: &Test) -> Vec<&Test> {
    match test {
        Test::AnyOf(tests) => tests.iter().flat_map(each_test).collect(),
        one => vec![one],
    }
}

const fn stored(keyword: Keyword) -> &'static [Stored] {
    match keyword {
        Keyword::EventType => &[Stored::EventType],
        Keyword::Category => &[Stored::Category],
        Keyword::Status => &[Stored::Status],
        Keyword::Action => &[Stored::Action],
        Keyword::ActorType => &[Stored::ActorType],
        Keyword::ActorId => &[Stored::ActorId],
        Keyword::ActorEmail => &[Stored::ActorEmail],
        Keyword::ActorName => &[Stored::ActorName],
        Keyword::ResourceType => &[Stored::ResourceType],
        Keyword::ResourceId => &[Stored::ResourceId],
        Keyword::ResourceName => &[Stored::ResourceName],
    }
}

/// True for members that every event has.
const fn required(field: Stored) -> bool {
    use Stored::{Action, ActorType, Category, EventType, ResourceId, ResourceType, Status};
    matches!(field, Action | ActorType | Category | EventType | ResourceId | ResourceType | Status)
}

fn envelope(fields: &'static [Stored], kind: Kind, tests: &[&Test]) -> Node {
    if tests.contains(&&Test::Present) && fields.iter().any(|&field| required(field)) {
        return Node::All;
    }
    let tests = value_tests(kind, tests);
    if tests.is_empty() { Node::Nothing } else { Node::Leaf(Leaf::Envelope { fields, tests }) }
}

fn changed(tests: &[&Test]) -> Leaf {
    let any = tests.contains(&&Test::Present);
    let paths = tests.iter().filter_map(|test| match test {
        Test::Is(Value::Path(path)) | Test::Equals(Value::Path(path)) => Some(PathPattern::of(path)),
        _ => None,
    });
    Leaf::Changed { paths: paths.collect(), any }
}

fn ids(tests: &[&Test], find_id: FindId<'_>) -> Result<Node, StoreError> {
    let mut sequences = Vec::new();
    for test in tests {
        match test {
            Test::Present => return Ok(Node::All),
            Test::Is(Value::Term(term)) | Test::Equals(Value::Term(term)) => {
                sequences.extend(find_id(&term.text())?.map(|at| (at, at)));
            }
            _ => {}
        }
    }
    Ok(sequence_leaf(sequences))
}

/// The event that a bare term names as a whole.
fn sequence_of(term: &Term, find_id: FindId<'_>) -> Result<Option<u64>, StoreError> {
    let text = term.text();
    if term.has_wildcards()
        || text.is_empty()
        || text.len() > ID_BYTES_MAX
        || !text.bytes().all(|b| b.is_ascii_graphic())
    {
        return Ok(None);
    }
    find_id(&text)
}

fn sequence_leaf(ranges: Vec<(u64, u64)>) -> Node {
    if ranges.is_empty() { Node::Nothing } else { Node::Leaf(Leaf::Sequences(ranges)) }
}

fn sequences(tests: &[&Test]) -> Node {
    if tests.contains(&&Test::Present) {
        return Node::All;
    }
    let ranges = tests.iter().filter_map(|test| match test {
        Test::Is(Value::Number(literal)) | Test::Equals(Value::Number(literal)) => {
            let at = first_from(&literal.number, true)?;
            (number_of(at) == literal.number).then_some((at, at))
        }
        Test::Within { low, high } => {
            let low = match low.as_ref().map(|bound| (number(bound), bound.inclusive)) {
                None => 0,
                Some((number, inclusive)) => first_from(number?, inclusive)?,
            };
            // The first one above the range is known; none means that there is no end.
            let end = high.as_ref().map(|bound| Some(first_from(number(bound)?, !bound.inclusive)));
            let last = match end {
                None => u64::MAX,
                Some(end) => end?.map_or(Some(u64::MAX), |end| end.checked_sub(1))?,
            };
            (low <= last).then_some((low, last))
        }
        _ => None,
    });
    sequence_leaf(ranges.collect())
}

fn number(bound: &Bound) -> Option<&Number> {
    match &bound.scalar {
        Scalar::Number(Literal { number, .. }) => Some(number),
        _ => None,
    }
}

/// A whole number as one of any size.
fn number_of(value: u64) -> Number {
    Number::parse(&value.to_string()).unwrap_or_else(|| unreachable!("digits are a number"))
}

/// The first sequence that is not below a number (`inclusive`), or that is above it.
fn first_from(bound: &Number, inclusive: bool) -> Option<u64> {
    let below = |value: u64| if inclusive { number_of(value) < *bound } else { number_of(value) <= *bound };
    if below(u64::MAX) {
        return None;
    }
    let (mut low, mut high) = (0, u64::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Some(low)
}

/// The times of a test; `None` when there are none.
fn time_range(test: &Test, now_ns: i64) -> Option<TimeRange> {
    let range = match test {
        Test::Is(Value::Time(moment)) => unit(moment, now_ns),
        Test::Equals(Value::Time(moment)) => match unit(moment, now_ns) {
            // A time to the second or finer is that instant.
            (from, Some(to)) if to.saturating_sub(from) <= SECOND_NS => (from, from.checked_add(1)),
            whole => whole,
        },
        Test::Within { low, high } => {
            let from = match low {
                None => i64::MIN,
                Some(bound) => {
                    let (first, after) = time_of(bound, now_ns)?;
                    if bound.inclusive { first } else { after? }
                }
            };
            let to = match high {
                None => None,
                Some(bound) => {
                    let (first, after) = time_of(bound, now_ns)?;
                    if bound.inclusive { after } else { Some(first) }
                }
            };
            (from, to)
        }
        _ => return None,
    };
    range.1.is_none_or(|to| range.0 < to).then_some(range)
}

fn time_of(bound: &Bound, now_ns: i64) -> Option<TimeRange> {
    match &bound.scalar {
        Scalar::Time(moment) => Some(unit(moment, now_ns)),
        _ => None,
    }
}

/// First nanosecond of a moment, and the first after it.
fn unit(moment: &Moment, now_ns: i64) -> TimeRange {
    match moment {
        Moment::Unit { from_ns, to_ns, .. } => (*from_ns, *to_ns),
        Moment::Now { offset_ns, .. } => {
            let at = now_ns.saturating_add(*offset_ns);
            (at, at.checked_add(1))
        }
    }
}

fn value_tests(kind: Kind, tests: &[&Test]) -> Vec<ValueTest> {
    let mut out = Vec::with_capacity(tests.len());
    for test in tests {
        match test {
            Test::Present => return vec![ValueTest::Present],
            Test::Is(value) => is(kind, value, &mut out),
            Test::Equals(Value::Term(term)) => equals(kind, &term.text(), &mut out),
            Test::Equals(Value::Network { text, .. }) => equals(kind, text, &mut out),
            Test::Contains(term) => {
                let text = term.text();
                let needs = Need::of_tokens(&plain(&text), false);
                out.push(ValueTest::Contains { part: fold(&text).into_owned(), needs });
            }
            Test::Within { low, high } => out.extend(within(kind, low.as_ref(), high.as_ref())),
            _ => {}
        }
    }
    out
}

fn is(kind: Kind, value: &Value, out: &mut Vec<ValueTest>) {
    match (kind, value) {
        (_, Value::Network { address, prefix, .. }) => {
            out.push(ValueTest::Network { address: *address, prefix: *prefix });
        }
        (Kind::Text | Kind::Metadata, Value::Term(term)) => {
            out.extend(phrase_of(term).map(|phrase| {
                let needs = Need::of_phrase(&phrase);
                ValueTest::Phrase { phrase, needs }
            }));
            if kind == Kind::Metadata && !term.has_wildcards() {
                scalars(&term.text(), out);
            }
        }
        (_, Value::Term(term)) => {
            let pattern = term.pattern();
            let below = (kind == Kind::Type && pattern.is_plain()).then(|| fold(&term.text()).into_owned());
            let needs = Need::of_tokens(&term.tokens, true);
            out.push(ValueTest::Whole { pattern, below, needs });
        }
        _ => {}
    }
}

fn equals(kind: Kind, text: &str, out: &mut Vec<ValueTest>) {
    if kind == Kind::Metadata {
        scalars(text, out);
    }
    let needs = Need::of_tokens(&plain(text), true);
    out.push(ValueTest::Exact { text: text.to_owned(), needs });
}

/// What a term is when it is no text: a number, `true` or `false`.
fn scalars(text: &str, out: &mut Vec<ValueTest>) {
    out.extend(Number::parse(text).map(ValueTest::Number));
    match text {
        "true" => out.push(ValueTest::Flag(true)),
        "false" => out.push(ValueTest::Flag(false)),
        _ => {}
    }
}

fn within(kind: Kind, low: Option<&Bound>, high: Option<&Bound>) -> Option<ValueTest> {
    match kind {
        Kind::Type | Kind::Keyword => {
            let text = |bound: &Bound| match &bound.scalar {
                Scalar::Text(text) => Some((text.clone(), bound.inclusive)),
                _ => None,
            };
            Some(ValueTest::Bytes { low: ends(low, text)?, high: ends(high, text)? })
        }
        Kind::Address => {
            let address = |bound: &Bound| match bound.scalar {
                Scalar::Address(address) => Some((address, bound.inclusive)),
                _ => None,
            };
            let (low, high) = (ends(low, address)?, ends(high, address)?);
            let mixed = low.zip(high).is_some_and(|((a, _), (b, _))| a.is_ipv4() != b.is_ipv4());
            (!mixed).then_some(ValueTest::Addresses { low, high })
        }
        Kind::Text | Kind::Metadata => {
            let number = |bound: &Bound| Some((number(bound)?.clone(), bound.inclusive));
            Some(ValueTest::Numbers { low: ends(low, number)?, high: ends(high, number)? })
        }
    }
}

/// A bound that may be absent; `None` when it is of the wrong kind.
fn ends<T>(bound: Option<&Bound>, take: impl Fn(&Bound) -> Option<T>) -> Option<Option<T>> {
    bound.map_or(Some(None), |bound| take(bound).map(Some))
}

fn plain(text: &str) -> Vec<Token> {
    text.chars().map(Token::Char).collect()
}

/// The words of a term; `None` when it has none.
fn phrase_of(term: &Term) -> Option<Phrase> {
    Some(term.phrase()).filter(|phrase| !phrase.is_empty())
}
