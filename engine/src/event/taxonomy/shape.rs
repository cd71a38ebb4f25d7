//! A quick yes for plain schemas: does canonical metadata certainly fit?
//!
//! Covers `type`, `required`, `properties`, `enum` of strings, and integer `minimum`/`maximum`;
//! a schema with any other keyword has no shape. Works on canonical bytes without building a value.
//! It may say no to what fits (as `1.0` for an integer): then `jsonschema` decides. It must never say
//! yes to what does not fit; `tests` compares the two.

use serde_json::{Map, Value};

use crate::event::fields::string_end;
use crate::event::json::push_escaped;

const STRING: u8 = 1;
const NUMBER: u8 = 2;
const INTEGER: u8 = 4;
const OBJECT: u8 = 8;
const ARRAY: u8 = 16;
const BOOLEAN: u8 = 32;
const NULL: u8 = 64;
const ANY: u8 = 127;

/// Keywords that say nothing about whether a value fits.
const NOTES: [&str; 7] = ["$schema", "$comment", "title", "description", "examples", "default", "deprecated"];

/// What a value must be like.
pub(super) struct Shape {
    types: u8,
    range: Option<(i64, i64)>,
    /// Canonical contents of the strings that are allowed.
    options: Option<Vec<String>>,
    /// Canonical names.
    properties: Vec<(String, Self)>,
    /// Bit i: `properties[i]` must be there.
    required: u64,
}

impl Shape {
    /// None where the schema says more than a shape can.
    pub fn compile(schema: &Value) -> Option<Self> {
        let mut shape = Self { types: ANY, range: None, options: None, properties: Vec::new(), required: 0 };
        let members = match schema {
            Value::Bool(true) => return Some(shape),
            Value::Object(members) => members,
            _ => return None,
        };
        let (mut low, mut high) = (i64::MIN, i64::MAX);
        for (keyword, value) in members {
            match keyword.as_str() {
                "type" => shape.types = types(value)?,
                "minimum" => low = value.as_i64()?,
                "maximum" => high = value.as_i64()?,
                "enum" => shape.options = Some(value.as_array()?.iter().map(string).collect::<Option<_>>()?),
                "properties" => shape.properties = properties(value.as_object()?)?,
                "required" | "additionalProperties" => {}
                note if NOTES.contains(&note) => {}
                _ => return None,
            }
        }
        if members.contains_key("minimum") || members.contains_key("maximum") {
            shape.range = Some((low, high));
        }
        if members.get("additionalProperties").is_some_and(|v| *v != Value::Bool(true)) {
            return None;
        }
        if let Some(required) = members.get("required") {
            shape.require(required.as_array()?)?;
        }
        Some(shape)
    }

    fn require(&mut self, names: &[Value]) -> Option<()> {
        for name in names {
            let name = string(name)?;
            let known = self.properties.iter().position(|(n, _)| *n == name);
            let index = match known {
                Some(index) => index,
                None => {
                    self.properties.push((name, Self::compile(&Value::Bool(true))?));
                    self.properties.len() - 1
                }
            };
            self.required |= 1u64.checked_shl(u32::try_from(index).ok()?)?;
        }
        Some(())
    }

    /// Whether canonical JSON certainly fits.
    pub fn fits(&self, canonical: &str) -> bool {
        self.value(canonical.as_bytes(), 0) == Some(canonical.len())
    }

    /// The end of the value that begins at `at`, if it certainly fits.
    fn value(&self, raw: &[u8], at: usize) -> Option<usize> {
        match raw.get(at)? {
            b'"' => self.string(raw, at),
            b'{' if self.types & OBJECT != 0 && self.options.is_none() => self.object(raw, at),
            b'[' => self.plain(ARRAY, raw, at),
            b't' | b'f' => self.plain(BOOLEAN, raw, at),
            b'n' => self.plain(NULL, raw, at),
            b'-' | b'0'..=b'9' => self.number(raw, at),
            _ => None,
        }
    }

    fn plain(&self, kind: u8, raw: &[u8], at: usize) -> Option<usize> {
        if self.types & kind != 0 && self.options.is_none() { value_end(raw, at) } else { None }
    }

