//! A finished report for people and programs: JSON as the engine writes it, CSV, and one HTML page.
//!
//! Owns their form and their files. What is in a report, and what it proves, is the engine's.

mod csv;
pub mod files;
mod html;
#[cfg(test)]
mod html_tests;
mod page;
mod words;

use std::collections::BTreeMap;

use serde_json::Value;
use stele_engine::error::StoreError;
use stele_engine::event::Fields;
use stele_engine::ids::hex;
use stele_engine::log::Report;
use stele_engine::record::{Record, committed_at};
use stele_engine::tags::Filter;

use crate::app::Tenant;
use crate::state::ReportRow;

/// What stands on a report beside its entries.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its id in the API.
    pub id: String,
    /// Name of the organization.
    pub organization: String,
    /// Origin of the log.
    pub origin: String,
    /// The actor who asked.
    pub requested_by: Value,
    /// When it was asked for, microseconds since 1970.
    pub requested_us: u64,
    /// When it was made.
    pub made_us: u64,
    /// What was asked.
    pub asked: Filter,
    /// What it covers: on the axis of commit times it may end earlier.
    pub filter: Filter,
    /// Number of entries.
    pub entries: u64,
    /// First and last sequence, and the commit times there.
    pub ends: Option<[(u64, u64); 2]>,
    /// Smallest and largest event time, nanoseconds since 1970.
    pub event_ns: Option<(i64, i64)>,
    /// Entries of each event type.
    pub types: BTreeMap<String, u64>,
    /// Records below this sequence are covered.
    pub as_of: u64,
    /// Records shown by their hashes alone.
    pub headers: u64,
    /// The signed note.
    pub checkpoint: String,
    /// Its size.
    pub checkpoint_size: u64,
    /// The verifier key.
    pub key: String,
    /// `stele1:<hex>`.
    pub verification_hash: String,
    /// Last sequence and time (microseconds since 1970) of the last deep verification that found nothing.
    pub deep_verified: Option<(u64, u64)>,
}

impl Facts {
    /// Gathers them; reads every entry once, as long as `go_on` says so.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub fn of(
        tenant: &Tenant,
        row: &ReportRow,
        report: &Report,
        made_us: u64,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Self, StoreError> {
        let org = &tenant.org;
        let mut types: BTreeMap<String, u64> = BTreeMap::new();
        let mut event_ns: Option<(i64, i64)> = None;
        report.each_entry(&mut |record| -> Result<(), StoreError> {
            if !go_on() {
                return Err(StoreError::Refused("the server is stopping".to_owned()));
            }
            let fields = fields(record)?;
            match types.get_mut(fields.event_type) {
                Some(count) => *count += 1,
                None => _ = types.insert(fields.event_type.to_owned(), 1),
            }
            let (from, to) = event_ns.unwrap_or((fields.time_ns, fields.time_ns));
            event_ns = Some((from.min(fields.time_ns), to.max(fields.time_ns)));
            Ok(())
        })?;
        let ends = report.sequences().zip(report.committed_us());
        Ok(Self {
            id: row.id.clone(),
            organization: org.name.clone(),
            origin: org.origin.clone(),
            requested_by: row.requested_by.clone(),
            requested_us: row.created_us,
            made_us,
            asked: Filter::parse(&row.filter).unwrap_or_else(|_| report.filter().clone()),
            filter: report.filter().clone(),
            entries: report.entries(),
            ends: ends.map(|((first, last), (from, to))| [(first, from), (last, to)]),
            event_ns,
            types,
            as_of: report.as_of(),
            headers: report.headers(),
            checkpoint: report.signed().note.clone(),
            checkpoint_size: report.signed().checkpoint.size,
            key: report.key().to_owned(),
            verification_hash: format!("stele1:{}", hex(&report.verification_hash())),
            deep_verified: tenant.verified().deep(),
        })
    }
}

/// The envelope of a stored record.
fn fields(record: &Record) -> Result<Fields<'_>, StoreError> {
    Fields::scan(&record.body).map_err(|why| {
        StoreError::Refused(format!("the record at sequence {} is no event: {why}", record.sequence))
    })
}

/// Microseconds since 1970 as RFC 3339, without decimals where there are none.
fn time_us(us: u64) -> String {
    let text = committed_at(us);
    text.strip_suffix(".000000Z").map_or(text.clone(), |seconds| format!("{seconds}Z"))
}
