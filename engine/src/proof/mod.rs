//! What a log can prove of itself: signed checkpoints, and the tree that they are over
//! (docs/CUSTODY.md).
//!
//! Owns the signing key, the file of checkpoints and the kept part of the tree; signed notes and
//! checkpoints as c2sp.org says, which need no log. Decides nothing about when to sign.
//!
//! Keeps true:
//! - a checkpoint is signed only over what is on stable storage, is consistent with the one before,
//!   and is on stable storage itself before anyone sees it;
//! - of one log there are never two signed heads that are inconsistent;
//! - nothing that was read from the tree's file is believed unless it leads to a signed root.

mod checkpoint;
mod key;
mod ledger;
mod notary;
mod note;
mod roots;
#[cfg(test)]
mod tests;
mod tree;

pub use checkpoint::Checkpoint;
pub use key::{Signature, SigningKey};
pub use ledger::{All, ENTRY_BYTES, Entry, Ledger};
pub use notary::{Audit, Notary, Opened, Signed, create};
pub use note::{KeyId, Note, SignatureLine, VerifierKey};
pub use roots::{Frontier, KeptBlocks};
pub use tree::{BLOCK, Over, Tree, links};
