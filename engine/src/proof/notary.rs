//! The one signer of a log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::checkpoint::Checkpoint;
use super::delivered::Delivered;
use super::key::SigningKey;
use super::keys::Keys;
use super::ledger::{Entry, Ledger};
use super::note::{Note, SignatureLine, VerifierKey};
use super::tree::Tree;
use crate::catalog::Checkpoints;
use crate::error::StoreError;
use crate::ids::Origin;
use crate::merkle;
use crate::segment::{Segments, Snapshot};

/// A log that does not grow is signed again after this long: it shows that the signer is alive.
const IDLE_US: u64 = 3_600_000_000;

/// A signed checkpoint, on stable storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// When, microseconds since 1970.
    pub signed_us: u64,
    /// The signed note, as others get it. Where one key followed another, both signed it.
    pub note: String,
}

/// Signs, one at a time, and remembers what was signed.
pub struct Notary {
    pub(super) dir: PathBuf,
    origin: Origin,
    tree: Tree,
    /// Held while signing.
    held: Mutex<Held>,
    /// Public parts. Never longer than what `held` has signed with.
    keys: RwLock<Keys>,
    last: RwLock<Option<Arc<Signed>>>,
    /// Taken after `held` where both are. None when the log is only read.
    delivered: Mutex<Option<Delivered>>,
    /// What the last shutdown noted of the file.
    noted: Option<Checkpoints>,
    /// When the file was last looked through for what may go, as checkpoints tell the time.
    pub(super) looked_us: Mutex<u64>,
}

/// What signing needs. Files that cannot be used are None.
pub(super) struct Held {
    pub ledger: Option<Ledger>,
    pub key: Option<SigningKey>,
    /// The key that the next change of the key will use.
    pub next: Option<SigningKey>,
    /// False when nothing more can be added.
    pub signs: bool,
}

impl Held {
    /// The file and the key, where the log signs.
    ///
    /// # Errors
    /// `ReadOnly` where it does not.
    pub fn both(&mut self) -> Result<(&mut Ledger, &mut SigningKey), StoreError> {
        match (self.signs, &mut self.ledger, &mut self.key) {
            (true, Some(ledger), Some(key)) => Ok((ledger, key)),
            _ => Err(StoreError::ReadOnly { why: "it signs no checkpoints".to_owned() }),
        }
    }
}

impl Notary {
    pub(super) fn over(
        dir: &Path,
        origin: &Origin,
        tree: Tree,
        keys: Keys,
        held: Held,
        noted: Option<Checkpoints>,
        delivered: Option<Delivered>,
    ) -> Self {
        Self {
            dir: dir.to_owned(),
            origin: origin.clone(),
            tree,
            held: Mutex::new(held),
            keys: RwLock::new(keys),
            last: RwLock::new(None),
            delivered: Mutex::new(delivered),
            noted,
            looked_us: Mutex::new(0),
        }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn given(&self) -> MutexGuard<'_, Option<Delivered>> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) const fn noted(&self) -> Option<Checkpoints> {
        self.noted
    }

    /// The keys that sign and have signed, oldest first. Empty for a log without a usable key.
    #[must_use]
    pub fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_keys(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn last(&self) -> Option<Arc<Signed>> {
        self.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many checkpoints were signed and up to which size, to be noted at a shutdown. Puts on stable
    /// storage which ones were given away.
    ///
    /// # Errors
    /// `Io`.
    pub fn conclude(&self) -> Result<Option<Checkpoints>, StoreError> {
        let held = self.held();
        if let Some(delivered) = &mut *self.given() {
            delivered.sync()?;
        }
        let Some(ledger) = held.ledger.as_ref() else { return Ok(None) };
        Ok(ledger.last().map(|last| Checkpoints { signed: ledger.signed(), size: last.size }))
    }

    /// Remembers that the checkpoint of a size is given to somebody: it is kept for ever. Costs a write
    /// where it was not given just before, and no sync: a power cut may forget what was given since
    /// the last checkpoint was signed.
    pub fn deliver(&self, size: u64) {
        if let Some(delivered) = &mut *self.given() {
            delivered.remember(size);
        }
    }

    /// The checkpoint of a size, where one was signed and is kept. It counts as given away.
    ///
    /// # Errors
    /// `Io` or `Damaged`.
    pub fn of_size(&self, size: u64) -> Result<Option<Arc<Signed>>, StoreError> {
        let last = self.last().filter(|last| last.checkpoint.size == size);
        let held = self.held();
        let found = match (last, &held.ledger) {
            (Some(last), _) => Some(last),
            (None, Some(ledger)) => self.assembled(ledger, size)?.map(Arc::new),
            (None, None) => None,
        };
        // Before the lock is given back: else it might be thinned out between.
        if found.is_some() {
            self.deliver(size);
        }
        Ok(found)
    }

    /// A checkpoint from the file, with the signatures of all keys that meet at its size.
    fn assembled(&self, ledger: &Ledger, size: u64) -> Result<Option<Signed>, StoreError> {
        let keys = self.keys();
        let mut oldest: Option<Entry> = None;
        let mut lines = Vec::new();
        for number in keys.at(size) {
            let before = |entry: &Entry| (entry.size, keys.number(entry.key_id)) < (size, number);
            let key = &keys.all()[number].key;
            let found = ledger.find(&before)?.filter(|e| e.size == size && e.key_id == key.id());
            if let Some(entry) = found {
                lines.push(line(key, &entry));
                oldest.get_or_insert(entry);
            }
        }
        Ok(oldest.map(|entry| self.signed(&entry, lines)))
    }

    /// The newest entry as others get it; it becomes the last checkpoint.
    pub(super) fn publish(&self, ledger: &Ledger, entry: &Entry) -> Result<Arc<Signed>, StoreError> {
        let keys = self.keys();
        let both = keys.all().len() > 1 && keys.at(entry.size).count() > 1;
        let together = if both { self.assembled(ledger, entry.size)? } else { None };
        let alone = || self.signed(entry, keys.last().map(|key| line(key, entry)).into_iter().collect());
        let signed = together.map_or_else(alone, |both| Signed { signed_us: entry.signed_us, ..both });
        let signed = Arc::new(signed);
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&signed));
        Ok(signed)
    }

