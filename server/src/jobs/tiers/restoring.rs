//! Restores: brings the segments of each back, one a round, and tells how it ended.
//!
//! A log that takes no events for want of what restores bring back is restored into all the same; what is to
//! be told of it waits until it takes some.

use std::time::{Duration, Instant};

use stele_engine::archive::{ArchiveError, ObjectError};

use super::{Keeper, policy::Unmoved, told};
use crate::app::{App, Tenant};
use crate::jobs::Ticket;
use crate::state::{DAY_US, PieceState, RestoreRow, RestoreStatus, now_us};

/// Tries that a store may refuse before a segment is given up: a permission may be on its way.
const DENIED_MAX: u32 = 5;
/// A stop waits no longer than this for a pause.
const SLICE: Duration = Duration::from_millis(50);

impl Keeper {
    /// One step of each restore. True when one of them came further.
    pub(super) fn restores(&mut self) -> bool {
        let mut busy = false;
        for ticket in self.app.tiers.all() {
            if self.stopping() {
                return false;
            }
            let name = format!("restore {}", ticket.id);
            if !self.may_try(&name) {
                continue;
            }
            let Some(tenant) = self.app.tenant(&ticket.org) else {
                self.app.tiers.end(&ticket);
                continue;
            };
            match self.restore(&tenant, &ticket) {
                Ok(more) => {
                    self.passed(&name);
                    tenant.set_trouble("restore", None);
                    busy |= more;
                }
                Err(_) if self.stopping() => return false,
                Err(error) => {
                    self.failed(&name);
                    self.tell(&tenant, "restore", "restore", &error);
                }
            }
        }
        busy
    }

    fn restore(&mut self, tenant: &Tenant, ticket: &Ticket) -> Result<bool, Unmoved> {
        let row = self.app.state.restore(&ticket.org, &ticket.id)?;
        let Some(mut row) = row.filter(|row| row.is_open() || row.untold) else {
            self.app.tiers.end(ticket);
            return Ok(false);
        };
        if !row.is_open() {
            return self.end(tenant, ticket, row);
        }
        if tenant.log.restorable().is_err() {
            return Ok(false);
        }
        if row.status == RestoreStatus::Pending {
            row.status = RestoreStatus::Running;
            self.app.state.put_restore(&ticket.org, &row)?;
        }
        let next = row.pieces.iter().position(|p| open(p.state) && self.may_try(&name(ticket, p.first)));
        let Some(next) = next else {
            if row.pieces.iter().any(|piece| open(piece.state)) {
                return Ok(false);
            }
            return self.finish(tenant, ticket, row);
        };
        let Some(piece) = row.pieces.get_mut(next) else { return Ok(false) };
        let now = self.app.job_now_us();
        let until = now.saturating_add(u64::from(row.days) * DAY_US);
        match bring(&self.app, tenant, piece.first, until) {
            Ok(()) => (piece.state, piece.detail) = (PieceState::Restored, None),
            Err(ArchiveError::Stopped) => return Ok(false),
            Err(error) => {
                tracing::warn!(org = ticket.org, restore = ticket.id, first = piece.first, %error, "not restored");
                let denied = matches!(error, ArchiveError::Object { error: ObjectError::Denied(_), .. });
                piece.denied += u32::from(denied);
                piece.state = after(&error, piece.denied, now >= row.deadline_us);
                piece.detail = Some(error.to_string());
            }
        }
        let name = name(ticket, piece.first);
        if open(piece.state) {
            self.failed(&name)
        } else {
            self.passed(&name)
        }
        self.app.state.put_restore(&ticket.org, &row)?;
        Ok(true)
    }

    /// Keeps everything for the days that were asked for, counted from now.
    fn finish(&mut self, tenant: &Tenant, ticket: &Ticket, mut row: RestoreRow) -> Result<bool, Unmoved> {
        let until = self.app.job_now_us().saturating_add(u64::from(row.days) * DAY_US);
        for piece in row.pieces.iter().filter(|piece| piece.state == PieceState::Restored) {
            bring(&self.app, tenant, piece.first, until)?;
        }
        row.finish(now_us(), until);
        if tenant.log.writable().is_err() {
            row.untold = true;
            self.app.state.put_restore(&ticket.org, &row)?;
            return Ok(true);
        }
        self.end(tenant, ticket, row)
    }

