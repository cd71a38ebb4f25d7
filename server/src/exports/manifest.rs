//! The manifest of a bulk export, `stele.export/v1`: what was asked, of which log, and each file's hash.

use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Value, json};
use stele_engine::record::committed_at;

use super::Compression;
use super::files::Begun;
use crate::state::{ChunkRow, ExportRow};

/// Writes it; gives its SHA-256, hex.
///
/// # Errors
/// It cannot be written.
pub fn write(dir: &Path, origin: &str, row: &ExportRow) -> io::Result<String> {
    let mut file = Begun::new(dir, &row.manifest(), Compression::None)?;
    let mut text = serde_json::to_string_pretty(&of(origin, row))?;
    text.push('\n');
    file.write_all(text.as_bytes())?;
    Ok(file.end()?.sha256)
}

fn of(origin: &str, row: &ExportRow) -> Value {
    let chunks: Vec<Value> = row.chunks.iter().map(ChunkRow::show).collect();
    json!({
        "manifest": "stele.export/v1",
        "id": row.id,
        "origin": origin,
        "created_at": committed_at(row.created_us),
        "query": row.query(),
        "as_of": row.head,
        "format": row.form.format,
        "pretty": row.form.pretty,
        "compression": row.form.compression,
        "fields": row.form.fields.as_ref().or(row.columns.as_ref()),
        "formula_guard": row.form.formula_guard,
        "entries": row.written(),
        "archived": row.gaps(),
        "chunks": chunks,
    })
}
