//! Changes of a server's control state, `state.redb`: refused at the start, or without effect on the log.

use std::fs;

use super::soak;
use serde_json::Value;
use stele_tests::{Options, Server, event};

/// What the log says of itself.
fn chain(server: &Server) -> Value {
    let chain = server.get("/v1/chain").json();
    ["origin", "size", "hash", "root", "key"].iter().map(|name| chain[*name].clone()).collect()
}

fn verified(server: &Server) -> bool {
    server
        .post("/v1/chain/verify", "{}")
        .text()
        .lines()
        .last()
        .is_some_and(|line| line.contains(r#""result":"ok""#))
}

/// Goal: no change of the control state changes what a log says, or passes for one.
/// Method: a server's state with bytes flipped all over, cut, emptied, and of an earlier day; started again.
#[test]
fn changes_of_the_control_state_are_refused_or_leave_the_log_as_it_was() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let state = data.path().join("state.redb");
    let mut server = Options::default().data(data.path()).start();
    let events: Vec<String> = (0..40).map(|n| event::id(&format!("c-{n}"))).collect();
    assert_eq!(server.ingest(&events).status, 200);
    server.stop();
    let earlier = fs::read(&state).expect("it reads");
    let mut server = Options::default().data(data.path()).start();
    let _ = server.new_key(&["read"]);
    let expected = chain(&server);
    assert!(verified(&server));
    server.stop();
    let whole = fs::read(&state).expect("it reads");
    let mut changes: Vec<Vec<u8>> =
        vec![earlier, Vec::new(), whole[..whole.len() / 2].to_vec(), vec![0x5a; whole.len()]];
    let used: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] != 0).collect();
    let flips = if soak() { 200 } else { 12 };
    changes.extend((0..flips).map(|n| {
        let mut bytes = whole.clone();
        bytes[used[n * used.len() / flips]] ^= 1 << (n % 8);
        bytes
    }));
    let (mut refused, mut without_effect) = (0, 0);
    for bytes in changes {
        fs::write(&state, &bytes).expect("it writes");
        match Options::default().data(data.path()).try_start() {
            Err(said) => {
                assert!(said.contains("state.redb"), "the refusal names the file: {said}");
                refused += 1;
            }
            Ok(mut server) => {
                // A state without this organization serves another log, or refuses the key; it never
                // shows this log otherwise.
                if let Some(origin) =
                    server.get("/v1/chain").json().get("origin").filter(|o| **o == expected[0])
                {
                    assert_eq!(chain(&server), expected, "{origin}");
                    assert!(verified(&server));
                }
                server.stop();
                without_effect += 1;
            }
        }
    }
    println!("{refused} refused, {without_effect} without effect");
    fs::write(&state, &whole).expect("it writes");
    let server = Options::default().data(data.path()).start();
    assert_eq!(chain(&server), expected, "the log itself was not touched");
}
