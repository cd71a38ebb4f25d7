//! Retention, archive and restore: the contract over the wire, against the archive in a directory.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stele_tests::event::at;
use stele_tests::server::text;
use stele_tests::wire::percent;
use stele_tests::{Options, Server};

use crate::refused::{Case, Expected, complaints, run};

/// Records of a segment here.
const SEGMENT: u64 = 40;
const EVENTS: u32 = 130;
const PATIENCE: Duration = Duration::from_secs(120);

/// A server over a directory, with small segments and a clock of the tiers that is ahead.
fn over(data: &Path, ahead_hours: u64) -> Server {
    let options = Options::default().data(data).env("STELE_SEGMENT_RECORDS", &SEGMENT.to_string());
    match ahead_hours {
        0 => options.start(),
        hours => options.env("STELE_CLOCK_AHEAD", &format!("{hours}h")).start(),
    }
}

fn until(
    server: &Server,
    target: &str,
    mut meanwhile: impl FnMut(),
    there: impl Fn(&Value) -> bool,
) -> Value {
    let begun = Instant::now();
    loop {
        let value = server.get(target).expect(200);
        if there(&value) {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "{target}: {value} {}", server.stderr());
        meanwhile();
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The log's own events of a kind, oldest first.
fn own(server: &Server, kind: &str) -> Vec<Value> {
    let page = server.get(&format!("/v1/events?event_type=stele.{kind}&order=asc&limit=1000")).expect(200);
    page["events"].as_array().unwrap().clone()
}

/// Asks to archive all there is, again and again until two whole segments are: the last records of one are
/// covered by an index event and a checkpoint some moments after they came.
fn archive(server: &Server) -> Value {
    let ask = || {
        let answer = server.post("/v1/archives", r#"{"before": "now"}"#).expect(202);
        assert!(answer["segments"].is_u64() && answer["events"].is_u64(), "{answer}");
    };
    ask();
    until(server, "/v1/archives", ask, |list| {
        let archived = list["archives"].as_array().unwrap().iter().filter(|row| row["state"] == "archived");
        archived.count() >= 2
    })
}

#[test]
fn a_policy_is_read_changed_and_told_with_what_was_before() {
    let server = Server::start();
    let first = json!({"active_days": null, "chill_after_days": 7, "archive": true, "legal_hold": false, "plan": "pro"});
    assert_eq!(server.get("/v1/retention").expect(200), first);
    let put = |body: &str| server.call("PUT", "/v1/retention").json(body).send();
    let second = put(r#"{"active_days": 90, "chill_after_days": 0}"#).expect(200);
    let expected = json!({"active_days": 90, "chill_after_days": 0, "archive": true, "legal_hold": false, "plan": "pro"});
    assert_eq!((&second, server.get("/v1/retention").expect(200)), (&expected, expected.clone()));
    assert_eq!(put(&second.to_string()).expect(200), second);
    let third = put(r#"{"active_days": null, "legal_hold": true, "plan": "enterprise"}"#).expect(200);
    let told: Vec<Value> =
        own(&server, "retention_changed").iter().map(|event| event["metadata"]["changes"].clone()).collect();
    assert_eq!(told, [json!({"before": first, "after": second}), json!({"before": second, "after": third})]);
    let (_, admin) = server.new_key(&["admin"]);
    for (body, says) in [(r#"{"plan": "pro"}"#, "instance key"), (r#"{"legal_hold": false}"#, "legal hold")] {
        let answer = server.bare("PUT", "/v1/retention").key(&admin).json(body).send();
        let expected = Expected { status: 403, code: "", pointer: "-", says };
        assert_eq!(complaints(body, &answer, &expected), [""; 0]);
    }
    assert_eq!(server.get("/v1/retention").expect(200), third);
}

#[test]
fn segments_are_archived_named_where_they_are_missing_restored_and_expire() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let mut server = over(&data, 0);
    let lines: Vec<String> = (0..EVENTS).map(|i| at(&format!("t{i}"), i)).collect();
    let _ = server.ingest(&lines).expect(200);
    let before = server.get("/v1/events/t7").text();
    assert_eq!(server.get("/v1/archives").expect(200)["archives"], json!([]));

    let list = archive(&server);
    let row = &list["archives"][0];
    assert_eq!(
        (&row["first_sequence"], &row["last_sequence"], &row["events"], &row["expires_at"]),
        (&json!(0), &json!(SEGMENT - 1), &json!(SEGMENT), &Value::Null)
    );
    assert!(row["bytes"].as_u64().unwrap() > 0, "{row}");
    assert_eq!(
        (&list["error"], &list["unproved"], &list["locks"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(text(&list, "store").starts_with("file://"), "{list}");
    let page = server.get("/v1/archives?limit=1").expect(200);
    let next = server.get(&format!("/v1/archives?limit=1&cursor={}", percent(&text(&page, "next_cursor"))));
    assert_eq!(next.expect(200)["archives"][0]["first_sequence"], SEGMENT);
    assert_eq!(own(&server, "archive_created")[0]["metadata"]["last_sequence"], SEGMENT - 1);

    // What is missing is named, not left out.
    let question = "/v1/events?event_type=agent.updated&order=asc&limit=1000&count=exact";
    let page = server.get(question).expect(200);
    let gap = page["archived"][0].clone();
    let away: u64 =
        page["archived"].as_array().unwrap().iter().map(|gap| gap["events"].as_u64().unwrap()).sum();
    assert_eq!((&gap["first_sequence"], away >= 2 * SEGMENT), (&json!(0), true), "{page}");
    assert!(page["matched"].as_u64().unwrap() <= u64::from(EVENTS) - away.min(u64::from(EVENTS)), "{page}");
    let gone = server.get("/v1/events/t7");
    let expected = Expected { status: 409, code: "", pointer: "-", says: "POST /v1/restores" };
    assert_eq!(complaints("an archived event", &gone, &expected), [""; 0]);
    assert_eq!(gone.json()["archived"][0]["first_sequence"], 0);
    let _ = server.get(&format!("/v1/events/t{}", EVENTS - 1)).expect(200);

    // It comes back whole.
    let ask = json!({"from": gap["from"], "to": gap["to"], "reason": "case 4711", "days": 1}).to_string();
    let asked = server.post("/v1/restores", &ask);
    let id = text(&asked.json(), "id");
    let target = format!("/v1/restores/{id}");
    assert_eq!((asked.status, asked.header("location")), (202, Some(target.as_str())), "{}", asked.text());
    let total = asked.json()["total"].as_u64().unwrap();
    assert!(total >= 2, "{}", asked.text());
    let seen = std::cell::Cell::new(0);
    let done = until(
        &server,
        &target,
        || (),
        |row| {
            let count = row["done"].as_u64().unwrap();
            assert!(count >= seen.replace(count) && count <= total, "progress goes one way: {row}");
            row["finished_at"].is_string()
        },
    );
    assert_eq!(
        (&done["status"], &done["done"], &done["refused"], &done["overdue"], &done["recorded"]),
        (&json!("done"), &json!(total), &json!(0), &json!(false), &json!(true)),
        "{done}"
    );
    assert_eq!(server.get("/v1/restores").expect(200)["restores"][0], done);
    assert_eq!(server.get("/v1/events/t7").text(), before, "byte for byte");
    // Others may be on their way to the archive meanwhile.
    let (from, to) = (text(&gap, "from"), text(&gap, "to"));
    let page = server.get(&format!("{question}&from={from}&to={to}")).expect(200);
    let restored = u64::from(EVENTS).min(gap["last_sequence"].as_u64().unwrap() + 1);
    assert_eq!((&page["archived"], &page["matched"]), (&json!([]), &json!(restored)));
    let row = server.get("/v1/archives").expect(200)["archives"][0].clone();
    assert_eq!((&row["state"], &row["expires_at"]), (&json!("restored"), &done["expires_at"]), "{row}");
    for kind in ["restore_requested", "restore_completed"] {
        let told = own(&server, kind);
        assert_eq!((told.len(), &told[0]["metadata"]["reason"]), (1, &json!("case 4711")), "{kind}");
    }

    // A day later it is away again.
    server.stop();
    let mut server = over(&data, 25);
    let list = until(&server, "/v1/archives", || (), |list| list["archives"][0]["state"] == "archived");
    assert_eq!(list["archives"][0]["expires_at"], Value::Null);
    until(
        &server,
        "/v1/events?event_type=stele.restore_expired",
        || (),
        |page| page["events"][0].is_object(),
    );
    assert_eq!(server.get("/v1/events/t7").status, 409);
    server.stop();
}

#[test]
fn what_cannot_be_archived_or_restored_is_refused_where_it_is_wrong() {
    let server = Server::start();
    let post = |name, target: &'static str, body: &'static str, pointer, says| Case {
        name,
        call: Box::new(move |server: &Server| server.call("POST", target).json(body)),
        expected: Expected { status: 422, code: "invalid", pointer, says },
    };
    let archive = |name, body, says| post(name, "/v1/archives", body, "/before", says);
    let restore = |name, body, pointer, says| post(name, "/v1/restores", body, pointer, says);
    let bare = |name, (status, says), method: &'static str, target: &'static str, body: &'static str| Case {
        name,
        call: Box::new(move |server: &Server| server.call(method, target).json(body)),
        expected: Expected { status, code: "", pointer: "-", says },
    };
    run(
        &server,
        &[
            archive("a time that is none", r#"{"before": "soon"}"#, "RFC 3339"),
            archive("a time to come", r#"{"before": "2200-01-01T00:00:00Z"}"#, "not after now"),
            archive("a number for a time", r#"{"before": 7}"#, "RFC 3339"),
            restore("no reason", r#"{"from": "now-1d", "reason": " "}"#, "/reason", "stands in the log"),
            restore("a reason of two lines", r#"{"from": "now-1d", "reason": "a\nb"}"#, "/reason", "1024"),
            restore("a time that is none", r#"{"from": "soon", "reason": "x"}"#, "/from", "RFC 3339"),
            restore(
                "an empty range",
                r#"{"from": "now-1d", "to": "now-2d", "reason": "x"}"#,
                "/from",
                "before `to`",
            ),
            restore("no day", r#"{"from": "now-1d", "reason": "x", "days": 0}"#, "/days", "1 to 365"),
            restore(
                "a year and a day",
                r#"{"from": "now-1d", "reason": "x", "days": 366}"#,
                "/days",
                "1 to 365",
            ),
            restore(
                "an unknown member",
                r#"{"from": "now-1d", "reason": "x", "color": 1}"#,
                "/color",
                "days",
            ),
            bare("no JSON", (400, "JSON"), "POST", "/v1/restores", "{"),
            bare("no body", (400, "before"), "POST", "/v1/archives", ""),
            bare("a page of nothing", (400, "limit"), "GET", "/v1/archives?limit=0", ""),
            bare("a page too long", (400, "limit"), "GET", "/v1/restores?limit=101", ""),
            bare("a cursor that is none", (400, "next_cursor"), "GET", "/v1/archives?cursor=x", ""),
            bare("a restore that is none", (404, ""), "GET", "/v1/restores/res_none", ""),
            bare("a call that is none", (405, ""), "DELETE", "/v1/archives", ""),
        ],
    );
    let (_, reader) = server.new_key(&["read", "auditor"]);
    let body = r#"{"from": "now-1d", "reason": "x"}"#;
    for target in ["/v1/archives", "/v1/restores"] {
        assert_eq!(server.bare("POST", target).key(&reader).json(body).send().status, 403, "{target}");
        assert_eq!(server.bare("GET", target).key(&reader).send().status, 200, "{target}");
        assert_eq!(server.bare("GET", target).send().status, 401, "{target}");
    }
    assert_eq!(server.get("/v1/restores").expect(200)["restores"], json!([]), "none of them is one");
}
