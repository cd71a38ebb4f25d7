//! Users and sessions, over HTTP and on the command line: what they may, and how it ends.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use stele_tests::server::{binary, text};
use stele_tests::{ADMIN_KEY, Answer, Options, Server};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Runs `stele` against a server; the lines that it prints.
fn stele(server: &Server, args: &[&str]) -> Vec<Value> {
    let run = Command::new(binary())
        .args(args)
        .arg("--json")
        .env("STELE_URL", format!("http://{}", server.address))
        .env("STELE_API_KEY", ADMIN_KEY)
        .output()
        .expect("stele runs");
    assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
    let lines = String::from_utf8(run.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sign_in(server: &Server, body: &Value) -> Answer {
    server.bare("POST", "/v1/session").json(body.to_string()).send()
}

/// The cookie of a session, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn users_and_sessions_are_managed_on_the_command_line() {
    let server = Server::start();
    let ada = stele(&server, &["user", "add", "Ada@example.com", "--role", "viewer", "--name", "Ada"]);
    assert_eq!((&ada[0]["email"], &ada[0]["role"]), (&json!("ada@example.com"), &json!("viewer")));
    let made = stele(&server, &["user", "token", "ada@example.com", "--name", "laptop"]);
    let secret = text(&made[0], "secret");
    assert_eq!((&made[0]["user"], &made[0]["scopes"]), (&ada[0]["id"], &json!(["read"])));
    let events = |status| {
        let answer = server.bare("GET", "/v1/events").key(&secret).send();
        assert_eq!(answer.status, status, "{}", answer.text());
    };
    events(200);
    let keys = || server.bare("GET", "/v1/keys").key(&secret).send().status;
    assert_eq!(keys(), 403);
    let set = stele(&server, &["user", "set", &text(&ada[0], "id"), "--role", "admin"]);
    assert_eq!((&set[0]["role"], &set[0]["name"]), (&json!("admin"), &json!("Ada")));
    assert_eq!(keys(), 200);
    let link = stele(&server, &["session", "link"]);
    let url = text(&link[0], "url");
    assert!(url.starts_with(&format!("http://{}/#code=link_", server.address)), "{url}");
    let opened = sign_in(&server, &json!({"code": link[0]["code"]}));
    assert_eq!(opened.expect(200)["role"], Value::Null);
    assert_eq!(sign_in(&server, &json!({"code": link[0]["code"]})).status, 401, "once");
    let sessions = stele(&server, &["session", "list"]);
    assert_eq!(sessions.len(), 1);
    let _ = stele(&server, &["session", "end", &text(&sessions[0], "id")]);
    let ended = server.bare("GET", "/v1/session").header("cookie", &cookie(&opened)).send();
    assert_eq!(ended.status, 401);
    let gone = stele(&server, &["user", "remove", "ada@example.com"]);
    assert!(gone[0]["removed_at"].is_string());
    events(401);
    assert_eq!(stele(&server, &["user", "list"]).len(), 1);
}

#[test]
fn a_session_outlives_a_kill_and_one_that_was_ended_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Options::default().data(dir.path()).start();
    let (kept, over) =
        (sign_in(&server, &json!({"key": ADMIN_KEY})), sign_in(&server, &json!({"key": ADMIN_KEY})));
    let csrf = text(&over.expect(200), "csrf");
    let out = server.bare("DELETE", "/v1/session").header("cookie", &cookie(&over));
    assert_eq!(out.header("x-stele-csrf", &csrf).send().status, 204);
    server.kill();
    let mut server = Options::default().data(dir.path()).start();
    let asked = |answer: &Answer| server.bare("GET", "/v1/session").header("cookie", &cookie(answer)).send();
    assert_eq!(asked(&kept).expect(200), kept.expect(200));
    assert_eq!(asked(&over).status, 401);
    let secret = cookie(&kept).split_once('.').unwrap().1.to_owned();
    server.stop();
    let state = std::fs::read(dir.path().join("state.redb")).unwrap();
    let holds = |text: &str| state.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("ses_") && !holds(&secret), "the file has the session and not its cookie");
}

#[test]
fn over_tls_the_cookie_is_secure_and_a_plain_origin_is_foreign() {
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls").join(name);
    let (cert, key) = (fixture("one.crt"), fixture("one.key"));
    let args = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = Options::default().args(&args).start();
    let trusted = Certificate::from_pem(&std::fs::read(&cert).unwrap()).unwrap();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[trusted])).build();
    let config = Agent::config_builder().tls_config(tls).http_status_as_error(false);
    let agent = config.timeout_global(Some(Duration::from_secs(20))).build().new_agent();
    let host = format!("localhost:{}", server.address.port());
    let post = |scheme: &str| {
        let request = agent.post(format!("https://{host}/v1/session"));
        let request = request.header("content-type", "application/json");
        request
            .header("origin", format!("{scheme}://{host}"))
            .send(json!({"key": ADMIN_KEY}).to_string())
            .unwrap()
    };
    let answer = post("https");
    assert_eq!(answer.status(), 200);
    let set = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.ends_with("; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200; Secure"), "{set}");
    assert_eq!(post("http").status(), 403);
}
