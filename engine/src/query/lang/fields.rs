//! Names of fields: which one a name means, how it is written, and which name is near.

use super::tree::{Field, Keyword, Name, Path};

/// Canonical names first, then aliases.
const NAMES: [(&str, Field); 29] = [
    ("event_id", Field::EventId),
    ("sequence", Field::Sequence),
    ("timestamp", Field::Timestamp),
    ("committed_at", Field::CommittedAt),
    ("event_type", Field::Keyword(Keyword::EventType)),
    ("category", Field::Keyword(Keyword::Category)),
    ("status", Field::Keyword(Keyword::Status)),
    ("action", Field::Keyword(Keyword::Action)),
    ("actor", Field::Actor),
    ("actor.type", Field::Keyword(Keyword::ActorType)),
    ("actor.id", Field::Keyword(Keyword::ActorId)),
    ("actor.email", Field::Keyword(Keyword::ActorEmail)),
    ("actor.name", Field::Keyword(Keyword::ActorName)),
    ("actor.ip_address", Field::Address),
    ("actor.user_agent", Field::UserAgent),
    ("resource", Field::Resource),
    ("resource.type", Field::Keyword(Keyword::ResourceType)),
    ("resource.id", Field::Keyword(Keyword::ResourceId)),
    ("resource.name", Field::Keyword(Keyword::ResourceName)),
    ("changed", Field::Changed),
    ("id", Field::EventId),
    ("seq", Field::Sequence),
    ("time", Field::Timestamp),
    ("ts", Field::Timestamp),
    ("type", Field::Keyword(Keyword::EventType)),
    ("cat", Field::Keyword(Keyword::Category)),
    ("by", Field::Actor),
    ("email", Field::Keyword(Keyword::ActorEmail)),
    ("ip", Field::Address),
];

/// More of them, whose targets are shared.
const MORE: [(&str, Field); 2] = [("ua", Field::UserAgent), ("target", Field::Resource)];

/// What the name before an operator means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Field(Field),
    /// `last:`
    Last,
}

/// Looks a name up; `at` when it begins with `@`.
pub(super) fn resolve(names: &[Name], at: bool) -> Meaning {
    if at {
        return Meaning::Field(Field::Metadata(Path(names.to_vec())));
    }
    let Some((first, rest)) = names.split_first() else { return unknown(names) };
    match first.text.as_str() {
        "metadata" if !rest.is_empty() => return Meaning::Field(Field::Metadata(Path(rest.to_vec()))),
        side @ ("before" | "after") => return Meaning::Field(Field::Metadata(changes(side, rest))),
        "last" if rest.is_empty() => return Meaning::Last,
        _ => {}
    }
    // A quoted name with dots is one member name, and no envelope has such a one.
    if names.iter().any(|name| name.text.contains('.')) {
        return unknown(names);
    }
    let joined = names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
    match NAMES.iter().chain(&MORE).find(|(name, _)| *name == joined) {
        Some((_, field)) => Meaning::Field(field.clone()),
        None => unknown(names),
    }
}

fn unknown(names: &[Name]) -> Meaning {
    Meaning::Field(Field::Unknown(super::print::dotted(names)))
}

/// `metadata.changes.<side>.<rest>`, without `metadata`.
fn changes(side: &str, rest: &[Name]) -> Path {
    let plain = |text: &str| Name { text: text.to_owned(), quoted: false };
    let mut names = vec![plain("changes"), plain(side)];
    names.extend_from_slice(rest);
    Path(names)
}

impl Field {
    /// The canonical name, as it is written in a query.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Metadata(path) => format!("@{}", super::print::dotted(&path.0)),
            Self::Unknown(name) => name.clone(),
            other => {
                let known = NAMES.iter().find(|(_, field)| field == other);
                known.map_or_else(String::new, |(name, _)| (*name).to_owned())
            }
        }
    }
}

/// The known name that a mistyped one is nearest to.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    // Longer than any name and its faults: not worth comparing.
    if name.len() > 32 {
        return None;
    }
    let folded = crate::text::fold(name);
    let known = NAMES.iter().chain(&MORE).map(|(known, _)| *known).chain(["last", "metadata"]);
    let (distance, known) = known
        .map(|known| (strsim::damerau_levenshtein(&folded, known), known))
        .min_by_key(|(distance, _)| *distance)?;
    // Up to a third of the letters; of the short aliases only their case.
    (distance <= known.len().max(folded.len()) / 3 && (distance == 0 || known.len() > 2)).then_some(known)
}

/// True for the characters of a name that needs no quotes in front of an operator.
pub(super) fn in_name(c: char, first: bool) -> bool {
    c == '_' || c.is_ascii_alphabetic() || (!first && (c == '-' || c.is_ascii_digit()))
}

/// The same for names in a value (`changed:`).
pub(super) fn in_path_value(c: char) -> bool {
    c == '_' || c == '-' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(text: &str) -> Meaning {
        let name = |text: &str| Name { text: text.to_owned(), quoted: false };
        resolve(&text.split('.').map(name).collect::<Vec<_>>(), false)
    }

    #[test]
    fn every_name_and_alias_means_its_field_and_canonical_names_mean_themselves() {
        for (name, field) in NAMES.iter().chain(&MORE) {
            assert_eq!(meaning(name), Meaning::Field(field.clone()), "{name}");
            assert_eq!(meaning(&field.name()), Meaning::Field(field.clone()), "{name}");
        }
        for (alias, name) in [
            ("id", "event_id"),
            ("seq", "sequence"),
            ("time", "timestamp"),
            ("ts", "timestamp"),
            ("type", "event_type"),
            ("cat", "category"),
            ("by", "actor"),
            ("email", "actor.email"),
            ("ip", "actor.ip_address"),
            ("ua", "actor.user_agent"),
            ("target", "resource"),
        ] {
            assert_eq!(meaning(alias), meaning(name));
            assert!(matches!(meaning(name), Meaning::Field(field) if field.name() == name));
        }
        assert_eq!(meaning("last"), Meaning::Last);
        assert_eq!(meaning("before.a.b"), meaning("metadata.changes.before.a.b"));
        assert_eq!(meaning("after.x"), meaning("metadata.changes.after.x"));
        assert_eq!(meaning("metadata"), Meaning::Field(Field::Unknown("metadata".to_owned())));
        assert_eq!(meaning("Status"), Meaning::Field(Field::Unknown("Status".to_owned())));
    }

    #[test]
    fn a_name_with_a_quoted_dot_is_one_member() {
        let names = [Name { text: "actor.id".to_owned(), quoted: true }];
        assert_eq!(resolve(&names, false), Meaning::Field(Field::Unknown("\"actor.id\"".to_owned())));
        let names =
            [("actor", true), ("id", false)].map(|(text, quoted)| Name { text: text.to_owned(), quoted });
        assert_eq!(resolve(&names, false), Meaning::Field(Field::Keyword(Keyword::ActorId)));
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        for (wrong, near) in [
            ("timestmp", Some("timestamp")),
            ("Status", Some("status")),
            ("catgory", Some("category")),
            ("actor.mail", Some("actor.email")),
            ("resource_id", Some("resource.id")),
            ("IP", Some("ip")),
            ("http", None),
            ("xx", None),
            ("latency_ms", None),
        ] {
            assert_eq!(nearest(wrong), near, "{wrong}");
        }
    }
}
