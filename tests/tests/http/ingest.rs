//! What `POST /v1/events` answers for events that are good, sent again, or in conflict.

use serde_json::{Value, json};
use stele_tests::event::{at, id, lines, quoted, with};
use stele_tests::server::text;
use stele_tests::{ADMIN_KEY, Answer, Server};

use crate::refused::size;

fn send(server: &Server, query: &str, body: String) -> Answer {
    server.call("POST", &format!("/v1/events{query}")).ndjson(body).send()
}

/// The stored line of an event, without `chain`.
fn stored(server: &Server, event_id: &str) -> String {
    let answer = server.get(&format!("/v1/events/{event_id}"));
    assert_eq!(answer.status, 200, "{event_id}: {}", answer.text());
    let line = answer.text();
    let at = line.rfind(",\"chain\":{").expect("chain is the last member");
    format!("{}}}", &line[..at])
}

#[test]
fn a_single_event_is_answered_with_its_receipt_and_can_be_read_at_once() {
    let server = Server::start();
    let answer = server.post("/v1/events", &id("one")).expect(200);
    assert_eq!(
        (&answer["accepted"], &answer["duplicates"], &answer["rejected"]),
        (&1.into(), &0.into(), &0.into())
    );
    assert_eq!(answer["errors"], json!([]));
    let receipt = &answer["receipts"][0];
    assert_eq!((&receipt["event_id"], &receipt["status"]), (&"one".into(), &"stored".into()));
    assert_eq!(answer["first_sequence"], receipt["sequence"]);
    assert_eq!(answer["last_sequence"], receipt["sequence"]);
    let event = server.get("/v1/events/one").expect(200);
    assert_eq!(event["chain"]["hash"], receipt["hash"]);
    assert_eq!(event["chain"]["sequence"], receipt["sequence"]);
    let again = server.post("/v1/events", &id("one")).expect(200);
    assert_eq!((&again["accepted"], &again["duplicates"]), (&0.into(), &1.into()));
    let repeat = &again["receipts"][0];
    assert_eq!(repeat["status"], "duplicate");
    assert_eq!((&repeat["sequence"], &repeat["hash"]), (&receipt["sequence"], &receipt["hash"]));
    assert!(again["first_sequence"].is_null() && again["last_sequence"].is_null(), "{again}");
}

