//! Saved views: whose they are, who sees them, what a change leaves in the log.

use serde_json::{Value, json};

use super::client::{Got, Server};

const JSON: (&str, &str) = ("content-type", "application/json");

/// Calls with a key of its own name and scopes, or with the first key.
struct Who<'a> {
    server: &'a Server,
    token: Option<String>,
}

impl<'a> Who<'a> {
    fn new(server: &'a Server, name: &str, scope: &str) -> Self {
        let body = json!({"name": name, "scopes": [scope]}).to_string();
        let made = server.call("POST", "/v1/keys", &[JSON], body.as_bytes()).json();
        Self { server, token: Some(made["secret"].as_str().unwrap().to_owned()) }
    }

    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Got {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
        match &self.token {
            Some(token) => {
                let auth = format!("Bearer {token}");
                self.server.call_as(&auth, method, path, &headers, text.as_bytes())
            }
            None => self.server.call(method, path, &headers, text.as_bytes()),
        }
    }

    fn views(&self) -> Vec<Value> {
        self.call("GET", "/v1/views", &[], &Value::Null).json()["views"].as_array().unwrap().clone()
    }

    fn names(&self) -> Vec<String> {
        self.views().iter().map(|view| view["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn first(server: &Server) -> Who<'_> {
    Who { server, token: None }
}

#[test]
fn everybody_starts_with_the_four_views_and_may_delete_them() {
    let server = Server::new();
    let who = first(&server);
    let four = ["Failed API Calls", "Agent Changes", "Security Events", "Deployments"];
    assert_eq!(who.names(), four);
    for view in who.views() {
        let q = view["q"].as_str().unwrap().replace(' ', "+").replace(':', "%3A").replace('*', "%2A");
        let asked = format!("/v1/events?q={q}&from={}", view["from"].as_str().unwrap());
        assert_eq!(server.get(&asked).status, 200, "{view}");
        let path = format!("/v1/views/{}", view["id"].as_str().unwrap());
        assert_eq!(who.call("DELETE", &path, &[], &Value::Null).status, 204);
        assert_eq!(who.call("DELETE", &path, &[], &Value::Null).status, 404);
    }
    assert!(who.names().is_empty());
    let server = server.restart();
    assert!(first(&server).names().is_empty(), "what was deleted stays away");
    assert_eq!(Who::new(&server, "other", "read").names(), four, "of others they are their own");
}

#[test]
fn a_view_is_saved_changed_starred_and_ordered() {
    let server = Server::new();
    let who = first(&server);
    let body = json!({"name": "Mine", "q": "status:failure", "from": "now-1h", "order": "asc",
        "columns": ["timestamp", "metadata.path"], "starred": true});
    let made = who.call("POST", "/v1/views", &[], &body);
    assert_eq!(made.status, 201);
    let made = made.json();
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    assert_eq!((&made["mine"], &made["version"], &made["to"]), (&json!(true), &json!(1), &Value::Null));
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/views/{id}");
    let after = who.call("PUT", &path, &[], &json!({"name": "Ours", "from": null, "version": 1})).json();
    assert_eq!(
        (&after["name"], &after["from"], &after["version"]),
        (&json!("Ours"), &Value::Null, &json!(2))
    );
    assert_eq!((&after["q"], &after["starred"]), (&json!("status:failure"), &json!(true)), "the rest stays");
    let stale = who.call("PUT", &path, &[], &json!({"name": "Lost", "version": 1}));
    assert_eq!(stale.status, 409, "{}", stale.text());
    let star = who.call("PUT", &path, &[], &json!({"starred": false})).json();
    assert_eq!((&star["starred"], &star["version"]), (&json!(false), &json!(2)));
    let known: Vec<Value> = who.views().iter().map(|view| view["id"].clone()).collect();
    let order = json!({"ids": [id, known[2]]});
    let ordered = who.call("PUT", "/v1/views/order", &[], &order).json();
    assert_eq!(ordered["ids"].as_array().unwrap().len(), 5);
    assert_eq!(who.names(), ["Ours", "Security Events", "Failed API Calls", "Agent Changes", "Deployments"]);
    for wrong in [json!({"ids": ["view_x"]}), json!({"ids": [id, id]}), json!({"ids": 1})] {
        assert_eq!(who.call("PUT", "/v1/views/order", &[], &wrong).status, 422, "{wrong}");
    }
    let server = server.restart();
    let names = first(&server).names();
    assert_eq!(names[..2], ["Ours", "Security Events"]);
}

#[test]
fn a_view_is_seen_by_others_only_while_it_is_shared() {
    let server = Server::new();
    let (ada, bob) = (Who::new(&server, "ada", "read"), Who::new(&server, "bob", "read"));
    let made = ada.call("POST", "/v1/views", &[], &json!({"name": "Secret plan", "q": "plan"})).json();
    let path = format!("/v1/views/{}", made["id"].as_str().unwrap());
    assert!(!bob.names().contains(&"Secret plan".to_owned()));
    assert_eq!(bob.call("PUT", &path, &[], &json!({"starred": true})).status, 404);
    assert_eq!(bob.call("DELETE", &path, &[], &Value::Null).status, 404);
    ada.call("PUT", &path, &[], &json!({"shared": true, "name": "Open plan"}));
    let seen = bob.views().into_iter().find(|view| view["id"] == made["id"]).unwrap();
    assert_eq!(
        (&seen["mine"], &seen["owner"]["name"], &seen["q"]),
        (&json!(false), &json!("ada"), &json!("plan"))
    );
    assert_eq!(bob.call("PUT", &path, &[], &json!({"name": "Taken"})).status, 403);
    assert_eq!(bob.call("DELETE", &path, &[], &Value::Null).status, 403);
    assert_eq!(bob.call("PUT", &path, &[], &json!({"starred": true})).json()["starred"], true);
    let of_ada = ada.views().into_iter().find(|view| view["id"] == made["id"]).unwrap();
    assert_eq!(of_ada["starred"], false, "a star is its giver's");
    // Another organization, and keys that may not.
    let org = server.call("POST", "/v1/orgs", &[JSON], br#"{"name":"other"}"#).json();
    let other = Who { server: &server, token: Some(org["key"].as_str().unwrap().to_owned()) };
    assert_eq!(other.names().len(), 4);
    assert_eq!(other.call("PUT", &path, &[], &json!({"starred": true})).status, 404);
    let auditor = Who::new(&server, "auditor", "auditor");
    assert_eq!(auditor.names().len(), 5);
    assert_eq!(auditor.call("POST", "/v1/views", &[], &json!({"name": "x"})).status, 403);
    ada.call("PUT", &path, &[], &json!({"shared": false}));
    assert!(!bob.views().iter().any(|view| view["id"] == made["id"]));
    // What the log tells of it.
    let told = server.get("/v1/events?event_type=stele.view_created,stele.view_updated&order=asc").text();
    assert!(told.contains("Open plan") && !told.contains("Secret plan"), "{told}");
}

#[test]
fn a_list_that_has_not_changed_is_not_sent_again() {
    let server = Server::new();
    let who = first(&server);
    let got = who.call("GET", "/v1/views", &[], &Value::Null);
    let tag = got.headers["etag"].clone();
    let again = who.call("GET", "/v1/views", &[("if-none-match", &tag)], &Value::Null);
    assert_eq!((again.status, again.body.len()), (304, 0));
    who.call("POST", "/v1/views", &[], &json!({"name": "New"}));
    let changed = who.call("GET", "/v1/views", &[("if-none-match", &tag)], &Value::Null);
    assert_eq!((changed.status, changed.json()["views"].as_array().unwrap().len()), (200, 5));
}

#[test]
fn views_have_a_limit_and_their_members_are_checked() {
    let server = Server::new();
    let who = first(&server);
    for (body, pointer) in [
        (json!({}), "/name"),
        (json!({"name": "a", "q": "status:"}), "/q"),
        (json!({"name": "a", "colour": 1}), "/colour"),
    ] {
        let got = who.call("POST", "/v1/views", &[], &body);
        assert_eq!((got.status, &got.json()["errors"][0]["pointer"]), (422, &json!(pointer)), "{body}");
    }
    for n in 4..200 {
        assert_eq!(who.call("POST", "/v1/views", &[], &json!({"name": format!("v{n}")})).status, 201);
    }
    assert_eq!(who.call("POST", "/v1/views", &[], &json!({"name": "one more"})).status, 413);
}
