//! Paths of an event's members, spelled as the query language spells them: names joined by dots, in
//! quotes where they are no plain names; `@` stands for `metadata.`.

use super::members::Members;

/// Members of an event's line.
const ROOTS: [&str; 11] = [
    "event_id",
    "timestamp",
    "event_type",
    "category",
    "actor",
    "resource",
    "action",
    "status",
    "metadata",
    "schema_errors",
    "chain",
];
/// Roots that have members.
const OBJECTS: [&str; 4] = ["actor", "resource", "metadata", "chain"];
/// Names of the query language for what stands in `chain`.
const IN_CHAIN: [&str; 2] = ["sequence", "committed_at"];

/// What a field takes, for refusals.
pub const TAKES: &str = "takes a path such as event_id, actor.email, metadata.latency_ms, @latency_ms, metadata.\"a.b\".c or chain.hash";

/// One name of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    text: String,
    quoted: bool,
}

/// The path of a member of an event's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath(Vec<Name>);

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// What a path is, when this is none of an event.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = || TAKES.to_owned();
        let (root, rest) = match text.strip_prefix('@') {
            Some(rest) => (Some("metadata"), rest),
            None => (None, text),
        };
        let mut names = names(rest).ok_or_else(refused)?;
        if let Some(root) = root {
            names.insert(0, plain(root));
        }
        let first = names.first().ok_or_else(refused)?;
        if IN_CHAIN.contains(&first.text.as_str()) && names.len() == 1 {
            names.insert(0, plain("chain"));
            return Ok(Self(names));
        }
        let known = !first.quoted && ROOTS.contains(&first.text.as_str());
        let deep = names.len() == 1 || OBJECTS.contains(&first.text.as_str());
        if known && deep { Ok(Self(names)) } else { Err(refused()) }
    }

    /// The value of the path in a line, as it stands there. A name without quotes may also be a part of a
    /// member name that holds the dots itself; arrays are not entered.
    pub fn find<'a>(&self, line: &Members<'a>) -> Option<&'a str> {
        let (root, rest) = self.0.split_first()?;
        find(line.get(&root.text)?, rest)
    }
}

impl std::fmt::Display for FieldPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for name in &self.0 {
            if !text.is_empty() {
                text.push('.');
            }
            if name.quoted {
                quote(&name.text, &mut text);
            } else {
                text.push_str(&name.text);
            }
        }
        f.write_str(&text)
    }
}

fn find<'a>(json: &'a str, names: &[Name]) -> Option<&'a str> {
    let Some(first) = names.first() else { return Some(json) };
    let members = Members::of(json)?;
    let mut joined = first.text.clone();
    let mut taken = 1;
    loop {
        if let Some(value) = members.get(&joined).and_then(|value| find(value, &names[taken..])) {
            return Some(value);
        }
        let next = names.get(taken).filter(|next| !next.quoted && !names[taken - 1].quoted)?;
        joined.push('.');
        joined.push_str(&next.text);
        taken += 1;
    }
}

fn plain(text: &str) -> Name {
    Name { text: text.to_owned(), quoted: false }
}

/// Names joined by dots.
fn names(text: &str) -> Option<Vec<Name>> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, behind) = match rest.strip_prefix(is_quote) {
            Some(inside) => quoted(inside)?,
            None => unquoted(rest)?,
        };
        names.push(name);
        match behind.strip_prefix('.') {
            Some(more) => rest = more,
            None if behind.is_empty() => return Some(names),
            None => return None,
        }
    }
}

fn unquoted(text: &str) -> Option<(Name, &str)> {
    let end = text.find('.').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    is_plain(name).then(|| (plain(name), rest))
}

/// A name up to its closing quote; a `\` before a quote or another one is an escape.
fn quoted(text: &str) -> Option<(Name, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            c if is_quote(c) => {
                return Some((Name { text: name, quoted: true }, &text[at + c.len_utf8()..]));
            }
            '\\' => match chars.next_if(|&(_, next)| next == '\\' || is_quote(next)) {
                Some((_, escaped)) => name.push(escaped),
                None => name.push('\\'),
            },
            _ => name.push(c),
        }
    }
    None
}

