//! A JSON Schema made ready, and what does not fit it.
//!
//! `jsonschema` gives every mismatch; a `Shape`, where the schema is plain enough for one, only says
//! "fits" quickly and never decides against. Schemas come from organizations, so they are bounded:
//! size, depth, references (see `references`), patterns in time linear in the text, and nothing
//! fetched from network or files.

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;

use super::TypeError;
use super::references;
use super::shape::Shape;
use crate::event::fault::shortened;
use crate::event::fields::string_end;

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
            return Err(TypeError::new(
                "/schema",
                format!("is nested deeper than {SCHEMA_DEPTH_MAX} levels"),
            ));
        }
        references::check(schema)?;
        let patterns =
            PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
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
        let value =
            serde_json::from_str(metadata).or_else(|_| serde_json::from_str(&within_floats(metadata)));
        let value: Value = match value {
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
}

/// Canonical JSON with numbers that no float holds replaced by the largest one, since their text may
/// be any but the validator knows floats only.
fn within_floats(canonical: &str) -> String {
    let raw = canonical.as_bytes();
    let mut out = String::with_capacity(raw.len());
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        let end = match byte {
            b'"' => string_end(raw, at + 1).map_or(raw.len(), |quote| quote + 1),
            b'-' | b'0'..=b'9' => {
                let number = |b: &u8| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                at + raw[at..].iter().take_while(|b| number(b)).count()
            }
            _ => at + 1,
        };
        let token = &canonical[at..end];
        match token.parse::<f64>() {
            Ok(value) if value == f64::INFINITY => out.push_str("1.7976931348623157e308"),
            Ok(value) if value == f64::NEG_INFINITY => out.push_str("-1.7976931348623157e308"),
            _ => out.push_str(token),
        }
        at = end;
    }
    out
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::event::taxonomy::Taxonomy;

    /// Values of every kind, near the bounds that schemas below draw.
    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "(null|true|false|0|-0|1|-1|5|99|100|599|600|1e2|1\\.0|1\\.5|-0\\.5|0\\.5|599\\.5|12345678901234567890|1e400)",
            "\"(GET|POST|[a-c]{0,3}|\\\\n)\"",
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let member = ("[a-e]", inner.clone()).prop_map(|(n, v)| (n, v));
            prop_oneof![
                proptest::collection::vec(inner, 0..4).prop_map(|v| format!("[{}]", v.join(","))),
                proptest::collection::btree_map("[a-e]", member, 0..5).prop_map(|m| {
                    let members = m.into_iter().map(|(n, (_, v))| format!("\"{n}\":{v}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    /// Plain schemas over the members `a` to `e`.
    fn plain_schema() -> impl Strategy<Value = Value> {
        let kind = "(string|number|integer|object|array|boolean|null)";
        let leaf = prop_oneof![
            kind.prop_map(|k| json!({"type": k})),
            (kind, kind).prop_filter("unique", |(a, b)| a != b).prop_map(|(a, b)| json!({"type": [a, b]})),
            (kind, -2..600i64).prop_map(|(k, low)| json!({"type": k, "minimum": low})),
            (-2..600i64).prop_map(|high| json!({"maximum": high, "description": "x"})),
            Just(json!({"enum": ["GET", "a", "\n"]})),
            Just(json!(true)),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let properties = proptest::collection::btree_map("[a-e]", inner, 0..4);
            let required = proptest::collection::btree_set("[a-e]", 0..3);
            (properties, required, any::<bool>()).prop_map(|(p, r, typed)| {
                let mut schema = json!({"properties": p, "required": r});
                if typed {
                    schema["type"] = json!(["object", "string"]);
                }
                schema
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        /// A shape says yes only to what the full check lets pass.
        #[test]
        fn a_shape_never_takes_what_the_schema_refuses(schema in plain_schema(), canonical in value()) {
            let wrapped = json!({"type": "object", "properties": {"v": schema}, "required": ["v"]});
            let ready = Schema::compile(&wrapped).expect("a valid schema");
            let metadata = format!("{{\"v\":{canonical}}}");
            let shape = ready.shape.as_ref().expect("plain enough for a shape");
            let mismatches = ready.mismatches(&metadata);
            prop_assert!(!shape.fits(&metadata) || mismatches.is_empty(), "{} {} {:?}", wrapped, metadata, mismatches);
        }
    }

    #[test]
    fn every_built_in_type_has_a_shape() {
        for info in Taxonomy::built_in().types() {
            let ready = Schema::compile(&info.schema).unwrap();
            assert!(ready.shape.is_some_and(|shape| shape.fits("{}")), "{}", info.event_type);
        }
    }

    #[test]
    fn a_schema_with_more_than_a_shape_can_say_has_none() {
        for schema in [
            json!({"type": "string", "pattern": "a"}),
            json!({"properties": {"a": {"minLength": 1}}}),
            json!({"additionalProperties": false}),
            json!({"enum": [1, "a"]}),
            json!({"minimum": 0.5}),
            json!({"properties": {"a": false}}),
        ] {
            assert!(Schema::compile(&schema).unwrap().shape.is_none(), "{schema}");
        }
    }

    #[test]
    fn hostile_patterns_take_linear_time() {
        let ready = Schema::compile(&json!({"properties": {"a": {"pattern": "^(a+)+$"}}})).unwrap();
        let metadata = format!("{{\"a\":\"{}!\"}}", "a".repeat(50_000));
        assert_eq!(ready.check(&metadata).len(), 1);
        assert!(Schema::compile(&json!({"pattern": "(a{1000}){1000}"})).is_err());
    }
}
