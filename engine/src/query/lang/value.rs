//! The grammar of clauses: operators, values, lists and ranges.

use super::VALUES_MAX;
use super::error::SyntaxError;
use super::fields::{Meaning, in_path_value, resolve};
use super::parse::Parser;
use super::scan::{FieldName, Joint, Op, Piece, Stop, is_quote};
use super::times::{self, SPAN_TAKES};
use super::tree::{Bound, Clause, Expr, Field, Moment, Name, Path, Scalar, Test, Value};
use super::typed::Asked;

impl Parser {
    /// The clause whose name was read; its operator is here.
    pub(super) fn clause(&mut self, name: &FieldName) -> Result<Expr, SyntaxError> {
        let op_start = self.scan.at;
        let Some((op, negated)) = self.scan.operator() else {
            return Err(SyntaxError::expected(op_start..op_start, "an operator"));
        };
        let field = match resolve(&name.names, name.at) {
            Meaning::Field(field) => field,
            Meaning::Last => return self.last(name.start, op_start, (op, negated)),
        };
        self.check_operator(&field, (op, negated), name.start..op_start)?;
        let asked = Asked { field, op, start: name.start, op_start, list: false };
        let mut tests = Vec::new();
        self.value(&asked, &mut tests)?;
        let test = match tests.pop() {
            Some(only) if tests.is_empty() => only,
            Some(last) => {
                tests.push(last);
                Test::AnyOf(tests)
            }
            None => return Err(self.no_value(&asked)),
        };
        let clause = Expr::Clause(Clause { field: asked.field, test, position: name.start });
        Ok(if negated { Expr::Not(Box::new(clause)) } else { clause })
    }

    /// `last:15m`
    fn last(&mut self, start: usize, op_start: usize, op: (Op, bool)) -> Result<Expr, SyntaxError> {
        if op != (Op::Is, false) {
            return Err(SyntaxError::expected(op_start..self.scan.at, "`:`, as in last:15m").suggest(":"));
        }
        let piece = match self.scan.peek() {
            Some(next) if !self.scan.at_stop(Stop::Text) => self.piece(next, Stop::Text)?,
            _ => {
                let asked = Asked { field: Field::Timestamp, op: op.0, start, op_start, list: false };
                return Err(self.no_value(&asked).without_star());
            }
        };
        self.ends_at_stop(&piece, Stop::Text)?;
        let text = piece.term.text();
        let Some(span) = times::span_ns(&text) else {
            return Err(SyntaxError::expected(piece.start..piece.end, SPAN_TAKES));
        };
        let moment = Moment::Now { text: format!("now-{text}"), offset_ns: -span };
        let low = Some(Bound { inclusive: true, scalar: Scalar::Time(moment) });
        let test = Test::Within { low, high: None };
        Ok(Expr::Clause(Clause { field: Field::Timestamp, test, position: start }))
    }

    fn check_operator(
        &self,
        field: &Field,
        (op, negated): (Op, bool),
        name: std::ops::Range<usize>,
    ) -> Result<(), SyntaxError> {
        let takes = match (field, op) {
            (Field::Changed, Op::Is) => return Ok(()),
            (Field::Changed, _) => "`:` and a path, as in changed:model",
            (Field::EventId, Op::Contains | Op::Order { .. }) => "`:`, `=` or `!=` and a whole id",
            (Field::Sequence | Field::Timestamp | Field::CommittedAt, Op::Contains) => {
                "`:`, `=`, `!=`, `>`, `>=`, `<` or `<=`"
            }
            _ => return Ok(()),
        };
        let place = name.end..self.scan.at;
        let why = format!("{} takes {takes}", field.name());
        Err(match (field, op, negated) {
            (Field::Changed, Op::Equals | Op::Contains, true) => {
                SyntaxError::expected(name.start..place.end, takes).because(why).suggest("-changed:")
            }
            (_, Op::Equals | Op::Contains, false) => {
                SyntaxError::expected(place, takes).because(why).suggest(":")
            }
            (_, Op::Contains, true) => SyntaxError::expected(place, takes).because(why).suggest("!="),
            _ => SyntaxError::expected(place, takes).because(why),
        })
    }

