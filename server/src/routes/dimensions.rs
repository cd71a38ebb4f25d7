//! Names of what facets, groups and figures are made of.

use stele_engine::query::lang::{self, Clause, Expr, Field, Path, Test};
use stele_engine::query::{Dimension, FacetValue};

use crate::http::json;
use crate::http::problem::Problem;

/// Names of the envelope that stand beside those of the query language.
const UNDERSCORED: [(&str, &str); 7] = [
    ("actor_type", "actor.type"),
    ("actor_id", "actor.id"),
    ("actor_email", "actor.email"),
    ("actor_name", "actor.name"),
    ("resource_type", "resource.type"),
    ("resource_id", "resource.id"),
    ("resource_name", "resource.name"),
];

const TAKES: &str = "takes category, status, event_type, action, actor, actor_type, actor_id, actor_email, \
                     actor_name, resource_type, resource_id, resource_name, or metadata.<path>";

/// The dimension of a name.
///
/// # Errors
/// 400 that names the parameter and what it takes.
pub fn dimension(parameter: &str, name: &str) -> Result<Dimension, Problem> {
    let spelled =
        UNDERSCORED.iter().find(|(name_here, _)| *name_here == name).map_or(name, |(_, dotted)| dotted);
    match field(spelled) {
        Some(Field::Keyword(keyword)) => Ok(Dimension::Keyword(keyword)),
        Some(Field::Actor) => Ok(Dimension::Actor),
        Some(Field::Metadata(path)) => Ok(Dimension::Metadata(path)),
        _ => Err(Problem::parameter(parameter, format!("{TAKES}, not `{name}`"))),
    }
}

/// The path of `metadata.<path>`.
///
/// # Errors
/// 400 that names the parameter.
pub fn path(parameter: &str, name: &str) -> Result<Path, Problem> {
    match field(name) {
        Some(Field::Metadata(path)) => Ok(path),
        _ => Err(Problem::parameter(parameter, format!("takes metadata.<path>, not `{name}`"))),
    }
}

/// The field that a name has in the query language, so that both spell alike.
fn field(name: &str) -> Option<Field> {
    match lang::parse(&format!("{name}:*")).ok()?.root {
        Expr::Clause(Clause { field, test: Test::Present, .. }) => Some(field),
        _ => None,
    }
}

/// Splits a list at its commas, but not at those inside quotes.
pub fn split(list: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'"' if !escaped => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
    }
    parts.push(&list[start..]);
    parts
}

/// Appends a value as JSON of its own type.
pub fn write_value(out: &mut Vec<u8>, value: &FacetValue) {
    match value {
        FacetValue::Text(text) => json::string(out, text),
        FacetValue::Number(text) => out.extend_from_slice(text.as_bytes()),
        FacetValue::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
    }
}

#[cfg(test)]
mod tests {
    use stele_engine::query::lang::Keyword;

    use super::*;

    #[test]
    fn names_are_those_of_the_contract_and_of_the_language() {
        let is = |name: &str, keyword: Keyword| {
            assert_eq!(dimension("fields", name).unwrap(), Dimension::Keyword(keyword), "{name}");
        };
        is("category", Keyword::Category);
        is("event_type", Keyword::EventType);
        is("type", Keyword::EventType);
        is("resource_type", Keyword::ResourceType);
        is("resource.type", Keyword::ResourceType);
        is("actor_email", Keyword::ActorEmail);
        assert_eq!(dimension("fields", "actor").unwrap(), Dimension::Actor);
        let Dimension::Metadata(path) = dimension("fields", "metadata.http.\"a.b\"").unwrap() else {
            panic!()
        };
        assert_eq!((path.0.len(), path.0[1].text.as_str(), path.0[1].quoted), (2, "a.b", true));
        assert_eq!(dimension("fields", "@http.\"a.b\"").unwrap(), Dimension::Metadata(path));
    }

    #[test]
    fn anything_else_is_refused_by_its_name() {
        for bad in [
            "",
            "colour",
            "timestamp",
            "event_id",
            "resource",
            "-status",
            "status:x OR status",
            "(status",
            "metadata",
            "metadata.",
            "a b",
            "@x:1 status",
        ] {
            let problem = dimension("fields", bad).unwrap_err();
            assert!(
                problem.status == 400 && problem.detail.contains("`fields`"),
                "{bad}: {}",
                problem.detail
            );
        }
        assert!(path("field", "status").is_err());
        assert!(path("field", "metadata.latency_ms").is_ok());
    }

    #[test]
    fn lists_are_split_outside_quotes() {
        assert_eq!(split("a,@\"b,c\".d,e"), ["a", "@\"b,c\".d", "e"]);
        assert_eq!(split(""), [""]);
        assert_eq!(split("a,"), ["a", ""]);
        assert_eq!(split("@\"a\\\",b\",c"), ["@\"a\\\",b\"", "c"]);
    }

    #[test]
    fn values_keep_their_type() {
        let shown = |value: FacetValue| {
            let mut out = Vec::new();
            write_value(&mut out, &value);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown(FacetValue::Text("a\"".to_owned())), "\"a\\\"\"");
        assert_eq!(shown(FacetValue::Number("12345678901234567890.0".to_owned())), "12345678901234567890.0");
        assert_eq!(shown(FacetValue::Flag(true)), "true");
    }
}
