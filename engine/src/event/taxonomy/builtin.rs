//! The built-in types: one table, from which the schemas are made (docs/EVENTS.md lists the same).
//!
//! Every member may be left out or null, and others may be added: a schema here says what a member
//! means, not what a client must send.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use serde_json::{Map, Value, json};

use super::schema::Schema;
use super::{CATEGORIES, Entry, OnMismatch, Taxonomy, TypeInfo};

/// What a member holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    /// A whole number, not negative.
    Count,
    /// A number, not negative.
    Measure,
    /// An HTTP status.
    Status,
    Object,
    /// Text, or a list.
    Lines,
    Any,
    Members(&'static [Member]),
}

type Member = (&'static str, Kind, &'static str);

use Kind::{Any, Count, Flag, Lines, Measure, Members, Object, Status, Text};

const CHANGES: Member = ("changes", Members(&BEFORE_AFTER), "what changed");
const BEFORE_AFTER: [Member; 2] =
    [("before", Object, "state before, null when new"), ("after", Object, "state after, null when gone")];

const REASON: Member = ("reason", Text, "why");
const CODE: Member = ("code", Text, "error code");
const MESSAGE: Member = ("message", Text, "error message");
const STACK: Member = ("stack", Lines, "stack trace, as text or a list of frames");
const CONTEXT: Member = ("context", Object, "what was going on");
const SESSION: Member = ("session_id", Text, "the conversation");
const AGENT: Member = ("agent_id", Text, "the agent");
const CHANNEL: Member = ("channel", Text, "such as web, phone, email");
const DURATION: Member = ("duration_ms", Measure, "how long it took, in milliseconds");
const METHOD: Member = ("method", Text, "HTTP method");
const PATH: Member = ("path", Text, "path of the request");
const STATUS_CODE: Member = ("status_code", Status, "HTTP status");
const LATENCY: Member = ("latency_ms", Measure, "time to answer, in milliseconds");
const REQUEST_ID: Member = ("request_id", Text, "ties request and response together");
const REQUEST_BYTES: Member = ("request_bytes", Count, "size of the request body");
const RESPONSE_BYTES: Member = ("response_bytes", Count, "size of the response body");
const REQUEST: Member = ("request", Members(&BODY), "the request; clients redact it");
const RESPONSE: Member = ("response", Members(&BODY), "the response; clients redact it");
const BODY: [Member; 2] = [("headers", Object, "headers"), ("body", Any, "the body, as JSON or text")];
const LOGIN_METHOD: Member = ("method", Text, "such as password, sso, api_key");
const IP: Member = ("ip", Text, "address of the one who asked");
const AGENT_NAME: Member = ("user_agent", Text, "agent of the one who asked");
const MFA: Member = ("mfa", Flag, "whether a second factor was given");
const SERVICE: Member = ("service", Text, "the service");
const REGION: Member = ("region", Text, "where");
const WINDOW: Member = ("window_id", Text, "the maintenance window");
const KEY_NAME: Member = ("key_name", Text, "name of the key");
const SCOPES: Member = ("scopes", Lines, "what the key may do");
const EXPIRES: Member = ("expires_at", Text, "when it ends, RFC 3339");
const PROVIDER: Member = ("provider", Text, "the system at the other end");
const INTEGRATION: Member = ("integration_id", Text, "the integration");
const EMAIL: Member = ("email", Text, "the user's address");
const ROLE: Member = ("role", Text, "the user's role");
const VERSION: Member = ("version", Text, "version of the agent");
const ENVIRONMENT: Member = ("environment", Text, "such as staging, production");

const API: &[Member] =
    &[METHOD, PATH, STATUS_CODE, LATENCY, REQUEST_ID, REQUEST_BYTES, RESPONSE_BYTES, REQUEST, RESPONSE];
const API_ERROR: &[Member] = &[
    METHOD,
    PATH,
    STATUS_CODE,
    LATENCY,
    REQUEST_ID,
    REQUEST_BYTES,
    RESPONSE_BYTES,
    REQUEST,
    RESPONSE,
    CODE,
    MESSAGE,
    STACK,
    CONTEXT,
];
const RATE_LIMITED: &[Member] = &[
    METHOD,
    PATH,
    STATUS_CODE,
    LATENCY,
    REQUEST_ID,
    REQUEST_BYTES,
    REQUEST,
    ("limit", Count, "requests allowed in the window"),
    ("window_s", Measure, "length of the window, in seconds"),
    ("retry_after_s", Measure, "when to try again, in seconds"),
];

