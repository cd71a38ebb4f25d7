//! The syntax tree: what a query means, before any segment is looked at.
//!
//! One tree for the text language and the structured parameters. It is fully resolved where the
//! field decides the kind of a value (a time, an address, a number); a metadata clause keeps its
//! term, because there each stored value's own type decides.

use std::net::IpAddr;

use crate::text::Number;

/// A query. The empty text is [`Expr::All`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The tree.
    pub root: Expr,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// Everything: `*`, or no text at all.
    All,
    /// All of them; at least two.
    And(Vec<Expr>),
    /// Any of them; at least two.
    Or(Vec<Expr>),
    /// What does not match, within the searched time range.
    Not(Box<Expr>),
    /// Words anywhere in the event.
    Text(Term),
    /// A test of a field.
    Clause(Clause),
}

/// A test of a field. `f!=x` is `Not(f=x)`, `f!~x` is `Not(f~x)`.
///
/// Two clauses are equal when they mean the same: the position does not count.
#[derive(Clone, Debug, Eq)]
pub struct Clause {
    /// Which field.
    pub field: Field,
    /// What of it.
    pub test: Test,
    /// Where the field's name stands in the query, in characters: for hints. 0 for parameters.
    pub position: usize,
}

impl PartialEq for Clause {
    fn eq(&self, other: &Self) -> bool {
        self.field == other.field && self.test == other.test
    }
}

/// What a clause can be about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// `event_id`: keyword, exact bytes under every operator that compares whole values.
    EventId,
    /// `sequence`: number.
    Sequence,
    /// `timestamp`: time.
    Timestamp,
    /// `committed_at`: time.
    CommittedAt,
    /// A keyword of the envelope.
    Keyword(Keyword),
    /// `actor`: any of the actor's id, e-mail, name. Keyword.
    Actor,
    /// `resource`: its type or id. Keyword.
    Resource,
    /// `actor.ip_address`.
    Address,
    /// `actor.user_agent`: text.
    UserAgent,
    /// A path below `metadata` (`before.x` is `changes.before.x` here).
    Metadata(Path),
    /// `changed`: the paths that differ; the test is `Is` or `AnyOf`, with paths, or `Present`.
    Changed,
    /// A name that no event has, as it is written in a query: matches nothing.
    Unknown(String),
}

/// Keywords of the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keyword {
    /// `event_type`: under `:` a value without wildcards also matches what continues it after a dot.
    EventType,
    /// `category`.
    Category,
    /// `status`.
    Status,
    /// `action`.
    Action,
    /// `actor.type`.
    ActorType,
    /// `actor.id`.
    ActorId,
    /// `actor.email`.
    ActorEmail,
    /// `actor.name`.
    ActorName,
    /// `resource.type`.
    ResourceType,
    /// `resource.id`.
    ResourceId,
    /// `resource.name`.
    ResourceName,
}

/// Names below `metadata`, outermost first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Name>);

/// One name of a path. A stored path matches when it splits into the same names; names that are not
/// quoted may also stand together in one member name, joined by dots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Exact bytes of the member name.
    pub text: String,
    /// Stands for exactly one member name.
    pub quoted: bool,
}

/// What must hold of a field's value; over arrays, of any element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// `:*`: there is a value that is not null (or an object).
    Present,
    /// `:`
    Is(Value),
    /// `=`
    Equals(Value),
    /// `~`: contains, without case.
    Contains(Term),
    /// `>` `>=` `<` `<=` and ranges; at least one bound.
    Within {
        /// Lower end.
        low: Option<Bound>,
        /// Upper end.
        high: Option<Bound>,
    },
    /// A list: any of its tests, all made by the clause's one operator (or ranges, or `Present`).
    AnyOf(Vec<Test>),
}

/// What `:` and `=` compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Keywords, addresses (with `:` one that parses as an address is a [`Value::Network`]), text,
    /// metadata, which is also tried as a number and as `true` or `false`.
    Term(Term),
    /// `sequence`.
    Number(Literal),
    /// `timestamp` and `committed_at`.
    Time(Moment),
    /// An address (full prefix) or a network in CIDR form, for `ip:`.
    Network {
        /// Any address of it.
        address: IpAddr,
        /// Leading bits that count.
        prefix: u8,
        /// As written.
        text: String,
    },
    /// For `changed:`.
    Path(Path),
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The value itself is in.
    pub inclusive: bool,
    /// What is compared.
    pub scalar: Scalar,
}

/// What orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Byte order: keywords.
    Text(String),
    /// Metadata, user agent (where the stored text is a number), `sequence`.
    Number(Literal),
    /// Times.
    Time(Moment),
    /// Addresses of the same family.
    Address(IpAddr),
}

/// A number as written, and its value with the unit applied (`ms` is 1, `KB` is 1000).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// As written, with unit.
    pub text: String,
    /// What it stands for.
    pub number: Number,
}

/// A time as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// From a date or time: the unit that it names, nanoseconds since 1970, clamped to `i64`.
    Unit {
        /// As written.
        text: String,
        /// Its first nanosecond.
        from_ns: i64,
        /// The first one after it; `None` past the end of time. Under `=` a time to the second or
        /// finer is one nanosecond long.
        to_ns: Option<i64>,
    },
    /// `now`, `now-15m`, `now+1h`: an instant that counts from the time of the request.
    Now {
        /// As written.
        text: String,
        /// Added to now.
        offset_ns: i64,
    },
}

/// A word or phrase as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// Its characters, with their case.
    pub tokens: Vec<Token>,
    /// Written in quotes (a `*` behind them is the last token).
    pub quoted: bool,
}

/// One character of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// Itself.
    Char(char),
    /// `*`: any run of characters.
    Run,
    /// `?`: any one character.
    One,
}
