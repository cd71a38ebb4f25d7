//! Every example of docs/QUERY.md and the saved views that the product promises, over HTTP and on the
//! command line, on a few fixed events; and queries that are meant to hurt.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use stele_tests::server::binary;
use stele_tests::wire::percent;
use stele_tests::{ADMIN_KEY, Server};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// RFC 3339 of so many seconds ago.
fn ago(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = now - seconds;
    let (mut days, mut year) = (at / DAY, 1970);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (h, m, s) = (at % DAY / HOUR, at % HOUR / MINUTE, at % MINUTE);
    format!("{year:04}-{:02}-{:02}T{h:02}:{m:02}:{s:02}Z", month + 1, days + 1)
}

fn event(id: &str, time: &str, kind: &str, category: &str, status: &str, more: Value) -> String {
    let mut event = json!({
        "event_id": id, "timestamp": time, "event_type": kind, "category": category, "status": status,
        "actor": {"type": "system"}, "resource": {"type": "service", "id": "svc"}, "action": "do", "metadata": {},
    });
    let Value::Object(members) = more else { panic!("members") };
    members.into_iter().for_each(|(name, value)| event[name] = value);
    event.to_string()
}

fn events() -> Vec<String> {
    let jane = json!({"type": "user", "id": "usr_17", "email": "Jane@Example.com", "name": "Jane D", "ip_address": "10.20.30.40", "user_agent": "curl/8.5.0"});
    let ada =
        json!({"type": "user", "id": "usr_18", "email": "ada@example.com", "ip_address": "2001:db8::1"});
    vec![
        event(
            "api-slow",
            &ago(5 * MINUTE),
            "api.response",
            "api",
            "failure",
            json!({
            "actor": jane, "metadata": {"status_code": 503, "latency_ms": 750.5, "message": "upstream timeout", "path": "/v1/users"}}),
        ),
        event(
            "api-fast",
            &ago(30 * MINUTE),
            "api.response",
            "api",
            "success",
            json!({
            "actor": ada, "metadata": {"status_code": 404.0, "latency_ms": 12, "message": "not found"}}),
        ),
        event(
            "api-old",
            &ago(3 * DAY),
            "api.error",
            "api",
            "failure",
            json!({
            "metadata": {"status_code": 500, "message": "rate limited by policy", "latency_ms": 500}}),
        ),
        event(
            "deploy",
            &ago(2 * DAY),
            "agent.deployed",
            "agent",
            "success",
            json!({
            "actor": {"type": "api_key", "name": "deploy bot"}, "resource": {"type": "agent", "id": "agt_42", "name": "Support bot"},
            "metadata": {"note": "Deployment ok", "bytes": 3_000_000, "tags": ["blue", {"ring": [1, 404]}]}}),
        ),
        event(
            "update",
            &ago(6 * DAY),
            "agent.updated",
            "agent",
            "success",
            json!({
            "actor": ada, "resource": {"type": "agent", "id": "agt_42"},
            "metadata": {"changes": {"before": {"model": "a", "limits": {"rate": 10}, "same": 1}, "after": {"model": "b", "limits": {"rate": 20}, "same": 1.0}}}}),
        ),
        event(
            "role",
            &ago(20 * DAY),
            "user.role_changed",
            "security",
            "success",
            json!({
            "actor": jane, "metadata": {"message": "Role changed to admin", "mfa": true}}),
        ),
        event(
            "login",
            &ago(20 * HOUR),
            "auth.login_failed",
            "auth",
            "failure",
            json!({
            "actor": {"type": "user", "id": "usr_19", "ip_address": "203.0.113.7"}, "metadata": {"mfa": false, "reason": "rate-limited"}}),
        ),
        event(
            "november",
            "2020-11-23T07:28:00.123Z",
            "integration.connected",
            "integration",
            "success",
            json!({
            "metadata": {"a.b": 404, "c": null, "code": "404", "text": "ΣΊΣΥΦΟΣ Straße"}}),
        ),
        event(
            "december",
            "2020-12-01T00:00:00Z",
            "session.created",
            "session",
            "pending",
            json!({
            "metadata": {"a": {"b": 12_345_678_901_234_567_890_u64}, "or": "this or that"}}),
        ),
    ]
}

