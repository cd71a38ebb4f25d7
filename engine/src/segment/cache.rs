//! What was decompressed of cold segments lately, within a bound for all of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::cold::{Block, Cold};
use crate::error::StoreError;

/// Bytes that are kept: some 100 blocks of 512 records, with the dictionaries that they need.
const KEPT_BYTES: usize = 128 << 20;

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
        // The new one stays, however large it is: it is being used.
        while self.weight > KEPT_BYTES && self.entries.len() > 1 {
            let oldest = self.entries.iter().filter(|(other, _)| **other != key).min_by_key(|(_, e)| e.used);
            let Some((&oldest, _)) = oldest else { return };
            if let Some(old) = self.entries.remove(&oldest) {
                self.weight -= old.weight;
            }
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
        let third = KEPT_BYTES / 3;
        let mut made = 0;
        let mut ask = |number| {
            let before = made;
            cache
                .get(0, number, || {
                    made += 1;
                    Ok((cold(), third))
                })
                .unwrap();
            made > before
        };
        assert!(ask(0) && ask(1) && ask(2), "made");
        assert!(!ask(0), "kept");
        assert!(ask(3), "one too many");
        assert!(!ask(0) && ask(1), "the one not used for longest went");
        assert!(cache.inner().weight <= KEPT_BYTES);
        assert!(cache.get(0, 9, || Err(StoreError::Cancelled)).is_err());
    }
}
