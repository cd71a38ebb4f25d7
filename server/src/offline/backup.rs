//! Backups: a copy of a data directory, taken beside a running server or of one that is stopped, and the
//! way back.
//!
//! What grows is only appended to, and whole files never change once they have their name, so a copy that
//! begins and ends under the same catalog is one moment of the log. Where the catalog moved meanwhile the copy is
//! taken again; what was copied before is not copied twice.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stele_engine::archive::{MANIFEST_KIND, ObjectStore, object_name};
use stele_engine::io::RealDisk;
use stele_engine::log::{Log, TierState};
use stele_engine::proof::Checkpoint;

use super::Held;
use crate::objects::ArchiveChoice;
use crate::serve::ServeError;
use crate::serve::start::log_dir;
use crate::state::{OrgRow, State};

/// Files of a log that are copied before its segments, in this order: none of them may be newer than what
/// follows.
const BEFORE: [&str; 6] = ["catalog", "checkpoints", "delivered", "keys", "key", "secret"];
/// How often a copy is taken again because segments moved.
const TRIES_MAX: usize = 10;

/// A backup to be taken.
pub struct Backup {
    /// The data directory.
    pub data: PathBuf,
    /// Where to: a directory, made when missing; one with an earlier backup of the same logs is brought up
    /// to date.
    pub to: PathBuf,
    /// The state as a running server gives it; none where no server holds the directory.
    pub state: Option<Box<dyn Read>>,
}

/// A backup to be brought back.
pub struct RestoreBackup {
    /// The backup.
    pub from: PathBuf,
    /// The data directory to make; it must not exist, or be empty.
    pub data: PathBuf,
    /// Its archive.
    pub archive: ArchiveChoice,
    /// Checkpoints that were kept elsewhere.
    pub heads: Vec<Vec<u8>>,
    /// Take it although something newer is known.
    pub accept_rollback: bool,
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> ServeError {
    let path = path.to_owned();
    move |source| ServeError::Io { path, doing, source }
}

impl Backup {
    /// Takes it, and returns the number of logs in it.
    ///
    /// # Errors
    /// A server holds the directory and no state was given; a file cannot be read or written; a log moved
    /// too often meanwhile.
    pub fn take(&mut self) -> Result<usize, ServeError> {
        fs::create_dir_all(&self.to).map_err(failed(&self.to, "making"))?;
        let _held = self.copy_state()?;
        let orgs = State::open(&self.to)?.orgs()?;
        for org in &orgs {
            let (from, to) = (log_dir(&self.data, &org.log_id), log_dir(&self.to, &org.log_id));
            copy_log(&from, &to)?;
        }
        Ok(orgs.len())
    }

    fn copy_state(&mut self) -> Result<Option<Held>, ServeError> {
        let path = self.to.join("state.redb");
        let fresh = self.to.join("state.new");
        let _ = fs::remove_file(&fresh);
        let held = match &mut self.state {
            Some(state) => {
                let mut file = File::create(&fresh).map_err(failed(&fresh, "making"))?;
                io::copy(state, &mut file).map_err(failed(&fresh, "fetching"))?;
                None
            }
            None => {
                let held = Held::of(&self.data)?;
                held.state.copy_to(&fresh)?;
                Some(held)
            }
        };
        sync(&fresh)?;
        fs::rename(&fresh, &path).map_err(failed(&path, "naming"))?;
        Ok(held)
    }
}

fn sync(path: &Path) -> Result<(), ServeError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(failed(path, "syncing"))
}

/// Copies a log until its catalog stood still meanwhile.
fn copy_log(from: &Path, to: &Path) -> Result<(), ServeError> {
    let segments = to.join("segments");
    fs::create_dir_all(&segments).map_err(failed(&segments, "making"))?;
    let catalog = from.join("catalog");
    let read = || fs::read(&catalog).map_err(failed(&catalog, "reading"));
    for _ in 0..TRIES_MAX {
        let before = read()?;
        for name in BEFORE {
            if from.join(name).exists() {
                copy(&from.join(name), &to.join(name), true)?;
            }
        }
        let whole = copy_segments(&from.join("segments"), &segments)?;
        if whole && read()? == before {
            return sync(&segments).and_then(|()| sync(to));
        }
    }
    let detail = "segments moved all the time; take the backup when less is archived".to_owned();
    Err(ServeError::State { path: from.to_owned(), detail })
}

