//! A disk that fails or is full, at every operation.

use stele_engine::error::StoreError;
use stele_engine::io::SimDisk;
use stele_engine::io::sim::{EIO, ENOSPC, Lasting, Op, OpKind, Survival};

use crate::events::{COUNT, id};
use crate::oracle;
use crate::soak;
use crate::workload::{Ledger, Process, Step, resend, run, script};

/// The operations of the workload on a disk without faults.
fn workload_ops() -> Vec<Op> {
    let disk = SimDisk::new();
    run(&disk, &mut Ledger::default()).expect("the workload runs");
    disk.ops()
}

/// Every acknowledged event can still be read.
fn readable(process: &Process, ledger: &Ledger) {
    for (&n, &(sequence, hash)) in &ledger.acknowledged {
        let record = process.log.find(&id(n)).expect("reads go on").expect("acknowledged events stay");
        assert_eq!((record.sequence, record.hash), (sequence, hash), "event {n}");
    }
}

/// The first failure of a run, and the process it happened to.
struct Met {
    error: StoreError,
    /// `None` while the log was being made or opened.
    process: Option<Process>,
    step: Option<usize>,
}

/// Runs the script to the first failure; `None` when it met none.
fn run_to_failure(disk: &SimDisk, ledger: &mut Ledger) -> Option<Met> {
    let mut process = match Process::create(disk) {
        Ok(process) => process,
        Err(error) => return Some(Met { error, process: None, step: None }),
    };
    for (at, step) in script().iter().enumerate() {
        if let Err(error) = process.step(step, ledger) {
            // A restart that failed half way leaves a log that was closed, or none.
            let restarting = matches!(step, Step::Restart | Step::Kill);
            let process = (!restarting).then_some(process);
            return Some(Met { error, process, step: Some(at) });
        }
    }
    process.log.close().err().map(|error| Met { error, process: None, step: None })
}

/// The error says which file or folder it was.
fn names_its_place(error: &StoreError, op: &Op) {
    let text = error.to_string();
    let renamed = match &op.kind {
        OpKind::Rename(to) => text.contains(&to.display().to_string()),
        _ => false,
    };
    assert!(
        renamed || text.contains(&op.path.display().to_string()),
        "{op}: {text:?} does not name the place"
    );
}

/// Another process opens what the first one left, and everything is there.
fn next_process(disk: &SimDisk, ledger: &mut Ledger) -> Process {
    let mut process = match Process::open(disk) {
        Ok((process, report)) => {
            assert_eq!(report.damage, [""; 0], "a failing disk is no damage; notes: {:?}", report.notes);
            process
        }
        Err(_) if ledger.acknowledged.is_empty() => Process::create(disk).expect("making the log again"),
        Err(error) => panic!("the next process cannot open the log: {error}"),
    };
    oracle::check(&process, ledger);
    resend(&mut process, ledger).expect("the next process writes");
    oracle::complete(&process, ledger);
    process
}

fn failed_sync(op: u64, errno: i32, lasting: Lasting) {
    let disk = SimDisk::new();
    disk.fail_at(op, errno, lasting);
    let mut ledger = Ledger::default();
    let met = run_to_failure(&disk, &mut ledger).expect("a failed sync is told");
    let failed = disk.ops()[op as usize].clone();
    println!("{op}: {failed}: {}", met.error);
    names_its_place(&met.error, &failed);
    if let Some(mut process) = met.process {
        readable(&process, &ledger);
        let appending = met.step.is_some_and(|at| matches!(script()[at], Step::Append(_)));
        // A new file that did not fit, or whose name did not, is simply made again; records are not.
        let refused_space = matches!(met.error, StoreError::Full { .. });
        assert!(!refused_space || failed.path.extension().is_none_or(|e| e != "log"), "{failed}");
        if appending && !refused_space {
            assert!(process.log.writable().is_err(), "a failed sync ends writing until the log is reopened");
            disk.heal();
            let refused = process.append(&[0..COUNT], &mut ledger.clone());
            assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
        }
        readable(&process, &ledger);
    }
    // The pages that the failed sync left are in the cache and look sound, but are not durable.
    let disk = disk.after_kill();
    let process = next_process(&disk, &mut ledger);
    drop(process);
    let image = disk.image(Survival::Nothing, op);
    let (process, report) = Process::open(&image).expect("what was acknowledged is durable");
    assert_eq!(report.damage, [""; 0]);
    oracle::complete(&process, &ledger);
}

