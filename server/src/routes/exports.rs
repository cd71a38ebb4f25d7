//! `/v1/exports`: exports are asked for here, and written by a job.

mod ask;
mod download;
mod split;

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde_json::{Value, json};
use stele_engine::error::StoreError;
use stele_engine::log::{Found, Log, Search};
use stele_engine::query::{Budget, Order, Scope};

use self::ask::Wanted;
pub use self::download::{download, manifest};
use super::asked::Asked;
use super::{Cx, changes, paging, run, times};
use crate::app::{App, Tenant};
use crate::exports::{Columns, ENTRIES_MAX, Sheet, files::ID_PREFIX, too_many};
use crate::http::answer::{self, Answer};
use crate::http::problem::{ItemError, Problem};
use crate::http::query::Params;
use crate::jobs::Ticket;
use crate::own::{self, OwnEvent};
use crate::serve::ServeError;
use crate::state::{ExportRow, ExportStatus, GapRow, Plan, State, now_us};

/// Exports of a page.
const LIMIT_MAX: usize = 100;
/// The same, unless told otherwise.
const LIMIT_DEFAULT: usize = 50;
/// Exports that an organization may ask for in an hour.
const HOURLY_MAX: usize = 10;
const HOUR_US: u64 = 3_600_000_000;
/// Counting what matches takes longer than a page of it, and nobody types ahead of it.
const COUNT_TIME: Duration = Duration::from_secs(10);
/// Rows that are looked at before an export is accepted: their columns are known then.
const LOOKED_AT: usize = 1_000;
/// Rows of a preview.
const PREVIEWED: usize = 5;

/// The events that a question means, from what a row keeps of it.
///
/// # Errors
/// What cannot be read of it.
pub fn scope(question: &[(String, String)], now_ns: i64) -> Result<Scope, String> {
    let asked = Asked::again(&mut Params::of(question.to_vec()), now_ns);
    asked.map(|asked| asked.scope).map_err(|problem| problem.detail)
}

/// What is known of an export before it is accepted.
struct Looked {
    found: Found,
    columns: Columns,
    /// False where the columns are too many.
    fits: bool,
    ranges: Option<split::Ranges>,
}

/// Asks for an export.
pub async fn add(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let now_ns = times::now_ns();
    let caller = cx.caller()?;
    let tenant = Arc::clone(&caller.tenant);
    let wanted = ask::take(cx, now_ns, &tenant.taxonomy()).await?;
    if wanted.bulk && tenant.retention().1 != Plan::Enterprise {
        let detail = "`bulk` exports are part of the enterprise plan; without it, ask for ranges that hold at most 100,000 events each";
        return Err(Problem::new(StatusCode::FORBIDDEN, "plan", detail));
    }
    // Its event could not be stored.
    tenant.log.writable().map_err(Problem::read_only)?;
    hourly(&cx.app, &tenant).await?;
    let most = entries_max(&cx.app);
    let looked = look(cx, &tenant, &wanted, now_ns, Some(most)).await?;
    if let Some(ranges) = looked.ranges {
        return Err(split::problem(looked.found.matched.unwrap_or(0), most, &ranges));
    }
    if !looked.fits && wanted.form.needs_columns() {
        return Err(Problem::fields(vec![ItemError::field("/fields", too_many())]));
    }
    let actor = own::actor(&caller, cx.address, &cx.headers);
    let row = wanted.into_row(now_ns, actor, &looked.found, most);
    // From the count of the hour until the row stands.
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    hourly(&cx.app, &tenant).await?;
    if cx.app.exports.desk.is_full(&tenant.org.id) {
        return Err(Problem::overloaded("too many exports wait to be written"));
    }
    changes::store(&tenant, &created(&row)).await?;
    let (app, org, saved) = (Arc::clone(&cx.app), tenant.org.id.clone(), row.clone());
    // A client that hangs up ends this call, and never what a blocking call has begun.
    let put = move || {
        app.state.put_export(&org, &saved)?;
        app.exports.desk.put(Ticket { org, id: saved.id });
        drop(turn);
        Ok(())
    };
    cx.app.save(put).await?;
    let mut answer = answer::json_value(StatusCode::ACCEPTED, &json!({"id": row.id, "status": row.status}));
    if let Ok(value) = HeaderValue::from_str(&format!("/v1/exports/{}", row.id)) {
        answer.headers_mut().insert(header::LOCATION, value);
    }
    Ok(answer)
}

