//! The file itself: tables of JSON values under text keys.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{EventTypeRow, KeyRow, OrgRow, ReportRow, ScrubRow, SettingsRow, VerifiedRow};
use crate::serve::ServeError;

mod exports;
mod people;
mod tiers;
mod views;

const ORGS: TableDefinition<&str, &[u8]> = TableDefinition::new("orgs");
const KEYS: TableDefinition<&str, &[u8]> = TableDefinition::new("keys");
/// Under `<org>\n<event type>`.
const EVENT_TYPES: TableDefinition<&str, &[u8]> = TableDefinition::new("event_types");
/// Under the log id.
const VERIFIED: TableDefinition<&str, &[u8]> = TableDefinition::new("verified");
/// Under the organization's id.
const SETTINGS: TableDefinition<&str, &[u8]> = TableDefinition::new("settings");
/// Under `<org>\n<report id>`.
const REPORTS: TableDefinition<&str, &[u8]> = TableDefinition::new("reports");
/// Under the log id.
const SCRUBS: TableDefinition<&str, &[u8]> = TableDefinition::new("scrubs");

/// All of them.
const TABLES: [TableDefinition<&str, &[u8]>; 14] = [
    ORGS,
    KEYS,
    EVENT_TYPES,
    VERIFIED,
    SETTINGS,
    REPORTS,
    SCRUBS,
    tiers::RETENTION,
    tiers::TIERS,
    tiers::RESTORES,
    views::VIEWS,
    exports::EXPORTS,
    people::SESSIONS,
    people::USERS,
];

/// Newest row version this build reads.
const NEWEST_KNOWN: u64 = 1;

/// `state.redb`, open. Calls that write return when the change is on stable storage, and block.
pub struct State {
    db: Database,
    path: PathBuf,
}

