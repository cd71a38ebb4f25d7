//! What one query may cost: time, and the bytes that it gathers.

use std::cell::Cell;

use crate::error::StoreError;

/// Why a query is to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It took its time.
    Time,
    /// Nobody waits for the answer any more.
    Gone,
}

/// Most heap bytes that one query gathers (values, groups, samples).
const GATHERED_BYTES_MAX: usize = 256 << 20;

/// Limits of one query. The store has no clock: the caller brings the question whether time is up.
pub struct Budget<'a> {
    over: &'a dyn Fn() -> Option<Over>,
    gathered: Cell<usize>,
}

impl<'a> Budget<'a> {
    /// A budget that asks `over` every few thousand steps.
    #[must_use]
    pub fn new(over: &'a dyn Fn() -> Option<Over>) -> Self {
        Self { over, gathered: Cell::new(0) }
    }

    /// One that never ends: for tests and work of the log itself.
    #[must_use]
    pub fn unlimited() -> Budget<'static> {
        Budget { over: &|| None, gathered: Cell::new(0) }
    }

    /// To be called after some hundred microseconds of work at most.
    ///
    /// # Errors
    /// `TooBroad` or `Cancelled`.
    pub fn check(&self) -> Result<(), StoreError> {
        match (self.over)() {
            None => Ok(()),
            Some(Over::Gone) => Err(StoreError::Cancelled),
            Some(Over::Time) => Err(StoreError::TooBroad(
                "the query took its whole time; narrow the time range, or use whole words instead of \
                 wildcards and ~"
                    .to_owned(),
            )),
        }
    }

    /// To be called before keeping `bytes` more until the answer is done.
    ///
    /// # Errors
    /// `TooBroad`.
    pub fn keep(&self, bytes: usize) -> Result<(), StoreError> {
        let gathered = self.gathered.get().saturating_add(bytes);
        self.gathered.set(gathered);
        if gathered <= GATHERED_BYTES_MAX {
            return Ok(());
        }
        Err(StoreError::TooBroad(
            "the answer has too many different values; narrow the time range or the query".to_owned(),
        ))
    }
}
