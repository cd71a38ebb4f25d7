//! `GET/POST /v1/archives`: which segments are in the archive, and asking for more.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use stele_engine::log::{TierRange, TierState};
use stele_engine::record::committed_at;

use super::paging::Paging;
use super::{Cx, changes, fields, times};
use crate::http::answer::{self, Answer};
use crate::http::problem::{ItemError, Problem};
use crate::jobs::Trouble;
use crate::metrics::tier_name;
use crate::own::{self, OwnEvent};
use crate::state::{DAY_US, LocksRow};

/// Segments of a page.
const LIMIT_MAX: usize = 1000;
/// The same, unless told otherwise.
const LIMIT_DEFAULT: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    before: Value,
}

/// A page of what is in the archive, oldest first, and what of it fails now.
pub async fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    let tenant = cx.caller()?.tenant;
    let log = Arc::clone(&tenant.log);
    let (paging, limit) = Paging::take_list(cx, &log, LIMIT_DEFAULT, LIMIT_MAX)?;
    let from = paging.after.map_or(0, |(_, last)| last + 1);
    let (app, reader, org) = (Arc::clone(&cx.app), Arc::clone(&log), tenant.org.id.clone());
    let known = move || app.state.tier(&org).map(|tier| (reader.tiers(), reader.archived(), tier.locks));
    let (ranges, archived, locks) = cx.app.block(known).await?.map_err(|error| {
        tracing::error!(%error, "the state of the tiers cannot be read");
        Problem::internal()
    })?;
    let mut rows: Vec<TierRange> =
        ranges.into_iter().filter(|range| range.first_sequence >= from && is_shipped(range)).collect();
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(|range| paging.seal(&log, log.head().size, (0, range.last_sequence)));
    let locks = cx.app.archive.locks().then(|| show_locks(&locks, &archived));
    let shown: Vec<Value> = rows.iter().map(show).collect();
    let value = json!({
        "archives": shown,
        "next_cursor": next,
        "store": cx.app.archive.describe(),
        "unproved": cx.app.tiers.unproved().as_ref().map(show_trouble),
        "locks": locks,
        "error": tenant.trouble().as_ref().map(show_trouble),
    });
    Ok(answer::json_value(StatusCode::OK, &value))
}

fn show_trouble(trouble: &Trouble) -> Value {
    json!({"at": committed_at(trouble.at_us), "step": trouble.step, "detail": trouble.detail})
}

/// How far locks are lengthened, in segments of those in the archive.
fn show_locks(row: &LocksRow, archived: &[(u64, u64)]) -> Value {
    let (done, lock_us) = match &row.pass {
        Some(pass) => (archived.iter().filter(|(first, _)| *first < pass.next).count(), pass.lock_us),
        None => (archived.len(), row.done_us),
    };
    let (fault, failed_us) = row.fault.clone().unzip();
    json!({
        "lengthening": row.pass.is_some(),
        "lock_days": lock_us / DAY_US,
        "locked_until": row.pass.as_ref().filter(|pass| pass.until_us > 0).map(|pass| committed_at(pass.until_us)),
        "done": done,
        "total": archived.len(),
        "error": fault.map(|detail| json!({"at": failed_us.map(committed_at), "step": "lock", "detail": detail})),
    })
}

/// True once the archive has it.
pub fn is_shipped(range: &TierRange) -> bool {
    !matches!(range.state, TierState::Hot | TierState::Cold)
}

/// A range as the API shows it.
pub fn show(range: &TierRange) -> Value {
    let expires = match range.state {
        TierState::Restored { until_us } => Some(committed_at(until_us)),
        _ => None,
    };
    json!({
        "first_sequence": range.first_sequence,
        "last_sequence": range.last_sequence,
        "from": times::show(range.event_first_us.saturating_mul(1000)),
        "to": times::show(range.event_last_us.saturating_add(1).saturating_mul(1000)),
        "events": range.events,
        "bytes": range.bytes_archived,
        "state": tier_name(range.state),
        "expires_at": expires,
    })
}

/// Archives whole segments that end before a time, earlier than the policy would.
pub async fn add(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Ask = fields::body(cx, "before").await?;
    let now = times::now_ns();
    let before = ask.before.as_str().and_then(|text| times::parse(text, now)).filter(|at| *at <= now);
    let Some(before_us) = before.and_then(|at| u64::try_from(at / 1000).ok()) else {
        let detail = format!("{}, not after now", times::TAKES);
        return Err(Problem::fields(vec![ItemError::field("/before", detail)]));
    };
    let caller = cx.caller()?;
    let tenant = Arc::clone(&caller.tenant);
    tenant.log.writable().map_err(Problem::read_only)?;
    let reader = Arc::clone(&tenant.log);
    let ranges = cx.app.block(move || reader.tiers()).await?;
    let meant: Vec<&TierRange> = ranges
        .iter()
        .filter(|range| range.committed_last_us < before_us)
        .filter(|range| matches!(range.state, TierState::Hot | TierState::Cold | TierState::Shipped))
        .collect();
    let events: u64 = meant.iter().map(|range| range.events).sum();
    let answer = json!({"before": committed_at(before_us), "segments": meant.len(), "events": events});
    let event = OwnEvent {
        what: "archive_requested",
        name: uuid::Uuid::now_v7().to_string(),
        time_ns: now,
        actor: &own::actor(&caller, cx.address, &cx.headers),
        resource: json!({"type": "log", "id": tenant.org.log_id}),
        action: "archive",
        status: "success",
        metadata: answer.to_string(),
    };
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    changes::store(&tenant, &event).await?;
    let app = Arc::clone(&cx.app);
    let put = move || {
        app.state.change_tier(&tenant.org.id, |tier| {
            tier.archive_before_us = tier.archive_before_us.max(before_us);
        })?;
        app.tiers.ring();
        drop(turn);
        Ok(())
    };
    cx.app.save(put).await?;
    Ok(answer::json_value(StatusCode::ACCEPTED, &answer))
}
