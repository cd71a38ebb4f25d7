//! What was decompressed of cold segments lately, within a bound for all of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::cold::{Block, Cold};
use crate::error::StoreError;

/// Bytes that are kept: of 131,072 records what stands once takes some 2 MiB, a block 24 KiB.
const KEPT_BYTES: usize = 128 << 20;
/// Where these are too many so many go at once: to find the ones to go is a look at all.
const GOING_BYTES: usize = KEPT_BYTES / 16;

/// Something decompressed.
#[derive(Clone)]
pub enum Kept {
    /// What stands once in a file.
    Cold(Arc<Cold>),
    /// A block.
    Block(Arc<Block>),
}

struct Entry {
    kept: Kept,
    weight: usize,
    used: u64,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<(u64, u32), Entry>,
    weight: usize,
    clock: u64,
}

/// The least recently used go first.
#[derive(Default)]
pub struct ColdCache {
    inner: Mutex<Inner>,
    ids: AtomicU64,
}

impl ColdCache {
    /// An id for one more file.
    pub fn new_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// What is kept under a file's id and a number, or what `make` makes, with its bytes. Two who ask at
    /// once may both make it.
    ///
    /// # Errors
    /// What `make` fails with.
    pub fn get(
        &self,
        id: u64,
        number: u32,
        make: impl FnOnce() -> Result<(Kept, usize), StoreError>,
    ) -> Result<Kept, StoreError> {
        if let Some(kept) = self.inner().find((id, number)) {
            return Ok(kept);
        }
        let (kept, weight) = make()?;
        self.inner().add((id, number), kept.clone(), weight);
        Ok(kept)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn find(&mut self, key: (u64, u32)) -> Option<Kept> {
        self.clock += 1;
        let entry = self.entries.get_mut(&key)?;
        entry.used = self.clock;
        Some(entry.kept.clone())
    }

    fn add(&mut self, key: (u64, u32), kept: Kept, weight: usize) {
        let entry = Entry { kept, weight, used: self.clock };
        self.weight += weight;
        if let Some(old) = self.entries.insert(key, entry) {
            self.weight -= old.weight;
        }
        if self.weight > KEPT_BYTES {
            self.shrink(key);
        }
    }

    /// Lets the least recently used go. The new one stays, however large it is: it is being used.
    fn shrink(&mut self, new: (u64, u32)) {
        let others = self.entries.iter().filter(|(key, _)| **key != new);
        let mut by_use: Vec<_> = others.map(|(key, entry)| (entry.used, *key)).collect();
        by_use.sort_unstable();
        for (_, key) in by_use {
            if self.weight <= KEPT_BYTES - GOING_BYTES {
                return;
            }
            self.weight -= self.entries.remove(&key).map_or(0, |old| old.weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cold() -> Kept {
        let packed = crate::cold::pack(&[b"{}"]).unwrap();
        Kept::Cold(Arc::new(
            Cold::open(&packed.shapes, &packed.columns, &packed.shared, &packed.ends).unwrap(),
        ))
    }

    #[test]
    fn the_least_recently_used_goes_first_and_the_bound_holds() {
        let cache = ColdCache::default();
        let twentieth = KEPT_BYTES / 20;
        let mut made = 0;
        let mut ask = |number| {
            let before = made;
            cache
                .get(0, number, || {
                    made += 1;
                    Ok((cold(), twentieth))
                })
                .unwrap();
            made > before
        };
        (0..20).for_each(|number| assert!(ask(number), "made"));
        assert!(!ask(0), "kept");
        assert!(ask(20), "one too many");
        assert!((4..=20).all(|number| !ask(number)), "those used lately stay");
        assert!(!ask(0) && ask(1), "those not used for longest went");
        assert!(cache.inner().weight <= KEPT_BYTES);
        assert!(cache.get(0, 99, || Err(StoreError::Cancelled)).is_err());
    }
}
