//! The exporter: writes the exports of all logs, one at a time, at the lowest priority.
//!
//! Keeps true: an export that is done stands in whole files on stable storage and has its event in the log.
//! What one holds was fixed when it was asked for: the question, what `now` meant, and the snapshot. So
//! after a stop or a crash the finished files stay, and the one that was begun is written again as it would
//! have been. What brings the server down each time is tried three times.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use stele_engine::error::StoreError;
use stele_engine::io::give_way;
use stele_engine::log::{Gap, Outcome, Search};
use stele_engine::query::{Budget, Order, Over, Scope};
use stele_engine::record::Record;
use tokio::sync::Semaphore;

use super::indexer::pause;
use super::{Desk, Ticket, start};
use crate::app::{App, Tenant};
use crate::exports::{Columns, Packed, Sheet, files, manifest, too_many};
use crate::kept;
use crate::own::OwnEvent;
use crate::routes::{exported_scope, now_ns};
use crate::serve::ServeError;
use crate::serve::start::log_dir;
use crate::state::{ChunkRow, ExportRow, ExportStatus, GapRow, now_us};

const IDLE: Duration = Duration::from_secs(60);
/// After the state could not be read or saved, or the log did not take an event.
const PAUSE: Duration = Duration::from_secs(5);
/// Tries without a finished chunk, after which an export is given up.
const TRIES_MAX: u32 = 3;
/// Rows that are in memory at a time.
const PAGE_ENTRIES: u64 = 1_000;
/// Pages between two looks at how much room files take.
const PAGES_PER_LOOK: u32 = 32;
/// Counts of what an export would hold that go on at a time: each may take long.
const COUNTS_MAX: usize = 2;
/// Exports of one organization that may wait: more than it may ask for in an hour.
const WAITING_MAX: usize = 32;
/// Exports of all organizations that may wait.
const ALL_WAITING_MAX: usize = 256;

/// Time in nanoseconds, and sequence, of a row.
type Position = (i64, u64);

/// What the exporter shares with requests.
#[derive(Debug)]
pub struct Exports {
    /// Where exports wait.
    pub desk: Desk,
    /// Places of counting what an export would hold.
    pub counting: Arc<Semaphore>,
    /// How many were cancelled: a job looks at its row when this changes.
    cancels: AtomicU64,
    /// The export that is being written, and its rows so far.
    running: Mutex<Option<(String, u64)>>,
}

impl Default for Exports {
    fn default() -> Self {
        Self {
            desk: Desk::of(WAITING_MAX, ALL_WAITING_MAX),
            counting: Arc::new(Semaphore::new(COUNTS_MAX)),
            cancels: AtomicU64::new(0),
            running: Mutex::default(),
        }
    }
}

impl Exports {
    /// Some export was cancelled.
    pub fn cancelled(&self) {
        self.cancels.fetch_add(1, Ordering::Release);
    }

    /// Rows that are written of an export which is under way.
    pub fn progress(&self, id: &str) -> Option<u64> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().filter(|(of, _)| of == id).map(|(_, entries)| *entries)
    }

    fn set_progress(&self, progress: Option<(&str, u64)>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = progress.map(|(id, entries)| (id.to_owned(), entries));
    }
}

/// Starts the exporter; it ends when the desk's bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn exporter(app: Arc<App>) -> io::Result<JoinHandle<()>> {
    start("stele-exporter", move || {
        give_way();
        while !app.exports.desk.bell.is_stopping() {
            match app.exports.desk.take() {
                Some(ticket) => serve(&app, &ticket),
                None => app.exports.desk.bell.wait(IDLE),
            }
        }
    })
}