    /// The newest entry of the file, at the opening.
    pub(super) fn take_up(&self, entry: &Entry) -> Result<(), StoreError> {
        match &self.held().ledger {
            Some(ledger) => self.publish(ledger, entry).map(|_| ()),
            None => Ok(()),
        }
    }

    pub(super) fn is_signed(&self, key: &VerifierKey, entry: &Entry) -> bool {
        let text = self.checkpoint(entry.size, entry.root).text();
        entry.key_id == key.id() && key.signed(&text, &entry.signature)
    }

    /// Signs a checkpoint over all that is published, which is on stable storage, and returns it once it
    /// is on stable storage too. Where nothing was added since the last one, that one is returned,
    /// and once an hour signed again.
    ///
    /// # Errors
    /// `ReadOnly` when the log cannot sign, or does not go on from the last checkpoint. `Full`: try
    /// again. `Damaged`: a segment cannot be read. After `Io` nothing is signed until the log is
    /// opened again.
    pub fn sign(&self, segments: &Segments, now_us: u64) -> Result<Arc<Signed>, StoreError> {
        let mut held = self.held();
        let (ledger, key) = held.both()?;
        let snapshot = segments.snapshot();
        let last = self.last();
        if let Some(last) = &last
            && last.checkpoint.size == snapshot.head.size
            && now_us < last.signed_us.saturating_add(IDLE_US)
        {
            return Ok(Arc::clone(last));
        }
        let checkpoint = self.next(&snapshot, last.as_deref())?;
        let entry = sealed(key, &checkpoint, now_us);
        let signed = self.add(ledger, &entry).and_then(|()| self.publish(ledger, &entry));
        signed.inspect_err(|error| held.signs &= matches!(error, StoreError::Full { .. }))
    }

    /// Adds an entry, and what was given away until now: both on stable storage when it returns.
    pub(super) fn add(&self, ledger: &mut Ledger, entry: &Entry) -> Result<(), StoreError> {
        if let Some(delivered) = &mut *self.given() {
            delivered.sync()?;
        }
        ledger.append(entry)
    }

    /// What is to be signed now, proved to go on from the last one.
    pub(super) fn next(&self, snapshot: &Snapshot, last: Option<&Signed>) -> Result<Checkpoint, StoreError> {
        self.tree.extend(snapshot, u64::MAX)?;
        let over = self.tree.over(snapshot);
        let size = snapshot.head.size;
        let next = self.checkpoint(size, merkle::root(size, &over)?);
        if let Some(Signed { checkpoint: old, .. }) = last {
            let contradiction = || {
                let signed = format!("the log does not go on from the checkpoint of size {}", old.size);
                StoreError::ReadOnly { why: format!("rollback suspected: {signed}; verify the log") }
            };
            if old.size > size {
                return Err(contradiction());
            }
            let path = merkle::consistency(old.size, size, &over)?;
            if !merkle::consistent(old.size, size, &old.root, &next.root, &path) {
                return Err(contradiction());
            }
        }
        Ok(next)
    }

    fn checkpoint(&self, size: u64, root: merkle::Node) -> Checkpoint {
        Checkpoint { origin: self.origin.as_str().to_owned(), size, root }
    }

    fn signed(&self, entry: &Entry, signatures: Vec<SignatureLine>) -> Signed {
        let checkpoint = self.checkpoint(entry.size, entry.root);
        let note = Note { text: checkpoint.text(), signatures };
        Signed { note: note.to_string(), signed_us: entry.signed_us, checkpoint }
    }

    pub(super) const fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// A checkpoint with a key's signature.
pub(super) fn sealed(key: &SigningKey, checkpoint: &Checkpoint, now_us: u64) -> Entry {
    Entry {
        size: checkpoint.size,
        signed_us: now_us,
        root: checkpoint.root,
        key_id: key.id(),
        signature: key.sign(checkpoint),
    }
}

fn line(key: &VerifierKey, entry: &Entry) -> SignatureLine {
    let name = key.name().to_owned();
    SignatureLine { name, key_id: entry.key_id, signature: entry.signature.to_vec() }
}
