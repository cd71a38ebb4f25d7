//! People, their roles and tokens.

use serde_json::{Value, json};

use super::client::{Got, Server, event};
use super::sessions::{Browser, own};

fn call(server: &Server, auth: &str, method: &str, path: &str, body: &Value) -> Got {
    let json = [("content-type", "application/json")];
    server.call_as(auth, method, path, &json, body.to_string().as_bytes())
}

fn admin(server: &Server) -> String {
    format!("Bearer {}", server.key)
}

/// A user of a role: its id, and a token of it.
fn user(server: &Server, role: &str) -> (String, String) {
    let email = format!("{role}@example.com");
    let made = call(
        server,
        &admin(server),
        "POST",
        "/v1/users",
        &json!({"email": email, "name": "Ada", "role": role}),
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let token = token(server, &admin(server), &id);
    (id, token)
}

fn token(server: &Server, auth: &str, id: &str) -> String {
    let made = call(server, auth, "POST", &format!("/v1/users/{id}/tokens"), &json!({}));
    assert_eq!(made.status, 201, "{}", made.text());
    format!("Bearer {}", made.json()["secret"].as_str().unwrap())
}

#[test]
fn a_token_may_what_the_role_says_now() {
    let server = Server::new();
    server.post_json("/v1/events", &event("a"));
    let may = |auth: &str| {
        let ok =
            |method: &str, path: &str, body: &Value| call(&server, auth, method, path, body).status != 403;
        let sent: Value = serde_json::from_str(&event("b")).unwrap();
        [
            ok("POST", "/v1/events", &sent),
            ok("GET", "/v1/events", &json!({})),
            ok("POST", "/v1/reports", &json!({"x": 1})),
            ok("POST", "/v1/chain/verify", &json!({})),
            ok("GET", "/v1/keys", &json!({})),
            ok("GET", "/v1/orgs", &json!({})),
        ]
    };
    let table = [
        ("owner", [true, true, true, true, true, false]),
        ("admin", [true, true, true, true, true, false]),
        ("developer", [true, true, true, false, false, false]),
        ("viewer", [false, true, false, false, false, false]),
        ("auditor", [false, true, true, true, false, false]),
    ];
    let (id, auth) = user(&server, "viewer");
    for (role, expected) in table {
        let put = call(&server, &admin(&server), "PUT", &format!("/v1/users/{id}"), &json!({"role": role}));
        assert_eq!((put.status, put.json()["role"].as_str().unwrap().to_owned()), (200, role.to_owned()));
        assert_eq!(may(&auth), expected, "{role}");
    }
    let server = server.restart();
    let session = server.call_as(&auth, "GET", "/v1/session", &[], b"").json();
    assert_eq!((&session["role"], &session["subject"]), (&"auditor".into(), &id.as_str().into()));
    assert_eq!(session["user"], json!({"id": id, "email": "viewer@example.com", "name": "Ada"}));
    let keys = server.get("/v1/keys").json();
    assert_eq!(keys["keys"][0]["user"], Value::Null);
    assert_eq!(
        (&keys["keys"][1]["user"], &keys["keys"][1]["scopes"]),
        (&id.as_str().into(), &json!(["auditor"]))
    );
    assert_eq!(keys["keys"][1]["name"], "viewer@example.com");
}

#[test]
fn a_removed_user_is_refused_at_once_and_their_events_name_them() {
    let server = Server::new();
    let (id, auth) = user(&server, "admin");
    let browser = Browser::of(&server, &auth);
    assert_eq!(browser.session["role"], "admin");
    assert_eq!(browser.session["scopes"], json!(["admin"]));
    let second = Browser::of(&server, &token(&server, &admin(&server), &id));
    let seen = second.get(&server, "/v1/sessions").json();
    assert_eq!(seen["sessions"].as_array().unwrap().len(), 2, "of the user, whatever the token");
    assert_eq!(seen["sessions"][0]["user"]["email"], "admin@example.com");
    let made = browser.change(&server, "POST", "/v1/keys", r#"{"name":"k","scopes":["read"]}"#);
    assert_eq!(made.status, 201);
    let created = own(&server, "key_created");
    let actor = &created.last().unwrap()["actor"];
    assert_eq!(actor["type"], "user");
    assert_eq!(
        (&actor["id"], &actor["email"], &actor["name"]),
        (&json!(id), &json!("admin@example.com"), &json!("Ada"))
    );
    assert_eq!(actor["ip_address"], "127.0.0.1");
    let link = browser.change(&server, "POST", "/v1/session/links", "").json();
    let path = format!("/v1/users/{id}");
    let gone = server.call("DELETE", &path, &[], b"");
    assert_eq!((gone.status, gone.json()["removed_at"].is_string()), (200, true));
    for refused in [
        server.call_as(&auth, "GET", "/v1/events", &[], b""),
        browser.get(&server, "/v1/session"),
        second.get(&server, "/v1/events"),
        super::sessions::sign_in(&server, &json!({"code": link["code"]})),
        super::sessions::sign_in(&server, &json!({"key": auth[7..]})),
    ] {
        assert_eq!(refused.status, 401, "{}", refused.text());
    }
    crate::jobs::drop_sessions(server.app(), crate::state::now_us()).unwrap();
    assert!(server.app().state.sessions().unwrap().is_empty());
    let again = server.call("DELETE", &path, &[], b"");
    assert_eq!(again.json(), gone.json(), "twice changes nothing");
    assert_eq!(call(&server, &admin(&server), "PUT", &path, &json!({"role": "viewer"})).status, 409);
    assert_eq!(call(&server, &admin(&server), "POST", &format!("{path}/tokens"), &json!({})).status, 409);
    // The row stays; the address may come back, as somebody else.
    let back = call(
        &server,
        &admin(&server),
        "POST",
        "/v1/users",
        &json!({"email": "admin@example.com", "role": "viewer"}),
    );
    assert_eq!(back.status, 201);
    assert_ne!(back.json()["id"], id.as_str());
    let server = server.restart();
    assert_eq!(server.get("/v1/users").json()["users"].as_array().unwrap().len(), 2);
    assert_eq!(server.call_as(&auth, "GET", "/v1/events", &[], b"").status, 401);
    let removed = &own(&server, "user_removed");
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0]["resource"], json!({"type": "user", "id": id, "name": "admin@example.com"}));
}

