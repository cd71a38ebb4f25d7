//! The canonical text of a tree: parsed, it is the same tree again.
//!
//! Escapes exactly what would be read as something else at its place, so that a text grows only by
//! its aliases.

use std::fmt::{self, Display, Formatter, Write};

use super::scan::{Joint, Scanner, is_quote};
use super::tree::{Bound, Clause, Expr, Moment, Name, Query, Scalar, Term, Test, Token, Value};

/// Where a term is written.
#[derive(Clone, Copy)]
enum Place {
    Text,
    /// A value of `:` has wildcards and ranges, one of `=` ranges, one of `~` neither.
    Value {
        op: &'static str,
        list: bool,
    },
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_char('*'),
            Self::And(items) => joined(items, " ", f, |item| matches!(item, Self::And(_) | Self::Or(_))),
            Self::Or(items) => joined(items, " OR ", f, |item| matches!(item, Self::Or(_))),
            Self::Not(inner) => not(inner, f),
            Self::Text(term) => f.write_str(&written(term, Place::Text)),
            Self::Clause(clause) => clause_text(clause, "", f),
        }
    }
}

fn joined(
    items: &[Expr],
    joint: &str,
    f: &mut Formatter<'_>,
    in_parentheses: impl Fn(&Expr) -> bool,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(joint)?;
        }
        if in_parentheses(item) { write!(f, "({item})")? } else { write!(f, "{item}")? }
    }
    Ok(())
}

/// `f!=x` and `f!~x` where there is such an operator, `-` otherwise.
fn not(inner: &Expr, f: &mut Formatter<'_>) -> fmt::Result {
    match inner {
        Expr::Clause(clause) if matches!(operator(&clause.test), "=" | "~") => clause_text(clause, "!", f),
        Expr::Not(again) => match &**again {
            // The inner one is written as an operator, so that `-` can stand before it.
            Expr::Clause(clause) if matches!(operator(&clause.test), "=" | "~") => write!(f, "-{inner}"),
            _ => write!(f, "-({inner})"),
        },
        Expr::And(_) | Expr::Or(_) => write!(f, "-({inner})"),
        _ => write!(f, "-{inner}"),
    }
}

fn clause_text(clause: &Clause, negation: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(&clause.field.name())?;
    match &clause.test {
        Test::Within { low: Some(low), high: None } => {
            write!(f, ">{}{}", if low.inclusive { "=" } else { "" }, scalar(&low.scalar))
        }
        Test::Within { low: None, high: Some(high) } => {
            write!(f, "<{}{}", if high.inclusive { "=" } else { "" }, scalar(&high.scalar))
        }
        test => {
            let op = operator(test);
            f.write_str(negation)?;
            f.write_str(op)?;
            test_text(test, op, false, f)
        }
    }
}

fn operator(test: &Test) -> &'static str {
    match test {
        Test::Present | Test::Is(_) | Test::Within { .. } => ":",
        Test::Equals(_) => "=",
        Test::Contains(_) => "~",
        Test::AnyOf(tests) => tests.iter().map(operator).find(|op| *op != ":").unwrap_or(":"),
    }
}

fn test_text(test: &Test, op: &'static str, list: bool, f: &mut Formatter<'_>) -> fmt::Result {
    match test {
        Test::Present => f.write_char('*'),
        Test::Is(value) | Test::Equals(value) => match value {
            Value::Term(term) => f.write_str(&written(term, Place::Value { op, list })),
            Value::Number(literal) => f.write_str(&literal.text),
            Value::Time(moment) => f.write_str(moment.text()),
            Value::Network { text, .. } => f.write_str(text),
            Value::Path(path) => f.write_str(&dotted(&path.0)),
        },
        Test::Contains(term) => f.write_str(&written(term, Place::Value { op, list })),
        Test::Within { low, high } => range(low.as_ref(), high.as_ref(), f),
        Test::AnyOf(tests) => {
            f.write_char('(')?;
            for (at, test) in tests.iter().enumerate() {
                if at > 0 {
                    f.write_char(',')?;
                }
                test_text(test, op, true, f)?;
            }
            f.write_char(')')
        }
    }
}

