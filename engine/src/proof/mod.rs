//! What a log can prove of itself: signed checkpoints, and the tree that they are over
//! (docs/CUSTODY.md).
//!
//! Owns the signing key and its change, the file of checkpoints and its thinning, and the kept part of
//! the tree; signed notes, checkpoints and proof files as c2sp.org says, which need no log. Decides
//! nothing about when to sign.
//!
//! Keeps true:
//! - a checkpoint is signed only over what is on stable storage, is consistent with the one before,
//!   and is on stable storage itself before anyone sees it;
//! - of one log there are never two signed heads that are inconsistent;
//! - nothing that was read from the tree's file is believed unless it leads to a signed root.

mod audit;
mod checkpoint;
mod delivered;
mod key;
mod keys;
mod ledger;
mod notary;
mod note;
mod opening;
mod roots;
mod rotate;
#[cfg(test)]
mod tests;
mod thin;
mod tlog_proof;
mod tree;

pub use audit::Audit;
pub use checkpoint::Checkpoint;
pub use key::{Signature, SigningKey};
pub use keys::{Keys, SignedFrom};
pub use ledger::{ENTRY_BYTES, Entry, Ledger, Link};
pub use notary::{Notary, Signed};
pub use note::{KeyId, Note, SignatureLine, VerifierKey, unbase64};
pub use opening::{Opened, create};
pub use roots::{Frontier, KeptBlocks};
pub use rotate::Rotated;
pub use tlog_proof::tlog_proof;
pub use tree::{BLOCK, Over, Tree, links};
