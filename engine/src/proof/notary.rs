//! The one signer of a log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::checkpoint::Checkpoint;
use super::key::SigningKey;
use super::ledger::{Entry, Ledger};
use super::note::Note;
use super::tree::{BLOCK, Tree};
use crate::error::StoreError;
use crate::ids::Origin;
use crate::io::Disk;
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
    /// The signed note, as others get it.
    pub note: String,
}

/// Signs, one at a time, and remembers what was signed.
pub struct Notary {
    origin: Origin,
    key: Option<SigningKey>,
    tree: Tree,
    /// Held while signing. None when nothing more can be added.
    ledger: Mutex<Option<Ledger>>,
    last: RwLock<Option<Arc<Signed>>>,
}

/// What [`Notary::audit`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The file.
    pub path: PathBuf,
    /// Place in the file, size of the checkpoint before, what is wrong.
    pub faults: Vec<(u64, u64, &'static str)>,
}

/// What opening found.
pub struct Opened {
    /// The notary. It signs only when there is no damage.
    pub notary: Notary,
    /// What was found and done, a line each.
    pub notes: Vec<String>,
    /// Damage, a line each, with its file.
    pub damage: Vec<String>,
}

fn key_path(dir: &Path) -> PathBuf {
    dir.join("key")
}

fn ledger_path(dir: &Path) -> PathBuf {
    dir.join("checkpoints")
}

fn tree_path(dir: &Path) -> PathBuf {
    dir.join("tree")
}

/// Makes the files of tree and checkpoints and the key of a new log, durably, in this order: a key without the
/// file is therefore a file that was taken away. What an interrupted attempt left is replaced.
///
/// # Errors
/// `Io` or `Full`.
pub fn create(disk: &dyn Disk, dir: &Path, origin: &Origin) -> Result<(), StoreError> {
    for path in [key_path(dir), ledger_path(dir), tree_path(dir)] {
        if disk.exists(&path).map_err(StoreError::io(&path, "looking"))? {
            disk.remove(&path).map_err(StoreError::io(&path, "removing"))?;
        }
    }
    Tree::create(disk, &tree_path(dir))?;
    Ledger::create(disk, &ledger_path(dir))?;
    SigningKey::create(disk, &key_path(dir), origin).map(|_| ())
}

impl Notary {
    /// Opens key, checkpoints and tree of a log, and holds the log against the last checkpoint: it must
    /// reach as far, and its root at that size must be the signed one. Costs the hashes of some
    /// hundred leaves, unless the tree's file is not what was signed: then those of the whole log.
    /// A log from before there were checkpoints gets its files now, unless `read_only`.
    ///
    /// # Errors
    /// `Io` or `Full`. Damage is no error: it is part of what is returned.
    pub fn open(
        disk: &dyn Disk,
        dir: &Path,
        origin: &Origin,
        snapshot: &Snapshot,
        read_only: bool,
    ) -> Result<Opened, StoreError> {
        let (mut notes, mut damage) = (Vec::new(), Vec::new());
        let (key, ledger) = files(disk, dir, origin, read_only, &mut notes, &mut damage)?;
        let (tree, note) = Tree::open(disk, &tree_path(dir), read_only)?;
        notes.extend(note);
        let last = ledger.as_ref().and_then(|ledger| ledger.last()).cloned();
        let mut notary =
            Self { origin: origin.clone(), key, tree, ledger: Mutex::new(ledger), last: RwLock::new(None) };
        match last {
            None => notary.tree.cut(0),
            Some(entry) => match notary.resume(&ledger_path(dir), &entry, snapshot) {
                Ok(note) => notes.extend(note),
                Err(fault) => damage.push(fault),
            },
        }
        if !damage.is_empty() {
            notary.ledger = Mutex::new(None);
        }
        Ok(Opened { notary, notes, damage })
    }

