//! Tables of retention, archives and restores, and the copy of the whole file for a backup.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{State, guarded};
use crate::serve::ServeError;
use crate::state::{OrgRow, RestoreRow, RetentionRow, TierRow};

/// Under the organization's id.
pub(super) const RETENTION: TableDefinition<&str, &[u8]> = TableDefinition::new("retention");
/// Under the organization's id.
pub(super) const TIERS: TableDefinition<&str, &[u8]> = TableDefinition::new("tiers");
/// Under `<org>\n<restore id>`.
pub(super) const RESTORES: TableDefinition<&str, &[u8]> = TableDefinition::new("restores");

impl State {
    /// Policies, under their organizations' ids; an organization without a row has the default.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn retention(&self) -> Result<Vec<(String, RetentionRow)>, ServeError> {
        self.all(RETENTION)
    }

    /// Replaces an organization's policy, and the organization with its plan, in one step.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_retention(&self, org: &OrgRow, row: &RetentionRow) -> Result<(), ServeError> {
        let (org_json, json) = (self.json(org)?, self.json(row)?);
        self.write(|txn| {
            txn.open_table(super::ORGS)?.insert(org.id.as_str(), org_json.as_slice())?;
            txn.open_table(RETENTION)?.insert(org.id.as_str(), json.as_slice())?;
            Ok(())
        })
    }

    /// How far the tiers of an organization's log are told.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tier(&self, org: &str) -> Result<TierRow, ServeError> {
        guarded(&self.path, || {
            let txn = self.db.begin_read().map_err(|e| self.failed(e))?;
            let table = txn.open_table(TIERS).map_err(|e| self.failed(e))?;
            let value = table.get(org).map_err(|e| self.failed(e))?;
            let row = value.map(|value| self.row(org, value.value())).transpose()?;
            Ok(row.unwrap_or(TierRow { v: 1, ..TierRow::default() }))
        })
    }

    /// Notes how far the tiers of an organization's log are told.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn change_tier(&self, org: &str, change: impl FnOnce(&mut TierRow)) -> Result<(), ServeError> {
        let mut json = Vec::new();
        guarded(&self.path, || {
            // Under the one write transaction that there can be: two threads change such a row.
            let txn = self.db.begin_write().map_err(|e| self.failed(e))?;
            {
                let mut table = txn.open_table(TIERS).map_err(|e| self.failed(e))?;
                let known = table.get(org).map_err(|e| self.failed(e))?;
                let known = known.map(|value| self.row(org, value.value())).transpose()?;
                let mut row = known.unwrap_or(TierRow { v: 1, ..TierRow::default() });
                change(&mut row);
                json.extend(self.json(&row)?);
                table.insert(org, json.as_slice()).map_err(|e| self.failed(e))?;
            }
            txn.commit().map_err(|e| self.failed(e))
        })
    }

    /// Restores of all organizations, with the organization's id, oldest first within each.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn all_restores(&self) -> Result<Vec<(String, RestoreRow)>, ServeError> {
        self.by_org(RESTORES)
    }

    /// Restores of one organization, newest first, at most `limit`; only those before the one with id
    /// `before`, where one is given.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn restores(
        &self,
        org: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RestoreRow>, ServeError> {
        self.newest(RESTORES, org, before, limit)
    }

    /// One restore of an organization.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn restore(&self, org: &str, id: &str) -> Result<Option<RestoreRow>, ServeError> {
        self.one(RESTORES, &format!("{org}\n{id}"))
    }

    /// Adds or replaces a restore of an organization.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_restore(&self, org: &str, row: &RestoreRow) -> Result<(), ServeError> {
        let json = self.json(row)?;
        let key = format!("{org}\n{}", row.id);
        self.write(|txn| {
            txn.open_table(RESTORES)?.insert(key.as_str(), json.as_slice())?;
            Ok(())
        })
    }

    /// Writes all rows, as of one moment, into a new file at `to`, beside everything that goes on.
    ///
    /// # Errors
    /// This file cannot be read, or that one exists or cannot be written.
    pub fn copy_to(&self, to: &Path) -> Result<(), ServeError> {
        let other = |detail: String| ServeError::State { path: to.to_owned(), detail };
        if to.exists() {
            return Err(other("exists already".to_owned()));
        }
        guarded(&self.path, || {
            let from = self.db.begin_read().map_err(|e| self.failed(e))?;
            let copy = Database::create(to).map_err(|e| other(e.to_string()))?;
            let txn = copy.begin_write().map_err(|e| other(e.to_string()))?;
            for table in super::TABLES {
                let source = from.open_table(table).map_err(|e| self.failed(e))?;
                let mut target = txn.open_table(table).map_err(|e| other(e.to_string()))?;
                for entry in source.iter().map_err(|e| self.failed(e))? {
                    let (key, value) = entry.map_err(|e| self.failed(e))?;
                    target.insert(key.value(), value.value()).map_err(|e| other(e.to_string()))?;
                }
            }
            txn.commit().map_err(|e| other(e.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::{Piece, PieceState, Plan, RestoreStatus};

    fn restore(id: &str) -> RestoreRow {
        RestoreRow {
            v: 1,
            id: id.to_owned(),
            created_us: 5,
            deadline_us: 10,
            finished_us: None,
            until_us: None,
            status: RestoreStatus::Running,
            requested_by: json!({"type": "system", "id": "x"}),
            from_ns: 0,
            to_ns: 9,
            reason: "audit".to_owned(),
            days: 3,
            pieces: vec![Piece { first: 0, last: 4, state: PieceState::Waiting, detail: None, denied: 0 }],
            untold: false,
        }
    }

    fn org() -> OrgRow {
        OrgRow {
            v: 1,
            id: "a".to_owned(),
            name: "A".to_owned(),
            plan: Plan::Enterprise,
            log_id: "00".repeat(16),
            origin: "site/stele/x".to_owned(),
            created_us: 7,
        }
    }

    #[test]
    fn rows_survive_reopening_and_are_in_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        let row = RetentionRow { active_days: Some(30), legal_hold: true, ..RetentionRow::default() };
        {
            let state = State::open(dir.path()).unwrap();
            assert_eq!(state.tier("a").unwrap().told, 0);
            state.put_retention(&org(), &row).unwrap();
            state.change_tier("a", |tier| tier.told = 7).unwrap();
            state.change_tier("a", |tier| tier.archive_before_us = 9).unwrap();
            for id in ["res_1", "res_2", "res_3"] {
                state.put_restore("a", &restore(id)).unwrap();
            }
            state.put_restore("b", &restore("res_4")).unwrap();
        }
        let copied = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        state.copy_to(&copied.path().join("state.redb")).unwrap();
        assert!(state.copy_to(&copied.path().join("state.redb")).is_err(), "never over another file");
        drop(state);
        for place in [dir.path(), copied.path()] {
            let state = State::open(place).unwrap();
            assert_eq!(state.orgs().unwrap(), [org()]);
            assert_eq!(state.retention().unwrap(), [("a".to_owned(), row)]);
            let tier = state.tier("a").unwrap();
            assert_eq!((tier.told, tier.archive_before_us), (7, 9));
            let ids = |rows: Vec<RestoreRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
            assert_eq!(ids(state.restores("a", None, 2).unwrap()), ["res_3", "res_2"]);
            assert_eq!(ids(state.restores("a", Some("res_2"), 2).unwrap()), ["res_1"]);
            assert_eq!(state.restore("b", "res_4").unwrap().unwrap(), restore("res_4"));
            assert!(state.restore("b", "res_1").unwrap().is_none());
            assert_eq!(state.all_restores().unwrap().len(), 4);
        }
    }

    #[test]
    fn a_restore_is_overdue_once_its_deadline_has_passed_without_an_end() {
        let row = restore("r");
        assert_eq!((&row.show(10)["overdue"], &row.show(11)["overdue"]), (&json!(false), &json!(true)));
        let ended = RestoreRow { finished_us: Some(9), ..row };
        assert_eq!(ended.show(11)["overdue"], json!(false));
    }

    #[test]
    fn locks_last_as_long_as_the_plan_or_the_active_period() {
        let row = RetentionRow { active_days: Some(400), ..RetentionRow::default() };
        let days = |plan| row.lock_us(plan) / crate::state::DAY_US;
        assert_eq!((days(Plan::Pro), days(Plan::Enterprise)), (400, 2556));
    }
}
