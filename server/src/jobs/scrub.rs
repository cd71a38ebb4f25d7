//! The scrub: verifies all logs in the background, over and over, so that damage is found while there
//! are still copies to mend it from.
//!
//! One thread for the server, at the lowest priority, and bounded in what it reads a second. A pass goes
//! over a log in stretches, so that it holds on to no old state of the log, and its place outlives
//! a restart.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;
use stele_engine::error::StoreError;
use stele_engine::ids::hex;
use stele_engine::io::give_way;
use stele_engine::log::{Check, Outcome, Pace, Progress};
use stele_engine::verify::{Fault, Verdict};

use super::{SharedBell, start};
use crate::app::{App, Tenant};
use crate::own::OwnEvent;
use crate::routes::now_ns;
use crate::state::{ScrubRow, now_us};

/// Records of one stretch, of which whole segments are checked.
const STRETCH: u64 = 4_000_000;
/// Between two looks at whether a pass is due.
const LOOK: Duration = Duration::from_secs(60);
/// A stop waits no longer than this.
const SLICE: Duration = Duration::from_millis(50);
/// Faults told one by one in the server's log and in the event.
const TOLD_MAX: usize = 20;

/// Starts the scrub; it ends when the bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn scrub(app: Arc<App>, bell: SharedBell) -> io::Result<JoinHandle<()>> {
    start("stele-scrub", move || {
        give_way();
        let rows = app.state.scrubs().unwrap_or_else(|error| {
            tracing::warn!(%error, "the scrub begins anew");
            Vec::new()
        });
        let mut scrub = Scrub { app, bell, rows: rows.into_iter().collect() };
        scrub.bell.wait(scrub.app.options.scrub.delay);
        if catch_unwind(AssertUnwindSafe(|| scrub.run())).is_err() {
            tracing::error!("the scrub panicked and ends until the next start");
        }
    })
}

struct Scrub {
    app: Arc<App>,
    bell: SharedBell,
    /// By log id.
    rows: HashMap<String, ScrubRow>,
}

impl Scrub {
    fn run(&mut self) {
        while !self.bell.is_stopping() {
            let mut idle = true;
            for tenant in self.app.all_tenants() {
                if self.bell.is_stopping() {
                    return;
                }
                if let Some(row) = self.due(&tenant) {
                    let row = self.stretch(&tenant, row);
                    self.keep(&tenant, row);
                    idle &= row.done;
                }
            }
            if idle {
                self.bell.wait(LOOK.min(self.app.options.scrub.every));
            }
        }
    }

    /// Where the scrub of a log is to go on; none where the last pass is too young.
    fn due(&self, tenant: &Tenant) -> Option<ScrubRow> {
        let now = now_us();
        let new = ScrubRow { v: 1, began_us: now, ..ScrubRow::default() };
        // A log that is shorter than what was read of it was brought back from a copy.
        let known = self.rows.get(&tenant.org.log_id).filter(|row| row.at <= tenant.log.head().size);
        let Some(row) = known.copied() else { return Some(new) };
        let every = u64::try_from(self.app.options.scrub.every.as_micros()).unwrap_or(u64::MAX);
        match row.done {
            false => Some(row),
            true => (now.saturating_sub(row.began_us) >= every).then_some(new),
        }
    }

    /// Verifies one stretch; returns how far the pass is then.
    fn stretch(&self, tenant: &Tenant, row: ScrubRow) -> ScrubRow {
        let size = tenant.log.head().size;
        let stretch = row.at.saturating_add(STRETCH);
        // The last one has no end: the log may grow meanwhile, and the end is where files are checked.
        let to = if stretch >= size { u64::MAX } else { stretch };
        let reached = AtomicU64::new(row.at);
        let began = Instant::now();
        let progress = |p: Progress| {
            reached.store(p.sequence, Ordering::Relaxed);
            tenant.scrubbed.store(p.sequence, Ordering::Relaxed);
            self.pace(began, p.bytes)
        };
        let check =
            Check { range: Some((row.at, to)), pace: Pace::Background, threads: Some(1), ..Check::default() };
        match tenant.log.verify_with(&check, &progress) {
            Ok(verdict) => self.conclude(tenant, row, &verdict, stretch.min(size), stretch >= size),
            Err(StoreError::Refused(_)) if self.bell.is_stopping() => {
                ScrubRow { at: reached.load(Ordering::Relaxed).max(row.at), ..row }
            }
            Err(error) => {
                tracing::error!(org = tenant.org.id, %error, "the scrub could not go on with this log");
                ScrubRow { faults: row.faults.max(1), done: true, ..row }
            }
        }
    }

