//! Columns of a file that shows all there is: a column for each value, by the path to it.

use std::collections::{HashMap, HashSet};

use super::members::Members;
use super::path;

/// Columns beside those of the envelope.
pub const COLUMNS_MAX: usize = 1_000;
/// Objects inside each other that become columns; deeper ones stay JSON.
const DEPTH_MAX: usize = 64;

/// Columns that every file has, before those of metadata.
const BEFORE: [&str; 15] = [
    "event_id",
    "timestamp",
    "event_type",
    "category",
    "actor.type",
    "actor.id",
    "actor.email",
    "actor.name",
    "actor.ip_address",
    "actor.user_agent",
    "resource.type",
    "resource.id",
    "resource.name",
    "action",
    "status",
];
/// Those behind them.
const BEHIND: [&str; 6] =
    ["schema_errors", "chain.sequence", "chain.committed_at", "chain.salt", "chain.previous", "chain.hash"];

const METADATA: &str = "metadata";

/// Columns that were seen so far.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    more: HashSet<String>,
}

/// Why a file has no columns.
pub fn too_many() -> String {
    format!(
        "metadata of these events have more than {COLUMNS_MAX} different paths, one column each: choose the columns with `fields`"
    )
}

impl Columns {
    /// Takes the paths below the metadata of an event in; its other members are columns anyway. False when
    /// they are too many.
    pub fn add(&mut self, event: &[u8]) -> bool {
        let members = std::str::from_utf8(event).ok().and_then(Members::of);
        let metadata = members.as_ref().and_then(|members| members.get(METADATA));
        if let Some(metadata) = metadata.filter(|metadata| *metadata != "{}") {
            walk(&mut String::new(), METADATA, metadata, DEPTH_MAX, &mut |path, _| {
                if self.more.len() <= COLUMNS_MAX && !self.more.contains(path) {
                    self.more.insert(path.to_owned());
                }
            });
        }
        self.more.len() <= COLUMNS_MAX
    }

    /// All of them, in the order of the file; never more than fit.
    pub fn names(&self) -> Vec<String> {
        let mut more: Vec<&str> = self.more.iter().map(String::as_str).collect();
        more.sort_unstable();
        more.truncate(COLUMNS_MAX);
        BEFORE.into_iter().chain(more).chain(BEHIND).map(str::to_owned).collect()
    }
}

/// Where the value of each path goes.
#[derive(Clone, Debug)]
pub struct Places(HashMap<String, usize>);

impl Places {
    /// Places of names, in their order.
    pub fn of(names: &[String]) -> Self {
        Self(names.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect())
    }

    /// The values of a line, as they stand there, each at its place.
    pub fn values<'a>(&self, line: &'a str) -> Vec<Option<&'a str>> {
        let mut values = vec![None; self.0.len()];
        leaves(line, &mut |path, value| {
            if let Some(place) = self.0.get(path).and_then(|&at| values.get_mut(at)) {
                *place = Some(value);
            }
        });
        values
    }
}

/// Calls `see` with the path and the text of each value that is no object with members.
fn leaves<'a>(line: &'a str, see: &mut dyn FnMut(&str, &'a str)) {
    let Some(members) = Members::of(line) else { return };
    let mut path = String::with_capacity(64);
    for (name, value) in members.0 {
        // An event without metadata has no column for them.
        if value.get() != "{}" {
            walk(&mut path, &name, value.get(), DEPTH_MAX, see);
        }
    }
}

fn walk<'a>(path: &mut String, name: &str, value: &'a str, depth: usize, see: &mut dyn FnMut(&str, &'a str)) {
    let length = path.len();
    path::push(path, name);
    match Members::of(value).filter(|members| depth > 0 && !members.0.is_empty()) {
        Some(members) => {
            for (name, value) in members.0 {
                walk(path, &name, value.get(), depth - 1, see);
            }
        }
        None => see(path, value),
    }
    path.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_a_column_by_its_path() {
        let mut columns = Columns::default();
        let line = r#"{"event_id":"a","actor":{"type":"user"},"metadata":{"n":1.0,"deep":{"x y":[1],"none":{}},"null":null},"chain":{"sequence":1}}"#;
        assert!(columns.add(line.as_bytes()));
        assert!(columns.add(br#"{"event_id":"b","metadata":{}}"#));
        assert!(columns.add(br#"{"event_id":"b","metadata":{"deep":2}}"#));
        let names = columns.names();
        let metadata =
            ["metadata.deep", r#"metadata.deep."x y""#, "metadata.deep.none", "metadata.n", "metadata.null"];
        assert_eq!(names[BEFORE.len()..names.len() - BEHIND.len()], metadata);
        let values = Places::of(&names).values(line);
        let of = |name: &str| values[names.iter().position(|own| own == name).unwrap()];
        assert_eq!(
            (of("event_id"), of("actor.type"), of("actor.id")),
            (Some("\"a\""), Some("\"user\""), None)
        );
        assert_eq!((of("metadata.n"), of("metadata.deep")), (Some("1.0"), None));
        assert_eq!((of(r#"metadata.deep."x y""#), of("metadata.deep.none")), (Some("[1]"), Some("{}")));
        assert_eq!((of("metadata.null"), of("chain.sequence")), (Some("null"), Some("1")));
    }

    #[test]
    fn columns_are_bounded() {
        let line = |of: std::ops::Range<usize>| {
            let members: Vec<String> = of.map(|i| format!("\"m{i}\":{i}")).collect();
            format!("{{\"metadata\":{{{}}}}}", members.join(",")).into_bytes()
        };
        let mut columns = Columns::default();
        assert!(columns.add(&line(0..COLUMNS_MAX)));
        assert!(columns.add(&line(0..COLUMNS_MAX)));
        assert!(!columns.add(&line(COLUMNS_MAX..COLUMNS_MAX + 50)));
        assert_eq!(columns.names().len(), BEFORE.len() + COLUMNS_MAX + BEHIND.len());
        assert!(too_many().contains("fields"));
    }

    #[test]
    fn what_is_too_deep_stays_json() {
        let line = format!("{{\"metadata\":{}1{}}}", "{\"a\":".repeat(100), "}".repeat(100));
        let mut columns = Columns::default();
        assert!(columns.add(line.as_bytes()));
        let longest = columns.names().iter().map(String::len).max().unwrap();
        assert_eq!(longest, "metadata".len() + 2 * DEPTH_MAX);
    }
}