/// Goal: a failed sync is told with its place, ends writing, keeps reading, and nothing acknowledged
/// before or after it is lost, although the page cache lies from then on.
/// Method: fail each sync of the workload, once and for good; open again with the cache as it is;
/// cut the power after that.
#[test]
fn a_failed_sync_anywhere_stops_writing_and_loses_nothing() {
    let ops = workload_ops();
    let syncs = (0_u64..).zip(&ops).filter(|(_, op)| op.is_sync());
    let mut count = 0;
    for (op, _) in syncs {
        failed_sync(op, EIO, Lasting::Once);
        if soak() || op % 5 == 0 {
            failed_sync(op, EIO, Lasting::FromThenOn);
            failed_sync(op, ENOSPC, Lasting::Once);
        }
        count += 1;
    }
    assert!(count > 100, "a workload with syncs: {count}");
}

/// The disk is full at `op`; when there is room again the same process goes on.
fn full_at(op: u64, lasting: Lasting) {
    let disk = SimDisk::new();
    disk.fail_at(op, ENOSPC, lasting);
    let mut ledger = Ledger::default();
    let met = run_to_failure(&disk, &mut ledger);
    let failed = disk.ops()[op as usize].clone();
    // Zeros written ahead may fail unseen: the append that needs the room tells.
    let Some(met) = met else {
        disk.heal();
        next_process(&disk.after_kill(), &mut ledger);
        return;
    };
    println!("{op}: {failed}: {}", met.error);
    if lasting == Lasting::Once {
        names_its_place(&met.error, &failed);
        assert!(matches!(met.error, StoreError::Full { .. }), "{:?}", met.error);
    }
    let Some(mut process) = met.process else {
        disk.heal();
        next_process(&disk.after_kill(), &mut ledger);
        return;
    };
    readable(&process, &ledger);
    if lasting == Lasting::FromThenOn {
        let all_known = ledger.acknowledged.len() == COUNT;
        let refused = process.append(&[0..COUNT], &mut ledger);
        assert!(refused.is_err() || all_known, "there is no room for new events");
        readable(&process, &ledger);
    }
    disk.heal();
    resend(&mut process, &mut ledger).expect("with room again the same log takes events");
    oracle::complete(&process, &ledger);
    drop(process);
    let mut ledger = ledger.clone();
    next_process(&disk.image(Survival::Nothing, op), &mut ledger);
}

/// Goal: a full disk refuses events by name, keeps reading, and takes events again with room.
/// Method: fail each operation that needs space, with half of a write done, once and until healed.
#[test]
fn a_full_disk_at_any_write_refuses_keeps_reading_and_recovers() {
    let ops = workload_ops();
    for (op, _) in (0_u64..).zip(&ops).filter(|(_, op)| op.takes_space()) {
        full_at(op, Lasting::Once);
        full_at(op, Lasting::FromThenOn);
    }
}

/// The same by capacity: the disk fills up by itself, wherever that happens to be.
#[test]
fn a_disk_that_fills_up_refuses_and_goes_on_with_room() {
    let disk = SimDisk::new();
    run(&disk, &mut Ledger::default()).expect("the workload runs");
    let most = disk.used_bytes() + 600_000;
    let steps = if soak() { 400 } else { 40 };
    for step in 0..steps {
        let disk = SimDisk::new();
        disk.set_capacity(Some(most * step / steps));
        let mut ledger = Ledger::default();
        let Some(met) = run_to_failure(&disk, &mut ledger) else { continue };
        assert!(matches!(met.error, StoreError::Full { .. }), "{:?}", met.error);
        if let Some(mut process) = met.process {
            readable(&process, &ledger);
            disk.heal();
            resend(&mut process, &mut ledger).expect("with room again the same log takes events");
            oracle::complete(&process, &ledger);
        }
        disk.heal();
        next_process(&disk.after_kill(), &mut ledger);
    }
}

/// Goal: an input or output error at any other operation is told with its place and loses nothing.
#[test]
fn an_error_at_any_operation_is_told_and_loses_nothing() {
    let ops = workload_ops();
    let step = if soak() { 1 } else { 3 };
    for (op, _) in (0_u64..).zip(&ops).filter(|(_, op)| !op.is_sync()).step_by(step) {
        let disk = SimDisk::new();
        disk.fail_at(op, EIO, Lasting::Once);
        let mut ledger = Ledger::default();
        if let Some(met) = run_to_failure(&disk, &mut ledger) {
            names_its_place(&met.error, &disk.ops()[op as usize]);
            if let Some(process) = met.process {
                readable(&process, &ledger);
            }
        }
        let disk = disk.after_kill();
        next_process(&disk, &mut ledger);
        next_process(&disk.image(Survival::Nothing, op), &mut ledger);
    }
}