impl State {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`ServeError::State`] when it cannot be read, or was written by another release.
    pub fn open(data: &Path) -> Result<Self, ServeError> {
        let path = data.join("state.redb");
        guarded(&path, || Self::open_file(path.clone()))
    }

    fn open_file(path: PathBuf) -> Result<Self, ServeError> {
        let failed = |detail: String| ServeError::State { path: path.clone(), detail };
        let mut db = Database::create(&path).map_err(|e| match e {
            DatabaseError::UpgradeRequired(found) => failed(format!(
                "file format {found} is too old for this build; open it with the release before"
            )),
            DatabaseError::DatabaseAlreadyOpen => failed("open in another process".to_owned()),
            other => failed(other.to_string()),
        })?;
        // Every page's checksum, before one is believed: the library would end the process over some
        // pages that are damaged, and answer from others.
        if !db.check_integrity().map_err(|e| failed(e.to_string()))? {
            return Err(failed("the file is damaged: bring it back from a backup".to_owned()));
        }
        let state = Self { db, path };
        state.write(|txn| {
            for table in TABLES {
                txn.open_table(table)?;
            }
            Ok(())
        })?;
        Ok(state)
    }

    /// All organizations.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn orgs(&self) -> Result<Vec<OrgRow>, ServeError> {
        Ok(self.all(ORGS)?.into_iter().map(|(_, row)| row).collect())
    }

    /// All keys, revoked ones too.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn keys(&self) -> Result<Vec<KeyRow>, ServeError> {
        Ok(self.all(KEYS)?.into_iter().map(|(_, row)| row).collect())
    }

    /// Event types of all organizations, with the organization's id.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn event_types(&self) -> Result<Vec<(String, EventTypeRow)>, ServeError> {
        self.by_org(EVENT_TYPES)
    }

    /// The last clean verification of each log.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn verified(&self) -> Result<Vec<(String, VerifiedRow)>, ServeError> {
        self.all(VERIFIED)
    }

    /// What organizations chose, under their ids; an organization without a row chose nothing.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn settings(&self) -> Result<Vec<(String, SettingsRow)>, ServeError> {
        self.all(SETTINGS)
    }

    /// Reports of all organizations, with the organization's id, oldest first within each.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn all_reports(&self) -> Result<Vec<(String, ReportRow)>, ServeError> {
        self.by_org(REPORTS)
    }

    /// Reports of one organization, newest first, at most `limit`; only those before the one with id
    /// `before`, where one is given.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn reports(
        &self,
        org: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ReportRow>, ServeError> {
        self.newest(REPORTS, org, before, limit)
    }

    /// Rows under `<org>\n<id>`, each with its organization.
    fn by_org<T: DeserializeOwned>(
        &self,
        table: TableDefinition<&str, &[u8]>,
    ) -> Result<Vec<(String, T)>, ServeError> {
        let org = |key: String| key.split('\n').next().unwrap_or_default().to_owned();
        Ok(self.all(table)?.into_iter().map(|(key, row)| (org(key), row)).collect())
    }

    /// Rows under `<org>\n<id>`, of one organization, each with its id, ascending.
    fn of_org<T: DeserializeOwned>(
        &self,
        of: TableDefinition<&str, &[u8]>,
        org: &str,
    ) -> Result<Vec<(String, T)>, ServeError> {
        guarded(&self.path, || {
            let txn = self.db.begin_read().map_err(|e| self.failed(e))?;
            let table = txn.open_table(of).map_err(|e| self.failed(e))?;
            let (first, behind) = (format!("{org}\n"), format!("{org}\u{b}"));
            let mut rows = Vec::new();
            for entry in table.range(first.as_str()..behind.as_str()).map_err(|e| self.failed(e))? {
                let (key, value) = entry.map_err(|e| self.failed(e))?;
                let id = key.value().split_once('\n').map_or("", |(_, id)| id).to_owned();
                rows.push((id, self.row(key.value(), value.value())?));
            }
            Ok(rows)
        })
    }

    /// Rows under `<org>\n<id>`, of one organization, newest id first.
    fn newest<T: DeserializeOwned>(
        &self,
        of: TableDefinition<&str, &[u8]>,
        org: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<T>, ServeError> {
        guarded(&self.path, || {
            let txn = self.db.begin_read().map_err(|e| self.failed(e))?;
            let table = txn.open_table(of).map_err(|e| self.failed(e))?;
            let (first, behind) = (format!("{org}\n"), format!("{org}\u{b}"));
            let end = before.map_or(behind, |id| format!("{org}\n{id}"));
            let mut rows = Vec::new();
            let range = table.range(first.as_str()..end.as_str()).map_err(|e| self.failed(e))?;
            for entry in range.rev().take(limit) {
                let (key, value) = entry.map_err(|e| self.failed(e))?;
                rows.push(self.row(key.value(), value.value())?);
            }
            Ok(rows)
        })
    }

    /// One report of an organization.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn report(&self, org: &str, id: &str) -> Result<Option<ReportRow>, ServeError> {
        self.one(REPORTS, &format!("{org}\n{id}"))
    }

    fn one<T: DeserializeOwned>(
        &self,
        of: TableDefinition<&str, &[u8]>,
        key: &str,
    ) -> Result<Option<T>, ServeError> {
        guarded(&self.path, || {
            let txn = self.db.begin_read().map_err(|e| self.failed(e))?;
            let table = txn.open_table(of).map_err(|e| self.failed(e))?;
            let value = table.get(key).map_err(|e| self.failed(e))?;
            value.map(|value| self.row(key, value.value())).transpose()
        })
    }

    /// Adds or replaces a report of an organization.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_report(&self, org: &str, row: &ReportRow) -> Result<(), ServeError> {
        let json = self.json(row)?;
        let key = format!("{org}\n{}", row.id);
        self.write(|txn| {
            txn.open_table(REPORTS)?.insert(key.as_str(), json.as_slice())?;
            Ok(())
        })
    }

    /// How far the scrub of each log is.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn scrubs(&self) -> Result<Vec<(String, ScrubRow)>, ServeError> {
        self.all(SCRUBS)
    }

    /// Notes how far the scrub of a log is.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_scrub(&self, log_id: &str, row: &ScrubRow) -> Result<(), ServeError> {
        let json = self.json(row)?;
        self.write(|txn| {
            txn.open_table(SCRUBS)?.insert(log_id, json.as_slice())?;
            Ok(())
        })
    }

    /// Adds an organization and its first key, in one step.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_org(&self, org: &OrgRow, key: &KeyRow) -> Result<(), ServeError> {
        let (org_json, key_json) = (self.json(org)?, self.json(key)?);
        self.write(|txn| {
            txn.open_table(ORGS)?.insert(org.id.as_str(), org_json.as_slice())?;
            txn.open_table(KEYS)?.insert(key.id.as_str(), key_json.as_slice())?;
            Ok(())
        })
    }

    /// Adds or replaces keys, in one step.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_keys(&self, keys: &[KeyRow]) -> Result<(), ServeError> {
        let named = |k: &KeyRow| Ok::<_, ServeError>((k.id.clone(), self.json(k)?));
        let rows = keys.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        self.write(|txn| {
            let mut table = txn.open_table(KEYS)?;
            for (id, json) in &rows {
                table.insert(id.as_str(), json.as_slice())?;
            }
            Ok(())
        })
    }

    /// Adds or replaces an event type of an organization.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_event_type(&self, org: &str, row: &EventTypeRow) -> Result<(), ServeError> {
        let json = self.json(row)?;
        let key = format!("{org}\n{}", row.event_type);
        self.write(|txn| {
            txn.open_table(EVENT_TYPES)?.insert(key.as_str(), json.as_slice())?;
            Ok(())
        })
    }

    /// Replaces what an organization chose.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_settings(&self, org: &str, row: &SettingsRow) -> Result<(), ServeError> {
        let json = self.json(row)?;
        self.write(|txn| {
            txn.open_table(SETTINGS)?.insert(org, json.as_slice())?;
            Ok(())
        })
    }

    /// Notes a clean verification of a log.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_verified(&self, log_id: &str, row: &VerifiedRow) -> Result<(), ServeError> {
        let json = self.json(row)?;
        self.write(|txn| {
            txn.open_table(VERIFIED)?.insert(log_id, json.as_slice())?;
            Ok(())
        })
    }

    fn failed(&self, error: impl std::fmt::Display) -> ServeError {
        ServeError::State { path: self.path.clone(), detail: error.to_string() }
    }

    fn json<T: Serialize>(&self, row: &T) -> Result<Vec<u8>, ServeError> {
        serde_json::to_vec(row).map_err(|e| self.failed(e))
    }

    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), ServeError> {
        guarded(&self.path, || {
            let txn = self.db.begin_write().map_err(|e| self.failed(e))?;
            change(&txn).map_err(|e| self.failed(e))?;
            txn.commit().map_err(|e| self.failed(e))
        })
    }

    fn all<T: DeserializeOwned>(
        &self,
        table: TableDefinition<&str, &[u8]>,
    ) -> Result<Vec<(String, T)>, ServeError> {
        guarded(&self.path, || self.read_all(table))
    }

    fn read_all<T: DeserializeOwned>(
        &self,
        table: TableDefinition<&str, &[u8]>,
    ) -> Result<Vec<(String, T)>, ServeError> {
        let txn = self.db.begin_read().map_err(|e| self.failed(e))?;
        let table = txn.open_table(table).map_err(|e| self.failed(e))?;
        let mut rows = Vec::new();
        for entry in table.iter().map_err(|e| self.failed(e))? {
            let (key, value) = entry.map_err(|e| self.failed(e))?;
            rows.push((key.value().to_owned(), self.row(key.value(), value.value())?));
        }
        Ok(rows)
    }

    fn row<T: DeserializeOwned>(&self, key: &str, json: &[u8]) -> Result<T, ServeError> {
        #[derive(serde::Deserialize)]
        struct Version {
            v: u64,
        }
        let named = |e: &dyn std::fmt::Display| self.failed(format!("row {key:?}: {e}"));
        let version: Version = serde_json::from_slice(json).map_err(|e| named(&e))?;
        if version.v > NEWEST_KNOWN {
            return Err(named(&format!("version {}, this build reads up to {NEWEST_KNOWN}", version.v)));
        }
        serde_json::from_slice(json).map_err(|e| named(&e))
    }
}

