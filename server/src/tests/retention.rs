//! Policies: who may change what, the event of a change, and what a restart keeps.

use serde_json::{Value, json};

use super::client::{Got, Server};

fn put(server: &Server, key: &str, body: &str) -> Got {
    let auth = format!("Bearer {key}");
    server.call_as(&auth, "PUT", "/v1/retention", &[("content-type", "application/json")], body.as_bytes())
}

fn admin(server: &Server) -> String {
    let made = server.post_json("/v1/keys", r#"{"name":"a","scopes":["admin"]}"#);
    made.json()["secret"].as_str().unwrap().to_owned()
}

fn changes(server: &Server) -> Vec<Value> {
    let found = server.get("/v1/events?event_type=stele.retention_changed&order=asc").json();
    let of = |event: &Value| event["metadata"]["changes"].clone();
    found["events"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn a_policy_is_changed_by_admins_kept_across_a_restart_and_each_change_is_an_event() {
    let server = Server::new();
    let first = json!({"active_days": null, "chill_after_days": 7, "archive": true, "legal_hold": false, "plan": "pro"});
    assert_eq!(server.get("/v1/retention").json(), first);
    let admin = admin(&server);
    let got = put(&server, &admin, r#"{"active_days":30}"#);
    let second = json!({"active_days": 30, "chill_after_days": 7, "archive": true, "legal_hold": false, "plan": "pro"});
    assert_eq!((got.status, got.json()), (200, second.clone()));
    assert_eq!(put(&server, &admin, &second.to_string()).status, 200, "what was read can be sent back");
    assert_eq!(changes(&server), [json!({"before": first, "after": second})]);
    let server = server.restart();
    assert_eq!(server.get("/v1/retention").json(), second);
    assert_eq!(put(&server, &admin, r#"{"active_days":null}"#).json()["active_days"], Value::Null);
    for (body, pointer) in
        [(r#"{"active_days":6}"#, "/active_days"), (r#"{"days":6}"#, "/days"), (r#"{"plan":"x"}"#, "/plan")]
    {
        let got = put(&server, &admin, body);
        assert_eq!((got.status, &got.json()["errors"][0]["pointer"]), (422, &pointer.into()), "{body}");
    }
    assert_eq!(changes(&server).len(), 2, "what was refused is no change");
    let reader = server.post_json("/v1/keys", r#"{"name":"r","scopes":["read"]}"#).json();
    let reader = reader["secret"].as_str().unwrap();
    assert_eq!(put(&server, reader, "{}").status, 403);
    let shown = server.call_as(&format!("Bearer {reader}"), "GET", "/v1/retention", &[], b"");
    assert_eq!(shown.status, 200);
}

#[test]
fn the_plan_and_the_end_of_a_hold_need_the_instance_key() {
    let server = Server::new();
    let admin = admin(&server);
    assert_eq!(put(&server, &admin, r#"{"plan":"enterprise"}"#).status, 403);
    assert_eq!(put(&server, &admin, r#"{"legal_hold":true}"#).status, 200);
    let refused = put(&server, &admin, r#"{"legal_hold":false}"#);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("hold"), "{}", refused.text());
    let key = server.key.clone();
    assert_eq!(put(&server, &key, r#"{"legal_hold":false,"plan":"enterprise"}"#).status, 200);
    assert_eq!(server.get("/v1/orgs/default").json()["plan"], "enterprise");
    let server = server.restart();
    assert_eq!(server.get("/v1/orgs/default").json()["plan"], "enterprise");
    assert_eq!(server.get("/v1/orgs").json()["orgs"][0]["plan"], "enterprise");
}