/// Why an export was not written.
#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("a file was not written: {0}")]
    Files(#[from] io::Error),
    #[error("{0}")]
    State(#[from] ServeError),
    #[error("{0}")]
    Other(String),
    /// The server stops, or somebody cancelled it.
    #[error("stopped")]
    Stopped,
}

/// Writes an export, and notes how it went. A failure of the state or the log puts the ticket back.
fn serve(app: &App, ticket: &Ticket) {
    let done = catch_unwind(AssertUnwindSafe(|| attempt(app, ticket)));
    app.exports.set_progress(None);
    match done {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(org = ticket.org, export = ticket.id, %error, "an export waits");
            app.exports.desk.put(ticket.clone());
            pause(&app.exports.desk.bell, PAUSE);
        }
        Err(_) => {
            app.metrics.panics.inc();
            tracing::error!(org = ticket.org, export = ticket.id, "an export is left until the next start");
        }
    }
}

fn attempt(app: &App, ticket: &Ticket) -> Result<(), Unmade> {
    let Some(tenant) = app.tenant(&ticket.org) else { return Ok(()) };
    let begun = app.state.change_export(&ticket.org, &ticket.id, |row| {
        let open = row.is_open();
        if open {
            (row.status, row.tries) = (ExportStatus::Running, row.tries + 1);
        }
        open
    })?;
    let Some(row) = begun.filter(ExportRow::is_due) else { return Ok(()) };
    let row = if row.is_open() { make(app, &tenant, row)? } else { Some(row) };
    match row {
        Some(row) => close(app, &tenant, &row),
        None => Ok(()),
    }
}

/// Writes what is left of an export and notes the end; none where the server stops first.
fn make(app: &App, tenant: &Tenant, row: ExportRow) -> Result<Option<ExportRow>, Unmade> {
    let (id, tries) = (row.id.clone(), row.tries);
    let made = if tries > TRIES_MAX {
        Err(Unmade::Other("the server stopped three times while writing it".to_owned()))
    } else {
        catch_unwind(AssertUnwindSafe(|| Job::new(app, tenant, row)?.run())).unwrap_or_else(|_| {
            app.metrics.panics.inc();
            Err(Unmade::Other("the server failed; its log says how".to_owned()))
        })
    };
    // Whatever a stop cut off stays as it is, and is gone on with at the next start.
    if made.is_err() && app.exports.desk.bell.is_stopping() {
        // A stop in order is no crash.
        app.state.change_export(&tenant.org.id, &id, |row| {
            row.tries = row.tries.saturating_sub(1);
            true
        })?;
        return Ok(None);
    }
    let (status, hash, error) = match made {
        Ok(hash) => (ExportStatus::Done, Some(hash), None),
        Err(Unmade::State(error)) => return Err(error.into()),
        Err(unmade) => (ExportStatus::Failed, None, Some(unmade.to_string())),
    };
    let ended = app.state.change_export(&tenant.org.id, &id, |row| {
        // Cancelled while it was written: that stands.
        let open = row.is_open();
        if open {
            (row.status, row.verification_hash, row.error) = (status, hash, error);
            row.finished_us = Some(now_us());
        }
        open
    })?;
    Ok(ended)
}

/// Drops what is of no use, and tells the end in the log.
fn close(app: &App, tenant: &Tenant, row: &ExportRow) -> Result<(), Unmade> {
    if row.status != ExportStatus::Done {
        tracing::warn!(org = tenant.org.id, export = row.id, status = ?row.status, error = ?row.error, "an export was not written");
        files::remove(&dir(app, tenant), &row.id);
    }
    tell(tenant, row)?;
    app.state.change_export(&tenant.org.id, &row.id, |row| {
        row.told = true;
        true
    })?;
    Ok(())
}

fn dir(app: &App, tenant: &Tenant) -> PathBuf {
    files::dir(&log_dir(&app.options.data, &tenant.org.log_id))
}

/// One export that is being written.
struct Job<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    row: ExportRow,
    dir: PathBuf,
    scope: Scope,
    gaps: Vec<Gap>,
    cancels: std::cell::Cell<u64>,
    cancelled: std::cell::Cell<bool>,
}

impl<'a> Job<'a> {
    fn new(app: &'a App, tenant: &'a Tenant, row: ExportRow) -> Result<Self, Unmade> {
        let scope = exported_scope(&row.question, row.now_ns).map_err(Unmade::Other)?;
        let gaps = row.archived.iter().map(Gap::from).collect();
        let dir = dir(app, tenant);
        // Another number than the one now: the first look is at the row.
        let cancels = app.exports.cancels.load(Ordering::Acquire).wrapping_sub(1).into();
        Ok(Self { app, tenant, row, dir, scope, gaps, cancels, cancelled: false.into() })
    }

