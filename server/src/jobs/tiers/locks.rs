//! Locks in the archive: those of what is there already follow a plan, an active period or a legal hold that
//! asks for more.
//!
//! A pass goes over all archived segments, some at a time, and goes on after a restart where it was. Keeps
//! true: a lock is only ever lengthened, and for nothing that the policy does not ask for any more.

use stele_engine::archive::ArchiveError;

use super::policy::{Failed, during};
use super::told;
use crate::app::{App, Tenant};
use crate::state::{DAY_US, LockPass, LocksRow, Plan, RetentionRow, TierRow};

/// Segments of one step. Each has four objects, and a lock costs up to four calls of the store.
const STEP_SEGMENTS: usize = 8;
/// Between two passes under a legal hold, and after one that had failures.
const EVERY_US: u64 = DAY_US;

/// One step of lengthening locks. True when there may be more to do.
pub fn step(app: &App, tenant: &Tenant) -> Result<bool, Failed> {
    let now = app.job_now_us();
    let tier = app.state.tier(&tenant.org.id).map_err(during("lock"))?;
    let (policy, plan) = tenant.retention();
    let wanted = wanted(&tier, &policy, plan, now, app.archive.locks());
    if wanted != tier.locks {
        save(app, tenant, &wanted)?;
    }
    let Some(mut pass) = wanted.pass else { return Ok(false) };
    let stopped = lengthen(app, tenant, &mut pass, now);
    let ended = stopped.is_ok() && !tenant.log.archived().iter().any(|&(first, _)| first >= pass.next);
    if !ended {
        save(app, tenant, &LocksRow { pass: Some(pass), ..wanted })?;
        return stopped.map(|()| !app.tiers.is_stopping()).map_err(during("lock"));
    }
    if pass.segments + pass.failed > 0 {
        told::locks(app, tenant, &pass).map_err(during("lock"))?;
    }
    let row = after(&pass, wanted.done_us, now);
    let change = |tier: &mut TierRow| {
        tier.locks = row;
        // The try counts, whatever came of it: it went over every object.
        if pass.until_us > 0 {
            tier.held_us = pass.begun_us;
        }
    };
    app.state.change_tier(&tenant.org.id, change).map_err(during("lock"))?;
    Ok(true)
}

/// The row as policy, plan and hold want it now: with the pass that goes on, a new one, or none.
fn wanted(tier: &TierRow, policy: &RetentionRow, plan: Plan, now: u64, locks: bool) -> LocksRow {
    if !locks {
        // What is stored meanwhile has no lock at all.
        return LocksRow::default();
    }
    let lock_us = policy.lock_us(plan);
    // What is stored from now on is locked for this long, and no longer.
    let done_us = tier.locks.done_us.min(lock_us);
    let over = |since: u64| now.saturating_sub(since) >= EVERY_US;
    let held = policy.legal_hold && over(tier.held_us);
    let again = tier.locks.fault.as_ref().is_none_or(|(_, since)| over(*since));
    let pass = match &tier.locks.pass {
        Some(pass) if pass.lock_us == lock_us && (pass.until_us > 0) == held => Some(pass.clone()),
        _ if held || (lock_us > done_us && again) => Some(LockPass {
            begun_us: now,
            lock_us,
            until_us: if held { now.saturating_add(lock_us) } else { 0 },
            ..LockPass::default()
        }),
        _ => None,
    };
    LocksRow { done_us, pass, fault: tier.locks.fault.clone() }
}

/// The row behind a pass.
fn after(pass: &LockPass, done_us: u64, now: u64) -> LocksRow {
    match &pass.fault {
        None => LocksRow { done_us: pass.lock_us, pass: None, fault: None },
        Some(fault) => LocksRow { done_us, pass: None, fault: Some((fault.clone(), now)) },
    }
}