    /// One value, or all those of a list.
    fn value(&mut self, asked: &Asked, tests: &mut Vec<Test>) -> Result<(), SyntaxError> {
        let start = self.scan.at;
        let ranges = matches!(asked.op, Op::Is | Op::Equals);
        let test = match self.scan.peek() {
            Some('(') => return self.list(asked, tests),
            _ if self.scan.at_stop(asked.stop()) => return Err(self.no_value(asked)),
            _ if asked.field == Field::Changed => self.path(asked.stop())?,
            Some('[' | '{') if ranges => self.brackets(asked)?,
            Some(next) => {
                let piece = self.piece(next, asked.stop())?;
                if piece.ranged || (ranges && piece.term.quoted && self.scan.at_dots(asked.stop())) {
                    self.dots(asked, &piece)?
                } else {
                    self.ends_at_stop(&piece, asked.stop())?;
                    asked.leaf(piece)?
                }
            }
            None => return Err(self.no_value(asked)),
        };
        if tests.len() == VALUES_MAX {
            let expected = format!("at most {VALUES_MAX} values in a list");
            return Err(SyntaxError::expected(start..self.scan.at, expected)
                .because(format!("the list has more than {VALUES_MAX} values")));
        }
        tests.push(test);
        Ok(())
    }

    fn piece(&mut self, next: char, stop: Stop) -> Result<Piece, SyntaxError> {
        if is_quote(next) { self.scan.phrase() } else { self.scan.term(stop) }
    }

    /// `(a OR b, c)`
    fn list(&mut self, asked: &Asked, tests: &mut Vec<Test>) -> Result<(), SyntaxError> {
        let open = self.scan.at;
        self.enter(open)?;
        let within = Asked { field: asked.field.clone(), list: true, ..*asked };
        loop {
            self.scan.skip_space();
            if self.scan.joint() == Some(Joint::Or) {
                let place = self.scan.at..self.scan.at + 2;
                return Err(SyntaxError::expected(place, "a value").suggest("\"OR\""));
            }
            self.value(&within, tests)?;
            self.scan.skip_space();
            if self.scan.eat_joint(Joint::Or) || self.scan.eat(',') {
                continue;
            }
            if matches!(self.scan.peek(), None | Some(')')) {
                return self.leave(open);
            }
            return Err(self.no_separator());
        }
    }

    fn no_separator(&self) -> SyntaxError {
        let start = self.scan.at;
        let expected = "`OR`, `,` or `)` behind a value of a list";
        if self.scan.at_word("or") {
            return SyntaxError::expected(start..start + 2, expected).suggest("OR");
        }
        let end = self.scan.run_end(start);
        let error = SyntaxError::expected(start..end, expected);
        if self.scan.joint().is_some() {
            return error.because("a list is of alternatives: its values are joined by `OR` or `,`");
        }
        let text = self.scan.text(start, end);
        error.suggest(format!("OR {text}"))
    }

    /// `[a TO b]`, `{a TO b}` and mixed.
    fn brackets(&mut self, asked: &Asked) -> Result<Test, SyntaxError> {
        let start = self.scan.at;
        let low_in = self.scan.peek() == Some('[');
        self.scan.at += 1;
        let low = self.end_of_range(asked, low_in)?;
        self.scan.skip_space();
        if !self.scan.at_word("TO") {
            let at = self.scan.at;
            let expected = "`TO` between the ends of a range, as in [500 TO 599]";
            if self.scan.at_word("to") {
                return Err(SyntaxError::expected(at..at + 2, expected).suggest("TO"));
            }
            return Err(SyntaxError::expected(at..at, expected));
        }
        self.scan.at += 2;
        let mut high = self.end_of_range(asked, true)?;
        self.scan.skip_space();
        let high_in = self.scan.eat(']');
        if !high_in && !self.scan.eat('}') {
            let at = self.scan.at;
            return Err(SyntaxError::expected(at..at, "`]` or `}` behind a range").suggest("]"));
        }
        if let Some(bound) = &mut high {
            bound.inclusive = high_in;
        }
        if !self.scan.at_stop(asked.stop()) {
            let place = self.scan.at..self.scan.at;
            return Err(SyntaxError::expected(place, "white space behind a range").suggest(" "));
        }
        asked.within(low, high, start..self.scan.at)
    }