/// The library trusts the bytes of its file, and some damage makes it panic: told as any other damage.
fn guarded<T>(path: &Path, call: impl FnOnce() -> Result<T, ServeError>) -> Result<T, ServeError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        let detail = "the file is damaged: bring it back from a backup".to_owned();
        Err(ServeError::State { path: path.to_owned(), detail })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{OnMismatch, Plan};

    fn org(id: &str) -> OrgRow {
        OrgRow {
            v: 1,
            id: id.to_owned(),
            name: "Name".to_owned(),
            plan: Plan::Pro,
            log_id: "00".repeat(16),
            origin: "site/stele/x".to_owned(),
            created_us: 7,
        }
    }

    fn key(id: &str) -> KeyRow {
        KeyRow {
            v: 1,
            id: id.to_owned(),
            org: "default".to_owned(),
            name: "first".to_owned(),
            scopes: vec!["read".to_owned()],
            instance: false,
            hash: "ab".to_owned(),
            created_us: 1,
            expires_us: None,
            revoked_us: None,
            last_used_us: None,
            user: None,
        }
    }

    #[test]
    fn rows_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let row = EventTypeRow {
            v: 1,
            event_type: "a.b".to_owned(),
            category: Some("x".to_owned()),
            schema: Some(serde_json::json!({"type": "object"})),
            on_mismatch: OnMismatch::Refuse,
        };
        {
            let state = State::open(dir.path()).unwrap();
            state.put_org(&org("default"), &key("k1")).unwrap();
            state.put_keys(&[key("k2"), KeyRow { revoked_us: Some(9), ..key("k1") }]).unwrap();
            state.put_event_type("default", &row).unwrap();
            let row = VerifiedRow { v: 1, size: 3, at_us: 4, ..VerifiedRow::default() };
            state.put_verified("l", &row).unwrap();
            state.put_scrub("l", &ScrubRow { v: 1, at: 7, ..ScrubRow::default() }).unwrap();
        }
        let state = State::open(dir.path()).unwrap();
        assert_eq!(state.orgs().unwrap(), [org("default")]);
        let keys = state.keys().unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].revoked_us, Some(9));
        assert_eq!(state.event_types().unwrap(), [("default".to_owned(), row)]);
        assert_eq!(state.verified().unwrap()[0].1.size, 3);
        assert_eq!(state.scrubs().unwrap()[0].1.at, 7);
    }

    /// Goal: no flipped bit of the file passes for state, or ends the process. Method: bits all over the
    /// file, which is opened and read again each time.
    #[test]
    fn a_changed_file_is_refused_or_says_what_it_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.redb");
        {
            let state = State::open(dir.path()).unwrap();
            state.put_org(&org("default"), &key("k0")).unwrap();
            let keys: Vec<KeyRow> = (1..60).map(|n| key(&format!("k{n}"))).collect();
            state.put_keys(&keys).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        let read = || State::open(dir.path()).and_then(|state| Ok((state.orgs()?, state.keys()?)));
        let expected = read().unwrap();
        let used: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] != 0).collect();
        let mut refused = 0;
        for (n, &at) in used.iter().step_by(used.len() / 250).enumerate() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (n % 8);
            std::fs::write(&path, &bytes).unwrap();
            match read() {
                Ok(found) => assert_eq!(found, expected, "byte {at}"),
                Err(error) => {
                    assert!(error.to_string().contains("state.redb"), "byte {at}: {error}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 0, "flips in rows");
    }

    #[test]
    fn a_verification_noted_by_an_earlier_release_is_read() {
        let row: VerifiedRow = serde_json::from_str(r#"{"v":1,"size":3,"at_us":4}"#).unwrap();
        assert_eq!((row.size, row.deep_at_us), (3, 0));
    }

    #[test]
    fn a_row_of_a_newer_release_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        state.put_org(&OrgRow { v: 2, ..org("later") }, &key("k")).unwrap();
        let message = state.orgs().unwrap_err().to_string();
        assert!(message.contains("later") && message.contains("version 2"), "{message}");
    }
}
