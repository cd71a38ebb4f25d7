//! Checkpoints and proofs: what a log says of itself to those who do not trust it.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::Log;
use crate::error::StoreError;
use crate::merkle::{self, Node, Nodes};
use crate::proof::{BLOCK, Rotated, Signed, SignedFrom, VerifierKey, tlog_proof};

/// Blocks of the tree that are left to the next checkpoint: fewer are not worth a step.
const BLOCKS_DUE: u64 = 64;
/// Blocks that one background step hashes: some milliseconds.
const BLOCKS_STEP: u64 = 128;

/// Proof that a record is in the tree of a signed checkpoint (RFC 9162, 2.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The record.
    pub sequence: u64,
    /// Its leaf.
    pub leaf: Node,
    /// Hashes that lead from the leaf to the root, lowest first.
    pub hashes: Vec<Node>,
    /// The checkpoint whose root they lead to.
    pub signed: Arc<Signed>,
}

impl Inclusion {
    /// The proof as one text file (c2sp.org/tlog-proof) with `extra` data in it. The entry that it is of
    /// is the record's link h, 32 bytes.
    #[must_use]
    pub fn to_tlog_proof(&self, extra: &[u8]) -> String {
        tlog_proof(self.sequence, &self.hashes, &self.signed.note, extra)
    }
}

/// Proof that the tree of `from` leaves is the beginning of that of `to` leaves (RFC 9162, 2.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// Leaves of the older tree.
    pub from: u64,
    /// Leaves of the newer tree.
    pub to: u64,
    /// The proof's hashes.
    pub hashes: Vec<Node>,
    /// The checkpoint of size `to` where one was signed, else one that covers it.
    pub signed: Arc<Signed>,
}

impl Log {
    /// A signed checkpoint over all records of now. It is on stable storage when this returns; where
    /// nothing was added since the last one that one is returned, and once an hour signed again.
    /// A log that takes no events signs nothing and returns its last one.
    ///
    /// `now_us` is the time in microseconds since 1970. Costs a sync and, of what the background has
    /// not hashed yet, about a fifth of a microsecond a record.
    ///
    /// # Errors
    /// `ReadOnly` where nothing was signed and nothing can be; `Full`: try again later; `Damaged` when
    /// a segment cannot be read. Others end writing until the log is opened again.
    pub fn checkpoint(&self, now_us: u64) -> Result<Arc<Signed>, StoreError> {
        if let Some(why) = self.shared.refusal() {
            return self.notary.last().ok_or(StoreError::ReadOnly { why });
        }
        let signed = self.notary.sign(&self.shared.segments, now_us);
        signed.inspect_err(|error| self.end_signing(error))
    }

