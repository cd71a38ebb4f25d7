//! The chain: how one record's hash links to the one before (docs/CUSTODY.md).

use crate::ids::{Origin, tag};

/// A link of the chain, h(i): the mission's "hash of the previous entry" seen from the next one.
pub type Hash = [u8; 32];

/// h(-1): where the chain of a log begins.
#[must_use]
pub fn genesis(origin: &Origin) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&tag("stele/genesis/v1"));
    hasher.update(origin.as_str().as_bytes());
    *hasher.finalize().as_bytes()
}

/// What enters a link beside the link before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Position in the log, from 0 without gaps.
    pub sequence: u64,
    /// Server time of the commit, microseconds since 1970.
    pub committed_us: u64,
    /// The event's own time, microseconds since 1970, rounded down.
    pub event_us: u64,
    /// r(i), see [`crate::record::record_hash`].
    pub record_hash: [u8; 32],
}

/// h(i) from h(i-1).
#[must_use]
pub fn link(previous: &Hash, link: &Link) -> Hash {
    let mut preimage = [0; 104];
    preimage[..16].copy_from_slice(&tag("stele/chain/v1"));
    preimage[16..48].copy_from_slice(previous);
    preimage[48..56].copy_from_slice(&link.sequence.to_be_bytes());
    preimage[56..64].copy_from_slice(&link.committed_us.to_be_bytes());
    preimage[64..72].copy_from_slice(&link.event_us.to_be_bytes());
    preimage[72..].copy_from_slice(&link.record_hash);
    *blake3::hash(&preimage).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex;
    use crate::record::record_hash;

    /// Goal: the construction is custody.md to the byte. Method: its published vectors.
    #[test]
    fn chain_matches_the_published_vectors() {
        let origin = Origin::new("example.com/stele/test").unwrap();
        let x100 = [b'x'; 100];
        let bodies: [&[u8]; 3] = [b"{}", br#"{"event_id":"a","event_type":"auth.login"}"#, &x100];
        let records = [
            "5043c6e9053e4840ed415018b30b312098dc5c0e33c1b3dad1f75417ed839a46",
            "c9757a27c14066643cdb63a0ac298074d4e89ade3ee56ab17af0f2301dcea3b8",
            "da49b8b56d3eaf7cb8f6531d378addf428dcbcc26592332b9109f15af46e9012",
        ];
        let links = [
            "27961674f3ae9d3c4d85d01e0f86b519f703c29abd6550001b9f33ea82b1ced8",
            "1445611f3267e58eb8af2cda7375f7a0f928e327845f0812b56245930a4e283e",
            "d0af9b46d59de92e9aef273028a9457a93b4424d6a57f400643f8afb2ebece46",
        ];
        let mut head = genesis(&origin);
        assert_eq!(hex(&head), "a10e4c99f7870423663008b0eae05f904fdff44ac059e55700b8433998bd9669");
        for (i, body) in bodies.iter().enumerate() {
            let sequence = i as u64;
            let salt = [i as u8; 16];
            let record_hash = record_hash(&salt, body);
            assert_eq!(hex(&record_hash), records[i]);
            // The third record has the commit time of the second: times may stand still, never fall.
            let committed_us = 1_700_000_000_000_000 + sequence.min(1);
            let event_us = 1_600_000_000_000_000 + sequence;
            head = link(&head, &Link { sequence, committed_us, event_us, record_hash });
            assert_eq!(hex(&head), links[i]);
        }
    }
}
