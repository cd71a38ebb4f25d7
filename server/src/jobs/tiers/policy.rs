//! One step of an organization's policy: the first thing that is due.

use stele_engine::archive::ArchiveError;
use stele_engine::log::{TierRange, TierState};

use super::told;
use crate::app::{App, Tenant};
use crate::serve::ServeError;
use crate::state::DAY_US;

/// Between two looks at the locks under a legal hold.
const HOLD_EVERY_US: u64 = DAY_US;

/// Why a step was not done, and which.
pub type Failed = (&'static str, Unmoved);

/// Why a segment did not move.
#[derive(Debug, thiserror::Error)]
pub enum Unmoved {
    /// The log or its archive.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// The state.
    #[error("{0}")]
    State(#[from] ServeError),
    /// The event that tells of it.
    #[error("the event was not stored: {0}")]
    Untold(String),
}

fn during<E: Into<Unmoved>>(step: &'static str) -> impl FnOnce(E) -> Failed {
    move |error| (step, error.into())
}

/// True when there may be more to do. Ends before the first step that fails.
pub fn step(app: &App, tenant: &Tenant) -> Result<bool, Failed> {
    let now = app.job_now_us();
    let tier = app.state.tier(&tenant.org.id).map_err(during("look"))?;
    let (policy, plan) = tenant.retention();
    // First: no other step that fails may let locks run out under a hold.
    if policy.legal_hold && now.saturating_sub(tier.held_us) >= HOLD_EVERY_US {
        hold(app, tenant, now.saturating_add(policy.lock_us(plan)), now)?;
    }
    // What a restore brings back stays until that restore is at its end, however long it takes.
    if app.tiers.open_of(&tenant.org.id).is_empty()
        && let Some((range, until_us)) = next_to_expire(&tenant.log.tiers(), now)
    {
        // Told before it is done: a stop between the two tells it again, under the same id.
        told::expired(tenant, &range, until_us).map_err(during("expire"))?;
        tenant.log.expire_next(now).map_err(during("expire"))?;
        return Ok(true);
    }
    if told::archives(app, tenant, &tier).map_err(during("tell"))? {
        return Ok(true);
    }
    let age = |days: u32| now.saturating_sub(u64::from(days) * DAY_US);
    let due = policy.active_days.filter(|_| policy.archive).map_or(0, age).max(tier.archive_before_us);
    if tenant.log.drop_next(due).map_err(during("drop"))?.is_some() {
        return Ok(true);
    }
    // Before anything that needs the store: one that is out of reach does not keep data large.
    if tenant
        .log
        .chill_next(age(policy.chill_after_days).max(due))
        .map_err(ArchiveError::from)
        .map_err(during("chill"))?
    {
        return Ok(true);
    }
    let tiers = tenant.log.tiers();
    let next = next_to_ship(&tiers).filter(|range| range.committed_last_us < due);
    if let Some(next) = next {
        let until = policy.locked_until_us(plan, next.committed_last_us, now);
        let shipped = tenant.log.ship_next(&*app.archive, due, until).map_err(during("archive"))?;
        if shipped.is_some() {
            app.metrics.segments_archived.inc();
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lengthens all locks. The try counts, whatever comes of it: it went over every object, and must not
/// keep the other steps from their turn until tomorrow.
fn hold(app: &App, tenant: &Tenant, until_us: u64, now_us: u64) -> Result<(), Failed> {
    let held = tenant.log.retain_archived(&*app.archive, until_us);
    app.state.change_tier(&tenant.org.id, |tier| tier.held_us = now_us).map_err(during("hold"))?;
    held.map(drop).map_err(during("hold"))
}

/// The oldest segment whose restore is over, and when that was.
fn next_to_expire(tiers: &[TierRange], now_us: u64) -> Option<(TierRange, u64)> {
    tiers.iter().find_map(|range| match range.state {
        TierState::Restored { until_us } if until_us <= now_us => Some((*range, until_us)),
        _ => None,
    })
}

/// The oldest segment that is only here.
fn next_to_ship(tiers: &[TierRange]) -> Option<&TierRange> {
    tiers.iter().find(|range| matches!(range.state, TierState::Hot | TierState::Cold))
}