    /// Writes the chunks that are missing; gives the verification hash.
    fn run(mut self) -> Result<String, Unmade> {
        self.keep_whole()?;
        self.app.exports.set_progress(Some((&self.row.id, self.row.written())));
        if self.row.form.needs_columns() && self.row.columns.is_none() {
            let columns = self.columns()?;
            self.save(|row| row.columns = Some(columns))?;
        }
        let columns = self.row.columns.clone().unwrap_or_default();
        let sheet = Sheet::new(&self.row.form, &columns).map_err(Unmade::Other)?;
        while self.row.chunks.last().is_none_or(|chunk| chunk.last.is_some()) {
            self.chunk(&sheet)?;
        }
        if self.row.bulk {
            return Ok(manifest::write(&self.dir, &self.tenant.org.origin, &self.row)?);
        }
        let only = self.row.chunks.first();
        only.map(|chunk| chunk.content_sha256.clone())
            .ok_or_else(|| Unmade::Other("it has no file".to_owned()))
    }

    /// Leaves out finished chunks whose files are not what was finished, as after a backup came back, and
    /// all behind them: they are written again.
    fn keep_whole(&mut self) -> Result<(), Unmade> {
        let is_whole = |chunk: &ChunkRow| {
            std::fs::metadata(self.dir.join(&chunk.file)).is_ok_and(|file| file.len() == chunk.bytes)
        };
        let whole = self.row.chunks.iter().take_while(|chunk| is_whole(chunk)).count();
        if whole < self.row.chunks.len() {
            self.save(|row| row.chunks.truncate(whole))?;
        }
        Ok(())
    }

    /// Fails where the files of the organization take too much room.
    fn room(&self) -> Result<(), Unmade> {
        Ok(kept::room(&self.dir, "export", files::KEPT_DAYS)?)
    }

    /// Looks at all rows for what columns there are.
    fn columns(&mut self) -> Result<Vec<String>, Unmade> {
        let (mut columns, mut after) = (Columns::default(), None);
        loop {
            let (records, next) = self.page(after, PAGE_ENTRIES)?;
            if !records.iter().all(|record| columns.add(&record.body)) {
                return Err(Unmade::Other(too_many()));
            }
            match next {
                Some(_) => after = next,
                None => return Ok(columns.names()),
            }
        }
    }

    /// Writes the next chunk and notes it.
    fn chunk(&mut self, sheet: &Sheet) -> Result<(), Unmade> {
        let file = self.row.file(self.row.chunks.len() + 1);
        let mut after = self.row.chunks.last().and_then(|chunk| chunk.last);
        let written = self.row.written();
        let begun = files::Begun::new(&self.dir, &file, self.row.form.compression)?;
        let mut rows = sheet.begin(begun)?;
        let limit = if self.row.bulk { self.row.chunk_entries } else { u64::MAX };
        for page in 0_u32.. {
            if page.is_multiple_of(PAGES_PER_LOOK) {
                self.room()?;
            }
            let (records, next) = self.page(after, PAGE_ENTRIES.min(limit - rows.entries()))?;
            for record in &records {
                rows.row(record)?;
            }
            self.app.exports.set_progress(Some((&self.row.id, written + rows.entries())));
            after = next;
            if next.is_none() || rows.entries() >= limit {
                break;
            }
        }
        let entries = rows.entries();
        let Packed { content_bytes, content_sha256, bytes, sha256 } = rows.end()?.end()?;
        let chunk = ChunkRow { file, entries, bytes, sha256, content_bytes, content_sha256, last: after };
        let gaps: Vec<GapRow> = self.gaps.iter().map(GapRow::from).collect();
        self.save(|row| {
            row.chunks.push(chunk);
            (row.archived, row.tries) = (gaps, 0);
        })
    }