/// Rows of one file at most.
#[cfg(not(debug_assertions))]
fn entries_max(_: &App) -> u64 {
    ENTRIES_MAX
}

/// The same where tests may ask for small files.
#[cfg(debug_assertions)]
fn entries_max(app: &App) -> u64 {
    app.options.export_entries.unwrap_or(ENTRIES_MAX)
}

/// Refuses an export too many; the rows of the state are the count, so that a restart forgets none.
async fn hourly(app: &Arc<App>, tenant: &Tenant) -> Result<(), Problem> {
    let (state, org) = (Arc::clone(&app.state), tenant.org.id.clone());
    let rows = app.block(move || state.exports(&org, None, HOURLY_MAX)).await?;
    let rows = rows.map_err(|error| unread(&error))?;
    let Some(first) = rows.get(HOURLY_MAX - 1) else { return Ok(()) };
    let wait_us = first.created_us.saturating_add(HOUR_US).saturating_sub(now_us());
    if wait_us == 0 {
        return Ok(());
    }
    let detail =
        format!("an organization asks for at most {HOURLY_MAX} exports an hour, whatever became of them");
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail);
    Err(problem.with(header::RETRY_AFTER, HeaderValue::from(wait_us.div_ceil(1_000_000).min(3_600))))
}

/// Counts what matches and looks at the first rows; with `most`, also where to split what is more.
async fn look(
    cx: &Cx,
    tenant: &Tenant,
    wanted: &Wanted,
    now_ns: i64,
    most: Option<u64>,
) -> Result<Looked, Problem> {
    let scope = scope(&wanted.question, now_ns).map_err(Problem::bad_request)?;
    let most = most.filter(|_| !wanted.bulk);
    let (log, order) = (Arc::clone(&tenant.log), wanted.order());
    run::run_in(&cx.app, &cx.app.exports.counting, COUNT_TIME, move |budget| {
        let found = first_rows(&log, &scope, order, budget)?;
        let mut columns = Columns::default();
        let fits = found.records.iter().all(|record| columns.add(&record.body));
        let over = most.filter(|&most| found.matched.is_some_and(|matched| matched > most));
        let ranges = over.map(|most| split::ranges(&log, &scope, found.head, most, budget)).transpose()?;
        Ok(Looked { found, columns, fits, ranges })
    })
    .await
}

fn first_rows(log: &Log, scope: &Scope, order: Order, budget: &Budget<'_>) -> Result<Found, StoreError> {
    let search =
        Search { scope: scope.clone(), order, limit: LOOKED_AT, after: None, head: None, count: true };
    log.search(&search, budget)
}

impl Wanted {
    fn order(&self) -> Order {
        if self.ascending { Order::Asc } else { Order::Desc }
    }

    fn into_row(self, now_ns: i64, requested_by: Value, found: &Found, chunk_entries: u64) -> ExportRow {
        ExportRow {
            v: 1,
            id: format!("{ID_PREFIX}{}", uuid::Uuid::now_v7().simple()),
            created_us: now_us(),
            finished_us: None,
            status: ExportStatus::Pending,
            requested_by,
            cancelled_by: None,
            question: self.question,
            now_ns,
            ascending: self.ascending,
            head: found.head,
            form: self.form,
            bulk: self.bulk,
            chunk_entries,
            total: found.matched.unwrap_or(0),
            columns: None,
            chunks: Vec::new(),
            verification_hash: None,
            archived: found.archived.iter().map(GapRow::from).collect(),
            error: None,
            tries: 0,
            told: false,
        }
    }
}

/// What was asked, by whom: in the log before a row is written.
fn created(row: &ExportRow) -> OwnEvent<'_> {
    let metadata = json!({
        "query": row.query(),
        "format": row.form.format,
        "compression": row.form.compression,
        "fields": row.form.fields,
        "bulk": row.bulk,
        "total": row.total,
        "as_of": row.head,
    });
    OwnEvent {
        what: "export_created",
        name: row.id.clone(),
        time_ns: times::now_ns(),
        actor: &row.requested_by,
        resource: json!({"type": "export", "id": row.id}),
        action: "create",
        status: "success",
        metadata: metadata.to_string(),
    }
}

