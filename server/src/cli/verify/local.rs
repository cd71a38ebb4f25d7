//! The logs of a data directory that no server holds, read by this program itself.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stele_engine::error::StoreError;
use stele_engine::ids::hex;
use stele_engine::io::RealDisk;
use stele_engine::log::{Log, OpenReport};
use stele_engine::verify::Verdict;

use super::{Fault, Finding, VerifyArgs, progress_bar, tell};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::out::Out;

/// Checks each log; true when all are without fault. A fault in one log does not keep the others
/// from being checked.
pub fn run(args: &VerifyArgs, data: &Path, out: &mut Out) -> Result<bool, Failure> {
    let _held = hold(data)?;
    let stop = Interrupt::listen();
    let logs = logs(data, args.log.as_deref())?;
    if logs.is_empty() {
        return Err(Failure::Unreachable(format!("{}: holds no log", data.display())));
    }
    let mut is_ok = true;
    for dir in &logs {
        let finding = check(args, dir, &stop)?;
        is_ok &= finding.is_ok();
        tell(out, &finding)?;
        out.flush()?;
    }
    Ok(is_ok)
}

/// Keeps servers out while the files are read, and is refused while one runs. A directory that is
/// read-only or has no lock file, such as a backup, has no server.
fn hold(data: &Path) -> Result<Option<File>, Failure> {
    let path = data.join("LOCK");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::read_dir(data).map_err(Failure::file(data, "reading"))?;
            return Ok(None);
        }
        Err(error) => return Err(Failure::file(&path, "opening")(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Failure::Unreachable(format!(
            "{}: a server holds this directory; stop it, or verify through it with --url",
            data.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Failure::file(&path, "locking")(error)),
    }
}

/// Directories of the logs, by name.
fn logs(data: &Path, only: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    let orgs = data.join("orgs");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&orgs).map_err(Failure::file(&orgs, "reading"))? {
        let path = entry.map_err(Failure::file(&orgs, "reading"))?.path();
        let wanted = only.is_none_or(|name| path.file_name().is_some_and(|n| n == name));
        if wanted && path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    match only {
        Some(name) if found.is_empty() => {
            Err(Failure::Unreachable(format!("{}: holds no log {name}", data.display())))
        }
        _ => Ok(found),
    }
}

fn check(args: &VerifyArgs, dir: &Path, stop: &Interrupt) -> Result<Finding, Failure> {
    let (log, opened) = match Log::open_read_only(Arc::new(RealDisk), dir) {
        Ok(opened) => opened,
        Err(error) => return unopened(dir, error),
    };
    opened.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let origin = log.origin().to_owned();
    let bar = progress_bar(args, &origin);
    let size = log.head().size;
    let range = (args.from.is_some() || args.to.is_some())
        .then(|| (args.from.unwrap_or(0).min(size), args.to.unwrap_or(size).min(size)));
    let verdict = log.verify(range, &|progress| {
        if let Some(bar) = &bar {
            bar.set_length(progress.of);
            bar.set_position(progress.sequence);
        }
        !stop.is_set()
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if stop.is_set() {
        return Err(Failure::Interrupted);
    }
    match verdict {
        Ok(verdict) => Ok(finding(Some(origin), verdict, &opened)),
        Err(error) => unopened(dir, error),
    }
}

/// A log that cannot be opened because its bytes are wrong has a fault; one that cannot be read at
/// all is a failure to read.
fn unopened(dir: &Path, error: StoreError) -> Result<Finding, Failure> {
    let StoreError::Damaged { path, offset, sequence, detail } = error else {
        return Err(Failure::Unreachable(format!("{}: {error}", dir.display())));
    };
    let fault = Fault {
        kind: "open".to_owned(),
        first_sequence: sequence,
        last_sequence: None,
        file: Some(path.display().to_string()),
        offset: Some(offset),
        detail,
    };
    let faults = vec![fault];
    Ok(Finding { origin: None, result: "failed", proved_to: 0, checked: None, head: None, faults })
}

/// The verdict, with what opening found. Damage that opening saw is a fault even where the verdict
/// names none of its own.
fn finding(origin: Option<String>, verdict: Verdict, opened: &OpenReport) -> Finding {
    let named = verdict.faults.into_iter().map(|fault| Fault {
        kind: fault.kind.to_owned(),
        first_sequence: Some(fault.first_sequence),
        last_sequence: Some(fault.last_sequence),
        file: Some(fault.file),
        offset: Some(fault.offset),
        detail: fault.detail,
    });
    let seen = opened.damage.iter().map(|detail| Fault {
        kind: "open".to_owned(),
        first_sequence: None,
        last_sequence: None,
        file: None,
        offset: None,
        detail: detail.clone(),
    });
    let faults: Vec<Fault> = named.chain(seen).collect();
    Finding {
        origin,
        result: if faults.is_empty() { "ok" } else { "failed" },
        proved_to: verdict.proved_to,
        checked: Some(verdict.checked),
        head: verdict.head.map(|hash| hex(&hash)),
        faults,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("stele-verify-{name}-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("orgs/b")).unwrap();
        std::fs::create_dir_all(dir.join("orgs/a")).unwrap();
        dir
    }

    #[test]
    fn a_directory_that_a_server_holds_is_refused() {
        let dir = scratch("held");
        assert!(hold(&dir).unwrap().is_none(), "no lock file, no server");
        let server = File::create(dir.join("LOCK")).unwrap();
        server.lock().unwrap();
        let refused = hold(&dir).unwrap_err();
        assert_eq!(refused.exit_code(), 3);
        assert!(refused.to_string().contains("--url"), "{refused}");
        server.unlock().unwrap();
        assert!(hold(&dir).unwrap().is_some());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn logs_are_found_by_name_and_all_in_order() {
        let dir = scratch("logs");
        let names = |only| {
            logs(&dir, only).map(|l| l.iter().map(|p| p.file_name().unwrap().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names(None).unwrap(), ["a", "b"]);
        assert_eq!(names(Some("b")).unwrap(), ["b"]);
        assert_eq!(names(Some("c")).unwrap_err().exit_code(), 3);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn damage_seen_at_opening_fails_a_verdict_without_faults() {
        let opened = OpenReport { notes: Vec::new(), damage: vec!["x.log: byte 7".to_owned()] };
        let found = finding(None, Verdict { proved_to: 5, ..Verdict::default() }, &opened);
        assert_eq!((found.result, found.faults.len(), found.proved_to), ("failed", 1, 5));
    }
}