/// What is asked, and the events that are the answer.
const EXAMPLES: &[(&str, &str)] = &[
    // Words and phrases.
    ("", "api-slow api-fast api-old deploy update role login november december"),
    ("*", "api-slow api-fast api-old deploy update role login november december"),
    ("timeout", "api-slow"),
    ("TimeOut", "api-slow"),
    ("rate_limited", "api-old login"),
    ("\"rate limited\"", "api-old login"),
    ("limited rate", "api-old login"),
    ("\"limited rate\"", ""),
    ("depl*", "deploy"),
    ("\"role chan\"*", "role"),
    ("σίσυφοσ", "november"),
    ("STRASSE", ""),
    ("jane@example.com", "api-slow role"),
    ("agent.deployed", "deploy"),
    ("\"support bot\"", "deploy"),
    ("api-slow", "api-slow"),
    ("404", "api-fast deploy november"),
    // Fields and aliases.
    ("id:deploy", "deploy"),
    ("event_id=(deploy OR role)", "deploy role"),
    ("type:agent", "deploy update"),
    ("event_type:AGENT.*", "deploy update"),
    ("cat:api", "api-slow api-fast api-old"),
    ("by:\"jane d\"", "api-slow role"),
    ("actor:ada@example.com", "api-fast update"),
    ("actor.type:api_key", "deploy"),
    ("email:JANE@example.com", "api-slow role"),
    ("actor.email=jane@example.com", ""),
    ("actor.name:deploy*", "deploy"),
    ("ip:203.0.113.7", "login"),
    ("ip:10.0.0.0/8", "api-slow role"),
    ("ip:2001:DB8:0:0::1", "api-fast update"),
    ("ip:[10.0.0.0 TO 203.0.113.7]", "api-slow role login"),
    ("ua:curl", "api-slow role"),
    ("target:agent", "deploy update"),
    ("resource.id:AGT_42", "deploy update"),
    ("resource.name:*", "deploy"),
    ("@message:timeout", "api-slow"),
    ("metadata.path:\"/v1/users\"", "api-slow"),
    ("@tags.ring:404", "deploy"),
    ("@tags:blue", "deploy"),
    ("@a.b:404", "november"),
    ("@\"a.b\":*", "november"),
    ("@a.b=12345678901234567890", "december"),
    ("@a.b=12345678901234567891", ""),
    ("@c:*", ""),
    ("@a:*", "december"),
    ("before.model:a", "update"),
    ("after.limits.rate>=20", "update"),
    ("changed:model", "update"),
    ("changed:limits", "update"),
    ("changed:limits.rate", "update"),
    ("changed:same", ""),
    ("changed:*", "update"),
    // Operators.
    ("@status_code:404", "api-fast"),
    ("@code=404", "november"),
    ("@code=\"404\"", "november"),
    ("@status_code=\"404\"", "api-fast"),
    ("@status_code:[500 TO 599]", "api-slow api-old"),
    ("@status_code:{500 TO 599}", "api-slow"),
    ("@status_code:404..500", "api-fast api-old"),
    ("@latency_ms>=500", "api-slow api-old"),
    ("@latency_ms:>0.5s", "api-slow"),
    ("@bytes>=3MB", "deploy"),
    ("@bytes>=3MiB", ""),
    ("@code<=404", "november"),
    ("@mfa:true", "role"),
    ("@mfa=false", "login"),
    ("@message~\"OUT\"", "api-slow"),
    ("@message!~out -@message:policy", "api-fast deploy update role login november december"),
    ("event_type~deployed", "deploy"),
    ("status!=success", "api-slow api-old login december"),
    ("status:(failure OR pending)", "api-slow api-old login december"),
    ("status:(failure, pending)", "api-slow api-old login december"),
    ("-@message:*", "deploy update login november december"),
    ("-actor:ada@example.com category:(api OR agent)", "api-slow api-old deploy"),
    // How they are joined.
    ("category:api AND status:failure", "api-slow api-old"),
    ("category:api status:success OR category:auth", "api-fast login"),
    ("category:api (status:success OR @status_code:503)", "api-slow api-fast"),
    ("NOT category:api NOT category:agent -category:security -category:auth", "november december"),
    ("this or that", "december"),
    // Times.
    ("timestamp:2020-11", "november"),
    ("timestamp:2020", "november december"),
    ("ts:2020-11-23", "november"),
    ("timestamp:2020-11-23T07:28:00Z", "november"),
    ("timestamp=2020-11-23T07:28:00Z", ""),
    ("timestamp=2020-11-23T07:28:00.123Z", "november"),
    ("timestamp>=2020-11-23T07:28:00Z time<2020-12-01", "november"),
    ("timestamp:[2020-11-01 TO 2020-12-01]", "november december"),
    ("timestamp>=now-15m", "api-slow"),
    ("committed_at>=now-1h timestamp<2021", "november december"),
    ("seq:0", "api-slow"),
    // The filters that people are promised.
    ("last:15m", "api-slow"),
    ("last:1h", "api-slow api-fast"),
    ("last:24h", "api-slow api-fast login"),
    ("last:7d", "api-slow api-fast login deploy api-old update"),
    ("last:30d", "api-slow api-fast login deploy api-old update role"),
    ("category:api status:failure last:24h", "api-slow"),
    ("category:agent last:7d", "deploy update"),
    ("category:(security OR auth) last:30d", "role login"),
    ("event_type~deployed last:7d", "deploy"),
    ("actor.email:ada@example.com", "api-fast update"),
    // What no event has.
    ("nothing:x", ""),
    ("@absent.path:x", ""),
    ("-@absent.path:x category:session", "december"),
];