/// False when a file went away meanwhile.
fn copy_segments(from: &Path, to: &Path) -> Result<bool, ServeError> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(from).map_err(failed(from, "listing"))? {
        let entry = entry.map_err(failed(from, "listing"))?;
        let unfinished = Path::new(&entry.file_name()).extension().is_some_and(|e| e == "new" || e == "tmp");
        if !unfinished && entry.path().is_file() {
            names.insert(entry.file_name());
        }
    }
    for name in &names {
        match copy(&from.join(name), &to.join(name), false) {
            Err(ServeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(false);
            }
            copied => copied?,
        }
    }
    // What an earlier copy had and the log no longer has was moved to the archive.
    for entry in fs::read_dir(to).map_err(failed(to, "listing"))? {
        let entry = entry.map_err(failed(to, "listing"))?;
        if !names.contains(&entry.file_name()) {
            fs::remove_file(entry.path()).map_err(failed(&entry.path(), "removing"))?;
        }
    }
    Ok(true)
}

/// Copies a file under a temporary name. A file that nobody may write to never changes again: one of its
/// size is there already.
fn copy(from: &Path, to: &Path, always: bool) -> Result<(), ServeError> {
    let meta = fs::metadata(from).map_err(failed(from, "reading"))?;
    let is_sealed = meta.permissions().readonly();
    let same =
        fs::metadata(to).is_ok_and(|there| there.len() == meta.len() && there.permissions().readonly());
    if !always && is_sealed && same {
        return Ok(());
    }
    let fresh = to.with_extension("new");
    let _ = fs::remove_file(&fresh);
    // With its mode: a secret stays as closed as it was.
    fs::copy(from, &fresh).map_err(failed(from, "copying"))?;
    sync(&fresh)?;
    fs::rename(&fresh, to).map_err(failed(to, "naming"))
}

impl RestoreBackup {
    /// Brings it back; returns the number of logs. Nothing is left at the target when it is refused.
    ///
    /// # Errors
    /// The target holds something; the backup is damaged; it is older than what the archive or a given
    /// checkpoint shows.
    pub fn bring(&self) -> Result<usize, ServeError> {
        let is_empty = fs::read_dir(&self.data).map_or(true, |mut entries| entries.next().is_none());
        if !is_empty {
            let data = self.data.display();
            return Err(ServeError::Option(format!(
                "{data}: holds something; a backup is brought back into a new directory"
            )));
        }
        let brought = self.copy_and_check();
        if brought.is_err() {
            // Only what this call put into an empty directory.
            let _ = fs::remove_dir_all(&self.data);
        }
        brought
    }

    fn copy_and_check(&self) -> Result<usize, ServeError> {
        fs::create_dir_all(&self.data).map_err(failed(&self.data, "making"))?;
        copy(&self.from.join("state.redb"), &self.data.join("state.redb"), true)?;
        let held = Held::of(&self.data)?;
        let orgs = held.state.orgs()?;
        let store = self.archive.open(&self.data, Arc::new(RealDisk))?;
        for org in &orgs {
            let dir = log_dir(&self.data, &org.log_id);
            copy_log(&log_dir(&self.from, &org.log_id), &dir)?;
            let (log, report) = Log::open_read_only(Arc::new(RealDisk), &dir)?;
            if let Some(damage) = report.damage.into_iter().next() {
                return Err(ServeError::State { path: dir, detail: damage });
            }
            if !self.accept_rollback {
                self.check(org, &log, &*store)?;
            }
        }
        sync(&self.data)?;
        Ok(orgs.len())
    }

