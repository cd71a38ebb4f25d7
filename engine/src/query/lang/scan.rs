//! Characters to pieces: names, operators, phrases, terms.
//!
//! There is no list of tokens, because what a character means depends on where it stands: `:` ends a
//! field's name and is plain inside a value.

use super::error::SyntaxError;
use super::fields::in_name;
use super::tree::{Name, Term, Token};

/// A place in the text, reading on from there.
pub(super) struct Scanner {
    chars: Vec<char>,
    pub at: usize,
}

/// A term or phrase and where it stands.
pub(super) struct Piece {
    pub term: Term,
    pub start: usize,
    pub end: usize,
    /// Reading stopped at the `..` of a range.
    pub ranged: bool,
}

/// The name before an operator.
pub(super) struct FieldName {
    pub names: Vec<Name>,
    /// It begins with `@`.
    pub at: bool,
    pub start: usize,
}

/// Words that join terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    And,
    Or,
    Not,
}

/// How a clause compares; `!=` and `!~` are their opposites, negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Is,
    Equals,
    Contains,
    Order { low: bool, inclusive: bool },
}

/// Where a term ends, apart from white space and `)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Text,
    /// A value; `..` makes it a range.
    Value {
        list: bool,
        ranges: bool,
    },
    /// An end of a range in brackets.
    Bound,
}

/// The straight quote and the typographic ones that stand for it.
pub(super) fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}')
}

/// Longer ones first.
const OPS: [(&str, Op, bool); 13] = [
    (":>=", Op::Order { low: true, inclusive: true }, false),
    (":<=", Op::Order { low: false, inclusive: true }, false),
    (":>", Op::Order { low: true, inclusive: false }, false),
    (":<", Op::Order { low: false, inclusive: false }, false),
    (">=", Op::Order { low: true, inclusive: true }, false),
    ("<=", Op::Order { low: false, inclusive: true }, false),
    ("!=", Op::Equals, true),
    ("!~", Op::Contains, true),
    (":", Op::Is, false),
    ("=", Op::Equals, false),
    ("~", Op::Contains, false),
    (">", Op::Order { low: true, inclusive: false }, false),
    ("<", Op::Order { low: false, inclusive: false }, false),
];

impl Scanner {
    pub fn new(text: &str) -> Self {
        Self { chars: text.chars().collect(), at: 0 }
    }

    pub fn peek(&self) -> Option<char> {
        self.ahead(0)
    }

    pub fn ahead(&self, count: usize) -> Option<char> {
        self.chars.get(self.at + count).copied()
    }

    pub fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    pub fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// The text between two places, as far as there is any.
    pub fn text(&self, start: usize, end: usize) -> String {
        self.chars.get(start..end.min(self.chars.len())).unwrap_or_default().iter().collect()
    }

