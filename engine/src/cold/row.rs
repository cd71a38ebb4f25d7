//! The values of one column on their way into blocks: as numbers, and bits that go with them.

use super::BLOCK_BODIES;
use super::code::{BitWriter, Coder, Counts, Lengths};
use super::column::Plan;
use super::plan::Chosen;
use super::stream::fold_sign;
use super::values::{joined, number, time, unit, uuid, uuid_ms};

/// Bits of a UUID behind its milliseconds.
pub(super) const UUID_REST: u32 = 80;
/// Bits of a time's own decimals.
pub(super) const DECIMAL_BITS: u32 = 4;
/// About what a text costs beside its length, in bits.
const TEXT_BITS: u64 = 64;

/// A column, ready to be written value by value.
pub(super) struct Column<'p, 'a> {
    plan: &'p Plan,
    values: &'p [&'a [u8]],
    /// The number of each value.
    numbers: Vec<u64>,
    /// Whether a value is the one before in its block, where that is said.
    again: Option<Vec<bool>>,
    coder: Coder,
    next: usize,
}

impl<'p, 'a> Column<'p, 'a> {
    /// `docs` has the body of each value, `clock` gives the time of each body.
    pub fn new(
        values: &'p [&'a [u8]],
        docs: &[u32],
        chosen: &'p Chosen,
        clock: &dyn Fn(u32) -> i64,
    ) -> (Self, Lengths) {
        let plan = &chosen.plan;
        let mut made = Self {
            plan,
            values,
            numbers: Vec::new(),
            again: None,
            coder: Coder::new(&Lengths::default()),
            next: 0,
        };
        if plan.told_from().is_some() {
            return (made, Lengths::default());
        }
        let blocks: Vec<bool> = starts(docs);
        let again = made.again(&blocks, &chosen.places);
        made.numbers = made.numbers(&blocks, docs, &chosen.places, clock);
        let (mut each, mut without) = (Counts::new(), Counts::new());
        for (at, (&number, &again)) in made.numbers.iter().zip(&again).enumerate() {
            let bits = made.bits(at);
            each.add(number, bits);
            if again { without.add_again() } else { without.add(number, bits) }
        }
        let ((each, each_bits), (without, without_bits)) = (each.code(), without.code());
        let lengths = if without_bits < each_bits { without } else { each };
        made.again = (without_bits < each_bits).then_some(again);
        made.coder = Coder::new(&lengths);
        (made, lengths)
    }

    /// Whether each value is the one before in its block.
    fn again(&self, starts: &[bool], places: &[u32]) -> Vec<bool> {
        let same = |at: usize| match places.get(at) {
            Some(place) => *place == places[at - 1],
            None => self.values[at] == self.values[at - 1],
        };
        starts.iter().enumerate().map(|(at, start)| !start && same(at)).collect()
    }

    fn numbers(&self, starts: &[bool], docs: &[u32], places: &[u32], clock: &dyn Fn(u32) -> i64) -> Vec<u64> {
        let each = |of: &dyn Fn(usize) -> u64| (0..self.values.len()).map(of).collect();
        match self.plan {
            Plan::Text => each(&|at| self.values[at].len() as u64),
            Plan::Words(_) => places.iter().map(|&place| u64::from(place)).collect(),
            Plan::Time { decimals, .. } => {
                let (unit, mut last) = (unit(*decimals), 0);
                let steps = self.values.iter().zip(starts).map(|(value, start)| {
                    let now = time(value).map_or(0, |(ns, _)| ns / unit);
                    let step: i64 = now.wrapping_sub(if *start { 0 } else { last });
                    last = now;
                    fold_sign(step)
                });
                steps.collect()
            }
            Plan::Uuid => each(&|at| {
                let own = uuid(self.values[at]).and_then(|bytes| uuid_ms(&bytes));
                own.map_or(0, |own| fold_sign(own - clock(docs[at]).div_euclid(1_000_000)) + 1)
            }),
            Plan::Number { decimals } => {
                each(&|at| number(self.values[at]).and_then(|value| joined(value, *decimals)).unwrap_or(0))
            }
            Plan::Coded(_) | Plan::Same(_) | Plan::Follows { .. } => vec![0; self.values.len()],
        }
    }

    /// About how many bits go with a value's number.
    fn bits(&self, at: usize) -> u64 {
        match self.plan {
            Plan::Uuid if self.numbers[at] == 0 => 128,
            Plan::Uuid => u64::from(UUID_REST),
            Plan::Coded(symbols) => symbols.count as u64 * u64::from(symbols.width()),
            Plan::Time { own: true, .. } => u64::from(DECIMAL_BITS),
            Plan::Text => TEXT_BITS,
            _ => 0,
        }
    }

    /// Adds the next value to a block's bits, or text.
    pub fn put(&mut self, bits: &mut BitWriter, text: &mut Vec<u8>) {
        let at = self.next;
        self.next += 1;
        if self.again.as_ref().is_some_and(|again| again[at]) {
            return self.coder.put_again(bits);
        }
        let Some(&number) = self.numbers.get(at) else { return };
        self.coder.put(number, bits);
        let value = self.values[at];
        match self.plan {
            Plan::Text => text.extend_from_slice(value),
            Plan::Time { own: true, .. } => {
                bits.put(time(value).map_or(0, |(_, decimals)| u64::from(decimals)), DECIMAL_BITS);
            }
            Plan::Uuid => {
                let bytes = uuid(value).unwrap_or_default();
                let start = if number == 0 { 0 } else { 6 };
                bytes[start..].iter().for_each(|&byte| bits.put(u64::from(byte), 8));
            }
            Plan::Coded(symbols) => {
                for symbol in &value[symbols.prefix.len()..] {
                    let place = symbols.alphabet.binary_search(symbol).unwrap_or(0);
                    bits.put(place as u64, symbols.width());
                }
            }
            _ => {}
        }
    }
}

/// Whether a value is the first of its column in its block.
fn starts(docs: &[u32]) -> Vec<bool> {
    let block = |doc: u32| doc as usize / BLOCK_BODIES;
    let mut before = None;
    let start = |&doc: &u32| before.replace(block(doc)) != Some(block(doc));
    docs.iter().map(start).collect()
}
