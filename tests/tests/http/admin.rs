//! Keys, organizations, event types, chain and verification.

use serde_json::{Value, json};
use stele_tests::event::{at, with};
use stele_tests::server::text;
use stele_tests::{ADMIN_KEY, Server};

#[test]
fn a_key_is_shown_once_works_until_revoked_and_leaves_its_events() {
    let server = Server::start();
    let (id, secret) = server.new_key(&["ingest", "read"]);
    assert!(secret.len() >= 20, "{secret}");
    let keys = server.get("/v1/keys").expect(200);
    let listed = |keys: &Value| {
        let found = keys["keys"].as_array().unwrap().iter().find(|key| key["id"] == id.as_str()).cloned();
        found.unwrap_or_else(|| panic!("{id} is not in {keys}"))
    };
    let key = listed(&keys);
    assert!(key.get("secret").is_none() && !keys.to_string().contains(&secret), "the secret is shown once");
    assert_eq!(key["scopes"], json!(["ingest", "read"]));
    assert!(key["revoked_at"].is_null(), "{key}");
    let with_key = |method: &str, target: &str| server.bare(method, target).key(&secret);
    assert_eq!(with_key("POST", "/v1/events").json(at("k1", 1)).send().status, 200);
    assert_eq!(with_key("GET", "/v1/events").send().status, 200);
    let revoked = server.call("DELETE", &format!("/v1/keys/{id}")).send();
    assert!(matches!(revoked.status, 200 | 204), "{}", revoked.text());
    assert_eq!(with_key("GET", "/v1/events").send().status, 401, "revoking works at once");
    assert!(listed(&server.get("/v1/keys").expect(200))["revoked_at"].is_string());
    let own = server
        .get("/v1/events?own=true&event_type=stele.key_created&event_type=stele.key_revoked")
        .expect(200);
    let about: Vec<&Value> =
        own["events"].as_array().unwrap().iter().filter(|e| e.to_string().contains(&id)).collect();
    assert_eq!(about.len(), 2, "made and revoked, both in the log: {own}");
    assert!(!own.to_string().contains(&secret));
}

#[test]
fn an_expired_key_is_a_bad_key() {
    let server = Server::start();
    let body = json!({"name": "old", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}).to_string();
    let answer = server.post("/v1/keys", &body);
    if answer.status == 422 {
        assert_eq!(answer.json()["errors"][0]["pointer"], "/expires_at", "an end in the past may be refused");
        return;
    }
    let secret = text(&answer.json(), "secret");
    assert_eq!(server.bare("GET", "/v1/events").key(&secret).send().status, 401);
}

#[test]
fn organizations_are_made_listed_and_kept_apart() {
    let server = Server::start();
    let (id, key) = server.new_org("Example Ltd");
    let org = server.get(&format!("/v1/orgs/{id}")).expect(200);
    assert_eq!(org["name"], "Example Ltd");
    let origin = text(&org, "origin");
    let log_id = text(&org, "log_id");
    assert!(origin.ends_with(&format!("/stele/{log_id}")) && log_id.len() == 32, "{org}");
    assert!(!origin.contains("Example"), "an origin never holds the customer's name");
    assert!(org.get("key").is_none(), "the key is shown once");
    let orgs = server.get("/v1/orgs").expect(200);
    assert_eq!(orgs["orgs"].as_array().unwrap().len(), 2, "{orgs}");
    let _ = server.bare("POST", "/v1/events").key(&key).json(at("theirs", 1)).send().expect(200);
    assert_eq!(server.get("/v1/events/theirs").status, 404);
    assert_eq!(server.bare("GET", "/v1/events/theirs").key(&key).send().status, 200);
    let (_, read) = server.new_key_as(&key, &["read"]);
    assert_eq!(server.bare("GET", "/v1/events/theirs").key(&read).send().status, 200);
}

#[test]
fn keys_and_organizations_outlive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let options = || stele_tests::Options::default().data(dir.path());
    let mut server = options().start();
    let (org, key) = server.new_org("kept");
    let (_, read) = server.new_key(&["read"]);
    let _ = server.bare("POST", "/v1/events").key(&key).json(at("kept", 1)).send().expect(200);
    server.stop();
    let mut server = options().env("STELE_ADMIN_KEY", "another-admin-key-0123456789").start();
    assert_eq!(server.get(&format!("/v1/orgs/{org}")).status, 200, "the first key stays the first key");
    assert_eq!(server.bare("GET", "/v1/events").key(&read).send().status, 200);
    assert_eq!(server.bare("GET", "/v1/events/kept").key(&key).send().status, 200);
    server.stop();
}

/// A type whose metadata needs a price.
fn shop_type(on_mismatch: &str) -> String {
    json!({
        "event_type": format!("shop.{on_mismatch}"),
        "category": "api",
        "schema": {"type": "object", "required": ["price"], "properties": {"price": {"type": "number"}}},
        "on_mismatch": on_mismatch,
    })
    .to_string()
}

