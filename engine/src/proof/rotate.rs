//! A change of the key that signs, with one checkpoint that both keys sign.
//!
//! In this order, each step on stable storage before the next: the new key beside the old one; the list
//! of public keys with the new one; the checkpoint by the old key; the same by the new key; the new key
//! in the old one's place. Up to the fourth step an opening undoes what was done, from there on it
//! finishes it: no key has signed what others saw without being known.

use std::sync::Arc;

use super::key::SigningKey;
use super::keys::Keys;
use super::notary::{Held, Notary, Signed, sealed};
use super::note::VerifierKey;
use super::opening::Paths;
use crate::error::StoreError;
use crate::io::{Disk, sync_parent};
use crate::segment::Segments;

/// Changes at one size: each adds a signature to its checkpoint.
const CHANGES_MAX: usize = 8;

/// A key that followed another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key that signed until now.
    pub old: VerifierKey,
    /// The key that signs from now on.
    pub new: VerifierKey,
    /// The checkpoint that both signed.
    pub signed: Arc<Signed>,
}

impl Notary {
    /// The key that the next change of the key will use: made now, durably, where there is none yet. A
    /// log that is opened before it signed anything forgets it.
    ///
    /// # Errors
    /// `ReadOnly` when the log does not sign; `Io` or `Full`.
    pub fn next_key(&self, disk: &dyn Disk) -> Result<VerifierKey, StoreError> {
        self.prepare(&mut self.held(), disk)
    }

    fn prepare(&self, held: &mut Held, disk: &dyn Disk) -> Result<VerifierKey, StoreError> {
        held.both()?;
        if self.keys().all().len() >= Keys::MOST {
            return Err(StoreError::Refused(format!(
                "the log has had {} keys, it takes no more",
                Keys::MOST
            )));
        }
        if let Some(next) = &held.next {
            return Ok(next.verifier().clone());
        }
        let next = SigningKey::create(disk, &Paths::of(&self.dir).next_key, self.origin())?;
        Ok(held.next.insert(next).verifier().clone())
    }

    /// Changes the key. The old one is gone from the disk when this returns; checkpoints that it signed are
    /// proved with its public part as before.
    ///
    /// # Errors
    /// As for signing; `Refused` when the log has not grown through many changes. After `Io` nothing is
    /// signed until the log is opened again.
    pub fn rotate(&self, disk: &dyn Disk, segments: &Segments, now_us: u64) -> Result<Rotated, StoreError> {
        let mut held = self.held();
        let rotated = self.change(&mut held, disk, segments, now_us);
        // What was refused or cannot be read has changed nothing.
        let unknown = |error: &StoreError| matches!(error, StoreError::Io { .. });
        rotated.inspect_err(|error| held.signs &= !unknown(error))
    }

    fn change(
        &self,
        held: &mut Held,
        disk: &dyn Disk,
        segments: &Segments,
        now_us: u64,
    ) -> Result<Rotated, StoreError> {
        let paths = Paths::of(&self.dir);
        let snapshot = segments.snapshot();
        held.both()?;
        let checkpoint = self.next(&snapshot, self.last().as_deref())?;
        let keys = self.keys();
        if keys.changes().iter().filter(|&&size| size == checkpoint.size).count() >= CHANGES_MAX {
            let detail = "the key was changed often enough over these records";
            return Err(StoreError::Refused(format!("{detail}: wait for the log to grow")));
        }
        let new = self.prepare(held, disk)?;
        let with_new = keys.with(new.clone(), checkpoint.size);
        with_new.write(disk, &paths.keys)?;
        let Some(next) = held.next.take() else {
            return Err(StoreError::ReadOnly { why: "it has no next key".to_owned() });
        };
        let (ledger, key) = held.both()?;
        let by_old = sealed(key, &checkpoint, now_us);
        let by_new = sealed(&next, &checkpoint, now_us);
        if let Err(error) = self.add(ledger, &by_old).and_then(|()| self.add(ledger, &by_new)) {
            // A full disk leaves the old key in office.
            held.next = Some(next);
            return Err(error);
        }
        let old = key.verifier().clone();
        *key = next;
        // From here on the old key must not sign, nor another new one be made: whatever fails is `Io`.
        let failed = |source| StoreError::Io { path: paths.key.clone(), doing: "replacing", source };
        disk.rename(&paths.next_key, &paths.key).map_err(failed)?;
        sync_parent(disk, &paths.key)?;
        self.set_keys(with_new);
        let signed = self.publish(ledger, &by_new)?;
        Ok(Rotated { old, new, signed })
    }
}
