//! One stored event: its salt, its hash, its bytes in a frame, its line in an answer.
//!
//! Keeps true: what is hashed is what is stored, byte for byte; nothing here re-serializes JSON.

mod frame;
mod hash;
mod lanes;

use std::io::Write as _;

pub use frame::{FRAME_BYTES_MAX, FrameBuilder, FrameHeader, HEADER_BYTES, MAGIC, bodies, framed_bytes};
pub use hash::{SaltKey, Salted, record_hash};
pub use lanes::record_hashes;

use crate::ids::hex;

/// A stored event with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Position in the log.
    pub sequence: u64,
    /// Server time of the commit, microseconds since 1970.
    pub committed_us: u64,
    /// The record's salt, disclosed with it.
    pub salt: [u8; 16],
    /// h(sequence - 1).
    pub previous: [u8; 32],
    /// h(sequence).
    pub hash: [u8; 32],
    /// The stored bytes: one line of canonical JSON.
    pub body: Vec<u8>,
}

impl Record {
    /// Appends the line an answer shows: the body with `chain` as its last member, no line end.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        let open = self.body.strip_suffix(b"}").unwrap_or(&self.body);
        out.extend_from_slice(open);
        let written = write!(
            out,
            r#","chain":{{"sequence":{},"committed_at":"{}","salt":"{}","previous":"{}","hash":"{}"}}}}"#,
            self.sequence,
            committed_at(self.committed_us),
            hex(&self.salt),
            hex(&self.previous),
            hex(&self.hash),
        );
        debug_assert!(written.is_ok(), "writing to memory");
    }
}

/// Microseconds since 1970 as RFC 3339 in UTC with six decimals.
#[must_use]
pub fn committed_at(committed_us: u64) -> String {
    let time = i64::try_from(committed_us).ok().and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    match time {
        Some(time) => format!("{time:.6}"),
        None => format!("{committed_us}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_body_and_the_chain_member() {
        let body = br#"{"event_id":"a","metadata":{}}"#.to_vec();
        let record = Record {
            sequence: 17,
            committed_us: 1_700_000_000_000_001,
            salt: [1; 16],
            previous: [2; 32],
            hash: [3; 32],
            body,
        };
        let mut line = Vec::new();
        record.write_line(&mut line);
        let expected = format!(
            r#"{{"event_id":"a","metadata":{{}},"chain":{{"sequence":17,"committed_at":"2023-11-14T22:13:20.000001Z","salt":"{}","previous":"{}","hash":"{}"}}}}"#,
            "01".repeat(16),
            "02".repeat(32),
            "03".repeat(32)
        );
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }
}
