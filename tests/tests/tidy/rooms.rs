//! Who imports whom: reads the paths of a crate's source and compares them with its floors.

use std::path::{Component, Path};

use crate::source::{code_only, without_tests};

/// A crate's rooms, each with its floor; a room imports only from lower floors.
pub type Floors = [(&'static str, u8)];

/// The engine's stack (docs/ARCHITECTURE.md).
pub const ENGINE: &Floors = &[
    ("io", 0),
    ("codec", 0),
    ("ids", 0),
    ("config", 0),
    ("error", 0),
    ("text", 0),
    ("event", 1),
    ("record", 2),
    ("chain", 2),
    ("merkle", 2),
    ("cold", 2),
    ("index", 3),
    ("tags", 3),
    ("segment", 4),
    ("catalog", 5),
    ("dedup", 5),
    ("tail", 5),
    ("archive", 5),
    ("ingest", 6),
    ("query", 6),
    ("retain", 6),
    ("recover", 6),
    ("proof", 7),
    ("report", 8),
    ("verify", 8),
    ("log", 9),
];

/// The rooms of floor 0 that serve each other: a file of sections is written to a disk and fails with
/// the store's error. Every other pair of one floor is a broken rule.
const GROUND: [(&str, &str); 3] = [("codec", "io"), ("codec", "error"), ("io", "error")];

/// The rooms that the file at `path` (below `src`) imports, outside its tests.
pub fn imports(path: &Path, source: &str) -> Vec<String> {
    let code: String = without_tests(&code_only(source)).split_whitespace().collect::<Vec<_>>().join(" ");
    let code = code.replace(" ::", "::").replace(":: ", "::");
    let mut found = after(&code, "crate::");
    found.extend(after(&code, &"super::".repeat(depth(path))));
    found.sort();
    found.dedup();
    found
}

/// Names that follow `prefix`, directly or first in each part of a `{…}` group.
fn after(code: &str, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | ':')) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_heads(group)),
            None => found.extend(name(rest)),
        }
    }
    found
}

fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                heads.extend(name(&group[start..at]));
                start = at + 1;
            }
            '}' => {
                heads.extend(name(&group[start..at]));
                return heads;
            }
            _ => {}
        }
    }
    heads
}

fn name(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Modules between the crate's root and this file's module, itself included.
fn depth(path: &Path) -> usize {
    let parts = path.components().filter(|part| matches!(part, Component::Normal(_))).count();
    if path.file_name().is_some_and(|name| name == "mod.rs") { parts - 1 } else { parts }
}

/// The room that a file below `src` belongs to; none for the crate's root.
pub fn room(path: &Path) -> Option<String> {
    let first = path.components().next()?.as_os_str().to_str()?;
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (room != "lib" && room != "main").then(|| room.to_owned())
}

/// What is wrong with one file: a sentence for each import that does not go down.
pub fn broken(floors: &Floors, path: &Path, source: &str) -> Vec<String> {
    let floor = |room: &str| floors.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor);
    let Some(mine) = room(path) else { return Vec::new() };
    if path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs") {
        return Vec::new();
    }
    let Some(my_floor) = floor(&mine) else {
        return vec![format!("{}: room `{mine}` has no floor; give it one in rooms.rs", path.display())];
    };
    let mut faults = Vec::new();
    for other in imports(path, source) {
        let Some(its_floor) = floor(&other) else { continue };
        let ground = GROUND.contains(&(mine.as_str(), other.as_str()));
        if other != mine && its_floor >= my_floor && !ground {
            faults.push(format!(
                "{}: room `{mine}` (floor {my_floor}) imports from room `{other}` (floor {its_floor})",
                path.display()
            ));
        }
    }
    faults
}
