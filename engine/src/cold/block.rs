//! Single bodies out of their cold form.

use crate::codec::varint;
use std::sync::Arc;

use super::column::Plan;
use super::shape::{PLAIN_HOLE, Shape, TEXT_HOLE};
use super::stream::{Unpacker, take_bytes, take_count, take_length};
use super::values::Values;
use super::{BLOCK_BODIES, BLOCK_BYTES_MAX};

/// Most bytes of shapes, and of plans, outside their compressed form.
const ONCE_BYTES_MAX: usize = 256 << 20;

/// What stands once in a segment's cold form, ready to read its blocks.
pub struct Cold {
    bodies: u64,
    shapes: Vec<Shape>,
    plans: Vec<Plan>,
    clock: Option<u32>,
    shared: Vec<u8>,
    ends: Vec<u64>,
}

impl Cold {
    /// Reads the parts that [`super::pack`] made, all but the blocks.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn open(shapes: &[u8], columns: &[u8], shared: &[u8], ends: &[u8]) -> Result<Self, String> {
        let (bodies, shapes) = read_shapes(&once(shapes)?).ok_or("the shapes are not what was written")?;
        let (clock, plans) = read_plans(&once(columns)?).ok_or("the columns are not what was written")?;
        let ends: Vec<u64> = ends.as_chunks::<8>().0.iter().map(|end| u64::from_le_bytes(*end)).collect();
        let cold = Self { bodies, shapes, plans, clock, shared: shared.to_vec(), ends };
        cold.check()?;
        Ok(cold)
    }

    fn check(&self) -> Result<(), String> {
        if self.ends.len() as u64 != self.bodies.div_ceil(BLOCK_BODIES as u64) || !self.ends.is_sorted() {
            return Err("the blocks are not those of the bodies".to_owned());
        }
        let known = |column: u32| (column as usize) < self.plans.len();
        if !self.shapes.iter().all(|shape| shape.columns.iter().all(|&column| known(column))) {
            return Err("a shape has a column that is none".to_owned());
        }
        let is_time = |column: u32| matches!(self.plans.get(column as usize), Some(Plan::Time(_)));
        let sound = self.plans.iter().all(|plan| match plan {
            Plan::Same(of) => self.plans.get(*of as usize).is_some_and(|other| other.rank() < 2),
            Plan::Follows { of, .. } => matches!(self.plans.get(*of as usize), Some(Plan::Words(_))),
            _ => true,
        });
        if sound && self.clock.is_none_or(is_time) {
            Ok(())
        } else {
            Err("a plan needs a column of another kind".to_owned())
        }
    }

    /// Bodies in the segment.
    #[must_use]
    pub const fn bodies(&self) -> u64 {
        self.bodies
    }

    /// Heap bytes, roughly.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let shapes: usize =
            self.shapes.iter().map(|shape| shape.text.len() + 4 * shape.columns.len() + 64).sum();
        let plans: usize = self.plans.iter().map(|plan| plan.heap_bytes() + 64).sum();
        shapes + plans + self.shared.len() + 8 * self.ends.len()
    }

    /// The block that holds a body, and its place among the blocks' bytes.
    #[must_use]
    pub fn place(&self, body: u64) -> Option<(usize, std::ops::Range<u64>)> {
        let block = usize::try_from(body / BLOCK_BODIES as u64).ok()?;
        let end = *self.ends.get(block)?;
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some((block, start..end))
    }

    /// Decompresses a block.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn block(self: &Arc<Self>, number: usize, bytes: &[u8]) -> Result<Block, String> {
        let wanted = self.bodies.saturating_sub((number * BLOCK_BODIES) as u64).min(BLOCK_BODIES as u64);
        let mut streams = Unpacker::new(bytes, &self.shared, BLOCK_BYTES_MAX);
        if streams.number() != Some(wanted) {
            return Err("the block has another number of bodies".to_owned());
        }
        let of_body = self.shapes_of(&streams.stream()?, wanted as usize)?;
        let layout = Layout::new(self, &of_body);
        let mut values: Vec<Option<Values>> = self.plans.iter().map(|_| None).collect();
        for rank in 0..3 {
            for (column, plan) in self.plans.iter().enumerate().filter(|(_, plan)| plan.rank() == rank) {
                let count = layout.counts[column] as usize;
                if count == 0 {
                    continue;
                }
                let told = layout.told[column].as_deref();
                let times = self.clock.and_then(|clock| values[clock as usize].as_ref());
                let clock = |at: usize| {
                    let place = told.and_then(|told| told.get(at)).copied().unwrap_or(u32::MAX);
                    times.and_then(|times| times.time(place as usize)).unwrap_or(0)
                };
                let taken = Values::take(plan, count, &mut streams, &clock, told)?;
                values[column] = Some(taken);
            }
        }
        if !streams.is_empty() {
            return Err("the block goes on behind its last column".to_owned());
        }
        Ok(Block {
            cold: Arc::clone(self),
            of_body,
            first_hole: layout.first_hole,
            holes: layout.holes,
            values,
        })
    }

    fn shapes_of(&self, stream: &[u8], count: usize) -> Result<Vec<u32>, String> {
        let mut rest = stream;
        let known = self.shapes.len();
        let shapes =
            (0..count).map(|_| take_length(&mut rest, known).filter(|&s| s < known).map(|s| s as u32));
        let shapes: Option<Vec<u32>> = shapes.collect();
        shapes.filter(|_| rest.is_empty()).ok_or_else(|| "the block has shapes that are none".to_owned())
    }
}

