//! Problem details (RFC 9457) as a server sends them, and how they are told to people.

use std::fmt;

use serde::Deserialize;

use super::query::marked;
use super::text::printable;

/// `application/problem+json`. Members that a server leaves out are empty.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// What kind of problem it is, in a few words.
    pub title: String,
    /// What went wrong this time.
    pub detail: Option<String>,
    /// Single fields or items at fault.
    pub errors: Vec<ItemError>,
    /// Of an error in a query: its place, in characters.
    pub position: Option<usize>,
    /// Characters at fault.
    pub length: usize,
    /// What would be possible there.
    pub expected: Option<String>,
    /// What was perhaps meant.
    pub suggestion: Option<String>,
    /// The query, where the command has one.
    #[serde(skip)]
    pub query: Option<String>,
}

/// One field or item at fault.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ItemError {
    /// Position among the items of the request.
    pub index: Option<u64>,
    /// The item's id, where it has one.
    pub event_id: Option<String>,
    /// `invalid`, `conflict` or `too_large`, or a word for a parameter's fault.
    pub code: String,
    /// RFC 6901 pointer into the item.
    pub pointer: Option<String>,
    /// The rule that is broken.
    pub detail: Option<String>,
}

impl Problem {
    /// Reads a problem body. Anything else (a proxy's page, an empty body) keeps the status and
    /// the beginning of its text.
    pub fn read(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<Self>(body) {
            Ok(mut problem) => {
                problem.status = status;
                problem
            }
            Err(_) => {
                let text: String = String::from_utf8_lossy(body).trim().chars().take(200).collect();
                Self { status, detail: (!text.is_empty()).then_some(text), ..Self::default() }
            }
        }
    }

    /// 2 where the request was wrong, 1 where what was asked for does not exist, 3 where the server
    /// would not or could not answer.
    pub fn exit_code(&self) -> u8 {
        match self.status {
            400 | 405 | 409 | 413 | 415 | 422 => 2,
            404 => 1,
            _ => 3,
        }
    }

    fn heading(&self) -> String {
        let title = if self.title.is_empty() { fallback_title(self.status) } else { &self.title };
        match &self.detail {
            Some(detail) if detail != title => format!("{title}: {detail}"),
            _ => title.to_owned(),
        }
    }
}

/// Words for a status that came without a title.
fn fallback_title(status: u16) -> &'static str {
    match status {
        401 => "the key is missing or not known",
        403 => "the key lacks the scope for this",
        404 => "not found",
        413 => "too large",
        429 => "too many requests",
        507 => "the server's disk is full",
        500..=599 => "the server failed",
        _ => "the server refused the request",
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (HTTP {})", printable(&self.heading()), self.status)?;
        if let (Some(query), Some(position)) = (&self.query, self.position) {
            write!(f, "\n{}", marked(query, position, self.length))?;
        }
        for (name, text) in [("expected", &self.expected), ("perhaps", &self.suggestion)] {
            let said = |text: &&String| !self.detail.as_ref().is_some_and(|detail| detail.contains(*text));
            if let Some(text) = text.as_ref().filter(said) {
                write!(f, "\n  {name}: {}", printable(text))?;
            }
        }
        for error in &self.errors {
            write!(f, "\n  {}", printable(&error.to_string()))?;
        }
        Ok(())
    }
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        let pointer = self.pointer.as_deref().filter(|p| !p.is_empty());
        for part in
            [pointer.map(str::to_owned), self.index.map(|i| format!("item {i}"))].into_iter().flatten()
        {
            write!(f, "{gap}{part}")?;
            gap = ", ";
        }
        if !gap.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(self.detail.as_deref().unwrap_or(&self.code))?;
        if let Some(id) = &self.event_id {
            write!(f, " (event_id {id})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_every_field_at_fault() {
        let body = br#"{"type":"about:blank","title":"Invalid parameter","status":400,"detail":"2 parameters are wrong",
            "errors":[{"code":"invalid","pointer":"/limit","detail":"takes 1 to 1000"},
                      {"index":3,"event_id":"e\u001b[2J","code":"conflict","pointer":"","detail":null}]}"#;
        let problem = Problem::read(400, body);
        assert_eq!(
            problem.to_string(),
            "Invalid parameter: 2 parameters are wrong (HTTP 400)\n  /limit: takes 1 to 1000\n  item 3: conflict (event_id e\\u{1b}[2J)"
        );
        assert_eq!(problem.exit_code(), 2);
    }

    #[test]
    fn an_answer_that_is_no_problem_json_keeps_its_status_and_text() {
        let page = Problem::read(502, b"<html>bad gateway</html>");
        assert_eq!(page.to_string(), "the server failed: <html>bad gateway</html> (HTTP 502)");
        assert_eq!(page.exit_code(), 3);
        assert_eq!(Problem::read(401, b"").to_string(), "the key is missing or not known (HTTP 401)");
    }
    #[test]
    fn an_error_in_a_query_is_shown_in_it() {
        let body = br#"{"type":"urn:stele:problem/query","title":"The query cannot be read","status":400,
            "detail":"parameter `q`, character 1: unknown field","position":0,"length":6,
            "expected":"a field","suggestion":"status"}"#;
        let mut problem = Problem::read(400, body);
        problem.query = Some("stauts:failure".to_owned());
        assert_eq!(
            problem.to_string(),
            "The query cannot be read: parameter `q`, character 1: unknown field (HTTP 400)\n  \
             stauts:failure\n  ^^^^^^\n  expected: a field\n  perhaps: status"
        );
        assert_eq!(problem.exit_code(), 2);
    }
}