    /// One end of a range in brackets; `None` for `*`.
    fn end_of_range(&mut self, asked: &Asked, inclusive: bool) -> Result<Option<Bound>, SyntaxError> {
        self.scan.skip_space();
        let at = self.scan.at;
        match self.scan.peek() {
            Some(next) if !self.scan.at_stop(Stop::Bound) => {
                let piece = self.piece(next, Stop::Bound)?;
                self.ends_at_stop(&piece, Stop::Bound)?;
                asked.open_bound(&piece, inclusive)
            }
            _ => Err(SyntaxError::expected(at..at, "an end of the range, or `*` for none")),
        }
    }

    /// `a..b`, the dots being here.
    fn dots(&mut self, asked: &Asked, low: &Piece) -> Result<Test, SyntaxError> {
        self.scan.at += 2;
        let stop = Stop::Value { list: asked.list, ranges: false };
        let high = match self.scan.peek() {
            Some(next) => self.piece(next, stop)?,
            None => return Err(self.no_value(asked)),
        };
        self.ends_at_stop(&high, stop)?;
        let place = low.start..high.end;
        let whole = self.scan.text(place.start, place.end);
        let ends = asked.open_bound(low, true).and_then(|low| Ok((low, asked.open_bound(&high, true)?)));
        let (low, high) = ends.map_err(|error| {
            if asked.is_typed() || error.suggestion.is_some() {
                return error;
            }
            SyntaxError::expected(place.clone(), error.expected).suggest(super::print::in_quotes(&whole))
        })?;
        asked.within(low, high, place)
    }

    /// The value of `changed:`.
    fn path(&mut self, stop: Stop) -> Result<Test, SyntaxError> {
        let start = self.scan.at;
        if self.scan.eat('*') && self.scan.at_stop(stop) {
            return Ok(Test::Present);
        }
        self.scan.at = start;
        let mut names = Vec::new();
        loop {
            names.push(self.path_name()?);
            if !self.scan.eat('.') {
                break;
            }
        }
        if !self.scan.at_stop(stop) {
            return Err(self.no_path_name());
        }
        Ok(Test::Is(Value::Path(Path(names))))
    }

    fn path_name(&mut self) -> Result<Name, SyntaxError> {
        let start = self.scan.at;
        if self.scan.peek().is_some_and(is_quote) {
            let piece = self.scan.phrase()?;
            if piece.term.has_wildcards() {
                self.scan.at -= 1;
                return Err(self.no_path_name());
            }
            return Ok(Name { text: piece.term.text(), quoted: true });
        }
        while self.scan.peek().is_some_and(in_path_value) {
            self.scan.at += 1;
        }
        if self.scan.at == start {
            return Err(self.no_path_name());
        }
        Ok(Name { text: self.scan.text(start, self.scan.at), quoted: false })
    }

    fn no_path_name(&self) -> SyntaxError {
        let at = self.scan.at;
        let place = at..at + usize::from(self.scan.peek().is_some());
        SyntaxError::expected(
            place,
            "a path of names; one with other characters than letters, digits, `_` and `-` in quotes",
        )
    }

    /// The value is missing; where one follows behind white space, that is what was meant.
    fn no_value(&self, asked: &Asked) -> SyntaxError {
        let at = self.scan.at;
        if asked.list {
            return SyntaxError::expected(at..at, "a value");
        }
        let written = self.scan.text(asked.start, at);
        let expected = format!("a value directly behind `{written}`");
        let space = at + self.scan.text(at, at + 64).chars().take_while(|c| c.is_whitespace()).count();
        let next_end = self.scan.run_end(space);
        if space > at && next_end > space {
            let next = self.scan.text(space, next_end);
            return SyntaxError::expected(asked.start..next_end, expected)
                .suggest(format!("{written}{next}"));
        }
        let error = SyntaxError::expected(at..at, expected);
        if asked.op == Op::Is { error.suggest("*") } else { error }
    }
}
