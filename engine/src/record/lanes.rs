//! Many record hashes at once.
//!
//! r's preimage is whole 64-byte blocks, so records of equal block count can be hashed side by
//! side in the vector lanes of the processor: several times faster than one by one. This uses the
//! one part of the blake3 crate that is public but not documented, which is why that crate is
//! pinned exactly; a test compares every length with the plain way.

use blake3::IncrementCounter;
use blake3::platform::Platform;

use super::hash::{PREFIX_BYTES, prefix, record_hash};

/// BLAKE3's initial value: the key words of unkeyed hashing.
const IV: [u32; 8] =
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19];
const CHUNK_START: u8 = 1;
const CHUNK_END: u8 = 2;
const ROOT: u8 = 8;
/// One BLAKE3 chunk: above this a record is hashed alone.
const BLOCKS_MAX: usize = 16;

/// r of every (salt, body), in order.
#[must_use]
pub fn record_hashes(records: &[(&[u8; 16], &[u8])]) -> Vec<[u8; 32]> {
    let mut hashes = vec![[0; 32]; records.len()];
    let mut by_blocks: [Vec<usize>; BLOCKS_MAX + 1] = Default::default();
    for (i, (salt, body)) in records.iter().enumerate() {
        match by_blocks.get_mut((PREFIX_BYTES + body.len()).div_ceil(64)) {
            Some(group) => group.push(i),
            None => hashes[i] = record_hash(salt, body),
        }
    }
    let platform = Platform::detect();
    for (blocks, group) in by_blocks.iter().enumerate() {
        hash_group(platform, blocks, group, records, &mut hashes);
    }
    hashes
}

fn hash_group(
    platform: Platform,
    blocks: usize,
    group: &[usize],
    records: &[(&[u8; 16], &[u8])],
    hashes: &mut [[u8; 32]],
) {
    macro_rules! dispatch {
        ($($n:literal)*) => {
            match blocks {
                $($n => hash_equal::<{ $n * 64 }>(platform, group, records, hashes),)*
                _ => debug_assert!(group.is_empty(), "no record has {blocks} blocks"),
            }
        };
    }
    dispatch!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
}

fn hash_equal<const N: usize>(
    platform: Platform,
    group: &[usize],
    records: &[(&[u8; 16], &[u8])],
    hashes: &mut [[u8; 32]],
) {
    const LANES: usize = 16;
    let mut inputs = [[0; N]; LANES];
    let mut out = [0; 32 * LANES];
    for lanes in group.chunks(LANES) {
        for (input, &i) in inputs.iter_mut().zip(lanes) {
            let (salt, body) = records[i];
            input[..PREFIX_BYTES].copy_from_slice(&prefix(salt, body.len()));
            let end = PREFIX_BYTES + body.len();
            input[PREFIX_BYTES..end].copy_from_slice(body);
            input[end..].fill(0);
        }
        let refs: [&[u8; N]; LANES] = std::array::from_fn(|lane| &inputs[lane]);
        let out = &mut out[..32 * lanes.len()];
        platform.hash_many(
            &refs[..lanes.len()],
            &IV,
            0,
            IncrementCounter::No,
            0,
            CHUNK_START,
            CHUNK_END | ROOT,
            out,
        );
        for (hash, &i) in out.chunks_exact(32).zip(lanes) {
            hashes[i].copy_from_slice(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_give_what_one_by_one_gives_for_every_length() {
        let bodies: Vec<Vec<u8>> = (0..2200).map(|n| (0..n).map(|i| (i * 7 + n) as u8).collect()).collect();
        let salts: Vec<[u8; 16]> = (0..bodies.len()).map(|i| [i as u8; 16]).collect();
        let mut records: Vec<(&[u8; 16], &[u8])> =
            salts.iter().zip(bodies.iter().map(Vec::as_slice)).collect();
        // Some lengths more than sixteen times, so that full and partial lane groups both occur.
        let repeated: Vec<_> = records.iter().copied().filter(|(_, b)| b.len() % 100 == 3).collect();
        for _ in 0..20 {
            records.extend(&repeated);
        }
        let expected: Vec<[u8; 32]> = records.iter().map(|(salt, body)| record_hash(salt, body)).collect();
        assert_eq!(record_hashes(&records), expected);
    }
}
