//! The grammar above values: OR, AND, NOT, groups, bare terms.

use std::ops::Range;

use super::error::SyntaxError;
use super::scan::{Joint, Piece, Scanner, Stop, is_quote};
use super::tree::{Expr, Query, Term};
use super::{CLAUSES_MAX, DEPTH_MAX, TEXT_BYTES_MAX};

/// A bare term and where it stands.
pub(super) struct BareText {
    pub term: Term,
    pub position: usize,
}

/// Reads with a depth of at most [`DEPTH_MAX`].
pub(super) struct Parser {
    pub scan: Scanner,
    pub depth: usize,
    clauses: usize,
    texts: Vec<BareText>,
}

/// The query, and its bare terms in their order.
pub(super) fn read(text: &str) -> Result<(Query, Vec<BareText>), SyntaxError> {
    let limit = |place, why: &str| {
        let expected = format!("a query of at most {TEXT_BYTES_MAX} bytes (16 KiB)");
        SyntaxError::expected(place, expected).because(why)
    };
    if text.len() > TEXT_BYTES_MAX {
        let fits = text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= TEXT_BYTES_MAX).count();
        return Err(limit(fits..text.chars().count(), "the query is longer than 16 KiB"));
    }
    let mut parser = Parser { scan: Scanner::new(text), depth: 0, clauses: 0, texts: Vec::new() };
    let query = Query { root: parser.query()? };
    // Aliases written out make a text longer, `ip:*` almost four times.
    if text.len() > TEXT_BYTES_MAX / 8 && query.to_string().len() > TEXT_BYTES_MAX {
        let place = 0..text.chars().count();
        return Err(limit(place, "the query is longer than 16 KiB once its aliases are written out"));
    }
    Ok((query, parser.texts))
}

impl Parser {
    fn query(&mut self) -> Result<Expr, SyntaxError> {
        self.scan.skip_space();
        if self.scan.peek().is_none() {
            return Ok(Expr::All);
        }
        let root = self.or()?;
        match self.scan.peek() {
            None => Ok(root),
            Some(_) => Err(self.stray_parenthesis()),
        }
    }

    fn or(&mut self) -> Result<Expr, SyntaxError> {
        let mut items = vec![self.and()?];
        while self.scan.eat_joint(Joint::Or) {
            items.push(self.and()?);
        }
        Ok(Expr::or(items))
    }

    /// Ends at the end, at `)` or at OR, with the white space before it passed.
    fn and(&mut self) -> Result<Expr, SyntaxError> {
        let mut items = vec![self.unary()?];
        loop {
            self.scan.skip_space();
            if matches!(self.scan.peek(), None | Some(')')) || self.scan.joint() == Some(Joint::Or) {
                return Ok(Expr::and(items));
            }
            self.scan.eat_joint(Joint::And);
            items.push(self.unary()?);
        }
    }

    fn unary(&mut self) -> Result<Expr, SyntaxError> {
        self.scan.skip_space();
        let is_minus = self.scan.peek() == Some('-')
            && self.scan.ahead(1).is_some_and(|next| !next.is_whitespace() && next != ')');
        if is_minus {
            self.scan.at += 1;
        } else if self.scan.eat_joint(Joint::Not) {
            self.scan.skip_space();
        } else {
            return self.primary();
        }
        Ok(Expr::Not(Box::new(self.primary()?)))
    }

    fn primary(&mut self) -> Result<Expr, SyntaxError> {
        let start = self.scan.at;
        if let Some(joint) = self.scan.joint() {
            return Err(self.no_term(joint));
        }
        match self.scan.peek() {
            None | Some(')') => {
                let place = start..start + usize::from(self.scan.peek().is_some());
                Err(SyntaxError::expected(place, "a term, a clause or a group in parentheses"))
            }
            Some('(') => self.group(),
            Some(next) => {
                if let Some(name) = self.scan.field() {
                    self.count(name.start)?;
                    return self.clause(&name);
                }
                let piece = if is_quote(next) { self.scan.phrase()? } else { self.scan.term(Stop::Text)? };
                self.ends_at_stop(&piece, Stop::Text)?;
                self.text(piece)
            }
        }
    }

