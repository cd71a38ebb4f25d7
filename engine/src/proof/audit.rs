//! Every checkpoint that was signed, read again.

use std::path::PathBuf;

use super::keys::Keys;
use super::ledger::{Entry, Row};
use super::notary::Notary;
use crate::error::StoreError;

/// What [`Notary::audit`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The file.
    pub path: PathBuf,
    /// Place in the file, size of the checkpoint before, what is wrong.
    pub faults: Vec<(u64, u64, &'static str)>,
}

impl Notary {
    /// Checks every checkpoint that was signed: its bytes, its place among the others, its link to the one
    /// before, its signature by the key that signed at that place; and that there are as many as the last
    /// shutdown noted. What is wrong is told as (place in the file, size of the one before, what).
    /// `go_on` is asked now and then; false stops. `None` when the log has no usable file or key,
    /// which opening told.
    ///
    /// # Errors
    /// `Io`.
    pub fn audit(&self, go_on: &dyn Fn() -> bool) -> Result<Option<Audit>, StoreError> {
        let held = self.held().ledger.as_ref().map(|ledger| (ledger.all(), ledger.signed()));
        let keys = self.keys();
        let (Some((all, signed)), false) = (held, keys.all().is_empty()) else { return Ok(None) };
        let mut audit = Audit { path: all.path().to_owned(), faults: Vec::new() };
        let mut walk = Walk { notary: self, keys: &keys, number: 0, size: 0, before: None, first: true };
        let (mut seen, mut stopped) = (0_u64, false);
        all.each(0..u64::MAX, &mut |row| {
            let (at, size) = (row.at, walk.size);
            audit.faults.extend(walk.step(row).map(|what| (at, size, what)));
            seen += 1;
            stopped = seen % 256 == 0 && !go_on();
            !stopped
        })?;
        let fewer = self.noted().is_some_and(|noted| signed < noted.signed || walk.size < noted.size);
        if fewer && !stopped {
            let what =
                "checkpoints that were signed before the last shutdown are missing behind the last one";
            audit.faults.push((all.end(), walk.size, what));
        }
        Ok(Some(audit))
    }
}

/// Where a reading of the checkpoints is.
struct Walk<'a> {
    notary: &'a Notary,
    keys: &'a Keys,
    /// Which of the keys signs here.
    number: usize,
    /// The largest size so far.
    size: u64,
    /// The entry before, where it is sound.
    before: Option<Entry>,
    /// No entry was read yet.
    first: bool,
}

impl Walk<'_> {
    /// What is wrong with the next entry.
    fn step(&mut self, row: Row) -> Option<&'static str> {
        let before = self.before.take();
        let first = std::mem::replace(&mut self.first, false);
        let (entry, unlinked) = match (row.entry, row.fault) {
            (None, fault) => return fault,
            (Some(entry), fault) => (entry, fault),
        };
        let falls = entry.size < self.size;
        let unsigned = self.check_key(&entry, before.as_ref(), first);
        self.size = self.size.max(entry.size);
        self.before = Some(entry);
        let fall = falls.then_some("the checkpoint is of fewer records than the one before");
        fall.or(unlinked).or(unsigned)
    }

    fn check_key(&mut self, entry: &Entry, before: Option<&Entry>, first: bool) -> Option<&'static str> {
        let keys = self.keys.all();
        let number = self.keys.number(entry.key_id);
        let signed = keys.get(number).is_some_and(|signed| self.notary.is_signed(&signed.key, entry));
        if !signed {
            return Some("the checkpoint was not signed by the log's key");
        }
        if number == self.number {
            return None;
        }
        // Behind a damaged entry, which is told, the old key's word cannot be asked for.
        let follows = !first
            && number == self.number + 1
            && keys[number].from_size == entry.size
            && before.is_none_or(|before| {
                (before.size, before.root) == (entry.size, entry.root)
                    && before.key_id == keys[self.number].key.id()
            });
        if number > self.number {
            // Told once: what comes after is held against the new key.
            self.number = number;
        }
        (!follows).then_some("the key changes here without a checkpoint that both keys signed")
    }
}
