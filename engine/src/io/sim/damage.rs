//! Damage by hand: what a bad disk, or a person with write access, does while nothing runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::Inode;
use super::{SimDisk, State, names};

/// All of these act at once, durably, and have no operation number.
///
/// # Panics
/// Where the file is not there: tests name files that [`SimDisk::files`] gave them.
impl SimDisk {
    /// All files, sorted by name.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.state().names.cached().keys().cloned().collect()
    }

    /// The bytes of a file.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Vec<u8> {
        let mut state = self.state();
        state.inode_mut(path).cache.to_vec()
    }

    /// Gives a file other bytes; makes it, with its directories, where there is none.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        for dir in path.ancestors().skip(1) {
            if !state.names.has_dir(dir) {
                state.names.add_dir(dir);
            }
        }
        let inode = Inode::settled(path, Arc::new(bytes), false);
        if let Some(&id) = state.names.cached().get(path) {
            let read_only = state.inodes[id].read_only;
            state.inodes[id] = Inode { read_only, durable_read_only: read_only, ..inode };
        } else {
            let id = state.inodes.len();
            state.inodes.push(inode);
            state.names.link(0, path, id);
            state.names.sync(names::parent(path));
        }
    }

    /// Inverts one bit.
    pub fn flip(&self, path: &Path, bit: u64) {
        let mut bytes = self.contents(path);
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        self.put(path, bytes);
    }

    /// Cuts a file to `len` bytes.
    pub fn truncate(&self, path: &Path, len: u64) {
        let mut bytes = self.contents(path);
        bytes.truncate(len as usize);
        self.put(path, bytes);
    }

    /// Exchanges the contents of two files.
    pub fn swap(&self, one: &Path, other: &Path) {
        let bytes = self.contents(one);
        self.put(one, self.contents(other));
        self.put(other, bytes);
    }

    /// Takes a file away.
    pub fn delete(&self, path: &Path) {
        let mut state = self.state();
        state.inode_mut(path);
        state.names.unlink(0, path);
        state.names.sync(names::parent(path));
    }
}

impl State {
    #[expect(clippy::panic, reason = "only tests damage disks, with names they were given")]
    fn inode_mut(&mut self, path: &Path) -> &mut Inode {
        match self.names.cached().get(path) {
            Some(&id) => &mut self.inodes[id],
            None => panic!("no file {} on the simulated disk", path.display()),
        }
    }
}