    /// Takes up the last checkpoint where it is proved and the log is the one that it is over.
    fn resume(&self, path: &Path, entry: &Entry, snapshot: &Snapshot) -> Result<Option<String>, String> {
        let Some(key) = &self.key else { return Ok(None) };
        let file = path.display();
        let size = entry.size;
        if !self.is_signed(key, entry) {
            return Err(format!(
                "{file}: the last checkpoint, of size {size}, was not signed by the log's key"
            ));
        }
        let signed = self.signed(key, entry);
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(signed));
        let reach = snapshot.head.size;
        if size > reach {
            return Err(format!(
                "rollback suspected: {file}: a checkpoint of size {size} was signed, the log reaches {reach}: \
                 its tail was cut or an older copy was put in place. Bring back the newest copy of the log; \
                 keep this one, and the checkpoints that others hold, to find out what is missing"
            ));
        }
        match self.compare(entry, snapshot) {
            Ok(Compared::Same) => Ok(None),
            Ok(Compared::MadeAgain) => Ok(Some(format!(
                "{}: the tree was not what was signed; made again from the segments",
                path.with_file_name("tree").display()
            ))),
            Ok(Compared::Other) => Err(format!(
                "{file}: the log is not the one that the checkpoint of size {size} was signed over: records \
                 before it were changed. Verify the log, and bring back a copy whose root is the signed one"
            )),
            Err(error) => {
                // What cannot be read has its own entry among the damage, or is made again later; no
                // checkpoint is signed before the log is proved to go on from the last one.
                self.tree.cut(0);
                Ok(Some(format!("the root of the last checkpoint could not be computed yet: {error}")))
            }
        }
    }

    fn compare(&self, entry: &Entry, snapshot: &Snapshot) -> Result<Compared, StoreError> {
        let whole = entry.size / BLOCK;
        self.tree.cut(whole);
        let missing = self.tree.blocks() < whole;
        if self.leads_to(entry, snapshot)? {
            if !missing {
                return Ok(Compared::Same);
            }
        } else {
            self.tree.cut(0);
        }
        self.tree.extend(snapshot, u64::MAX)?;
        let same = self.leads_to(entry, snapshot)?;
        Ok(if same { Compared::MadeAgain } else { Compared::Other })
    }

    /// True when the tree leads to a root that was signed. The last whole block is hashed from the
    /// links whatever is kept: links depend on all before them, so a log that was rewritten in one
    /// piece shows there.
    fn leads_to(&self, entry: &Entry, snapshot: &Snapshot) -> Result<bool, StoreError> {
        let over = self.tree.over(snapshot);
        if let Some(block) = (entry.size / BLOCK).checked_sub(1)
            && let Some(kept) = over.kept_block(block)
            && kept != over.from_links(BLOCK.trailing_zeros(), block)?
        {
            return Ok(false);
        }
        Ok(merkle::root(entry.size, &over)? == entry.root)
    }

    /// The key's public part.
    #[must_use]
    pub fn key(&self) -> Option<&SigningKey> {
        self.key.as_ref()
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

    /// The checkpoint of a size, where one was signed.
    ///
    /// # Errors
    /// `Io` or `Damaged`.
    pub fn of_size(&self, size: u64) -> Result<Option<Arc<Signed>>, StoreError> {
        if let Some(last) = self.last().filter(|last| last.checkpoint.size == size) {
            return Ok(Some(last));
        }
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(ledger), Some(key)) = (&*ledger, &self.key) else { return Ok(None) };
        let found = ledger.of_size(size)?.filter(|entry| entry.key_id == key.id());
        Ok(found.map(|entry| Arc::new(self.signed(key, &entry))))
    }

    /// Checks every checkpoint that was signed: its bytes, its place among the others, its signature.
    /// What is wrong is told as (place in the file, size of the one before, what). `go_on` is asked now
    /// and then; false stops. `None` when the log has no usable file or key, which opening told.
    ///
    /// # Errors
    /// `Io`.
    pub fn audit(&self, go_on: &dyn Fn() -> bool) -> Result<Option<Audit>, StoreError> {
        let held = self.ledger.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Ledger::all);
        let (Some(all), Some(key)) = (held, &self.key) else { return Ok(None) };
        let mut audit = Audit { path: all.path().to_owned(), faults: Vec::new() };
        let (mut size, mut seen) = (0, 0_u64);
        all.each(&mut |at, entry| {
            let wrong = match &entry {
                None => Some("the entry does not match its checksum"),
                Some(entry) if entry.size < size => {
                    Some("the checkpoint is of fewer records than the one before")
                }
                Some(entry) if !self.is_signed(key, entry) => {
                    Some("the checkpoint was not signed by the log's key")
                }
                Some(_) => None,
            };
            audit.faults.extend(wrong.map(|what| (at, size, what)));
            size = entry.map_or(size, |entry| entry.size.max(size));
            seen += 1;
            seen % 256 != 0 || go_on()
        })?;
        Ok(Some(audit))
    }

    fn is_signed(&self, key: &SigningKey, entry: &Entry) -> bool {
        let text = self.checkpoint(entry.size, entry.root).text();
        entry.key_id == key.id() && key.verifier().signed(&text, &entry.signature)
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
        let mut held = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(ledger), Some(key)) = (held.as_mut(), &self.key) else {
            return Err(StoreError::ReadOnly { why: "it signs no checkpoints".to_owned() });
        };
        let snapshot = segments.snapshot();
        let last = self.last();
        if let Some(last) = &last
            && last.checkpoint.size == snapshot.head.size
            && now_us < last.signed_us.saturating_add(IDLE_US)
        {
            return Ok(Arc::clone(last));
        }
        let checkpoint = self.next(&snapshot, last.as_deref())?;
        let entry = Entry {
            size: checkpoint.size,
            signed_us: now_us,
            root: checkpoint.root,
            key_id: key.id(),
            signature: key.sign(&checkpoint),
        };
        let appended = ledger.append(&entry);
        if let Err(error) = appended {
            if !matches!(error, StoreError::Full { .. }) {
                *held = None;
            }
            return Err(error);
        }
        let signed = Arc::new(self.signed(key, &entry));
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&signed));
        Ok(signed)
    }

    /// What is to be signed now, proved to go on from the last one.
    fn next(&self, snapshot: &Snapshot, last: Option<&Signed>) -> Result<Checkpoint, StoreError> {
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

    fn signed(&self, key: &SigningKey, entry: &Entry) -> Signed {
        let checkpoint = self.checkpoint(entry.size, entry.root);
        let note = Note { text: checkpoint.text(), signatures: vec![key.line(&entry.signature)] };
        Signed { note: note.to_string(), signed_us: entry.signed_us, checkpoint }
    }
}