    /// Sleeps until so many bytes may have been read; false when it is time to stop.
    fn pace(&self, began: Instant, bytes: u64) -> bool {
        let due = Duration::from_secs_f64(bytes as f64 / self.app.options.scrub.rate_bytes.max(1) as f64);
        while !self.bell.is_stopping() && began.elapsed() < due {
            std::thread::sleep(SLICE.min(due.saturating_sub(began.elapsed())));
        }
        !self.bell.is_stopping()
    }

    fn conclude(&self, tenant: &Tenant, row: ScrubRow, verdict: &Verdict, at: u64, done: bool) -> ScrubRow {
        tenant.scrubbed.store(at, Ordering::Relaxed);
        if !verdict.faults.is_empty() {
            self.alarm(tenant, verdict);
        }
        let row = ScrubRow { at, done, faults: row.faults + verdict.faults.len() as u64, ..row };
        if row.done && row.faults == 0 {
            let saved = tenant.note_verified(&self.app.state, |known| {
                if known.at_us < row.began_us {
                    (known.size, known.at_us) = (at, row.began_us);
                }
            });
            if let Err(error) = saved {
                tracing::warn!(%error, "cannot save the verification");
            }
        }
        row
    }

    fn keep(&mut self, tenant: &Tenant, row: ScrubRow) {
        self.rows.insert(tenant.org.log_id.clone(), row);
        if let Err(error) = self.app.state.put_scrub(&tenant.org.log_id, &row) {
            tracing::warn!(%error, "cannot save how far the scrub is");
        }
    }

    /// Faults: in the server's log, in the metrics, and once for each set of them in the log itself.
    fn alarm(&self, tenant: &Tenant, verdict: &Verdict) {
        let org = &tenant.org.id;
        tracing::error!(
            org,
            faults = verdict.faults.len(),
            proved_to = verdict.proved_to,
            "verification failed"
        );
        for Fault { kind, first_sequence, last_sequence, file, offset, detail } in
            verdict.faults.iter().take(TOLD_MAX)
        {
            tracing::error!(org, kind, first_sequence, last_sequence, file, offset, detail, "fault");
        }
        self.app.metrics.scrub_faults.inc_by(verdict.faults.len() as u64);
        if tenant.log.writable().is_ok()
            && let Err(error) = self.tell_in_log(tenant, verdict)
        {
            tracing::error!(org, error, "the faults could not be told in the log");
        }
    }

    fn tell_in_log(&self, tenant: &Tenant, verdict: &Verdict) -> Result<(), String> {
        let (name, metadata) = told(&verdict.faults, verdict.proved_to);
        let event = OwnEvent {
            what: "verification_failed",
            name,
            time_ns: now_ns(),
            actor: &json!({"type": "system", "id": "stele"}),
            resource: json!({"type": "log", "id": tenant.org.log_id}),
            action: "verify",
            status: "failure",
            metadata,
        };
        // The id stands for the set of faults: found again, they are there already.
        if tenant.log.find(&event.event_id()).map_err(|error| error.to_string())?.is_some() {
            return Ok(());
        }
        let (batch, bytes) = event.batch(&tenant.log).map_err(|rejected| format!("{rejected:?}"))?;
        let outcomes = tenant.queue.append_waiting(batch, 1, bytes).map_err(|error| error.to_string())?;
        match outcomes.ok_or("the log's writer has ended")?.first() {
            Some(Outcome::Stored { .. }) => Ok(()),
            other => Err(format!("the event was not stored: {other:?}")),
        }
    }
}

/// What makes the event's id that of a set of faults, and what the event says of them.
fn told(faults: &[Fault], proved_to: u64) -> (String, String) {
    let mut hasher = blake3::Hasher::new();
    for fault in faults {
        let Fault { kind, first_sequence, last_sequence, file, .. } = fault;
        hasher.update(format!("{kind} {first_sequence} {last_sequence} {file}\n").as_bytes());
    }
    let shown: Vec<serde_json::Value> = faults
        .iter()
        .take(TOLD_MAX)
        .map(|fault| {
            let name = std::path::Path::new(&fault.file).file_name().unwrap_or_default().to_string_lossy();
            json!({
                "kind": fault.kind,
                "first_sequence": fault.first_sequence,
                "last_sequence": fault.last_sequence,
                "file": name,
            })
        })
        .collect();
    let metadata = json!({"faults": faults.len(), "proved_to": proved_to, "first": shown});
    (hex(hasher.finalize().as_bytes())[..32].to_owned(), metadata.to_string())
}
