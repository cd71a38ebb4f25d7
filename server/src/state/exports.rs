//! Rows of exports.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use stele_engine::log::Gap;
use stele_engine::record::committed_at;

use crate::exports::Form;

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportStatus {
    /// Waits for its turn.
    Pending,
    /// Is being written.
    Running,
    /// Can be downloaded.
    Done,
    /// Was not written; the error says why.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// Was written; its files are gone.
    Expired,
}

/// A stretch of archived records that an export leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapRow {
    /// First sequence.
    pub first_sequence: u64,
    /// Last sequence.
    pub last_sequence: u64,
    /// Smallest event time, microseconds since 1970.
    pub from_us: i64,
    /// Largest.
    pub to_us: i64,
    /// Records in it.
    pub events: u64,
}

impl From<&Gap> for GapRow {
    fn from(gap: &Gap) -> Self {
        let Gap { first_sequence, last_sequence, from_us, to_us, events } = *gap;
        Self { first_sequence, last_sequence, from_us, to_us, events }
    }
}

impl From<&GapRow> for Gap {
    fn from(row: &GapRow) -> Self {
        let GapRow { first_sequence, last_sequence, from_us, to_us, events } = *row;
        Self { first_sequence, last_sequence, from_us, to_us, events }
    }
}

/// One file of an export, whole and on stable storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRow {
    /// Its name.
    pub file: String,
    /// Rows in it.
    pub entries: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of it, hex.
    pub sha256: String,
    /// Its size before it was packed.
    pub content_bytes: u64,
    /// SHA-256 of what it holds before it is packed, hex.
    pub content_sha256: String,
    /// Position of its last row, where more follow.
    pub last: Option<(i64, u64)>,
}

impl ChunkRow {
    /// As the API and the manifest show it.
    pub fn show(&self) -> Value {
        json!({
            "file": self.file,
            "entries": self.entries,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "content_bytes": self.content_bytes,
            "content_sha256": self.content_sha256,
        })
    }
}

/// An export that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportRow {
    /// Row version, 1.
    pub v: u8,
    /// Id in the API; ascending with time.
    pub id: String,
    /// When it was asked for, microseconds since 1970.
    pub created_us: u64,
    /// When it ended.
    pub finished_us: Option<u64>,
    /// How far it is.
    pub status: ExportStatus,
    /// The actor who asked.
    pub requested_by: Value,
    /// The actor who stopped it.
    pub cancelled_by: Option<Value>,
    /// The question as parameters of a search; times do not count from now any more.
    pub question: Vec<(String, String)>,
    /// What `now` in the query means, nanoseconds since 1970.
    pub now_ns: i64,
    /// Oldest first.
    pub ascending: bool,
    /// The snapshot: only sequences below this.
    pub head: u64,
    /// What its files look like.
    pub form: Form,
    /// In chunks, without a largest number of rows.
    pub bulk: bool,
    /// Rows of a chunk at most.
    pub chunk_entries: u64,
    /// Rows that matched when it was asked for.
    pub total: u64,
    /// Columns of a file that shows all there are, once they are known.
    pub columns: Option<Vec<String>>,
    /// What is written.
    pub chunks: Vec<ChunkRow>,
    /// SHA-256, hex, of the one file before it is packed; of the manifest where there is one.
    pub verification_hash: Option<String>,
    /// What it leaves out because it is archived.
    pub archived: Vec<GapRow>,
    /// Why it failed.
    pub error: Option<String>,
    /// How often it was begun since the last chunk was finished.
    pub tries: u32,
    /// The event of its end is in the log.
    pub told: bool,
}

impl ExportRow {
    /// True while the job has rows to write.
    pub fn is_open(&self) -> bool {
        matches!(self.status, ExportStatus::Pending | ExportStatus::Running)
    }

    /// True while the job has anything to do.
    pub fn is_due(&self) -> bool {
        self.is_open() || !self.told
    }

    /// Rows in finished chunks.
    pub fn written(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.entries).sum()
    }

    /// The verification hash as it is shown.
    pub fn hash(&self) -> Option<String> {
        self.verification_hash.as_ref().map(|hash| format!("sha256:{hash}"))
    }

    /// How far it is, for whoever asks: done once the log says so too.
    pub fn shown_status(&self) -> ExportStatus {
        match self.status {
            ExportStatus::Done if !self.told => ExportStatus::Running,
            status => status,
        }
    }

    /// What was asked, as the body of a request would say it.
    pub fn query(&self) -> Value {
        let mut query = Map::new();
        for (name, value) in &self.question {
            match (name.as_str(), query.get_mut(name)) {
                ("own", _) => _ = query.insert(name.clone(), (value == "true").into()),
                ("q" | "from" | "to", _) => _ = query.insert(name.clone(), value.as_str().into()),
                (_, Some(Value::Array(values))) => values.push(value.as_str().into()),
                (_, _) => _ = query.insert(name.clone(), json!([value])),
            }
        }
        query.insert("order".to_owned(), if self.ascending { "asc" } else { "desc" }.into());
        Value::Object(query)
    }

    /// Gaps as the API shows them.
    pub fn gaps(&self) -> Value {
        let gaps: Vec<Gap> = self.archived.iter().map(Gap::from).collect();
        crate::routes::show_gaps(&gaps)
    }

    /// As the API shows it; `running` is how many rows a job has written that is under way.
    pub fn show(&self, running: Option<u64>) -> Value {
        let chunks: Vec<Value> = self.chunks.iter().map(ChunkRow::show).collect();
        let mut shown = self.brief(running);
        shown["chunks"] = chunks.into();
        shown
    }

    /// The same for lists, without the chunks.
    pub fn brief(&self, running: Option<u64>) -> Value {
        let bytes: u64 = self.chunks.iter().map(|chunk| chunk.bytes).sum();
        json!({
            "id": self.id,
            "status": self.shown_status(),
            "created_at": committed_at(self.created_us),
            "finished_at": self.finished_us.filter(|_| !self.is_due()).map(committed_at),
            "requested_by": self.requested_by,
            "cancelled_by": self.cancelled_by,
            "query": self.query(),
            "format": self.form.format,
            "pretty": self.form.pretty,
            "compression": self.form.compression,
            "formula_guard": self.form.formula_guard,
            "fields": self.form.fields.as_ref().or(self.columns.as_ref()),
            "bulk": self.bulk,
            "entries": running.filter(|_| self.is_open()).unwrap_or(0).max(self.written()),
            "total": self.total,
            "bytes": bytes,
            "chunk_count": self.chunks.len(),
            "verification_hash": self.hash(),
            "as_of": self.head,
            "archived": self.gaps(),
            "error": self.error,
        })
    }

    /// The name of a file, counted from 1.
    pub fn file(&self, number: usize) -> String {
        let (format, packed) = (self.form.format.extension(), self.form.compression.extension());
        if self.bulk {
            format!("{}-{number:05}.{format}{packed}", self.id)
        } else {
            format!("{}.{format}{packed}", self.id)
        }
    }

    /// The name of the manifest.
    pub fn manifest(&self) -> String {
        format!("{}-manifest.json", self.id)
    }
}
