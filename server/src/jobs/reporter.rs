//! The reporter: makes the reports of all logs, one at a time.
//!
//! Keeps true: a report that is done stands in whole files on stable storage, and its event in the
//! log. One that was not done when the server stopped is made again at the next start; a crash may
//! leave the event of a first try, whose hash nobody was told. What brings the server down each time
//! is tried three times.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;
use stele_engine::error::StoreError;
use stele_engine::ids::hex;
use stele_engine::log::{Outcome, Report, ReportError, ReportLimits, WriteError};
use stele_engine::proof::VerifierKey;
use stele_engine::record::committed_at;
use stele_engine::tags::Filter;
use stele_engine::verify;

use super::housekeeper::KEPT_DAYS;
use super::indexer::{index_next, pause};
use super::{Ticket, start};
use crate::app::{App, Tenant};
use crate::kept;
use crate::own::OwnEvent;
use crate::reports::{Facts, files};
use crate::routes::now_ns;
use crate::serve::ServeError;
use crate::serve::start::log_dir;
use crate::state::{ReportRow, ReportStatus, now_us};

const IDLE: Duration = Duration::from_secs(60);
/// After the state could not be read or saved.
const PAUSE: Duration = Duration::from_secs(5);
/// Tries without an end, after which a report is given up.
const TRIES_MAX: u32 = 3;
/// Index events before a report that came to nothing because another thread was faster.
const VAIN_MAX: u32 = 100;

/// Starts the reporter; it ends when the desk's bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn reporter(app: Arc<App>) -> io::Result<JoinHandle<()>> {
    start("stele-reporter", move || {
        while !app.desk.bell.is_stopping() {
            match app.desk.take() {
                Some(ticket) => serve(&app, &ticket),
                None => app.desk.bell.wait(IDLE),
            }
        }
    })
}

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error("{0}")]
    Report(#[from] ReportError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the report's files were not written: {0}")]
    Files(#[from] io::Error),
    #[error("{0}")]
    Other(String),
}

impl From<WriteError> for Unmade {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Out(error) => Self::Files(error),
            WriteError::Store(error) => Self::Store(error),
        }
    }
}

/// Makes a report, and notes how it went. A failure of the state puts the ticket back.
fn serve(app: &App, ticket: &Ticket) {
    match catch_unwind(AssertUnwindSafe(|| attempt(app, ticket))) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(org = ticket.org, report = ticket.id, %error, "a report waits: the state fails");
            app.desk.put(ticket.clone());
            pause(&app.desk.bell, PAUSE);
        }
        Err(_) => {
            app.metrics.panics.inc();
            tracing::error!(org = ticket.org, report = ticket.id, "a report is left until the next start");
        }
    }
}

/// Fails where the state does before the report is begun.
fn attempt(app: &App, ticket: &Ticket) -> Result<(), ServeError> {
    let Some(tenant) = app.tenant(&ticket.org) else { return Ok(()) };
    let Some(mut row) = app.state.report(&ticket.org, &ticket.id)? else { return Ok(()) };
    let made = if row.tries >= TRIES_MAX {
        Err(Unmade::Other("the server stopped three times while making it".to_owned()))
    } else {
        row.status = ReportStatus::Running;
        row.tries += 1;
        app.state.put_report(&ticket.org, &row)?;
        catch_unwind(AssertUnwindSafe(|| make(app, &tenant, &row))).unwrap_or_else(|_| {
            app.metrics.panics.inc();
            Err(Unmade::Other("the server failed; its log says how".to_owned()))
        })
    };
    match made {
        Ok(report) => {
            row.status = ReportStatus::Done;
            row.filter = report.filter().text();
            row.entries = Some(report.entries());
            row.as_of = Some(report.as_of());
            row.verification_hash = Some(hex(&report.verification_hash()));
        }
        // Whatever a stop cut off stays as it is, and is made again at the next start.
        Err(_) if app.desk.bell.is_stopping() => return Ok(()),
        Err(unmade) => {
            tracing::error!(org = ticket.org, report = row.id, error = %unmade, "a report was not made");
            files::remove(&dir(app, &tenant), &row.id);
            row.status = ReportStatus::Failed;
            row.error = Some(unmade.to_string());
        }
    }
    row.finished_us = Some(now_us());
    save(app, ticket, &row);
    Ok(())
}

/// Saves how a report ended, however long that takes: a second try would be issued a second time.
fn save(app: &App, ticket: &Ticket, row: &ReportRow) {
    while let Err(error) = app.state.put_report(&ticket.org, row) {
        tracing::error!(org = ticket.org, report = row.id, %error, "the end of a report was not saved");
        if app.desk.bell.is_stopping() {
            return;
        }
        pause(&app.desk.bell, PAUSE);
    }
}

