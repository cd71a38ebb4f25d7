//! The logs of a data directory that no server holds, read by this program itself.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stele_engine::ids::hex;
use stele_engine::io::{RealDisk, SealedFiles};
use stele_engine::log::{Check, Pace, verify_dir};
use stele_engine::proof::{Checkpoint, VerifierKey};
use stele_engine::verify::Verdict;
use stele_server::serve::sealed_in;

use super::outside::{self, Kept};
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
    let given = outside::verifiers(args)?;
    let kept = outside::read(args, &given)?;
    let mut is_ok = true;
    for one in kept.iter().filter(|one| !logs.iter().any(|dir| logs.len() == 1 || one.is_of(dir))) {
        is_ok = false;
        eprintln!("{}: no log here is {}", one.path.display(), one.says.origin);
    }
    for dir in &logs {
        let of_this: Vec<&Kept> = kept.iter().filter(|one| logs.len() == 1 || one.is_of(dir)).collect();
        let finding = check(args, dir, &of_this, &given, &stop)?;
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

impl Kept {
    /// A log's directory has the last part of its origin as its name.
    fn is_of(&self, dir: &Path) -> bool {
        let name = dir.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| self.says.origin.rsplit('/').next() == Some(name))
    }
}

fn check(
    args: &VerifyArgs,
    dir: &Path,
    kept: &[&Kept],
    given: &[VerifierKey],
    stop: &Interrupt,
) -> Result<Finding, Failure> {
    let heads: Vec<Checkpoint> = kept.iter().map(|one| one.says.clone()).collect();
    let check = Check {
        range: (args.from.is_some() || args.to.is_some())
            .then(|| (args.from.unwrap_or(0), args.to.unwrap_or(u64::MAX))),
        outside: &heads,
        deep: args.deep,
        pace: Pace::Full,
        threads: None,
    };
    let bar = progress_bar(args, "verifying");
    let reached = AtomicU64::new(args.from.unwrap_or(0));
    let (mut origin, mut unsigned) = (None, Vec::new());
    let verdict = verify_dir(
        Arc::new(RealDisk),
        dir,
        &check,
        &mut |log, opened| {
            opened.notes.iter().for_each(|note| eprintln!("note: {note}"));
            origin = Some(log.origin().to_owned());
            if given.is_empty() && !kept.is_empty() {
                outside::tell_own_key(log.origin());
                let keys: Vec<VerifierKey> =
                    log.signing_keys().into_iter().map(|signed| signed.key).collect();
                unsigned = not_signed(kept, &keys);
            }
        },
        &|progress| {
            reached.store(progress.sequence, Ordering::Relaxed);
            if let Some(bar) = &bar {
                bar.set_length(progress.of);
                bar.set_position(progress.sequence);
            }
            !stop.is_set()
        },
    );
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if stop.is_set() {
        let log = dir.file_name().unwrap_or_default().to_string_lossy();
        let from = reached.load(Ordering::Relaxed);
        eprintln!("everything below sequence {from} is without fault; to go on: --log {log} --from {from}");
        return Err(Failure::Interrupted);
    }
    let verdict = verdict.map_err(|error| Failure::Unreachable(format!("{}: {error}", dir.display())))?;
    verdict.notes.iter().for_each(|note| eprintln!("note: {note}"));
    tell_guards(dir);
    Ok(finding(origin, verdict, kept, unsigned))
}

/// Says how many sealed files the system guards, where it guards any.
fn tell_guards(dir: &Path) {
    match sealed_in(dir) {
        Ok(SealedFiles { files, immutable, verity }) if immutable + verity > 0 => {
            eprintln!("note: of {files} sealed files, {immutable} are immutable and {verity} have fs-verity");
        }
        Ok(_) => {}
        Err(error) => eprintln!("note: {error}"),
    }
}

/// Checkpoints that none of the log's own keys signed.
fn not_signed(kept: &[&Kept], keys: &[VerifierKey]) -> Vec<Fault> {
    kept.iter().filter_map(|one| Some(one.fault(one.signed_by(keys).err()?))).collect()
}

/// The verdict; a fault of a checkpoint from outside names its file.
fn finding(origin: Option<String>, verdict: Verdict, kept: &[&Kept], unsigned: Vec<Fault>) -> Finding {
    let file = |kind: &str, last: u64, file: String| {
        let of = kept.iter().find(|one| kind == "outside" && one.says.size.checked_sub(1) == Some(last));
        of.map_or(file, |one| one.path.display().to_string())
    };
    let named = verdict.faults.into_iter().map(|fault| Fault {
        kind: fault.kind.to_owned(),
        first_sequence: Some(fault.first_sequence),
        last_sequence: Some(fault.last_sequence),
        file: Some(file(fault.kind, fault.last_sequence, fault.file)),
        offset: Some(fault.offset),
        detail: fault.detail,
    });
    let faults: Vec<Fault> = named.chain(unsigned).collect();
    Finding {
        origin,
        result: if faults.is_empty() { "ok" } else { "failed" },
        proved_to: verdict.proved_to,
        checked: Some(verdict.checked),
        indexed_to: verdict.indexed_to,
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
}
