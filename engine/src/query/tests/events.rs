//! Random events that are hard on an index: values that meet, nearly meet, and occur once; every
//! JSON type in every place; names with dots in them; times that tie, come late, and jump.

use crate::event::{Event, Limits, Receipt, Taxonomy, normalize, own};
use crate::index::fixture::Rng;

/// The clock of all worlds: 2026-11-23T07:28:00Z.
pub(super) const NOW_NS: i64 = 1_795_418_880 * SECOND;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

const TEXTS: [&str; 46] = [
    "timeout",
    "Timeout",
    "connect TIMEOUT after 30s",
    "deploy",
    "deployed",
    "Deployed to production",
    "deploys",
    "rate_limited",
    "rate limited",
    "Rate-Limited",
    "limited rate",
    "role changed",
    "Role Channel",
    "ada@example.com",
    "Ada@Example.COM",
    "10.0.0.1",
    "10.0.0.10",
    "2001:db8::1",
    "Σίσυφος",
    "ΣΊΣΥΦΟΣ",
    "straße",
    "STRASSE",
    "STRAẞE",
    "İstanbul",
    "istanbul",
    "e\u{301}clair",
    "éclair",
    "日本語",
    "日本語 テスト",
    "テスト",
    "Ⅷ ²",
    "\u{1F600} ok",
    "a\u{200d}b",
    "--",
    "",
    " ",
    "x\"y\\z",
    "tab\there\nline",
    "a*b",
    "what?",
    "true",
    "null",
    "/v1/users/17?x=1&y=2",
    "a",
    "b",
    "stele",
];

const NUMBERS: [&str; 30] = [
    "0",
    "-0",
    "0.0",
    "1",
    "1.0",
    "10e-1",
    "404",
    "404.0",
    "4.04e2",
    "40400E-2",
    "500",
    "499.999",
    "500.0",
    "1e3",
    "1000",
    "106.9",
    "-1.5",
    "-15e-1",
    "0.1",
    "1e-7",
    "12345678901234567890",
    "12345678901234567891",
    "12345678901234567890.0",
    "9007199254740993",
    "9007199254740992",
    "1e400",
    "-1e400",
    "10e399",
    "30000",
    "2048",
];

const NAMES: [&str; 22] = [
    "a",
    "b",
    "c",
    "a.b",
    "b.c",
    "a.b.c",
    "code",
    "latency_ms",
    "message",
    "path",
    "A",
    "x y",
    "Größe",
    "err-code",
    "_k",
    "user",
    "id",
    "items",
    "1st",
    "",
    "a\"b",
    "no.dots.",
];

const TYPES: [(&str, &str); 16] = [
    ("agent.updated", "agent"),
    ("agent.deployed", "agent"),
    ("agent.updated.twice", "agent"),
    ("agents.listed", "agent"),
    ("api.request", "api"),
    ("api.response", "api"),
    ("api.error", "api"),
    ("auth.login", "auth"),
    ("auth.login_failed", "auth"),
    ("user.role_changed", "security"),
    ("integration.connected", "integration"),
    ("stelex.y", "system"),
    ("stele_like.stele", "system"),
    ("session.created", "session"),
    ("deployed.x", "system"),
    ("x.deployed", "api"),
];

const ADDRESSES: [&str; 12] = [
    "10.0.0.1",
    "10.0.0.255",
    "10.1.2.3",
    "203.0.113.7",
    "203.0.113.8",
    "255.255.255.255",
    "2001:db8::1",
    "2001:0DB8:0:0:0:0:0:1",
    "2001:db8:1::",
    "::ffff:10.0.0.1",
    "::1",
    "::",
];

const AGENTS: [&str; 6] =
    ["Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101", "curl/8.5.0", "Curl", "stele-cli 0.1", "500", "5e2"];

const EMAILS: [&str; 6] =
    ["ada@example.com", "Ada@Example.com", "bob@example.com", "σ@x.gr", "Σ@X.gr", "straße@x.de"];

/// What makes events; the same seed makes the same.
pub(super) struct Maker {
    pub rng: Rng,
    serial: u64,
    clock_ns: i64,
    /// Member names are also made up, so that there are many paths.
    many_paths: bool,
    /// The first event has more paths than a segment lists.
    crowded: bool,
}

