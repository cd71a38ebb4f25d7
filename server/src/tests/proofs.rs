//! Checkpoints, proofs and tiles end to end, checked with nothing but the verifier key.

use data_encoding::{BASE64, HEXLOWER};
use serde_json::Value;
use stele_engine::merkle::{self, Node};
use stele_engine::proof::{Checkpoint, VerifierKey};

use super::client::{Server, event};

fn filled(count: usize) -> Server {
    let server = Server::new();
    let lines: Vec<String> = (0..count).map(|i| event(&format!("e-{i:04}"))).collect();
    assert_eq!(server.post_lines("/v1/events", &lines).json()["accepted"], count);
    server
}

fn key(server: &Server) -> VerifierKey {
    VerifierKey::parse(server.get("/v1/chain").json()["key"].as_str().unwrap()).unwrap()
}

fn opened(note: &str, key: &VerifierKey) -> Checkpoint {
    Checkpoint::open(note.as_bytes(), key).unwrap()
}

fn node(value: &Value) -> Node {
    BASE64.decode(value.as_str().unwrap().as_bytes()).unwrap().try_into().unwrap()
}

fn nodes(value: &Value) -> Vec<Node> {
    value.as_array().unwrap().iter().map(node).collect()
}

fn assert_included(inclusion: &Value, hash: &str, key: &VerifierKey) {
    let checkpoint = opened(inclusion["checkpoint"].as_str().unwrap(), key);
    assert_eq!(inclusion["tree_size"], checkpoint.size);
    let leaf = merkle::leaf(&HEXLOWER.decode(hash.as_bytes()).unwrap().try_into().unwrap());
    assert_eq!(node(&inclusion["leaf_hash"]), leaf);
    let sequence = inclusion["sequence"].as_u64().unwrap();
    let root = merkle::root_by_inclusion(&leaf, sequence, checkpoint.size, &nodes(&inclusion["hashes"]));
    assert_eq!(root, Some(checkpoint.root));
}

#[test]
fn an_event_with_its_proof_needs_nothing_but_the_verifier_key() {
    let server = filled(20);
    let key = key(&server);
    let got = server.get("/v1/events/e-0007?proof=true");
    let whole = got.json();
    assert_eq!(whole["event"], server.get("/v1/events/e-0007").json());
    assert_included(&whole["inclusion"], whole["event"]["chain"]["hash"].as_str().unwrap(), &key);
    let plain = server.get("/v1/events/e-0007").text();
    assert!(got.text().starts_with(&format!("{{\"event\":{}", plain.trim_end())), "the line byte for byte");
    let alone = server.get("/v1/proofs/inclusion?sequence=7").json();
    assert_included(&alone, whole["event"]["chain"]["hash"].as_str().unwrap(), &key);
    assert_eq!(server.get("/v1/events/nobody?proof=true").status, 404);
}

#[test]
fn the_log_goes_on_from_every_checkpoint_also_across_a_restart() {
    let server = filled(300);
    let key = key(&server);
    let got = server.get("/v1/checkpoint");
    assert_eq!(got.headers["content-type"], "text/plain; charset=utf-8");
    let old = opened(&got.text(), &key);
    assert_eq!(old.size, 300);
    let server = server.restart();
    server.post_json("/v1/events", &event("later"));
    let proof = server.get("/v1/proofs/consistency?from=300").json();
    let new = opened(proof["checkpoint"].as_str().unwrap(), &key);
    assert_eq!((&proof["to"], new.size), (&301.into(), 301));
    assert!(merkle::consistent(300, 301, &old.root, &new.root, &nodes(&proof["hashes"])));
    let chain = server.get("/v1/chain").json();
    assert_eq!((node(&chain["root"]), chain["size"].as_u64()), (new.root, Some(301)));
    assert_eq!(opened(chain["checkpoint"].as_str().unwrap(), &key), new);
}

