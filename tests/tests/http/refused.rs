//! One refused request: what is sent and what must come back, and the comparison.

use serde_json::Value;
use stele_tests::{Answer, Call, Server};

/// What a problem must say.
pub struct Expected {
    /// HTTP status.
    pub status: u16,
    /// `errors[0].code`; empty when no item or field is at fault.
    pub code: &'static str,
    /// `errors[0].pointer`; `-` when it is not checked.
    pub pointer: &'static str,
    /// A word that `detail` or the first error's detail must hold.
    pub says: &'static str,
}

/// A request that must be refused.
pub struct Case {
    /// What is wrong with it.
    pub name: &'static str,
    /// Builds the request.
    pub call: Box<dyn Fn(&Server) -> Call>,
    /// The documented problem.
    pub expected: Expected,
}

/// Compares an answer with what was expected; the complaints.
pub fn complaints(name: &str, answer: &Answer, expected: &Expected) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            found.push(format!(
                "{name}: {what}: {} {}",
                answer.status,
                answer.text().chars().take(400).collect::<String>()
            ));
        }
    };
    check(answer.status == expected.status, format!("expected status {}", expected.status));
    let kind = answer.header("content-type").unwrap_or_default();
    check(kind.starts_with("application/problem+json"), format!("content type {kind:?}"));
    let Ok(problem) = serde_json::from_slice::<Value>(&answer.body) else {
        check(false, "the body is no JSON".to_owned());
        return found;
    };
    check(problem["status"] == answer.status, "`status` differs from the answer's".to_owned());
    for member in ["type", "title", "detail"] {
        check(problem[member].as_str().is_some_and(|text| !text.is_empty()), format!("no `{member}`"));
    }
    let first = &problem["errors"][0];
    if !expected.code.is_empty() {
        check(first["code"] == expected.code, format!("expected code {:?}", expected.code));
        check(first["detail"].as_str().is_some_and(|d| !d.is_empty()), "the error has no detail".to_owned());
    }
    if expected.pointer != "-" && !expected.code.is_empty() {
        check(first["pointer"] == expected.pointer, format!("expected pointer {:?}", expected.pointer));
    }
    let said = format!("{} {}", problem["detail"], first["detail"]);
    check(said.contains(expected.says), format!("does not say {:?}", expected.says));
    found
}

/// Runs the cases; at the end the server must still be well, and must not have stored anything of them.
pub fn run(server: &Server, cases: &[Case]) {
    let before = size(server);
    let mut found = Vec::new();
    for case in cases {
        let answer = (case.call)(server).send();
        found.extend(complaints(case.name, &answer, &case.expected));
    }
    assert_eq!(server.bare("GET", "/readyz").send().status, 200, "the server is still ready");
    if size(server) != before {
        found.push(format!("something was stored: size {before} became {}", size(server)));
    }
    assert!(found.is_empty(), "{} of {} cases:\n{}\n", found.len(), cases.len(), found.join("\n"));
}

/// Records in the log.
pub fn size(server: &Server) -> u64 {
    server.get("/v1/chain").expect(200)["size"].as_u64().expect("a number")
}
