//! Structured parameters as a tree, and trees put together.

use super::tree::{Clause, Expr, Field, Keyword, Query, Scalar, Term, Test, Token, Value};
use crate::query::answer::Scope;
use crate::query::{Filter, pattern};

impl Expr {
    /// All of them. What asks for everything is left out, and lists inside are opened.
    #[must_use]
    pub fn and(items: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Self::All => {}
                Self::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::All,
            1 => flat.remove(0),
            _ => Self::And(flat),
        }
    }

    /// Any of them, of which there is at least one. Lists inside are opened.
    #[must_use]
    pub fn or(items: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Self::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::Or(flat) }
    }
}

impl Filter {
    /// What the parameters mean, apart from their time range and `own`. Values are compared byte for
    /// byte; `actor_email` without case; `event_type` is `:`.
    #[must_use]
    pub fn expr(&self) -> Expr {
        let exact = |value: &String| Test::Equals(Value::Term(Term::literal(value)));
        let folded = |value: &String| Test::Is(Value::Term(Term::literal(value)));
        let mut items = Vec::new();
        for (keyword, values) in [
            (Keyword::Category, &self.category),
            (Keyword::Status, &self.status),
            (Keyword::Action, &self.action),
            (Keyword::ActorType, &self.actor_type),
            (Keyword::ActorId, &self.actor_id),
            (Keyword::ResourceType, &self.resource_type),
            (Keyword::ResourceId, &self.resource_id),
        ] {
            items.extend(any_of(keyword, values.iter().map(exact).collect()));
        }
        items.extend(any_of(Keyword::ActorEmail, self.actor_email.iter().map(folded).collect()));
        items.extend(any_of(
            Keyword::EventType,
            self.event_type.iter().map(|value| event_type(value)).collect(),
        ));
        Expr::and(items)
    }
}

/// A clause with all values of one parameter; none without values.
fn any_of(keyword: Keyword, mut tests: Vec<Test>) -> Option<Expr> {
    let test = if tests.len() > 1 { Test::AnyOf(tests) } else { tests.pop()? };
    Some(Expr::Clause(Clause { field: Field::Keyword(keyword), test, position: 0 }))
}

fn event_type(value: &str) -> Test {
    let tokens = pattern::tokens(value);
    if tokens == [Token::Run] {
        return Test::Present;
    }
    let has_wildcards = tokens.iter().any(|token| !matches!(token, Token::Char(_)));
    Test::Is(Value::Term(Term { tokens, quoted: !has_wildcards }))
}

impl Scope {
    /// The parameters and the query together. `own` is also true when a clause on `event_type` asks
    /// for the log's own events.
    #[must_use]
    pub fn new(filter: &Filter, query: &Query, now_ns: i64) -> Self {
        let root = Expr::and(vec![filter.expr(), query.root.clone()]);
        let own = filter.own || asks_for_own(&root);
        Self { root, from_ns: filter.from_ns, to_ns: filter.to_ns, own, now_ns }
    }
}

/// True when a clause on `event_type`, wherever it stands, has a value that begins with `stele`,
/// whatever its case.
#[must_use]
pub fn asks_for_own(expr: &Expr) -> bool {
    match expr {
        Expr::All | Expr::Text(_) => false,
        Expr::And(items) | Expr::Or(items) => items.iter().any(asks_for_own),
        Expr::Not(inner) => asks_for_own(inner),
        Expr::Clause(clause) => {
            clause.field == Field::Keyword(Keyword::EventType) && test_asks_for_own(&clause.test)
        }
    }
}

fn test_asks_for_own(test: &Test) -> bool {
    match test {
        Test::Present => false,
        Test::Is(Value::Term(term)) | Test::Equals(Value::Term(term)) | Test::Contains(term) => {
            pattern::asks_for_own(&term.text())
        }
        Test::Is(_) | Test::Equals(_) => false,
        Test::Within { low, high } => low.iter().chain(high).any(|bound| match &bound.scalar {
            Scalar::Text(text) => pattern::asks_for_own(text),
            _ => false,
        }),
        Test::AnyOf(tests) => tests.iter().any(test_asks_for_own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::lang::parse;

    fn filter() -> Filter {
        let words = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Filter {
            category: words(&["auth", "api"]),
            event_type: words(&["agent.*"]),
            actor_email: words(&["Ada@Example.com"]),
            resource_id: words(&["a*b \"c\""]),
            ..Filter::default()
        }
    }

    #[test]
    fn parameters_are_the_tree_of_the_clauses_that_they_stand_for() {
        let text = r#"category=("auth","api") resource.id="a*b \"c\"" actor.email:"Ada@Example.com" event_type:agent.*"#;
        assert_eq!(filter().expr(), parse(text).unwrap().root);
        assert_eq!(filter().expr().to_string(), text);
        assert_eq!(Filter::default().expr(), Expr::All);
    }

    #[test]
    fn a_scope_is_both_and_asks_for_own_events_where_either_does() {
        let query = parse("timeout OR status:failure").unwrap();
        let scope = Scope::new(&filter(), &query, 7);
        assert!(matches!(&scope.root, Expr::And(items) if items.len() == 5));
        assert!(!scope.own);
        assert_eq!(Scope::new(&Filter::default(), &query, 7).root, query.root);
        for text in [
            "type:stele",
            "-event_type:STELE.index",
            "a OR (b type:(x,Stele*))",
            "type=stele.x",
            "type~stele",
            "type>stele",
        ] {
            assert!(Scope::new(&filter(), &parse(text).unwrap(), 7).own, "{text}");
        }
        for text in ["stele", "action:stele", "type:ste*", "@event_type:stele", "type:*"] {
            assert!(!Scope::new(&filter(), &parse(text).unwrap(), 7).own, "{text}");
        }
        let own = Filter { event_type: vec!["Stele".to_owned()], ..Filter::default() };
        assert!(Scope::new(&own, &parse("").unwrap(), 7).own);
        assert!(Scope::new(&Filter { own: true, ..Filter::default() }, &parse("").unwrap(), 7).own);
    }
}
