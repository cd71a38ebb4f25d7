//! Errors as clients see them: `application/problem+json` (RFC 9457).
//!
//! Every refusal of the server is a [`Problem`]. Its `type` is `urn:stele:problem/<slug>`; slugs
//! are stable and listed in docs/API.md.

use hyper::header::{HeaderName, HeaderValue};
use hyper::{StatusCode, header};
use serde_json::{Value, json};
use stele_engine::error::StoreError;
use stele_engine::query::lang::SyntaxError;

use super::answer::{Answer, Body};
use super::json;

/// One fault of a field or an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemError {
    /// Which item of the body, from 0.
    pub index: Option<u32>,
    /// Its event id, as far as it could be read.
    pub event_id: Option<String>,
    /// `invalid`, `conflict`, `too_large`, `not_stored`.
    pub code: &'static str,
    /// RFC 6901 pointer into the item.
    pub pointer: String,
    /// What is wrong, in words.
    pub detail: String,
}

impl ItemError {
    /// A field of a request body that breaks a rule.
    pub fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self { code: "invalid", pointer: pointer.to_owned(), detail: detail.into(), ..Self::default() }
    }

    /// A field that is not what it has to be, said in words like "takes a text".
    pub fn other(pointer: &str, takes: &str, json: &Value) -> Self {
        Self::field(pointer, format!("{takes}, not {}", brief(json)))
    }

    /// Appends the error as a JSON object.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(index) = self.index {
            out.extend_from_slice(b"\"index\":");
            json::number(out, u64::from(index));
            out.extend_from_slice(b",\"event_id\":");
            json::optional_string(out, self.event_id.as_deref());
            out.push(b',');
        }
        out.extend_from_slice(b"\"code\":");
        json::string(out, self.code);
        out.extend_from_slice(b",\"pointer\":");
        json::string(out, &self.pointer);
        out.extend_from_slice(b",\"detail\":");
        json::string(out, &self.detail);
        out.push(b'}');
    }
}

/// A value as it was sent, not too much of it.
fn brief(json: &Value) -> String {
    let text = json.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A refusal: status, stable type, and what to do about it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Last part of the `type` URI.
    pub slug: &'static str,
    /// What is wrong with this request.
    pub detail: String,
    /// Fields or items at fault.
    pub errors: Vec<ItemError>,
    /// Further members, as JSON text that begins with a comma.
    pub members: Vec<u8>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of a status and type.
    pub fn new(status: StatusCode, slug: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            slug,
            detail: detail.into(),
            errors: Vec::new(),
            members: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// 400: a query parameter; the detail names it and what it takes.
    pub fn parameter(name: &str, takes: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parameter", format!("parameter `{name}` {takes}"))
    }

    /// 400: the text of a query, with the place and what would be possible there.
    pub fn query(error: &SyntaxError) -> Self {
        let detail = format!("parameter `q`: {}", error.message);
        let mut members = Vec::new();
        for (name, value) in [("position", error.position), ("length", error.length)] {
            members.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
        }
        members.extend_from_slice(b",\"expected\":");
        json::string(&mut members, &error.expected);
        members.extend_from_slice(b",\"suggestion\":");
        json::optional_string(&mut members, error.suggestion.as_deref());
        Self { members, ..Self::new(StatusCode::BAD_REQUEST, "query", detail) }
    }

    /// 422: fields of a body.
    pub fn fields(errors: Vec<ItemError>) -> Self {
        let detail = errors.first().map_or_else(String::new, |e| format!("{}: {}", e.pointer, e.detail));
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
    }

    /// 404, in the same words whether it never existed or belongs to somebody else.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is nothing of this name here")
    }

    /// 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// 503 that passes soon.
    pub fn overloaded(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
            .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 503 of a log that takes no events.
    pub fn read_only(why: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "read-only", why)
            .with(header::RETRY_AFTER, HeaderValue::from_static("30"))
    }

    /// 409: what was asked for is in the archive. `ranges` has what to restore.
    pub fn archived(first_sequence: u64, last_sequence: u64, ranges: &Value) -> Self {
        let detail = format!(
            "sequences {first_sequence} to {last_sequence} are archived; POST /v1/restores brings them back"
        );
        let members = format!(",\"archived\":{ranges}").into_bytes();
        Self { members, ..Self::new(StatusCode::CONFLICT, "archived", detail) }
    }

    /// 500; the detail says no more than that, the log says what.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed; its log says how, under this request_id",
        )
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer, naming the request.
    pub fn into_answer(self, request_id: &str) -> Answer {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"{\"type\":\"urn:stele:problem/");
        out.extend_from_slice(self.slug.as_bytes());
        out.extend_from_slice(b"\",\"title\":");
        json::string(&mut out, title(self.slug, self.status));
        out.extend_from_slice(b",\"status\":");
        json::number(&mut out, u64::from(self.status.as_u16()));
        out.extend_from_slice(b",\"detail\":");
        json::string(&mut out, &self.detail);
        out.extend_from_slice(b",\"request_id\":");
        json::string(&mut out, request_id);
        out.extend_from_slice(&self.members);
        if !self.errors.is_empty() {
            out.extend_from_slice(b",\"errors\":[");
            for (i, error) in self.errors.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                error.write(&mut out);
            }
            out.push(b']');
        }
        out.extend_from_slice(b"}\n");
        let mut answer = Answer::new(Body::full(out));
        *answer.status_mut() = self.status;
        let kind = HeaderValue::from_static("application/problem+json");
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        for (name, value) in self.headers {
            answer.headers_mut().append(name, value);
        }
        answer
    }
}

