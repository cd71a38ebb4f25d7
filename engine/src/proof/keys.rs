//! The keys that have signed a log's checkpoints, in order: public, so that old checkpoints stay provable.
//!
//! Keeps true: the last one is the key that signs, and each but the first signed its first checkpoint
//! together with the one before.
//!
//! On disk: docs/FORMAT.md, "Keys".

use std::fmt::Write as _;
use std::path::Path;

use super::note::{KeyId, VerifierKey};
use crate::error::StoreError;
use crate::ids::Origin;
use crate::io::{Disk, Mode, read_whole, write_whole};

const VERSION: &str = "stele-keys-v1";
/// Holds [`Keys::MOST`] of the longest.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A key, and the size of the first checkpoint that it signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedFrom {
    /// The key.
    pub key: VerifierKey,
    /// The checkpoint of this size is signed by the key before too; 0 for a log's first key.
    pub from_size: u64,
}

/// The keys of a log, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Vec<SignedFrom>);

impl Keys {
    /// Most keys that a log can have had.
    pub const MOST: usize = 1_000;

    /// The keys of a log whose key was never changed.
    #[must_use]
    pub fn of_one(key: VerifierKey) -> Self {
        Self(vec![SignedFrom { key, from_size: 0 }])
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[SignedFrom] {
        &self.0
    }

    /// The key that signs.
    #[must_use]
    pub fn last(&self) -> Option<&VerifierKey> {
        self.0.last().map(|signed| &signed.key)
    }

    /// These and one more.
    #[must_use]
    pub fn with(&self, key: VerifierKey, from_size: u64) -> Self {
        let mut all = self.0.clone();
        all.push(SignedFrom { key, from_size });
        Self(all)
    }

    /// These without the last one, where that is `key`.
    #[must_use]
    pub fn without(&self, key: &VerifierKey) -> Self {
        let mut all = self.0.clone();
        all.pop_if(|last| last.key == *key);
        Self(all)
    }

    /// Which of the keys has this id; none of them gives the number behind the last.
    #[must_use]
    pub fn number(&self, id: KeyId) -> usize {
        self.0.iter().position(|signed| signed.key.id() == id).unwrap_or(self.0.len())
    }

    /// The numbers of the keys that sign checkpoints of a size: one, or all that meet there.
    pub fn at(&self, size: u64) -> impl Iterator<Item = usize> {
        let ends = |number: usize| self.0.get(number + 1).map_or(u64::MAX, |next| next.from_size);
        (0..self.0.len()).filter(move |&number| self.0[number].from_size <= size && size <= ends(number))
    }

    /// The sizes at which one key followed another.
    #[must_use]
    pub fn changes(&self) -> Vec<u64> {
        self.0.iter().skip(1).map(|signed| signed.from_size).collect()
    }

    /// Writes the file, durably: the old content or the new one, whatever the power does.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
        let mut text = String::new();
        for SignedFrom { key, from_size } in &self.0 {
            let said = format!("{from_size} {key}");
            let _ = writeln!(text, "{VERSION} {said} {:08x}", crc32fast::hash(said.as_bytes()));
        }
        write_whole(disk, path, Mode::Shared, text.as_bytes()).map(|_| ())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// `Io`, or `Damaged` when it is not what was written.
    pub fn read(disk: &dyn Disk, path: &Path, origin: &Origin) -> Result<Self, StoreError> {
        let bytes = read_whole(disk, path, FILE_BYTES_MAX, "a list of keys")?;
        Self::parse(&bytes, origin).map_err(|(at, why)| StoreError::damaged(path, at as u64, why))
    }

    fn parse(bytes: &[u8], origin: &Origin) -> Result<Self, (usize, String)> {
        let text = std::str::from_utf8(bytes).map_err(|e| (e.valid_up_to(), "is not text".to_owned()))?;
        let (mut found, mut at) = (Self::default(), 0);
        for line in text.split_inclusive('\n') {
            let signed = line_of(line).map_err(|why| (at, why))?;
            let before = found.0.last();
            let wrong = if signed.key.name() != origin.as_str() {
                Some("is a key of another log")
            } else if before.map_or(signed.from_size != 0, |before| before.from_size > signed.from_size) {
                Some("begins at a size that cannot follow")
            } else if found.number(signed.key.id()) < found.0.len() {
                Some("is a key that signed before")
            } else {
                None
            };
            if let Some(why) = wrong {
                return Err((at, why.to_owned()));
            }
            found.0.push(signed);
            at += line.len();
        }
        if found.0.is_empty() { Err((0, "names no key".to_owned())) } else { Ok(found) }
    }
}

fn line_of(line: &str) -> Result<SignedFrom, String> {
    let line = line.strip_suffix('\n').ok_or("has no line end")?;
    let rest = line.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix(' '));
    let rest = rest.ok_or_else(|| format!("does not begin with {VERSION}"))?;
    let (said, crc) = rest.rsplit_once(' ').ok_or("has no checksum")?;
    if crc != format!("{:08x}", crc32fast::hash(said.as_bytes())) {
        return Err("does not match its checksum".to_owned());
    }
    let (from_size, key) = said.split_once(' ').ok_or("has a size and a key")?;
    let from_size = from_size.parse().map_err(|_| "has no size")?;
    Ok(SignedFrom { key: VerifierKey::parse(key)?, from_size })
}
