//! `/v1/reports` and `/v1/verify/{hash}`: reports are asked for here, and made by a job.

mod ask;
mod download;

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde_json::{Value, json};
use stele_engine::error::StoreError;
use stele_engine::ids::unhex;
use stele_engine::log::{Log, TierRange, TierState};
use stele_engine::tags::{Axis, Filter};

pub use download::download;

use super::{Cx, changes, gaps, paging, proofs, times};
use crate::http::answer::{self, Answer};
use crate::http::problem::Problem;
use crate::jobs::Ticket;
use crate::own::{self, OwnEvent};
use crate::serve::ServeError;
use crate::state::{ReportRow, ReportStatus, State, now_us};

const ID_PREFIX: &str = "rep_";
/// Reports of a page; each has a filter, which may be long.
const LIMIT_MAX: usize = 100;
/// The same, unless told otherwise.
const LIMIT_DEFAULT: usize = 50;

/// Asks for a report.
pub async fn add(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let tenant = Arc::clone(&caller.tenant);
    let filter = ask::take(cx, times::now_ns(), &tenant.taxonomy()).await?;
    // Its event could not be stored.
    tenant.log.writable().map_err(Problem::read_only)?;
    let (log, wanted) = (Arc::clone(&tenant.log), filter.clone());
    let away = cx.app.block(move || archived(&log, &wanted)).await?;
    if !away.is_empty() {
        return Err(gaps::problem(away.iter()));
    }
    let row = ReportRow {
        v: 1,
        id: format!("{ID_PREFIX}{}", uuid::Uuid::now_v7().simple()),
        created_us: now_us(),
        finished_us: None,
        status: ReportStatus::Pending,
        requested_by: own::actor(&caller, cx.address, &cx.headers),
        filter: filter.text(),
        entries: None,
        as_of: None,
        verification_hash: None,
        error: None,
        tries: 0,
    };
    // From the look at the desk until the ticket lies there.
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    if cx.app.desk.is_full(&tenant.org.id) {
        return Err(Problem::overloaded("too many reports wait to be made"));
    }
    changes::store(&tenant, &requested(&row)).await?;
    let (app, org, saved) = (Arc::clone(&cx.app), tenant.org.id.clone(), row.clone());
    // A client that hangs up ends this call, and never what a blocking call has begun.
    let put = move || {
        app.state.put_report(&org, &saved)?;
        app.desk.put(Ticket { org, id: saved.id });
        drop(turn);
        Ok(())
    };
    cx.app.save(put).await?;
    let mut answer = answer::json_value(StatusCode::ACCEPTED, &json!({"id": row.id, "status": row.status}));
    if let Ok(value) = HeaderValue::from_str(&format!("/v1/reports/{}", row.id)) {
        answer.headers_mut().insert(header::LOCATION, value);
    }
    Ok(answer)
}

/// Archived segments that records of the range may lie in.
fn archived(log: &Log, filter: &Filter) -> Vec<TierRange> {
    let meets = |range: &TierRange| {
        let (first, last) = match filter.axis {
            Axis::Event => (
                u64::try_from(range.event_first_us).unwrap_or(0),
                u64::try_from(range.event_last_us).unwrap_or(0),
            ),
            Axis::Commit => (range.committed_first_us, range.committed_last_us),
        };
        range.state == TierState::Archived && first < filter.to_us && last >= filter.from_us
    };
    log.tiers().into_iter().filter(meets).collect()
}

/// What was asked, by whom: in the log also when the report is never made.
fn requested(row: &ReportRow) -> OwnEvent<'_> {
    OwnEvent {
        what: "report_requested",
        name: row.id.clone(),
        time_ns: times::now_ns(),
        actor: &row.requested_by,
        resource: json!({"type": "report", "id": row.id}),
        action: "request",
        status: "success",
        metadata: json!({"filter": row.filter}).to_string(),
    }
}

/// A page of reports, newest first. What is asked for after the first page is in none behind it.
pub async fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    let limits = (LIMIT_DEFAULT, LIMIT_MAX);
    let (rows, next) = paging::newest(cx, ID_PREFIX, limits, State::reports, |row| &row.id).await?;
    let reports: Vec<Value> = rows.iter().map(ReportRow::show).collect();
    Ok(answer::json_value(StatusCode::OK, &json!({"reports": reports, "next_cursor": next})))
}

/// One report.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    Ok(answer::json_value(StatusCode::OK, &named(cx).await?.show()))
}

/// The report that the path names.
async fn named(cx: &Cx) -> Result<ReportRow, Problem> {
    let (state, org, id) = (Arc::clone(&cx.app.state), cx.caller()?.tenant.org.id.clone(), cx.name()?);
    let row = cx.app.block(move || state.report(&org, &id)).await?;
    row.map_err(|error| unread(&error))?.ok_or_else(Problem::not_found)
}

fn unread(error: &ServeError) -> Problem {
    tracing::error!(%error, "reports cannot be read");
    Problem::internal()
}

/// The event of an issued report, by its verification hash, with the proof that it is in the log.
pub async fn verify(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let text = cx.name()?;
    let hash = text.strip_prefix("stele1:").unwrap_or(&text).to_ascii_lowercase();
    if unhex(&hash).is_none() {
        let detail = "the path takes a verification hash: 64 characters of hex, with or without `stele1:`";
        return Err(Problem::bad_request(detail));
    }
    let log = Arc::clone(&cx.caller()?.tenant.log);
    let reader = Arc::clone(&log);
    let find = move || -> Result<_, StoreError> {
        let Some(record) = reader.find(&format!("stele:report_issued:{hash}"))? else { return Ok(None) };
        let proof = reader.inclusion(record.sequence, now_us())?;
        Ok(proof.map(|proof| (record, proof)))
    };
    let found = cx.app.block(find).await?;
    let found = gaps::here(&cx.app, &log, found).await?;
    let (record, proof) = found.ok_or_else(Problem::not_found)?;
    let mut out = Vec::with_capacity(record.body.len() + 2_000);
    out.extend_from_slice(b"{\"event\":");
    record.write_line(&mut out);
    out.extend_from_slice(b",\"inclusion\":");
    out.extend_from_slice(proofs::shown(&proof).to_string().as_bytes());
    out.extend_from_slice(b"}\n");
    Ok(answer::json(out))
}