    /// The newest signed checkpoint, as others may have it.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<Arc<Signed>> {
        self.notary.last()
    }

    /// The verifier key of the log's checkpoints: name, key id and public key. `None` for a log
    /// whose key is not known.
    #[must_use]
    pub fn verifier_key(&self) -> Option<String> {
        self.notary.keys().last().map(VerifierKey::to_string)
    }

    /// All keys that have signed the log's checkpoints, oldest first, and from which size each did.
    #[must_use]
    pub fn signing_keys(&self) -> Vec<SignedFrom> {
        self.notary.keys().all().to_vec()
    }

    /// Remembers, before it is done, that a checkpoint is given to somebody: it is kept for ever then.
    /// Proofs do so by themselves. Costs a small write without a sync where it was not given just before.
    pub fn deliver(&self, signed: &Signed) {
        self.notary.deliver(signed.checkpoint.size);
    }

    /// The verifier key that the next [`Log::rotate_key`] brings, made now where there is none: to be
    /// told before it signs. A log that is opened again first forgets it.
    ///
    /// # Errors
    /// `ReadOnly`, `Io` or `Full`.
    pub fn next_key(&self) -> Result<VerifierKey, StoreError> {
        self.can_sign()?;
        self.notary.next_key(&*self.shared.disk).inspect_err(|error| self.end_signing(error))
    }

    /// Puts a new key in the place of the one that signs, with one checkpoint of now that both sign. The old
    /// key is gone when this returns; what it signed is proved with its public part as before.
    ///
    /// # Errors
    /// As [`Log::checkpoint`]; `Refused` when it was changed many times without an append. A power cut
    /// or an error leaves the old key or the new one in office, which the next opening settles.
    pub fn rotate_key(&self, now_us: u64) -> Result<Rotated, StoreError> {
        self.can_sign()?;
        let rotated = self.notary.rotate(&*self.shared.disk, &self.shared.segments, now_us);
        let rotated = rotated.inspect_err(|error| self.end_signing(error))?;
        self.deliver(&rotated.signed);
        Ok(rotated)
    }

    fn can_sign(&self) -> Result<(), StoreError> {
        self.shared.refusal().map_or(Ok(()), |why| Err(StoreError::ReadOnly { why }))
    }

    /// After some errors it is not known what the disk holds: nothing more is written.
    fn end_signing(&self, error: &StoreError) {
        if matches!(error, StoreError::Io { .. } | StoreError::ReadOnly { .. }) {
            self.shared.poison(error);
        }
    }

    /// One look at the file of checkpoints a day, which may thin it; true when it did.
    pub(super) fn thin_checkpoints(&self) -> Result<bool, StoreError> {
        self.notary.thin(&*self.shared.disk).inspect_err(|error| self.end_signing(error))
    }

    /// The root of the tree over the first `size` records.
    ///
    /// # Errors
    /// `Refused` past the log's end; `Damaged` or `Io`.
    pub fn root(&self, size: u64) -> Result<Node, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        if size > snapshot.head.size {
            return Err(beyond(size, snapshot.head.size));
        }
        merkle::root(size, &self.notary.tree().over(&snapshot))
    }

    /// Proof that a record is in the log; `None` when it has no such record. A checkpoint is signed
    /// where none covers it yet.
    ///
    /// # Errors
    /// As [`Log::checkpoint`]. A proof that does not lead to the signed root is an error, never an answer.
    pub fn inclusion(&self, sequence: u64, now_us: u64) -> Result<Option<Inclusion>, StoreError> {
        if sequence >= self.head().size {
            return Ok(None);
        }
        let signed = self.covering(sequence + 1, now_us)?;
        let snapshot = self.shared.segments.snapshot();
        let over = self.notary.tree().over(&snapshot);
        let leaf = over.node(0, sequence)?;
        let size = signed.checkpoint.size;
        let hashes = merkle::inclusion(sequence, size, &over)?;
        if merkle::root_by_inclusion(&leaf, sequence, size, &hashes) != Some(signed.checkpoint.root) {
            return Err(self.broken_tree(sequence));
        }
        self.deliver(&signed);
        Ok(Some(Inclusion { sequence, leaf, hashes, signed }))
    }

    /// Proof that the log of `to` records goes on from that of `from`; without `to` from there to a
    /// checkpoint of now.
    ///
    /// # Errors
    /// `Refused` when `from` is above `to` or `to` above the log; else as [`Log::checkpoint`].
    pub fn consistency(&self, from: u64, to: Option<u64>, now_us: u64) -> Result<Consistency, StoreError> {
        let head = self.head().size;
        let (to, signed) = match to {
            None => {
                let signed = self.checkpoint(now_us)?;
                (signed.checkpoint.size, signed)
            }
            Some(to) if to > head => return Err(beyond(to, head)),
            Some(to) => match self.notary.of_size(to)? {
                Some(signed) => (to, signed),
                None => (to, self.covering(to, now_us)?),
            },
        };
        let snapshot = self.shared.segments.snapshot();
        let over = self.notary.tree().over(&snapshot);
        let hashes = merkle::consistency(from, to, &over)?;
        if signed.checkpoint.size == to {
            let (old, new) = (merkle::root(from, &over)?, signed.checkpoint.root);
            if !merkle::consistent(from, to, &old, &new, &hashes) {
                return Err(self.broken_tree(from));
            }
        }
        self.deliver(&signed);
        Ok(Consistency { from, to, hashes, signed })
    }

    /// A tile of the tree (c2sp.org/tlog-tiles): `width` hashes of level `8 * level`, from the
    /// `256 * index`-th on. `None` where the last checkpoint does not cover them all.
    ///
    /// # Errors
    /// `Damaged` or `Io`.
    pub fn tile(&self, level: u32, index: u64, width: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(first) = self.published_tile(level, index, width) else { return Ok(None) };
        let snapshot = self.shared.segments.snapshot();
        let over = self.notary.tree().over(&snapshot);
        let mut tile = Vec::with_capacity(width as usize * 32);
        if level == 0 {
            for link in crate::proof::links(&snapshot, first, first + width)? {
                tile.extend_from_slice(&merkle::leaf(&link));
            }
        } else {
            for at in first..first + width {
                tile.extend_from_slice(&over.node(level * 8, at)?);
            }
        }
        Ok(Some(tile))
    }

    /// An entry bundle (c2sp.org/tlog-tiles): the links of `width` records, each behind its length.
    /// `None` where the last checkpoint does not cover them all.
    ///
    /// # Errors
    /// `Damaged` or `Io`.
    pub fn entries(&self, index: u64, width: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(first) = self.published_tile(0, index, width) else { return Ok(None) };
        let snapshot = self.shared.segments.snapshot();
        let links = crate::proof::links(&snapshot, first, first + width)?;
        let entry = |link: &crate::chain::Hash| [&[0, 32][..], link].concat();
        Ok(Some(links.iter().flat_map(entry).collect()))
    }

    /// The first node of a tile that the last checkpoint covers.
    fn published_tile(&self, level: u32, index: u64, width: u64) -> Option<u64> {
        let size = self.notary.last()?.checkpoint.size;
        let nodes = size.checked_shr(level.checked_mul(8)?).unwrap_or(0);
        let first = index.checked_mul(BLOCK)?;
        let covered = (1..=BLOCK).contains(&width) && first.checked_add(width)? <= nodes;
        covered.then_some(first)
    }

    /// A checkpoint of at least `size`.
    pub(super) fn covering(&self, size: u64, now_us: u64) -> Result<Arc<Signed>, StoreError> {
        if let Some(last) = self.notary.last().filter(|last| last.checkpoint.size >= size) {
            return Ok(last);
        }
        let signed = self.checkpoint(now_us)?;
        if signed.checkpoint.size >= size {
            return Ok(signed);
        }
        let why = self.shared.refusal().unwrap_or_default();
        Err(StoreError::ReadOnly {
            why: format!("no checkpoint covers size {size}, and none is signed: {why}"),
        })
    }

    fn broken_tree(&self, sequence: u64) -> StoreError {
        let detail = "the tree does not lead to the root that was signed; verify the log";
        StoreError::damaged(&self.shared.dir.join("tree"), 0, detail).at(sequence)
    }

    /// Hashes what many appends have left of the tree; true when it did.
    pub(super) fn extend_tree(&self) -> Result<bool, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let tree = self.notary.tree();
        if snapshot.head.size / BLOCK < tree.blocks() + BLOCKS_DUE {
            return Ok(false);
        }
        tree.extend(&snapshot, BLOCKS_STEP).map(|_| true)
    }
}

fn beyond(size: u64, head: u64) -> StoreError {
    StoreError::Refused(format!("the log has {head} records, {size} is more"))
}