fn served() -> Server {
    let server = Server::start();
    let answer = server.ingest(&events()).expect(200);
    assert_eq!(answer["accepted"], events().len(), "{answer}");
    server
}

fn ids<'a>(events: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    events.into_iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect()
}

fn wanted(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_example_of_the_query_language_finds_what_it_says_over_http() {
    let server = served();
    let mut wrong = String::new();
    for (query, names) in EXAMPLES {
        let target = format!("/v1/events?count=exact&q={}", percent(query));
        let page = server.get(&target).expect(200);
        let found = ids(page["events"].as_array().unwrap());
        if found != wanted(names) || page["matched"] != found.len() {
            let _ = writeln!(wrong, "{query}: {found:?} (matched {}), not {names}", page["matched"]);
        }
        let canonical = page["query"].as_str().expect("the query as it was read");
        let again = server.get(&format!("/v1/events?q={}", percent(canonical))).expect(200);
        if ids(again["events"].as_array().unwrap()) != found || again["query"] != canonical {
            let _ = writeln!(wrong, "{query}: printed as {canonical}, which is read as {}", again["query"]);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_example_of_the_query_language_finds_the_same_on_the_command_line() {
    let server = served();
    let mut wrong = String::new();
    for (query, names) in EXAMPLES {
        let run = Command::new(binary())
            .args(["search", "--json", "--limit", "100", "--", query])
            .env("STELE_URL", format!("http://{}", server.address))
            .env("STELE_API_KEY", ADMIN_KEY)
            .output()
            .expect("stele runs");
        let lines = String::from_utf8(run.stdout).unwrap();
        let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if !run.status.success() || ids(&events) != wanted(names) {
            let said = String::from_utf8_lossy(&run.stderr).into_owned();
            let _ = writeln!(wrong, "{query}: {:?}, not {names}; {said}", ids(&events));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn saved_views_as_structured_parameters_find_what_their_queries_find() {
    let server = served();
    for (parameters, query) in [
        ("category=api&status=failure&from=now-24h", "category:api status:failure last:24h"),
        ("category=agent&from=now-7d&order=desc", "category:agent last:7d"),
        ("category=security,auth&from=now-30d", "category:(security OR auth) last:30d"),
        ("event_type=*deployed*&from=now-7d", "event_type~deployed last:7d"),
        ("actor_email=ADA@example.com", "actor.email:ada@example.com"),
    ] {
        let one = server.get(&format!("/v1/events?{parameters}")).expect(200);
        let two = server.get(&format!("/v1/events?q={}", percent(query))).expect(200);
        assert_eq!(ids(one["events"].as_array().unwrap()), ids(two["events"].as_array().unwrap()), "{query}");
        assert!(!one["events"].as_array().unwrap().is_empty(), "{query}");
    }
}

#[test]
fn a_broken_query_is_told_where_it_is_broken() {
    let server = Server::start();
    for (query, position) in [
        ("category:(api OR", 16),
        ("a AND", 5),
        ("(a", 2),
        ("@n>=x", 4),
        ("\"open", 0),
        ("timestamp>=yesterday", 11),
    ] {
        let problem = server.get(&format!("/v1/events?q={}", percent(query))).expect(400);
        assert_eq!(problem["position"], position, "{query}: {problem}");
        assert!(problem["length"].is_u64() && problem["expected"].is_string(), "{query}: {problem}");
    }
}

fn hostile() -> Vec<(&'static str, String)> {
    let fields =
        ["event_type", "actor", "resource", "ip", "ua", "@message", "@note", "@a", "resource.name", "action"];
    let everything = |op: &str| fields.map(|field| format!("{field}{op}")).join(" OR ");
    let list = (0..1000).map(|n| format!("v{n}")).collect::<Vec<_>>().join(" OR ");
    vec![
        ("nested parentheses", format!("{}a{}", "(".repeat(8000), ")".repeat(8000))),
        ("open parentheses", "(".repeat(16_000)),
        ("nested negations", "-".repeat(16_000) + "a"),
        ("wildcards", format!("type:{}", "*a?".repeat(128))),
        ("256 wildcards", (0..128).map(|n| format!("*{n}*")).collect::<Vec<_>>().join(" OR ")),
        ("contains on everything", everything("~e")),
        ("contains nothing, on everything", everything("!~zz")),
        ("a list of 1,000", format!("resource.id:({list})")),
        ("a list of 1,000 words", format!("@message:({list})")),
        ("a list of 1,001", format!("resource.id:({list} OR one)")),
        ("a long chain", (0..256).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" OR ")),
        ("a longer chain", (0..2000).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" OR ")),
        ("a long word", "w".repeat(16_000)),
        ("a long path", format!("@{}:x", "a.".repeat(4000) + "a")),
        ("more than 16 KiB", "w ".repeat(9000)),
        ("a long number", format!("@n:{}", "9".repeat(16_000))),
        ("a large exponent", "@n>=1e999999999999999999".to_owned()),
        ("quotes", "\"".repeat(15_999)),
    ]
}

/// Goal: queries that are meant to hurt are answered or refused, and the server stays well.
/// Method: each one alone, then an ordinary query.
#[test]
fn hostile_queries_are_answered_or_refused_with_a_reason() {
    let server = served();
    for (name, query) in hostile() {
        for path in ["/v1/events?count=exact&q=", "/v1/facets?fields=category&q="] {
            // Parentheses need no escape, and would not fit escaped.
            let escaped = percent(&query).replace("%28", "(").replace("%29", ")").replace("%2A", "*");
            let answer = server.get(&format!("{path}{escaped}"));
            match answer.status {
                200 => assert!(answer.json()["matched"].is_u64(), "{name}"),
                400 => {
                    let problem = answer.json();
                    let detail = problem["detail"].as_str().unwrap_or_default();
                    assert!(!detail.is_empty() && detail.len() < 1000, "{name}: {problem}");
                }
                // The head of a request is bounded too.
                414 | 431 => {}
                status => panic!("{name}: {status} {}", answer.text()),
            }
        }
    }
    let page = server.get("/v1/events?q=timeout").expect(200);
    assert_eq!(ids(page["events"].as_array().unwrap()), wanted("api-slow"));
}

#[test]
fn limits_of_the_language_are_refusals_that_name_them() {
    let server = Server::start();
    for (query, limit) in [
        ("w ".repeat(8193), "16"),
        ((0..257).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" OR "), "256"),
        (format!("{}a{}", "(".repeat(33), ")".repeat(33)), "32"),
        (format!("id:({})", (0..1001).map(|n| n.to_string()).collect::<Vec<_>>().join(",")), "1000"),
    ] {
        let problem = server.get(&format!("/v1/events?q={}", percent(&query))).expect(400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(limit), "{limit}: {detail}");
    }
}
