//! Changes made through the API, as events of the log they concern.
//!
//! Keeps true: the event is on stable storage before the change is made and before it is answered.
//! A crash between the two leaves an event of a change that did not happen, never the reverse.

use serde_json::{Value, json};
use stele_engine::event;
use stele_engine::log::Outcome;

use super::{Cx, times};
use crate::app::Tenant;
use crate::auth::Caller;
use crate::http::problem::Problem;

/// Longest user agent that is taken into an event.
const AGENT_CHARS_MAX: usize = 512;

/// One change.
pub struct Change {
    /// Last part of the event type, `key_created` for `stele.key_created`.
    pub what: &'static str,
    /// Type, id and name of what is changed.
    pub resource: (&'static str, String, String),
    /// `create`, `update`, `revoke`.
    pub action: &'static str,
    /// State before; null for something new.
    pub before: Value,
    /// State after.
    pub after: Value,
}

/// Puts a change into `tenant`'s log, with the asker as actor.
///
/// # Errors
/// 503 or 507 when the log takes no events: the change must not be made then.
pub async fn record(cx: &Cx, caller: &Caller, tenant: &Tenant, change: Change) -> Result<(), Problem> {
    let Change { what, resource: (kind, id, name), action, before, after } = change;
    let mut actor = json!({
        "type": "api_key",
        "id": caller.key.id(),
        "name": caller.key.name(),
        "ip_address": cx.address.to_string(),
    });
    if let Some(agent) = cx.user_agent() {
        actor["user_agent"] = agent.chars().take(AGENT_CHARS_MAX).collect::<String>().into();
    }
    let resource = json!({"type": kind, "id": id, "name": name});
    let metadata = format!(r#"{{"changes":{{"before":{before},"after":{after}}}}}"#);
    let event_type = format!("stele.{what}");
    let event_id = format!("stele:{what}:{}", uuid::Uuid::now_v7());
    let event = event::own(
        &event_type,
        &event_id,
        times::now_ns(),
        &actor.to_string(),
        &resource.to_string(),
        action,
        "success",
        &metadata,
    );
    let event = event.map_err(|rejected| refused(&rejected))?;
    let bytes = event.body.len();
    let batch = tenant.log.prepare(vec![event], false);
    match tenant.queue.append(batch, 1, bytes).await?.first() {
        Some(Outcome::Stored { .. }) => Ok(()),
        other => {
            tracing::error!(event_id, ?other, "a change's own event was not stored");
            Err(Problem::internal())
        }
    }
}

fn refused(rejected: &event::Rejected) -> Problem {
    if rejected.faults.iter().any(|f| f.code == event::Code::TooLarge) {
        return Problem::too_large("the change is too large for the event that records it");
    }
    tracing::error!(?rejected, "a change makes no valid event");
    Problem::internal()
}