    /// Where the run of characters up to white space or `)` ends that begins at `from`.
    pub fn run_end(&self, from: usize) -> usize {
        let rest = self.chars.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|c| !c.is_whitespace() && **c != ')').count()
    }

    /// True at the end of a piece: the text's end, white space, `)`, or what else ends it here.
    pub fn at_stop(&self, stop: Stop) -> bool {
        self.stops(self.peek(), stop)
    }

    fn stops(&self, next: Option<char>, stop: Stop) -> bool {
        match next {
            None | Some(')') => true,
            Some(']' | '}') => stop == Stop::Bound,
            Some(',') => matches!(stop, Stop::Value { list: true, .. }),
            Some(other) => other.is_whitespace(),
        }
    }

    /// The word that stands here alone, without passing it.
    pub fn joint(&self) -> Option<Joint> {
        [("AND", Joint::And), ("OR", Joint::Or), ("NOT", Joint::Not)]
            .into_iter()
            .find_map(|(word, joint)| self.at_word(word).then_some(joint))
    }

    /// Passes the word if it stands here alone.
    pub fn eat_joint(&mut self, wanted: Joint) -> bool {
        let there = self.joint() == Some(wanted);
        if there {
            self.at += if wanted == Joint::Or { 2 } else { 3 };
        }
        there
    }

    /// True when the word stands here, and nothing else of a term behind it.
    pub fn at_word(&self, word: &str) -> bool {
        let length = word.chars().count();
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')') || is_quote(c);
        word.chars().enumerate().all(|(i, c)| self.ahead(i) == Some(c)) && self.ahead(length).is_none_or(ends)
    }

    /// A field's name with an operator behind it; otherwise nothing is passed.
    pub fn field(&mut self) -> Option<FieldName> {
        let start = self.at;
        let at = self.eat('@');
        let names = self.names();
        if names.is_empty() || self.peek_operator().is_none() {
            self.at = start;
            return None;
        }
        Some(FieldName { names, at, start })
    }

    /// Names joined by dots; empty when there is anything else between the dots.
    fn names(&mut self) -> Vec<Name> {
        let mut names = Vec::new();
        loop {
            let Some(name) = self.name() else { return Vec::new() };
            names.push(name);
            if !self.eat('.') {
                return names;
            }
        }
    }

    fn name(&mut self) -> Option<Name> {
        if self.peek().is_some_and(is_quote) {
            let piece = self.quoted().ok()?;
            return Some(Name { text: piece.term.text(), quoted: true });
        }
        let start = self.at;
        while self.peek().is_some_and(|c| in_name(c, self.at == start)) {
            self.at += 1;
        }
        (self.at > start).then(|| Name { text: self.text(start, self.at), quoted: false })
    }

    fn peek_operator(&self) -> Option<(usize, Op, bool)> {
        OPS.iter().find_map(|(text, op, negated)| {
            let here = text.chars().enumerate().all(|(i, c)| self.ahead(i) == Some(c));
            here.then_some((text.len(), *op, *negated))
        })
    }

    /// Passes an operator; the flag says that it is the negated one.
    pub fn operator(&mut self) -> Option<(Op, bool)> {
        let (length, op, negated) = self.peek_operator()?;
        self.at += length;
        Some((op, negated))
    }

    /// A phrase, with the `*` behind it.
    pub fn phrase(&mut self) -> Result<Piece, SyntaxError> {
        let mut piece = self.quoted()?;
        if self.eat('*') {
            piece.term.tokens.push(Token::Run);
            piece.end = self.at;
        }
        Ok(piece)
    }

    /// What stands between quotes, the opening one being here.
    fn quoted(&mut self) -> Result<Piece, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let mut tokens = Vec::new();
        while let Some(next) = self.peek() {
            self.at += 1;
            if is_quote(next) {
                let term = Term { tokens, quoted: true };
                return Ok(Piece { term, start, end: self.at, ranged: false });
            }
            let escaped = self.peek().filter(|c| next == '\\' && (*c == '\\' || is_quote(*c)));
            self.at += usize::from(escaped.is_some());
            tokens.push(Token::Char(escaped.unwrap_or(next)));
        }
        let text = self.text(start, self.at);
        let place = start..self.at;
        Err(SyntaxError::expected(place, "a closing quote")
            .because("the quote is not closed")
            .suggest(format!("{text}\"")))
    }

    /// A term up to where it ends; it has at least one character unless it ends at once.
    pub fn term(&mut self, stop: Stop) -> Result<Piece, SyntaxError> {
        let start = self.at;
        let ranges = matches!(stop, Stop::Value { ranges: true, .. });
        let (mut tokens, mut ranged) = (Vec::new(), false);
        while let Some(next) = self.peek() {
            if self.at_stop(stop) {
                break;
            }
            if ranges && !tokens.is_empty() && self.at_dots(stop) {
                ranged = true;
                break;
            }
            self.at += 1;
            let token = match next {
                '*' => Token::Run,
                '?' => Token::One,
                '\\' => Token::Char(self.escaped()?),
                quote if is_quote(quote) => Token::Char('"'),
                plain => Token::Char(plain),
            };
            tokens.push(token);
        }
        Ok(Piece { term: Term { tokens, quoted: false }, start, end: self.at, ranged })
    }

    fn escaped(&mut self) -> Result<char, SyntaxError> {
        let Some(next) = self.peek() else {
            let place = self.at - 1..self.at;
            return Err(SyntaxError::expected(place, "a character behind \\").suggest("\\\\"));
        };
        self.at += 1;
        Ok(next)
    }

    /// True at the `..` of a range: something follows it.
    pub fn at_dots(&self, stop: Stop) -> bool {
        self.peek() == Some('.') && self.ahead(1) == Some('.') && !self.stops(self.ahead(2), stop)
    }
}
