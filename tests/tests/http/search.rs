//! What `GET /v1/events` finds: order, filters, counts, and pages that do not move.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use stele_tests::Server;
use stele_tests::event::{at, id, quoted, with};
use stele_tests::wire::percent;

/// The ids of all pages, following the cursor.
fn walk(server: &Server, target: &str) -> Vec<String> {
    walk_from(server, target, None)
}

/// The same from a cursor on; every page must repeat the first one's count.
fn walk_from(server: &Server, target: &str, cursor: Option<&str>) -> Vec<String> {
    let (mut found, mut matched) = (Vec::new(), None);
    let mut cursor = cursor.map(str::to_owned);
    loop {
        let at = cursor.map_or_else(String::new, |cursor| format!("&cursor={}", percent(&cursor)));
        let page = server.get(&format!("{target}{at}")).expect(200);
        let first = matched.get_or_insert_with(|| page["matched"].clone());
        assert_eq!(&page["matched"], first, "all pages are of one snapshot");
        found.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return found,
        }
    }
}

fn ids(page: &Value) -> Vec<String> {
    let events = page["events"].as_array().unwrap_or_else(|| panic!("no events: {page}"));
    events.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect()
}

fn found(server: &Server, query: &str) -> Vec<String> {
    ids(&server.get(&format!("/v1/events?order=asc&limit=1000&{query}")).expect(200))
}

#[test]
fn order_is_by_time_then_sequence_in_both_directions() {
    let server = Server::start();
    let events = [at("c", 30), at("a", 10), at("b1", 20), at("b2", 20), at("d", 5)];
    let _ = server.ingest(&events).expect(200);
    let asc = walk(&server, "/v1/events?order=asc&limit=2");
    assert_eq!(asc, ["d", "a", "b1", "b2", "c"]);
    let desc = walk(&server, "/v1/events?limit=2");
    assert_eq!(desc, ["c", "b2", "b1", "a", "d"], "newest first is the default");
    let nanos = |n: &str, t: &str| with(&[("event_id", &quoted(n)), ("timestamp", &quoted(t))]);
    let fine = [
        nanos("n2", "2026-01-01T00:00:00.000000002Z"),
        nanos("n1", "2026-01-01T01:00:00.000000001+01:00"),
        nanos("n0", "2026-01-01T00:00:00Z"),
    ];
    let _ = server.ingest(&fine).expect(200);
    let range = "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00.000000003Z";
    assert_eq!(found(&server, range), ["n0", "n1", "n2"], "nanoseconds count");
    let range = "from=2026-01-01T00:00:00.000000001Z&to=2026-01-01T00:00:00.000000002Z";
    assert_eq!(found(&server, range), ["n1"], "from is inclusive, to is exclusive");
}