/// Every built-in type: name, category, members of its metadata.
const TYPES: &[(&str, &str, &[Member])] = &[
    ("session.created", "session", &[SESSION, AGENT, CHANNEL, ("customer_id", Text, "the other side")]),
    (
        "session.message",
        "session",
        &[
            SESSION,
            AGENT,
            CHANNEL,
            ("message_id", Text, "the message"),
            ("role", Text, "who spoke: user, agent"),
            ("content", Any, "what was said"),
            ("tokens", Count, "length in tokens"),
            LATENCY,
        ],
    ),
    (
        "session.transferred",
        "session",
        &[SESSION, ("from", Any, "who had it"), ("to", Any, "who has it now"), REASON],
    ),
    (
        "session.completed",
        "session",
        &[
            SESSION,
            AGENT,
            CHANNEL,
            DURATION,
            ("messages", Count, "messages exchanged"),
            ("outcome", Text, "how it ended"),
        ],
    ),
    (
        "session.failed",
        "session",
        &[SESSION, AGENT, CHANNEL, DURATION, REASON, CODE, MESSAGE, STACK, CONTEXT],
    ),
    (
        "session.intervened",
        "session",
        &[SESSION, AGENT, REASON, ("intervention", Text, "what was done"), CHANGES],
    ),
    ("api.request", "api", API),
    ("api.response", "api", API),
    ("api.error", "api", API_ERROR),
    ("api.rate_limited", "api", RATE_LIMITED),
    ("agent.created", "agent", &[CHANGES, VERSION, REASON]),
    ("agent.updated", "agent", &[CHANGES, VERSION, REASON]),
    ("agent.deployed", "agent", &[CHANNEL, VERSION, ENVIRONMENT, CHANGES, DURATION, REASON]),
    ("agent.deleted", "agent", &[CHANGES, VERSION, REASON]),
    ("user.invited", "security", &[EMAIL, ROLE, EXPIRES, CHANGES, REASON]),
    ("user.role_changed", "security", &[EMAIL, ROLE, CHANGES, REASON]),
    ("integration.connected", "integration", &[INTEGRATION, PROVIDER, CHANNEL, SCOPES, CHANGES, REASON]),
    ("integration.disconnected", "integration", &[INTEGRATION, PROVIDER, CHANNEL, CHANGES, REASON]),
    (
        "service.degraded",
        "system",
        &[
            SERVICE,
            REGION,
            LATENCY,
            ("error_rate", Measure, "share of requests that fail"),
            REASON,
            CODE,
            MESSAGE,
            STACK,
            CONTEXT,
        ],
    ),
    ("service.restored", "system", &[SERVICE, REGION, LATENCY, DURATION, REASON, CONTEXT]),
    (
        "maintenance.started",
        "system",
        &[WINDOW, SERVICE, REGION, REASON, ("ends_at", Text, "when it should end, RFC 3339")],
    ),
    ("maintenance.completed", "system", &[WINDOW, SERVICE, REGION, DURATION, REASON]),
    ("auth.login", "auth", &[LOGIN_METHOD, IP, AGENT_NAME, MFA, SESSION, PROVIDER]),
    (
        "auth.login_failed",
        "auth",
        &[LOGIN_METHOD, IP, AGENT_NAME, MFA, PROVIDER, REASON, ("attempts", Count, "failures in a row")],
    ),
    (
        "auth.token_refreshed",
        "auth",
        &[LOGIN_METHOD, IP, AGENT_NAME, SESSION, ("token_id", Text, "the token"), EXPIRES, REASON],
    ),
    ("api_key.created", "security", &[("key_id", Text, "the key"), KEY_NAME, SCOPES, EXPIRES, CHANGES]),
    (
        "api_key.revoked",
        "security",
        &[("key_id", Text, "the key"), KEY_NAME, SCOPES, EXPIRES, REASON, CHANGES],
    ),
];

/// The taxonomy of an organization that has registered nothing.
#[expect(clippy::expect_used, reason = "the built-in schemas are constants; a test compiles each")]
pub(super) fn taxonomy() -> Taxonomy {
    let categories: BTreeSet<String> = CATEGORIES.iter().map(|c| (*c).to_owned()).collect();
    let mut taxonomy = Taxonomy { types: HashMap::new(), categories };
    for (event_type, category, members) in TYPES {
        let mut schema = object(members);
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        let ready = Schema::compile(&schema).expect("a built-in schema is a valid one");
        let info = TypeInfo {
            event_type: (*event_type).to_owned(),
            category: (*category).to_owned(),
            schema,
            on_mismatch: OnMismatch::Mark,
            built_in: true,
        };
        taxonomy.insert(Entry { info, schema: ready });
    }
    taxonomy
}

fn object(members: &[Member]) -> Value {
    let mut properties = Map::new();
    for (name, kind, about) in members {
        let mut schema = match kind {
            Text => json!({"type": ["string", "null"]}),
            Flag => json!({"type": ["boolean", "null"]}),
            Count => json!({"type": ["integer", "null"], "minimum": 0}),
            Measure => json!({"type": ["number", "null"], "minimum": 0}),
            Status => json!({"type": ["integer", "null"], "minimum": 100, "maximum": 599}),
            Object => json!({"type": ["object", "null"]}),
            Lines => json!({"type": ["string", "array", "null"]}),
            Any => json!({}),
            Members(inner) => {
                let mut inner = object(inner);
                inner["type"] = json!(["object", "null"]);
                inner
            }
        };
        schema["description"] = json!(about);
        properties.insert((*name).to_owned(), schema);
    }
    json!({"type": "object", "properties": properties})
}