/// Appends a name to a path, as it has to be written to mean exactly one member.
pub fn push(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    if is_plain(name) {
        path.push_str(name);
    } else {
        quote(name, path);
    }
}

/// True for a name that the query language takes without quotes.
fn is_plain(name: &str) -> bool {
    let (first, rest) = match name.as_bytes() {
        [first, rest @ ..] => (*first, rest),
        [] => return false,
    };
    let begins = first == b'_' || first.is_ascii_alphabetic();
    begins && rest.iter().all(|&byte| byte == b'_' || byte == b'-' || byte.is_ascii_alphanumeric())
}

/// The query language takes typographic quotes as straight ones.
fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}')
}

fn quote(name: &str, out: &mut String) {
    out.push('"');
    for c in name.chars() {
        if c == '\\' || is_quote(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use stele_engine::query::lang;

    use super::*;

    const LINE: &str = r#"{"event_id":"e","actor":{"id":"a"},"metadata":{"a":{"b":1,"c.d":2},"a.b":3,"x.y":{"z":4},"l":[{"b":5}],"ß":6,"q\"":7},"chain":{"sequence":9}}"#;

    fn found(path: &str) -> Option<String> {
        let line = Members::of(LINE).unwrap();
        FieldPath::parse(path).unwrap().find(&line).map(str::to_owned)
    }

    #[test]
    fn paths_find_what_the_query_language_would() {
        for (path, value) in [
            ("event_id", Some("\"e\"")),
            ("actor.id", Some("\"a\"")),
            ("actor", Some(r#"{"id":"a"}"#)),
            ("metadata.a.b", Some("1")),
            ("@a.b", Some("1")),
            ("@\"a.b\"", Some("3")),
            ("@a.c.d", Some("2")),
            ("@x.y.z", Some("4")),
            ("@\"x.y\".z", Some("4")),
            ("@\"x\".y.z", None),
            ("@\"ß\"", Some("6")),
            (r#"@"q\"""#, Some("7")),
            ("@l.b", None),
            ("@l", Some(r#"[{"b":5}]"#)),
            ("@nothing", None),
            ("sequence", Some("9")),
            ("chain.sequence", Some("9")),
            ("status", None),
        ] {
            assert_eq!(found(path).as_deref(), value, "{path}");
        }
    }

    #[test]
    fn paths_print_as_they_are_read() {
        for (path, printed) in [
            ("@a.b", "metadata.a.b"),
            ("committed_at", "chain.committed_at"),
            (r#"metadata."a.b".c"#, r#"metadata."a.b".c"#),
            (r#"@"q\"\\""#, r#"metadata."q\"\\""#),
        ] {
            let path = FieldPath::parse(path).unwrap();
            assert_eq!(path.to_string(), printed);
            assert_eq!(FieldPath::parse(printed).unwrap(), path);
        }
        for bad in
            ["", "@", "colour", "event_id.x", "metadata.", ".a", "@a b", "\"metadata\".a", "@\"a", "@a..b"]
        {
            assert!(FieldPath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_pushed_is_one_member_in_a_path_and_in_a_query() {
        for name in ["a", "a-1", "a.b", "", "ß", "q\"", "back\\slash", "1st", "a b", "„x“", "\\", "=cmd"]
        {
            let mut path = "metadata".to_owned();
            push(&mut path, name);
            let read = FieldPath::parse(&path).unwrap();
            assert_eq!((read.0.len(), read.0[1].text.as_str()), (2, name), "{path}");
            let query = lang::parse(&format!("{path}:*")).unwrap();
            let lang::Expr::Clause(lang::Clause { field: lang::Field::Metadata(of), .. }) = query.root else {
                panic!("{path}")
            };
            assert_eq!((of.0.len(), of.0[0].text.as_str()), (1, name), "{path}");
        }
    }
}
