//! Paths of a query against the names that an event has.
//!
//! A path matches when it splits into the same names. Names that are not quoted may also stand
//! together in one member name, joined by dots: `a.b` is both `{"a":{"b":1}}` and `{"a.b":1}`.

use super::json::{elements, members, unescaped};
use crate::index::PATH_JOINT;
use crate::query::lang::{Name, Path};

/// True when a stored path (names joined by [`PATH_JOINT`]) is the one that is meant.
pub(super) fn fits(path: &Path, stored: &[u8]) -> bool {
    let mut rest = path.0.as_slice();
    for name in stored.split(|&byte| byte == PATH_JOINT) {
        match std::str::from_utf8(name).ok().and_then(|name| after(rest, name)) {
            Some(left) => rest = left,
            None => return false,
        }
    }
    rest.is_empty()
}

/// Calls `visit` with each scalar that a path reaches in a JSON object, raw. Arrays are transparent.
pub(super) fn reach<'a>(object: &'a str, path: &Path, mut visit: impl FnMut(&'a str)) {
    let mut open = vec![(object, path.0.as_slice())];
    while let Some((value, names)) = open.pop() {
        match value.as_bytes().first() {
            Some(b'[') => open.extend(elements(value).map(|element| (element, names))),
            Some(b'{') => {
                let inside = members(value).filter_map(|(raw, value)| Some((value, after(names, &unescaped(raw))?)));
                open.extend(inside);
            }
            _ if names.is_empty() => visit(value),
            _ => {}
        }
    }
}

/// What is left of a path behind a member name; `None` when the name is not its first.
fn after<'p>(path: &'p [Name], name: &str) -> Option<&'p [Name]> {
    let mut rest = name;
    for (at, next) in path.iter().enumerate() {
        // A quoted name stands alone.
        if at > 0 && (next.quoted || path[0].quoted) {
            return None;
        }
        rest = rest.strip_prefix(next.text.as_str())?;
        if rest.is_empty() {
            return Some(&path[at + 1..]);
        }
        rest = rest.strip_prefix('.')?;
    }
    None
}

/// The path as its author would write it, without `metadata`.
pub(super) fn dotted(stored: &[u8]) -> String {
    let names = stored.split(|&byte| byte == PATH_JOINT).map(String::from_utf8_lossy);
    names.map(|name| written(&name)).collect::<Vec<_>>().join(".")
}

fn written(name: &str) -> String {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    if name.split('.').all(plain) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn path(names: &[&str]) -> Path {
        let name = |text: &&str| match text.strip_prefix('"') {
            Some(quoted) => Name { text: quoted.to_owned(), quoted: true },
            None => Name { text: (*text).to_owned(), quoted: false },
        };
        Path(names.iter().map(name).collect())
    }

    #[test]
    fn names_that_are_not_quoted_may_stand_together() {
        for (names, stored, wanted) in [
            (&["a", "b"][..], &b"a\xFFb"[..], true),
            (&["a", "b"], b"a.b", true),
            (&["a", "b", "c"], b"a.b\xFFc", true),
            (&["a", "b", "c"], b"a\xFFb.c", true),
            (&["\"a.b"], b"a.b", true),
            (&["\"a.b"], b"a\xFFb", false),
            (&["\"a", "b"], b"a.b", false),
            (&["a", "\"b"], b"a.b", false),
            (&["a", "\"b"], b"a\xFFb", true),
            (&["a"], b"a\xFFb", false),
            (&["a", "b"], b"a", false),
            (&["ab"], b"a", false),
        ] {
            assert_eq!(fits(&path(names), stored), wanted, "{names:?} {stored:?}");
        }
    }

    #[test]
    fn a_path_reaches_through_arrays_and_both_forms_of_nesting() {
        let object = r#"{"a":{"b":[1,[2,{"b":9}]]},"a.b":"x","A":1,"a.b.c":3,"a.b":null}"#;
        let mut found = Vec::new();
        reach(object, &path(&["a", "b"]), |value| found.push(value));
        found.sort_unstable();
        assert_eq!(found, [r#""x""#, "1", "2", "null"]);
    }

    #[test]
    fn stored_paths_are_shown_as_they_would_be_asked_for() {
        assert_eq!(dotted(b"http\xFFstatus_code"), "http.status_code");
        assert_eq!(dotted(b"a b\xFF\"x"), r#""a b"."\"x""#);
    }
}
