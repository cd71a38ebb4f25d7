//! The house rules that a machine can check.
//!
//! Each rule is a function from source to complaints. One test runs it over the tree; another plants
//! a violation and expects the complaint, so a rule that stopped seeing anything fails too.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod rooms;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use rooms::{ENGINE, Floors, broken};
use source::{code_only, files, rust_files, top, without_tests, words};

/// Lines that a file may have.
const LINES_MAX: usize = 700;
/// The one file with `unsafe`.
const UNSAFE_ROOM: &str = "engine/src/io/mapping.rs";

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Runs a rule over every Rust file of a folder; `path` is given relative to the workspace.
fn complaints(dir: &str, rule: impl Fn(&Path, &str) -> Vec<String>) -> Vec<String> {
    let top = top();
    let found = rust_files(&top.join(dir));
    assert!(!found.is_empty(), "{dir} holds no Rust files: the rule would see nothing");
    found
        .iter()
        .flat_map(|path| rule(path.strip_prefix(&top).expect("below the workspace"), &read(path)))
        .collect()
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn imports_rule(crate_src: &'static str, floors: &'static Floors) -> impl Fn(&Path, &str) -> Vec<String> {
    move |path, source| broken(floors, path.strip_prefix(crate_src).expect("below src"), source)
}

fn unsafe_rule(path: &Path, source: &str) -> Vec<String> {
    let found = words(&code_only(source)).any(|word| word == "unsafe");
    let allowed = path == Path::new(UNSAFE_ROOM);
    (found && !allowed)
        .then(|| format!("{}: `unsafe` outside {UNSAFE_ROOM}", path.display()))
        .into_iter()
        .collect()
}

fn unfinished_rule(path: &Path, source: &str) -> Vec<String> {
    let code = code_only(source);
    ["todo!", "unimplemented!", "#[ignore"]
        .into_iter()
        .filter(|mark| code.contains(mark))
        .map(|mark| format!("{}: unfinished or skipped: {mark}", path.display()))
        .collect()
}

fn length_rule(path: &Path, source: &str) -> Vec<String> {
    let lines = source.lines().count();
    (lines > LINES_MAX)
        .then(|| format!("{}: {lines} lines, allowed are {LINES_MAX}; is it one room?", path.display()))
        .into_iter()
        .collect()
}

/// One crate is used in one room alone.
fn only_in_rule(word: &'static str, room: &'static str) -> impl Fn(&Path, &str) -> Vec<String> {
    move |path, source| {
        let found = words(&code_only(source)).any(|w| w == word);
        (found && !path.starts_with(room))
            .then(|| format!("{}: `{word}` is used outside {room}", path.display()))
            .into_iter()
            .collect()
    }
}

/// Where threads are started: the server's `jobs`, and the one place of the command line that waits for
/// Ctrl-C. The engine starts none of its own.
const THREAD_ROOMS: [&str; 3] = ["server/src/jobs", "server/src/jobs.rs", "server/src/cli/interrupt.rs"];

fn threads_rule(path: &Path, source: &str) -> Vec<String> {
    let code = without_tests(&code_only(source));
    let in_tests =
        path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    if in_tests || THREAD_ROOMS.iter().any(|room| path.starts_with(room)) {
        return Vec::new();
    }
    ["thread::spawn", "thread::Builder"]
        .into_iter()
        .filter(|call| code.contains(call))
        .map(|call| format!("{}: {call}; threads are started in server/src/jobs alone", path.display()))
        .collect()
}

/// No file names a place on the machine it was written on.
fn places_rule(path: &Path, text: &str) -> Vec<String> {
    // Written in halves, so that this file does not break its own rule.
    let places = [["/wo", "rk/"], ["/ro", "ot/"], ["/tmp/", "target"], ["/home", "/dev"]].map(|p| p.concat());
    places
        .iter()
        .filter(|place| text.contains(place.as_str()))
        .map(|place| format!("{}: names the machine's own {place}", path.display()))
        .collect()
}

#[test]
fn engine_rooms_import_only_from_lower_floors() {
    assert_none(&complaints("engine/src", imports_rule("engine/src", ENGINE)));
}

#[test]
fn every_engine_room_is_declared_on_a_floor_and_in_the_crate() {
    let root = code_only(&read(&top().join("engine/src/lib.rs")));
    let declared: Vec<&str> =
        root.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(declared.len() > 10, "the crate's rooms could not be read: {declared:?}");
    for room in declared {
        assert!(ENGINE.iter().any(|(name, _)| *name == room), "room `{room}` has no floor");
    }
}

#[test]
fn unsafe_code_is_in_one_file() {
    for dir in ["engine", "server", "tests", "benches"] {
        assert_none(&complaints(dir, unsafe_rule));
    }
    let mapping = read(&top().join(UNSAFE_ROOM));
    let blocks = code_only(&mapping).matches("unsafe {").count();
    assert_eq!(mapping.matches("// SAFETY:").count(), blocks, "every unsafe block says why it holds");
}

#[test]
fn nothing_is_unfinished_or_skipped() {
    for dir in ["engine", "server", "tests", "benches"] {
        assert_none(&complaints(dir, unfinished_rule));
    }
}

#[test]
fn no_file_is_longer_than_a_room() {
    for dir in ["engine", "server", "tests", "benches"] {
        assert_none(&complaints(dir, length_rule));
    }
}

#[test]
fn bincode_stays_behind_the_codec() {
    assert_none(&complaints("engine/src", only_in_rule("bincode", "engine/src/codec")));
    assert_none(&complaints("server/src", only_in_rule("bincode", "engine/src/codec")));
}

#[test]
fn the_engine_has_no_sockets_and_no_async() {
    for word in ["tokio", "hyper", "TcpStream", "TcpListener", "async", "await"] {
        assert_none(&complaints("engine/src", only_in_rule(word, "nowhere")));
    }
}

#[test]
fn threads_are_started_in_jobs_alone() {
    for dir in ["engine/src", "server/src"] {
        assert_none(&complaints(dir, threads_rule));
    }
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let top = top();
    let mut found: Vec<PathBuf> = files(&top);
    found.retain(|path| path.metadata().is_ok_and(|m| m.len() < 4 << 20));
    let faults: Vec<String> = found
        .iter()
        .filter_map(|path| Some((path, fs::read_to_string(path).ok()?)))
        .flat_map(|(path, text)| places_rule(path.strip_prefix(&top).expect("below the workspace"), &text))
        .collect();
    assert_none(&faults);
}

/// Goal: the rules can fail. Method: one planted violation each, and the complaint it must cause.
#[test]
fn planted_violations_are_seen() {
    let imports = imports_rule("engine/src", ENGINE);
    let planted = [
        (
            "index/mod.rs",
            "use crate::query::Filter;",
            "room `index` (floor 3) imports from room `query` (floor 6)",
        ),
        ("index/live.rs", "use crate::{error::StoreError, segment::Active};", "room `segment` (floor 4)"),
        ("index/live.rs", "use crate::{error::{A, B}, io::Disk, log::Log};", "room `log` (floor 9)"),
        (
            "record/mod.rs",
            "use super::chain::Hash;",
            "room `record` (floor 2) imports from room `chain` (floor 2)",
        ),
        ("record/frame.rs", "use super::super::query;", "imports from room `query`"),
        ("error.rs", "fn f() { crate::log::open() }", "imports from room `log`"),
        ("attic/mod.rs", "use crate::error;", "room `attic` has no floor"),
        ("dedup/mod.rs", "use crate :: catalog :: Catalog;", "imports from room `catalog`"),
    ];
    for (path, source, complaint) in planted {
        let found = imports(&Path::new("engine/src").join(path), source);
        assert!(found.iter().any(|c| c.contains(complaint)), "{path}: {source}: {found:?}");
    }
    let path = Path::new("engine/src/query/plan.rs");
    assert_eq!(unsafe_rule(path, "fn f() { unsafe { g() } }").len(), 1);
    assert_eq!(unfinished_rule(path, "fn f() { todo!() }\n#[ignore]\nfn g() {}").len(), 2);
    assert_eq!(length_rule(path, &"x\n".repeat(LINES_MAX + 1)).len(), 1);
    assert_eq!(only_in_rule("bincode", "engine/src/codec")(path, "use bincode::Encode;").len(), 1);
    assert_eq!(threads_rule(path, "fn f() { std::thread::spawn(g); }").len(), 1);
    assert_eq!(places_rule(path, &["see /wo", "rk/x"].concat()).len(), 1);
}

/// Goal: what is allowed stays allowed, so that a complaint is always worth reading.
#[test]
fn comments_strings_tests_and_own_children_are_no_violations() {
    let path = Path::new("engine/src/index/mod.rs");
    let allowed = [
        "//! See [`crate::log`].\n/* crate::query */ use crate::event::Fields;",
        "const A: &str = \"crate::log\"; const B: &str = r#\"use crate::log::Log;\"#; const C: char = '\"';",
        "mod live; pub use live::Live; use self::live::Live as L; use crate::index::stored::Stored;",
        "#[cfg(test)]\nmod tests { use crate::log::Log; fn f() { todo() } }\nuse crate::error::StoreError;",
        "fn f<'a>(x: &'a str) -> &'a str { x } // crate::log",
    ];
    for source in allowed {
        let found = imports_rule("engine/src", ENGINE)(path, source);
        assert!(found.is_empty(), "{source}: {found:?}");
    }
    assert!(
        unsafe_rule(path, "// unsafe\nconst A: &str = \"unsafe\"; const UNSAFE_ROOM: u8 = b'\\'';")
            .is_empty()
    );
    assert!(unsafe_rule(Path::new(UNSAFE_ROOM), "unsafe { }").is_empty());
    assert!(threads_rule(Path::new("server/src/jobs.rs"), "std::thread::spawn(f)").is_empty());
}
