//! Tables of users and of sessions.

use redb::TableDefinition;

use super::State;
use crate::serve::ServeError;
use crate::state::{SessionRow, UserRow};

/// Under the session's id.
pub(super) const SESSIONS: TableDefinition<&str, &[u8]> = TableDefinition::new("sessions");
/// Under the user's id.
pub(super) const USERS: TableDefinition<&str, &[u8]> = TableDefinition::new("users");

impl State {
    /// All users, removed ones too.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn users(&self) -> Result<Vec<UserRow>, ServeError> {
        Ok(self.all(USERS)?.into_iter().map(|(_, row)| row).collect())
    }

    /// Adds or replaces a user.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_user(&self, row: &UserRow) -> Result<(), ServeError> {
        let json = self.json(row)?;
        self.write(|txn| {
            txn.open_table(USERS)?.insert(row.id.as_str(), json.as_slice())?;
            Ok(())
        })
    }

    /// All sessions, ended by time too until they are dropped.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionRow>, ServeError> {
        Ok(self.all(SESSIONS)?.into_iter().map(|(_, row)| row).collect())
    }

    /// Adds a session, where there is a new one, and removes others, in one step.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_session(&self, row: Option<&SessionRow>, ended: &[String]) -> Result<(), ServeError> {
        let added = row.map(|row| Ok::<_, ServeError>((row.id.clone(), self.json(row)?))).transpose()?;
        self.write(|txn| {
            let mut table = txn.open_table(SESSIONS)?;
            for id in ended {
                table.remove(id.as_str())?;
            }
            if let Some((id, json)) = &added {
                table.insert(id.as_str(), json.as_slice())?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::make_session;

    #[test]
    fn a_key_of_a_release_without_users_is_a_plain_one() {
        let row = r#"{"v":1,"id":"k","org":"o","name":"n","scopes":["read"],"instance":false,"hash":"","created_us":1,"expires_us":null,"revoked_us":null,"last_used_us":null}"#;
        assert_eq!(serde_json::from_str::<crate::state::KeyRow>(row).unwrap().user, None);
    }

    #[test]
    fn sessions_survive_reopening_and_ended_ones_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let rows: Vec<SessionRow> = (0..3).map(|at| make_session("o", "k", at, 9).unwrap().0).collect();
        {
            let state = State::open(dir.path()).unwrap();
            for row in &rows {
                state.put_session(Some(row), &[]).unwrap();
            }
            state.put_session(None, &[rows[0].id.clone(), "ses_none".to_owned()]).unwrap();
        }
        let mut kept = State::open(dir.path()).unwrap().sessions().unwrap();
        kept.sort_by_key(|row| row.created_us);
        assert_eq!(kept, rows[1..]);
    }
}
