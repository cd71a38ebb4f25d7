//! Salt and record hash, r(i).

use crate::ids::{Secret, tag};

/// Derives a log's salts and id fingerprints.
#[derive(Clone)]
pub struct SaltKey([u8; 32]);

/// What the salt key makes of an event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salted {
    /// Enters r(i); shown only with a disclosed record.
    pub salt: [u8; 16],
    /// Stands for the id in deduplication and lookups. Other bytes of the same keyed hash, so it
    /// says nothing of the salt.
    pub fingerprint: u64,
    /// The bytes behind the fingerprint: with it, 128 bits that stand for an id whose record is archived.
    pub second: u64,
}

impl SaltKey {
    /// K_salt of a log.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self(secret.key("stele/salt/v1"))
    }

    /// Salt and fingerprint of an event id.
    #[must_use]
    pub fn salted(&self, event_id: &str) -> Salted {
        let hash = blake3::keyed_hash(&self.0, event_id.as_bytes());
        let bytes = hash.as_bytes();
        let mut salt = [0; 16];
        salt.copy_from_slice(&bytes[..16]);
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_be_bytes(word)
        };
        Salted { salt, fingerprint: word(16), second: word(24) }
    }
}

/// Bytes before the body in r's preimage: tag, salt, length.
pub(super) const PREFIX_BYTES: usize = 16 + 16 + 8;

/// The first bytes of r's preimage.
pub(super) fn prefix(salt: &[u8; 16], body_bytes: usize) -> [u8; PREFIX_BYTES] {
    let mut prefix = [0; PREFIX_BYTES];
    prefix[..16].copy_from_slice(&tag("stele/record/v1"));
    prefix[16..32].copy_from_slice(salt);
    prefix[32..].copy_from_slice(&(body_bytes as u64).to_be_bytes());
    prefix
}

/// r(i): BLAKE3 of tag, salt, length and body, with zeros up to a multiple of 64 bytes.
#[must_use]
pub fn record_hash(salt: &[u8; 16], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&prefix(salt, body.len()));
    hasher.update(body);
    let used = (PREFIX_BYTES + body.len()) % 64;
    if used != 0 {
        hasher.update(&[0; 64][used..]);
    }
    *hasher.finalize().as_bytes()
}
