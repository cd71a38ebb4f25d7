//! The files of a report: `<log>/reports/<id>.{json,csv,html}`.
//!
//! Keeps true: under its name, a file is whole and on stable storage.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use stele_engine::log::{Report, WriteError};

use super::{Facts, csv, html};

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

/// Writes a report in every form.
///
/// # Errors
/// A file cannot be written, or a record cannot be read.
pub fn write_all(dir: &Path, facts: &Facts, report: &Report) -> Result<(), WriteError> {
    fs::create_dir_all(dir)?;
    for format in Format::ALL {
        write(dir, &facts.id, format, &mut |out| match format {
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
    fill: &mut dyn FnMut(&mut dyn Write) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let temporary = temporary(dir, id, format);
    // Events stand in it: nobody else on the machine reads it.
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let mut out = BufWriter::with_capacity(256 << 10, file);
    fill(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(fs::rename(&temporary, path(dir, id, format))?)
}

/// Drops the files of a report, unfinished ones too.
pub fn remove(dir: &Path, id: &str) {
    for format in Format::ALL {
        for path in [path(dir, id, format), temporary(dir, id, format)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "a file of a report stays");
                }
                _ => {}
            }
        }
    }
}
