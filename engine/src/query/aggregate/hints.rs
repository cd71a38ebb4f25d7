//! Hints: metadata paths of a query that no event has, each with the nearest one that some event has.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::index::PATH_JOINT;
use crate::query::lang::{Clause, Expr, Field, Path};
use crate::query::pace::Pace;
use crate::query::path::PathPattern;
use crate::query::{Budget, Hint, Part, Seen};

/// Paths that are compared for a suggestion.
const KNOWN_MAX: usize = 20_000;
/// Least likeness (Jaro-Winkler) of what is suggested.
const LIKENESS_MIN: f64 = 0.82;
/// So many paths of a query are looked at, the first ones.
const ASKED_MAX: usize = 16;
/// Nothing is suggested for longer names, and no longer names are suggested.
const NAME_BYTES_MAX: usize = 128;

/// A path of the query, with the position of its clause.
type Asked<'t> = (usize, &'t Path, PathPattern);

/// Hints about the first metadata paths of a tree. None where a segment has more paths than it lists,
/// any path may be among the others; and none when the time is up before they are found: an answer
/// does not fail for them.
///
/// # Errors
/// `Damaged`, `Cancelled`.
pub fn hints(parts: &[Part], root: &Expr, budget: &Budget<'_>) -> Result<Vec<Hint>, StoreError> {
    match find(parts, root, &Pace::new(budget)) {
        Err(StoreError::TooBroad(_)) => Ok(Vec::new()),
        found => found,
    }
}

fn find(parts: &[Part], root: &Expr, pace: &Pace<'_>) -> Result<Vec<Hint>, StoreError> {
    let mut asked: Vec<Asked<'_>> = Vec::new();
    clauses(root, &mut |clause| {
        if let (Field::Metadata(path), true) = (&clause.field, asked.len() < ASKED_MAX) {
            asked.push((clause.position, path, PathPattern::of(path)));
        }
    });
    let mut known = BTreeSet::new();
    for part in parts {
        if asked.is_empty() {
            break;
        }
        pace.check()?;
        if !part.read(|seen| look(&seen, &mut asked, &mut known, pace))? {
            return Ok(Vec::new());
        }
    }
    asked.into_iter().map(|(position, path, _)| hint(position, path, &known, pace)).collect()
}

/// Takes away the paths that a part has, and notes its paths. False when it does not list all.
fn look(
    seen: &Seen<'_>,
    asked: &mut Vec<Asked<'_>>,
    known: &mut BTreeSet<Vec<u8>>,
    pace: &Pace<'_>,
) -> Result<bool, StoreError> {
    let mut over = false;
    seen.view.paths(&mut |_, stored| {
        over = over || !pace.go_on(10 + asked.len() * (2 + stored.len() / 32));
        if over {
            return;
        }
        asked.retain(|(_, _, pattern)| !has(pattern, stored));
        if stored.len() <= NAME_BYTES_MAX && known.len() < KNOWN_MAX && !known.contains(stored) {
            known.insert(stored.to_vec());
        }
    })?;
    pace.result()?;
    Ok(seen.view.unlisted()?.is_none_or(|list| list.count() == 0))
}

/// True when the path is there, or leads to something.
fn has(path: &PathPattern, stored: &[u8]) -> bool {
    let ends = stored.iter().enumerate().filter(|(_, byte)| **byte == PATH_JOINT).map(|(at, _)| at);
    ends.chain([stored.len()]).any(|end| path.fits(&stored[..end]))
}

fn hint(
    position: usize,
    path: &Path,
    known: &BTreeSet<Vec<u8>>,
    pace: &Pace<'_>,
) -> Result<Hint, StoreError> {
    let asked: Vec<&str> = path.0.iter().map(|name| name.text.as_str()).collect();
    let asked = asked.join(".");
    let mut best: Option<(f64, String)> = None;
    for stored in known.iter().filter(|_| asked.len() <= NAME_BYTES_MAX) {
        pace.step(10 + asked.len() * stored.len() / 32)?;
        let shown = dotted(stored);
        let likeness = likeness(&asked, &shown);
        // Of several as near, the first one.
        if likeness >= LIKENESS_MIN && best.as_ref().is_none_or(|(most, _)| likeness > *most) {
            best = Some((likeness, shown));
        }
    }
    Ok(Hint {
        position,
        detail: format!("no event has the path metadata.{asked}"),
        suggestion: best.map(|(_, shown)| format!("@{shown}")),
    })
}

