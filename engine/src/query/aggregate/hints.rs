//! Hints: metadata paths of a query that no event has, each with the nearest one that some event has.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::index::PATH_JOINT;
use crate::query::lang::{Clause, Expr, Field, Path};
use crate::query::path::PathPattern;
use crate::query::{Hint, Part};

/// Paths that are compared for a suggestion.
const KNOWN_MAX: usize = 20_000;
/// Least likeness (Jaro-Winkler) of what is suggested.
const LIKENESS_MIN: f64 = 0.82;
/// Hints of one query.
const HINTS_MAX: usize = 20;

/// Hints about the metadata paths of a tree. None where a segment has more paths than it lists:
/// any path may be among the others.
///
/// # Errors
/// `Damaged`.
pub fn hints(parts: &[Part], root: &Expr) -> Result<Vec<Hint>, StoreError> {
    let mut asked = Vec::new();
    clauses(root, &mut |clause| {
        if let Field::Metadata(path) = &clause.field {
            asked.push((clause.position, path, PathPattern::of(path)));
        }
    });
    let mut known = BTreeSet::new();
    for part in parts {
        if asked.is_empty() {
            break;
        }
        let complete = part.read(|seen| {
            seen.view.paths(&mut |_, stored| {
                asked.retain(|(_, _, pattern)| !has(pattern, stored));
                if known.len() < KNOWN_MAX && !known.contains(stored) {
                    known.insert(stored.to_vec());
                }
            })?;
            Ok(seen.view.unlisted()?.is_none_or(|list| list.count() == 0))
        })?;
        if !complete {
            return Ok(Vec::new());
        }
    }
    asked.truncate(HINTS_MAX);
    Ok(asked.into_iter().map(|(position, path, _)| hint(position, path, &known)).collect())
}

/// True when the path is there, or leads to something.
fn has(path: &PathPattern, stored: &[u8]) -> bool {
    let ends = stored.iter().enumerate().filter(|(_, byte)| **byte == PATH_JOINT).map(|(at, _)| at);
    ends.chain([stored.len()]).any(|end| path.fits(&stored[..end]))
}

fn hint(position: usize, path: &Path, known: &BTreeSet<Vec<u8>>) -> Hint {
    let asked: Vec<&str> = path.0.iter().map(|name| name.text.as_str()).collect();
    let asked = asked.join(".");
    let best = known.iter().map(|stored| dotted(stored)).map(|shown| (likeness(&asked, &shown), shown));
    let best = best.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
    Hint {
        position,
        detail: format!("no event has the path metadata.{asked}"),
        suggestion: best
            .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
            .map(|(_, shown)| format!("@{shown}")),
    }
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
    use super::*;
    use crate::query::lang::Name;

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
            assert_eq!(hint(3, &path, &known).suggestion.as_deref(), wanted, "{asked}");
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
