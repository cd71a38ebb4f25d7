//! Operation numbers, and what goes wrong at which.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Input or output error.
pub const EIO: i32 = 5;
/// No space left on the device.
pub const ENOSPC: i32 = 28;

/// Whether a failure goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// The one operation fails.
    Once,
    /// It and all after it fail; where space is short, all that take some.
    FromThenOn,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// `create_new`.
    Create,
    /// `write_all_at`.
    Write,
    /// `set_len`.
    SetLen,
    /// `sync_data`.
    SyncData,
    /// `rename`, with the new name.
    Rename(PathBuf),
    /// `remove`.
    Remove,
    /// `sync_dir`.
    SyncDir,
    /// One directory of `create_dir_all`.
    CreateDir,
    /// `make_read_only`.
    MakeReadOnly,
}

/// One operation that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// What it does.
    pub kind: OpKind,
    /// The file or directory.
    pub path: PathBuf,
    /// Where it writes, or the length it sets.
    pub offset: u64,
    /// How many bytes it writes.
    pub bytes: u64,
}

impl Op {
    /// True for `sync_data` and `sync_dir`.
    #[must_use]
    pub const fn is_sync(&self) -> bool {
        matches!(self.kind, OpKind::SyncData | OpKind::SyncDir)
    }

    /// True for what may need room on the disk.
    #[must_use]
    pub const fn takes_space(&self) -> bool {
        matches!(self.kind, OpKind::Create | OpKind::Write | OpKind::SetLen | OpKind::CreateDir)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            OpKind::Create => write!(f, "create {path}"),
            OpKind::Write => write!(f, "write {path} {}+{}", self.offset, self.bytes),
            OpKind::SetLen => write!(f, "set length of {path} to {}", self.offset),
            OpKind::SyncData => write!(f, "sync {path}"),
            OpKind::Rename(to) => write!(f, "rename {path} to {}", to.display()),
            OpKind::Remove => write!(f, "remove {path}"),
            OpKind::SyncDir => write!(f, "sync directory {path}"),
            OpKind::CreateDir => write!(f, "create directory {path}"),
            OpKind::MakeReadOnly => write!(f, "make {path} read-only"),
        }
    }
}

/// Which paths a fault concerns.
#[derive(Clone)]
pub(super) struct Pick(pub(super) Arc<dyn Fn(&Path) -> bool + Send + Sync>);

impl fmt::Debug for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pick(…)")
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) ops: Vec<Op>,
    /// Operations of processes that were killed before: effects keep their order across kills.
    pub(super) before: u64,
    pub(super) cut_at: Option<u64>,
    pub(super) dead: bool,
    pub(super) fail_at: Option<(u64, i32, Lasting)>,
    pub(super) fail_syncs: Option<Pick>,
    pub(super) capacity: Option<u64>,
}

fn power_cut() -> io::Error {
    io::Error::other("power cut")
}

impl Faults {
    pub(super) fn alive(&self) -> io::Result<()> {
        if self.dead { Err(power_cut()) } else { Ok(()) }
    }

    /// The place of the next operation in the order of all.
    pub(super) fn stamp(&self) -> u64 {
        self.before + self.ops.len() as u64
    }

    pub(super) fn heal(&mut self) {
        let ops = std::mem::take(&mut self.ops);
        *self = Self { ops, before: self.before, dead: self.dead, ..Self::default() };
    }

    /// Stamps the next operation with its place in the order of all, and gives the failure that it
    /// shall meet after its partial effect.
    pub(super) fn begin(
        &mut self,
        kind: OpKind,
        path: &Path,
        offset: u64,
        bytes: u64,
    ) -> io::Result<(u64, Option<io::Error>)> {
        self.alive()?;
        let number = self.ops.len() as u64;
        let op = Op { kind, path: path.to_owned(), offset, bytes };
        let failure = self.failure(number, &op);
        self.ops.push(op);
        if self.cut_at.is_some_and(|at| number >= at) {
            self.dead = true;
            return Err(power_cut());
        }
        Ok((self.before + number, failure.map(io::Error::from_raw_os_error)))
    }

    fn failure(&self, number: u64, op: &Op) -> Option<i32> {
        if let Some((at, errno, lasting)) = self.fail_at {
            let later = number > at && lasting == Lasting::FromThenOn;
            // A disk that is full and stays so refuses what takes space, and nothing else.
            if number == at || (later && (errno != ENOSPC || op.takes_space())) {
                return Some(errno);
            }
        }
        let picked = self.fail_syncs.as_ref().is_some_and(|pick| op.is_sync() && (pick.0)(&op.path));
        picked.then_some(EIO)
    }
}
