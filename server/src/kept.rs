//! Directories of files that are kept for a while: how much may lie there.

use std::fs;
use std::io;
use std::path::Path;

/// Files of one kind of an organization together.
pub const ALL_BYTES_MAX: u64 = 10 << 30;

/// Looks whether more files may be made in a directory; `what` and `days` are for the refusal.
///
/// # Errors
/// The files there are too large together, or cannot be looked at.
pub fn room(dir: &Path, what: &str, days: u32) -> io::Result<()> {
    let bytes = bytes(dir)?;
    if bytes < ALL_BYTES_MAX {
        return Ok(());
    }
    let detail = format!(
        "this organization's {what} files have {bytes} bytes together, and at {ALL_BYTES_MAX} no more are made; each is dropped after {days} days"
    );
    Err(io::Error::new(io::ErrorKind::QuotaExceeded, detail))
}

fn bytes(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        match entry?.metadata() {
            Ok(metadata) => bytes += metadata.len(),
            // Dropped meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Removes a file that may not be there; a failure is told, and the file stays for the next round.
pub fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "a file stays that is no longer kept");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn files_of_an_organization_are_bounded_together() {
        let dir = tempfile::tempdir().unwrap();
        room(&dir.path().join("none"), "report", 30).unwrap();
        let file = File::create(dir.path().join("a.json")).unwrap();
        file.set_len(ALL_BYTES_MAX - 1).unwrap();
        room(dir.path(), "report", 30).unwrap();
        fs::write(dir.path().join("b.csv"), "x").unwrap();
        let refused = room(dir.path(), "report", 30).unwrap_err().to_string();
        assert!(refused.contains("report files") && refused.contains("30 days"), "{refused}");
    }
}
