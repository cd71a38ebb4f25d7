//! The values inside canonical JSON: every scalar with its path, and the paths that a change touched.
//!
//! Reads stored bytes, which are input: bounded depth, no panic on any text. Arrays are transparent:
//! their elements stand at the array's own path.

use std::borrow::Cow;

use super::json::{plain_end, unescape};
use crate::text::Number;

/// Joins the names of a path: no UTF-8 text holds it.
pub const PATH_JOINT: u8 = 0xFF;

/// Deeper than any accepted event.
const DEPTH_MAX: usize = 128;

/// A value met on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A number, as written.
    Number(&'a str),
    /// `true` or `false`.
    Flag(bool),
    /// `null`
    Null,
    /// An object, met before its members.
    Object,
}

/// Calls `visit` for every value below a canonical JSON value, in order, with the names that lead to
/// it joined by [`PATH_JOINT`]. The outermost value itself is visited when it is a scalar.
///
/// # Errors
/// What was expected at which byte, for text that no `normalize` has written.
pub fn each_value<'a>(json: &'a str, mut visit: impl FnMut(&[u8], Value<'a>)) -> Result<(), String> {
    let mut cursor = Cursor { text: json, pos: 0 };
    let mut path = Vec::with_capacity(64);
    cursor.walk(&mut path, 0, &mut visit)?;
    if cursor.pos == json.len() { Ok(()) } else { Err(cursor.expected("the end")) }
}

/// Shows the paths below `changes.before` and `changes.after` whose values differ, at every depth, joined
/// by [`PATH_JOINT`], each once, until `visit` says that it has seen enough. Values are compared as JSON:
/// numbers by value, objects without order, a null member as a missing one; below arrays of objects the
/// lists of the values reached. Costs a sort of the members.
///
/// # Errors
/// As [`each_value`].
pub fn each_changed(metadata: &str, visit: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), String> {
    // Most events have no changes: one look spares the tree.
    if memchr::memmem::find(metadata.as_bytes(), b"\"changes\":{").is_none() {
        return Ok(());
    }
    let mut cursor = Cursor { text: metadata, pos: 0 };
    let root = cursor.tree(0)?;
    let Some(changes) = root.member("changes") else { return Ok(()) };
    let side =
        |name| changes.member(name).filter(|side| matches!(side, Json::Object(_))).into_iter().collect();
    let (before, after): (Vec<_>, Vec<_>) = (side("before"), side("after"));
    differing([&before, &after], &mut Vec::new(), 0, visit);
    Ok(())
}

/// A member on the way: of which side it is, and its value.
type Met<'v, 'a> = (&'v str, usize, &'v Json<'a>);

/// Shows the paths of members that differ between two lists of values, arrays looked through. False when
/// no more are wanted.
fn differing(
    sides: [&[&Json<'_>]; 2],
    path: &mut Vec<u8>,
    depth: usize,
    visit: &mut dyn FnMut(&[u8]) -> bool,
) -> bool {
    let mut met: Vec<Met<'_, '_>> = Vec::new();
    for (side, values) in sides.iter().enumerate() {
        for value in elements(values) {
            met.extend(value.members().map(|(name, value)| (name, side, value)));
        }
    }
    // A stable sort keeps the order of a name's values on each side.
    met.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    for group in met.chunk_by(|a, b| a.0 == b.0) {
        let (before, after) = group.split_at(group.partition_point(|met| met.1 == 0));
        let (before, after): (Vec<&Json<'_>>, Vec<&Json<'_>>) =
            (before.iter().map(|met| met.2).collect(), after.iter().map(|met| met.2).collect());
        if same_list(&before, &after) {
            continue;
        }
        let len = path.len();
        if depth > 0 {
            path.push(PATH_JOINT);
        }
        path.extend_from_slice(group[0].0.as_bytes());
        let wanted = visit(path) && differing([&before, &after], path, depth + 1, visit);
        path.truncate(len);
        if !wanted {
            return false;
        }
    }
    true
}

/// The values themselves, arrays replaced by their elements.
fn elements<'v, 'a>(values: &[&'v Json<'a>]) -> Vec<&'v Json<'a>> {
    let mut flat = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Json::Array(items) => flat.extend(elements(&items.iter().collect::<Vec<_>>())),
            _ => flat.push(*value),
        }
    }
    flat
}

fn same_list(a: &[&Json<'_>], b: &[&Json<'_>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
}

/// A JSON value in memory, for the few events that carry changes.
enum Json<'a> {
    Null,
    Flag(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    /// Ascending by name.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// A member that is not null.
    fn member(&self, name: &str) -> Option<&Json<'a>> {
        let Self::Object(members) = self else { return None };
        let at = members.binary_search_by(|(own, _)| (**own).cmp(name)).ok()?;
        Some(&members[at].1).filter(|value| !matches!(value, Self::Null))
    }

    /// Members that are not null, ascending by name.
    fn members(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        let members = if let Self::Object(members) = self { members.as_slice() } else { &[] };
        members.iter().filter(|(_, value)| !matches!(value, Self::Null)).map(|(name, value)| (&**name, value))
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Flag(a), Self::Flag(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b || Number::parse(a) == Number::parse(b),
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Self::Object(_), Self::Object(_)) => {
                let (mut a, mut b) = (self.members(), other.members());
                loop {
                    match (a.next(), b.next()) {
                        (None, None) => return true,
                        (Some((name, a)), Some((other, b))) if name == other && a.same(b) => {}
                        _ => return false,
                    }
                }
            }
            _ => false,
        }
    }
}

