//! The table of saved views.

use redb::TableDefinition;

use super::State;
use crate::serve::ServeError;
use crate::state::ViewsRow;

/// Under `<org>\n<user or key>`.
pub(super) const VIEWS: TableDefinition<&str, &[u8]> = TableDefinition::new("views");

impl State {
    /// Saved views of an organization, each row with the user or key that they belong to.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn views(&self, org: &str) -> Result<Vec<(String, ViewsRow)>, ServeError> {
        self.of_org(VIEWS, org)
    }

    /// Replaces the saved views of a user or key.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_views(&self, org: &str, subject: &str, row: &ViewsRow) -> Result<(), ServeError> {
        let json = self.json(row)?;
        let key = format!("{org}\n{subject}");
        self.write(|txn| {
            txn.open_table(VIEWS)?.insert(key.as_str(), json.as_slice())?;
            Ok(())
        })
    }
}
