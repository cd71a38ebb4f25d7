//! Single bodies out of a block.

use super::code::{BitReader, PADDING};
use super::column::Plan;
use super::once::{Cold, Form};
use super::row::{DECIMAL_BITS, UUID_REST};
use super::shape::{PLAIN_HOLE, TEXT_HOLE};
use super::stream::{take_text, unfold_sign};
use super::values::{put_joined, put_time, put_uuid, unit};
use super::{BLOCK_BODIES, BLOCK_BYTES_MAX, BODY_BYTES_MAX};

/// The bodies of one block: their values are known, their bytes are made one body at a time.
pub struct Block {
    /// The shape of each body, and its first value.
    bodies: Vec<(u32, u32)>,
    /// The value of each hole, by its column's plan: where the text is (start, length), the place in the
    /// list, in `times` or in `uuids`, the first of a code's bits, a joined number; 0 where another tells it.
    values: Vec<u64>,
    times: Vec<(i64, u8)>,
    uuids: Vec<[u8; 16]>,
    text: Vec<u8>,
    bits: Vec<u8>,
}

const WRONG: &str = "the block has other values than its columns can have";

impl Block {
    /// Decodes a block of so many bodies.
    pub(super) fn read(cold: &Cold, bodies: usize, bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes;
        let text = take_text(&mut rest, &cold.shared, BLOCK_BYTES_MAX)?;
        let mut bits = Vec::with_capacity(rest.len() + PADDING);
        bits.extend_from_slice(rest);
        bits.resize(rest.len() + PADDING, 0);
        let made = Self {
            bodies: Vec::with_capacity(bodies.min(BLOCK_BODIES)),
            values: Vec::with_capacity(1 << 11),
            times: Vec::with_capacity(BLOCK_BODIES),
            uuids: Vec::with_capacity(BLOCK_BODIES),
            text,
            bits: Vec::new(),
        };
        let last = vec![None; cold.columns.len()];
        let mut reading =
            Reading { made, cold, bits: BitReader::new(&bits, 0), last, passed: 0, away: Vec::new() };
        let mut weight = 0;
        for _ in 0..bodies {
            let shape = reading.shape().ok_or(WRONG)?;
            weight += cold.shapes[shape].shape.weight();
            if weight > BLOCK_BYTES_MAX {
                return Err("the bodies of the block are larger than any".to_owned());
            }
            reading.body(shape).ok_or(WRONG)?;
        }
        let Reading { made, passed, bits: reader, .. } = reading;
        if passed != made.text.len() || !reader.is_done() {
            return Err("the block goes on behind its last value".to_owned());
        }
        Ok(Self { bits, ..made })
    }

    /// Bodies in it.
    #[must_use]
    pub fn bodies(&self) -> usize {
        self.bodies.len()
    }

    /// Heap bytes, roughly.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let values = 8 * (self.bodies.capacity() + self.values.capacity());
        values
            + 16 * (self.times.capacity() + self.uuids.capacity())
            + self.text.len()
            + self.bits.len()
            + 200
    }

    /// Adds the bytes of a body, counted from the block's first; `cold` is what decoded the block.
    ///
    /// # Errors
    /// The block has no such body, or its values are not those of its shape.
    pub fn body(&self, cold: &Cold, at: usize, out: &mut Vec<u8>) -> Result<(), String> {
        self.fill(cold, at, out).ok_or_else(|| format!("body {at} of the block is not what was written"))
    }

    fn fill(&self, cold: &Cold, at: usize, out: &mut Vec<u8>) -> Option<()> {
        let &(shape, first) = self.bodies.get(at)?;
        let Form { shape, told, .. } = cold.shapes.get(shape as usize)?;
        let values = self.values.get(first as usize..)?.get(..told.len())?;
        let (mut rest, most) = (&shape.text[..], out.len().saturating_add(BODY_BYTES_MAX));
        for (&column, &teller) in shape.columns.iter().zip(told) {
            let hole = rest.iter().position(|byte| matches!(*byte, PLAIN_HOLE | TEXT_HOLE))?;
            out.extend_from_slice(&rest[..hole]);
            rest = &rest[hole + 1..];
            self.value(cold, &cold.columns.get(column as usize)?.plan, *values.get(teller as usize)?, out)?;
            if out.len() > most {
                return None;
            }
        }
        out.extend_from_slice(rest);
        Some(())
    }

    /// Adds a value; `value` is that of the column that tells it.
    fn value(&self, cold: &Cold, plan: &Plan, value: u64, out: &mut Vec<u8>) -> Option<()> {
        match plan {
            Plan::Text => {
                let start = (value >> 32) as usize;
                out.extend_from_slice(self.text.get(start..start + value as u32 as usize)?);
            }
            Plan::Words(list) => out.extend_from_slice(list.get(value as usize)?),
            Plan::Time { .. } => {
                let &(ns, decimals) = self.times.get(value as usize)?;
                put_time(ns, decimals, out);
            }
            Plan::Uuid => put_uuid(*self.uuids.get(value as usize)?, out),
            Plan::Coded(symbols) => {
                out.extend_from_slice(&symbols.prefix);
                let (mut bits, width) = (BitReader::new(&self.bits, value), symbols.width());
                for _ in 0..symbols.count {
                    out.push(*symbols.alphabet.get(bits.take(width)? as usize)?);
                }
            }
            Plan::Number { decimals } => put_joined(value, *decimals, out),
            Plan::Same(of) => {
                let other = &cold.columns.get(*of as usize)?.plan;
                return if other.told_from().is_none() { self.value(cold, other, value, out) } else { None };
            }
            Plan::Follows { list, map, .. } => {
                let own = (*map.get(value as usize)?)?;
                out.extend_from_slice(list.get(own as usize)?);
            }
        }
        Some(())
    }
}

