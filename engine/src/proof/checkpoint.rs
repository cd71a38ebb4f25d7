//! Checkpoints (c2sp.org/tlog-checkpoint): origin, size and root of a log's tree, signed.

use data_encoding::BASE64;

use super::note::{Note, VerifierKey};
use crate::merkle::Node;

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Leaves of the tree: records of the log.
    pub size: u64,
    /// Root of the tree.
    pub root: Node,
}

impl Checkpoint {
    /// The three lines that are signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }

    /// Reads the three lines, strictly: what this reads, [`Checkpoint::text`] writes back.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let body = text.strip_suffix('\n').ok_or("the last line does not end")?;
        let lines: Vec<&str> = body.split('\n').collect();
        let [origin, size, root] = lines[..] else {
            return Err(format!("a checkpoint has three lines, this text has {}", lines.len()));
        };
        let found = Self {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| "the size is not a number")?,
            root: BASE64
                .decode(root.as_bytes())
                .ok()
                .and_then(|root| root.try_into().ok())
                .ok_or("the root is not 32 bytes in base64")?,
        };
        // Signs, leading zeros.
        if found.text() == text { Ok(found) } else { Err("the size is not in its shortest form".to_owned()) }
    }

    /// Reads a signed checkpoint and checks that `key` signed it, for the log that the key is named for.
    ///
    /// # Errors
    /// Why nothing is proved, in words.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, String> {
        let note = Note::parse(note)?;
        note.verify(key)?;
        let found = Self::parse(&note.text)?;
        if found.origin == key.name() {
            Ok(found)
        } else {
            Err(format!("the checkpoint is of {}, the key of {}", found.origin, key.name()))
        }
    }
}
