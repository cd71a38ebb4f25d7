//! A log that takes no events for want of files that restores make again, and its way back to writing.
//!
//! Keeps true: a log is written to again only when nothing of what opening told is left, when it meets its
//! last signed checkpoint, and when the catalog says that it is open.

use std::sync::{MutexGuard, PoisonError};

use super::Log;
use crate::catalog::Entry;
use crate::error::StoreError;

/// What opening told of damage and still holds.
pub(super) struct Opened {
    damage: Vec<String>,
    /// The same lines, where restores mend all of them: each under its segment's first sequence.
    mendable: Vec<(u64, String)>,
}

impl Opened {
    /// `mendable` are those lines of `damage` that a restore mends.
    pub fn new(damage: &[String], mendable: Vec<(u64, String)>, read_only: bool) -> Self {
        let mends = !read_only && damage.len() == mendable.len();
        Self { damage: damage.to_vec(), mendable: if mends { mendable } else { Vec::new() } }
    }
}

impl Log {
    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What opening told of damage, a line each, without what was mended since.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        self.opened().damage.clone()
    }

    /// Damage that was found later.
    pub(super) fn more_damage(&self, lines: Vec<String>) {
        self.opened().damage.extend(lines);
    }

    /// Whether [`Log::restore`] may be called: the log takes events, or does not for want of files alone that
    /// restores of archived segments make again.
    ///
    /// # Errors
    /// Why not.
    pub fn restorable(&self) -> Result<(), String> {
        if self.opened().mendable.is_empty() { self.writable() } else { Ok(()) }
    }

    /// Notes that the files of the segment at `first` are whole. When that was the last one, the log takes
    /// events from now on.
    pub(super) fn mended(&self, first: u64) -> Result<(), StoreError> {
        let mut opened = self.opened();
        let others = opened.mendable.iter().filter(|(at, _)| *at != first).cloned().collect::<Vec<_>>();
        if others.len() == opened.mendable.len() {
            return Ok(());
        }
        match others.first() {
            Some((_, line)) => {
                self.shared.refuse_for(Some(refusal(line)));
                let mended = |line: &String| !others.iter().any(|(_, other)| other == line);
                let gone = opened.mendable.iter().map(|(_, line)| line).filter(|line| mended(line));
                let gone: Vec<String> = gone.cloned().collect();
                opened.damage.retain(|line| !gone.contains(line));
            }
            None => {
                self.write_again()?;
                opened.damage.clear();
            }
        }
        opened.mendable = others;
        Ok(())
    }

    /// What the opening left out of a log that it found damaged.
    fn write_again(&self) -> Result<(), StoreError> {
        // No append, and no end of the log, falls between.
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = self.notary.last()
            && self.root(last.checkpoint.size)? != last.checkpoint.root
        {
            let size = last.checkpoint.size;
            let why = format!(
                "the log is not the one that the checkpoint of size {size} was signed over; verify it"
            );
            return Err(StoreError::ReadOnly { why });
        }
        // Before the first append: without it a crash after one would meet the mark of the last clean end.
        self.catalog().append(&Entry::Opened)?;
        // Ids of what came back may not have been known.
        self.ids.again();
        self.shared.refuse_for(None);
        Ok(())
    }
}

/// Why a log takes no events that was found damaged.
pub(super) fn refusal(line: &str) -> String {
    format!("damage was found when the log was opened: {line}")
}