/// A block that is being decoded.
struct Reading<'c, 'b> {
    made: Block,
    cold: &'c Cold,
    bits: BitReader<'b>,
    /// The value before of each column.
    last: Vec<Option<u64>>,
    /// Bytes of text that values have taken.
    passed: usize,
    /// UUIDs of the body at hand whose milliseconds are so far from its time.
    away: Vec<(usize, i64)>,
}

impl Reading<'_, '_> {
    fn shape(&mut self) -> Option<usize> {
        let shape = usize::try_from(self.cold.of_shapes.take(&mut self.bits)??).ok()?;
        (shape < self.cold.shapes.len()).then_some(shape)
    }

    fn body(&mut self, shape: usize) -> Option<()> {
        let (form, first) = (&self.cold.shapes[shape], self.made.values.len());
        self.made.bodies.push((shape as u32, u32::try_from(first).ok()?));
        for &column in &form.shape.columns {
            let value = self.value(column)?;
            self.made.values.push(value);
        }
        if self.away.is_empty() {
            return Some(());
        }
        // The time may stand behind what is told from it.
        let time = form.clock.and_then(|clock| self.made.values.get(first + clock as usize));
        let ns = time.and_then(|&time| self.made.times.get(time as usize)).map_or(0, |(ns, _)| *ns);
        for (uuid, away) in self.away.drain(..) {
            let ms = ns.div_euclid(1_000_000).wrapping_add(away);
            self.made.uuids.get_mut(uuid)?[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        }
        Some(())
    }

    fn value(&mut self, column: u32) -> Option<u64> {
        let (cold, index) = (self.cold, column as usize);
        let of = &cold.columns[index];
        if of.plan.told_from().is_some() {
            return Some(0);
        }
        let Some(number) = of.decoder.take(&mut self.bits)? else { return self.last[index] };
        let value = match &of.plan {
            Plan::Text => {
                let (start, length) = (self.passed, usize::try_from(number).ok()?);
                self.passed = start.checked_add(length).filter(|&end| end <= self.made.text.len())?;
                (start as u64) << 32 | number
            }
            Plan::Words(_) => number,
            Plan::Number { .. } => number,
            &Plan::Time { decimals, own } => self.time(index, number, decimals, own)?,
            Plan::Uuid => self.uuid(number)?,
            Plan::Coded(symbols) => {
                let start = self.bits.at();
                self.bits.skip(symbols.count as u64 * u64::from(symbols.width()))?;
                start
            }
            Plan::Same(_) | Plan::Follows { .. } => return None,
        };
        self.last[index] = Some(value);
        Some(value)
    }

    fn time(&mut self, index: usize, step: u64, decimals: u8, own: bool) -> Option<u64> {
        let unit = unit(decimals);
        let last = self.last[index].and_then(|last| self.made.times.get(last as usize));
        let last = last.map_or(0, |(ns, _)| ns / unit);
        let ns = last.wrapping_add(unfold_sign(step)).wrapping_mul(unit);
        let decimals = if own { self.bits.take(DECIMAL_BITS)? as u8 } else { decimals };
        self.made.times.push((ns, decimals));
        Some(self.made.times.len() as u64 - 1)
    }

    fn uuid(&mut self, number: u64) -> Option<u64> {
        let place = self.made.uuids.len();
        let mut bytes = [0; 16];
        if let Some(away) = number.checked_sub(1) {
            self.away.push((place, unfold_sign(away)));
            bytes[6..14].copy_from_slice(&self.bits.take(64)?.to_le_bytes());
            bytes[14..].copy_from_slice(&(self.bits.take(UUID_REST - 64)? as u16).to_le_bytes());
        } else {
            bytes[..8].copy_from_slice(&self.bits.take(64)?.to_le_bytes());
            bytes[8..].copy_from_slice(&self.bits.take(64)?.to_le_bytes());
        }
        self.made.uuids.push(bytes);
        Some(place as u64)
    }
}
