//! Randomness that is the same everywhere: integer arithmetic only, no library behind it.
//!
//! Keeps true: a draw depends on the key alone, so event `i` can be made without the events before it.

/// SplitMix64: one addition and three multiply-shifts a draw, good enough for test data.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

/// Scrambles one number; a bijection.
pub(crate) fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Rng {
    /// The stream of `key` numbered `index`.
    pub(crate) fn keyed(key: u64, index: u64) -> Self {
        Self(mix(key ^ mix(index)))
    }
    pub(crate) fn next(&mut self) -> u64 {
        let drawn = mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        drawn
    }
    /// A number below `limit`, which is at least 1.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (((self.next() >> 32) * limit as u64) >> 32) as usize
    }
    /// A number of `from..to`.
    pub(crate) fn within(&mut self, from: u64, to: u64) -> u64 {
        from + (self.next() % (to - from).max(1))
    }
    /// True in `parts` of 1,000 draws.
    pub(crate) fn permille(&mut self, parts: usize) -> bool {
        self.below(1000) < parts
    }
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
    /// Many small numbers, few large ones: a uniform number of bits of `low..=high`, then those bits.
    pub(crate) fn long_tailed(&mut self, low: u32, high: u32) -> u64 {
        let bits = self.within(u64::from(low), u64::from(high) + 1);
        let top = 1u64 << bits;
        top + (self.next() & (top - 1))
    }
}

/// Picks `0..n` with weights 1/(rank + head), from a table of 65,536 quantiles.
#[derive(Debug)]
pub(crate) struct Zipf(Vec<u16>);

impl Zipf {
    const SLOTS: usize = 1 << 16;

    /// `head` flattens the top: 1 gives the classic law. `n` is at most 65,536.
    pub(crate) fn new(n: usize, head: usize) -> Self {
        // Divisions and additions only, in one order: the same table on every machine.
        let weight = |rank: usize| 1.0 / (rank + head) as f64;
        let total: f64 = (0..n).map(weight).sum();
        let mut table = Vec::with_capacity(Self::SLOTS);
        let (mut rank, mut below) = (0, weight(0));
        for slot in 0..Self::SLOTS {
            let quantile = (slot as f64 + 0.5) / Self::SLOTS as f64 * total;
            while below < quantile && rank + 1 < n {
                rank += 1;
                below += weight(rank);
            }
            table.push(rank as u16);
        }
        Self(table)
    }
    /// Picks by the given weights instead of the Zipf law.
    pub(crate) fn weighted(weights: &[u32]) -> Self {
        let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        let mut table = Vec::with_capacity(Self::SLOTS);
        let (mut rank, mut below) = (0, weights.first().map_or(0, |w| u64::from(*w)));
        for slot in 0..Self::SLOTS as u64 {
            while below * Self::SLOTS as u64 <= slot * total && rank + 1 < weights.len() {
                rank += 1;
                below += u64::from(weights[rank]);
            }
            table.push(rank as u16);
        }
        Self(table)
    }
    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        usize::from(self.0[(rng.next() >> 48) as usize])
    }
}