fn sold(kind: &str, id: &str, metadata: &str) -> String {
    let (kind, id) = (format!("\"shop.{kind}\""), format!("\"{id}\""));
    with(&[("event_id", &id), ("event_type", &kind), ("category", ""), ("metadata", metadata)])
}

#[test]
fn registered_types_derive_their_category_and_mark_or_refuse_what_does_not_fit() {
    let server = Server::start();
    assert_eq!(
        server.post("/v1/events", &sold("mark", "early", "{}")).status,
        422,
        "unknown: it needs a category"
    );
    for on_mismatch in ["mark", "refuse"] {
        let answer = server.post("/v1/event-types", &shop_type(on_mismatch));
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    }
    for (kind, id) in [("mark", "m1"), ("refuse", "r1")] {
        let _ = server.post("/v1/events", &sold(kind, id, r#"{"price":9.50}"#)).expect(200);
        let event = server.get(&format!("/v1/events/{id}")).expect(200);
        assert_eq!(event["category"], "api");
        assert!(event.get("schema_errors").is_none(), "{event}");
    }
    let _ = server.post("/v1/events", &sold("mark", "m2", r#"{"price":"a lot"}"#)).expect(200);
    let marked = server.get("/v1/events/m2").expect(200);
    assert_eq!(marked["schema_errors"][0]["pointer"], "/metadata/price", "{marked}");
    let again = server.post("/v1/events", &sold("mark", "m2", r#"{"price":"a lot"}"#)).expect(200);
    assert_eq!(again["duplicates"], 1, "marks are no content");
    let refused = server.post("/v1/events", &sold("refuse", "r2", r#"{"price":"a lot"}"#));
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["errors"][0]["pointer"], "/metadata/price", "{}", refused.text());
    assert_eq!(server.get("/v1/events/r2").status, 404);
    let missing = server.post("/v1/events", &sold("refuse", "r3", "{}"));
    assert_eq!(missing.status, 422, "{}", missing.text());
}

#[test]
fn types_are_listed_with_the_built_in_ones_and_can_be_changed() {
    let server = Server::start();
    let types = server.get("/v1/event-types").expect(200);
    let list = types["event_types"].as_array().unwrap();
    for (name, category) in [
        ("session.created", "session"),
        ("api.rate_limited", "api"),
        ("agent.deployed", "agent"),
        ("user.role_changed", "security"),
        ("integration.connected", "integration"),
        ("service.degraded", "system"),
        ("maintenance.started", "system"),
        ("auth.login_failed", "auth"),
        ("api_key.revoked", "security"),
    ] {
        let found =
            list.iter().find(|t| t["event_type"] == name).unwrap_or_else(|| panic!("no {name}: {types}"));
        assert_eq!((&found["category"], &found["built_in"]), (&category.into(), &true.into()), "{name}");
        assert!(found["schema"].is_object(), "{name} has a documented schema");
    }
    let _ = server.post("/v1/event-types", &shop_type("refuse"));
    let changed = server
        .call("PUT", "/v1/event-types/shop.refuse")
        .json(shop_type("refuse").replace("number", "string"))
        .send();
    assert_eq!(changed.status, 200, "{}", changed.text());
    let _ = server.post("/v1/events", &sold("refuse", "s1", r#"{"price":"a lot"}"#)).expect(200);
    let (_, other) = server.new_org("other");
    let foreign = server.bare("GET", "/v1/event-types").key(&other).send().expect(200);
    assert!(!foreign.to_string().contains("shop.refuse"), "types belong to one organization");
}

#[test]
fn the_chain_tells_its_head_and_verify_walks_it() {
    let server = Server::start();
    let events: Vec<String> = (0..100).map(|i| at(&format!("v{i}"), i)).collect();
    let answer = server
        .call("POST", "/v1/events?receipts=full")
        .ndjson(stele_tests::event::lines(&events))
        .send()
        .expect(200);
    let last = &answer["receipts"][99];
    let chain = server.get("/v1/chain").expect(200);
    assert_eq!((&chain["sequence"], &chain["hash"]), (&last["sequence"], &last["hash"]), "{chain}");
    assert_eq!(chain["size"].as_u64().unwrap(), last["sequence"].as_u64().unwrap() + 1);
    let verdict = server.post("/v1/chain/verify", "{}");
    assert_eq!(verdict.status, 200, "{}", verdict.text());
    let verdict: Value = serde_json::from_str(verdict.text().lines().last().unwrap()).unwrap();
    assert_eq!((&verdict["result"], &verdict["proved_to"]), (&"ok".into(), &chain["size"]), "{verdict}");
    assert_eq!(verdict["faults"], json!([]));
    let (_, auditor) = server.new_key(&["auditor"]);
    let by_auditor =
        server.bare("POST", "/v1/chain/verify").key(&auditor).json(r#"{"from":10,"to":20}"#).send();
    assert_eq!(by_auditor.status, 200, "{}", by_auditor.text());
    assert_eq!(server.bare("GET", "/v1/chain").key(ADMIN_KEY).send().status, 200);
}
