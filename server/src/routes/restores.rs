//! `GET/POST /v1/restores`, `GET /v1/restores/{id}`: archived events are asked for here, and brought back
//! by a job.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use stele_engine::log::{TierRange, TierState};
use stele_engine::record::committed_at;

use super::{Cx, changes, fields, paging, times};
use crate::app::{App, Tenant};
use crate::http::answer::{self, Answer};
use crate::http::problem::{ItemError, Problem};
use crate::jobs::Ticket;
use crate::own::{self, OwnEvent};
use crate::serve::ServeError;
use crate::state::{DAY_US, Piece, PieceState, RestoreRow, RestoreStatus, State, now_us};

const ID_PREFIX: &str = "res_";
const TAKES: &str = "from, to, reason, days";
const LIMIT_MAX: usize = 100;
const LIMIT_DEFAULT: usize = 50;
/// Restores of one organization at a time.
const OPEN_MAX: usize = 8;
const REASON_CHARS_MAX: usize = 1024;
const DAYS_DEFAULT: u64 = 7;
const DAYS_MAX: u64 = 365;
/// What is promised: within a day.
const DEADLINE_US: u64 = DAY_US;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    from: Value,
    to: Option<Value>,
    reason: Value,
    days: Option<Value>,
}

/// What is asked for.
struct Wanted {
    from_ns: i64,
    to_ns: i64,
    reason: String,
    days: u32,
}

/// Asks for a restore. The same range and days, while one of them is under way, are that one.
pub async fn add(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Ask = fields::body(cx, TAKES).await?;
    let wanted = read(&ask, times::now_ns()).map_err(Problem::fields)?;
    let caller = cx.caller()?;
    let tenant = Arc::clone(&caller.tenant);
    // One that takes no events may be what the restore mends.
    tenant.log.restorable().map_err(Problem::read_only)?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let open = open(&cx.app, &tenant).await?;
    let same =
        |row: &&RestoreRow| (row.from_ns, row.to_ns, row.days) == (wanted.from_ns, wanted.to_ns, wanted.days);
    if let Some(row) = open.iter().find(same) {
        return Ok(accepted(row));
    }
    if open.len() >= OPEN_MAX {
        return Err(Problem::overloaded("too many restores are under way"));
    }
    let log = Arc::clone(&tenant.log);
    let ranges = cx.app.block(move || log.tiers()).await?;
    let mut row = wanted.into_row(own::actor(&caller, cx.address, &cx.headers), &ranges);
    row.untold = tenant.log.writable().is_err();
    if !row.untold {
        changes::store(&tenant, &requested(&row)).await?;
    }
    let (app, org, saved) = (Arc::clone(&cx.app), tenant.org.id.clone(), row.clone());
    // A client that hangs up ends this call, and never what a blocking call has begun.
    let put = move || {
        app.state.put_restore(&org, &saved)?;
        app.tiers.put(Ticket { org, id: saved.id });
        drop(turn);
        Ok(())
    };
    cx.app.save(put).await?;
    Ok(accepted(&row))
}

impl Wanted {
    fn into_row(self, requested_by: Value, ranges: &[TierRange]) -> RestoreRow {
        let created_us = now_us();
        RestoreRow {
            v: 1,
            id: format!("{ID_PREFIX}{}", uuid::Uuid::now_v7().simple()),
            created_us,
            deadline_us: created_us + DEADLINE_US,
            finished_us: None,
            until_us: None,
            status: RestoreStatus::Pending,
            requested_by,
            pieces: pieces(ranges, self.from_ns, self.to_ns),
            from_ns: self.from_ns,
            to_ns: self.to_ns,
            reason: self.reason,
            days: self.days,
            untold: false,
        }
    }
}

/// A restore as the body of a request asks for it.
///
/// # Errors
/// What breaks a rule, in words.
pub fn row(body: &Value, requested_by: Value, ranges: &[TierRange]) -> Result<RestoreRow, String> {
    let ask: Ask = Ask::deserialize(body).map_err(|error| error.to_string())?;
    let told = |faults: Vec<ItemError>| {
        let of = |fault: &ItemError| format!("{} {}", fault.pointer.trim_start_matches('/'), fault.detail);
        faults.iter().map(of).collect::<Vec<_>>().join("; ")
    };
    Ok(read(&ask, times::now_ns()).map_err(told)?.into_row(requested_by, ranges))
}

/// The restores of an organization that are under way.
async fn open(app: &Arc<App>, tenant: &Tenant) -> Result<Vec<RestoreRow>, Problem> {
    let (state, org) = (Arc::clone(&app.state), tenant.org.id.clone());
    let ids = app.tiers.open_of(&org);
    let rows = app.block(move || ids.iter().map(|id| state.restore(&org, id)).collect::<Result<Vec<_>, _>>());
    let rows = rows.await?.map_err(|error| unread(&error))?;
    Ok(rows.into_iter().flatten().filter(RestoreRow::is_open).collect())
}

