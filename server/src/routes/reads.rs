//! Who looked: reads as events of the log, where an organization turned that on.
//!
//! Keeps true: the event of a read is on stable storage before its answer is given. An answer that
//! tells nothing of the log (wrong parameters, overload) makes no event; "there is no such event" does,
//! and so does what a download says of a report that has no files.
//! A log that takes no events is still read, and the server's own log says by whom.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::{Cx, changes, times};
use crate::app::Tenant;
use crate::auth::Caller;
use crate::http::answer::Answer;
use crate::http::problem::Problem;
use crate::http::query::Params;
use crate::http::router::Call;
use crate::own::{self, OwnEvent};

/// Bytes of parameters, names and values, that an event of a read holds.
const PARAMETER_BYTES_MAX: usize = 4 << 10;
/// Characters of a name in the path that an event of a read holds.
const NAME_CHARS_MAX: usize = 1024;
/// Characters of `Last-Event-ID`, which is a number, that an event of a read holds.
const SEQUENCE_CHARS_MAX: usize = 20;
const VERIFY: &str = "verify";
const DOWNLOAD: &str = "download_report";
const PREVIEW: &str = "preview_export";
const DOWNLOAD_EXPORT: &str = "download_export";

/// A read that is to be recorded.
pub struct Read {
    caller: Caller,
    action: &'static str,
    resource: Value,
    metadata: Value,
}

impl Read {
    /// The read that a call is; none where it shows nothing of the log's content, or where the
    /// organization does not record reads.
    ///
    /// # Errors
    /// Never for a call that the table gives a caller.
    pub fn of(call: Call, cx: &Cx) -> Result<Option<Self>, Problem> {
        let Some(action) = action(call) else { return Ok(None) };
        let caller = cx.caller()?;
        if !caller.tenant.settings().record_reads {
            return Ok(None);
        }
        let resource = resource(call, &cx.names, &caller);
        let mut metadata = asked(&cx.params);
        let resumed = cx.headers.get("last-event-id").filter(|_| matches!(call, Call::Stream));
        if let Some(Ok(sequence)) = resumed.map(|value| value.to_str()) {
            metadata["last_event_id"] = sequence.chars().take(SEQUENCE_CHARS_MAX).collect::<String>().into();
        }
        Ok(Some(Self { caller, action, resource, metadata }))
    }

    /// Puts the read into the log, and gives its answer back.
    ///
    /// # Errors
    /// 503 in place of the answer when the log's writer is busy; else what the answer was.
    pub async fn record(mut self, cx: &Cx, answer: Result<Answer, Problem>) -> Result<Answer, Problem> {
        let status = match &answer {
            Ok(_) => "success",
            Err(problem) if tells(self.action, problem.status) => "failure",
            Err(_) => return answer,
        };
        if let (VERIFY, Some(body)) = (self.action, &cx.small_body) {
            add_range(&mut self.metadata, body);
        }
        if let (PREVIEW, Some(body)) = (self.action, &cx.small_body) {
            add_body(&mut self.metadata, body);
        }
        let event = OwnEvent {
            what: "read",
            name: uuid::Uuid::now_v7().to_string(),
            time_ns: times::now_ns(),
            actor: &own::actor(&self.caller, cx.address, &cx.headers),
            resource: self.resource,
            action: self.action,
            status,
            metadata: self.metadata.to_string(),
        };
        match changes::store(&self.caller.tenant, &event).await {
            Err(problem) if takes_none(cx, &self.caller.tenant, &problem) => unrecorded(&self.caller, &event),
            stored => stored?,
        }
        answer
    }
}

/// True for a refusal that tells something of the content: it is not there; of a report also that it is
/// not made, or no longer kept.
fn tells(action: &str, status: StatusCode) -> bool {
    status == StatusCode::NOT_FOUND
        || matches!(action, DOWNLOAD | DOWNLOAD_EXPORT)
            && matches!(status, StatusCode::CONFLICT | StatusCode::GONE)
}

/// What a verification was asked to look at, as far as its body says.
fn add_range(metadata: &mut Value, body: &[u8]) {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(body) else { return };
    for name in ["from", "to", "deep"] {
        if let Some(value) = body.remove(name).filter(|value| !value.is_null()) {
            metadata[name] = value;
        }
    }
}

