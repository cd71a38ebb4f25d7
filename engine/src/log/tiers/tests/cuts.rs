//! The power goes at every operation.

use super::*;

/// One move between tiers, as often as it has something to do. What fails is tried after the next opening.
fn moved(log: &Log, store: &LocalStore, which: Move) {
    match which {
        Move::Ship => while matches!(log.ship_next(store, u64::MAX, 0), Ok(Some(_))) {},
        Move::Drop => while matches!(log.drop_next(u64::MAX), Ok(Some(_))) {},
        Move::Restore => {
            for tier in log.tiers() {
                if tier.state == TierState::Archived
                    && log.restore(store, tier.first_sequence, 9, &|_| true).is_err()
                {
                    break;
                }
            }
        }
        Move::Expire => while matches!(log.expire_next(9), Ok(Some(_))) {},
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Ship,
    Drop,
    Restore,
    Expire,
}

/// Goal: wherever the power goes, no record is lost, none is served that is not the one that was stored, and
/// the move is finished later. Method: a disk with one segment to move; each operation of the move is the
/// last one, and several disks that could be left are opened.
fn cut(which: Move) {
    let disk = SimDisk::new();
    let log = filled(&disk);
    let whole = records(&log);
    let before = [Move::Ship, Move::Drop, Move::Restore, Move::Expire];
    for earlier in before.into_iter().take_while(|&earlier| earlier != which) {
        moved(&log, &store(&disk), earlier);
    }
    log.close().unwrap();
    drop(log);
    let start = disk.image(Survival::Everything, 0);
    let counted = start.image(Survival::Everything, 0);
    let (log, _) = open(&counted);
    let first = counted.op_count();
    moved(&log, &store(&counted), which);
    let after = states(&log);
    let ops = first..counted.op_count();
    assert!(ops.clone().count() > 5, "{which:?}: operations to cut at");
    for op in ops {
        let disk = start.image(Survival::Everything, 0);
        let (log, _) = open(&disk);
        disk.power_cut_at(op);
        moved(&log, &store(&disk), which);
        drop(log);
        for (kind, image) in disk.images(op, 3) {
            let at = format!("{which:?}, cut at {op}, {kind:?}");
            let (log, report) = open(&image);
            assert_eq!(report.damage, [""; 0], "{at}");
            let here = records(&log);
            let wrong = here.iter().zip(&whole).position(|(found, was)| found.is_some() && found != was);
            assert_eq!(wrong, None, "{at}");
            moved(&log, &store(&image), which);
            assert_eq!(states(&log), after, "{at}");
            assert_eq!(faults(&log), [], "{at}");
            restore_all(&log, &store(&image));
            assert_eq!(records(&log), whole, "{at}");
        }
    }
}

#[test]
fn power_cuts_at_every_operation_of_a_ship_lose_nothing() {
    cut(Move::Ship);
}

#[test]
fn power_cuts_at_every_operation_of_a_drop_lose_nothing() {
    cut(Move::Drop);
}

#[test]
fn power_cuts_at_every_operation_of_a_restore_lose_nothing() {
    cut(Move::Restore);
}

#[test]
fn power_cuts_at_every_operation_of_an_expiry_lose_nothing() {
    cut(Move::Expire);
}