impl Maker {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let many_paths = rng.below(6) == 0;
        let crowded = rng.below(10) == 0;
        Self { rng, serial: 0, clock_ns: NOW_NS - 3 * DAY, many_paths, crowded }
    }

    /// The next event, through the front door.
    pub(super) fn event(&mut self) -> Event {
        self.serial += 1;
        if self.rng.below(25) == 0 {
            return self.own();
        }
        let line = self.line();
        let receipt =
            Receipt { now_ns: NOW_NS, ip_address: None, user_agent: None, new_id: &|| unreachable!() };
        let made = normalize(line.as_bytes(), &receipt, &Taxonomy::built_in(), &Limits::default());
        made.unwrap_or_else(|rejected| panic!("{line}: {rejected:?}"))
    }

    fn own(&mut self) -> Event {
        let kind = self.rng.pick(&["stele.index", "stele.key_created"]);
        let id = format!("stele:{}", self.serial);
        let actor = r#"{"type":"system","id":"stele"}"#;
        let resource = format!(r#"{{"type":"key","id":"{}"}}"#, self.id());
        let metadata = self.object(3);
        let time = self.time();
        own(kind, &id, time, actor, &resource, "create", "success", &metadata).unwrap()
    }

    fn line(&mut self) -> String {
        let (kind, category) = TYPES[self.rng.below(TYPES.len() as u64) as usize];
        let category =
            if self.rng.below(5) == 0 { self.rng.pick(&["api", "agent", "security"]) } else { category };
        let id = match self.rng.below(4) {
            0 => format!("evt-{}", self.serial),
            1 => format!("Evt-{}", self.serial),
            2 => format!("deploy/{}:x", self.serial),
            _ => format!("{}", 400 + self.serial),
        };
        let timestamp = self.timestamp();
        let of: &[&str] = if self.rng.below(3) == 0 { &TEXTS } else { &["update", "Update", "list"] };
        let action = quoted(self.rng.pick(of));
        let action = if action == "\"\"" { quoted("none") } else { action };
        let status = self.rng.pick(&["success", "success", "success", "failure", "pending"]);
        let (actor, resource) = (self.actor(), self.resource());
        let metadata = self.metadata(kind);
        format!(
            r#"{{"event_id":"{id}","timestamp":"{timestamp}","event_type":"{kind}","category":"{category}","actor":{actor},"resource":{resource},"action":{action},"status":"{status}","metadata":{metadata}}}"#
        )
    }

    fn actor(&mut self) -> String {
        let kind = self.rng.pick(&["user", "user", "api_key", "system"]);
        let mut members = vec![format!(r#""type":"{kind}""#)];
        let must = kind != "system";
        if must || self.rng.below(3) == 0 {
            let id = if self.rng.below(5) == 0 {
                self.nonempty()
            } else {
                quoted(&format!("usr_{}", self.rng.below(12)))
            };
            members.push(format!(r#""id":{id}"#));
        }
        if self.rng.below(2) == 0 {
            members.push(format!(r#""email":{}"#, quoted(self.rng.pick(&EMAILS))));
        }
        if self.rng.below(3) == 0 {
            let name = if self.rng.below(2) == 0 {
                self.nonempty()
            } else {
                quoted(self.rng.pick(&["Ada", "ADA", "ada b"]))
            };
            members.push(format!(r#""name":{name}"#));
        }
        if self.rng.below(2) == 0 {
            members.push(format!(r#""ip_address":"{}""#, self.rng.pick(&ADDRESSES)));
        }
        if self.rng.below(2) == 0 {
            members.push(format!(r#""user_agent":{}"#, quoted(self.rng.pick(&AGENTS))));
        }
        format!("{{{}}}", members.join(","))
    }

    fn resource(&mut self) -> String {
        let kind = self.rng.pick(&["agent", "Agent", "session", "url", "a b"]);
        let id = self.id();
        let name = match self.rng.below(3) {
            0 => format!(r#","name":{}"#, self.text()),
            1 => r#","name":null"#.to_owned(),
            _ => String::new(),
        };
        format!(r#"{{"type":"{kind}","id":"{id}"{name}}}"#)
    }

    /// Occurs often, a few times, or once.
    fn id(&mut self) -> String {
        match self.rng.below(4) {
            0 => format!("agt_{}", self.rng.below(4)),
            1 => format!("agt_{}", self.rng.below(150)),
            2 => format!("req-{:016x}", self.rng.next()),
            _ => format!("r{}", self.serial),
        }
    }

    fn metadata(&mut self, kind: &str) -> String {
        let mut object = if std::mem::take(&mut self.crowded) { crowd() } else { self.object(0) };
        let mut add = |name: &str, value: String| {
            if !object.contains(&format!("\"{name}\":")) {
                object.pop();
                let comma = if object.len() > 1 { "," } else { "" };
                object.push_str(&format!("{comma}\"{name}\":{value}}}"));
            }
        };
        if self.rng.below(3) == 0 {
            let (before, after) = self.states(0);
            let changes = match self.rng.below(12) {
                0 => format!(r#"{{"before":{before}}}"#),
                1 => format!(r#"{{"after":{after}}}"#),
                2 => format!(r#"{{"before":null,"after":{after}}}"#),
                3 => format!(r#"{{"before":[{before}],"after":{after}}}"#),
                4 => format!(r#"[{{"before":{before},"after":{after}}}]"#),
                5 => r#"{"before":1,"after":2}"#.to_owned(),
                _ => format!(r#"{{"before":{before},"after":{after}}}"#),
            };
            add("changes", changes);
        }
        if kind.starts_with("api.") {
            let (code, latency) = (self.number(), self.number());
            add("status_code", if self.rng.below(6) == 0 { self.text() } else { code });
            add("latency_ms", latency);
        }
        object
    }

    /// Two objects that are alike.
    fn states(&mut self, depth: usize) -> (String, String) {
        let mut sides = [Vec::new(), Vec::new()];
        let mut names = Vec::new();
        for _ in 0..1 + self.rng.below(4) {
            let name = self.name();
            if names.contains(&name) {
                continue;
            }
            let (first, second) = if depth < 3 && self.rng.below(4) == 0 {
                self.states(depth + 1)
            } else if depth < 2 && self.rng.below(4) == 0 {
                let ((a, b), (c, d)) = (self.states(depth + 1), self.states(depth + 1));
                (format!("[{a},{c}]"), format!("[{b},{d}]"))
            } else {
                let value = self.value(2);
                let other = match self.rng.below(3) {
                    0 => self.value(2),
                    1 if value == "404" => "4.04e2".to_owned(),
                    _ => value.clone(),
                };
                (value, other)
            };
            for (side, value) in [(0, first), (1, second)] {
                if self.rng.below(8) > 0 {
                    sides[side].push(format!("{}:{value}", quoted(&name)));
                }
            }
            names.push(name);
        }
        if self.rng.below(2) == 0 {
            sides[1].reverse();
        }
        let [before, after] = sides.map(|members| format!("{{{}}}", members.join(",")));
        (before, after)
    }

    fn name(&mut self) -> String {
        if self.many_paths && self.rng.below(2) == 0 {
            return format!("k{}", self.rng.below(5000));
        }
        if self.rng.below(300) == 0 {
            return "long".repeat(270);
        }
        let common = self.rng.below(3) > 0;
        let limit = if common { 8 } else { NAMES.len() as u64 };
        NAMES[self.rng.below(limit) as usize].to_owned()
    }

    fn object(&mut self, depth: usize) -> String {
        let mut names: Vec<String> = Vec::new();
        let mut members = Vec::new();
        let count = if depth == 0 { 1 + self.rng.below(6) } else { self.rng.below(4) };
        for _ in 0..count {
            let name = self.name();
            if !names.contains(&name) {
                members.push(format!("{}:{}", quoted(&name), self.value(depth + 1)));
                names.push(name);
            }
        }
        format!("{{{}}}", members.join(","))
    }

    fn value(&mut self, depth: usize) -> String {
        match self.rng.below(if depth > 4 { 14 } else { 20 }) {
            0..=6 => self.text(),
            7..=11 => self.number(),
            12 => self.rng.pick(&["true", "false"]).to_owned(),
            13 => "null".to_owned(),
            14..=16 => {
                let items: Vec<String> = (0..self.rng.below(4)).map(|_| self.value(depth + 1)).collect();
                format!("[{}]", items.join(","))
            }
            _ => self.object(depth + 1),
        }
    }

    fn number(&mut self) -> String {
        match self.rng.below(8) {
            0 => format!("{}", self.rng.below(1000)),
            1 => format!("{}.{}", self.rng.below(1000), self.rng.below(1000)),
            2 => format!("-{}", self.rng.below(50)),
            _ => self.rng.pick(&NUMBERS).to_owned(),
        }
    }

    fn nonempty(&mut self) -> String {
        let text = self.text();
        if text == "\"\"" { quoted("x") } else { text }
    }

    /// A JSON string.
    fn text(&mut self) -> String {
        let text = match self.rng.below(16) {
            0 => self.id(),
            1 => self.rng.pick(&NUMBERS).to_owned(),
            2 | 3 => {
                let joint = self.rng.pick(&[" ", "_", "-", ".", "/", ", ", ""]);
                let parts: Vec<&str> = (0..1 + self.rng.below(4)).map(|_| self.rng.pick(&TEXTS)).collect();
                parts.join(joint)
            }
            4 => self.long(),
            5 if self.rng.below(10) == 0 => format!("{}{}", "w".repeat(130), self.rng.below(4)),
            _ => self.rng.pick(&TEXTS).to_owned(),
        };
        let quoted = quoted(&text);
        // The same string, written otherwise.
        if self.rng.below(10) == 0 { quoted.replace('a', "\\u0061").replace('/', "\\/") } else { quoted }
    }

    fn long(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..20 + self.rng.below(200) {
            text.push_str(self.rng.pick(&TEXTS));
            text.push(' ');
        }
        if self.rng.below(2) == 0 {
            text.push_str(&format!("once{:x}", self.rng.next()));
        }
        text
    }

    fn time(&mut self) -> i64 {
        self.clock_ns += [0, 0, 1, 1_000_000, SECOND, 60 * SECOND][self.rng.below(6) as usize];
        match self.rng.below(10) {
            0 => NOW_NS - [0, 1, 15 * 60, 3600, 86_400, 7 * 86_400][self.rng.below(6) as usize] * SECOND,
            1 => NOW_NS - self.rng.below(400) as i64 * DAY,
            2 => NOW_NS - (self.rng.below(400 * 86_400) as i64) * SECOND,
            3 if self.rng.below(4) == 0 => [0, 1, NOW_NS + DAY - 1][self.rng.below(3) as usize],
            _ => self.clock_ns,
        }
    }

    /// RFC 3339, in any spelling.
    fn timestamp(&mut self) -> String {
        let time = jiff::Timestamp::from_nanosecond(i128::from(self.time())).unwrap();
        let text = time.to_string();
        match self.rng.below(8) {
            0 if !text.contains('.') => text.replace('Z', ".000Z"),
            1 => text.replace('Z', "-00:00"),
            2 => time.display_with_offset(jiff::tz::offset(2)).to_string(),
            _ => text,
        }
    }
}

/// An object with more members than a segment lists paths.
fn crowd() -> String {
    let members: Vec<String> = (0..9000).map(|n| format!("\"m{n}\":{n}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The worlds hold what they promise, so that no campaign passes for want of hard events.
#[test]
fn events_are_of_every_kind() {
    let mut maker = Maker::new(5);
    let lines: Vec<String> = (0..2000).map(|_| String::from_utf8(maker.event().body).unwrap()).collect();
    for wanted in [
        "schema_errors",
        "stele.index",
        "\"before\":",
        "4.04e2",
        "12345678901234567891",
        "İstanbul",
        "日本語",
        "\\\"y\\\\z",
        ":null",
        ":true",
        ":[]",
        ":{}",
        "\"a.b\":",
        "[[",
        "[{",
        "\"\":",
        "::ffff:10.0.0.1",
        "1970-01-01",
        "2026-11-24T07:27:59.999999999Z",
    ] {
        assert!(lines.iter().any(|line| line.contains(wanted)), "{wanted}");
    }
    assert!(lines.iter().any(|line| line.len() > 3000), "long texts");
    for line in &lines {
        super::decoded::Event::new(line.as_bytes(), 0, 0);
    }
}