/// How near a known path is: as written, or by its last names, where an outer one was left out or is
/// one too many.
fn likeness(asked: &str, known: &str) -> f64 {
    let (asked, known) = (asked.to_lowercase(), known.to_lowercase());
    let inner = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|outer| outer.ends_with('.'));
    if asked == known || inner(&known, &asked) || inner(&asked, &known) {
        return 1.0;
    }
    strsim::jaro_winkler(&asked, &known)
}

/// The path as its author would write it, without `metadata`.
fn dotted(stored: &[u8]) -> String {
    let names = stored.split(|&byte| byte == PATH_JOINT).map(String::from_utf8_lossy);
    names.map(|name| written(&name)).collect::<Vec<_>>().join(".")
}

/// A name, in quotes where the language needs them.
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

/// Every clause of a tree. The tree's depth is bounded by the language.
fn clauses<'t>(expr: &'t Expr, visit: &mut dyn FnMut(&'t Clause)) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| clauses(part, visit)),
        Expr::Not(inner) => clauses(inner, visit),
        Expr::Clause(clause) => visit(clause),
        Expr::All | Expr::Text(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::query::Over;
    use crate::query::lang::{Name, parse};
    use crate::query::select_tests::live_part;

    /// 2,000 paths, none of which is asked for.
    fn many_paths() -> [Part; 1] {
        [live_part((0..2_000).map(|at| format!(r#"{{"path{at}":1}}"#)))]
    }

    #[test]
    fn hints_keep_to_the_budget_and_fail_no_answer_when_the_time_is_up() {
        let parts = many_paths();
        let root = parse("@pathx:1 @pathy:1 @pathz:1").unwrap().root;
        let asked = Cell::new(0);
        let times = |last: usize, over: Option<Over>| {
            asked.set(0);
            let ask = || {
                asked.set(asked.get() + 1);
                over.filter(|_| asked.get() > last)
            };
            hints(&parts, &root, &Budget::new(&ask))
        };
        assert_eq!(times(0, None).unwrap().len(), 3);
        let all = asked.get();
        assert!(all > 15, "{all}");
        for last in [0, 1, all / 2, all - 1] {
            assert_eq!(times(last, Some(Over::Time)).unwrap(), []);
            assert_eq!(asked.get(), last + 1, "it ends at once");
            assert!(matches!(times(last, Some(Over::Gone)), Err(StoreError::Cancelled)));
        }
    }

    #[test]
    fn only_the_first_paths_and_none_with_long_names_get_a_suggestion() {
        let parts = many_paths();
        let unlimited = Budget::unlimited();
        let many = (0..100).map(|at| format!("@pathx{at}:1")).collect::<Vec<_>>().join(" ");
        assert_eq!(hints(&parts, &parse(&many).unwrap().root, &unlimited).unwrap().len(), ASKED_MAX);
        let long = format!("@path1{}:1", "1".repeat(NAME_BYTES_MAX));
        let hints = hints(&parts, &parse(&long).unwrap().root, &unlimited).unwrap();
        assert_eq!((hints.len(), &hints[0].suggestion), (1, &None));
    }

    #[test]
    fn the_nearest_path_is_near_or_none() {
        let known: BTreeSet<Vec<u8>> =
            [&b"latency_ms"[..], b"http\xFFstatus_code", b"path", b"changes\xFFafter\xFFname"]
                .into_iter()
                .map(<[u8]>::to_vec)
                .collect();
        for (asked, wanted) in [
            ("latency", Some("@latency_ms")),
            ("latncy_ms", Some("@latency_ms")),
            ("status_code", Some("@http.status_code")),
            ("request.path", Some("@path")),
            ("Path", Some("@path")),
            ("zzz", None),
        ] {
            let path = Path(asked.split('.').map(|text| Name { text: text.into(), quoted: false }).collect());
            let found = hint(3, &path, &known, &Pace::new(&Budget::unlimited())).unwrap();
            assert_eq!(found.suggestion.as_deref(), wanted, "{asked}");
        }
    }

    #[test]
    fn stored_paths_are_shown_as_they_would_be_asked_for() {
        assert_eq!(dotted(b"http\xFFstatus_code"), "http.status_code");
        assert_eq!(dotted(b"a b\xFF\"x"), r#""a b"."\"x""#);
    }

    #[test]
    fn a_path_to_an_object_is_one_that_events_have() {
        let path = |names: &[&str]| {
            let name = |text: &&str| Name { text: (*text).to_owned(), quoted: false };
            PathPattern::of(&Path(names.iter().map(name).collect()))
        };
        assert!(has(&path(&["changes"]), b"changes\xFFafter\xFFname"));
        assert!(has(&path(&["changes", "after"]), b"changes\xFFafter\xFFname"));
        assert!(!has(&path(&["after"]), b"changes\xFFafter\xFFname"));
    }
}
