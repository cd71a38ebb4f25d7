//! What is held when a log is opened: key, checkpoints, tree; and what is done about an interrupted
//! change of the key.

use std::path::{Path, PathBuf};

use super::delivered::Delivered;
use super::key::SigningKey;
use super::keys::Keys;
use super::ledger::{Entry, Ledger, Rewrite};
use super::notary::{Held, Notary};
use super::tree::{BLOCK, Tree};
use crate::catalog::Checkpoints;
use crate::error::StoreError;
use crate::ids::Origin;
use crate::io::{Disk, remove_if_there, sync_parent};
use crate::merkle;
use crate::segment::Snapshot;

/// What opening found.
pub struct Opened {
    /// The notary. It signs only when there is no damage.
    pub notary: Notary,
    /// What was found and done, a line each.
    pub notes: Vec<String>,
    /// Damage, a line each, with its file.
    pub damage: Vec<String>,
}

/// The names of a log's files.
pub(super) struct Paths {
    pub key: PathBuf,
    pub next_key: PathBuf,
    pub keys: PathBuf,
    pub ledger: PathBuf,
    pub delivered: PathBuf,
    pub tree: PathBuf,
}

impl Paths {
    pub fn of(dir: &Path) -> Self {
        let [key, next_key, keys, ledger, delivered, tree] =
            ["key", "key.next", "keys", "checkpoints", "delivered", "tree"].map(|name| dir.join(name));
        Self { key, next_key, keys, ledger, delivered, tree }
    }
}

/// Makes the files of tree and checkpoints and the key of a new log, durably, in this order: a key without the
/// file is therefore a file that was taken away. What an interrupted attempt left is replaced.
///
/// # Errors
/// `Io` or `Full`.
pub fn create(disk: &dyn Disk, dir: &Path, origin: &Origin) -> Result<(), StoreError> {
    let paths = Paths::of(dir);
    for path in [&paths.key, &paths.keys, &paths.next_key, &paths.ledger, &paths.delivered, &paths.tree] {
        remove_if_there(disk, path)?;
    }
    Tree::create(disk, &paths.tree)?;
    Delivered::create(disk, &paths.delivered, 0)?;
    Ledger::create(disk, &paths.ledger)?;
    SigningKey::create(disk, &paths.key, origin).map(|_| ())
}

impl Notary {
    /// Opens key, checkpoints and tree of a log, and holds the log against the last checkpoint: it must
    /// reach as far, and its root at that size must be the signed one. Costs the hashes of some
    /// hundred leaves, unless the tree's file is not what was signed: then those of the whole log.
    /// There must be as many checkpoints as the last shutdown noted (`noted`). An interrupted change of
    /// the key is finished or undone. A log from before there were checkpoints gets its files now. All
    /// this changes nothing on the disk when `read_only`.
    ///
    /// # Errors
    /// `Io` or `Full`. Damage is no error: it is part of what is returned.
    pub fn open(
        disk: &dyn Disk,
        dir: &Path,
        origin: &Origin,
        snapshot: &Snapshot,
        noted: Option<Checkpoints>,
        read_only: bool,
    ) -> Result<Opened, StoreError> {
        let paths = Paths::of(dir);
        let (notes, damage) = (Vec::new(), Vec::new());
        let mut opening = Opening { disk, paths: &paths, origin, read_only, notes, damage };
        let ledger = opening.ledger(noted)?;
        let key = opening.key(ledger.as_ref(), noted)?;
        let (key, keys) = opening.keys(key, ledger.as_ref())?;
        let (tree, note) = Tree::open(disk, &paths.tree, read_only)?;
        opening.notes.extend(note);
        let last = ledger.as_ref().and_then(Ledger::last).cloned();
        let delivered = opening.delivered(last.as_ref())?;
        let Opening { mut notes, mut damage, .. } = opening;
        let held = Held { ledger, key, next: None, signs: false };
        let notary = Self::over(dir, origin, tree, keys, held, noted, delivered);
        match &last {
            None => notary.tree().cut(0),
            Some(entry) => match notary.resume(&paths.ledger, entry, snapshot) {
                Ok(note) => notes.extend(note),
                Err(fault) => damage.push(fault),
            },
        }
        notary.held().signs = damage.is_empty();
        Ok(Opened { notary, notes, damage })
    }

