//! Rows as they stand in the file: JSON objects with a version.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stele_engine::record::committed_at;

/// An organization's plan: its minimum retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// At least one year.
    Pro,
    /// At least seven years.
    Enterprise,
}

impl Plan {
    /// The plan of a name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "pro" => Some(Self::Pro),
            "enterprise" => Some(Self::Enterprise),
            _ => None,
        }
    }

    /// Days that its events are kept at least.
    pub fn days_min(self) -> u32 {
        match self {
            Self::Pro => 365,
            Self::Enterprise => 2556,
        }
    }
}

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgRow {
    /// Row version, 1.
    pub v: u8,
    /// Id in the API.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Plan.
    pub plan: Plan,
    /// 128 random bits in hex; the log's directory.
    pub log_id: String,
    /// `<site>/stele/<log-id>`.
    pub origin: String,
    /// Microseconds since 1970.
    pub created_us: u64,
}

impl OrgRow {
    /// As the API shows it.
    pub fn show(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "plan": self.plan,
            "log_id": self.log_id,
            "origin": self.origin,
            "created_at": committed_at(self.created_us),
        })
    }
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// Row version, 1.
    pub v: u8,
    /// Id, the middle part of the key.
    pub id: String,
    /// The organization it belongs to.
    pub org: String,
    /// Name for people.
    pub name: String,
    /// Scope names.
    pub scopes: Vec<String>,
    /// True for the instance key.
    pub instance: bool,
    /// BLAKE3 of the whole key, hex.
    pub hash: String,
    /// Microseconds since 1970.
    pub created_us: u64,
    /// Refused from then on.
    pub expires_us: Option<u64>,
    /// Refused since then.
    pub revoked_us: Option<u64>,
    /// Last use, to the minute.
    pub last_used_us: Option<u64>,
    /// The user whose token it is: the user's role says what it may, in place of `scopes`.
    #[serde(default)]
    pub user: Option<String>,
}

impl KeyRow {
    /// As the API shows it.
    pub fn show(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "scopes": self.scopes,
            "created_at": committed_at(self.created_us),
            "expires_at": self.expires_us.map(committed_at),
            "last_used_at": self.last_used_us.map(committed_at),
            "revoked_at": self.revoked_us.map(committed_at),
            "user": self.user,
        })
    }
}

/// What happens to an event whose metadata does not match its type's schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMismatch {
    /// Stored with `schema_errors`.
    #[default]
    Mark,
    /// Refused.
    Refuse,
}

/// An event type that an organization registered, or a built-in one it changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventTypeRow {
    /// Row version, 1.
    pub v: u8,
    /// The type.
    pub event_type: String,
    /// Its category; none for that of the built-in type.
    pub category: Option<String>,
    /// JSON Schema for `metadata`; none for that of the built-in type.
    pub schema: Option<Value>,
    /// Mark or refuse.
    pub on_mismatch: OnMismatch,
}

/// What an organization chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsRow {
    /// Row version, 1.
    pub v: u8,
    /// Whether searches and other reads are events of the log.
    pub record_reads: bool,
}

impl SettingsRow {
    /// As the API shows it.
    pub fn show(&self) -> Value {
        json!({"record_reads": self.record_reads})
    }
}

/// How far a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportStatus {
    /// Waits for its turn.
    Pending,
    /// Is being made.
    Running,
    /// Can be downloaded.
    Done,
    /// Was not made; the error says why.
    Failed,
    /// Was made; its files are gone.
    Expired,
}

/// A report that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportRow {
    /// Row version, 1.
    pub v: u8,
    /// Id in the API; ascending with time.
    pub id: String,
    /// When it was asked for, microseconds since 1970.
    pub created_us: u64,
    /// When it was done or failed.
    pub finished_us: Option<u64>,
    /// How far it is.
    pub status: ReportStatus,
    /// The actor who asked.
    pub requested_by: Value,
    /// The filter's text; of a report that is done, the one that its hash covers.
    pub filter: String,
    /// Number of entries.
    pub entries: Option<u64>,
    /// The sequence that it is as of.
    pub as_of: Option<u64>,
    /// Its verification hash, hex.
    pub verification_hash: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// How often it was begun.
    #[serde(default)]
    pub tries: u32,
}

impl ReportRow {
    /// As the API shows it.
    pub fn show(&self) -> Value {
        json!({
            "id": self.id,
            "status": self.status,
            "created_at": committed_at(self.created_us),
            "finished_at": self.finished_us.map(committed_at),
            "requested_by": self.requested_by,
            "filter": serde_json::from_str::<Value>(&self.filter).unwrap_or_default(),
            "entries": self.entries,
            "as_of": self.as_of,
            "verification_hash": self.verification_hash.as_ref().map(|hash| format!("stele1:{hash}")),
            "error": self.error,
        })
    }
}

/// The last full verifications of a log that found nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedRow {
    /// Row version, 1.
    pub v: u8,
    /// Records below this sequence were proved.
    pub size: u64,
    /// When it began, microseconds since 1970.
    pub at_us: u64,
    /// The same of the last deep one: records below are covered by index events that were recomputed.
    #[serde(default)]
    pub deep_size: u64,
    /// When that began; 0 before there was one.
    #[serde(default)]
    pub deep_at_us: u64,
}

impl VerifiedRow {
    /// Last sequence and time of the last deep verification.
    pub fn deep(&self) -> Option<(u64, u64)> {
        self.deep_size.checked_sub(1).filter(|_| self.deep_at_us > 0).map(|last| (last, self.deep_at_us))
    }
}

/// How far the scrub of a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubRow {
    /// Row version, 1.
    pub v: u8,
    /// When the pass began, microseconds since 1970.
    pub began_us: u64,
    /// Records below this sequence are done in this pass.
    pub at: u64,
    /// Faults found in this pass.
    pub faults: u64,
    /// The pass has reached the end of the log.
    pub done: bool,
}
