//! The housekeeper: saves when keys were last used, drops sessions that are over, files of old reports and
//! exports and of none.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::{SharedBell, start};
use crate::app::{App, Tenant};
use crate::auth::Caller;
use crate::exports::files as exports;
use crate::reports::files;
use crate::serve::ServeError;
use crate::serve::start::log_dir;
use crate::state::{DAY_US, ExportStatus, ReportRow, ReportStatus, now_us};

const EVERY: Duration = Duration::from_secs(30);
/// Rounds between two looks at old reports: an hour.
const ROUNDS: u32 = 120;
/// Files of a report are kept this long.
pub const KEPT_DAYS: u32 = 30;

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
            if round == 0
                && let Err(error) = expire_exports(&app, now_us())
            {
                tracing::warn!(%error, "cannot drop files of old exports");
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
    let found = found(app, files::dir, files::ids);
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
    drop_others(found, &kept, files::remove);
    Ok(())
}

/// The same for exports, 7 days after they ended.
pub fn expire_exports(app: &App, now: u64) -> Result<(), ServeError> {
    let found = found(app, exports::dir, exports::ids);
    let mut kept = HashSet::new();
    for (org, row) in app.state.all_exports()? {
        let stays = match row.status {
            ExportStatus::Pending | ExportStatus::Running => true,
            ExportStatus::Done => {
                let old = |at: u64| at.saturating_add(u64::from(exports::KEPT_DAYS) * DAY_US) < now;
                !row.finished_us.is_some_and(old) || !export_expired(app, &org, &row.id)
            }
            ExportStatus::Failed | ExportStatus::Cancelled | ExportStatus::Expired => false,
        };
        if stays {
            kept.insert((org, row.id));
        }
    }
    drop_others(found, &kept, exports::remove);
    Ok(())
}

/// As [`expired`].
fn export_expired(app: &App, org: &str, id: &str) -> bool {
    let saved = app.state.change_export(org, id, |row| {
        row.status = ExportStatus::Expired;
        true
    });
    if let Err(error) = &saved {
        tracing::warn!(org, export = id, %error, "an old export stays");
    }
    saved.is_ok()
}

/// Drops the files that belong to none of `kept`.
fn drop_others(found: Found, kept: &HashSet<(String, String)>, remove: fn(&Path, &str)) {
    for (org, dir, ids) in found {
        for id in ids {
            if !kept.contains(&(org.clone(), id.clone())) {
                remove(&dir, &id);
            }
        }
    }
}

fn is_old(row: &ReportRow, now: u64) -> bool {
    row.finished_us.is_some_and(|at| at.saturating_add(u64::from(KEPT_DAYS) * DAY_US) < now)
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

/// Organizations, each with a directory and whose files are in it.
type Found = Vec<(String, PathBuf, BTreeSet<String>)>;

/// Of each organization, the directory of its reports, or exports, and whose files are in it.
fn found(app: &App, dir: fn(&Path) -> PathBuf, ids: fn(&Path) -> io::Result<BTreeSet<String>>) -> Found {
    let of = |tenant: Arc<Tenant>| {
        let dir = dir(&log_dir(&app.options.data, &tenant.org.log_id));
        let ids = ids(&dir).unwrap_or_else(|error| {
            tracing::warn!(dir = %dir.display(), %error, "cannot look for files that are old");
            BTreeSet::new()
        });
        (tenant.org.id.clone(), dir, ids)
    };
    app.all_tenants().into_iter().map(of).collect()
}
