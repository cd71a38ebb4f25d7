//! Changes made through the API, as events of the log they concern.
//!
//! Keeps true: the event is on stable storage before the change is made and before it is answered.
//! A crash between the two leaves an event of a change that did not happen, never the reverse.

use serde_json::{Value, json};
use stele_engine::event::{Code, Rejected};
use stele_engine::log::Outcome;

use super::{Cx, times};
use crate::app::Tenant;
use crate::auth::Caller;
use crate::http::problem::Problem;
use crate::own::{self, OwnEvent};

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
    let event = OwnEvent {
        what,
        name: uuid::Uuid::now_v7().to_string(),
        time_ns: times::now_ns(),
        actor: &own::actor(caller, cx.address, &cx.headers),
        resource: json!({"type": kind, "id": id, "name": name}),
        action,
        status: "success",
        metadata: format!(r#"{{"changes":{{"before":{before},"after":{after}}}}}"#),
    };
    store(tenant, &event).await
}

/// Stores one of the log's own events.
///
/// # Errors
/// 503 or 507 when the log takes no events.
pub async fn store(tenant: &Tenant, event: &OwnEvent<'_>) -> Result<(), Problem> {
    let (batch, bytes) = event.batch(&tenant.log).map_err(|rejected| refused(&rejected))?;
    match tenant.queue.append(batch, 1, bytes).await?.first() {
        Some(Outcome::Stored { .. }) => Ok(()),
        other => {
            tracing::error!(event_id = event.event_id(), ?other, "the log's own event was not stored");
            Err(Problem::internal())
        }
    }
}

fn refused(rejected: &Rejected) -> Problem {
    if rejected.faults.iter().any(|f| f.code == Code::TooLarge) {
        return Problem::too_large("the change is too large for the event that records it");
    }
    tracing::error!(?rejected, "what was asked makes no valid event");
    Problem::internal()
}
