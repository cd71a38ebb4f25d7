//! kill -9 against a real server, under concurrent ingest.
//!
//! Ten rounds in every test run, 200 with `STELE_SOAK=1`: enough events then for seals to happen, so
//! that some kills fall into them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use stele_tests::server::binary;
use stele_tests::{ADMIN_KEY, Call, Options, Random, Server, event};

const CONNECTIONS: usize = 4;

/// Where the log put an event: what its acknowledgement said.
type Place = (u64, String);

/// All that was acknowledged, by event id, and what was sent without an answer.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeMap<String, Place>,
    unanswered: Vec<Vec<String>>,
}

impl Ledger {
    fn enter(&mut self, answer: &Value, expected: usize) {
        let receipts = answer["receipts"].as_array().expect("receipts were asked for");
        assert_eq!(receipts.len(), expected, "{answer}");
        for receipt in receipts {
            let id = receipt["event_id"].as_str().expect("an id").to_owned();
            let place = place(receipt["sequence"].as_u64(), &receipt["hash"]);
            if let Some(before) = self.acknowledged.insert(id.clone(), place.clone()) {
                assert_eq!(before, place, "{id} was acknowledged twice, with different places");
            }
        }
    }
}

fn place(sequence: Option<u64>, hash: &Value) -> Place {
    (sequence.expect("a sequence"), hash.as_str().expect("a hash").to_owned())
}

/// `None` when the server was killed before its answer was whole.
fn post(address: SocketAddr, lines: &[String]) -> Option<Value> {
    let call = Call::new(address, "POST", "/v1/events?receipts=full").key(ADMIN_KEY);
    let call = call.header("connection", "close").ndjson(event::lines(lines));
    let answer = call.try_send().ok()?;
    let whole = serde_json::from_slice(&answer.body).ok()?;
    assert_eq!(answer.status, 200, "{whole}");
    Some(whole)
}

/// Sends new events, sometimes a batch a second time, until the server is gone.
fn ingest(address: SocketAddr, name: &str, ledger: &Mutex<Ledger>, batch_max: u64) {
    let mut random = Random(name.bytes().map(u64::from).sum());
    let mut last: Vec<String> = Vec::new();
    for turn in 0.. {
        let count = 1 + random.below(batch_max);
        if turn % 5 != 4 {
            last = (0..count)
                .map(|i| event::at(&format!("{name}-{turn}-{i}"), (turn % 86_400) as u32))
                .collect();
        }
        let answer = post(address, &last);
        let mut ledger = ledger.lock().expect("no ingester panicked");
        match answer {
            Some(answer) => ledger.enter(&answer, last.len()),
            None => {
                ledger.unanswered.push(last);
                return;
            }
        }
    }
}

/// Reads the whole log through searches and compares it with the ledger.
fn check(server: &Server, ledger: &Ledger) {
    let mut found: BTreeMap<String, Place> = BTreeMap::new();
    let mut sequences = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let after = cursor.map_or(String::new(), |c| format!("&cursor={c}"));
        let page = server.get(&format!("/v1/events?order=asc&limit=1000{after}")).expect(200);
        for event in page["events"].as_array().expect("a page of events") {
            let id = event["event_id"].as_str().expect("an id").to_owned();
            let place = place(event["chain"]["sequence"].as_u64(), &event["chain"]["hash"]);
            sequences.push(place.0);
            assert!(found.insert(id.clone(), place).is_none(), "{id} is there twice");
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    for (id, place) in &ledger.acknowledged {
        assert_eq!(found.get(id), Some(place), "{id} as it was acknowledged");
    }
    sequences.sort_unstable();
    sequences.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1], "one sequence, two events"));
}

/// `stele verify` on the directory at rest: every hash and link.
fn verify(data: &Path) {
    let run = Command::new(binary()).arg("verify").arg("--data").arg(data).output().expect("stele runs");
    let said = [run.stdout, run.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(run.status.success(), "{}: {said:?}", run.status);
}

/// Goal: kill -9 at any moment loses no acknowledged event, keeps none twice, and leaves a chain
/// that verifies.
/// Method: four connections ingest; kill after a random time, start again, compare with what was
/// acknowledged, send what had no answer again; now and then and at the end verify the files.
#[test]
fn kill_nine_under_ingest_loses_no_acknowledged_event() {
    let soak = std::env::var_os("STELE_SOAK").is_some_and(|value| value == "1");
    let (rounds, batch_max, check_every) = if soak { (200, 40, 20) } else { (10, 40, 1) };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let ledger = Mutex::new(Ledger::default());
    let mut random = Random(7);
    for round in 0..rounds {
        let mut server = Options::default().data(&data).start();
        {
            let mut ledger = ledger.lock().expect("no ingester panicked");
            if round % check_every == 0 {
                check(&server, &ledger);
            }
            for lines in std::mem::take(&mut ledger.unanswered) {
                let answer = post(server.address, &lines).expect("the server answers again");
                ledger.enter(&answer, lines.len());
            }
        }
        let address = server.address;
        // Some rounds end at once: in the first writes after a recovery.
        let life = Duration::from_millis(if round % 4 == 3 { random.below(15) } else { random.below(400) });
        thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                let ledger = &ledger;
                scope.spawn(move || ingest(address, &format!("r{round}-c{connection}"), ledger, batch_max));
            }
            thread::sleep(life);
            server.kill();
        });
        if round % check_every == 0 {
            verify(&data);
        }
    }
    let mut server = Options::default().data(&data).start();
    let ledger = ledger.into_inner().expect("no ingester panicked");
    assert!(
        ledger.acknowledged.len() > rounds * 10,
        "{} events were acknowledged",
        ledger.acknowledged.len()
    );
    check(&server, &ledger);
    server.stop();
    verify(&data);
    println!("{rounds} kills, {} acknowledged events", ledger.acknowledged.len());
}
