//! Which sealed segments are on their way between tiers: one step for each of them at a time, since files
//! of one segment are written under the same temporary name.
//!
//! A step keeps its segment for as long as it takes, calls of an object store included; steps on other
//! segments go on beside it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// First sequences of the segments whose files are being made or removed.
#[derive(Default)]
pub(super) struct Moving(Mutex<BTreeSet<u64>>);

/// A segment that nobody else moves until this is dropped.
pub(super) struct Claim<'a> {
    moving: &'a Moving,
    first: u64,
}

impl Moving {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the segment; `None` while another step has it. Where the catalog says what is due of it, its
    /// lock is held meanwhile: steps change the catalog before they give their segment back.
    pub fn claim(&self, first: u64) -> Option<Claim<'_>> {
        let taken = self.lock().insert(first);
        // Made only when it was taken: a claim that is dropped gives its segment back.
        taken.then(|| Claim { moving: self, first })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.moving.lock().remove(&self.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_one_step_at_a_time_and_others_go_on() {
        let moving = Moving::default();
        let held = moving.claim(40);
        assert!(held.is_some() && moving.claim(40).is_none());
        assert!(moving.claim(80).is_some());
        drop(held);
        assert!(moving.claim(40).is_some());
    }
}
