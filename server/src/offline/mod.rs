//! What works on a data directory that no server holds: archiving, restoring, and backups.

mod backup;
mod tiers;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stele_engine::io::RealDisk;
use stele_engine::log::{Log, Options};

pub use backup::{Backup, RestoreBackup};
pub use tiers::{Brought, Moved, Offline, Wanted};

use crate::serve::ServeError;
use crate::serve::start::{DirLock, lock, log_dir};
use crate::state::{OrgRow, State};

/// A data directory, held: no server starts over it meanwhile.
struct Held {
    _lock: DirLock,
    state: State,
    data: PathBuf,
}

impl Held {
    /// Takes hold of a directory that has a state.
    fn of(data: &Path) -> Result<Self, ServeError> {
        let path = data.join("state.redb");
        if !path.is_file() {
            let detail = "there is none: this is no data directory".to_owned();
            return Err(ServeError::State { path, detail });
        }
        let lock = lock(data)?;
        Ok(Self { _lock: lock, state: State::open(data)?, data: data.to_owned() })
    }

    /// The organizations, or the one of an id.
    fn orgs(&self, only: Option<&str>) -> Result<Vec<OrgRow>, ServeError> {
        let orgs = self.state.orgs()?;
        let orgs: Vec<OrgRow> = orgs.into_iter().filter(|org| only.is_none_or(|id| id == org.id)).collect();
        match only {
            Some(id) if orgs.is_empty() => Err(ServeError::Option(format!("there is no organization {id}"))),
            _ => Ok(orgs),
        }
    }

    fn open(&self, org: &OrgRow) -> Result<Log, ServeError> {
        let log = self.open_to_restore(org)?;
        match log.damage().into_iter().next() {
            Some(detail) => Err(ServeError::State { path: log_dir(&self.data, &org.log_id), detail }),
            None => Ok(log),
        }
    }

    /// The same where a restore may mend what is wrong with the log.
    fn open_to_restore(&self, org: &OrgRow) -> Result<Log, ServeError> {
        let dir = log_dir(&self.data, &org.log_id);
        let (log, report) = Log::open(Arc::new(RealDisk), &dir, Options::default())?;
        match report.damage.into_iter().next().filter(|_| log.restorable().is_err()) {
            Some(detail) => Err(ServeError::State { path: dir, detail }),
            None => Ok(log),
        }
    }
}