/// Lengthens the locks of the next segments. What may pass by itself ends the step, and is tried again there;
/// anything else is noted, and keeps no other segment from its lock.
fn lengthen(app: &App, tenant: &Tenant, pass: &mut LockPass, now: u64) -> Result<(), ArchiveError> {
    let all = tenant.log.archived();
    let from = pass.next;
    for &(first, committed_us) in all.iter().filter(|(first, _)| *first >= from).take(STEP_SEGMENTS) {
        if app.tiers.is_stopping() {
            return Ok(());
        }
        let until_us = committed_us.saturating_add(pass.lock_us).max(pass.until_us);
        // A store takes no date that has passed.
        if until_us > now {
            match tenant.log.retain_archived(&*app.archive, first, until_us) {
                Ok(objects) => (pass.segments, pass.objects) = (pass.segments + 1, pass.objects + objects),
                Err(error) if error.passes() => return Err(error),
                Err(error) => {
                    tracing::warn!(org = tenant.org.id, first, %error, "locks were not lengthened");
                    pass.failed += 1;
                    pass.fault.get_or_insert_with(|| error.to_string());
                }
            }
        }
        pass.next = first + 1;
    }
    Ok(())
}

fn save(app: &App, tenant: &Tenant, row: &LocksRow) -> Result<(), Failed> {
    let change = |tier: &mut TierRow| tier.locks = row.clone();
    app.state.change_tier(&tenant.org.id, change).map_err(during("lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 3_000 * DAY_US;
    const PRO: u64 = 365 * DAY_US;
    const ENTERPRISE: u64 = 2_556 * DAY_US;

    fn held(legal_hold: bool) -> RetentionRow {
        RetentionRow { legal_hold, ..RetentionRow::default() }
    }

    /// Done for a plan, last held at a time.
    fn tier(done_us: u64, held_us: u64) -> TierRow {
        TierRow { held_us, locks: LocksRow { done_us, ..LocksRow::default() }, ..TierRow::default() }
    }

    #[test]
    fn a_longer_plan_and_a_hold_begin_a_pass_and_what_is_not_asked_for_ends_it() {
        let of = |tier: &TierRow, hold, plan| wanted(tier, &held(hold), plan, NOW, true);
        let begun = |tier: &TierRow, hold, plan| of(tier, hold, plan).pass.map(|p| (p.lock_us, p.until_us));
        assert_eq!(begun(&tier(PRO, 0), false, Plan::Pro), None);
        assert_eq!(begun(&tier(PRO, 0), false, Plan::Enterprise), Some((ENTERPRISE, 0)));
        assert_eq!(begun(&tier(PRO, 0), true, Plan::Pro), Some((PRO, NOW + PRO)));
        assert_eq!(begun(&tier(PRO, NOW - DAY_US + 1), true, Plan::Pro), None, "held a day ago");
        let mut under_way = tier(PRO, 0);
        under_way.locks = of(&under_way, false, Plan::Enterprise);
        under_way.locks.pass.as_mut().unwrap().next = 77;
        assert_eq!(of(&under_way, false, Plan::Enterprise), under_way.locks, "goes on where it is");
        assert_eq!(of(&under_way, false, Plan::Pro).pass, None, "not asked for any more");
        let under_hold = of(&under_way, true, Plan::Enterprise).pass.unwrap();
        assert_eq!((under_hold.next, under_hold.until_us), (0, NOW + ENTERPRISE));
        // What was stored under the shorter plan is locked for that only.
        assert_eq!(of(&tier(ENTERPRISE, 0), false, Plan::Pro).done_us, PRO);
        let without = wanted(&tier(ENTERPRISE, 0), &held(true), Plan::Enterprise, NOW, false);
        assert_eq!(without, LocksRow::default(), "a store without locks");
    }

    #[test]
    fn a_pass_with_failures_is_made_again_after_a_day() {
        let pass = LockPass { lock_us: ENTERPRISE, fault: Some("denied".to_owned()), ..LockPass::default() };
        let row = after(&pass, PRO, NOW);
        assert_eq!((row.done_us, &row.fault), (PRO, &Some(("denied".to_owned(), NOW))));
        let tier = TierRow { locks: row, ..TierRow::default() };
        let at = |now| wanted(&tier, &held(false), Plan::Enterprise, now, true).pass;
        assert_eq!(at(NOW + DAY_US - 1), None);
        assert_eq!(at(NOW + DAY_US).unwrap().lock_us, ENTERPRISE);
        let clean = after(&LockPass { fault: None, ..pass }, PRO, NOW);
        assert_eq!(clean, LocksRow { done_us: ENTERPRISE, pass: None, fault: None });
    }
}
