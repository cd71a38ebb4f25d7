//! A report as CSV (RFC 4180): a header, then a row for each entry.
//!
//! Keeps true: every cell can be read back, and none begins as formulas do: one that begins with `=`, `+`,
//! `-`, `@`, their full-width forms, a tab, a line feed, a carriage return or `'` has one `'` before it. A
//! cell with `;` is quoted, so that a spreadsheet which parts cells there as well finds no others.

use std::borrow::Cow;
use std::io::{self, Write};

use stele_engine::ids::hex;
use stele_engine::log::{Report, WriteError};
use stele_engine::record::{Record, committed_at};

use super::fields;

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
    line(out, &HEADER)?;
    report.each_entry(&mut |record| row(out, record))
}

/// One line; a cell is quoted where it has to be, or holds `;`.
fn line(out: &mut dyn Write, cells: &[&str]) -> io::Result<()> {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        if cell.contains(['"', ',', ';', '\r', '\n']) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\r\n")
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
    let cells = cells.map(guarded);
    Ok(line(out, &cells.each_ref().map(|cell| &**cell))?)
}

/// A cell that does not begin as formulas do.
fn guarded(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\n', '\r', '\'']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
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
    fn cells_that_begin_as_formulas_do_are_guarded_and_each_reads_back() {
        for text in
            ["=1+1", "+1", "-1", "@a", "＝1", "＋1", "－1", "＠a", "\tx", "\nx", "\rx", "'quoted", "'=1"]
        {
            let cell = guarded(text);
            assert!(cell.starts_with('\''), "{text}");
            assert_eq!(cell.strip_prefix('\''), Some(text), "one quote less is the text again");
        }
        for text in ["", "a=1", "1-1", "ä"] {
            assert_eq!(guarded(text), text);
        }
        let cells = read_back("a;=1");
        assert_eq!(cells[9], "a;=1");
        let mut out = Vec::new();
        line(&mut out, &["a;=1", "", "b\nc", "d"]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\"a;=1\",,\"b\nc\",d\r\n");
        let cells = read_back("=HYPERLINK(1)");
        assert_eq!(
            (cells[3].as_str(), cells[7].as_str(), cells[9].as_str()),
            ("'-1", "'+1", "'=HYPERLINK(1)")
        );
    }
}
