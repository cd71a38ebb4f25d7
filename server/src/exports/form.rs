//! Rows as a file has them.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use stele_engine::record::Record;

use super::columns::Places;
use super::members::{self, Members};
use super::path::FieldPath;
use super::pretty;
use crate::cells::{guarded, line};
use crate::http::json;

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One array.
    #[default]
    Json,
    /// A line for each event, as searches show it.
    Ndjson,
    /// A header, then a line for each event.
    Csv,
}

impl Format {
    /// All names.
    pub const NAMES: &'static str = "json, ndjson or csv";

    /// The format of a name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "ndjson" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// The end of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// All names.
    pub const NAMES: &'static str = "none, gzip or zstd";

    /// The compression of a name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What it adds to a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// Its media type, where it is packed.
    pub const fn media_type(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("application/gzip"),
            Self::Zstd => Some("application/zstd"),
        }
    }
}

/// What the files of an export look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// What they are.
    pub format: Format,
    /// JSON with line breaks and indents.
    pub pretty: bool,
    /// Chosen members, in order; none for all.
    pub fields: Option<Vec<String>>,
    /// How they are packed.
    pub compression: Compression,
    /// Cells of CSV do not begin as formulas do.
    pub formula_guard: bool,
}

impl Form {
    /// True where all rows must be looked at before the first is written.
    pub fn needs_columns(&self) -> bool {
        self.format == Format::Csv && self.fields.is_none()
    }
}

/// How a row becomes text.
enum Cut {
    /// The line as it is.
    Whole,
    /// Chosen members.
    Fields(Vec<(String, FieldPath)>),
    /// All values, at their places.
    All(Vec<String>, Places),
}

/// Writes rows in one form. It holds no row: what is written goes out at once.
pub struct Sheet {
    format: Format,
    pretty: bool,
    guard: bool,
    cut: Cut,
}

impl Sheet {
    /// The form, with the columns of a file that shows all there are.
    ///
    /// # Errors
    /// A field is no path.
    pub fn new(form: &Form, columns: &[String]) -> Result<Self, String> {
        let cut = match &form.fields {
            Some(fields) => {
                let path = |field: &String| FieldPath::parse(field).map(|path| (path.to_string(), path));
                Cut::Fields(fields.iter().map(path).collect::<Result<_, _>>()?)
            }
            None if form.format == Format::Csv => Cut::All(columns.to_vec(), Places::of(columns)),
            None => Cut::Whole,
        };
        Ok(Self { format: form.format, pretty: form.pretty, guard: form.formula_guard, cut })
    }

    /// Begins a file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin<'s, W: Write>(&'s self, mut out: W) -> io::Result<Rows<'s, W>> {
        match (self.format, &self.cut) {
            (Format::Json, _) => out.write_all(b"[")?,
            (Format::Csv, Cut::All(names, _)) => self.head(&mut out, names.iter().map(String::as_str))?,
            (Format::Csv, Cut::Fields(fields)) => {
                self.head(&mut out, fields.iter().map(|(name, _)| name.as_str()))?;
            }
            _ => {}
        }
        Ok(Rows { sheet: self, out, line: Vec::new(), text: Vec::new(), entries: 0 })
    }

    fn head<'a>(&self, out: &mut dyn Write, names: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let cells: Vec<Cow<'_, str>> = names.map(|name| self.guarded(name.into())).collect();
        line(out, cells.iter().map(|cell| &**cell))
    }

    fn guarded<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        if self.guard { guarded(text) } else { text }
    }

    /// A value of a line as a cell: text as it is, numbers, truth values, arrays and objects as JSON,
    /// nothing for null and for what is not there.
    fn cell<'a>(&self, value: Option<&'a str>) -> Cow<'a, str> {
        match value {
            None | Some("null") => Cow::Borrowed(""),
            Some(value) if value.starts_with('"') => {
                self.guarded(members::text(value).unwrap_or(Cow::Borrowed(value)))
            }
            Some(value) => Cow::Borrowed(value),
        }
    }
}

/// A file that is being written.
pub struct Rows<'s, W> {
    sheet: &'s Sheet,
    out: W,
    line: Vec<u8>,
    text: Vec<u8>,
    entries: u64,
}

impl<W: Write> Rows<'_, W> {
    /// Rows so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Those of what it is written to; a record that is no JSON.
    pub fn row(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        record.write_line(&mut self.line);
        match self.sheet.format {
            Format::Ndjson => {
                self.line.push(b'\n');
                self.out.write_all(&self.line)?;
            }
            Format::Json => self.json(record.sequence)?,
            Format::Csv => self.csv(record.sequence)?,
        }
        self.entries += 1;
        Ok(())
    }

    fn json(&mut self, sequence: u64) -> io::Result<()> {
        self.text.clear();
        if self.entries > 0 {
            self.text.push(b',');
        }
        let chosen = match &self.sheet.cut {
            Cut::Fields(fields) => Some(chosen(&members(&self.line, sequence)?, fields)),
            _ => None,
        };
        let row = chosen.as_deref().unwrap_or(&self.line);
        if self.sheet.pretty {
            pretty::line(1, &mut self.text);
            pretty::write(row, 1, &mut self.text);
        } else {
            self.text.extend_from_slice(row);
        }
        self.out.write_all(&self.text)
    }

    fn csv(&mut self, sequence: u64) -> io::Result<()> {
        let sheet = self.sheet;
        let text = utf8(&self.line, sequence)?;
        let values = match &sheet.cut {
            Cut::All(_, places) => places.values(text),
            Cut::Fields(fields) => {
                let members = members(&self.line, sequence)?;
                fields.iter().map(|(_, path)| path.find(&members)).collect()
            }
            Cut::Whole => Vec::new(),
        };
        let cells: Vec<Cow<'_, str>> = values.into_iter().map(|value| sheet.cell(value)).collect();
        self.text.clear();
        line(&mut self.text, cells.iter().map(|cell| &**cell))?;
        self.out.write_all(&self.text)
    }

    /// Ends the file; gives back what it was written to.
    ///
    /// # Errors
    /// Those of it.
    pub fn end(mut self) -> io::Result<W> {
        if self.sheet.format == Format::Json {
            let end: &[u8] = if self.sheet.pretty && self.entries > 0 { b"\n]\n" } else { b"]\n" };
            self.out.write_all(end)?;
        }
        Ok(self.out)
    }
}

fn utf8(line: &[u8], sequence: u64) -> io::Result<&str> {
    std::str::from_utf8(line).map_err(|_| no_json(sequence))
}

fn members(line: &[u8], sequence: u64) -> io::Result<Members<'_>> {
    Members::of(utf8(line, sequence)?).ok_or_else(|| no_json(sequence))
}

fn no_json(sequence: u64) -> io::Error {
    let detail = format!("the record at sequence {sequence} is no JSON object; verify the log");
    io::Error::new(io::ErrorKind::InvalidData, detail)
}

/// An object of the chosen values that are there, under their paths.
fn chosen(line: &Members<'_>, fields: &[(String, FieldPath)]) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (name, path) in fields {
        let Some(value) = path.find(line) else { continue };
        if out.len() > 1 {
            out.push(b',');
        }
        json::string(&mut out, name);
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'}');
    out
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