#[test]
fn every_filter_finds_its_events_and_values_are_or_and_filters_are_and() {
    let server = Server::start();
    let events = [
        with(&[("event_id", r#""1""#)]),
        with(&[
            ("event_id", r#""2""#),
            ("event_type", r#""agent.deployed""#),
            ("status", r#""failure""#),
            ("action", r#""deploy""#),
        ]),
        with(&[
            ("event_id", r#""3""#),
            ("event_type", r#""auth.login""#),
            ("category", ""),
            ("actor", r#"{"type":"user","email":"Bob@Example.com"}"#),
            ("resource", r#"{"type":"user","id":"agt_42"}"#),
        ]),
        with(&[
            ("event_id", r#""4""#),
            ("event_type", r#""api.request""#),
            ("category", ""),
            ("actor", r#"{"type":"api_key","id":"key_1","name":"ci"}"#),
            ("status", r#""pending""#),
        ]),
        with(&[("event_id", r#""5""#), ("event_type", r#""agent.updated.fully""#)]),
    ];
    let _ = server.ingest(&events).expect(200);
    let cases = [
        ("category=auth", vec!["3"]),
        ("category=auth&category=api", vec!["3", "4"]),
        ("category=auth,api", vec!["3", "4"]),
        ("status=failure,pending", vec!["2", "4"]),
        ("status=failure&category=agent", vec!["2"]),
        ("status=failure&category=auth", vec![]),
        ("event_type=agent.deployed", vec!["2"]),
        ("action=deploy", vec!["2"]),
        ("actor_type=api_key", vec!["4"]),
        ("actor_id=usr_17", vec!["1", "2", "5"]),
        ("actor_id=usr_17&actor_id=key_1", vec!["1", "2", "4", "5"]),
        ("actor_email=bob@example.com", vec!["3"]),
        ("actor_email=BOB%40EXAMPLE.COM", vec!["3"]),
        ("resource_type=user", vec!["3"]),
        ("resource_id=agt_42&resource_type=user", vec!["3"]),
        ("resource_id=agt_42&status=success&actor_type=user", vec!["1", "3", "5"]),
        ("actor_id=nobody", vec![]),
    ];
    for (query, expected) in cases {
        assert_eq!(found(&server, query), expected, "{query}");
        let counted = server.get(&format!("/v1/events?count=exact&limit=1&{query}")).expect(200);
        assert_eq!(counted["matched"], expected.len(), "{query}");
    }
    let page = server.get("/v1/events?limit=1").expect(200);
    assert!(page["matched"].is_null(), "not counted unless asked");
    assert!(page["took_us"].is_u64() && page["hints"].is_array() && page["archived"].is_array(), "{page}");
}

#[test]
fn relative_times_count_from_now() {
    let server = Server::start();
    let _ = server.ingest(&[with(&[("event_id", r#""now""#), ("timestamp", "")]), at("old", 1)]).expect(200);
    for from in ["now-15m", "now-1h", "now-24h", "now-7d", "now-30s"] {
        assert_eq!(found(&server, &format!("from={from}")), ["now"], "{from}");
    }
    assert_eq!(found(&server, "to=now-15m"), ["old"]);
    assert!(found(&server, "from=now-15m&to=now-10m").is_empty());
}

#[test]
fn the_logs_own_events_are_hidden_unless_asked_for() {
    let server = Server::start();
    let (key_id, _) = server.new_key(&["read"]);
    let _ = server.ingest(&[id("mine")]).expect(200);
    assert_eq!(found(&server, ""), ["mine"]);
    assert_eq!(server.get("/v1/events?count=exact").expect(200)["matched"], 1);
    let own = server.get("/v1/events?own=true&order=asc&limit=1000").expect(200);
    let created = own["events"].as_array().unwrap().iter().find(|e| e["event_type"] == "stele.key_created");
    let created = created.unwrap_or_else(|| panic!("no stele.key_created: {own}"));
    assert!(created.to_string().contains(&key_id), "it names the key: {created}");
    assert!(created["event_id"].as_str().unwrap().starts_with("stele:"));
    assert!(!created.to_string().contains("test-admin-key"), "a secret never enters the log");
    let typed = server.get("/v1/events?event_type=stele.key_created&count=exact").expect(200);
    assert!(typed["matched"].as_u64().unwrap() >= 1, "{typed}");
    let by_id = server.get(&format!("/v1/events/{}", percent(created["event_id"].as_str().unwrap())));
    assert_eq!(by_id.expect(200)["event_id"], created["event_id"], "by id they are always seen");
}

/// Goal: pages are a snapshot. Method: events with equal and older times arrive all the while a client
/// walks the pages; it must see each event of the first page's head once, in order, and nothing later.
#[test]
fn pages_do_not_move_while_events_arrive() {
    let server = Server::start();
    let stored: Vec<String> = (0..500).map(|i| at(&format!("s{i}"), 1000 + i / 5)).collect();
    let _ = server.ingest(&stored).expect(200);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let late: Vec<String> = (0..20).map(|i| at(&format!("l{round}-{i}"), 990 + i * 6)).collect();
                let _ = server.ingest(&late).expect(200);
            }
        });
        let walks = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for order in ["asc", "desc"] {
                let target = format!("/v1/events?order={order}&limit=7&count=exact");
                let first = server.get(&target).expect(200);
                let matched = first["matched"].as_u64().unwrap() as usize;
                let mut all = ids(&first);
                all.extend(walk_from(&server, &target, first["next_cursor"].as_str()));
                let distinct: HashSet<&String> = all.iter().collect();
                assert_eq!((all.len(), distinct.len()), (matched, matched), "{order}: each event once");
                assert!((0..500).all(|i| distinct.contains(&format!("s{i}"))), "{order}: none is skipped");
            }
        }));
        stop.store(true, Ordering::Relaxed);
        walks.unwrap();
    });
}

#[test]
fn a_cursor_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let options = || stele_tests::Options::default().data(dir.path());
    let mut server = options().start();
    let events: Vec<String> = (0..20).map(|i| at(&format!("e{i:02}"), i)).collect();
    let _ = server.ingest(&events).expect(200);
    let page = server.get("/v1/events?order=asc&limit=5").expect(200);
    server.stop();
    let mut server = options().start();
    let _ = server.ingest(&[at("late", 7)]).expect(200);
    let rest = walk_from(&server, "/v1/events?order=asc&limit=5", page["next_cursor"].as_str());
    assert_eq!(rest, (5..20).map(|i| format!("e{i:02}")).collect::<Vec<_>>());
    server.stop();
}

#[test]
fn a_range_may_be_empty_and_a_page_may_be_exactly_full() {
    let server = Server::start();
    let events: Vec<String> = (0..4).map(|i| at(&format!("e{i}"), i)).collect();
    let _ = server.ingest(&events).expect(200);
    assert!(server.get("/v1/events?limit=4").expect(200)["next_cursor"].is_null(), "nothing is left");
    assert!(server.get("/v1/events?limit=3").expect(200)["next_cursor"].is_string());
    assert!(found(&server, "from=2026-03-01T00:00:01Z&to=2026-03-01T00:00:01Z").is_empty());
}
