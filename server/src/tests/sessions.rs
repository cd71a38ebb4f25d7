//! Signing in, what a session may do, how it ends, and what other sites cannot do with it.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use super::admin::made_key;
use super::client::{Got, Server, event};

/// A browser that is signed in.
pub(super) struct Browser {
    pub cookie: String,
    pub csrf: String,
    pub session: Value,
}

pub(super) fn sign_in(server: &Server, body: &Value) -> Got {
    let json = [("content-type", "application/json")];
    server.call_as("", "POST", "/v1/session", &json, body.to_string().as_bytes())
}

impl Browser {
    pub fn with(server: &Server, body: &Value) -> Self {
        let got = sign_in(server, body);
        assert_eq!(got.status, 200, "{}", got.text());
        let session = got.json();
        let cookie = got.headers["set-cookie"].split(';').next().unwrap().to_owned();
        Self { cookie, csrf: session["csrf"].as_str().unwrap().to_owned(), session }
    }

    pub fn of(server: &Server, key: &str) -> Self {
        Self::with(server, &json!({"key": key.trim_start_matches("Bearer ")}))
    }

    pub fn send(&self, server: &Server, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Got {
        let own = [("cookie", self.cookie.as_str()), ("content-type", "application/json")];
        server.call_as("", method, path, &[&own, more].concat(), body.as_bytes())
    }

    pub fn get(&self, server: &Server, path: &str) -> Got {
        self.send(server, "GET", path, &[], "")
    }

    pub fn change(&self, server: &Server, method: &str, path: &str, body: &str) -> Got {
        self.send(server, method, path, &[("x-stele-csrf", &self.csrf)], body)
    }
}

/// Own events of some type, oldest first.
pub(super) fn own(server: &Server, kind: &str) -> Vec<Value> {
    let found = server.get(&format!("/v1/events?own=true&order=asc&event_type=stele.{kind}")).json();
    found["events"].as_array().unwrap().clone()
}

#[test]
fn a_key_signs_in_and_its_cookie_does_what_the_key_may() {
    let server = Server::new();
    let (id, key) = made_key(&server, r#"["read","export"]"#);
    let got = sign_in(&server, &json!({"key": key.trim_start_matches("Bearer ")}));
    let set = &got.headers["set-cookie"];
    assert!(set.starts_with("stele_session=ses_"), "{set}");
    assert!(set.ends_with("; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200"), "{set}");
    let browser = Browser::of(&server, &key);
    let session = browser.get(&server, "/v1/session").json();
    assert_eq!(session, browser.session, "GET tells what POST told");
    assert_eq!(session["org"]["id"], "default");
    assert_eq!((&session["role"], &session["user"]), (&Value::Null, &Value::Null));
    assert_eq!(session["scopes"], json!(["read", "export"]));
    assert_eq!(session["subject"], format!("key:{id}"));
    assert!(session["expires_at"].is_string() && session["org"]["plan"] == "pro");
    assert_eq!(browser.get(&server, "/v1/events").status, 200);
    assert_eq!(browser.get(&server, "/v1/keys").status, 403);
    assert_eq!(browser.change(&server, "POST", "/v1/events", &event("a")).status, 403);
    // A key that is sent counts alone, a bad one too.
    let beside = [("cookie", browser.cookie.as_str())];
    assert_eq!(server.call_as("Bearer wrong", "GET", "/v1/events", &beside, b"").status, 401);
    let admin = format!("Bearer {}", server.key);
    assert_eq!(server.call_as(&admin, "GET", "/v1/keys", &beside, b"").status, 200);
    let started = &own(&server, "session_started")[1];
    assert_eq!(started["actor"]["id"], id.as_str());
    assert_eq!(started["actor"]["ip_address"], "127.0.0.1");
    assert_eq!(started["metadata"]["changes"]["after"]["by"], "key");
    let own = server.get("/v1/events?own=true").text();
    assert!(!own.contains(&browser.csrf) && !own.contains(browser.cookie.split('.').nth(1).unwrap()));
}

#[test]
fn what_is_no_good_signs_nobody_in() {
    let server = Server::new();
    let (id, key) = made_key(&server, r#"["read"]"#);
    server.call("DELETE", &format!("/v1/keys/{id}"), &[], b"");
    for body in
        [json!({"key": "wrong"}), json!({"key": ""}), json!({"code": "link_x.y"}), json!({"key": &key[7..]})]
    {
        let got = sign_in(&server, &body);
        assert_eq!((got.status, got.headers.contains_key("set-cookie")), (401, false), "{body}");
    }
    for body in [json!({}), json!({"key": "a", "code": "b"}), json!({"key": 1}), json!({"pass": "a"})] {
        assert_eq!(sign_in(&server, &body).status, 422, "{body}");
    }
    for cookie in ["", "stele_session=", "stele_session=ses_1.2", "stele_session=.", "x"] {
        for (method, path) in [("GET", "/v1/session"), ("DELETE", "/v1/session"), ("GET", "/v1/events")] {
            assert_eq!(server.call_as("", method, path, &[("cookie", cookie)], b"").status, 401, "{cookie}");
        }
    }
    let bearer = server.get("/v1/session").json();
    assert_eq!((&bearer["csrf"], &bearer["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(server.call("DELETE", "/v1/session", &[], b"").status, 404, "no session to end");
}

/// Goal: no call that changes something can be made by another site's page with a browser's cookie.
/// Method: every row of the router's table that is no GET, by the cookie of the instance key.
#[test]
fn every_change_by_cookie_needs_the_token_and_the_own_origin() {
    let server = Server::new();
    let browser = Browser::of(&server, &server.key);
    let token = [("x-stele-csrf", browser.csrf.as_str())];
    let mut looked = 0;
    for (method, path) in crate::http::router::all().filter(|(m, p)| *m != "GET" && p.starts_with("/v1/")) {
        // It makes a session, and takes no cookie for it.
        let opens = (method, path) == ("POST", "/v1/session");
        let target = path.replace(['{', '}'], "");
        let slug = |more: &[(&str, &str)]| {
            let got = browser.send(&server, method, &target, more, "{");
            (got.status, got.json()["type"].as_str().map(str::to_owned))
        };
        let csrf = (403, Some("urn:stele:problem/csrf".to_owned()));
        for foreign in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(slug(&[token[0], foreign]), csrf, "{method} {path} {foreign:?}");
        }
        if !opens {
            assert_eq!(slug(&[]), csrf, "{method} {path}");
            assert_eq!(slug(&[("x-stele-csrf", "0")]), csrf, "{method} {path}");
            if path != "/v1/session" {
                assert_ne!(
                    slug(&[token[0], ("origin", "http://x"), ("sec-fetch-site", "same-origin")]),
                    csrf
                );
            }
            looked += 1;
        }
    }
    assert!(looked >= 15, "{looked}");
    assert_eq!(browser.get(&server, "/v1/session").status, 200, "nothing of it did anything");
    // By key there is no browser to protect.
    let got = server.call(
        "POST",
        "/v1/events",
        &[("content-type", "application/json"), ("origin", "https://a")],
        event("a").as_bytes(),
    );
    assert_eq!(got.status, 200);
}

#[test]
fn a_session_ends_with_its_key_by_its_holder_and_by_time() {
    let server = Server::new();
    let (id, key) = made_key(&server, r#"["read"]"#);
    let (one, two) = (Browser::of(&server, &key), Browser::of(&server, &key));
    let out = one.change(&server, "DELETE", "/v1/session", "");
    assert_eq!(out.status, 204);
    assert!(
        out.headers["set-cookie"].starts_with("stele_session=; ")
            && out.headers["set-cookie"].contains("Max-Age=0")
    );
    assert_eq!(one.get(&server, "/v1/session").status, 401);
    assert_eq!(own(&server, "session_ended")[0]["action"], "sign_out");
    let server = server.restart();
    assert_eq!(one.get(&server, "/v1/session").status, 401, "ended for ever");
    assert_eq!(two.get(&server, "/v1/session").json(), two.session, "a restart ends nothing");
    server.call("DELETE", &format!("/v1/keys/{id}"), &[], b"");
    assert_eq!(two.get(&server, "/v1/session").status, 401);
    let three = Browser::of(&server, &server.key);
    let later = crate::state::now_us() + crate::state::SESSION_US;
    let cookie = three.cookie.split_once('=').unwrap().1;
    assert!(server.app().sessions.authenticate(cookie, later - 60_000_000).is_some());
    assert!(server.app().sessions.authenticate(cookie, later).is_none(), "12 hours");
    crate::jobs::drop_sessions(server.app(), crate::state::now_us()).unwrap();
    let rows = server.app().state.sessions().unwrap();
    assert_eq!(rows.len(), 1, "the ones of the revoked key are gone");
    crate::jobs::drop_sessions(server.app(), later).unwrap();
    assert_eq!(server.app().state.sessions().unwrap().len(), 0);
    assert_eq!(three.get(&server, "/v1/session").status, 401);
}

#[test]
fn a_session_ends_no_later_than_its_key() {
    let server = Server::new();
    let end = stele_engine::record::committed_at(crate::state::now_us() + 3600 * 1_000_000);
    let made = server
        .post_json("/v1/keys", &json!({"name": "k", "scopes": ["read"], "expires_at": end}).to_string());
    let got = sign_in(&server, &json!({"key": made.json()["secret"]}));
    assert_eq!(got.json()["expires_at"], made.json()["expires_at"]);
    let age: u64 = got.headers["set-cookie"].split("Max-Age=").nth(1).unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&age), "{age}");
}

#[test]
fn sessions_are_listed_and_ended_by_their_subject_and_by_admins() {
    let server = Server::new();
    let (_, mine) = made_key(&server, r#"["read"]"#);
    let (_, other) = made_key(&server, r#"["read"]"#);
    let (a, b) = (Browser::of(&server, &mine), Browser::of(&server, &mine));
    let (c, admin) = (Browser::of(&server, &other), Browser::of(&server, &server.key));
    let ids = |browser: &Browser| -> Vec<(String, bool)> {
        let all = browser.get(&server, "/v1/sessions").json();
        let row = |s: &Value| (s["id"].as_str().unwrap().to_owned(), s["current"] == true);
        all["sessions"].as_array().unwrap().iter().map(row).collect()
    };
    let id = |browser: &Browser| browser.cookie[14..].split('.').next().unwrap().to_owned();
    assert_eq!(ids(&a), [(id(&a), true), (id(&b), false)]);
    assert_eq!(ids(&admin).len(), 4);
    let path = |browser: &Browser| format!("/v1/sessions/{}", id(browser));
    assert_eq!(c.change(&server, "DELETE", &path(&a), "").status, 404, "not its own");
    assert_eq!(b.change(&server, "DELETE", &path(&a), "").status, 204);
    assert_eq!(a.get(&server, "/v1/session").status, 401);
    assert_eq!(b.change(&server, "DELETE", &path(&a), "").status, 404, "it is gone");
    assert_eq!(admin.change(&server, "DELETE", &path(&c), "").status, 204);
    assert_eq!(c.get(&server, "/v1/session").status, 401);
    let ended = own(&server, "session_ended");
    assert_eq!((ended.len(), &ended[1]["resource"]["id"]), (2, &id(&c).into()));
    // Another organization sees none of it.
    let org = server.post_json("/v1/orgs", r#"{"name":"Other"}"#).json();
    let foreign = Browser::of(&server, org["key"].as_str().unwrap());
    assert_eq!(ids(&foreign), [(id(&foreign), true)]);
    assert_eq!(foreign.change(&server, "DELETE", &path(&b), "").status, 404);
    server.post_json("/v1/events", &event("mine"));
    assert_eq!(foreign.get(&server, "/v1/events/mine").status, 404);
    assert_eq!(foreign.get(&server, "/v1/orgs").status, 403);
    let listed = admin.get(&server, "/v1/sessions").text();
    assert!(!listed.contains("hash") && !listed.contains(&id(&foreign)));
}

#[test]
fn a_link_signs_in_once_with_the_rights_of_its_maker() {
    let server = Server::new();
    let (id, key) = made_key(&server, r#"["read"]"#);
    let made = server.call_as(&key, "POST", "/v1/session/links", &[], b"");
    assert_eq!(made.status, 201, "{}", made.text());
    let link = made.json();
    assert_eq!(link["path"], format!("/#code={}", link["code"].as_str().unwrap()));
    let code = json!({"code": link["code"]});
    let browser = Browser::with(&server, &code);
    assert_eq!(browser.session["subject"], format!("key:{id}"));
    assert_eq!(browser.get(&server, "/v1/keys").status, 403);
    assert_eq!(sign_in(&server, &code).status, 401, "used up");
    // A session makes links too, of its key; and with the key goes the link.
    let again = browser.change(&server, "POST", "/v1/session/links", "").json();
    server.call("DELETE", &format!("/v1/keys/{id}"), &[], b"");
    assert_eq!(sign_in(&server, &json!({"code": again["code"]})).status, 401);
    let events = server.get("/v1/events?own=true").text();
    assert!(events.contains("session_link_created") && !events.contains(link["code"].as_str().unwrap()));
}

#[test]
fn signing_in_again_ends_the_browsers_session_before() {
    let server = Server::new();
    let before = Browser::of(&server, &server.key);
    let body = json!({"key": server.key}).to_string();
    let again = before.send(&server, "POST", "/v1/session", &[], &body);
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(before.get(&server, "/v1/session").status, 401);
    assert_eq!(own(&server, "session_ended")[0]["action"], "replace");
    // Of another organization too, in whose log it ends.
    let org = server.post_json("/v1/orgs", r#"{"name":"Other"}"#).json();
    let other = Browser::of(&server, org["key"].as_str().unwrap());
    let again = other.send(&server, "POST", "/v1/session", &[], &body);
    assert_eq!((again.status, other.get(&server, "/v1/session").status), (200, 401));
    assert_eq!(own(&server, "session_ended").len(), 1);
}

#[test]
fn who_is_not_known_yet_sends_little() {
    let server = Server::new();
    let key = json!({"key": "k".repeat(17 << 10)});
    assert_eq!(sign_in(&server, &key).status, 413);
    let packed = [("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(server.call_as("", "POST", "/v1/session", &packed, b"xx").status, 413);
    let chunked = "POST /v1/session HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
        transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let mut stream = server.connect();
    stream.write_all(chunked.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(super::client::parse(&bytes).status, 413);
}

#[test]
fn behind_a_trusted_proxy_that_ends_tls_the_cookie_is_secure() {
    let server = Server::with(|options| options.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]);
    let body = json!({"key": server.key}).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-proto", "https")];
    let got = server.call_as("", "POST", "/v1/session", &headers, body.as_bytes());
    assert!(got.headers["set-cookie"].ends_with("; Secure"), "{}", got.headers["set-cookie"]);
}

#[test]
fn a_session_has_the_rate_of_its_key() {
    let rate = crate::serve::Rate { per_minute: 60, burst: 3 };
    let server = Server::with(|options| options.rates.other = Some(rate));
    let browser = Browser::of(&server, &server.key);
    assert_eq!(browser.get(&server, "/v1/session").headers["ratelimit"], "\"key\";r=1;t=2");
    assert_eq!(browser.get(&server, "/v1/session").status, 200);
    assert_eq!(browser.get(&server, "/v1/session").status, 429);
    let again = sign_in(&server, &json!({"key": server.key}));
    assert_eq!((again.status, again.headers.contains_key("set-cookie")), (429, false));
}