    fn string(&self, raw: &[u8], at: usize) -> Option<usize> {
        let end = string_end(raw, at + 1)?;
        let content = &raw[at + 1..end];
        let listed = |options: &Vec<String>| options.iter().any(|o| o.as_bytes() == content);
        let fits = self.types & STRING != 0 && self.options.as_ref().is_none_or(listed);
        fits.then_some(end + 1)
    }

    fn number(&self, raw: &[u8], at: usize) -> Option<usize> {
        let end = value_end(raw, at)?;
        let text = &raw[at..end];
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        // Longer or fractional ones are left to the full check.
        let whole = digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit);
        let kind = if whole { NUMBER | INTEGER } else { NUMBER };
        if self.types & kind == 0 || self.options.is_some() {
            return None;
        }
        if let Some((low, high)) = self.range {
            let value = self.lower_bound(text, whole)?;
            let upper = if whole { value } else { value.checked_add(1)? };
            if value < low || upper > high {
                return None;
            }
        }
        Some(end)
    }

    /// A whole number not above the number: itself, or what stands before a plain point.
    fn lower_bound(&self, text: &[u8], whole: bool) -> Option<i64> {
        let before_point = if whole { text } else { &text[..text.iter().position(|b| *b == b'.')?] };
        let plain = |b: &u8| b.is_ascii_digit() || *b == b'.';
        if !whole && !text.iter().all(plain) {
            return None; // negative or with an exponent
        }
        std::str::from_utf8(before_point).ok()?.parse().ok()
    }

    fn object(&self, raw: &[u8], at: usize) -> Option<usize> {
        if self.properties.is_empty() {
            return value_end(raw, at);
        }
        let mut seen = 0u64;
        let mut at = at + 1;
        if raw.get(at) == Some(&b'}') {
            return (self.required == 0).then_some(at + 1);
        }
        loop {
            let name_end = string_end(raw, at + 1)?;
            let name = &raw[at + 1..name_end];
            at = name_end + 2;
            let known = self.properties.iter().position(|(n, _)| n.as_bytes() == name);
            at = match known {
                Some(index) => {
                    seen |= 1u64.checked_shl(index as u32).unwrap_or(0);
                    self.properties[index].1.value(raw, at)?
                }
                None => value_end(raw, at)?,
            };
            match raw.get(at)? {
                b',' => at += 1,
                b'}' => return (seen & self.required == self.required).then_some(at + 1),
                _ => return None,
            }
        }
    }
}

fn types(value: &Value) -> Option<u8> {
    let one = |name: &Value| match name.as_str()? {
        "string" => Some(STRING),
        "number" => Some(NUMBER | INTEGER),
        "integer" => Some(INTEGER),
        "object" => Some(OBJECT),
        "array" => Some(ARRAY),
        "boolean" => Some(BOOLEAN),
        "null" => Some(NULL),
        _ => None,
    };
    match value {
        Value::Array(names) => names.iter().try_fold(0, |all, name| Some(all | one(name)?)),
        name => one(name),
    }
}

/// A JSON string as canonical content.
fn string(value: &Value) -> Option<String> {
    let mut content = String::new();
    push_escaped(&mut content, value.as_str()?);
    Some(content)
}

fn properties(members: &Map<String, Value>) -> Option<Vec<(String, Shape)>> {
    members
        .iter()
        .map(|(name, schema)| Some((string(&Value::String(name.clone()))?, Shape::compile(schema)?)))
        .collect()
}

/// The end of a canonical value of any kind.
fn value_end(raw: &[u8], at: usize) -> Option<usize> {
    match raw.get(at)? {
        b'"' => Some(string_end(raw, at + 1)? + 1),
        b'{' | b'[' => container_end(raw, at),
        _ => {
            let length = raw[at..].iter().position(|b| matches!(b, b',' | b'}' | b']'));
            Some(length.map_or(raw.len(), |l| at + l))
        }
    }
}

fn container_end(raw: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        match raw.get(at)? {
            b'"' => at = string_end(raw, at + 1)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}
