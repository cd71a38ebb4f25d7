//! What the server knows beside the logs: organizations, users, keys, sessions, event types, settings,
//! retention, reports, exports, restores, saved views.
//!
//! Owns `<data>/state.redb`. Organizations, users, keys, sessions, event types, settings, retention, verifications and
//! how far the scrub is are read once, at start, and held in memory; reports, exports, restores and saved
//! views are read from the file when one is asked for, listed, made or dropped. Values are JSON with a
//! version, so that other tools can read them.
//!
//! Keeps true: a change is visible only after it is on stable storage; no secret is stored, only
//! its BLAKE3 hash.

mod exports;
mod keys;
mod rows;
mod sessions;
mod tables;
mod tiers;
mod users;
mod views;

pub use exports::{ChunkRow, ExportRow, ExportStatus, GapRow};
pub use keys::{Key, Keys, make};
pub use rows::{
    EventTypeRow, KeyRow, OnMismatch, OrgRow, Plan, ReportRow, ReportStatus, ScrubRow, SettingsRow,
    VerifiedRow,
};
pub use sessions::{SESSION_US, Session, SessionRow, Sessions, csrf_of, make_session};
pub use tables::State;
pub use tiers::{
    DAY_US, LockPass, LocksRow, Piece, PieceState, RestoreRow, RestoreStatus, RetentionRow, TierRow,
};
pub use users::{Role, UserRow, Users};
pub use views::{ViewRow, ViewsRow};

/// Microseconds since 1970, now.
pub fn now_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Random lower-case hex of `bytes` bytes.
///
/// # Errors
/// The system has no randomness to give.
pub fn random_hex(bytes: usize) -> std::io::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    Ok(data_encoding::HEXLOWER.encode(&random))
}
