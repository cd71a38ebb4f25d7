//! Proof files of single events, checked by a program in another language that has the key alone.

use std::path::Path;
use std::process::Command;

use stele_tests::python;
use stele_tests::server::{ADMIN_KEY, Server, binary};

fn stele(server: &Server, args: &[&str]) -> String {
    let url = format!("http://{}", server.address);
    let done = Command::new(binary())
        .args(args)
        .env("STELE_URL", url)
        .env("STELE_API_KEY", ADMIN_KEY)
        .output()
        .expect("the command line runs");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}

fn ingest(server: &Server, ids: std::ops::Range<u32>) {
    for id in ids {
        let event = format!(
            r#"{{"event_id":"e-{id}","timestamp":"2026-11-14T00:00:00Z","event_type":"auth.login","actor":{{"type":"user","id":"ü"}},"resource":{{"type":"session","id":"s"}},"action":"login","status":"success"}}"#
        );
        assert_eq!(server.post("/v1/events", &event).status, 200);
    }
}

fn key(server: &Server) -> String {
    server.get("/v1/chain").json()["key"].as_str().expect("a key").to_owned()
}

/// Goal: the file of an event is proof of it for whoever has the verifier key, and no altered file is. Method: a
/// log of 37 events; files of its first, last and some other events, before and after the key was
/// changed; then every line of one of them altered, left out and doubled.
#[test]
fn a_proof_file_is_believed_and_an_altered_one_is_not() {
    let server = Server::start();
    ingest(&server, 0..37);
    let old = key(&server);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("event.tlog-proof");
    let name = file.to_str().expect("UTF-8");
    let check = |key: &str| python::ask("tlog_proof.py", &[name, key]);
    for id in [0, 1, 17, 36] {
        stele(&server, &["get", &format!("e-{id}"), "--proof", name]);
        assert_eq!(check(&old), (0, format!("{id} e-{id} 37\n")));
    }
    let proof = std::fs::read_to_string(&file).expect("was written");
    stele(&server, &["checkpoint", "--rotate-key", "--verifier", &old]);
    let new = key(&server);
    ingest(&server, 37..38);
    assert_eq!(check(&new).0, 1, "the old checkpoint is not signed by the new key");
    stele(&server, &["get", "e-37", "--proof", name]);
    assert_eq!((check(&new), check(&old).0), ((0, "38 e-37 39\n".to_owned()), 1));
    refused(&file, &proof, &old);
}

fn refused(file: &Path, proof: &str, key: &str) {
    let name = file.to_str().expect("UTF-8");
    let lines: Vec<&str> = proof.lines().collect();
    let mut altered: Vec<Vec<String>> = Vec::new();
    for at in 0..lines.len() {
        let with = |change: &dyn Fn(&mut Vec<String>)| {
            let mut copy: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            change(&mut copy);
            copy
        };
        altered.push(with(&|copy| drop(copy.remove(at))));
        altered.push(with(&|copy| copy.insert(at, lines[at].to_owned())));
        altered.push(with(&|copy| {
            let middle = copy[at].chars().count() / 2;
            let other =
                |(i, c): (usize, char)| if i == middle { if c == 'A' { 'B' } else { 'A' } } else { c };
            copy[at] = if copy[at].is_empty() {
                "x".into()
            } else {
                copy[at].chars().enumerate().map(other).collect()
            };
        }));
    }
    for copy in altered {
        let text = copy.join("\n") + "\n";
        std::fs::write(file, &text).expect("writes");
        let (code, said) = python::ask("tlog_proof.py", &[name, key]);
        assert!(code == 1 && said.starts_with("not proved: "), "{said}: {text}");
    }
}
