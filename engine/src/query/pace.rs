//! Budget checks at a steady distance of work.

use std::cell::Cell;

use super::Budget;
use crate::error::StoreError;

/// Counts work between the checks of a budget. A unit is some 20 ns: a look at one short value.
pub(super) struct Pace<'b> {
    budget: &'b Budget<'b>,
    left: Cell<u32>,
    /// What ended the query inside a callback that cannot fail.
    failed: Cell<Option<StoreError>>,
}

/// Units between checks: some 100 µs.
const UNITS: u32 = 5_000;

impl<'b> Pace<'b> {
    pub(super) fn new(budget: &'b Budget<'b>) -> Self {
        Self { budget, left: Cell::new(UNITS), failed: Cell::new(None) }
    }

    /// Counts work done, and checks the budget when it is time.
    #[inline]
    pub(super) fn step(&self, units: usize) -> Result<(), StoreError> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        match self.left.get().checked_sub(units) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => self.check(),
        }
    }

    /// The same where no error can be returned: false when the query is over; see [`Self::result`].
    #[inline]
    pub(super) fn go_on(&self, units: usize) -> bool {
        match self.step(units) {
            Ok(()) => true,
            Err(error) => {
                // Every further step is to fail at once, too.
                self.left.set(0);
                self.failed.set(Some(error));
                false
            }
        }
    }

    /// Checks the budget now.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.left.set(UNITS);
        self.budget.check()
    }

    /// What ended the query in [`Self::go_on`].
    pub(super) fn result(&self) -> Result<(), StoreError> {
        self.failed.take().map_or(Ok(()), Err)
    }
}
