//! A JSON Schema made ready, and what does not fit it.
//!
//! `jsonschema` gives every mismatch; a `Shape`, where the schema is plain enough for one, only says
//! "fits" quickly and never decides against. Schemas come from organizations, so they are bounded:
//! size, depth, patterns in time linear in the text, nothing fetched from network or files, and no
//! reference that leads back to itself.

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;

use super::TypeError;
use super::shape::Shape;
use crate::event::fault::shortened;

/// Mismatches told of one event.
pub const MISMATCHES_MAX: usize = 16;
/// Looked at before sorting, so that the choice does not depend on the validator's order alone.
const MISMATCHES_SEEN_MAX: usize = 256;
const DETAIL_BYTES_MAX: usize = 256;
const SCHEMA_BYTES_MAX: usize = 64 << 10;
const SCHEMA_DEPTH_MAX: usize = 32;
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// One place where metadata does not fit its type's schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mismatch {
    /// RFC 6901 pointer into the event, beginning with `/metadata`.
    pub pointer: String,
    /// What the schema asks for; never the value itself.
    pub detail: String,
}

/// Refuses to fetch: schemas stand on their own.
struct NoRetrieval;

impl Retrieve for NoRetrieval {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("{uri} is not part of the schema, and nothing is fetched").into())
    }
}

/// A schema made ready.
pub(super) struct Schema {
    shape: Option<Shape>,
    validator: Validator,
}

impl Schema {
    pub fn compile(schema: &Value) -> Result<Self, TypeError> {
        if !schema.is_object() {
            return Err(TypeError::new("/schema", "must be a JSON Schema object"));
        }
        if schema.to_string().len() > SCHEMA_BYTES_MAX {
            return Err(TypeError::new("/schema", format!("is larger than {SCHEMA_BYTES_MAX} bytes")));
        }
        if depth(schema) > SCHEMA_DEPTH_MAX {
            return Err(TypeError::new("/schema", format!("is nested deeper than {SCHEMA_DEPTH_MAX} levels")));
        }
        let patterns =
            PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        let validator = jsonschema::options()
            .with_retriever(NoRetrieval)
            .with_pattern_options(patterns)
            .build(schema)
            .map_err(|e| TypeError::new(format!("/schema{}", e.instance_path()), e.masked().to_string()))?;
        Ok(Self { shape: Shape::compile(schema), validator })
    }

    /// What does not fit in canonical metadata, ordered, at most [`MISMATCHES_MAX`].
    #[inline]
    pub fn check(&self, metadata: &str) -> Vec<Mismatch> {
        if self.shape.as_ref().is_some_and(|shape| shape.fits(metadata)) {
            return Vec::new();
        }
        self.mismatches(metadata)
    }

    #[cold]
    fn mismatches(&self, metadata: &str) -> Vec<Mismatch> {
        let value: Value = match serde_json::from_str(metadata) {
            Ok(value) => value,
            Err(e) => {
                let detail = format!("cannot be compared with the schema: {e}");
                return vec![Mismatch { pointer: "/metadata".to_owned(), detail }];
            }
        };
        let mut found: Vec<Mismatch> = self
            .validator
            .iter_errors(&value)
            .take(MISMATCHES_SEEN_MAX)
            .map(|e| Mismatch {
                pointer: shortened(format!("/metadata{}", e.instance_path())),
                detail: bounded(e.masked().to_string()),
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found.truncate(MISMATCHES_MAX);
        found
    }

    #[cfg(test)]
    pub fn fits_shape(&self, metadata: &str) -> Option<bool> {
        self.shape.as_ref().map(|shape| shape.fits(metadata))
    }

    #[cfg(test)]
    pub fn is_valid(&self, metadata: &Value) -> bool {
        self.validator.is_valid(metadata)
    }
}

fn bounded(mut detail: String) -> String {
    if detail.len() > DETAIL_BYTES_MAX {
        let mut end = DETAIL_BYTES_MAX;
        while !detail.is_char_boundary(end) {
            end -= 1;
        }
        detail.truncate(end);
        detail.push('…');
    }
    detail
}

/// Levels of a value; its text was bounded before, and values parsed from text have at most 128.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
