//! The query language over HTTP: what it finds, what is echoed, what is refused.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Server, event};

/// Percent-encodes everything: the tests are about queries, not about URLs.
fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

fn line(id: &str, second: u32, changes: &[(&str, Value)]) -> String {
    let mut value: Value = serde_json::from_str(&event(id)).unwrap();
    value["timestamp"] = format!("2026-11-23T07:{:02}:{:02}Z", second / 60, second % 60).into();
    for (name, to) in changes {
        value[*name] = to.clone();
    }
    value.to_string()
}

/// Ten calls, two of which fail, and three changes of an agent.
fn filled() -> Server {
    let server = Server::new();
    let mut lines = Vec::new();
    for i in 0..10_u32 {
        let failed = i % 5 == 4;
        let metadata = json!({
            "latency_ms": 10 * (i + 1), "path": if i % 2 == 0 { "/a" } else { "/b" }, "cached": i < 3,
            "status_code": if failed { 503 } else { 200 },
            "error": {"message": if failed { format!("upstream {i} timed out") } else { String::new() }},
        });
        lines.push(line(
            &format!("call-{i}"),
            i * 30,
            &[
                ("event_type", "api.error".into()),
                ("status", if failed { "failure" } else { "success" }.into()),
                ("actor", json!({"type": "api_key", "id": format!("key_{}", i % 3), "name": "ci"})),
                ("metadata", metadata),
            ],
        ));
    }
    for (i, model) in ["a", "b", "c"].iter().enumerate() {
        lines.push(line(
            &format!("change-{i}"),
            400 + i as u32,
            &[
                ("event_type", "agent.updated".into()),
                ("resource", json!({"type": "agent", "id": "agt/42"})),
                ("metadata", json!({"changes": {"before": {"model": i}, "after": {"model": model}}})),
            ],
        ));
    }
    let stored = server.post_lines("/v1/events", &lines);
    assert_eq!(stored.json()["accepted"], 13, "{}", stored.text());
    server
}