fn range(low: Option<&Bound>, high: Option<&Bound>, f: &mut Formatter<'_>) -> fmt::Result {
    let is_in = |bound: Option<&Bound>| bound.is_none_or(|bound| bound.inclusive);
    let text = |bound: Option<&Bound>| bound.map_or_else(|| "*".to_owned(), |bound| scalar(&bound.scalar));
    f.write_char(if is_in(low) { '[' } else { '{' })?;
    write!(f, "{} TO {}", text(low), text(high))?;
    f.write_char(if is_in(high) { ']' } else { '}' })
}

fn scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => {
            let is_plain =
                |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '/' | '@' | ':');
            if text.is_empty() || text == "TO" || !text.chars().all(is_plain) {
                in_quotes(text)
            } else {
                text.clone()
            }
        }
        Scalar::Number(literal) => literal.text.clone(),
        Scalar::Time(moment) => moment.text().to_owned(),
        Scalar::Address(address) => address.to_string(),
    }
}

impl Moment {
    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Unit { text, .. } | Self::Now { text, .. } => text,
        }
    }
}

/// Names joined by dots, those in quotes that are quoted.
pub(super) fn dotted(names: &[Name]) -> String {
    let name = |name: &Name| if name.quoted { in_quotes(&name.text) } else { name.text.clone() };
    names.iter().map(name).collect::<Vec<_>>().join(".")
}

/// The text in quotes.
pub(super) fn in_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        // A backslash is plain unless it would take what follows it.
        let escapes = |next: &char| *next == '\\' || is_quote(*next);
        if is_quote(c) || (c == '\\' && chars.peek().is_none_or(escapes)) {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn written(term: &Term, place: Place) -> String {
    if term.quoted {
        let (tokens, star) = match term.tokens.split_last() {
            Some((Token::Run, before)) => (before, "*"),
            _ => (term.tokens.as_slice(), ""),
        };
        return in_quotes(&Term { tokens: tokens.to_vec(), quoted: true }.text()) + star;
    }
    let mut out = String::with_capacity(term.tokens.len());
    for (at, token) in term.tokens.iter().enumerate() {
        match *token {
            Token::Run => out.push('*'),
            Token::One => out.push('?'),
            Token::Char(c) => {
                if must_escape(c, at, &term.tokens, place) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    if matches!(place, Place::Text) { as_text(out) } else { out }
}

/// Whether a character would be read as something else.
fn must_escape(c: char, at: usize, tokens: &[Token], place: Place) -> bool {
    let first = at == 0;
    if c == '\\' || c == ')' || c.is_whitespace() || (is_quote(c) && (first || c != '"')) {
        return true;
    }
    match place {
        Place::Text => {
            // A quote where a quoted name could begin would take what follows the term, too.
            let before = at.checked_sub(1).map(|before| tokens[before]);
            let names = before == Some(Token::Char('.')) || (at == 1 && before == Some(Token::Char('@')));
            matches!(c, '*' | '?') || (first && matches!(c, '(' | '-')) || (is_quote(c) && names)
        }
        Place::Value { op, list } => {
            let (is, ranges) = (op == ":", op != "~");
            // The second dot of `..` with something on both sides.
            let dots =
                ranges && c == '.' && at > 1 && tokens[at - 1] == Token::Char('.') && at + 1 < tokens.len();
            dots || (is && matches!(c, '*' | '?'))
                || (list && c == ',')
                || (first
                    && (c == '(' || (ranges && matches!(c, '[' | '{')) || (is && matches!(c, '<' | '>'))))
                || (list && first && is_or(tokens))
        }
    }
}

/// True when a value of a list would be read as the word between two of them.
fn is_or(tokens: &[Token]) -> bool {
    match tokens {
        [Token::Char('O'), Token::Char('R')] => true,
        [Token::Char('O'), Token::Char('R'), Token::Char(c), ..] => *c == '(' || is_quote(*c),
        _ => false,
    }
}

/// Bare text: neither a clause nor a word that joins.
fn as_text(mut text: String) -> String {
    let mut scanner = Scanner::new(&text);
    if matches!(scanner.joint(), Some(Joint::And | Joint::Or | Joint::Not)) {
        text.insert(0, '\\');
        return text;
    }
    if scanner.field().is_some() {
        let before = scanner.text(0, scanner.at).len();
        text.insert(before, '\\');
    }
    text
}
