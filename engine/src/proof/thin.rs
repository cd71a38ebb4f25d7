//! Taking out of the file of checkpoints what nobody needs: old ones beyond one an hour.

use std::sync::PoisonError;

use super::delivered::{Delivered, Given};
use super::ledger::{All, Entry, Ledger, Rewrite};
use super::notary::Notary;
use super::opening::Paths;
use crate::error::StoreError;
use crate::io::{Disk, remove_if_there};

const HOUR_US: u64 = 3_600_000_000;
const DAY_US: u64 = 24 * HOUR_US;
/// Checkpoints younger than this all stay.
const YOUNG_US: u64 = 90 * DAY_US;
/// The file is written anew when at least one of so many entries can go.
const WORTH: u64 = 4;

impl Notary {
    /// Looks, once a day, whether enough old checkpoints can go, and writes the file without them then.
    /// Of those that were signed more than 90 days before the last one, one an hour stays, and all that were
    /// given to somebody, the first one, the last, and those at which one key followed another. Signing goes on
    /// meanwhile, but for the copy of what was signed since and two syncs. True when it was done.
    ///
    /// # Errors
    /// `Full`: nothing was changed. After `Io` of the last step nothing is signed until the log is
    /// opened again.
    pub fn thin(&self, disk: &dyn Disk) -> Result<bool, StoreError> {
        let Some(now_us) = self.last().map(|last| last.signed_us) else { return Ok(false) };
        {
            let mut looked_us = self.looked_us.lock().unwrap_or_else(PoisonError::into_inner);
            if now_us < looked_us.saturating_add(DAY_US) {
                return Ok(false);
            }
            *looked_us = now_us;
        }
        let Some(all) = self.held().ledger.as_ref().map(Ledger::all) else { return Ok(false) };
        let cutoff_us = now_us.saturating_sub(YOUNG_US);
        let old = all.place_of(&|entry| entry.signed_us < cutoff_us)?;
        if old < all.entries() / WORTH {
            return Ok(false);
        }
        let Some((given, known)) = self.all_given(disk)? else { return Ok(false) };
        let changes = self.keys().changes();
        let young_size = if old < all.entries() { all.number(old)?.size } else { u64::MAX };
        let rule = Rule { old, young_size, cutoff_us, given: &given, changes: &changes };
        let removed = rule.count(&all)?;
        if removed == 0 || removed < all.entries() / WORTH {
            return Ok(false);
        }
        let mut hour = None;
        let keep = &mut |number, entry: &Entry| rule.keeps(number, entry, &mut hour);
        match all.rewrite(disk, removed, keep)? {
            Some(rewrite) => self.exchange(disk, rewrite, &rule, known),
            None => remove_if_there(disk, &Rewrite::path(all.path())).map(|()| false),
        }
    }

    /// What was given away, and how much of it is known. A file that is not what was written is made
    /// anew: everything counts as given then.
    fn all_given(&self, disk: &dyn Disk) -> Result<Option<(Given, u64)>, StoreError> {
        let held = self.held();
        let mut delivered = self.given();
        let Some(file) = &mut *delivered else { return Ok(None) };
        if let Some(given) = file.given()? {
            return Ok(Some((given, file.count())));
        }
        let all_to = held.ledger.as_ref().and_then(Ledger::last).map_or(0, |last| last.size);
        *file = Delivered::create(disk, &Paths::of(&self.dir).delivered, all_to)?;
        Ok(None)
    }

    fn exchange(
        &self,
        disk: &dyn Disk,
        rewrite: Rewrite,
        rule: &Rule<'_>,
        known: u64,
    ) -> Result<bool, StoreError> {
        let mut held = self.held();
        let (ledger, _) = held.both()?;
        let since = match &*self.given() {
            Some(delivered) => delivered.since(known)?,
            None => Vec::new(),
        };
        // An old one was given away meanwhile: it may be one that was left out.
        if since.iter().any(|&size| size < rule.young_size) {
            return remove_if_there(disk, &Rewrite::path(ledger.path())).map(|()| false);
        }
        let replaced = ledger.replace(disk, rewrite);
        replaced.inspect_err(|error| held.signs &= matches!(error, StoreError::Full { .. }))?;
        Ok(true)
    }
}

/// Which checkpoints stay.
struct Rule<'a> {
    /// Entries before this number are old.
    old: u64,
    /// Size of the first that is not.
    young_size: u64,
    cutoff_us: u64,
    given: &'a Given,
    changes: &'a [u64],
}

impl Rule<'_> {
    /// `hour` is that of the entry before which was the first of its hour.
    fn keeps(&self, number: u64, entry: &Entry, hour: &mut Option<u64>) -> bool {
        let of_entry = entry.signed_us / HOUR_US;
        let first_of_hour = hour.replace(of_entry) != Some(of_entry);
        first_of_hour
            || number == 0
            || number >= self.old
            || entry.signed_us >= self.cutoff_us
            || self.given.has(entry.size)
            || self.changes.contains(&entry.size)
    }

    /// How many entries can go.
    fn count(&self, all: &All) -> Result<u64, StoreError> {
        let (mut hour, mut removed) = (None, 0);
        all.each(0..self.old, &mut |row| {
            removed += row.entry.map_or(0, |entry| u64::from(!self.keeps(row.number, &entry, &mut hour)));
            true
        })?;
        Ok(removed)
    }
}
