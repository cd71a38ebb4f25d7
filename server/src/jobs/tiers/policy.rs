//! One step of an organization's policy, on this disk or with the store.

use stele_engine::archive::ArchiveError;
use stele_engine::log::{TierRange, TierState};

use super::told;
use crate::app::{App, Tenant};
use crate::serve::ServeError;
use crate::state::{DAY_US, TierRow};

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

pub(super) fn during<E: Into<Unmoved>>(step: &'static str) -> impl FnOnce(E) -> Failed {
    move |error| (step, error.into())
}

/// One step of what needs this disk alone: the first thing that is due. True when there may be more to do.
pub fn here(app: &App, tenant: &Tenant) -> Result<bool, Failed> {
    let now = app.job_now_us();
    let tier = app.state.tier(&tenant.org.id).map_err(during("look"))?;
    // What a restore brings back stays until that restore is at its end, however long it takes.
    let expired = app.tiers.without_restores(&tenant.org.id, || expire(tenant, now));
    if expired.transpose().map_err(during("expire"))? == Some(true) {
        return Ok(true);
    }
    if told::archives(app, tenant, &tier).map_err(during("tell"))? {
        return Ok(true);
    }
    let due = due_us(tenant, &tier, now);
    if tenant.log.drop_next(due).map_err(during("drop"))?.is_some() {
        return Ok(true);
    }
    let cold = days_before(now, tenant.retention().0.chill_after_days).max(due);
    tenant.log.chill_next(cold).map_err(ArchiveError::from).map_err(during("chill"))
}

/// Lets the oldest segment go whose restore is over; false when there is none.
fn expire(tenant: &Tenant, now_us: u64) -> Result<bool, Unmoved> {
    let Some((range, until_us)) = next_to_expire(&tenant.log.tiers(), now_us) else { return Ok(false) };
    // Told before it is done: a stop between the two tells it again, under the same id.
    told::expired(tenant, &range, until_us)?;
    tenant.log.expire_next(now_us)?;
    Ok(true)
}

/// One step of what needs the store: the oldest segment that is due goes to the archive. True when there may
/// be more to do.
pub fn away(app: &App, tenant: &Tenant) -> Result<bool, Failed> {
    let now = app.job_now_us();
    let tier = app.state.tier(&tenant.org.id).map_err(during("look"))?;
    let due = due_us(tenant, &tier, now);
    let tiers = tenant.log.tiers();
    let Some(next) = next_to_ship(&tiers).filter(|range| range.committed_last_us < due) else {
        return Ok(false);
    };
    let (policy, plan) = tenant.retention();
    let until = policy.locked_until_us(plan, next.committed_last_us, now);
    let shipped = tenant.log.ship_next(&*app.archive, due, until).map_err(during("archive"))?;
    if shipped.is_some() {
        app.metrics.segments_archived.inc();
    }
    Ok(shipped.is_some())
}

/// Segments whose last record was committed before this go to the archive.
fn due_us(tenant: &Tenant, tier: &TierRow, now_us: u64) -> u64 {
    let (policy, _) = tenant.retention();
    let aged = policy.active_days.filter(|_| policy.archive).map_or(0, |days| days_before(now_us, days));
    aged.max(tier.archive_before_us)
}

fn days_before(now_us: u64, days: u32) -> u64 {
    now_us.saturating_sub(u64::from(days) * DAY_US)
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