enum Compared {
    Same,
    MadeAgain,
    Other,
}

/// Key and ledger of a log; each is `None` where it cannot be used, which stands in `damage` then,
/// unless a log that is only read never had one.
fn files(
    disk: &dyn Disk,
    dir: &Path,
    origin: &Origin,
    read_only: bool,
    notes: &mut Vec<String>,
    damage: &mut Vec<String>,
) -> Result<(Option<SigningKey>, Option<Ledger>), StoreError> {
    let (key_path, ledger_path) = (key_path(dir), ledger_path(dir));
    let exists = |path: &Path| disk.exists(path).map_err(StoreError::io(path, "looking"));
    let (has_key, has_ledger) = (exists(&key_path)?, exists(&ledger_path)?);
    let ledger = match (has_ledger, has_key) {
        (true, _) => {
            let opened = unless_damaged(Ledger::open(disk, &ledger_path, read_only), damage)?;
            opened.map(|(ledger, note)| {
                notes.extend(note);
                ledger
            })
        }
        (false, true) => {
            let detail = "the checkpoints that were signed are missing: bring the file back from a backup";
            damage.push(format!("{}: {detail}", ledger_path.display()));
            None
        }
        (false, false) if read_only => None,
        (false, false) => Some(Ledger::create(disk, &ledger_path)?),
    };
    if has_key {
        return Ok((unless_damaged(SigningKey::read(disk, &key_path, origin), damage)?, ledger));
    }
    let was_signed = ledger.as_ref().is_some_and(|ledger| ledger.last().is_some());
    if was_signed {
        let detail = "the key that signed checkpoints is missing: bring it back from a backup";
        damage.push(format!("{}: {detail}", key_path.display()));
    }
    if was_signed || read_only || ledger.is_none() {
        return Ok((None, ledger));
    }
    let key = SigningKey::create(disk, &key_path, origin)?;
    notes.push(format!("{}: made; checkpoints are signed from now on", key_path.display()));
    Ok((Some(key), ledger))
}

fn unless_damaged<T>(
    opened: Result<T, StoreError>,
    damage: &mut Vec<String>,
) -> Result<Option<T>, StoreError> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(error @ (StoreError::Damaged { .. } | StoreError::TooNew { .. })) => {
            damage.push(error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