/// The first rows as the file would have them, and how many there are.
pub async fn preview(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let now_ns = times::now_ns();
    let tenant = cx.caller()?.tenant;
    let wanted = ask::take(cx, now_ns, &tenant.taxonomy()).await?;
    let looked = look(cx, &tenant, &wanted, now_ns, None).await?;
    if !looked.fits && wanted.form.needs_columns() {
        return Err(Problem::fields(vec![ItemError::field("/fields", too_many())]));
    }
    let names = looked.columns.names();
    let sheet = Sheet::new(&wanted.form, &names).map_err(Problem::bad_request)?;
    let shown = || -> std::io::Result<Vec<u8>> {
        let mut rows = sheet.begin(Vec::new())?;
        for record in looked.found.records.iter().take(PREVIEWED) {
            rows.row(record)?;
        }
        rows.end()
    };
    let rows = shown().map_err(|error| {
        tracing::error!(%error, "a preview was not written");
        Problem::internal()
    })?;
    let answer = json!({
        "matched": looked.found.matched,
        "total_cap": entries_max(&cx.app),
        "rows": String::from_utf8_lossy(&rows),
        "fields": wanted.form.fields.as_ref().unwrap_or(&names),
        "archived": super::gaps::shown(&looked.found.archived),
    });
    Ok(answer::json_value(StatusCode::OK, &answer))
}

/// A page of exports, newest first. What is asked for after the first page is in none behind it.
pub async fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    let limits = (LIMIT_DEFAULT, LIMIT_MAX);
    let (rows, next) = paging::newest(cx, ID_PREFIX, limits, State::exports, |row| &row.id).await?;
    let exports: Vec<Value> = rows.iter().map(|row| row.brief(cx.app.exports.progress(&row.id))).collect();
    Ok(answer::json_value(StatusCode::OK, &json!({"exports": exports, "next_cursor": next})))
}

/// One export.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let row = named(cx).await?;
    Ok(answer::json_value(StatusCode::OK, &row.show(cx.app.exports.progress(&row.id))))
}

/// Stops an export that is not written yet.
pub async fn cancel(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let by = own::actor(&caller, cx.address, &cx.headers);
    let (app, org, id) = (Arc::clone(&cx.app), caller.tenant.org.id.clone(), cx.name()?);
    let change = move || {
        let mut changed = false;
        let row = app.state.change_export(&org, &id, |row| {
            changed = row.is_open();
            if changed {
                row.status = ExportStatus::Cancelled;
                (row.cancelled_by, row.finished_us) = (Some(by), Some(now_us()));
            }
            changed
        })?;
        if changed {
            app.exports.cancelled();
            // Its end is still to be told: a running job does that, and may have ended by itself meanwhile.
            app.exports.desk.put(Ticket { org, id });
        }
        Ok::<_, ServeError>((row, changed))
    };
    let (row, changed) = cx.app.block(change).await?.map_err(|error| {
        tracing::error!(%error, "a change could not be saved");
        Problem::read_only("the change could not be saved; the server's log says why")
    })?;
    let row = row.ok_or_else(Problem::not_found)?;
    if !changed && row.status != ExportStatus::Cancelled {
        let detail = "the export has ended; there is nothing left to cancel";
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", detail));
    }
    Ok(answer::json_value(StatusCode::OK, &row.show(None)))
}

/// The export that the path names.
async fn named(cx: &Cx) -> Result<ExportRow, Problem> {
    let (state, org, id) = (Arc::clone(&cx.app.state), cx.caller()?.tenant.org.id.clone(), cx.name()?);
    let row = cx.app.block(move || state.export(&org, &id)).await?;
    row.map_err(|error| unread(&error))?.ok_or_else(Problem::not_found)
}

fn unread(error: &ServeError) -> Problem {
    tracing::error!(%error, "exports cannot be read");
    Problem::internal()
}