fn accepted(row: &RestoreRow) -> Answer {
    let mut answer = answer::json_value(StatusCode::ACCEPTED, &row.show(now_us()));
    if let Ok(value) = HeaderValue::from_str(&format!("/v1/restores/{}", row.id)) {
        answer.headers_mut().insert(header::LOCATION, value);
    }
    answer
}

fn read(ask: &Ask, now_ns: i64) -> Result<Wanted, Vec<ItemError>> {
    let mut faults = Vec::new();
    let mut time = |pointer: &str, value: Option<&Value>| {
        let Some(value) = value else { return now_ns };
        value.as_str().and_then(|text| times::parse(text, now_ns)).unwrap_or_else(|| {
            faults.push(ItemError::field(pointer, times::TAKES));
            now_ns
        })
    };
    let (from_ns, to_ns) = (time("/from", Some(&ask.from)), time("/to", ask.to.as_ref()));
    if faults.is_empty() && from_ns >= to_ns {
        faults.push(ItemError::field("/from", "takes a time before `to`; without `to`, before now"));
    }
    let reason = ask.reason.as_str().unwrap_or_default().trim().to_owned();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control)
    {
        let detail = format!("takes 1 to {REASON_CHARS_MAX} characters: the reason stands in the log");
        faults.push(ItemError::field("/reason", detail));
    }
    let days = ask.days.as_ref().map_or(Some(DAYS_DEFAULT), Value::as_u64);
    let days = days.filter(|days| (1..=DAYS_MAX).contains(days)).and_then(|days| u32::try_from(days).ok());
    if days.is_none() {
        faults.push(ItemError::field("/days", format!("takes days from 1 to {DAYS_MAX}")));
    }
    match days {
        Some(days) if faults.is_empty() => Ok(Wanted { from_ns, to_ns, reason, days }),
        _ => Err(faults),
    }
}

/// The segments whose events may lie in the range and that are not here for good.
fn pieces(ranges: &[TierRange], from_ns: i64, to_ns: i64) -> Vec<Piece> {
    let meets = |range: &&TierRange| {
        range.event_last_us.saturating_mul(1000).saturating_add(999) >= from_ns
            && range.event_first_us.saturating_mul(1000) < to_ns
            && matches!(range.state, TierState::Archived | TierState::Restored { .. })
    };
    let piece = |range: &TierRange| Piece {
        first: range.first_sequence,
        last: range.last_sequence,
        state: PieceState::Pending,
        detail: None,
        denied: 0,
    };
    ranges.iter().filter(meets).map(piece).collect()
}

/// The event that tells of it, before it is begun.
pub fn requested(row: &RestoreRow) -> OwnEvent<'_> {
    let metadata = json!({
        "from": times::show(row.from_ns),
        "to": times::show(row.to_ns),
        "reason": row.reason,
        "days": row.days,
        "deadline": committed_at(row.deadline_us),
        "total": row.pieces.len(),
    });
    OwnEvent {
        what: "restore_requested",
        name: row.id.clone(),
        time_ns: times::of_us(row.created_us),
        actor: &row.requested_by,
        resource: json!({"type": "restore", "id": row.id}),
        action: "request",
        status: "success",
        metadata: metadata.to_string(),
    }
}

/// A page of restores, newest first.
pub async fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    let limits = (LIMIT_DEFAULT, LIMIT_MAX);
    let (rows, next) = paging::newest(cx, ID_PREFIX, limits, State::restores, |row| &row.id).await?;
    let now = now_us();
    let restores: Vec<Value> = rows.iter().map(|row| row.show(now)).collect();
    Ok(answer::json_value(StatusCode::OK, &json!({"restores": restores, "next_cursor": next})))
}

/// One restore.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let (state, org, id) = (Arc::clone(&cx.app.state), cx.caller()?.tenant.org.id.clone(), cx.name()?);
    let row = cx.app.block(move || state.restore(&org, &id)).await?;
    let row = row.map_err(|error| unread(&error))?.ok_or_else(Problem::not_found)?;
    Ok(answer::json_value(StatusCode::OK, &row.show(now_us())))
}

fn unread(error: &ServeError) -> Problem {
    tracing::error!(%error, "restores cannot be read");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> Vec<String> {
        let ask: Ask = serde_json::from_str(body).unwrap();
        match read(&ask, 1_700_000_000_000_000_000) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|error| error.pointer).collect(),
        }
    }

    #[test]
    fn a_restore_names_a_range_a_reason_and_days() {
        assert!(faults(r#"{"from":"now-90d","reason":"audit"}"#).is_empty());
        assert!(faults(r#"{"from":"now-90d","to":"now-30d","reason":"audit","days":365}"#).is_empty());
        assert_eq!(faults(r#"{"from":"now-1d","to":"now-2d","reason":"x"}"#), ["/from"]);
        assert_eq!(faults(r#"{"from":"yesterday","to":3,"reason":"x"}"#), ["/from", "/to"]);
        assert_eq!(faults(r#"{"from":"now-1d","reason":" ","days":0}"#), ["/reason", "/days"]);
        assert_eq!(faults(r#"{"from":"now-1d","reason":"a\nb","days":366}"#), ["/reason", "/days"]);
    }
}
