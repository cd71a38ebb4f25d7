//! The files of a report: `<log>/reports/<id>.{json,csv,html}`.
//!
//! Keeps true: under its name, a file is whole and on stable storage.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use stele_engine::log::{Report, WriteError};
use stele_engine::verify::REPORT_BYTES_MAX;

use super::{Facts, csv, html};
use crate::kept;

/// A form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `stele.report/v1`: the one that proves.
    Json,
    /// A row for each entry.
    Csv,
    /// A page to read and print.
    Html,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Html];

    /// Its name, and the end of its file's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// Where the reports of a log are.
pub fn dir(log_dir: &Path) -> PathBuf {
    log_dir.join("reports")
}

/// The file of a report in a form.
pub fn path(dir: &Path, id: &str, format: Format) -> PathBuf {
    dir.join(format!("{id}.{}", format.name()))
}

fn temporary(dir: &Path, id: &str, format: Format) -> PathBuf {
    dir.join(format!("{id}.{}.tmp", format.name()))
}

/// A file that ends with an error where it would pass a size, or where it is time to stop.
struct Bounded<'a, W> {
    out: W,
    left: u64,
    go_on: &'a dyn Fn() -> bool,
}

impl<W: Write> Write for Bounded<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !(self.go_on)() {
            return Err(io::Error::other("the server is stopping"));
        }
        if bytes.len() as u64 > self.left {
            let detail = format!(
                "the JSON form would have more than {REPORT_BYTES_MAX} bytes, which no verifier reads; narrow the range"
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, detail));
        }
        let written = self.out.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes a report in every form, as long as `go_on` says so.
///
/// # Errors
/// A file cannot be written or would be too large, or a record cannot be read.
pub fn write_all(
    dir: &Path,
    facts: &Facts,
    report: &Report,
    go_on: &dyn Fn() -> bool,
) -> Result<(), WriteError> {
    fs::create_dir_all(dir)?;
    for format in Format::ALL {
        write(dir, &facts.id, format, go_on, &mut |out| match format {
            Format::Json => report.write_json(out),
            Format::Csv => csv::write(report, out),
            Format::Html => html::write(facts, &mut |see| report.each_entry(see), out),
        })?;
    }
    // Without this a power cut can undo the renames, and a report that is done would have no files.
    File::open(dir)?.sync_all()?;
    if let Some(parent) = dir.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn write(
    dir: &Path,
    id: &str,
    format: Format,
    go_on: &dyn Fn() -> bool,
    fill: &mut dyn FnMut(&mut dyn Write) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let temporary = temporary(dir, id, format);
    // Events stand in it: nobody else on the machine reads it.
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let left = if format == Format::Json { REPORT_BYTES_MAX as u64 } else { u64::MAX };
    let mut out = BufWriter::with_capacity(256 << 10, Bounded { out: file, left, go_on });
    fill(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.out.sync_all()?;
    Ok(fs::rename(&temporary, path(dir, id, format))?)
}

/// The reports whose files are in a directory, unfinished ones too.
///
/// # Errors
/// The directory cannot be read.
pub fn ids(dir: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let mut ids = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name();
        let parts = name.to_str().and_then(|name| name.strip_suffix(".tmp").unwrap_or(name).split_once('.'));
        if let Some((id, _)) = parts.filter(|(_, end)| Format::ALL.iter().any(|f| f.name() == *end)) {
            ids.insert(id.to_owned());
        }
    }
    Ok(ids)
}

/// Drops the files of a report, unfinished ones too.
pub fn remove(dir: &Path, id: &str) {
    for format in Format::ALL {
        for path in [path(dir, id, format), temporary(dir, id, format)] {
            kept::remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_at_its_size_and_at_a_stop() {
        let mut out = Bounded { out: Vec::new(), left: 5, go_on: &|| true };
        out.write_all(b"12345").unwrap();
        let error = out.write_all(b"6").unwrap_err();
        assert!(error.to_string().contains("narrow the range"), "{error}");
        assert_eq!(out.out, b"12345");
        let mut out = Bounded { out: Vec::new(), left: 5, go_on: &|| false };
        assert!(out.write_all(b"1").unwrap_err().to_string().contains("stopping"));
    }
}