    /// Refuses a log that is older than what is known of it elsewhere.
    fn check(&self, org: &OrgRow, log: &Log, store: &dyn ObjectStore) -> Result<(), ServeError> {
        let size = log.head().size;
        let rollback = |why: String| {
            Err(ServeError::Option(format!(
                "rollback suspected: log {}: the backup ends at {size} events, {why}; bring back a newer one, or accept the loss with --accept-rollback",
                org.log_id
            )))
        };
        for note in &self.heads {
            let keys = log.signing_keys();
            let head = keys.iter().find_map(|signed| Checkpoint::open(note, &signed.key).ok());
            if let Some(head) = head.filter(|head| head.size > size) {
                return rollback(format!("a checkpoint of {} was signed", head.size));
            }
        }
        // Segments are archived oldest first: one that the backup holds as local, or does not know yet, has no
        // manifest in the archive.
        let tiers = log.tiers();
        let here = tiers.iter().find(|range| matches!(range.state, TierState::Hot | TierState::Cold));
        let next = here
            .map(|range| range.first_sequence)
            .or_else(|| tiers.last().map(|range| range.last_sequence + 1));
        let name = object_name(log.origin(), next.unwrap_or(0), MANIFEST_KIND);
        let found = store.head(&name).map_err(stele_engine::archive::ArchiveError::object(&name))?;
        match found {
            Some(_) => rollback(format!("and the archive holds {name}, which it does not know")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::client::{Server, event};

    fn filled() -> Server {
        let server = Server::new();
        let lines: Vec<String> = (0..30).map(|i| event(&format!("e-{i}"))).collect();
        assert_eq!(server.post_lines("/v1/events", &lines).status, 200);
        server
    }

    fn bring(from: &Path, data: &Path) -> RestoreBackup {
        let (from, data) = (from.to_owned(), data.to_owned());
        RestoreBackup {
            from,
            data,
            archive: ArchiveChoice::default(),
            heads: Vec::new(),
            accept_rollback: false,
        }
    }

    /// A backup beside a running server that gave this state.
    fn take(server: &Server, to: &Path, state: &[u8]) -> usize {
        let state: Option<Box<dyn Read>> = Some(Box::new(io::Cursor::new(state.to_vec())));
        Backup { data: server.dir.path().to_owned(), to: to.to_owned(), state }.take().unwrap()
    }

    #[test]
    fn a_backup_beside_a_running_server_comes_back_with_events_and_keys() {
        let server = filled();
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("backup");
        let mut none = Backup { data: server.dir.path().to_owned(), to: to.clone(), state: None };
        assert!(none.take().unwrap_err().to_string().contains("another process holds"));
        let state = server.get("/v1/state");
        assert_eq!(state.status, 200, "{}", state.text());
        assert_eq!(take(&server, &to, &state.body), 1);
        server.post_json("/v1/events", &event("later"));
        assert_eq!(take(&server, &to, &state.body), 1, "an earlier backup is brought up to date");
        let data = place.path().join("data");
        assert_eq!(bring(&to, &data).bring().unwrap(), 1);
        assert!(bring(&to, &data).bring().is_err(), "never over something");
        let head = server.get("/v1/chain").json();
        let again = Server::over(data);
        for id in ["e-0", "e-29", "later"] {
            assert_eq!(
                again.get(&format!("/v1/events/{id}")).body,
                server.get(&format!("/v1/events/{id}")).body
            );
        }
        assert_eq!(again.get("/v1/chain").json()["origin"], head["origin"]);
    }

    #[test]
    fn a_backup_older_than_a_kept_checkpoint_is_a_rollback() {
        let mut server = filled();
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("backup");
        take(&server, &to, &server.get("/v1/state").body);
        server.post_json("/v1/events", &event("later"));
        let sequence = server.get("/v1/events/later").json()["chain"]["sequence"].as_u64().unwrap();
        let proof = server.get(&format!("/v1/proofs/inclusion?sequence={sequence}")).json();
        server.stop();
        let head = proof["checkpoint"].as_str().unwrap().as_bytes().to_vec();
        let data = place.path().join("data");
        let refused = RestoreBackup { heads: vec![head.clone()], ..bring(&to, &data) };
        let error = refused.bring().unwrap_err();
        assert!(error.to_string().contains("rollback suspected"), "{error}");
        assert!(!data.exists(), "nothing is left");
        let accepted = RestoreBackup { heads: vec![head], accept_rollback: true, ..bring(&to, &data) };
        assert_eq!(accepted.bring().unwrap(), 1);
    }
}
