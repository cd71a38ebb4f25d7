//! Values by the type of their field.

use std::ops::Range;

use super::error::SyntaxError;
use super::literals::{self, NUMBER_TAKES};
use super::parse::{early_wildcard, within_limits};
use super::scan::{Op, Piece, Stop};
use super::times;
use super::tree::{Bound, Field, Scalar, Term, Test, Token, Value};

/// The clause that values are read for.
pub(super) struct Asked {
    pub field: Field,
    pub op: Op,
    /// Where the field's name begins.
    pub start: usize,
    /// Where the operator begins.
    pub op_start: usize,
    /// Inside a list.
    pub list: bool,
}

impl Asked {
    /// Where a value ends.
    pub fn stop(&self) -> Stop {
        Stop::Value { list: self.list, ranges: matches!(self.op, Op::Is | Op::Equals) }
    }

    /// True where only values of one type make sense.
    pub fn is_typed(&self) -> bool {
        matches!(self.field, Field::Sequence | Field::Timestamp | Field::CommittedAt | Field::Address)
    }

    /// A single value.
    pub fn leaf(&self, mut piece: Piece) -> Result<Test, SyntaxError> {
        if self.op == Op::Is {
            piece.term = piece.term.collapsed();
        }
        match self.op {
            Op::Is if piece.term.is_star() => Ok(Test::Present),
            Op::Is => Ok(Test::Is(self.typed(piece, false)?)),
            Op::Equals => Ok(Test::Equals(self.typed(self.literal(piece)?, true)?)),
            Op::Contains => {
                let piece = self.literal(piece)?;
                if piece.term.tokens.is_empty() {
                    return Err(SyntaxError::expected(
                        piece.start..piece.end,
                        "at least one character to search for",
                    ));
                }
                Ok(Test::Contains(piece.term))
            }
            Op::Order { low, inclusive } => {
                let bound = Some(self.bound(&self.literal(piece)?, inclusive)?);
                Ok(if low {
                    Test::Within { low: bound, high: None }
                } else {
                    Test::Within { low: None, high: bound }
                })
            }
        }
    }

    /// Wildcards stand for themselves here.
    fn literal(&self, mut piece: Piece) -> Result<Piece, SyntaxError> {
        no_star(&piece)?;
        for token in &mut piece.term.tokens {
            *token = match *token {
                Token::Run => Token::Char('*'),
                Token::One => Token::Char('?'),
                plain => plain,
            };
        }
        Ok(piece)
    }

    fn typed(&self, piece: Piece, equals: bool) -> Result<Value, SyntaxError> {
        let place = piece.start..piece.end;
        match &self.field {
            Field::Sequence => {
                let literal = literals::plain(&piece.term.text());
                literal.map(Value::Number).ok_or_else(|| self.wrong(&piece, "a number"))
            }
            Field::Timestamp | Field::CommittedAt => {
                let moment = times::moment(&piece.term.text(), equals);
                moment.map(Value::Time).ok_or_else(|| self.wrong(&piece, times::TAKES))
            }
            Field::EventId if piece.term.has_wildcards() => {
                Err(SyntaxError::expected(place, "a whole id, without wildcards"))
            }
            Field::Address if !equals => {
                let network = literals::network(&piece.term.text());
                let network = network.map_err(|takes| SyntaxError::expected(place, takes))?;
                within_limits(&piece, false)?;
                Ok(network.unwrap_or(Value::Term(piece.term)))
            }
            Field::Metadata(_) | Field::UserAgent if piece.term.has_early_wildcard() => {
                Err(match self.contained(&piece.term) {
                    Some(text) => early_wildcard(self.op_start..place.end).suggest(format!("~{text}")),
                    None => early_wildcard(place),
                })
            }
            field => {
                if !equals {
                    within_limits(&piece, matches!(field, Field::Metadata(_) | Field::UserAgent))?;
                }
                Ok(Value::Term(piece.term))
            }
        }
    }

    /// What `~` could look for instead of a pattern: the longest part between its wildcards.
    fn contained(&self, term: &Term) -> Option<String> {
        if self.list {
            return None;
        }
        let parts = term.tokens.split(|token| !matches!(token, Token::Char(_)));
        let longest = parts.max_by_key(|part| part.len()).filter(|part| !part.is_empty())?;
        let text = Term { tokens: longest.to_vec(), quoted: true }.text();
        Some(super::print::in_quotes(&text))
    }

