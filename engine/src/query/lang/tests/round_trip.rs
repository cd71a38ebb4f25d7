//! Printed and parsed again, a tree is the same tree; whatever the text, nothing panics.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::literals::{network, plain, with_unit};
use super::super::times::moment;
use super::super::*;

const CHARS: [char; 40] = [
    'a', 'B', 'é', '0', '9', '_', '-', '.', '.', ',', ':', '=', '!', '~', '<', '>', '(', ')', '[', ']', '{',
    '}', '"', '\\', ' ', '\t', '\u{a0}', '\u{201c}', '\u{201e}', '*', '?', '@', '/', '+', '\'', 'O', 'R',
    '\0', 'Σ', '界',
];

fn literal_text() -> impl Strategy<Value = String> {
    let any_chars =
        vec(prop_oneof![3 => select(&CHARS[..]), 1 => any::<char>()], 0..8).prop_map(String::from_iter);
    let words = select(
        &["AND", "OR", "NOT", "TO", "OR(", "NOT\"", "a.b:c", "x.\"y\":z", "@q=1", "a..b", "\\\\", "now"][..],
    );
    prop_oneof![4 => any_chars, 1 => words.prop_map(str::to_owned)]
}

fn literal() -> impl Strategy<Value = Term> {
    (literal_text(), any::<bool>()).prop_map(|(text, quoted)| {
        let quoted = quoted || text.is_empty();
        Term { quoted, ..Term::literal(&text) }
    })
}

fn wild() -> impl Strategy<Value = Term> {
    let token = prop_oneof![
        6 => select(&CHARS[..]).prop_map(Token::Char),
        1 => Just(Token::Run),
        1 => Just(Token::One)
    ];
    let unquoted = vec(token, 1..8).prop_map(|mut tokens| {
        tokens.dedup_by(|a, b| *a == Token::Run && *b == Token::Run);
        if tokens == [Token::Run] {
            tokens.push(Token::One);
        }
        Term { tokens, quoted: false }
    });
    let prefix = literal_text().prop_map(|text| {
        let mut term = Term::literal(&text);
        term.tokens.push(Token::Run);
        term
    });
    prop_oneof![2 => literal(), 2 => unquoted, 1 => prefix]
}

fn words() -> impl Strategy<Value = Term> {
    wild().prop_filter("a wildcard in an early word", |term| !term.has_early_wildcard())
}

fn names() -> impl Strategy<Value = Vec<Name>> {
    let plain = "[A-Za-z_][A-Za-z0-9_-]{0,4}".prop_map(|text| Name { text, quoted: false });
    let quoted = literal_text().prop_map(|text| Name { text, quoted: true });
    vec(prop_oneof![3 => plain, 1 => quoted], 1..4)
}

fn address() -> impl Strategy<Value = std::net::IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(Into::into), any::<[u8; 16]>().prop_map(Into::into)]
}

fn time_text() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "2026",
            "2026-11",
            "2026-11-23",
            "2026-11-23T07",
            "2026-11-23T07:28:00Z",
            "2026-11-23T07:28:00.5-01:00",
            "now",
            "now-15m",
            "now+2w",
        ][..],
    )
}

fn number_text() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?(e[+-]?[0-9]{1,3})?"
}

fn bounds(scalar: BoxedStrategy<Scalar>) -> BoxedStrategy<Test> {
    let bound = (scalar, any::<bool>()).prop_map(|(scalar, inclusive)| Bound { inclusive, scalar });
    (bound.clone(), bound, 0..3)
        .prop_filter_map("two families", |(low, high, which)| {
            let mixed = match (&low.scalar, &high.scalar) {
                (Scalar::Address(low), Scalar::Address(high)) => low.is_ipv4() != high.is_ipv4(),
                _ => false,
            };
            let (low, high) = ((which != 0).then_some(low), (which != 1).then_some(high));
            (!mixed || which < 2).then_some(Test::Within { low, high })
        })
        .boxed()
}

fn lists(
    is: BoxedStrategy<Test>,
    equals: BoxedStrategy<Test>,
    ranges: BoxedStrategy<Test>,
) -> BoxedStrategy<Test> {
    let with = |test: BoxedStrategy<Test>| {
        vec(prop_oneof![3 => test, 1 => ranges.clone()], 2..5).prop_map(Test::AnyOf)
    };
    let present = prop_oneof![4 => is.clone(), 1 => Just(Test::Present)].boxed();
    prop_oneof![
        3 => is,
        3 => equals.clone(),
        2 => ranges.clone(),
        1 => Just(Test::Present),
        2 => with(present),
        2 => with(equals),
    ]
    .boxed()
}

fn of_terms(terms: BoxedStrategy<Term>, scalars: BoxedStrategy<Scalar>) -> BoxedStrategy<Test> {
    let is = terms.prop_map(|term| Test::Is(Value::Term(term))).boxed();
    let equals = literal().prop_map(|term| Test::Equals(Value::Term(term))).boxed();
    let contains = literal()
        .prop_filter("an empty term", |term| !term.tokens.is_empty())
        .prop_map(Test::Contains)
        .boxed();
    let any_contains = vec(contains.clone(), 2..4).prop_map(Test::AnyOf);
    prop_oneof![4 => lists(is, equals, bounds(scalars)), 1 => contains, 1 => any_contains].boxed()
}

fn keyword_clause() -> BoxedStrategy<(Field, Test)> {
    let fields = select(
        &[
            Field::Keyword(Keyword::EventType),
            Field::Keyword(Keyword::Status),
            Field::Keyword(Keyword::ActorEmail),
            Field::Actor,
            Field::Resource,
        ][..],
    );
    let unknown = select(&["http", "Status", "foo.bar", "\"a b\".c", "metadata", "AND", "actor.x"][..]);
    let fields = prop_oneof![4 => fields, 1 => unknown.prop_map(|name| Field::Unknown(name.to_owned()))];
    (fields, of_terms(wild().boxed(), literal_text().prop_map(Scalar::Text).boxed())).boxed()
}