/// What a preview was asked of, as it was sent; `cut` says that it was too long to be kept.
fn add_body(metadata: &mut Value, body: &[u8]) {
    match serde_json::from_slice(body) {
        Ok(Value::Object(asked)) if body.len() <= PARAMETER_BYTES_MAX => metadata["asked"] = asked.into(),
        _ => metadata["cut"] = true.into(),
    }
}

/// True when the log can store nothing at all: damage, a full disk, a writer that failed.
fn takes_none(cx: &Cx, tenant: &Tenant, problem: &Problem) -> bool {
    let failed = tenant.queue.is_closed() && !cx.app.is_draining();
    failed || matches!(problem.slug, "read-only" | "disk-full" | "store" | "damaged")
}

fn unrecorded(caller: &Caller, event: &OwnEvent<'_>) {
    tracing::error!(
        org = caller.key.org(),
        key = caller.key.id(),
        action = event.action,
        resource = %event.resource,
        asked = event.metadata,
        "the log takes no events: a read was answered and not recorded in it"
    );
}

/// The name of a call in events; none for calls that show no content.
const fn action(call: Call) -> Option<&'static str> {
    Some(match call {
        Call::Search => "search",
        Call::Event => "get",
        Call::Stream => "tail",
        Call::Facets => "facets",
        Call::Histogram => "histogram",
        Call::Figures => "metrics",
        Call::Errors => "errors",
        Call::History => "history",
        Call::Inclusion => "prove_inclusion",
        Call::Consistency => "prove_consistency",
        Call::Verify => VERIFY,
        Call::Reports => "list_reports",
        Call::Report => "get_report",
        Call::DownloadReport => DOWNLOAD,
        Call::VerifyHash => "look_up_report",
        Call::PreviewExport => PREVIEW,
        Call::DownloadExport => DOWNLOAD_EXPORT,
        _ => return None,
    })
}

/// What is read: one event, one resource, or the log.
fn resource(call: Call, names: &[String], caller: &Caller) -> Value {
    let cut = |name: &String| name.chars().take(NAME_CHARS_MAX).collect::<String>();
    match (call, names) {
        (Call::Event, [id]) => json!({"type": "event", "id": cut(id)}),
        (Call::Report | Call::DownloadReport | Call::VerifyHash, [id]) => {
            json!({"type": "report", "id": cut(id)})
        }
        (Call::DownloadExport, [id]) => json!({"type": "export", "id": cut(id)}),
        (Call::History, [kind, id]) => json!({"type": cut(kind), "id": cut(id)}),
        _ => json!({"type": "log", "id": caller.tenant.org.log_id}),
    }
}

/// The parameters as they were sent, decoded; `cut` says that there were more.
fn asked(params: &Params) -> Value {
    let mut shown: Map<String, Value> = Map::new();
    let mut left = PARAMETER_BYTES_MAX;
    let mut cut = false;
    for (name, value) in params.pairs() {
        let Some(room) = left.checked_sub(name.len()) else {
            cut = true;
            break;
        };
        let text = &value[..value.floor_char_boundary(room)];
        cut |= text.len() < value.len();
        left = room - text.len();
        let values = shown.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.push(text.into());
        }
    }
    if cut { json!({"parameters": shown, "cut": true}) } else { json!({"parameters": shown}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Value {
        asked(&Params::parse(Some(query)).unwrap())
    }

    #[test]
    fn parameters_are_kept_as_they_were_sent() {
        assert_eq!(of(""), json!({"parameters": {}}));
        let kept = of("q=a%20b&status=success&status=failure");
        assert_eq!(kept, json!({"parameters": {"q": ["a b"], "status": ["success", "failure"]}}));
    }

    #[test]
    fn long_parameters_are_cut_at_a_character_and_say_so() {
        let kept = of(&format!("q={}&own=true", "%C3%A4".repeat(5000)));
        assert_eq!(kept["cut"], true);
        let text = kept["parameters"]["q"][0].as_str().unwrap();
        assert!(text.len() < PARAMETER_BYTES_MAX && text.chars().all(|c| c == 'ä'), "{}", text.len());
        assert!(kept.to_string().len() < 2 * PARAMETER_BYTES_MAX);
    }
}