    /// An end of a range; `None` for `*`.
    pub fn open_bound(&self, piece: &Piece, inclusive: bool) -> Result<Option<Bound>, SyntaxError> {
        if piece.term.is_star() {
            return Ok(None);
        }
        no_star(piece)?;
        self.bound(piece, inclusive).map(Some)
    }

    fn bound(&self, piece: &Piece, inclusive: bool) -> Result<Bound, SyntaxError> {
        let text = piece.term.text();
        let scalar = match self.field {
            Field::Sequence => literals::plain(&text).map(Scalar::Number).ok_or("a number"),
            Field::Timestamp | Field::CommittedAt => {
                times::moment(&text, false).map(Scalar::Time).ok_or(times::TAKES)
            }
            Field::Metadata(_) | Field::UserAgent => {
                literals::with_unit(&text).map(Scalar::Number).ok_or(NUMBER_TAKES)
            }
            Field::Address => text.parse().map(Scalar::Address).map_err(|_| "an IPv4 or IPv6 address"),
            _ => Ok(Scalar::Text(text)),
        };
        let scalar = scalar.map_err(|takes| self.wrong(piece, takes))?;
        Ok(Bound { inclusive, scalar })
    }

    /// A range, which must have an end.
    pub fn within(
        &self,
        low: Option<Bound>,
        high: Option<Bound>,
        place: Range<usize>,
    ) -> Result<Test, SyntaxError> {
        if self.field == Field::EventId {
            return Err(SyntaxError::expected(place, "a whole id: ids have no ranges"));
        }
        let family = |bound: &Option<Bound>| match bound.as_ref().map(|bound| &bound.scalar) {
            Some(Scalar::Address(address)) => Some(address.is_ipv4()),
            _ => None,
        };
        match (&low, &high) {
            (None, None) => {
                let error = SyntaxError::expected(place, "a range with at least one end");
                Err(if self.op == Op::Is { error.suggest("*") } else { error })
            }
            (Some(_), Some(_)) if family(&low) != family(&high) => {
                Err(SyntaxError::expected(place, "two addresses of one family, IPv4 or IPv6"))
            }
            _ => Ok(Test::Within { low, high }),
        }
    }

    /// A value of the wrong type.
    fn wrong(&self, piece: &Piece, takes: &str) -> SyntaxError {
        let text = piece.term.text();
        if let Some((op, rest)) = near_operator(self.op, &text).filter(|_| !self.list) {
            let place = self.op_start..piece.end;
            return SyntaxError::expected(place, takes).suggest(format!("{op}{rest}"));
        }
        let error = SyntaxError::expected(piece.start..piece.end, takes);
        match self.near(&text) {
            Some(near) => error.suggest(near),
            None => error,
        }
    }

    /// A value of the right type that is spelled almost like this.
    fn near(&self, text: &str) -> Option<String> {
        let respelled = text.replace('/', "-").replace(' ', "T");
        match self.field {
            Field::Timestamp | Field::CommittedAt => times::moment(&respelled, false).map(|_| respelled),
            Field::Metadata(_) | Field::UserAgent => literals::near_unit(text),
            _ => None,
        }
    }
}

/// Refuses a `*` behind quotes, which only `:` has a meaning for.
fn no_star(piece: &Piece) -> Result<(), SyntaxError> {
    if piece.term.quoted && piece.term.has_wildcards() {
        let place = piece.end - 1..piece.end;
        return Err(SyntaxError::expected(place, "nothing behind the closing quote")
            .because("a `*` behind quotes goes with single values of `:` only"));
    }
    Ok(())
}

/// The operator that was perhaps meant where a value begins with another one's character, and the
/// value without it.
pub(super) fn near_operator(op: Op, value: &str) -> Option<(&'static str, &str)> {
    let first = value.chars().next()?;
    let rest = &value[first.len_utf8()..];
    let meant = match (op, first) {
        (Op::Equals, '>') => ">=",
        (Op::Equals, '<') => "<=",
        (Op::Equals | Op::Is, '=') => "=",
        (Op::Equals | Op::Is, '~') => "~",
        (Op::Equals | Op::Is, '!') | (Op::Order { low: false, inclusive: false }, '>') => "!=",
        (Op::Contains, '=') => "~",
        _ => return None,
    };
    (!rest.is_empty()).then_some((meant, rest))
}
