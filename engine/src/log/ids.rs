//! The ids of an opened log are held against its segments before the first one is asked for.
//!
//! That reads all id files from end to end, 12.5 bytes for each event ever stored, so opening does not wait
//! for it: searches go on meanwhile, only what asks for an id waits.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Log;
use super::mend::refusal;
use crate::error::StoreError;
use crate::recover::{Ids, Settled};

/// Whether it was done, and what it had to tell.
#[derive(Default)]
pub(super) struct Settling {
    done: AtomicBool,
    /// Held while it is done.
    notes: Mutex<Vec<String>>,
}

impl Settling {
    fn notes(&self) -> MutexGuard<'_, Vec<String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be done again: segments have come back whose ids were not known.
    pub fn again(&self) {
        self.done.store(false, Ordering::Release);
    }
}

impl Log {
    /// Checks every byte of the id files, sets those aside that are damaged or of another log, and adds
    /// the ids that are in none. Done once after opening: by the caller in the background, or else by the
    /// first that asks for an id ([`Log::append`], [`Log::find`]), and others wait. Returns what there was to
    /// tell since the last call, a line each.
    ///
    /// Where ids cannot be known the log takes no events, and [`Log::damage`] says why.
    ///
    /// # Errors
    /// `Full`: try again later. `Io`: the log takes no events until it is opened again.
    pub fn settle(&self) -> Result<Vec<String>, StoreError> {
        self.settled()?;
        Ok(std::mem::take(&mut *self.ids.notes()))
    }

    pub(super) fn settled(&self) -> Result<(), StoreError> {
        if self.ids.done.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut notes = self.ids.notes();
        if self.ids.done.load(Ordering::Acquire) {
            return Ok(());
        }
        let snapshot = self.shared.segments.snapshot();
        let ids = Ids {
            locator: &self.shared.locator,
            salts: &self.shared.salts,
            segments: snapshot.segments(),
            damaged: !self.damage().is_empty(),
            read_only: self.read_only,
        };
        let Settled { notes: told, damage } = ids.settle().inspect_err(|error| self.shared.poison(error))?;
        notes.extend(told);
        if let Some(first) = damage.first() {
            self.shared.refuse(refusal(first));
        }
        self.more_damage(damage);
        self.ids.done.store(true, Ordering::Release);
        Ok(())
    }
}
