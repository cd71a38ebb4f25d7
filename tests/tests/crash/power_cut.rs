//! Power cuts, at every disk operation.

use stele_engine::io::SimDisk;
use stele_engine::io::sim::Survival;

use crate::oracle;
use crate::soak;
use crate::workload::{Ledger, Process, resend, run};

/// Opens a log after a crash, or makes it where none had been made yet.
fn open(disk: &SimDisk, ledger: &Ledger) -> Result<Process, String> {
    match Process::open(disk) {
        Ok((process, report)) => {
            assert_eq!(report.damage, [""; 0], "a power cut is no damage; notes: {:?}", report.notes);
            assert_eq!(process.log.writable(), Ok(()));
            Ok(process)
        }
        // Before the first answer there may be no log yet: then making it must work.
        Err(_) if ledger.acknowledged.is_empty() && !disk.is_dead() => {
            Process::create(disk).map_err(|e| e.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The life after a crash: open, look, send everything again, look again, go on.
fn recover(disk: &SimDisk, ledger: &mut Ledger) -> Result<(), String> {
    let mut process = open(disk, ledger)?;
    if !disk.is_dead() {
        oracle::check(&process, ledger);
    }
    resend(&mut process, ledger).map_err(|e| e.to_string())?;
    oracle::complete(&process, ledger);
    process.log.close().map_err(|e| e.to_string())
}

/// Names the run in a panic of any depth.
fn within<T>(name: &str, body: impl FnOnce() -> T) -> T {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(_) => panic!("failed: {name}"),
    }
}

struct Campaign {
    images: usize,
    /// Second cuts for each image: during its recovery.
    again: u64,
}

impl Campaign {
    fn cut(&self, op: u64) {
        let disk = SimDisk::new();
        disk.power_cut_at(op);
        let mut ledger = Ledger::default();
        let error = run(&disk, &mut ledger).expect_err("the power was cut");
        assert!(disk.is_dead(), "{error}");
        let what = disk.ops().pop().map(|op| op.to_string()).unwrap_or_default();
        for (i, (kind, image)) in disk.images(op, self.images).into_iter().enumerate() {
            let name = format!("cut at operation {op} ({what}), image {i} ({kind:?})");
            let ops = within(&name, || {
                recover(&image, &mut ledger.clone()).expect("a log opens after a power cut");
                image.op_count()
            });
            for turn in 0..self.again.min(ops) {
                let second = (op * 7 + i as u64 * 3 + turn * (ops / self.again.min(ops))) % ops;
                let (_, image) = disk.images(op, self.images).swap_remove(i);
                self.cut_again(&image, &ledger, second, &name);
            }
        }
    }

    /// A second cut, while the log recovers from the first.
    fn cut_again(&self, disk: &SimDisk, ledger: &Ledger, op: u64, name: &str) {
        let mut ledger = ledger.clone();
        disk.power_cut_at(op);
        let outcome = recover(disk, &mut ledger);
        assert!(outcome.is_err() && disk.is_dead(), "{name}, then at {op}: {outcome:?}");
        let what = disk.ops().pop().map(|op| op.to_string()).unwrap_or_default();
        for (kind, image) in disk.images(op, 1) {
            within(&format!("{name}, then at operation {op} ({what}), image {kind:?}"), || {
                recover(&image, &mut ledger.clone()).expect("a log opens after two power cuts");
            });
        }
    }
}

/// Goal: no acknowledged event is lost to a power cut, wherever it falls, none is kept twice, and
/// the log goes on; also when the power goes again while it recovers.
/// Method: count the workload's disk operations, then repeat it once per operation with the power
/// cut there; open images of what the disk may hold; compare with the ledger.
#[test]
fn acknowledged_events_survive_power_loss_at_every_disk_operation() {
    let disk = SimDisk::new();
    let mut ledger = Ledger::default();
    run(&disk, &mut ledger).expect("the workload runs");
    let ops = disk.op_count();
    let (process, _) = Process::open(&disk).expect("it opens");
    oracle::complete(&process, &ledger);
    assert!(ops > 300, "a workload worth cutting: {ops} operations");
    let campaign = if soak() { Campaign { images: 21, again: 6 } } else { Campaign { images: 3, again: 1 } };
    for op in 0..ops {
        campaign.cut(op);
    }
    println!("cut the power at each of {ops} operations");
}

/// Goal: an unclean end without a power cut loses nothing, and what a process then acknowledges from
/// pages that were never synced is made durable first.
#[test]
fn a_kill_followed_by_a_power_cut_loses_nothing() {
    let counted = SimDisk::new();
    run(&counted, &mut Ledger::default()).expect("the workload runs");
    let step = if soak() { 1 } else { 5 };
    for op in (0..counted.op_count()).step_by(step) {
        let disk = SimDisk::new();
        disk.power_cut_at(op);
        let mut ledger = Ledger::default();
        run(&disk, &mut ledger).expect_err("it was stopped");
        let killed = disk.after_kill();
        within(&format!("killed at operation {op}"), || {
            recover(&killed, &mut ledger).expect("a log opens after a kill");
            let image = killed.image(Survival::Nothing, op);
            recover(&image, &mut ledger).expect("and after a power cut then");
        });
    }
}