    /// Takes up the last checkpoint where it is proved and the log is the one that it is over.
    fn resume(&self, path: &Path, entry: &Entry, snapshot: &Snapshot) -> Result<Option<String>, String> {
        let keys = self.keys();
        let Some(key) = keys.last() else { return Ok(None) };
        let file = path.display();
        let size = entry.size;
        if !self.is_signed(key, entry) {
            return Err(format!(
                "{file}: the last checkpoint, of size {size}, was not signed by the log's key"
            ));
        }
        if let Err(error) = self.take_up(entry) {
            return Err(error.to_string());
        }
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
                self.tree().cut(0);
                Ok(Some(format!("the root of the last checkpoint could not be computed yet: {error}")))
            }
        }
    }

    fn compare(&self, entry: &Entry, snapshot: &Snapshot) -> Result<Compared, StoreError> {
        let whole = entry.size / BLOCK;
        self.tree().cut(whole);
        let missing = self.tree().blocks() < whole;
        if self.leads_to(entry, snapshot)? {
            if !missing {
                return Ok(Compared::Same);
            }
        } else {
            self.tree().cut(0);
        }
        self.tree().extend(snapshot, u64::MAX)?;
        let same = self.leads_to(entry, snapshot)?;
        Ok(if same { Compared::MadeAgain } else { Compared::Other })
    }

    /// True when the tree leads to a root that was signed. The last whole block is hashed from the
    /// links whatever is kept: links depend on all before them, so a log that was rewritten in one
    /// piece shows there.
    fn leads_to(&self, entry: &Entry, snapshot: &Snapshot) -> Result<bool, StoreError> {
        let over = self.tree().over(snapshot);
        if let Some(block) = (entry.size / BLOCK).checked_sub(1)
            && let Some(kept) = over.kept_block(block)
            && kept != over.from_links(BLOCK.trailing_zeros(), block)?
        {
            return Ok(false);
        }
        Ok(merkle::root(entry.size, &over)? == entry.root)
    }
}

enum Compared {
    Same,
    MadeAgain,
    Other,
}

struct Opening<'a> {
    disk: &'a dyn Disk,
    paths: &'a Paths,
    origin: &'a Origin,
    read_only: bool,
    notes: Vec<String>,
    damage: Vec<String>,
}

