//! The housekeeper: saves when keys were last used, drops files of old reports.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::{SharedBell, start};
use crate::app::App;
use crate::reports::files;
use crate::serve::ServeError;
use crate::serve::start::log_dir;
use crate::state::{ReportRow, ReportStatus, now_us};

const EVERY: Duration = Duration::from_secs(30);
/// Rounds between two looks at old reports: an hour.
const ROUNDS: u32 = 120;
/// Files of a report are kept this long.
const KEPT_US: u64 = 30 * 86_400_000_000;

/// Starts the housekeeper; it ends, after a last round, when the bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn housekeeper(app: Arc<App>, bell: SharedBell) -> io::Result<JoinHandle<()>> {
    start("stele-keeper", move || {
        for round in (0..ROUNDS).cycle() {
            if round == 0
                && let Err(error) = expire(&app, now_us())
            {
                tracing::warn!(%error, "cannot drop files of old reports");
            }
            bell.wait(EVERY);
            let used = app.keys.used_since_saved();
            if !used.is_empty()
                && let Err(error) = app.state.put_keys(&used)
            {
                tracing::warn!(%error, "cannot save when keys were last used");
            }
            if bell.is_stopping() {
                return;
            }
        }
    })
}

/// Drops the files of reports that were finished more than 30 days before `now`. What the report was,
/// and its event, stay.
pub fn expire(app: &App, now: u64) -> Result<(), ServeError> {
    for (org, row) in app.state.all_reports()? {
        let old = row.finished_us.is_some_and(|at| at.saturating_add(KEPT_US) < now);
        let Some(tenant) = app.tenant(&org).filter(|_| old && row.status == ReportStatus::Done) else {
            continue;
        };
        let dir = files::dir(&log_dir(&app.options.data, &tenant.org.log_id));
        let row = ReportRow { status: ReportStatus::Expired, ..row };
        // First the row: files without one are garbage, a row without files would be a broken promise.
        app.state.put_report(&org, &row)?;
        files::remove(&dir, &row.id);
    }
    Ok(())
}