fn title(slug: &str, status: StatusCode) -> &'static str {
    match slug {
        "parameter" => "A query parameter cannot be used",
        "query" => "The query cannot be read",
        "too-broad" => "The query costs more than it may",
        "invalid" => "The content breaks a rule",
        "nothing-stored" => "No item was stored",
        "archived" => "The events are archived",
        "conflict" => "The name is taken by other content",
        "too-large" => "Too large",
        "unauthorized" => "A valid API key is needed",
        "forbidden" => "The key lacks a scope",
        "csrf" => "The call does not come from the page",
        "rate-limited" => "Too many requests",
        "read-only" => "The log takes no events",
        "damaged" => "Stored bytes are damaged",
        "plan" => "The plan does not cover this",
        "too-many-entries" => "More events match than an export holds",
        "not-ready" => "There is no such file yet",
        "disk-full" => "The disk is full",
        "unavailable" => "Not available in this version",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "disk-full",
                "no space is left on the server's disk; nothing of this request was stored, reads go on",
            )
            .with(header::RETRY_AFTER, HeaderValue::from_static("30")),
            StoreError::ReadOnly { why } => Self::read_only(why),
            StoreError::Archived { first_sequence, last_sequence } => {
                Self::archived(first_sequence, last_sequence, &json!([]))
            }
            StoreError::Refused(why) => Self::too_large(why),
            StoreError::TooBroad(why) => Self::new(StatusCode::BAD_REQUEST, "too-broad", why),
            // Only a client that went away cancels, and it reads no answer.
            StoreError::Cancelled => Self::overloaded("the query was given up"),
            damaged @ StoreError::Damaged { .. } => {
                tracing::error!(error = %damaged, "store");
                let detail = format!("{damaged}; POST /v1/chain/verify names all that is damaged");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", detail)
            }
            other => {
                tracing::error!(error = %other, "store");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store",
                    "the store could not answer; the server's log says why, under this request_id",
                )
                .with(header::RETRY_AFTER, HeaderValue::from_static("30"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_json_with_a_stable_type_and_its_errors() {
        let problem = Problem::fields(vec![ItemError::field("/na\"me", "is \n missing")]);
        let answer = problem.into_answer("r-1");
        assert_eq!(answer.status(), 422);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let text = answer.into_body().into_bytes();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["type"], "urn:stele:problem/invalid");
        assert_eq!(value["status"], 422);
        assert_eq!(value["request_id"], "r-1");
        assert_eq!(value["errors"][0]["pointer"], "/na\"me");
        assert_eq!(value["errors"][0]["detail"], "is \n missing");
    }

    #[test]
    fn a_full_disk_is_507_and_a_read_only_log_says_why() {
        let full = StoreError::Full { path: "/data/x".into() };
        assert_eq!(Problem::from(full).status, 507);
        let problem = Problem::from(StoreError::ReadOnly { why: "damaged at byte 7".to_owned() });
        assert_eq!((problem.status.as_u16(), problem.detail.as_str()), (503, "damaged at byte 7"));
    }
    #[test]
    fn a_query_problem_carries_its_place_as_members() {
        let error = SyntaxError {
            position: 7,
            length: 1,
            expected: "a value".to_owned(),
            suggestion: None,
            message: "at character 8: nothing stands behind the operator".to_owned(),
        };
        let answer = Problem::query(&error).into_answer("r-1");
        assert_eq!(answer.status(), 400);
        let value: serde_json::Value = serde_json::from_slice(&answer.into_body().into_bytes()).unwrap();
        assert_eq!(value["type"], "urn:stele:problem/query");
        assert_eq!((&value["position"], &value["length"]), (&7.into(), &1.into()));
        assert_eq!((&value["expected"], &value["suggestion"]), (&"a value".into(), &serde_json::Value::Null));
        let detail = "parameter `q`: at character 8: nothing stands behind the operator";
        assert_eq!(value["detail"], detail);
    }

    #[test]
    fn a_query_that_costs_too_much_is_the_clients_to_narrow() {
        let problem = Problem::from(StoreError::TooBroad("narrow the time range".to_owned()));
        assert_eq!((problem.status.as_u16(), problem.slug), (400, "too-broad"));
        assert_eq!(problem.detail, "narrow the time range");
    }
}