    /// Tells the end, once the log takes events.
    fn end(&mut self, tenant: &Tenant, ticket: &Ticket, mut row: RestoreRow) -> Result<bool, Unmoved> {
        if tenant.log.writable().is_err() {
            return Ok(false);
        }
        told::restored(tenant, &row)?;
        row.untold = false;
        self.app.state.put_restore(&ticket.org, &row)?;
        self.app.tiers.end(ticket);
        Ok(true)
    }
}

fn name(ticket: &Ticket, first: u64) -> String {
    format!("piece {} {first}", ticket.id)
}

fn open(state: PieceState) -> bool {
    matches!(state, PieceState::Pending | PieceState::Waiting)
}

/// What becomes of a segment that was not restored, after so many tries that the store did not allow: what
/// can never be right is given up, what is not allowed after some tries, and what nobody expects to pass
/// once the time is over that was promised.
fn after(error: &ArchiveError, denied: u32, overdue: bool) -> PieceState {
    let given_up = match error {
        ArchiveError::Object { error: ObjectError::NotYet(_), .. } => return PieceState::Waiting,
        ArchiveError::Refused { .. } | ArchiveError::Object { error: ObjectError::NotFound, .. } => true,
        ArchiveError::Object { error: ObjectError::Denied(_), .. } => denied >= DENIED_MAX,
        error => overdue && !error.passes(),
    };
    if given_up { PieceState::Refused } else { PieceState::Pending }
}

/// Restores one segment, no faster than the server was told.
fn bring(app: &App, tenant: &Tenant, first: u64, until_us: u64) -> Result<(), ArchiveError> {
    let begun = Instant::now();
    let total = std::cell::Cell::new(0_u64);
    let pace = |bytes: u64| {
        total.set(total.get().saturating_add(bytes));
        let rate = app.options.restore_rate_bytes;
        if rate > 0 {
            let due = Duration::from_secs_f64(total.get() as f64 / rate as f64);
            while !app.tiers.is_stopping() && begun.elapsed() < due {
                std::thread::sleep(SLICE.min(due.saturating_sub(begun.elapsed())));
            }
        }
        !app.tiers.is_stopping()
    };
    let mending = tenant.log.writable().is_err();
    tenant.log.restore(&*app.archive, first, until_us, &pace)?;
    if mending && tenant.log.writable().is_ok() {
        tracing::info!(org = tenant.org.id, "nothing is missing any more: the log takes events again");
        tenant.bells.ring();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use stele_engine::error::StoreError;

    use super::*;

    #[test]
    fn what_can_never_be_right_is_given_up_and_the_rest_in_its_time() {
        let object = |error| ArchiveError::Object { name: "x".to_owned(), error };
        let why = || "down".to_owned();
        let (given_up, later) = (PieceState::Refused, PieceState::Pending);
        for (error, known, overdue) in [
            (ArchiveError::Refused { object: "x".to_owned(), why: why() }, given_up, given_up),
            (object(ObjectError::NotFound), given_up, given_up),
            (object(ObjectError::NotYet(why())), PieceState::Waiting, PieceState::Waiting),
            (object(ObjectError::Temporary(why())), later, later),
            (object(ObjectError::Other(why())), later, given_up),
            (StoreError::Refused(why()).into(), later, given_up),
            (object(ObjectError::Denied(why())), later, later),
        ] {
            assert_eq!((after(&error, 1, false), after(&error, 1, true)), (known, overdue), "{error}");
        }
        let denied = object(ObjectError::Denied(why()));
        assert_eq!(
            (after(&denied, DENIED_MAX - 1, false), after(&denied, DENIED_MAX, false)),
            (later, given_up)
        );
    }
}
