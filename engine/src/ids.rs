//! Names and keys of a log: origin, secret, and what derives from the secret (docs/CUSTODY.md).

use std::fmt;

use data_encoding::HEXLOWER;

/// An ASCII tag padded with zeros to 16 bytes: it begins every hashed preimage.
#[must_use]
pub const fn tag(text: &str) -> [u8; 16] {
    let bytes = text.as_bytes();
    assert!(bytes.len() <= 16, "a tag has at most 16 bytes");
    let mut padded = [0; 16];
    let mut i = 0;
    while i < bytes.len() {
        padded[i] = bytes[i];
        i += 1;
    }
    padded
}

/// `<site>/stele/<log-id>`: the name of a log, in its chain and its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Longest origin in bytes.
    pub const BYTES_MAX: usize = 255;

    /// Checks an origin: printable ASCII without space or `+`, at most 255 bytes.
    ///
    /// # Errors
    /// The rule that is broken, in words.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > Self::BYTES_MAX {
            return Err(format!("origin has {} bytes, allowed are 1 to {}", text.len(), Self::BYTES_MAX));
        }
        match text.bytes().position(|b| !b.is_ascii_graphic() || b == b'+') {
            Some(at) => Err(format!("origin byte {at} is not printable ASCII, or is a space or `+`")),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const SECRET_VERSION: &str = "stele-secret-v1";

/// The 32 bytes that a log's salts derive from. Made with the log; never shown, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Wraps 32 random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key of its own for one purpose: BLAKE3 keyed with the secret over the purpose's tag.
    #[must_use]
    pub fn key(&self, purpose: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, &tag(purpose)).as_bytes()
    }

    /// The same for one of many uses, told apart by a number (big-endian behind the tag).
    #[must_use]
    pub fn numbered_key(&self, purpose: &str, number: u64) -> [u8; 32] {
        let mut preimage = [0; 24];
        preimage[..16].copy_from_slice(&tag(purpose));
        preimage[16..].copy_from_slice(&number.to_be_bytes());
        *blake3::keyed_hash(&self.0, &preimage).as_bytes()
    }

    /// The secret as the one line of its file: version, hex, CRC-32 of the 32 bytes.
    #[must_use]
    pub fn to_file(&self) -> String {
        guarded_line(SECRET_VERSION, &self.0)
    }

    /// Reads the file's line back.
    ///
    /// # Errors
    /// What is wrong with it, in words; never any byte of it.
    pub fn from_file(text: &[u8]) -> Result<Self, String> {
        read_guarded_line(SECRET_VERSION, text).map(Self)
    }
}

/// 32 bytes as the one line of a file: version, hex, CRC-32 of the bytes.
#[must_use]
pub fn guarded_line(version: &str, bytes: &[u8; 32]) -> String {
    format!("{version} {} {:08x}\n", hex(bytes), crc32fast::hash(bytes))
}

/// Reads such a line back.
///
/// # Errors
/// What is wrong with it, in words; never any byte of it.
pub fn read_guarded_line(version: &str, text: &[u8]) -> Result<[u8; 32], String> {
    let text = std::str::from_utf8(text).map_err(|_| "is not text")?;
    let mut words = text.strip_suffix('\n').ok_or("has no line end")?.split(' ');
    if words.next() != Some(version) {
        return Err(format!("does not begin with {version}"));
    }
    let bytes = words.next().and_then(unhex).ok_or("has no 32 bytes in hex")?;
    let crc = words.next().ok_or("has no checksum")?;
    if words.next().is_some() || crc != format!("{:08x}", crc32fast::hash(&bytes)) {
        return Err("does not match its checksum".to_owned());
    }
    Ok(bytes)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads 32 bytes of lower-case hex.
#[must_use]
pub fn unhex(text: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_refuses_what_a_signed_note_cannot_carry() {
        assert!(Origin::new("example.com/stele/test").is_ok());
        for bad in ["", "a b", "a+b", "ä", &"x".repeat(256)] {
            assert!(Origin::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn secret_file_survives_a_round_trip_and_names_every_flipped_bit() {
        let secret = Secret::new([7; 32]);
        let file = secret.to_file().into_bytes();
        assert_eq!(Secret::from_file(&file), Ok(secret));
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Secret::from_file(&damaged).is_err(), "bit {bit}");
        }
    }
}
