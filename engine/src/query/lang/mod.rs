//! The query language: text to tree and back (docs/QUERY.md).

mod tree;

pub use tree::{
    Bound, Clause, Expr, Field, Keyword, Literal, Moment, Name, Path, Query, Scalar, Term, Test, Token, Value,
};
