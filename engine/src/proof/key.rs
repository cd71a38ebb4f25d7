//! The key that signs a log's checkpoints, and its file.

use std::fmt;
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::checkpoint::Checkpoint;
use super::note::{KeyId, SignatureLine, VerifierKey};
use crate::error::StoreError;
use crate::ids::{Origin, guarded_line, read_guarded_line};
use crate::io::{Disk, Mode, read_whole, write_whole};

const VERSION: &str = "stele-key-v1";
const FILE_BYTES_MAX: u64 = 256;

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// The signing key of one log. Its private part is never shown and never logged.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
    id: KeyId,
}

impl SigningKey {
    /// The key of a log, from its seed.
    ///
    /// # Errors
    /// The seed or the origin makes no key, in words.
    pub fn new(origin: &Origin, seed: &[u8; 32]) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|e| format!("makes no key: {e}"))?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        let verifier = VerifierKey::new(origin.as_str(), public)?;
        let id = verifier.id();
        Ok(Self { pair, verifier, id })
    }

    /// The public part.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The key's short name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Signs a checkpoint.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> Signature {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(checkpoint.text().as_bytes()).as_ref());
        signature
    }

    /// The signature line of a signature.
    #[must_use]
    pub fn line(&self, signature: &Signature) -> SignatureLine {
        let name = self.verifier.name().to_owned();
        SignatureLine { name, key_id: self.id, signature: signature.to_vec() }
    }

    /// Makes the key of a log from the system's randomness, durably, in the file at `path`.
    ///
    /// # Errors
    /// `Io` or `Full`; no key has the name then.
    pub fn create(disk: &dyn Disk, path: &Path, origin: &Origin) -> Result<Self, StoreError> {
        let mut seed = [0; 32];
        let random = SystemRandom::new().fill(&mut seed);
        random.map_err(|_| {
            let source = std::io::Error::other("the system gives no randomness");
            StoreError::Io { path: path.to_owned(), doing: "making a key for", source }
        })?;
        write_whole(disk, path, Mode::Private, guarded_line(VERSION, &seed).as_bytes())?;
        Self::new(origin, &seed).map_err(|why| StoreError::damaged(path, 0, why))
    }

    /// Reads the file back.
    ///
    /// # Errors
    /// `Io`, or `Damaged` when it is not what was written; never a byte of it.
    pub fn read(disk: &dyn Disk, path: &Path, origin: &Origin) -> Result<Self, StoreError> {
        let line = read_whole(disk, path, FILE_BYTES_MAX, "a key")?;
        read_guarded_line(VERSION, &line)
            .and_then(|seed| Self::new(origin, &seed))
            .map_err(|why| StoreError::damaged(path, 0, why))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("verifier", &self.verifier.to_string()).finish_non_exhaustive()
    }
}
