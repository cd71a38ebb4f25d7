//! Restores: brings the segments of each back, one a round, and tells how it ended.

use std::time::{Duration, Instant};

use stele_engine::archive::{ArchiveError, ObjectError};

use super::{Keeper, policy::Unmoved, told};
use crate::app::{App, Tenant};
use crate::jobs::Ticket;
use crate::state::{DAY_US, PieceState, RestoreRow, RestoreStatus, now_us};

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
                    busy |= more;
                }
                Err(_) if self.stopping() => return false,
                Err(error) => {
                    self.failed(&name);
                    self.tell(&tenant, "restore", &error);
                }
            }
        }
        busy
    }

    fn restore(&mut self, tenant: &Tenant, ticket: &Ticket) -> Result<bool, Unmoved> {
        let Some(mut row) = self.app.state.restore(&ticket.org, &ticket.id)?.filter(RestoreRow::is_open)
        else {
            self.app.tiers.end(ticket);
            return Ok(false);
        };
        if tenant.log.writable().is_err() {
            return Ok(false);
        }
        if row.status == RestoreStatus::Pending {
            row.status = RestoreStatus::Running;
            self.app.state.put_restore(&ticket.org, &row)?;
        }
        let name = |first: u64| format!("piece {} {first}", ticket.id);
        let open = |state: PieceState| matches!(state, PieceState::Pending | PieceState::Waiting);
        let next = row.pieces.iter().position(|p| open(p.state) && self.may_try(&name(p.first)));
        let Some(next) = next else {
            if row.pieces.iter().any(|piece| open(piece.state)) {
                return Ok(false);
            }
            return self.finish(tenant, ticket, row).map(|()| true);
        };
        let Some(piece) = row.pieces.get_mut(next) else { return Ok(false) };
        let until = self.app.job_now_us().saturating_add(u64::from(row.days) * DAY_US);
        let (state, detail) = match bring(&self.app, tenant, piece.first, until) {
            Ok(()) => (PieceState::Restored, None),
            Err(ArchiveError::Stopped) => return Ok(false),
            Err(error) => {
                tracing::warn!(org = ticket.org, restore = ticket.id, first = piece.first, %error, "not restored");
                (after(&error), Some(error.to_string()))
            }
        };
        let name = name(piece.first);
        if open(state) {
            self.failed(&name)
        } else {
            self.passed(&name)
        }
        (piece.state, piece.detail) = (state, detail);
        self.app.state.put_restore(&ticket.org, &row)?;
        Ok(true)
    }

    /// Keeps everything for the days that were asked for, counted from now, and tells the end.
    fn finish(&mut self, tenant: &Tenant, ticket: &Ticket, mut row: RestoreRow) -> Result<(), Unmoved> {
        let until = self.app.job_now_us().saturating_add(u64::from(row.days) * DAY_US);
        for piece in row.pieces.iter().filter(|piece| piece.state == PieceState::Restored) {
            bring(&self.app, tenant, piece.first, until)?;
        }
        row.finish(now_us(), until);
        told::restored(tenant, &row)?;
        self.app.state.put_restore(&ticket.org, &row)?;
        self.app.tiers.end(ticket);
        Ok(())
    }
}

/// What becomes of a segment that was not restored: only what can never be right is given up.
fn after(error: &ArchiveError) -> PieceState {
    match error {
        ArchiveError::Refused { .. } | ArchiveError::Object { error: ObjectError::NotFound, .. } => {
            PieceState::Refused
        }
        ArchiveError::Object { error: ObjectError::NotYet(_), .. } => PieceState::Waiting,
        _ => PieceState::Pending,
    }
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
            while !app.tiers.bell.is_stopping() && begun.elapsed() < due {
                std::thread::sleep(SLICE.min(due.saturating_sub(begun.elapsed())));
            }
        }
        !app.tiers.bell.is_stopping()
    };
    tenant.log.restore(&*app.archive, first, until_us, &pace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_never_be_right_is_given_up() {
        let object = |error| ArchiveError::Object { name: "x".to_owned(), error };
        let why = || "down".to_owned();
        assert_eq!(after(&ArchiveError::Refused { object: "x".to_owned(), why: why() }), PieceState::Refused);
        assert_eq!(after(&object(ObjectError::NotFound)), PieceState::Refused);
        assert_eq!(after(&object(ObjectError::NotYet(why()))), PieceState::Waiting);
        for passing in [ObjectError::Temporary(why()), ObjectError::Denied(why()), ObjectError::Other(why())]
        {
            assert_eq!(after(&object(passing)), PieceState::Pending);
        }
    }
}
