//! A report as JSON, written as it is read.

use std::io::Write;

use data_encoding::BASE64;

use super::{Report, WriteError};
use crate::error::StoreError;
use crate::event::{event_us, id_and_time};
use crate::ids::hex;
use crate::record::{Record, record_hash};
use crate::tags::{Lookup, ShownLeaf, Value};

/// The format's name.
const FORMAT: &str = "stele.report/v1";

impl Report {
    /// Writes the `stele.report/v1` object and a line end, record by record.
    ///
    /// # Errors
    /// `Out` of `out`, `Store` when a record cannot be read.
    pub fn write_json(&self, out: &mut dyn Write) -> Result<(), WriteError> {
        write!(out, "{{\"format\":\"{FORMAT}\",\"checkpoint\":")?;
        text(out, &self.signed.note)?;
        out.write_all(b",\"key\":")?;
        text(out, &self.key)?;
        out.write_all(b",\"filter\":")?;
        text(out, &self.filter.text())?;
        self.records(out, "entries", &self.entries, write_record)?;
        self.records(out, "headers", &self.headers, write_header)?;
        self.records(out, "index_records", &self.index, write_record)?;
        self.write_epochs(out)?;
        out.write_all(b",\n\"proof\":")?;
        list(out, self.proof.iter(), |out, hash| Ok(write!(out, "\"{}\"", BASE64.encode(hash))?))?;
        write!(out, ",\n\"verification_hash\":\"{}\"}}\n", hex(&self.verification_hash))?;
        Ok(())
    }

    fn records(
        &self,
        out: &mut dyn Write,
        name: &str,
        sequences: &[u64],
        write: fn(&mut dyn Write, &Record) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        write!(out, ",\n\"{name}\":")?;
        list(out, sequences.iter(), |out, &sequence| {
            out.write_all(b"\n")?;
            write(out, &self.snapshot.record(sequence)?)
        })
    }

    fn write_epochs(&self, out: &mut dyn Write) -> Result<(), WriteError> {
        out.write_all(b",\n\"epochs\":")?;
        list(out, self.epochs.iter(), |out, epoch| {
            write!(out, "\n{{\"seq\":{},\"keys\":{{", epoch.sequence)?;
            for (i, (dimension, key)) in epoch.keys.iter().enumerate() {
                let comma = if i == 0 { "" } else { "," };
                write!(out, "{comma}\"{}\":\"{}\"", dimension.number(), hex(key))?;
            }
            out.write_all(b"},\"lookups\":")?;
            list(out, epoch.lookups.iter(), |out, (dimension, value, lookup)| {
                write!(out, "\n{{\"dim\":{},\"value\":", dimension.number())?;
                write_value(out, value)?;
                write_lookup(out, lookup)
            })?;
            Ok(out.write_all(b"}")?)
        })
    }
}

fn write_record(out: &mut dyn Write, record: &Record) -> Result<(), WriteError> {
    let Record { sequence, committed_us, salt, previous, body, .. } = record;
    let (salt, previous) = (hex(salt), hex(previous));
    write!(
        out,
        "{{\"seq\":{sequence},\"ts\":{committed_us},\"salt\":\"{salt}\",\"prev\":\"{previous}\",\"body\":"
    )?;
    let body = std::str::from_utf8(body).map_err(|_| unreadable(record, "is not UTF-8"))?;
    text(out, body)?;
    Ok(out.write_all(b"}")?)
}

fn write_header(out: &mut dyn Write, record: &Record) -> Result<(), WriteError> {
    let (_, time_ns) = id_and_time(&record.body).map_err(|why| unreadable(record, &why))?;
    let (previous, hash) = (hex(&record.previous), hex(&record_hash(&record.salt, &record.body)));
    let (sequence, committed_us, event_us) = (record.sequence, record.committed_us, event_us(time_ns));
    write!(
        out,
        "{{\"seq\":{sequence},\"ts\":{committed_us},\"ev\":{event_us},\"prev\":\"{previous}\",\"r\":\"{hash}\"}}"
    )?;
    Ok(())
}

fn unreadable(record: &Record, why: &str) -> StoreError {
    let detail = format!("the record is no event: {why}");
    StoreError::damaged(std::path::Path::new("segments"), 0, detail).at(record.sequence)
}

fn write_value(out: &mut dyn Write, value: &Value) -> Result<(), WriteError> {
    match value {
        Value::Text(value) => text(out, value),
        Value::Pair(kind, id) => list(out, [kind, id].into_iter(), |out, part| text(out, part)),
    }
}

fn write_lookup(out: &mut dyn Write, lookup: &Lookup) -> Result<(), WriteError> {
    out.write_all(b",\"postings\":")?;
    match &lookup.postings {
        Some(offsets) => list(out, offsets.iter(), |out, offset| Ok(write!(out, "{offset}")?))?,
        None => out.write_all(b"null")?,
    }
    out.write_all(b",\"leaves\":")?;
    list(out, lookup.leaves.iter(), |out, shown| {
        let ShownLeaf { index, leaf, path } = shown;
        write!(out, "{{\"i\":{index},\"leaf\":\"{}\",\"path\":", hex(&leaf.bytes()))?;
        list(out, path.iter(), |out, hash| Ok(write!(out, "\"{}\"", BASE64.encode(hash))?))?;
        Ok(out.write_all(b"}")?)
    })?;
    Ok(out.write_all(b"}")?)
}

/// A JSON string.
fn text(out: &mut dyn Write, text: &str) -> Result<(), WriteError> {
    serde_json::to_writer(out, text).map_err(|error| WriteError::Out(error.into()))
}

fn list<T>(
    out: &mut dyn Write,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut dyn Write, T) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    out.write_all(b"[")?;
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        write(out, item)?;
    }
    Ok(out.write_all(b"]")?)
}
