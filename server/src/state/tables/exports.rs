//! The table of exports.

use redb::{ReadableTable, TableDefinition};

use super::{State, guarded};
use crate::serve::ServeError;
use crate::state::ExportRow;

/// Under `<org>\n<export id>`.
pub(super) const EXPORTS: TableDefinition<&str, &[u8]> = TableDefinition::new("exports");

impl State {
    /// Exports of all organizations, with the organization's id, oldest first within each.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn all_exports(&self) -> Result<Vec<(String, ExportRow)>, ServeError> {
        self.by_org(EXPORTS)
    }

    /// Exports of one organization, newest first, at most `limit`; only those before the one with id
    /// `before`, where one is given.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn exports(
        &self,
        org: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ExportRow>, ServeError> {
        self.newest(EXPORTS, org, before, limit)
    }

    /// One export of an organization.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn export(&self, org: &str, id: &str) -> Result<Option<ExportRow>, ServeError> {
        self.one(EXPORTS, &format!("{org}\n{id}"))
    }

    /// Adds an export of an organization.
    ///
    /// # Errors
    /// The file cannot be written; nothing has changed.
    pub fn put_export(&self, org: &str, row: &ExportRow) -> Result<(), ServeError> {
        let json = self.json(row)?;
        let key = format!("{org}\n{}", row.id);
        self.write(|txn| {
            txn.open_table(EXPORTS)?.insert(key.as_str(), json.as_slice())?;
            Ok(())
        })
    }

    /// Changes an export, where `change` says that it did; gives the row back as it is then.
    ///
    /// # Errors
    /// The file cannot be read or written; nothing has changed.
    pub fn change_export(
        &self,
        org: &str,
        id: &str,
        change: impl FnOnce(&mut ExportRow) -> bool,
    ) -> Result<Option<ExportRow>, ServeError> {
        let key = format!("{org}\n{id}");
        guarded(&self.path, || {
            // Under the one write transaction that there can be: the job and who cancels it change a row.
            let txn = self.db.begin_write().map_err(|e| self.failed(e))?;
            let mut table = txn.open_table(EXPORTS).map_err(|e| self.failed(e))?;
            let known = table.get(key.as_str()).map_err(|e| self.failed(e))?;
            let known = known.map(|value| self.row::<ExportRow>(&key, value.value())).transpose()?;
            let Some(mut row) = known else { return Ok(None) };
            if change(&mut row) {
                let json = self.json(&row)?;
                table.insert(key.as_str(), json.as_slice()).map_err(|e| self.failed(e))?;
                drop(table);
                txn.commit().map_err(|e| self.failed(e))?;
            }
            Ok(Some(row))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exports::{Compression, Form, Format};
    use crate::state::{ChunkRow, ExportStatus, GapRow};

    fn row(id: &str) -> ExportRow {
        ExportRow {
            v: 1,
            id: id.to_owned(),
            created_us: 5,
            finished_us: None,
            status: ExportStatus::Pending,
            requested_by: json!({"type": "api_key", "id": "k"}),
            cancelled_by: None,
            question: vec![("q".to_owned(), "a".to_owned()), ("status".to_owned(), "success".to_owned())],
            now_ns: 7,
            ascending: true,
            head: 9,
            form: Form {
                format: Format::Csv,
                pretty: false,
                fields: None,
                compression: Compression::Gzip,
                formula_guard: true,
            },
            bulk: true,
            chunk_entries: 100,
            total: 3,
            columns: None,
            chunks: Vec::new(),
            verification_hash: None,
            archived: vec![GapRow { first_sequence: 0, last_sequence: 1, from_us: 2, to_us: 3, events: 2 }],
            error: None,
            tries: 0,
            told: false,
        }
    }

    #[test]
    fn rows_survive_reopening_and_change_in_one_step() {
        let dir = tempfile::tempdir().unwrap();
        {
            let state = State::open(dir.path()).unwrap();
            for id in ["exp_1", "exp_2", "exp_3"] {
                state.put_export("a", &row(id)).unwrap();
            }
            state.put_export("b", &row("exp_4")).unwrap();
            let changed = state.change_export("a", "exp_2", |row| {
                row.status = ExportStatus::Cancelled;
                true
            });
            assert_eq!(changed.unwrap().unwrap().status, ExportStatus::Cancelled);
            let left = state.change_export("a", "exp_3", |row| {
                row.status = ExportStatus::Failed;
                false
            });
            assert!(left.unwrap().is_some());
            assert!(state.change_export("b", "exp_2", |_| true).unwrap().is_none());
        }
        let state = State::open(dir.path()).unwrap();
        assert_eq!(state.export("a", "exp_3").unwrap().unwrap(), row("exp_3"), "no change, no write");
        assert!(state.export("b", "exp_3").unwrap().is_none());
        let rows = state.exports("a", Some("exp_3"), 9).unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.status)).collect();
        assert_eq!(told, [("exp_2", ExportStatus::Cancelled), ("exp_1", ExportStatus::Pending)]);
        assert_eq!(state.all_exports().unwrap().len(), 4);
    }

    #[test]
    fn a_row_is_done_once_the_log_says_so_and_counts_what_is_written() {
        let mut row = row("exp_1");
        assert_eq!(row.query(), json!({"q": "a", "status": ["success"], "order": "asc"}));
        assert_eq!((&row.show(Some(2))["entries"], &row.show(None)["entries"]), (&json!(2), &json!(0)));
        row.chunks.push(ChunkRow {
            file: row.file(1),
            entries: 3,
            bytes: 10,
            sha256: "ab".to_owned(),
            content_bytes: 20,
            content_sha256: "cd".to_owned(),
            last: None,
        });
        (row.status, row.finished_us) = (ExportStatus::Done, Some(9));
        assert_eq!(row.show(None)["status"], "running");
        assert!(row.is_due() && !row.is_open());
        row.told = true;
        let shown = row.show(None);
        assert_eq!(
            (&shown["status"], &shown["entries"], &shown["bytes"]),
            (&json!("done"), &json!(3), &json!(10))
        );
        assert_eq!(shown["chunks"][0]["file"], "exp_1-00001.csv.gz");
        assert_eq!(shown["archived"][0]["last_sequence"], 1);
        assert!(row.brief(None).get("chunks").is_none());
    }
}