fn ids(server: &Server, query: &str) -> Vec<String> {
    let got = server.get(&format!("/v1/events?order=asc&q={}", encoded(query)));
    assert_eq!(got.status, 200, "{query}: {}", got.text());
    let page = got.json();
    page["events"].as_array().unwrap().iter().map(|e| e["event_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_query_finds_counts_and_is_echoed_in_its_canonical_form() {
    let server = filled();
    assert_eq!(ids(&server, "status:failure"), ["call-4", "call-9"]);
    assert_eq!(ids(&server, "\"timed out\" 9"), ["call-9"]);
    assert_eq!(ids(&server, "@latency_ms>=100 OR type:agent @changes.after.model:c"), ["call-9", "change-2"]);
    let got =
        server.get("/v1/events?q=status%3afailure++category:api&actor_id=key_1&count=exact&limit=1").json();
    assert_eq!((&got["matched"], &got["query"]), (&1.into(), &"status:failure category:api".into()));
    assert_eq!(got["hints"], json!([]));
    assert_eq!(server.get("/v1/events").json()["query"], "");
    assert_eq!(server.get("/v1/events?q=").json()["query"], "");
}

#[test]
fn pages_of_a_query_are_of_one_snapshot_and_their_cursors_of_one_call() {
    let server = filled();
    let path = "/v1/events?limit=4&count=exact&order=asc&q=category:api+last:3650d";
    let (mut page, mut seen) = (server.get(path).json(), Vec::new());
    server.post_json("/v1/events", &line("late", 1, &[("event_type", "api.error".into())]));
    let first = page["next_cursor"].as_str().unwrap().to_owned();
    loop {
        assert_eq!(page["matched"], 10);
        seen.extend(page["events"].as_array().unwrap().iter().map(|e| e["event_id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = server.get(&format!("{path}&cursor={cursor}")).json();
    }
    assert_eq!(seen, (0..10).map(|i| Value::from(format!("call-{i}"))).collect::<Vec<_>>());
    for path in [
        format!("/v1/events?limit=4&count=exact&order=asc&q=category:auth+last:3650d&cursor={first}"),
        format!("/v1/errors?limit=4&q=category:api+last:3650d&cursor={first}"),
    ] {
        assert_eq!(server.get(&path).json()["type"], "urn:stele:problem/cursor", "{path}");
    }
}

#[test]
fn a_syntax_error_says_where_it_is_and_what_would_be_possible() {
    let server = Server::new();
    let questions = [
        "/v1/events?",
        "/v1/events/stream?",
        "/v1/facets?fields=status&",
        "/v1/histogram?",
        "/v1/metrics/query?field=metadata.n&",
        "/v1/errors?",
        "/v1/resources/a/b/history?",
    ];
    for call in questions {
        let got = server.get(&format!("{call}q={}", encoded("größe:1 AND (status:failure")));
        assert_eq!(got.status, 400, "{call}: {}", got.text());
        let problem = got.json();
        assert_eq!(problem["type"], "urn:stele:problem/query", "{problem}");
        assert_eq!(got.headers["content-type"], "application/problem+json");
        for (member, is) in [
            ("position", problem["position"].is_u64()),
            ("length", problem["length"].is_u64()),
            ("expected", problem["expected"].is_string()),
        ] {
            assert!(is, "{member}: {problem}");
        }
        assert!(problem.get("suggestion").is_some() && problem["detail"].as_str().unwrap().contains("`q`"));
        // 12 is the parenthesis that is not closed, 27 the end where it should be.
        assert!([12, 27].contains(&problem["position"].as_u64().unwrap()), "in characters: {problem}");
    }
}

#[test]
fn parameters_of_the_new_calls_name_what_they_take() {
    let server = Server::new();
    for (path, name) in [
        ("/v1/facets?fields=", "fields"),
        ("/v1/facets?fields=colour", "fields"),
        ("/v1/facets?fields=status&top=0", "top"),
        ("/v1/facets?fields=status&top=1001", "top"),
        ("/v1/facets?fields=status&limit=5", "limit"),
        ("/v1/histogram?interval=1w", "interval"),
        ("/v1/histogram?interval=5", "interval"),
        ("/v1/histogram?split=actor", "split"),
        ("/v1/histogram?from=yesterday", "from"),
        ("/v1/metrics/query", "field"),
        ("/v1/metrics/query?field=status", "field"),
        ("/v1/metrics/query?field=metadata.n&group_by=colour", "group_by"),
        ("/v1/errors?limit=1001", "limit"),
        ("/v1/errors?status=bad", "status"),
        ("/v1/errors?order=asc", "order"),
        ("/v1/resources/agent/a/history?at=yesterday", "at"),
        ("/v1/resources/agent/a/history?until=now", "until"),
        ("/v1/events/stream?limit=5", "limit"),
    ] {
        let got = server.get(path);
        assert_eq!(got.status, 400, "{path}: {}", got.text());
        assert!(got.json()["detail"].as_str().unwrap().contains(&format!("`{name}`")), "{}", got.text());
    }
    for path in
        ["/v1/facets", "/v1/histogram", "/v1/metrics/query", "/v1/errors", "/v1/resources/a/b/history"]
    {
        assert_eq!(server.call("POST", path, &[], b"").headers["allow"], "GET, HEAD", "{path}");
        assert_eq!(server.call_as("", "GET", path, &[], b"").status, 401, "{path}");
    }
}

#[test]
fn advice_comes_with_the_answer() {
    let server = filled();
    let hints = |query: &str| server.get(&format!("/v1/events?q={}", encoded(query))).json()["hints"].clone();
    let lower = hints("status:failure or status:pending");
    assert!(lower[0]["detail"].is_string() && lower[0]["position"] == 15, "{lower}");
    let unknown = hints("@latncy_ms>5");
    assert!(unknown[0].to_string().contains("latency_ms"), "the nearest path: {unknown}");
    assert_eq!(hints("@latency_ms>5"), json!([]));
}

#[test]
fn facets_count_every_value_with_its_type() {
    let server = filled();
    let path =
        "/v1/facets?fields=status,metadata.status_code,actor,@cached,resource_type&top=2&q=category:api";
    let got = server.get(path);
    assert_eq!(got.status, 200, "{}", got.text());
    let answer = got.json();
    assert_eq!((&answer["matched"], &answer["query"]), (&10.into(), &"category:api".into()));
    let facet = |name: &str| answer["facets"][name].clone();
    assert_eq!(
        facet("status"),
        json!({"values": [{"value": "success", "count": 8}, {"value": "failure", "count": 2}], "other": 0, "missing": 0})
    );
    assert_eq!(facet("metadata.status_code")["values"][1], json!({"value": 503, "count": 2}));
    assert_eq!(facet("actor")["other"], 3, "{answer}");
    assert_eq!(facet("@cached")["values"][0], json!({"value": false, "count": 7}));
    assert_eq!(facet("resource_type")["values"], json!([{"value": "session", "count": 10}]));
    let all = server.get("/v1/facets?fields=metadata.status_code").json();
    assert_eq!(all["facets"]["metadata.status_code"]["missing"], 3);
}

#[test]
fn a_histogram_has_every_bucket_of_its_range() {
    let server = filled();
    let range = "from=2026-11-23T07:00:00Z&to=2026-11-23T07:10:00Z";
    let got = server.get(&format!("/v1/histogram?interval=1m&split=status&{range}"));
    assert_eq!(got.status, 200, "{}", got.text());
    let answer = got.json();
    let buckets = answer["buckets"].as_array().unwrap();
    assert_eq!((buckets.len(), &answer["interval"]), (10, &"1m".into()));
    let expected = json!({"start": "2026-11-23T07:02:00Z", "count": 2, "by": {"failure": 1, "success": 1}});
    assert_eq!(buckets[2], expected);
    assert_eq!(buckets[9], json!({"start": "2026-11-23T07:09:00Z", "count": 0, "by": {}}));
    let auto = server.get(&format!("/v1/histogram?{range}")).json();
    assert_eq!((&auto["interval"], auto["buckets"].as_array().unwrap().len()), (&"5s".into(), 120));
    let open = server.get("/v1/histogram?q=status:failure").json();
    assert_eq!(
        open["buckets"].as_array().unwrap().iter().map(|b| b["count"].as_u64().unwrap()).sum::<u64>(),
        2
    );
    let none = server.get("/v1/histogram?q=status:pending").json();
    assert_eq!(none["buckets"], json!([]), "{none}");
    let broad = server.get("/v1/histogram?interval=1s&from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z");
    assert_eq!(broad.json()["type"], "urn:stele:problem/too-broad", "{}", broad.text());
}

/// Goal: `auto` suits the range that is searched, wherever that stands.
/// Method: matches of less than one minute, in ranges of a week and of a month that stand in `q`.
#[test]
fn auto_suits_a_range_that_stands_in_the_query() {
    let server = Server::new();
    let now = jiff::Timestamp::now();
    let ago = |seconds| (now - Duration::from_secs(seconds)).to_string();
    let times = [ago(40), ago(10), "2025-11-10T12:00:05Z".to_owned(), "2025-11-10T12:00:45Z".to_owned()];
    for (i, time) in times.into_iter().enumerate() {
        let line = line(&format!("e-{i}"), 0, &[("timestamp", time.into())]);
        assert_eq!(server.post_json("/v1/events", &line).status, 200);
    }
    for (query, interval, buckets) in [
        ("last:7d", "2h", 84..=85),
        ("timestamp>=now-7d timestamp<now", "2h", 84..=85),
        ("timestamp:2025-11", "6h", 120..=120),
    ] {
        let got = server.get(&format!("/v1/histogram?q={}", encoded(query)));
        assert_eq!(got.status, 200, "{query}: {}", got.text());
        let answer = got.json();
        let found = answer["buckets"].as_array().unwrap();
        assert_eq!(answer["interval"], interval, "{query}");
        assert!(buckets.contains(&found.len()), "{query}: {} buckets", found.len());
        assert_eq!(found.iter().map(|b| b["count"].as_u64().unwrap()).sum::<u64>(), 2, "{query}");
    }
}

#[test]
fn figures_are_by_nearest_rank_and_by_group() {
    let server = filled();
    let got = server.get("/v1/metrics/query?field=metadata.latency_ms&q=category:api");
    assert_eq!(got.status, 200, "{}", got.text());
    let one = json!({"key": null, "count": 10, "min": 10, "max": 100, "mean": 55, "p50": 50, "p95": 100, "p99": 100});
    assert_eq!(got.json()["groups"], json!([one]));
    let by = server.get("/v1/metrics/query?field=@latency_ms&group_by=metadata.path&top=1").json();
    assert_eq!((&by["groups"][0]["key"], &by["groups_left_out"]), (&"/a".into(), &1.into()), "{by}");
}

#[test]
fn errors_are_folded_into_groups_with_a_sample() {
    let server = filled();
    let other = line(
        "other",
        700,
        &[("status", "failure".into()), ("metadata", json!({"error": {"message": "disk full"}}))],
    );
    server.post_json("/v1/events", &other);
    let got = server.get("/v1/errors?limit=1");
    assert_eq!(got.status, 200, "{}", got.text());
    let page = got.json();
    assert_eq!(
        (&page["groups"][0]["sample"]["event_id"], &page["matched"]),
        (&"other".into(), &2.into()),
        "{page}"
    );
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = server.get(&format!("/v1/errors?limit=1&cursor={cursor}")).json();
    let group = &next["groups"][0];
    assert_eq!((&group["count"], &group["sample"]["event_id"]), (&2.into(), &"call-9".into()), "{next}");
    assert_eq!(
        (&group["first_seen"], &group["last_seen"]),
        (&"2026-11-23T07:02:00Z".into(), &"2026-11-23T07:04:30Z".into())
    );
    let sparks = group["sparkline"].as_array().unwrap();
    assert_eq!((sparks.len(), sparks.iter().map(|s| s.as_u64().unwrap()).sum::<u64>()), (24, 2));
    assert!(group["fingerprint"].as_str().unwrap().len() == 16 && next["next_cursor"].is_null(), "{next}");
}

#[test]
fn a_history_has_the_changes_and_the_state_at_a_time() {
    let server = filled();
    let path = "/v1/resources/agent/agt%2F42/history";
    let got = server.get(&format!("{path}?limit=2"));
    assert_eq!(got.status, 200, "{}", got.text());
    let page = got.json();
    assert_eq!(
        (&page["state"]["model"], &page["changes"][0]["event_id"]),
        (&"c".into(), &"change-2".into()),
        "{page}"
    );
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = server.get(&format!("{path}?limit=2&cursor={cursor}")).json();
    assert_eq!((&next["changes"][0]["event_id"], &next["next_cursor"]), (&"change-0".into(), &Value::Null));
    let then = server.get(&format!("{path}?at=2026-11-23T07:06:40.5Z")).json();
    assert_eq!(then["state"]["model"], "a", "{then}");
    let nobody = server.get("/v1/resources/agent/nobody/history").json();
    assert_eq!((&nobody["changes"], &nobody["state"]), (&json!([]), &Value::Null));
}
