//! Archiving and restoring without a server.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use stele_engine::archive::{ArchiveError, ObjectError, ObjectStore};
use stele_engine::io::RealDisk;
use stele_engine::log::{Log, TierRange, TierState};

use super::Held;
use crate::objects::ArchiveChoice;
use crate::own::OwnEvent;
use crate::routes::{archives, now_ns, parse_time, restores};
use crate::serve::ServeError;
use crate::state::{DAY_US, OrgRow, PieceState, RestoreRow, RestoreStatus, RetentionRow, now_us};

/// A data directory and its archive.
pub struct Offline {
    /// The data directory.
    pub data: PathBuf,
    /// Its archive.
    pub archive: ArchiveChoice,
    /// Only this organization.
    pub org: Option<String>,
}

/// What was archived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Segments.
    pub segments: u64,
    /// Events in them.
    pub events: u64,
}

/// What is to be brought back.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Event times from here, as `--from` takes them.
    pub from: String,
    /// Up to here; now, without one.
    pub to: Option<String>,
    /// Why.
    pub reason: String,
    /// For how long.
    pub days: u32,
}

/// How a restore ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brought {
    /// Each restore as `GET /v1/restores/{id}` shows it.
    pub restores: Vec<Value>,
    /// True when nothing was refused.
    pub whole: bool,
}

impl Offline {
    /// What is in the archive, as `GET /v1/archives` shows it, with `org` added.
    ///
    /// # Errors
    /// The directory is held by a server or cannot be read.
    pub fn archives(&self) -> Result<Vec<Value>, ServeError> {
        let held = Held::of(&self.data)?;
        let mut rows = Vec::new();
        for org in held.orgs(self.org.as_deref())? {
            let log = held.open(&org)?;
            for range in log.tiers().iter().filter(|range| archives::is_shipped(range)) {
                let mut row = archives::show(range);
                row["org"] = org.id.clone().into();
                rows.push(row);
            }
            log.close()?;
        }
        Ok(rows)
    }

    /// Archives whole segments whose last record was committed before a time, and lets their local data
    /// go. A segment that no index event or checkpoint covers yet stays. The next start of a server tells
    /// each in the log.
    ///
    /// # Errors
    /// A wrong time; what the log or the archive says.
    pub fn archive(&self, before: &str) -> Result<Moved, ServeError> {
        let now = now_ns();
        let before =
            parse_time(before, now).filter(|at| *at <= now).and_then(|at| u64::try_from(at / 1000).ok());
        let before = before.ok_or_else(|| {
            ServeError::Option(
                "--before takes an RFC 3339 time, or one such as now-30d, not after now".to_owned(),
            )
        })?;
        let held = Held::of(&self.data)?;
        let store = self.archive.open(&self.data, Arc::new(RealDisk))?;
        let policies = held.state.retention()?;
        let mut moved = Moved::default();
        for org in held.orgs(self.org.as_deref())? {
            let policy =
                policies.iter().find(|(id, _)| *id == org.id).map(|(_, row)| *row).unwrap_or_default();
            let log = held.open(&org)?;
            let done = archive(&log, &org, &policy, &*store, before, &mut moved);
            log.close()?;
            done?;
        }
        Ok(moved)
    }

    /// Brings back what a range of event times touches, and tells it in the log.
    ///
    /// # Errors
    /// Wrong times; what the log says, or the archive where a later try may succeed.
    pub fn restore(&self, wanted: &Wanted) -> Result<Brought, ServeError> {
        let body =
            json!({"from": wanted.from, "to": wanted.to, "reason": wanted.reason, "days": wanted.days});
        let held = Held::of(&self.data)?;
        let store = self.archive.open(&self.data, Arc::new(RealDisk))?;
        let mut brought = Brought { restores: Vec::new(), whole: true };
        for org in held.orgs(self.org.as_deref())? {
            let actor = json!({"type": "system", "id": "stele", "name": "command line"});
            let log = held.open_to_restore(&org)?;
            let row = restores::row(&body, actor, &log.tiers()).map_err(ServeError::Option)?;
            let done = restore(&held, &log, &org, &*store, row);
            log.close()?;
            let row = done?;
            brought.whole &= row.status == RestoreStatus::Done;
            brought.restores.push(row.show(now_us()));
        }
        Ok(brought)
    }
}

fn archive(
    log: &Log,
    org: &OrgRow,
    policy: &RetentionRow,
    store: &dyn ObjectStore,
    before: u64,
    moved: &mut Moved,
) -> Result<(), ServeError> {
    while log.work()? {}
    log.checkpoint(now_us())?;
    let here = |range: &&TierRange| matches!(range.state, TierState::Hot | TierState::Cold);
    loop {
        while log.chill_next(before)? {}
        let tiers = log.tiers();
        let Some(next) = tiers.iter().find(here).filter(|range| range.committed_last_us < before) else {
            break;
        };
        let until = policy.locked_until_us(org.plan, next.committed_last_us, now_us());
        if log.ship_next(store, before, until)?.is_none() {
            break;
        }
    }
    while let Some(range) = log.drop_next(before)? {
        moved.segments += 1;
        moved.events += range.events;
    }
    Ok(())
}

fn restore(
    held: &Held,
    log: &Log,
    org: &OrgRow,
    store: &dyn ObjectStore,
    mut row: RestoreRow,
) -> Result<RestoreRow, ServeError> {
    row.untold = log.writable().is_err();
    if !row.untold {
        tell(log, &restores::requested(&row))?;
    }
    row.status = RestoreStatus::Running;
    // From here on a server that starts goes on with it, should this end early.
    held.state.put_restore(&org.id, &row)?;
    let until = now_us().saturating_add(u64::from(row.days) * DAY_US);
    for at in 0..row.pieces.len() {
        let Some(piece) = row.pieces.get_mut(at) else { break };
        match log.restore(store, piece.first, until, &|_| true) {
            Ok(()) => piece.state = PieceState::Restored,
            Err(
                error @ (ArchiveError::Refused { .. }
                | ArchiveError::Object { error: ObjectError::NotFound, .. }),
            ) => (piece.state, piece.detail) = (PieceState::Refused, Some(error.to_string())),
            Err(error) => return Err(error.into()),
        }
        held.state.put_restore(&org.id, &row)?;
    }
    row.finish(now_us(), until);
    if log.writable().is_ok() {
        if row.untold {
            tell(log, &restores::requested(&row))?;
        }
        tell(log, &crate::jobs::restore_ended(&row))?;
        row.untold = false;
    } else {
        // Segments beyond this range are still to be mended; a server tells it after that.
        row.untold = true;
    }
    held.state.put_restore(&org.id, &row)?;
    Ok(row)
}

fn tell(log: &Log, event: &OwnEvent<'_>) -> Result<(), ServeError> {
    let refused = |why: String| ServeError::Option(format!("{}: {why}", event.event_id()));
    let (batch, _) = event.batch(log).map_err(|rejected| refused(format!("{rejected:?}")))?;
    for outcomes in log.append(vec![batch], now_us()) {
        outcomes?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_a_state_is_named_and_nothing_is_made_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("none");
        let offline = Offline { data: data.clone(), archive: ArchiveChoice::default(), org: None };
        let error = offline.archive("now-1d").unwrap_err();
        assert!(error.to_string().contains("no data directory"), "{error}");
        assert!(!data.exists());
        assert_eq!(offline.archive("soon").unwrap_err().exit_code(), 2);
    }
}