#[test]
fn a_log_that_grew_is_signed_without_being_asked() {
    let server = filled(5);
    let log_id =
        server.get("/v1/chain").json()["origin"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
    let key = key(&server);
    let begun = std::time::Instant::now();
    loop {
        let got = server.call_as("", "GET", &format!("/tlog/{log_id}/checkpoint"), &[], b"");
        if got.status == 200 && opened(&got.text(), &key).size == 5 {
            assert_eq!(got.headers["cache-control"], "no-cache");
            return;
        }
        assert!(begun.elapsed().as_secs() < 10, "{}", got.text());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn tiles_are_public_hold_hashes_alone_and_lead_to_the_root() {
    let server = filled(600);
    let key = key(&server);
    let checkpoint = opened(&server.get("/v1/checkpoint").text(), &key);
    let log_id = checkpoint.origin.rsplit_once('/').unwrap().1;
    let tile = |name: &str| server.call_as("", "GET", &format!("/tlog/{log_id}/tile/{name}"), &[], b"");
    let full = tile("0/001");
    assert_eq!((full.status, full.body.len()), (200, 256 * 32));
    assert_eq!(full.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(full.headers["content-type"], "application/octet-stream");
    let part = tile("entries/002.p/88");
    let leaves: Vec<Node> =
        part.body.chunks(34).map(|entry| merkle::leaf(entry[2..].try_into().unwrap())).collect();
    assert_eq!(leaves.as_flattened(), tile("0/002.p/88").body);
    let blocks = tile("1/000.p/2").body;
    let (blocks, _) = blocks.as_chunks::<32>();
    let tail = mth(&leaves);
    assert_eq!(merkle::node(&merkle::node(&blocks[0], &blocks[1]), &tail), checkpoint.root);
    for lost in [
        "0/002",
        "0/002.p/89",
        "0/003",
        "1/000",
        "2/000.p/1",
        "0/2",
        "x/000",
        "0/000.p/0",
        "entries/x000/001",
    ] {
        assert_eq!(tile(lost).status, 404, "{lost}");
    }
    let other = server.call_as("", "GET", &format!("/tlog/{}/checkpoint", "0".repeat(32)), &[], b"");
    assert_eq!(other.status, 404);
    assert_eq!(server.call_as("", "GET", "/v1/checkpoint", &[], b"").status, 401);
}

/// The root of RFC 6962 2.1 by its definition.
fn mth(leaves: &[Node]) -> Node {
    match leaves {
        [only] => *only,
        _ => {
            let left = leaves.len().next_power_of_two() / 2;
            merkle::node(&mth(&leaves[..left]), &mth(&leaves[left..]))
        }
    }
}

#[test]
fn proofs_of_what_is_not_there_name_what_is_wrong() {
    let server = filled(3);
    for (query, name) in [
        ("inclusion", "sequence"),
        ("inclusion?sequence=", "sequence"),
        ("inclusion?sequence=-1", "sequence"),
        ("inclusion?sequence=%2B1", "sequence"),
        ("inclusion?sequence=99999999999999999999", "sequence"),
        ("inclusion?sequence=1&size=2", "size"),
        ("consistency", "from"),
        ("consistency?from=1&to=4", "to"),
        ("consistency?from=3&to=2", "from"),
        ("consistency?from=4", "from"),
    ] {
        let got = server.get(&format!("/v1/proofs/{query}"));
        assert_eq!(got.status, 400, "{query}");
        assert!(got.json()["detail"].as_str().unwrap().contains(&format!("`{name}`")), "{}", got.text());
    }
    assert_eq!(server.get("/v1/proofs/inclusion?sequence=3").status, 404);
    let none = server.get("/v1/proofs/consistency?from=0&to=0").json();
    assert_eq!(none["hashes"], serde_json::json!([]));
}

#[test]
fn a_proof_file_names_the_event_and_leads_to_its_checkpoint() {
    let server = filled(20);
    let key = key(&server);
    let got = server.get("/v1/events/e-0007?proof=tlog");
    assert_eq!(got.headers["content-type"], "text/plain; charset=utf-8");
    let text = got.text();
    let (lines, note) = text.split_once("\n\n").unwrap();
    let lines: Vec<&str> = lines.split('\n').collect();
    assert_eq!((lines[0], lines[2]), ("c2sp.org/tlog-proof@v1", "index 7"));
    let line = BASE64.decode(lines[1].strip_prefix("extra ").unwrap().as_bytes()).unwrap();
    assert_eq!(String::from_utf8(line).unwrap() + "\n", server.get("/v1/events/e-0007").text());
    let hash = server.get("/v1/events/e-0007").json()["chain"]["hash"].as_str().unwrap().to_owned();
    let leaf = merkle::leaf(&HEXLOWER.decode(hash.as_bytes()).unwrap().try_into().unwrap());
    let path: Vec<Node> =
        lines[3..].iter().map(|line| BASE64.decode(line.as_bytes()).unwrap().try_into().unwrap()).collect();
    let checkpoint = opened(note, &key);
    assert_eq!(merkle::root_by_inclusion(&leaf, 7, checkpoint.size, &path), Some(checkpoint.root));
    assert_eq!(server.get("/v1/events/nobody?proof=tlog").status, 404);
    let wrong = server.get("/v1/events/e-0007?proof=yes");
    assert!(wrong.status == 400 && wrong.text().contains("true, false or tlog"), "{}", wrong.text());
}

#[test]
fn a_changed_key_is_told_by_an_event_and_signs_with_the_old_one_once() {
    let server = filled(5);
    let old = key(&server);
    let json = [("content-type", "application/json")];
    let refused = server.call("POST", "/v1/chain/rotate-key", &json, br#"{"seed":"x"}"#);
    assert_eq!(refused.status, 422);
    let got = server.post_json("/v1/chain/rotate-key", "{}");
    assert_eq!(got.status, 200, "{}", got.text());
    let rotated = got.json();
    let new = VerifierKey::parse(rotated["key"].as_str().unwrap()).unwrap();
    assert_eq!((rotated["previous_key"].as_str().unwrap(), key(&server)), (&*old.to_string(), new.clone()));
    let note = rotated["checkpoint"].as_str().unwrap();
    assert_eq!(opened(note, &old), opened(note, &new));
    assert_eq!(opened(note, &old).size, 6, "over the event that tells of it");
    let own = server.get("/v1/events?own=true").json();
    let event = &own["events"][0];
    assert_eq!(event["event_type"], "stele.signing_key_rotated");
    assert_eq!(event["metadata"]["changes"]["before"]["key"], old.to_string());
    assert_eq!(event["metadata"]["changes"]["after"]["key"], new.to_string());
    server.post_json("/v1/events", &super::client::event("later"));
    assert_eq!(opened(&server.get("/v1/checkpoint").text(), &new).size, 7);
    let server = server.restart();
    let chain = server.get("/v1/chain").json();
    let keys = chain["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!((&keys[0]["key"], &keys[0]["from_size"]), (&old.to_string().into(), &0.into()));
    assert_eq!((&keys[1]["key"], &keys[1]["from_size"]), (&new.to_string().into(), &6.into()));
    let proof = server.get("/v1/proofs/consistency?from=5&to=6").json();
    assert_eq!(proof["checkpoint"], note, "served again with both signatures");
    let (_, read) = super::admin::made_key(&server, r#"["read", "auditor"]"#);
    assert_eq!(server.call_as(&read, "POST", "/v1/chain/rotate-key", &json, b"{}").status, 403);
}
