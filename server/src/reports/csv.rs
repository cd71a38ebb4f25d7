//! A report as CSV (RFC 4180): a header, then a row for each entry.
//!
//! Keeps true: every cell can be read back, and none begins as formulas do (`crate::cells`).

use std::borrow::Cow;
use std::io::Write;

use stele_engine::ids::hex;
use stele_engine::log::{Report, WriteError};
use stele_engine::record::{Record, committed_at};

use super::fields;
use crate::cells::{guarded, line};

/// The columns.
const HEADER: [&str; 22] = [
    "sequence",
    "committed_at",
    "timestamp",
    "event_id",
    "event_type",
    "category",
    "actor_type",
    "actor_id",
    "actor_email",
    "actor_name",
    "actor_ip_address",
    "actor_user_agent",
    "resource_type",
    "resource_id",
    "resource_name",
    "action",
    "status",
    "metadata",
    "schema_errors",
    "hash",
    "previous",
    "salt",
];

/// Writes the entries of a report.
///
/// # Errors
/// `Out` of `out`, `Store` when a record cannot be read.
pub fn write(report: &Report, out: &mut dyn Write) -> Result<(), WriteError> {
    line(out, HEADER)?;
    report.each_entry(&mut |record| row(out, record))
}

fn row(out: &mut dyn Write, record: &Record) -> Result<(), WriteError> {
    let fields = fields(record)?;
    let optional = |text: &'_ Option<Cow<'_, str>>| text.as_deref().unwrap_or("").to_owned();
    let cells: [&str; HEADER.len()] = [
        &record.sequence.to_string(),
        &committed_at(record.committed_us),
        fields.timestamp,
        fields.event_id,
        fields.event_type,
        &fields.category,
        fields.actor_type,
        &optional(&fields.actor_id),
        &optional(&fields.actor_email),
        &optional(&fields.actor_name),
        &optional(&fields.actor_ip_address),
        &optional(&fields.actor_user_agent),
        &fields.resource_type,
        &fields.resource_id,
        &optional(&fields.resource_name),
        &fields.action,
        fields.status,
        fields.metadata,
        fields.schema_errors.unwrap_or(""),
        &hex(&record.hash),
        &hex(&record.previous),
        &hex(&record.salt),
    ];
    let cells = cells.map(|cell| guarded(cell.into()));
    Ok(line(out, cells.iter().map(|cell| &**cell))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(actor_name: &str) -> Record {
        let body = format!(
            r#"{{"event_id":"-1","timestamp":"2026-11-23T07:28:00Z","event_type":"agent.updated","category":"agent","actor":{{"type":"user","id":"+1","name":"{actor_name}"}},"resource":{{"type":"agent","id":"a\nb"}},"action":"update","status":"success","metadata":{{"n":1.0}}}}"#
        );
        let (salt, previous, hash) = ([1; 16], [2; 32], [3; 32]);
        Record { sequence: 7, committed_us: 1, salt, previous, hash, body: body.into_bytes() }
    }

    fn read_back(actor_name: &str) -> Vec<String> {
        let mut out = Vec::new();
        row(&mut out, &record(actor_name)).unwrap();
        assert!(out.ends_with(b"\r\n"));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_slice());
        let cells: Vec<String> =
            reader.records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(cells.len(), HEADER.len());
        cells
    }

    #[test]
    fn cells_are_the_members_of_the_event_and_its_place() {
        let cells = read_back(r#"A \"B\", C"#);
        let cell = |name: &str| cells[HEADER.iter().position(|column| *column == name).unwrap()].as_str();
        assert_eq!((cell("sequence"), cell("committed_at")), ("7", "1970-01-01T00:00:00.000001Z"));
        assert_eq!((cell("actor_name"), cell("resource_id")), ("A \"B\", C", "a\nb"));
        assert_eq!((cell("actor_email"), cell("metadata")), ("", r#"{"n":1.0}"#));
        assert_eq!((cell("hash").len(), cell("salt").len()), (64, 32));
    }

    #[test]
    fn stored_text_is_no_formula() {
        let cells = read_back("a;=1");
        assert_eq!(cells[9], "a;=1");
        let cells = read_back("=HYPERLINK(1)");
        assert_eq!(
            (cells[3].as_str(), cells[7].as_str(), cells[9].as_str()),
            ("'-1", "'+1", "'=HYPERLINK(1)")
        );
    }
}
