//! Rice codes: differences of ascending numbers in close to the fewest bits, for lists of middling
//! density, where bytes waste a quarter.
//!
//! Bits run from the least significant one of each byte. A difference is its quotient by 2^k as that
//! many ones and a zero, then its low k bits.

/// Quotients past this make a code too long to be worth it: the writer refuses.
const QUOTIENT_MAX: u64 = 40;

/// Encodes differences: a byte k, then the codes. `None` where one of them is out of proportion.
pub(super) fn encode(docs: &[u32]) -> Option<Vec<u8>> {
    let mean = u64::from(docs.last()? + 1) / docs.len() as u64;
    // The best k for random gaps is near log2(0.69 × mean).
    let k = (mean * 69 / 100).max(1).ilog2();
    let mut out = vec![k as u8];
    let (mut bits, mut held) = (0_u128, 0_u32);
    let mut next = 0;
    for &doc in docs {
        let difference = u64::from(doc) - next;
        next = u64::from(doc) + 1;
        let quotient = difference >> k;
        if quotient > QUOTIENT_MAX {
            return None;
        }
        let ones = (1_u128 << quotient) - 1;
        let low = u128::from(difference & ((1 << k) - 1));
        bits |= (ones | low << (quotient + 1)) << held;
        held += quotient as u32 + 1 + k;
        while held >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        out.push(bits as u8);
    }
    Some(out)
}

/// Decodes `count` numbers below `limit`; `None` where the bytes are not such a code.
pub(super) fn decode(bytes: &[u8], count: u32, limit: u32) -> Option<Vec<u32>> {
    let (&k, bytes) = bytes.split_first()?;
    // A code takes at least k + 1 bits: a wrong count cannot ask for more than there is.
    if k > 31 || u64::from(count) * (u64::from(k) + 1) > bytes.len() as u64 * 8 {
        return None;
    }
    let (count, limit) = (count as usize, u64::from(limit));
    let mut docs = Vec::with_capacity(count);
    let mut next = 0_u64;
    let mut at = quick(bytes, u32::from(k), count, limit, &mut docs, &mut next);
    while docs.len() < count {
        let quotient = peek(bytes, at)?.trailing_ones();
        // A word holds at least 57 bits that count: a longer code was never written.
        if u64::from(quotient) > QUOTIENT_MAX {
            return None;
        }
        at += quotient as usize + 1;
        let low = peek(bytes, at).unwrap_or(0) & ((1 << k) - 1);
        at += usize::from(k);
        let doc = next + (u64::from(quotient) << k | low);
        if doc >= limit {
            return None;
        }
        docs.push(doc as u32);
        next = doc + 1;
    }
    (at.div_ceil(8) == bytes.len()).then_some(docs)
}

/// The same as long as whole words can be loaded and codes are short: bits are kept in a register, so
/// that one code does not wait for the load of the next. Returns the bit that it stopped at.
fn quick(bytes: &[u8], k: u32, count: usize, limit: u64, docs: &mut Vec<u32>, next: &mut u64) -> usize {
    let mask = (1_u64 << k) - 1;
    let (mut held, mut bits, mut place) = (0_u64, 0_u32, 0_usize);
    while docs.len() < count {
        let Some(word) = bytes.get(place..).and_then(|rest| rest.first_chunk::<8>()) else { break };
        // At least 56 bits are held after this, whatever was before.
        held |= u64::from_le_bytes(*word) << bits;
        place += ((63 - bits) >> 3) as usize;
        bits |= 56;
        let quotient = held.trailing_ones();
        let used = quotient + 1 + k;
        let doc = *next + (u64::from(quotient) << k | held.unbounded_shr(quotient + 1) & mask);
        if used > 56 || doc >= limit {
            break;
        }
        docs.push(doc as u32);
        *next = doc + 1;
        held >>= used;
        bits -= used;
    }
    place * 8 - bits as usize
}

/// The bits from `at` on, at least 57 of them or all that are left; zeros follow the end.
#[inline]
fn peek(bytes: &[u8], at: usize) -> Option<u64> {
    let rest = bytes.get(at / 8..)?;
    let word = match rest.first_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(word)
        }
    };
    Some(word >> (at % 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_any_density_read_back() {
        for step in [1, 2, 3, 7, 20, 50, 333, 5_000, 60_000] {
            for skew in [1_u32, 5, 77] {
                let docs: Vec<u32> =
                    (0..131_072).step_by(step).map(|i| i + i % skew.min(step as u32)).collect();
                let bytes = encode(&docs).unwrap();
                assert_eq!(decode(&bytes, docs.len() as u32, 200_000), Some(docs.clone()), "{step} {skew}");
                assert_eq!(decode(&bytes, docs.len() as u32, docs[docs.len() - 1]), None);
                assert_eq!(decode(&bytes, docs.len() as u32 + 9, 200_000), None);
            }
        }
        assert_eq!(encode(&[]), None);
        let far: Vec<u32> = (0..100).chain([130_000]).collect();
        assert_eq!(encode(&far), None, "one gap out of all proportion");
        assert_eq!(decode(&encode(&[u32::MAX - 1]).unwrap(), 1, u32::MAX), Some(vec![u32::MAX - 1]));
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let docs: Vec<u32> = (0..9_000).step_by(37).collect();
        let bytes = encode(&docs).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let read = decode(&damaged, docs.len() as u32, 9_000);
                assert!(read.is_none_or(|docs| docs.is_sorted() && docs.iter().all(|&doc| doc < 9_000)));
            }
            let _ = decode(&bytes[..at], docs.len() as u32, 9_000);
        }
    }
}
