//! What one log's writer, background and readers hold in common.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::dedup::{Locator, Recent};
use crate::error::StoreError;
use crate::ids::{Origin, Secret};
use crate::io::Disk;
use crate::record::SaltKey;
use crate::segment::{ColdCache, Segments};

/// What the writer, the background and readers of one log share.
pub struct Shared {
    /// Where files live.
    pub disk: Arc<dyn Disk>,
    /// The log's folder.
    pub dir: PathBuf,
    /// The log's name in its chain.
    pub origin: Origin,
    /// The log's secret: keys of index events derive from it.
    pub secret: Secret,
    /// Salts and fingerprints of ids.
    pub salts: SaltKey,
    /// What cold segments keep decompressed.
    pub cache: Arc<ColdCache>,
    /// All segments and the head.
    pub segments: Segments,
    /// Ids of sealed segments.
    pub locator: Locator,
    /// Ids of the others.
    pub recent: RwLock<Recent>,
    /// Why no events are taken; `None` when they are.
    pub refuses: RwLock<Option<String>>,
    /// Syncs of the data file by the writer.
    pub syncs: AtomicU64,
    /// Duplicates answered.
    pub duplicates: AtomicU64,
}

impl Shared {
    /// Ids of segments that the locator does not have yet.
    pub fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, to change it.
    pub fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why no events are taken.
    pub fn refusal(&self) -> Option<String> {
        self.refuses.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes no events from now on; the first reason stays.
    pub fn refuse(&self, why: impl Into<String>) {
        self.refuses.write().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.into());
    }

    /// Replaces the reason, or takes events again without one.
    pub fn refuse_for(&self, why: Option<String>) {
        *self.refuses.write().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// A failure that leaves the disk's state unknown ends writing until the log is opened again.
    pub fn poison(&self, error: &StoreError) {
        if !matches!(error, StoreError::Full { .. } | StoreError::Refused(_) | StoreError::Archived { .. }) {
            self.refuse(format!("{error}; reads go on, restart to write again"));
        }
    }
}
