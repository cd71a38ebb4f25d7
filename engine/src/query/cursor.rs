//! Page tokens: where a page ended and which snapshot it is of, authenticated.
//!
//! A token is base64url of version (1), head, now, position (8 bytes each, little-endian), digest
//! (16), and the first 16 bytes of BLAKE3 keyed with the log's cursor key over all before.

use data_encoding::BASE64URL_NOPAD;

use crate::ids::Secret;

const VERSION: u8 = 1;
const BODY_BYTES: usize = 1 + 4 * 8 + 16;
const MAC_BYTES: usize = 16;
const LIFETIME_NS: i64 = 24 * 3600 * 1_000_000_000;

/// What a page token holds; sealed and opened with a key of the log's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Snapshot: sequences from here on are invisible.
    pub head: u64,
    /// `now` of the first page.
    pub now_ns: i64,
    /// Position of the last row given out.
    pub after: (i64, u64),
    /// Digest of the request's other parameters, made and compared by the caller.
    pub digest: [u8; 16],
}

/// Why a token was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not sealed with this log's key, or changed since.
    #[error("not a cursor of this log")]
    Foreign,
    /// Sealed too long ago.
    #[error("the cursor is older than 24 hours")]
    Expired,
}

/// Seals and opens cursors: base64url, authenticated.
pub struct CursorKey([u8; 32]);

impl CursorKey {
    /// The key of a log.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self(secret.key("stele/cursor/v1"))
    }

    /// A token for a cursor: 87 characters that need no escaping in a URL.
    #[must_use]
    pub fn seal(&self, cursor: &Cursor) -> String {
        let mut bytes = Vec::with_capacity(BODY_BYTES + MAC_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&cursor.head.to_le_bytes());
        bytes.extend_from_slice(&cursor.now_ns.to_le_bytes());
        bytes.extend_from_slice(&cursor.after.0.to_le_bytes());
        bytes.extend_from_slice(&cursor.after.1.to_le_bytes());
        bytes.extend_from_slice(&cursor.digest);
        let mac = self.mac(&bytes);
        bytes.extend_from_slice(&mac);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The cursor of a token.
    ///
    /// # Errors
    /// `Foreign` for what this key did not seal; `Expired` 24 hours after the first page.
    pub fn open(&self, token: &str, now_ns: i64) -> Result<Cursor, CursorError> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| CursorError::Foreign)?;
        let cursor = self.unpack(&bytes).ok_or(CursorError::Foreign)?;
        if now_ns.saturating_sub(cursor.now_ns) > LIFETIME_NS {
            return Err(CursorError::Expired);
        }
        Ok(cursor)
    }

    fn unpack(&self, bytes: &[u8]) -> Option<Cursor> {
        let (body, mac) = bytes.split_at_checked(BODY_BYTES)?;
        if mac.len() != MAC_BYTES || !equal(&self.mac(body), mac) {
            return None;
        }
        let mut rest = body.strip_prefix(&[VERSION])?;
        let mut word = || {
            let (word, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(*word)
        };
        let head = u64::from_le_bytes(word()?);
        let now_ns = i64::from_le_bytes(word()?);
        let after = (i64::from_le_bytes(word()?), u64::from_le_bytes(word()?));
        let digest = rest.try_into().ok()?;
        Some(Cursor { head, now_ns, after, digest })
    }

    fn mac(&self, body: &[u8]) -> [u8; MAC_BYTES] {
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&blake3::keyed_hash(&self.0, body).as_bytes()[..MAC_BYTES]);
        mac
    }
}

/// Equality in a time that does not depend on where the difference is.
fn equal(a: &[u8; MAC_BYTES], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b));
    std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor { head: 77, now_ns: 1_000, after: (-5, u64::MAX), digest: [9; 16] }
    }

    #[test]
    fn cursor_survives_a_round_trip_and_expires_after_a_day() {
        let key = CursorKey::new(&Secret::new([1; 32]));
        let token = key.seal(&cursor());
        assert_eq!(key.open(&token, 1_000 + LIFETIME_NS), Ok(cursor()));
        assert_eq!(key.open(&token, 1_001 + LIFETIME_NS), Err(CursorError::Expired));
        assert_eq!(key.open(&token, i64::MIN), Ok(cursor()));
    }

    #[test]
    fn cursor_of_another_log_or_with_any_byte_changed_is_foreign() {
        let key = CursorKey::new(&Secret::new([1; 32]));
        let token = key.seal(&cursor());
        let other = CursorKey::new(&Secret::new([2; 32]));
        assert_eq!(other.open(&token, 0), Err(CursorError::Foreign));
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&BASE64URL_NOPAD.encode(&changed), 0), Err(CursorError::Foreign));
        }
        for end in 0..token.len() {
            assert_eq!(key.open(&token[..end], 0), Err(CursorError::Foreign));
        }
        assert_eq!(key.open(&format!("{token}AAAA"), 0), Err(CursorError::Foreign));
        assert_eq!(key.open("ä", 0), Err(CursorError::Foreign));
    }
}
