//! Keys, organizations, event types, and what they leave in the log.

use serde_json::Value;

use super::client::{Server, event};

pub(super) fn made_key(server: &Server, scopes: &str) -> (String, String) {
    let got = server.post_json("/v1/keys", &format!(r#"{{"name":"k","scopes":{scopes}}}"#));
    assert_eq!(got.status, 201, "{}", got.text());
    let key = got.json();
    (key["id"].as_str().unwrap().to_owned(), format!("Bearer {}", key["secret"].as_str().unwrap()))
}

#[test]
fn a_first_start_makes_one_key_that_is_shown_once() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = crate::jobs::runtime().unwrap();
    let options = || crate::serve::ServeOptions::new(dir.path().to_owned(), "127.0.0.1:0".parse().unwrap());
    let first = runtime.block_on(crate::serve::start(options())).unwrap();
    let key = first.first_key.clone().unwrap();
    assert!(first.app().keys.authenticate(&key).unwrap().scopes.allow(crate::auth::Access::Instance));
    assert!(matches!(
        runtime.block_on(crate::serve::start(options())),
        Err(crate::serve::ServeError::Locked { .. })
    ));
    runtime.block_on(first.stop());
    let second = runtime.block_on(crate::serve::start(options())).unwrap();
    assert_eq!(second.first_key, None);
    assert!(second.app().keys.authenticate(&key).is_some());
    runtime.block_on(second.stop());
}

#[test]
fn scopes_and_missing_keys_answer_403_and_401() {
    let server = Server::new();
    for auth in ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer stl_0000000000000000_00"] {
        let got = server.call_as(auth, "GET", "/v1/events", &[], b"");
        assert_eq!(got.status, 401, "{auth}");
        assert!(got.headers["www-authenticate"].starts_with("Bearer"));
    }
    let (_, ingest) = made_key(&server, r#"["ingest"]"#);
    let (_, read) = made_key(&server, r#"["read"]"#);
    let json = [("content-type", "application/json")];
    assert_eq!(server.call_as(&ingest, "POST", "/v1/events", &json, event("a").as_bytes()).status, 200);
    assert_eq!(server.call_as(&ingest, "GET", "/v1/events", &[], b"").status, 403);
    assert_eq!(server.call_as(&read, "POST", "/v1/events", &json, event("b").as_bytes()).status, 403);
    assert_eq!(server.call_as(&read, "POST", "/v1/chain/verify", &json, b"").status, 403);
    assert_eq!(server.call_as(&read, "GET", "/v1/keys", &[], b"").status, 403);
    assert_eq!(server.call_as(&read, "GET", "/v1/orgs", &[], b"").status, 403);
    assert_eq!(server.call_as(&read, "GET", "/v1/events/a", &[], b"").status, 200);
}

#[test]
fn revoking_works_at_once_and_both_changes_are_in_the_log() {
    let server = Server::new();
    let (id, auth) = made_key(&server, r#"["read"]"#);
    assert_eq!(server.call_as(&auth, "GET", "/v1/chain", &[], b"").status, 200);
    let revoked = server.call("DELETE", &format!("/v1/keys/{id}"), &[], b"").json();
    assert!(revoked["revoked_at"].is_string());
    assert_eq!(server.call_as(&auth, "GET", "/v1/chain", &[], b"").status, 401);
    let own = server.get("/v1/events?own=true&order=asc").json();
    let types: Vec<&str> =
        own["events"].as_array().unwrap().iter().map(|e| e["event_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["stele.key_created", "stele.key_revoked"]);
    let event = &own["events"][1];
    assert_eq!(event["actor"]["ip_address"], "127.0.0.1");
    assert_eq!(event["metadata"]["changes"]["before"]["revoked_at"], Value::Null);
    assert_eq!(event["metadata"]["changes"]["after"]["revoked_at"], revoked["revoked_at"]);
    assert_eq!(
        server.get("/v1/events").json()["events"].as_array().unwrap().len(),
        0,
        "own events are apart"
    );
    let server = server.restart();
    assert_eq!(server.call_as(&auth, "GET", "/v1/chain", &[], b"").status, 401);
    assert!(!server.get("/v1/keys").text().contains("hash"));
}

#[test]
fn the_last_instance_key_stays() {
    let server = Server::new();
    let keys = server.get("/v1/keys").json();
    let id = keys["keys"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.call("DELETE", &format!("/v1/keys/{id}"), &[], b"").status, 409);
}

#[test]
fn organizations_see_nothing_of_each_other() {
    let server = Server::new();
    server.post_json("/v1/events", &event("mine"));
    let (mine, _) = made_key(&server, r#"["read"]"#);
    let made = server.post_json("/v1/orgs", r#"{"name":"Other","plan":"enterprise"}"#);
    assert_eq!(made.status, 201, "{}", made.text());
    let org = made.json();
    let auth = format!("Bearer {}", org["key"].as_str().unwrap());
    let as_other = |method: &str, path: &str| server.call_as(&auth, method, path, &[], b"");
    assert_eq!(as_other("GET", "/v1/events/mine").status, 404);
    assert_eq!(as_other("DELETE", &format!("/v1/keys/{mine}")).status, 404);
    assert_eq!(as_other("GET", "/v1/orgs").status, 403);
    let own = as_other("GET", "/v1/events?own=true").json();
    assert_eq!(own["events"][0]["event_type"], "stele.org_created");
    let id = org["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/v1/orgs/{id}")).json()["plan"], "enterprise");
    assert_eq!(server.get("/v1/orgs/nobody").status, 404);
    let server = server.restart();
    assert_eq!(server.get("/v1/orgs").json()["orgs"].as_array().unwrap().len(), 2);
    assert_eq!(server.call_as(&auth, "GET", "/v1/chain", &[], b"").json()["size"], 1);
}

#[test]
fn bodies_of_changes_point_at_what_is_wrong() {
    let server = Server::new();
    for (path, body, pointer) in [
        ("/v1/keys", r#"{"name":"","scopes":["read"]}"#, "/name"),
        ("/v1/keys", r#"{"name":"a","scopes":[]}"#, "/scopes"),
        ("/v1/keys", r#"{"name":"a","scopes":["read","root"]}"#, "/scopes/1"),
        ("/v1/keys", r#"{"name":"a","scopes":["read"],"expires_at":"2001-01-01T00:00:00Z"}"#, "/expires_at"),
        ("/v1/keys", r#"{"name":"a","scopes":["read"],"colour":1}"#, "/colour"),
        ("/v1/orgs", r#"{"name":"a","plan":"free"}"#, "/plan"),
        ("/v1/event-types", r#"{"category":"api"}"#, "/event_type"),
    ] {
        let got = server.post_json(path, body);
        assert_eq!(got.status, 422, "{body}: {}", got.text());
        assert_eq!(got.json()["errors"][0]["pointer"], pointer, "{}", got.text());
    }
}

#[test]
fn a_registered_type_marks_or_refuses_as_chosen() {
    let server = Server::new();
    let schema = r#"{"type":"object","required":["total"]}"#;
    let body = format!(
        r#"{{"event_type":"shop.order","category":"shop","schema":{schema},"on_mismatch":"refuse"}}"#
    );
    assert_eq!(server.post_json("/v1/event-types", &body).status, 201);
    assert_eq!(server.post_json("/v1/event-types", &body).status, 409);
    let order = event("o-1").replace("auth.login", "shop.order");
    assert_eq!(server.post_json("/v1/events", &order).status, 422);
    let put = [("content-type", "application/json")];
    let body = format!(r#"{{"category":"shop","schema":{schema},"on_mismatch":"mark"}}"#);
    assert_eq!(server.call("PUT", "/v1/event-types/shop.order", &put, body.as_bytes()).status, 200);
    let server = server.restart();
    assert_eq!(server.post_json("/v1/events", &order).status, 200);
    let stored = server.get("/v1/events/o-1").json();
    assert!(stored["schema_errors"].is_array(), "{stored}");
    let types = server.get("/v1/event-types").json();
    let shop = types["event_types"].as_array().unwrap().iter().find(|t| t["event_type"] == "shop.order");
    assert_eq!(shop.unwrap()["built_in"], false);
}
