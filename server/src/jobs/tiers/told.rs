//! What the tiers do, as events of the log.
//!
//! An event that is there already was told by a try that a stop cut off: its id stands for the step.

use serde_json::{Value, json};
use stele_engine::log::{Outcome, TierRange, TierState};
use stele_engine::record::committed_at;

use super::policy::Unmoved;
use crate::app::{App, Tenant};
use crate::own::OwnEvent;
use crate::routes::{now_ns, of_us, restores, show_time};
use crate::state::{DAY_US, LockPass, PieceState, RestoreRow, TierRow};

/// Refused segments that an event names.
const NAMED_MAX: usize = 100;

/// Tells of archived segments that were not told of. True when it told of one.
pub fn archives(app: &App, tenant: &Tenant, tier: &TierRow) -> Result<bool, Unmoved> {
    let away = |state: &TierState| !matches!(state, TierState::Hot | TierState::Cold);
    let next =
        tenant.log.tiers().into_iter().find(|range| range.first_sequence >= tier.told && away(&range.state));
    let Some(range) = next else { return Ok(false) };
    let (policy, plan) = tenant.retention();
    let mut metadata = shown(&range);
    metadata["bytes"] = range.bytes_archived.into();
    metadata["store"] = app.archive.describe().into();
    let until = range.committed_last_us.saturating_add(policy.lock_us(plan));
    metadata["retain_until"] = committed_at(until).into();
    let event = OwnEvent {
        what: "archive_created",
        name: range.first_sequence.to_string(),
        time_ns: now_ns(),
        actor: &system(),
        resource: json!({"type": "archive", "id": range.first_sequence.to_string()}),
        action: "archive",
        status: "success",
        metadata: metadata.to_string(),
    };
    submit(tenant, &event)?;
    app.state.change_tier(&tenant.org.id, |tier| tier.told = tier.told.max(range.last_sequence + 1))?;
    Ok(true)
}

/// Tells that a restored segment is no longer searchable; its restore was until `until_us`.
pub fn expired(tenant: &Tenant, range: &TierRange, until_us: u64) -> Result<(), Unmoved> {
    let event = OwnEvent {
        what: "restore_expired",
        name: format!("{}:{until_us}", range.first_sequence),
        time_ns: now_ns(),
        actor: &system(),
        resource: json!({"type": "archive", "id": range.first_sequence.to_string()}),
        action: "expire",
        status: "success",
        metadata: shown(range).to_string(),
    };
    submit(tenant, &event)
}

/// Tells of a way through the locks of all that is in the archive.
pub fn locks(app: &App, tenant: &Tenant, pass: &LockPass) -> Result<(), Unmoved> {
    let failed = pass.failed > 0;
    let metadata = json!({
        "lock_days": pass.lock_us / DAY_US,
        "locked_until": (pass.until_us > 0).then(|| committed_at(pass.until_us)),
        "segments": pass.segments,
        "objects": pass.objects,
        "failed": pass.failed,
        "detail": pass.fault,
        "store": app.archive.describe(),
    });
    let event = OwnEvent {
        what: "archive_locks_lengthened",
        name: pass.begun_us.to_string(),
        time_ns: now_ns(),
        actor: &system(),
        resource: json!({"type": "log", "id": tenant.org.log_id}),
        action: "lock",
        status: if failed { "failure" } else { "success" },
        metadata: metadata.to_string(),
    };
    submit(tenant, &event)
}

/// Tells how a restore ended, and that it was asked for where the log took no events then.
pub fn restored(tenant: &Tenant, row: &RestoreRow) -> Result<(), Unmoved> {
    if row.untold {
        submit(tenant, &restores::requested(row))?;
    }
    submit(tenant, &restore_ended(row))
}

/// The event that tells how a restore ended.
pub fn restore_ended(row: &RestoreRow) -> OwnEvent<'_> {
    let refused: Vec<Value> = row
        .pieces
        .iter()
        .filter(|piece| piece.state == PieceState::Refused)
        .take(NAMED_MAX)
        .map(|piece| {
            json!({"first_sequence": piece.first, "last_sequence": piece.last, "detail": piece.detail})
        })
        .collect();
    let failed = !refused.is_empty();
    let metadata = json!({
        "from": show_time(row.from_ns),
        "to": show_time(row.to_ns),
        "reason": row.reason,
        "days": row.days,
        "expires_at": row.until_us.map(committed_at),
        "done": row.count(PieceState::Restored),
        "total": row.pieces.len(),
        "refused": refused,
    });
    OwnEvent {
        what: if failed { "restore_failed" } else { "restore_completed" },
        name: row.id.clone(),
        time_ns: row.finished_us.map_or_else(now_ns, of_us),
        actor: &row.requested_by,
        resource: json!({"type": "restore", "id": row.id}),
        action: "restore",
        status: if failed { "failure" } else { "success" },
        metadata: metadata.to_string(),
    }
}

fn shown(range: &TierRange) -> Value {
    json!({
        "first_sequence": range.first_sequence,
        "last_sequence": range.last_sequence,
        "from": show_time(range.event_first_us.saturating_mul(1000)),
        "to": show_time(range.event_last_us.saturating_add(1).saturating_mul(1000)),
        "events": range.events,
    })
}

fn system() -> Value {
    json!({"type": "system", "id": "stele"})
}

fn submit(tenant: &Tenant, event: &OwnEvent<'_>) -> Result<(), Unmoved> {
    let untold = |why: &str| Unmoved::Untold(format!("{}: {why}", event.event_id()));
    let (batch, bytes) = event.batch(&tenant.log).map_err(|rejected| untold(&format!("{rejected:?}")))?;
    let outcomes = tenant.queue.append_waiting(batch, 1, bytes);
    let outcomes = outcomes.map_err(|error| untold(&error.to_string()))?;
    let outcomes = outcomes.ok_or_else(|| untold("the log's writer has ended"))?;
    match outcomes.first() {
        Some(Outcome::Stored { .. } | Outcome::Duplicate { .. } | Outcome::Conflict { .. }) => Ok(()),
        other => Err(untold(&format!("{other:?}"))),
    }
}