#[test]
fn items_of_a_list_stand_each_alone_and_in_order() {
    let server = Server::start();
    let body = format!(
        "\n{}\n\n{}\nnot json\n{}\n{}\n  \n{}\n",
        id("a"),
        with(&[("event_id", r#""b""#), ("status", r#""ok""#)]),
        id("a"),
        with(&[("event_id", r#""a""#), ("action", r#""other""#)]),
        id("c"),
    );
    let answer = send(&server, "?receipts=full", body).expect(200);
    let counts = ["accepted", "duplicates", "rejected"].map(|name| answer[name].as_u64().unwrap());
    assert_eq!(counts, [2, 1, 3], "{answer}");
    let errors: Vec<(u64, &str, &str)> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["index"].as_u64().unwrap(), e["code"].as_str().unwrap(), e["pointer"].as_str().unwrap()))
        .collect();
    assert_eq!(errors[0], (1, "invalid", "/status"), "blank lines do not count");
    assert_eq!(errors[1], (2, "invalid", ""));
    assert_eq!((errors[2].0, errors[2].1), (4, "conflict"), "also against earlier ones of the same body");
    assert_eq!(answer["errors"][0]["event_id"], "b");
    let (first, last) =
        (answer["first_sequence"].as_u64().unwrap(), answer["last_sequence"].as_u64().unwrap());
    assert_eq!(last - first, 1, "new items have consecutive sequences");
    let shown: Vec<(&str, &str)> = answer["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["event_id"].as_str().unwrap(), r["status"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, [("a", "stored"), ("a", "duplicate"), ("c", "stored")]);
}

#[test]
fn arrays_are_lists_too_and_receipts_come_only_when_asked_for() {
    let server = Server::start();
    let answer = server.post("/v1/events", &format!("[{},\n{}]", id("x"), id("y"))).expect(200);
    assert_eq!(answer["accepted"], 2);
    assert!(answer["receipts"].as_array().is_none_or(Vec::is_empty), "{answer}");
    let full = server.post("/v1/events?receipts=full", &format!("[{}]", id("y"))).expect(200);
    assert_eq!(full["receipts"][0]["status"], "duplicate");
}

#[test]
fn empty_lists_are_200_with_zeros() {
    let server = Server::start();
    for answer in [server.post("/v1/events", "[]"), send(&server, "", "\n \n".to_owned())] {
        let answer = answer.expect(200);
        assert_eq!((&answer["accepted"], &answer["rejected"]), (&0.into(), &0.into()), "{answer}");
        assert!(answer["first_sequence"].is_null());
    }
}

#[test]
fn a_list_is_422_only_if_nothing_of_it_is_stored_or_known() {
    let server = Server::start();
    let bad = with(&[("event_id", r#""bad""#), ("status", r#""ok""#)]);
    assert_eq!(send(&server, "", format!("{bad}\n{bad}\n")).status, 422);
    let answer = send(&server, "", format!("{bad}\n{}\n", id("good"))).expect(200);
    assert_eq!(answer["rejected"], 1);
    let known = send(&server, "", format!("{bad}\n{}\n", id("good"))).expect(200);
    assert_eq!((&known["duplicates"], &known["rejected"]), (&1.into(), &1.into()));
}

#[test]
fn other_content_under_a_known_id_is_a_conflict_and_the_stored_one_stands() {
    let server = Server::start();
    let _ = server.post("/v1/events", &id("k")).expect(200);
    let before = stored(&server, "k");
    for (member, text) in [
        ("action", r#""delete""#),
        ("timestamp", r#""2026-01-02T03:04:05.679Z""#),
        ("category", r#""system""#),
        ("metadata", r#"{"changes":{"after":{"model":"b"},"before":{"model":"a"}}}"#),
        ("actor", r#"{"type":"user","id":"usr_17"}"#),
    ] {
        let answer = server.post("/v1/events", &with(&[("event_id", r#""k""#), (member, text)]));
        assert_eq!(answer.status, 409, "{member}: {}", answer.text());
        assert_eq!(answer.json()["errors"][0]["code"], "conflict", "{member}");
    }
    assert_eq!(stored(&server, "k"), before);
}

#[test]
fn what_the_server_filled_does_not_make_a_repeat_a_conflict() {
    let server = Server::start();
    let bare = with(&[("event_id", r#""f""#), ("timestamp", ""), ("category", "")]);
    let first = server.post("/v1/events", &bare).expect(200);
    assert_eq!(first["accepted"], 1, "{first}");
    let again = server.post("/v1/events", &bare).expect(200);
    assert_eq!(again["duplicates"], 1, "{again}");
    let event: Value = serde_json::from_str(&stored(&server, "f")).unwrap();
    assert_eq!(event["category"], "agent", "derived from the type");
    assert!(text(&event, "timestamp").ends_with('Z'));
    let spelled = r#" { "status" : "success", "event_id":"f","event_type":"agent.updated", "action":"up\u0064ate",
        "resource":{"name":"Support bot","id":"agt_42","type":"agent"}, "metadata":{"changes" : {"before":{"model":"a"},"after":{"model":"b"}}},
        "actor":{"email":"ada@example.com","type":"user","id":"usr_17","name":"Ada","ip_address":null} } "#;
    let spelled = server.post("/v1/events", spelled).expect(200);
    assert_eq!(spelled["duplicates"], 1, "white space, order and escapes of the envelope are no content");
    let exported = server.get("/v1/events/f").text();
    let resent = server.post("/v1/events", &exported).expect(200);
    assert_eq!(resent["duplicates"], 1, "an exported line can be sent again: {resent}");
}

#[test]
fn ids_are_assigned_where_none_is_sent() {
    let server = Server::start();
    let none = with(&[("event_id", "")]);
    let answer = send(&server, "?receipts=full", format!("{none}\n{none}\n")).expect(200);
    assert_eq!(answer["accepted"], 2, "without an id nothing is a repeat: {answer}");
    let assigned = text(&answer["receipts"][0], "event_id");
    assert_eq!((assigned.len(), assigned.as_bytes()[14]), (36, b'7'), "a UUIDv7: {assigned}");
    assert_eq!(server.get(&format!("/v1/events/{assigned}")).status, 200);
}

#[test]
fn atomic_stores_all_or_nothing_and_takes_duplicates() {
    let server = Server::start();
    let _ = server.ingest(&[id("old")]).expect(200);
    let before = size(&server);
    let conflict = with(&[("event_id", r#""old""#), ("action", r#""other""#)]);
    let refused = send(&server, "?atomic=true", lines(&[id("n1"), conflict, id("n2")]));
    assert!(matches!(refused.status, 409 | 422), "{}", refused.text());
    assert!(refused.text().contains("conflict"), "{}", refused.text());
    assert_eq!(size(&server), before, "nothing is stored");
    let answer =
        send(&server, "?atomic=true&receipts=full", lines(&[id("n1"), id("old"), id("n2"), id("n1")]))
            .expect(200);
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&2.into(), &2.into()), "{answer}");
}

/// Goal: stored text is the sent text where the contract says so, and normal where it does not.
#[test]
fn odd_but_valid_events_are_kept_to_the_byte() {
    let server = Server::start();
    let deep = format!("{}{}{}", r#"{"a":"#.repeat(63), r#"{"deep":0}"#, "}".repeat(63));
    let kept = [
        ("numbers", r#"{"a":12345678901234567890,"b":1.0,"c":-0,"d":1e400,"e":0.1000,"f":1E+2}"#),
        ("order", r#"{"z":1,"a":2,"Z":3,"é":4,"":5}"#),
        ("nulls", r#"{"a":null,"b":[null,{"c":null}],"d":{},"e":[],"f":""}"#),
        ("text", r#"{"a":"\"\\\n\r\t\b\f\u0000\u001f","b":"😀 é / <script>"}"#),
        ("names", r#"{"a.b":1,"a/b":2,"a b":3,"0":4,"@x":5,"$y":6,"A":7,"a":8}"#),
        ("reserved_inside", r#"{"a":"x stele:p1:","b":{"stele:p1:":1}}"#),
        ("deep", deep.as_str()),
    ];
    for (name, metadata) in kept {
        let answer = server.post("/v1/events", &with(&[("event_id", &quoted(name)), ("metadata", metadata)]));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let line = stored(&server, name);
        assert!(line.contains(&format!("\"metadata\":{metadata}")), "{name}: {line}");
    }
    let long_id = "a".repeat(128);
    let odd = [
        (
            "z1",
            "timestamp",
            r#""2026-01-02T05:04:05.120000000+02:00""#,
            r#""timestamp":"2026-01-02T03:04:05.120000000Z""#,
        ),
        ("z2", "timestamp", r#""2026-01-01T23:30:00-05:30""#, r#""timestamp":"2026-01-02T05:00:00Z""#),
        ("z3", "timestamp", r#""1970-01-01T00:00:00Z""#, r#""timestamp":"1970-01-01T00:00:00Z""#),
        (
            "z4",
            "metadata",
            r#"{"a" : "\u0041\/\ud83d\ude00" , "b":[ 1 , 2 ]}"#,
            r#""metadata":{"a":"A/😀","b":[1,2]}"#,
        ),
        ("z5", "metadata", "null", r#""metadata":{}"#),
        ("z6", "metadata", "", r#""metadata":{}"#),
        (
            "z7",
            "actor",
            r#"{"type":"api_key","name":"ci","email":null}"#,
            r#""actor":{"type":"api_key","name":"ci"}"#,
        ),
        ("z8", "actor", r#"{"ip_address":"2001:db8::1","type":"system"}"#, r#""ip_address":"2001:db8::1""#),
        ("z9", "chain", r#"{"sequence":99,"hash":"00"}"#, r#""metadata":"#),
        ("A-_.:/z", "action", r#""x""#, r#""event_id":"A-_.:/z""#),
        (long_id.as_str(), "action", r#""x""#, r#""action":"x""#),
    ];
    for (name, member, text, expected) in odd {
        let answer = server.post("/v1/events", &with(&[("event_id", &quoted(name)), (member, text)]));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let line = stored(&server, &stele_tests::wire::percent(name));
        assert!(line.contains(expected), "{name}: {line}");
        assert!(!line.contains("\"sequence\":99"), "{name}: a sent chain is ignored");
    }
}

#[test]
fn actor_ip_capture_fills_what_is_absent_and_nothing_else() {
    let server = Server::start();
    let given = with(&[
        ("event_id", r#""given""#),
        ("actor", r#"{"type":"user","id":"u","ip_address":"203.0.113.7","user_agent":"mine"}"#),
    ]);
    for body in [id("absent"), given] {
        let call = server.call("POST", "/v1/events?actor_ip=capture").header("user-agent", "probe/1");
        let answer = call.json(body.clone()).send().expect(200);
        assert_eq!(answer["accepted"], 1, "{answer}");
        let call = server.call("POST", "/v1/events?actor_ip=capture").header("user-agent", "probe/2");
        assert_eq!(call.json(body).send().expect(200)["duplicates"], 1, "what was captured is no content");
    }
    let absent = server.get("/v1/events/absent").expect(200);
    assert_eq!(
        (&absent["actor"]["ip_address"], &absent["actor"]["user_agent"]),
        (&"127.0.0.1".into(), &"probe/1".into())
    );
    let given = server.get("/v1/events/given").expect(200);
    assert_eq!(
        (&given["actor"]["ip_address"], &given["actor"]["user_agent"]),
        (&"203.0.113.7".into(), &"mine".into())
    );
    let _ = server.post("/v1/events", &id("plain")).expect(200);
    let plain = server.get("/v1/events/plain").expect(200);
    assert!(plain["actor"].get("ip_address").is_none(), "without the parameter nothing is captured");
    let forged = server.call("POST", "/v1/events?actor_ip=capture").header("x-forwarded-for", "198.51.100.1");
    let _ = forged.header("forwarded", "for=198.51.100.1").json(id("forged")).send().expect(200);
    assert_eq!(
        server.get("/v1/events/forged").expect(200)["actor"]["ip_address"],
        "127.0.0.1",
        "only proxies are believed"
    );
}

#[test]
fn the_same_events_from_many_connections_are_stored_once() {
    let server = Server::start();
    let before = size(&server);
    let events: Vec<String> = (0..200).map(|i| at(&format!("r{i}"), i)).collect();
    let counts: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let answer = server.ingest(&events).expect(200);
                    (answer["accepted"].as_u64().unwrap(), answer["duplicates"].as_u64().unwrap())
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert_eq!(counts.iter().map(|c| c.0).sum::<u64>(), 200, "{counts:?}");
    assert_eq!(counts.iter().map(|c| c.1).sum::<u64>(), 1400, "{counts:?}");
    assert_eq!(size(&server), before + 200);
}

#[test]
fn other_organizations_have_their_own_ids_and_sequences() {
    let server = Server::start();
    let (_, other) = server.new_org("other");
    let _ = server.post("/v1/events", &id("same")).expect(200);
    let body = with(&[("event_id", r#""same""#), ("action", r#""other""#)]);
    let answer = server.bare("POST", "/v1/events").key(&other).json(body).send().expect(200);
    assert_eq!(answer["accepted"], 1, "{answer}");
    let chains = [ADMIN_KEY, &other].map(|key| server.bare("GET", "/v1/chain").key(key).send().expect(200));
    assert_ne!(chains[0]["origin"], chains[1]["origin"]);
}
