//! The housekeeper: saves when keys were last used, drops sessions that are over, files of old reports and
//! of none.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::{SharedBell, start};
use crate::app::{App, Tenant};
use crate::auth::Caller;
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
            if let Err(error) = drop_sessions(&app, now_us()) {
                tracing::warn!(%error, "cannot drop sessions that are over");
            }
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

/// Drops sessions that are over, by time, with their key or with its user: all three refuse them already.
pub fn drop_sessions(app: &App, now: u64) -> Result<(), ServeError> {
    let key_is_good = |id: &str| app.keys.get(id).and_then(|key| Caller::of_key(app, key)).is_some();
    let over = app.sessions.ids(|session| !session.is_good(now) || !key_is_good(&session.row().key));
    if over.is_empty() {
        return Ok(());
    }
    app.state.put_session(None, &over)?;
    app.sessions.end(&over);
    Ok(())
}

/// Drops the files of reports that were finished more than 30 days before `now`, and files whose report
/// is not done, nor going to be. What a report was, and its event, stay.
pub fn expire(app: &App, now: u64) -> Result<(), ServeError> {
    // Before the rows: a row is older than its files, so files of a row that comes now are not seen here.
    let found = found(app);
    let mut kept = HashSet::new();
    for (org, row) in app.state.all_reports()? {
        let stays = match row.status {
            ReportStatus::Pending | ReportStatus::Running => true,
            ReportStatus::Done => !is_old(&row, now) || !expired(app, &org, &row),
            ReportStatus::Failed | ReportStatus::Expired => false,
        };
        if stays {
            kept.insert((org, row.id));
        }
    }
    for (org, dir, ids) in found {
        for id in ids {
            if !kept.contains(&(org.clone(), id.clone())) {
                files::remove(&dir, &id);
            }
        }
    }
    Ok(())
}

fn is_old(row: &ReportRow, now: u64) -> bool {
    row.finished_us.is_some_and(|at| at.saturating_add(KEPT_US) < now)
}

/// Notes that a report has no files any more. First the row: files without one are garbage, a row without
/// files would be a broken promise. False where that failed: the next round tries again.
fn expired(app: &App, org: &str, row: &ReportRow) -> bool {
    let row = ReportRow { status: ReportStatus::Expired, ..row.clone() };
    let saved = app.state.put_report(org, &row);
    if let Err(error) = &saved {
        tracing::warn!(org, report = row.id, %error, "an old report stays");
    }
    saved.is_ok()
}

/// Of each organization, the directory of its reports and whose files are in it.
fn found(app: &App) -> Vec<(String, PathBuf, BTreeSet<String>)> {
    let of = |tenant: Arc<Tenant>| {
        let dir = files::dir(&log_dir(&app.options.data, &tenant.org.log_id));
        let ids = files::ids(&dir).unwrap_or_else(|error| {
            tracing::warn!(dir = %dir.display(), %error, "cannot look for files of old reports");
            BTreeSet::new()
        });
        (tenant.org.id.clone(), dir, ids)
    };
    app.all_tenants().into_iter().map(of).collect()
}
