//! Members of stored JSON as they stand there: in order, with the text of their values untouched.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of one object.
pub struct Members<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Those of an object; none where the text is something else.
    pub fn of(json: &'a str) -> Option<Self> {
        if json.starts_with('{') { serde_json::from_str(json).ok() } else { None }
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.get())
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Each)
    }
}

struct Each;

impl<'de> Visitor<'de> for Each {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

/// A name that is copied only where it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text).map(Self)
    }
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// The text of a JSON string.
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Name<'_>>(json).ok().map(|name| name.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_text_and_names_are_read() {
        let json = r#"{"a":1.50,"b\"":{"c":[1, 2]},"":"x\u00e9"}"#;
        let members = Members::of(json).unwrap();
        let told: Vec<(&str, &str)> = members.0.iter().map(|(n, v)| (n.as_ref(), v.get())).collect();
        assert_eq!(told, [("a", "1.50"), ("b\"", r#"{"c":[1, 2]}"#), ("", r#""x\u00e9""#)]);
        assert_eq!((members.get("a"), members.get("z")), (Some("1.50"), None));
        assert_eq!(text(members.get("").unwrap()).unwrap(), "xé");
        for other in ["[1]", "1", "", "{", r#"{"a":}"#] {
            assert!(Members::of(other).is_none(), "{other}");
        }
        assert!(text("1").is_none());
    }
}
