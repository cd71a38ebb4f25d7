//! Names of files: what is seen, what is on stable storage, and the journal between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::InodeId;

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    cached: BTreeMap<PathBuf, InodeId>,
    durable: BTreeMap<PathBuf, InodeId>,
    dirs: BTreeSet<PathBuf>,
    /// Changes since the last sync of each directory, in order, with their operation numbers.
    journal: BTreeMap<PathBuf, Vec<(u64, Change)>>,
}

#[derive(Clone, Debug)]
enum Change {
    Link(PathBuf, InodeId),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, InodeId>) {
        match self {
            Self::Link(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

/// The directory of a path; the root, which is always there, for a bare name.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

impl Names {
    /// Names that were settled long ago.
    pub(super) fn settled(names: BTreeMap<PathBuf, InodeId>, dirs: BTreeSet<PathBuf>) -> Self {
        Self { durable: names.clone(), cached: names, dirs, journal: BTreeMap::new() }
    }

    pub(super) const fn cached(&self) -> &BTreeMap<PathBuf, InodeId> {
        &self.cached
    }

    pub(super) const fn dirs(&self) -> &BTreeSet<PathBuf> {
        &self.dirs
    }

    pub(super) fn has_dir(&self, path: &Path) -> bool {
        path.as_os_str().is_empty()
            || path == Path::new(".")
            || path == Path::new("/")
            || self.dirs.contains(path)
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        self.cached.contains_key(path) || self.has_dir(path)
    }

    pub(super) fn add_dir(&mut self, path: &Path) {
        self.dirs.insert(path.to_owned());
    }

    pub(super) fn link(&mut self, op: u64, path: &Path, inode: InodeId) {
        self.change(op, parent(path), Change::Link(path.to_owned(), inode));
    }

    pub(super) fn unlink(&mut self, op: u64, path: &Path) {
        self.change(op, parent(path), Change::Unlink(path.to_owned()));
    }

    pub(super) fn rename(&mut self, op: u64, from: &Path, to: &Path) {
        if from != to {
            self.change(op, parent(from), Change::Rename(from.to_owned(), to.to_owned()));
        }
    }

    fn change(&mut self, op: u64, dir: &Path, change: Change) {
        change.apply(&mut self.cached);
        self.journal.entry(dir.to_owned()).or_default().push((op, change));
    }

    pub(super) fn sync(&mut self, dir: &Path) {
        for (_, change) in self.journal.remove(dir).unwrap_or_default() {
            change.apply(&mut self.durable);
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.journal.is_empty()
    }

    /// Names after a power cut: `kept` says how many of a directory's changes survive, given their
    /// operation numbers.
    pub(super) fn after_power_loss(
        &self,
        kept: &mut dyn FnMut(&[u64]) -> usize,
    ) -> BTreeMap<PathBuf, InodeId> {
        let mut names = self.durable.clone();
        for changes in self.journal.values() {
            let ops: Vec<u64> = changes.iter().map(|(op, _)| *op).collect();
            for (_, change) in &changes[..kept(&ops)] {
                change.apply(&mut names);
            }
        }
        names
    }
}