struct Cursor<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn expected(&self, what: &str) -> String {
        format!("expected {what} at byte {}", self.pos)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.take(byte) { Ok(()) } else { Err(self.expected(&format!("`{}`", char::from(byte)))) }
    }

    /// The content of a string, escapes and all.
    fn raw_string(&mut self) -> Result<&'a str, String> {
        self.expect(b'"')?;
        let start = self.pos;
        loop {
            self.pos = plain_end(self.text.as_bytes(), self.pos);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.pos += 2,
                _ => return Err(self.expected("the end of a string")),
            }
        }
        let content = self.text.get(start..self.pos).ok_or_else(|| self.expected("whole characters"))?;
        self.pos += 1;
        Ok(content)
    }

    fn number(&mut self) -> Result<&'a str, String> {
        let rest = &self.text[self.pos..];
        let in_number = |b: u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
        let len = rest.bytes().take_while(|&b| in_number(b)).count();
        if len == 0 {
            return Err(self.expected("a value"));
        }
        self.pos += len;
        Ok(&rest[..len])
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes()[self.pos..].starts_with(word.as_bytes());
        self.pos += if found { word.len() } else { 0 };
        found
    }

    fn scalar(&mut self) -> Result<Value<'a>, String> {
        match self.peek() {
            Some(b'"') => Ok(Value::Text(unescape(self.raw_string()?))),
            Some(b't') if self.word("true") => Ok(Value::Flag(true)),
            Some(b'f') if self.word("false") => Ok(Value::Flag(false)),
            Some(b'n') if self.word("null") => Ok(Value::Null),
            _ => self.number().map(Value::Number),
        }
    }

    fn walk(
        &mut self,
        path: &mut Vec<u8>,
        depth: usize,
        visit: &mut impl FnMut(&[u8], Value<'a>),
    ) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(self.expected("fewer levels"));
        }
        match self.peek() {
            Some(b'{') => self.walk_object(path, depth, visit),
            Some(b'[') => {
                self.pos += 1;
                if self.take(b']') {
                    return Ok(());
                }
                loop {
                    self.walk(path, depth + 1, visit)?;
                    if !self.take(b',') {
                        return self.expect(b']');
                    }
                }
            }
            _ => {
                let value = self.scalar()?;
                visit(path, value);
                Ok(())
            }
        }
    }

    fn walk_object(
        &mut self,
        path: &mut Vec<u8>,
        depth: usize,
        visit: &mut impl FnMut(&[u8], Value<'a>),
    ) -> Result<(), String> {
        self.pos += 1;
        if depth > 0 {
            visit(path, Value::Object);
        }
        if self.take(b'}') {
            return Ok(());
        }
        let len = path.len();
        loop {
            let name = unescape(self.raw_string()?);
            if depth > 0 {
                path.push(PATH_JOINT);
            }
            path.extend_from_slice(name.as_bytes());
            self.expect(b':')?;
            self.walk(path, depth + 1, visit)?;
            path.truncate(len);
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    fn tree(&mut self, depth: usize) -> Result<Json<'a>, String> {
        if depth > DEPTH_MAX {
            return Err(self.expected("fewer levels"));
        }
        match self.peek() {
            Some(b'{') => self.tree_object(depth),
            Some(b'[') => self.tree_array(depth),
            _ => Ok(match self.scalar()? {
                Value::Text(text) => Json::Text(text),
                Value::Number(number) => Json::Number(number),
                Value::Flag(flag) => Json::Flag(flag),
                Value::Null | Value::Object => Json::Null,
            }),
        }
    }

    fn tree_array(&mut self, depth: usize) -> Result<Json<'a>, String> {
        self.pos += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.tree(depth + 1)?);
            if !self.take(b',') {
                self.expect(b']')?;
                return Ok(Json::Array(items));
            }
        }
    }

    fn tree_object(&mut self, depth: usize) -> Result<Json<'a>, String> {
        self.pos += 1;
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            let name = unescape(self.raw_string()?);
            self.expect(b':')?;
            members.push((name, self.tree(depth + 1)?));
            if !self.take(b',') {
                self.expect(b'}')?;
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                return Ok(Json::Object(members));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(json: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        each_value(json, |path, value| {
            let path =
                path.split(|&b| b == PATH_JOINT).map(String::from_utf8_lossy).collect::<Vec<_>>().join("/");
            found.push((path, format!("{value:?}")));
        })
        .unwrap();
        found
    }

    fn changed_paths(metadata: &str) -> Result<Vec<Vec<u8>>, String> {
        let mut paths = Vec::new();
        each_changed(metadata, &mut |path| {
            paths.push(path.to_vec());
            true
        })?;
        paths.sort_unstable();
        Ok(paths)
    }

    #[test]
    fn every_value_stands_at_its_path_and_arrays_are_looked_through() {
        let found = listed(
            r#"{"a":1.50,"b":{"c.d":"x\n","e":[true,[null,{"f":"g"}],{}]},"":{"":-2e9},"s":"\u0001","l":[]}"#,
        );
        let wanted = [
            ("a", r#"Number("1.50")"#),
            ("b", "Object"),
            ("b/c.d", r#"Text("x\n")"#),
            ("b/e", "Flag(true)"),
            ("b/e", "Null"),
            ("b/e", "Object"),
            ("b/e/f", r#"Text("g")"#),
            ("b/e", "Object"),
            ("", "Object"),
            ("/", r#"Number("-2e9")"#),
            ("s", r#"Text("\u{1}")"#),
        ];
        assert_eq!(found, wanted.map(|(path, value)| (path.to_owned(), value.to_owned())));
    }

    #[test]
    fn text_that_is_not_json_is_an_error_and_never_a_panic() {
        let sound =
            r#"{"a":[1,{"b":"é\u00e9"}],"c":null,"changes":{"before":{"x":1},"after":{"x":[true,false]}}}"#;
        for end in 0..sound.len() {
            if let Some(cut) = sound.get(..end) {
                assert!(each_value(cut, |_, _| {}).is_err(), "{cut}");
                let _ = changed_paths(cut);
            }
            for byte in [b'"', b'\\', b'{', b'}', b'[', b',', b':', b'0'] {
                let mut damaged = sound.as_bytes().to_vec();
                damaged[end] = byte;
                if let Ok(damaged) = std::str::from_utf8(&damaged) {
                    let _ = each_value(damaged, |_, _| {});
                    let _ = changed_paths(damaged);
                }
            }
        }
        assert!(each_value(&"[".repeat(100_000), |_, _| {}).is_err());
        assert!(changed_paths(&format!("{{\"changes\":{{{}", "\"a\":[".repeat(100_000))).is_err());
    }

    fn changed(before: &str, after: &str) -> Vec<String> {
        let metadata = format!(r#"{{"changes":{{"before":{before},"after":{after}}}}}"#);
        let paths = changed_paths(&metadata).unwrap();
        paths.iter().map(|p| String::from_utf8_lossy(p).replace('\u{FFFD}', "/")).collect()
    }

    #[test]
    fn changed_paths_are_those_that_differ_at_every_depth() {
        let none: [&str; 0] = [];
        assert_eq!(changed(r#"{"a":1,"b":2}"#, r#"{"b":2.0,"a":1e0}"#), none);
        assert_eq!(changed(r#"{"a":1}"#, r#"{"a":2}"#), ["a"]);
        assert_eq!(changed(r#"{"a":1}"#, r#"{"a":null,"b":null}"#), ["a"]);
        assert_eq!(changed(r#"{"a":{"b":1,"c":2}}"#, r#"{"a":{"c":2,"b":3}}"#), ["a", "a/b"]);
        assert_eq!(changed(r#"{"a":{"b":1}}"#, r#"{"a":5}"#), ["a", "a/b"]);
        assert_eq!(changed(r#"{"a":{"b":1,"n":null}}"#, r#"{"a":{"b":1}}"#), none);
        assert_eq!(changed("null", r#"{"a":{"b":1}}"#), ["a", "a/b"]);
        assert_eq!(changed(r#"{"t":["x"]}"#, r#"{"t":["x","y"]}"#), ["t"]);
        assert_eq!(changed(r#"{"t":[{"i":1},{"i":2}]}"#, r#"{"t":[{"i":1},{"i":3}]}"#), ["t", "t/i"]);
        assert_eq!(changed(r#"{"t":[{"i":1}]}"#, r#"{"t":{"i":1}}"#), ["t"]);
        assert_eq!(changed("[1]", "7"), none);
        assert_eq!(changed_paths(r#"{"x":{"changes":{"before":{"a":1}}}}"#).unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(changed_paths(r#"{"changes":{"after":{"a.b":1}}}"#).unwrap(), [b"a.b"]);
    }

    #[test]
    fn enough_is_enough() {
        let mut seen = 0;
        let metadata = r#"{"changes":{"after":{"a":{"b":1},"c":2,"d":3}}}"#;
        each_changed(metadata, &mut |_| {
            seen += 1;
            seen < 2
        })
        .unwrap();
        assert_eq!(seen, 2);
    }

    #[test]
    fn many_objects_of_one_member_cost_no_square() {
        let items: Vec<_> = (0..200_000).map(|i| format!(r#"{{"m{i}":0}}"#)).collect();
        let before = format!(r#"{{"t":[{}]}}"#, items.join(","));
        assert_eq!(changed(&before, "{}").len(), 200_001);
    }

    #[test]
    fn an_object_of_many_members_costs_no_square() {
        let side = |v: u8| {
            let members: Vec<_> = (0..30_000).map(|i| format!(r#""m{i}":{v}"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(changed(&side(1), &side(2)).len(), 30_000);
    }
}