fn metadata_clause() -> BoxedStrategy<(Field, Test)> {
    let unit = select(&["", "ms", "s", "m", "h", "KB", "MB", "KiB", "MiB"][..]);
    let number = (number_text(), unit)
        .prop_map(|(text, unit)| Scalar::Number(with_unit(&format!("{text}{unit}")).unwrap()));
    let fields =
        prop_oneof![4 => names().prop_map(|names| Field::Metadata(Path(names))), 1 => Just(Field::UserAgent)];
    (fields, of_terms(words().boxed(), number.boxed())).boxed()
}

fn typed_clause() -> BoxedStrategy<(Field, Test)> {
    let time = |exact: bool| time_text().prop_map(move |text| moment(text, exact).unwrap());
    let times = lists(
        time(false).prop_map(|time| Test::Is(Value::Time(time))).boxed(),
        time(true).prop_map(|time| Test::Equals(Value::Time(time))).boxed(),
        bounds(time(false).prop_map(Scalar::Time).boxed()),
    );
    let number = || number_text().prop_map(|text| plain(&text).unwrap());
    let sequences = lists(
        number().prop_map(|number| Test::Is(Value::Number(number))).boxed(),
        number().prop_map(|number| Test::Equals(Value::Number(number))).boxed(),
        bounds(number().prop_map(Scalar::Number).boxed()),
    );
    let networks = (address(), proptest::option::of(0..33)).prop_map(|(address, prefix)| {
        let text = prefix.map_or_else(|| address.to_string(), |prefix| format!("{address}/{prefix}"));
        Test::Is(network(&text).unwrap().unwrap())
    });
    let text = wild().prop_filter("an address", |term| network(&term.text()) == Ok(None));
    let addresses = lists(
        prop_oneof![2 => networks, 1 => text.prop_map(|term| Test::Is(Value::Term(term)))].boxed(),
        literal().prop_map(|term| Test::Equals(Value::Term(term))).boxed(),
        bounds(address().prop_map(Scalar::Address).boxed()),
    );
    let ids = prop_oneof![
        literal().prop_map(|term| Test::Is(Value::Term(term))),
        vec(literal().prop_map(|term| Test::Equals(Value::Term(term))), 2..4).prop_map(Test::AnyOf),
        Just(Test::Present),
    ];
    let path = || names().prop_map(|names| Test::Is(Value::Path(Path(names))));
    let changed = prop_oneof![path(), vec(path(), 2..4).prop_map(Test::AnyOf), Just(Test::Present)];
    let time_fields = select(&[Field::Timestamp, Field::CommittedAt][..]);
    prop_oneof![
        (time_fields, times),
        (Just(Field::Sequence), sequences),
        (Just(Field::Address), addresses),
        (Just(Field::EventId), ids),
        (Just(Field::Changed), changed),
    ]
    .boxed()
}

/// Any tree that a text can stand for.
pub fn tree() -> impl Strategy<Value = Expr> {
    let clause = prop_oneof![keyword_clause(), metadata_clause(), typed_clause()]
        .prop_map(|(field, test)| Expr::Clause(Clause { field, test, position: 0 }));
    let leaf = prop_oneof![1 => Just(Expr::All), 4 => words().prop_map(Expr::Text), 6 => clause];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..5).prop_map(Expr::and),
            vec(inner.clone(), 2..5).prop_map(Expr::or),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

/// Texts made of what the language is made of.
fn text() -> impl Strategy<Value = String> {
    let pieces = select(
        &[
            " ",
            " ",
            " ",
            "(",
            ")",
            "AND",
            "OR",
            "NOT",
            "-",
            "\"",
            "\"",
            "*",
            "?",
            "\\",
            ":",
            ":",
            "=",
            "!=",
            "~",
            "!~",
            ":>=",
            "<",
            ">",
            "..",
            ".",
            ",",
            "[",
            "]",
            "{",
            "}",
            " TO ",
            "@",
            "a",
            "b1",
            "é",
            "status",
            "timestamp",
            "ip",
            "seq",
            "id",
            "ua",
            "changed",
            "last",
            "metadata",
            "before",
            "2026-11",
            "now-15m",
            "10.0.0.0/8",
            "::1",
            "5",
            "404.0",
            "KB",
            "\u{201c}",
            "\u{201d}",
            "or",
            "界",
            "stele",
        ][..],
    );
    vec(prop_oneof![12 => pieces.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)], 0..24)
        .prop_map(|pieces| pieces.concat())
}

/// What must hold of any text.
fn check(text: &str) {
    let length = text.chars().count();
    match parse(text) {
        Ok(query) => {
            let printed = query.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(&query), "{text:?} prints as {printed:?}");
            assert_eq!(parse(&printed).map(|again| again.to_string()).as_ref(), Ok(&printed), "{text:?}");
            for hint in hints(text, &query) {
                assert!(hint.position < length, "{text:?} {hint:?}");
            }
        }
        Err(error) => assert!(error.position + error.length <= length, "{text:?} {error:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_printed_and_parsed_is_the_same_tree(root in tree()) {
        let query = Query { root };
        let printed = query.to_string();
        prop_assert_eq!(parse(&printed), Ok(query), "{}", printed);
    }

    #[test]
    fn any_text_of_the_language_is_a_query_or_has_a_fault_within_it(text in text()) {
        check(&text);
    }

    #[test]
    fn any_text_at_all_is_a_query_or_has_a_fault_within_it(text in any::<String>()) {
        check(&text);
    }
}