fn dir(app: &App, tenant: &Tenant) -> std::path::PathBuf {
    files::dir(&log_dir(&app.options.data, &tenant.org.log_id))
}

/// Covers the log with index events, makes the report of it, writes its files and its event.
fn make(app: &App, tenant: &Tenant, row: &ReportRow) -> Result<Report, Unmade> {
    tenant.log.writable().map_err(|why| Unmade::Other(format!("the log takes no events: {why}")))?;
    let filter = Filter::parse(&row.filter).map_err(Unmade::Other)?;
    let dir = dir(app, tenant);
    kept::room(&dir, "report", KEPT_DAYS)?;
    cover(app, tenant)?;
    let go_on = || !app.desk.bell.is_stopping();
    let report = tenant.log.report(filter, ReportLimits::default(), now_us(), &go_on)?;
    let facts = Facts::of(tenant, row, &report, now_us(), &go_on)?;
    files::write_all(&dir, &facts, &report, &go_on)?;
    prove(&files::path(&dir, &row.id, files::Format::Json), &report)?;
    issue(tenant, row, &facts, &report)?;
    Ok(report)
}

/// Proves the JSON form as whoever gets it will: what a verifier refuses is never issued. It also rehashes every
/// body, so records that were altered on the disk make no report.
fn prove(path: &Path, report: &Report) -> Result<(), Unmade> {
    let key = VerifierKey::parse(report.key()).map_err(Unmade::Other)?;
    let verdict = verify::report(&std::fs::read(path)?, &key);
    let refused = |fault: verify::ReportFault| {
        Unmade::Other(format!("the finished report is refused ({fault}); verify the log"))
    };
    let verdict = verdict.map_err(refused)?;
    if verdict.verification_hash == report.verification_hash() {
        Ok(())
    } else {
        Err(Unmade::Other("the finished report has another verification hash; verify the log".to_owned()))
    }
}

/// Index events up to where the log ends now: later ones do not belong to what was asked.
fn cover(app: &App, tenant: &Tenant) -> Result<(), Unmade> {
    let head = tenant.log.head().size;
    let (mut indexed, mut vain) = (tenant.log.indexed()?, 0);
    while indexed < head {
        if app.desk.bell.is_stopping() {
            return Err(stopping());
        }
        // False is no failure in itself: the indexer may have been faster.
        if !index_next(&tenant.log, &tenant.queue, true)? && tenant.queue.is_closed() {
            return Err(writer_ended());
        }
        let now = tenant.log.indexed()?;
        vain = if now > indexed { 0 } else { vain + 1 };
        if vain > VAIN_MAX {
            let text = format!("index events do not get beyond sequence {indexed}; verify the log");
            return Err(Unmade::Other(text));
        }
        indexed = now;
    }
    Ok(())
}

fn stopping() -> Unmade {
    Unmade::Other("the server is stopping".to_owned())
}

fn writer_ended() -> Unmade {
    Unmade::Other("the log's writer has ended; restart the server".to_owned())
}

/// Puts the report's event into the log: from here on it is issued.
fn issue(tenant: &Tenant, row: &ReportRow, facts: &Facts, report: &Report) -> Result<(), Unmade> {
    let hash = hex(&report.verification_hash());
    let metadata = json!({
        "report": row.id,
        "verification_hash": format!("stele1:{hash}"),
        "filter": report.filter().text(),
        "axis": report.filter().axis.name(),
        "entries": report.entries(),
        "as_of": report.as_of(),
        "checkpoint_size": report.signed().checkpoint.size,
        "deep_verified": facts.deep_verified.map(|(sequence, at_us)| {
            json!({"sequence": sequence, "at": committed_at(at_us)})
        }),
    });
    let event = OwnEvent {
        what: "report_issued",
        name: hash,
        time_ns: now_ns(),
        actor: &row.requested_by,
        resource: json!({"type": "report", "id": row.id}),
        action: "issue",
        status: "success",
        metadata: metadata.to_string(),
    };
    let batch = event.batch(&tenant.log);
    let (batch, bytes) = batch.map_err(|rejected| {
        let why = rejected.faults.first().map_or("", |fault| fault.detail.as_str());
        Unmade::Other(format!("the filter is too long for the event that records the report: {why}"))
    })?;
    let outcomes = tenant.queue.append_waiting(batch, 1, bytes)?.ok_or_else(writer_ended)?;
    match outcomes.first() {
        Some(Outcome::Stored { .. }) => Ok(()),
        other => {
            tracing::error!(report = row.id, ?other, "the event of a report was not stored");
            Err(Unmade::Other("the log did not take the report's event; ask for the report again".to_owned()))
        }
    }
}