/// Where the values of a block's bodies are.
struct Layout {
    /// Values of each column.
    counts: Vec<u32>,
    /// The first hole of each body in `holes`.
    first_hole: Vec<u32>,
    /// Of each hole of each body, the place of its value in its column.
    holes: Vec<u32>,
    /// For columns that need another one: the place there of the first value of the same body.
    told: Vec<Option<Vec<u32>>>,
}

impl Layout {
    fn new(cold: &Cold, of_body: &[u32]) -> Self {
        let mut counts = vec![0_u32; cold.plans.len()];
        let mut told: Vec<Option<Vec<u32>>> =
            cold.plans.iter().map(|plan| plan.needs(cold.clock).map(|_| Vec::new())).collect();
        let (mut first_hole, mut holes) = (Vec::with_capacity(of_body.len()), Vec::new());
        for &shape in of_body {
            let columns = &cold.shapes[shape as usize].columns;
            first_hole.push(holes.len() as u32);
            for &column in columns {
                if let (Some(told), Some(of)) =
                    (&mut told[column as usize], cold.plans[column as usize].needs(cold.clock))
                {
                    // Places of this body's first values: `counts` has what earlier bodies came to, and
                    // moves on below.
                    let there = columns.contains(&of);
                    told.push(if there { counts[of as usize] } else { u32::MAX });
                }
            }
            for &column in columns {
                holes.push(counts[column as usize]);
                counts[column as usize] += 1;
            }
        }
        Self { counts, first_hole, holes, told }
    }
}

/// The bodies of one block.
pub struct Block {
    cold: Arc<Cold>,
    of_body: Vec<u32>,
    first_hole: Vec<u32>,
    holes: Vec<u32>,
    values: Vec<Option<Values>>,
}

impl Block {
    /// Bodies in it.
    #[must_use]
    pub fn bodies(&self) -> usize {
        self.of_body.len()
    }

    /// Heap bytes, roughly.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let values: usize =
            self.values.iter().map(|values| values.as_ref().map_or(0, Values::heap_bytes) + 40).sum();
        values + 4 * (self.of_body.len() + self.first_hole.len() + self.holes.len())
    }

    /// Adds the bytes of a body, counted from the block's first.
    ///
    /// # Errors
    /// The block has no such body, or its values are not those of its shape.
    pub fn body(&self, at: usize, out: &mut Vec<u8>) -> Result<(), String> {
        self.fill(at, out).ok_or_else(|| format!("body {at} of the block is not what was written"))
    }

    fn fill(&self, at: usize, out: &mut Vec<u8>) -> Option<()> {
        let shape = &self.cold.shapes[*self.of_body.get(at)? as usize];
        let mut holes = self.holes.get(*self.first_hole.get(at)? as usize..)?.iter();
        let mut columns = shape.columns.iter();
        let mut rest = &shape.text[..];
        while let Some(hole) = rest.iter().position(|byte| matches!(*byte, PLAIN_HOLE | TEXT_HOLE)) {
            out.extend_from_slice(&rest[..hole]);
            rest = &rest[hole + 1..];
            self.value(*columns.next()?, *holes.next()? as usize, out)?;
        }
        out.extend_from_slice(rest);
        Some(())
    }

    fn value(&self, column: u32, at: usize, out: &mut Vec<u8>) -> Option<()> {
        let plan = &self.cold.plans[column as usize];
        let values = self.values[column as usize].as_ref()?;
        let Values::Told(places) = values else { return values.put(plan, at, out) };
        let place = *places.get(at)? as usize;
        match plan {
            Plan::Same(of) => {
                let other = self.values[*of as usize].as_ref()?;
                other.put(&self.cold.plans[*of as usize], place, out)
            }
            Plan::Follows { of, list, map } => {
                let word = self.values[*of as usize].as_ref()?.place(place)?;
                let own = (*map.get(word as usize)?)?;
                out.extend_from_slice(list.get(own as usize)?);
                Some(())
            }
            _ => None,
        }
    }
}

fn once(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let length = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let length =
        length.and_then(|length| usize::try_from(length).ok()).filter(|&length| length <= ONCE_BYTES_MAX);
    let length = length.ok_or("what stands once in the segment has no length, or is too long")?;
    zstd::bulk::decompress(bytes, length).map_err(|e| format!("what stands once in the segment: {e}"))
}

fn read_shapes(bytes: &[u8]) -> Option<(u64, Vec<Shape>)> {
    let mut rest = bytes;
    let bodies = varint::take(&mut rest)?;
    let count = take_count(&mut rest)?;
    let shapes = (0..count).map(|_| {
        let length = take_count(&mut rest)?;
        let text = take_bytes(&mut rest, length)?.to_vec();
        let holes = text.iter().filter(|byte| matches!(**byte, PLAIN_HOLE | TEXT_HOLE)).count();
        let columns =
            (0..holes).map(|_| u32::try_from(varint::take(&mut rest)?).ok()).collect::<Option<_>>()?;
        Some(Shape { text, columns })
    });
    let shapes = shapes.collect::<Option<Vec<_>>>()?;
    rest.is_empty().then_some((bodies, shapes))
}

fn read_plans(bytes: &[u8]) -> Option<(Option<u32>, Vec<Plan>)> {
    let mut rest = bytes;
    let clock = varint::take(&mut rest)?;
    let clock = clock.checked_sub(1).map(|column| u32::try_from(column).ok());
    let count = take_count(&mut rest)?;
    let plans = (0..count).map(|_| Plan::take(&mut rest)).collect::<Option<Vec<_>>>()?;
    let clock = match clock {
        None => None,
        Some(column) => Some(column?),
    };
    rest.is_empty().then_some((clock, plans))
}