    /// The page of a search after a position, and the position to go on from where more follow.
    fn page(
        &mut self,
        after: Option<Position>,
        limit: u64,
    ) -> Result<(Vec<Record>, Option<Position>), Unmade> {
        let search = Search {
            scope: self.scope.clone(),
            order: if self.row.ascending { Order::Asc } else { Order::Desc },
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            after,
            head: Some(self.row.head),
            count: false,
        };
        let over = || (!self.goes_on()).then_some(Over::Gone);
        let found = self.tenant.log.search(&search, &Budget::new(&over));
        let found = match found {
            Err(StoreError::Cancelled) => return Err(Unmade::Stopped),
            found => found?,
        };
        if !self.goes_on() {
            return Err(Unmade::Stopped);
        }
        let all = [std::mem::take(&mut self.gaps), found.archived].concat();
        self.gaps = Gap::joined(all);
        Ok((found.records, found.last))
    }

    /// False once the server stops or this export is cancelled.
    fn goes_on(&self) -> bool {
        if self.app.exports.desk.bell.is_stopping() || self.cancelled.get() {
            return false;
        }
        let cancels = self.app.exports.cancels.load(Ordering::Acquire);
        if cancels != self.cancels.get() {
            self.cancels.set(cancels);
            // A state that cannot be read is met again when the chunk is noted.
            let row = self.app.state.export(&self.tenant.org.id, &self.row.id);
            self.cancelled.set(matches!(row, Ok(Some(row)) if !row.is_open()));
        }
        !self.cancelled.get()
    }

    /// Changes the row here and in the state, unless it was cancelled.
    fn save(&mut self, change: impl FnOnce(&mut ExportRow)) -> Result<(), Unmade> {
        let saved = self.app.state.change_export(&self.tenant.org.id, &self.row.id, |row| {
            let open = row.is_open();
            if open {
                change(row);
            }
            open
        })?;
        self.row = saved.filter(ExportRow::is_open).ok_or(Unmade::Stopped)?;
        Ok(())
    }
}

/// Tells the end of an export. An event that is there already was told by a try that a stop cut off.
fn tell(tenant: &Tenant, row: &ExportRow) -> Result<(), Unmade> {
    let untold = |why: String| Unmade::Other(format!("the event of its end: {why}"));
    let event = finished(row);
    let (batch, bytes) = event.batch(&tenant.log).map_err(|rejected| untold(format!("{rejected:?}")))?;
    let outcomes = tenant.queue.append_waiting(batch, 1, bytes)?;
    let outcomes = outcomes.ok_or_else(|| untold("the log's writer has ended".to_owned()))?;
    match outcomes.first() {
        Some(Outcome::Stored { .. } | Outcome::Duplicate { .. } | Outcome::Conflict { .. }) => Ok(()),
        other => Err(untold(format!("{other:?}"))),
    }
}

/// Gaps that the event names.
const NAMED_MAX: usize = 100;

fn finished(row: &ExportRow) -> OwnEvent<'_> {
    let mut gaps = row.gaps();
    if let Value::Array(gaps) = &mut gaps {
        gaps.truncate(NAMED_MAX);
    }
    let metadata = json!({
        "status": row.status,
        "format": row.form.format,
        "entries": row.written(),
        "total": row.total,
        "bytes": row.chunks.iter().map(|chunk| chunk.bytes).sum::<u64>(),
        "chunks": row.chunks.len(),
        "verification_hash": row.hash(),
        "as_of": row.head,
        "archived": gaps,
        "error": row.error,
    });
    let done = row.status == ExportStatus::Done;
    OwnEvent {
        what: "export_finished",
        name: row.id.clone(),
        time_ns: row
            .finished_us
            .map_or_else(now_ns, |us| i64::try_from(us).map_or(i64::MAX, |us| us.saturating_mul(1000))),
        actor: row.cancelled_by.as_ref().unwrap_or(&row.requested_by),
        resource: json!({"type": "export", "id": row.id}),
        action: if row.status == ExportStatus::Cancelled { "cancel" } else { "export" },
        status: if done { "success" } else { "failure" },
        metadata: metadata.to_string(),
    }
}