impl Opening<'_> {
    fn exists(&self, path: &Path) -> Result<bool, StoreError> {
        self.disk.exists(path).map_err(StoreError::io(path, "looking"))
    }

    fn missing(&mut self, path: &Path, what: &str) {
        self.damage.push(format!("{}: {what} missing: bring the file back from a backup", path.display()));
    }

    /// The file of checkpoints; `None` where it cannot be used, which stands among the damage then,
    /// unless a log that is only read never had one.
    fn ledger(&mut self, noted: Option<Checkpoints>) -> Result<Option<Ledger>, StoreError> {
        let path = &self.paths.ledger;
        if !self.exists(path)? {
            if noted.is_some() || self.exists(&self.paths.key)? {
                self.missing(path, "the checkpoints that were signed are");
                return Ok(None);
            }
            return if self.read_only { Ok(None) } else { Ledger::create(self.disk, path).map(Some) };
        }
        if !self.read_only {
            remove_if_there(self.disk, &Rewrite::path(path))?;
        }
        let opened = Ledger::open(self.disk, path, self.read_only);
        let Some((ledger, note)) = unless_damaged(opened, &mut self.damage)? else { return Ok(None) };
        self.notes.extend(note);
        self.damage.extend(ledger.fault().map(|fault| fault.to_string()));
        self.damage.extend(noted.and_then(|noted| fewer(&ledger, noted)));
        Ok(Some(ledger))
    }

    fn key(
        &mut self,
        ledger: Option<&Ledger>,
        noted: Option<Checkpoints>,
    ) -> Result<Option<SigningKey>, StoreError> {
        let path = &self.paths.key;
        if self.exists(path)? {
            if !self.read_only {
                remove_if_there(self.disk, &path.with_extension("tmp"))?;
            }
            return unless_damaged(SigningKey::read(self.disk, path, self.origin), &mut self.damage);
        }
        let was_signed = noted.is_some() || ledger.is_some_and(|ledger| ledger.last().is_some());
        if was_signed {
            self.missing(path, "the key that signed checkpoints is");
        }
        if was_signed || self.read_only || ledger.is_none() {
            return Ok(None);
        }
        let key = SigningKey::create(self.disk, path, self.origin)?;
        self.notes.push(format!("{}: made; checkpoints are signed from now on", path.display()));
        Ok(Some(key))
    }

    /// The key that signs and those before it, once an interrupted change is finished or undone.
    fn keys(
        &mut self,
        key: Option<SigningKey>,
        ledger: Option<&Ledger>,
    ) -> Result<(Option<SigningKey>, Keys), StoreError> {
        let read = match self.exists(&self.paths.keys)? {
            true => unless_damaged(Keys::read(self.disk, &self.paths.keys, self.origin), &mut self.damage)?,
            false => None,
        };
        let Some(key) = key else { return Ok((None, read.unwrap_or_default())) };
        let keys = read.unwrap_or_else(|| Keys::of_one(key.verifier().clone()));
        let (key, keys) = self.settle(key, keys, ledger.and_then(Ledger::last))?;
        let file = self.paths.keys.display();
        let first = ledger.and_then(Ledger::first).map(|first| first.key_id);
        if self.damage.is_empty() && keys.last() != Some(key.verifier()) {
            let other = "its last key is not the one in the file `key`: bring both back from one backup";
            self.damage.push(format!("{file}: {other}"));
        } else if self.damage.is_empty() && first.is_some_and(|first| keys.number(first) != 0) {
            let detail = "the first checkpoint was not signed by the log's first key";
            let remedy = "where the key was changed, bring the file back from a backup";
            self.damage.push(format!("{}: {detail}; {remedy} ({file})", self.paths.ledger.display()));
        }
        Ok((Some(key), keys))
    }

    /// A next key beside the key: its change was interrupted. Where the last checkpoint is signed by
    /// it, the change is finished, else it is undone.
    fn settle(
        &mut self,
        key: SigningKey,
        keys: Keys,
        last: Option<&Entry>,
    ) -> Result<(SigningKey, Keys), StoreError> {
        let path = &self.paths.next_key;
        // Without the checkpoints it is not known whether the next key has signed: it is kept, and so is what
        // may be needed to go on once they are brought back.
        if !self.exists(path)? || !self.damage.is_empty() {
            return Ok((key, keys));
        }
        let read = unless_damaged(SigningKey::read(self.disk, path, self.origin), &mut self.damage)?;
        let Some(next) = read else { return Ok((key, keys)) };
        let finish = last.is_some_and(|last| last.key_id == next.id());
        if finish {
            if !self.read_only {
                self.disk.rename(path, &self.paths.key).map_err(StoreError::io(path, "renaming"))?;
                sync_parent(self.disk, path)?;
                self.notes.push(format!("{}: the change of the key was finished", self.paths.key.display()));
            }
            return Ok((next, keys));
        }
        let before = keys.without(next.verifier());
        if !self.read_only {
            if before != keys {
                before.write(self.disk, &self.paths.keys)?;
            }
            self.disk.remove(path).map_err(StoreError::io(path, "removing"))?;
            sync_parent(self.disk, path)?;
            self.notes
                .push(format!("{}: a change of the key that signed nothing was undone", path.display()));
        }
        Ok((key, before))
    }

    fn delivered(&mut self, last: Option<&Entry>) -> Result<Option<Delivered>, StoreError> {
        // Of a file of checkpoints that cannot be used it is not known what was signed.
        if self.read_only || !self.damage.is_empty() {
            return Ok(None);
        }
        let all_to = last.map_or(0, |last| last.size);
        let (delivered, note) = Delivered::open(self.disk, &self.paths.delivered, all_to)?;
        self.notes.extend(note);
        Ok(Some(delivered))
    }
}

/// What to say of a ledger that has less than a shutdown noted.
fn fewer(ledger: &Ledger, noted: Checkpoints) -> Option<String> {
    let size = ledger.last().map_or(0, |last| last.size);
    if ledger.signed() >= noted.signed && size >= noted.size {
        return None;
    }
    Some(format!(
        "{}: checkpoints that were signed are missing: {} were signed up to size {} when the log was last closed, \
         {} up to size {size} are there. Bring back the newest copy of the file; the log can be read and \
         verified meanwhile, and hold what others were given against it",
        ledger.path().display(),
        noted.signed,
        noted.size,
        ledger.signed()
    ))
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
