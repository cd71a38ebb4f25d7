//! Rows of retention, archives and restores.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stele_engine::record::committed_at;

use super::Plan;

/// Microseconds of a day.
pub const DAY_US: u64 = 86_400_000_000;
/// Shortest lock.
const LOCK_MIN_US: u64 = 2 * DAY_US;

/// How long events stay where they can be searched, and what comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRow {
    /// Row version, 1.
    pub v: u8,
    /// Days until events go to the archive; none for never.
    pub active_days: Option<u32>,
    /// Days until the data of segments are made cold.
    pub chill_after_days: u32,
    /// Whether the active period's end moves anything.
    pub archive: bool,
    /// Whether locks in the archive are lengthened so that they never run out.
    pub legal_hold: bool,
}

impl Default for RetentionRow {
    fn default() -> Self {
        Self { v: 1, active_days: None, chill_after_days: 7, archive: true, legal_hold: false }
    }
}

impl RetentionRow {
    /// As the API shows it.
    pub fn show(&self, plan: Plan) -> Value {
        json!({
            "active_days": self.active_days,
            "chill_after_days": self.chill_after_days,
            "archive": self.archive,
            "legal_hold": self.legal_hold,
            "plan": plan,
        })
    }

    /// Microseconds that an object is locked, from the commit of its last record: the plan's minimum, or
    /// the active period where that is longer.
    pub fn lock_us(&self, plan: Plan) -> u64 {
        let days = plan.days_min().max(self.active_days.unwrap_or(0));
        u64::from(days) * DAY_US
    }

    /// Until when an object is locked that is stored now: a store takes no date that has passed.
    pub fn locked_until_us(&self, plan: Plan, committed_last_us: u64, now_us: u64) -> u64 {
        committed_last_us.saturating_add(self.lock_us(plan)).max(now_us.saturating_add(LOCK_MIN_US))
    }
}

/// How far the tiers of a log are told, and what was asked of them beyond the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierRow {
    /// Row version, 1.
    pub v: u8,
    /// Segments that begin below this sequence have their `stele.archive_created`.
    pub told: u64,
    /// Segments whose last record was committed before this go to the archive, whatever the policy says.
    pub archive_before_us: u64,
    /// When locks were last lengthened under a hold.
    #[serde(default)]
    pub held_us: u64,
    /// How far locks are lengthened.
    #[serde(default)]
    pub locks: LocksRow,
}

/// How far the locks of what is in the archive already are lengthened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocksRow {
    /// Every object is locked for at least this long from the commit of its last record.
    pub done_us: u64,
    /// What is under way.
    pub pass: Option<LockPass>,
    /// The first failure of the last pass that had some, and when that ended.
    pub fault: Option<(String, u64)>,
}

/// One way through all that is in the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockPass {
    /// When it was begun, microseconds since 1970.
    pub begun_us: u64,
    /// How long objects are to be locked from the commit of their last record.
    pub lock_us: u64,
    /// Until when at least; 0 without a hold.
    pub until_us: u64,
    /// Segments that begin below this sequence are done.
    pub next: u64,
    /// Segments whose locks are long enough.
    pub segments: u64,
    /// Their objects.
    pub objects: u64,
    /// Segments whose locks could not be lengthened.
    pub failed: u64,
    /// The first failure.
    pub fault: Option<String>,
}

/// How far a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreStatus {
    /// Waits for its turn.
    Pending,
    /// Segments are being brought back.
    Running,
    /// All of it is searchable.
    Done,
    /// Some segments were refused; the rest is searchable.
    Failed,
}

/// How far one segment of a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PieceState {
    /// Not begun, or to be tried again.
    Pending,
    /// The store was asked for it and has not made it readable yet.
    Waiting,
    /// Searchable.
    Restored,
    /// What the archive gave is not what was archived, or it refuses to give it.
    Refused,
}

/// One segment of a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// First sequence.
    pub first: u64,
    /// Last sequence.
    pub last: u64,
    /// How far it is.
    pub state: PieceState,
    /// What the last try said, where it failed.
    pub detail: Option<String>,
    /// Tries that the store did not allow.
    #[serde(default)]
    pub denied: u32,
}

/// A restore that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreRow {
    /// Row version, 1.
    pub v: u8,
    /// Id in the API; ascending with time.
    pub id: String,
    /// When it was asked for, microseconds since 1970.
    pub created_us: u64,
    /// When it is promised to be done.
    pub deadline_us: u64,
    /// When it was done or failed.
    pub finished_us: Option<u64>,
    /// Until when what was restored is kept.
    pub until_us: Option<u64>,
    /// How far it is.
    pub status: RestoreStatus,
    /// The actor who asked.
    pub requested_by: Value,
    /// Event times from here, nanoseconds since 1970.
    pub from_ns: i64,
    /// Up to here.
    pub to_ns: i64,
    /// Why.
    pub reason: String,
    /// Days that it is kept for.
    pub days: u32,
    /// Its segments.
    pub pieces: Vec<Piece>,
    /// The log took no events when it was asked for or done: its events follow once it does.
    #[serde(default)]
    pub untold: bool,
}

impl RestoreRow {
    /// True while the job has something to do.
    pub fn is_open(&self) -> bool {
        matches!(self.status, RestoreStatus::Pending | RestoreStatus::Running)
    }

    /// Segments that are in this state.
    pub fn count(&self, state: PieceState) -> usize {
        self.pieces.iter().filter(|piece| piece.state == state).count()
    }

    /// Notes the end: done, or failed where something was refused.
    pub fn finish(&mut self, now_us: u64, until_us: u64) {
        let whole = self.count(PieceState::Refused) == 0;
        self.status = if whole { RestoreStatus::Done } else { RestoreStatus::Failed };
        (self.finished_us, self.until_us) = (Some(now_us), Some(until_us));
    }

    /// As the API shows it.
    pub fn show(&self, now_us: u64) -> Value {
        let ended = self.finished_us.unwrap_or(now_us);
        let pieces: Vec<Value> = self.pieces.iter().map(Piece::show).collect();
        json!({
            "id": self.id,
            "status": self.status,
            "created_at": committed_at(self.created_us),
            "deadline": committed_at(self.deadline_us),
            "overdue": ended > self.deadline_us,
            "finished_at": self.finished_us.map(committed_at),
            "expires_at": self.until_us.map(committed_at),
            "requested_by": self.requested_by,
            "from": crate::routes::show_time(self.from_ns),
            "to": crate::routes::show_time(self.to_ns),
            "reason": self.reason,
            "days": self.days,
            "done": self.count(PieceState::Restored),
            "refused": self.count(PieceState::Refused),
            "total": self.pieces.len(),
            "recorded": !self.untold,
            "segments": pieces,
        })
    }
}

impl Piece {
    fn show(&self) -> Value {
        json!({
            "first_sequence": self.first,
            "last_sequence": self.last,
            "state": self.state,
            "detail": self.detail,
        })
    }
}