#[test]
fn owners_are_the_business_of_owners() {
    let server = Server::new();
    let (owner, owner_auth) = user(&server, "owner");
    let (_, admin_auth) = user(&server, "admin");
    let (viewer, viewer_auth) = user(&server, "viewer");
    let new = json!({"email": "o2@example.com", "role": "owner"});
    let of = |id: &str| format!("/v1/users/{id}");
    for (auth, status) in [(&viewer_auth, 403), (&admin_auth, 403), (&owner_auth, 200)] {
        for (method, path, body) in [
            ("POST", "/v1/users".to_owned(), new.clone()),
            ("PUT", of(&viewer), json!({"role": "owner"})),
            ("PUT", of(&owner), json!({"name": "Eve"})),
            ("POST", format!("{}/tokens", of(&owner)), json!({"name": "t"})),
            ("DELETE", of(&viewer), json!({})),
        ] {
            // A viewer that an admin removes is none of the owners' business.
            if method == "DELETE" && status == 403 {
                continue;
            }
            let got = call(&server, auth, method, &path, &body);
            assert_eq!(got.status == 403, status == 403, "{method} {path}: {}", got.text());
        }
    }
    assert_eq!(call(&server, &admin_auth, "DELETE", &of(&owner), &json!({})).status, 403);
    assert_eq!(call(&server, &owner_auth, "DELETE", &of(&owner), &json!({})).status, 200);
}

#[test]
fn users_belong_to_one_organization_and_bodies_point_at_what_is_wrong() {
    let server = Server::new();
    let (id, _) = user(&server, "viewer");
    for (body, pointer) in [
        (json!({"email": "nobody", "role": "viewer"}), "/email"),
        (json!({"email": "a@b", "role": "root"}), "/role"),
        (json!({"email": "a@b", "role": "viewer", "name": ""}), "/name"),
        (json!({"email": "a@b"}), "/role"),
        (json!({"email": "a@b", "role": "viewer", "org": "x"}), "/org"),
    ] {
        let got = call(&server, &admin(&server), "POST", "/v1/users", &body);
        assert_eq!(
            (got.status, got.json()["errors"][0]["pointer"].as_str().unwrap().to_owned()),
            (422, pointer.to_owned())
        );
    }
    let twice = call(
        &server,
        &admin(&server),
        "POST",
        "/v1/users",
        &json!({"email": " VIEWER@Example.com", "role": "viewer"}),
    );
    assert_eq!(twice.status, 409, "an address is lower case and of one user");
    let org = server.post_json("/v1/orgs", r#"{"name":"Other"}"#).json();
    let other = format!("Bearer {}", org["key"].as_str().unwrap());
    for (method, path) in [
        ("PUT", format!("/v1/users/{id}")),
        ("DELETE", format!("/v1/users/{id}")),
        ("POST", format!("/v1/users/{id}/tokens")),
    ] {
        assert_eq!(call(&server, &other, method, &path, &json!({})).status, 404, "{method} {path}");
    }
    assert_eq!(server.call_as(&other, "GET", "/v1/users", &[], b"").json(), json!({"users": []}));
    let same =
        call(&server, &other, "POST", "/v1/users", &json!({"email": "viewer@example.com", "role": "viewer"}));
    assert_eq!(same.status, 201, "in another organization it is free");
}
