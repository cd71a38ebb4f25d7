//! Canonical JSON of a record, read in place: members and elements by their raw text.
//!
//! Relies on what storing made sure of (valid JSON, no white space), and answers with fewer values,
//! never with a panic, where bytes are something else. Skipping a value takes no recursion.

use std::borrow::Cow;

/// Raw name (without quotes, escapes as stored) and raw value of each member, in stored order.
/// Nothing when the text is not an object.
pub(super) fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = object.strip_prefix('{').unwrap_or_default();
    std::iter::from_fn(move || {
        let name_end = value_end(rest)?;
        let (name, after) = rest.split_at_checked(name_end)?;
        let after = after.strip_prefix(':')?;
        let (value, after) = after.split_at_checked(value_end(after)?)?;
        rest = after.strip_prefix(',').unwrap_or_default();
        Some((name.strip_prefix('"')?.strip_suffix('"')?, value))
    })
}

/// Raw text of each element. Nothing when the text is not an array.
pub(super) fn elements(array: &str) -> impl Iterator<Item = &str> {
    let mut rest = array.strip_prefix('[').unwrap_or_default();
    std::iter::from_fn(move || {
        let (value, after) = rest.split_at_checked(value_end(rest)?)?;
        rest = after.strip_prefix(',').unwrap_or_default();
        Some(value)
    })
}

/// The value of a member, by its name.
pub(super) fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    members(object).find(|(raw, _)| *unescaped(raw) == *name).map(|(_, value)| value)
}

/// The text of a value that is a string.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    value.strip_prefix('"')?.strip_suffix('"').map(unescaped)
}

pub(super) fn is_object(value: &str) -> bool {
    value.starts_with('{')
}

/// What the content of a string stands for.
fn unescaped(content: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', content.as_bytes()).is_none() {
        return Cow::Borrowed(content);
    }
    serde_json::from_str::<String>(&format!("\"{content}\"")).map_or(Cow::Borrowed(content), Cow::Owned)
}

/// Where the value that the text begins with ends; `None` when there is no whole one.
fn value_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes.first()? {
        b'"' => string_end(bytes, 0),
        b'{' | b'[' => container_end(bytes),
        b',' | b':' | b'}' | b']' => None,
        _ => Some(memchr::memchr3(b',', b'}', b']', bytes).unwrap_or(bytes.len())),
    }
}

/// Where the string ends whose opening quote is at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn container_end(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_come_as_they_are_stored() {
        let object = r#"{"a":1,"b":{"c":[1,"}"],"d":"\"{"},"\n":[],"e":"x\\","f":null,"g":-1.5e3}"#;
        let found: Vec<_> = members(object).collect();
        let wanted = [
            ("a", "1"),
            ("b", r#"{"c":[1,"}"],"d":"\"{"}"#),
            (r"\n", "[]"),
            ("e", r#""x\\""#),
            ("f", "null"),
            ("g", "-1.5e3"),
        ];
        assert_eq!(found, wanted);
        assert_eq!(member(object, "\n"), Some("[]"));
        assert_eq!(elements(r#"[1,"a,]",[2,{"x":3}],true]"#).count(), 4);
        assert_eq!(string(r#""x\\""#).as_deref(), Some("x\\"));
        assert!(members("{}").next().is_none() && elements("[]").next().is_none());
        assert!(members("[1]").next().is_none() && elements("7").next().is_none());
    }

    #[test]
    fn cut_text_never_panics_and_gives_no_wrong_values() {
        let object = r#"{"a":1,"b":{"c":[1,"}é"],"d":"\"{"},"e":"x\\","f":[true,null]}"#;
        for end in (0..object.len()).filter(|&end| object.is_char_boundary(end)) {
            let cut = &object[..end];
            members(cut).for_each(|(name, value)| {
                assert!(member(object, name).is_some_and(|whole| whole.starts_with(value)));
            });
            elements(&cut[cut.len().min(1)..]).for_each(drop);
        }
    }
}