    fn group(&mut self) -> Result<Expr, SyntaxError> {
        let open = self.scan.at;
        self.enter(open)?;
        let inner = self.or()?;
        self.leave(open)?;
        Ok(inner)
    }

    fn text(&mut self, mut piece: Piece) -> Result<Expr, SyntaxError> {
        self.count(piece.start)?;
        piece.term = piece.term.collapsed();
        if piece.term.is_star() {
            return Ok(Expr::All);
        }
        if piece.term.has_early_wildcard() {
            return Err(early_wildcard(piece.start..piece.end));
        }
        within_limits(&piece, true)?;
        self.texts.push(BareText { term: piece.term.clone(), position: piece.start });
        Ok(Expr::Text(piece.term))
    }

    /// Passes the `(` here.
    pub fn enter(&mut self, open: usize) -> Result<(), SyntaxError> {
        self.scan.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let expected = format!("at most {DEPTH_MAX} parentheses inside each other");
            return Err(SyntaxError::expected(open..open + 1, expected).because(format!(
                "more than {DEPTH_MAX} parentheses inside each other (depth {DEPTH_MAX})"
            )));
        }
        Ok(())
    }

    /// Passes the `)` here.
    pub fn leave(&mut self, open: usize) -> Result<(), SyntaxError> {
        self.scan.skip_space();
        self.depth -= 1;
        if self.scan.eat(')') {
            return Ok(());
        }
        let expected = format!("`)` for the `(` at character {}", open + 1);
        Err(SyntaxError::expected(self.scan.at..self.scan.at, expected).suggest(")"))
    }

    /// One more clause or bare term.
    fn count(&mut self, start: usize) -> Result<(), SyntaxError> {
        self.clauses += 1;
        if self.clauses <= CLAUSES_MAX {
            return Ok(());
        }
        let place = start..self.scan.at.max(start);
        Err(SyntaxError::expected(place, format!("at most {CLAUSES_MAX} clauses and terms"))
            .because(format!("the query has more than {CLAUSES_MAX} clauses and terms")))
    }

    /// A phrase must not run into what follows.
    pub fn ends_at_stop(&self, piece: &Piece, stop: Stop) -> Result<(), SyntaxError> {
        if self.scan.at_stop(stop) || !piece.term.quoted {
            return Ok(());
        }
        let place = self.scan.at..self.scan.at;
        Err(match stop {
            Stop::Value { list: true, .. } => {
                SyntaxError::expected(place, "`,`, `OR` or `)` behind the closing quote").suggest(",")
            }
            _ => SyntaxError::expected(place, "white space behind the closing quote").suggest(" "),
        })
    }

    fn no_term(&self, joint: Joint) -> SyntaxError {
        let word = match joint {
            Joint::And => "AND",
            Joint::Or => "OR",
            Joint::Not => "NOT",
        };
        let start = self.scan.at;
        SyntaxError::expected(start..start + word.len(), "a term, a clause or a group in parentheses")
            .because(format!("{word} joins terms, and one is missing before it; in quotes it is a word"))
            .suggest(format!("\"{word}\""))
    }

    fn stray_parenthesis(&self) -> SyntaxError {
        let at = self.scan.at;
        let error = SyntaxError::expected(at..at + 1, "a term, a clause or the end");
        error.because("this `)` closes nothing; as a character of a term it needs a `\\`").suggest("\\)")
    }
}

/// Refuses a term that a value cannot be compared with quickly.
pub(super) fn within_limits(piece: &Piece, of_words: bool) -> Result<(), SyntaxError> {
    let words = of_words.then(|| piece.term.too_many_words()).flatten();
    let Some(limit) = words.or_else(|| piece.term.too_long_pattern(of_words)) else { return Ok(()) };
    Err(SyntaxError::expected(piece.start..piece.end, limit))
}

/// Wildcards in a word that is not the last.
pub(super) fn early_wildcard(place: Range<usize>) -> SyntaxError {
    SyntaxError::expected(place, "wildcards only in the last word; use ~")
        .because("wildcards only in the last word; use ~ on a field to search within words")
}
