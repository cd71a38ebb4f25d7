//! Bodies to their cold form.

use crate::codec::varint;
use std::io;

use super::BLOCK_BODIES;
use super::column::Plan;
use super::plan::{Chosen, alongside, choose};
use super::shape::Shapes;
use super::stream::Packer;
use super::values::{Column, time};

/// Level of compression of what stands once in a segment.
const ONCE_LEVEL: i32 = 9;
/// Bytes of the dictionary of words that texts have in common.
const SHARED_BYTES: usize = 64 << 10;
/// Bytes of texts that it is made from.
const SAMPLE_BYTES: usize = 8 << 20;

/// The parts of a segment's cold form.
pub struct Packed {
    /// Shapes and the columns of their holes, compressed.
    pub shapes: Vec<u8>,
    /// Plans of the columns, compressed.
    pub columns: Vec<u8>,
    /// What texts have in common: a zstd dictionary, or nothing.
    pub shared: Vec<u8>,
    /// Where each block ends in `blocks`, 8 bytes each, little-endian.
    pub ends: Vec<u8>,
    /// The blocks, one after the other.
    pub blocks: Vec<u8>,
}

impl Packed {
    /// Bytes of all parts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shapes.len() + self.columns.len() + self.shared.len() + self.ends.len() + self.blocks.len()
    }
}

/// Packs the bodies of a segment. Holds some 40 bytes a value beside the bodies.
///
/// # Errors
/// What zstd fails with: memory.
pub fn pack(bodies: &[&[u8]]) -> io::Result<Packed> {
    let shapes = Shapes::of(bodies.iter().copied());
    let docs = docs(&shapes);
    let chosen = choose(&shapes, &docs);
    let clock = clock(&shapes, &chosen);
    let cuts = cuts(&docs, bodies.len());
    let shared = shared(&shapes, &chosen, &cuts);
    let packing = Packing { shapes: &shapes, docs: &docs, chosen: &chosen, clock, cuts: &cuts };
    let (mut blocks, mut ends) = (Vec::new(), Vec::new());
    let mut packer = Packer::new(&shared)?;
    for block in 0..bodies.len().div_ceil(BLOCK_BODIES) {
        packing.block(block, &mut packer, &mut blocks)?;
        ends.extend_from_slice(&(blocks.len() as u64).to_le_bytes());
    }
    drop(packer);
    let once = |bytes: Vec<u8>| zstd::bulk::compress(&bytes, ONCE_LEVEL);
    Ok(Packed {
        shapes: once(shape_bytes(&shapes))?,
        columns: once(column_bytes(&chosen, clock))?,
        shared,
        ends,
        blocks,
    })
}

/// The body of each value of each column.
fn docs(shapes: &Shapes<'_>) -> Vec<Vec<u32>> {
    let mut docs: Vec<Vec<u32>> = shapes.columns.iter().map(|c| Vec::with_capacity(c.len())).collect();
    for (body, &shape) in (0..).zip(&shapes.of_body) {
        for &column in &shapes.shapes[shape as usize].columns {
            docs[column as usize].push(body);
        }
    }
    docs
}

/// The column of times that most bodies have.
fn clock(shapes: &Shapes<'_>, chosen: &[Chosen]) -> Option<u32> {
    let times = (0..).zip(chosen).filter(|(_, chosen)| matches!(chosen.plan, Plan::Time(_)));
    times
        .map(|(column, _)| column)
        .max_by_key(|&column| (shapes.columns[column as usize].len(), std::cmp::Reverse(column)))
}

/// Where the values of each column divide into blocks.
fn cuts(docs: &[Vec<u32>], bodies: usize) -> Vec<Vec<usize>> {
    let blocks = bodies.div_ceil(BLOCK_BODIES);
    let cut = |docs: &Vec<u32>| {
        (0..=blocks).map(|block| docs.partition_point(|&doc| (doc as usize) < block * BLOCK_BODIES)).collect()
    };
    docs.iter().map(cut).collect()
}

/// What the texts of the segment have in common.
fn shared(shapes: &Shapes<'_>, chosen: &[Chosen], cuts: &[Vec<usize>]) -> Vec<u8> {
    let mut samples: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    for ((values, chosen), cuts) in shapes.columns.iter().zip(chosen).zip(cuts) {
        if chosen.plan != Plan::Text {
            continue;
        }
        for cut in cuts.windows(2) {
            let sample = values[cut[0]..cut[1]].concat();
            if sample.len() >= 64 && bytes < SAMPLE_BYTES {
                bytes += sample.len();
                samples.push(sample);
            }
        }
    }
    // Too little text makes no dictionary, and needs none.
    zstd::dict::from_samples(&samples, SHARED_BYTES.min(bytes / 16)).unwrap_or_default()
}

struct Packing<'p, 'a> {
    shapes: &'p Shapes<'a>,
    docs: &'p [Vec<u32>],
    chosen: &'p [Chosen],
    clock: Option<u32>,
    cuts: &'p [Vec<usize>],
}

impl Packing<'_, '_> {
    /// Number of bodies, their shapes, then the streams of the columns that they have, times first.
    fn block(&self, block: usize, packer: &mut Packer<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let start = block * BLOCK_BODIES;
        let of_body = &self.shapes.of_body[start..self.shapes.of_body.len().min(start + BLOCK_BODIES)];
        varint::put(of_body.len() as u64, out);
        let mut stream = Vec::new();
        of_body.iter().for_each(|&shape| varint::put(u64::from(shape), &mut stream));
        packer.put(&stream, false, out)?;
        for rank in 0..2 {
            for (column, chosen) in self.chosen.iter().enumerate().filter(|(_, c)| c.plan.rank() == rank) {
                let cut = self.cuts[column][block]..self.cuts[column][block + 1];
                if cut.is_empty() {
                    continue;
                }
                let clock = self.times(chosen, &self.docs[column][cut.clone()]);
                let places = chosen.places.get(cut.clone()).unwrap_or(&[]);
                let values = &self.shapes.columns[column][cut];
                Column { plan: &chosen.plan, values, places, clock: &clock }.put(packer, out)?;
            }
        }
        Ok(())
    }

    /// The time of each body, where the plan asks for it; 1970 for bodies without one.
    fn times(&self, chosen: &Chosen, docs: &[u32]) -> Vec<i64> {
        let (Plan::Uuid, Some(clock)) = (&chosen.plan, self.clock) else { return Vec::new() };
        let (theirs, values) = (&self.docs[clock as usize], &self.shapes.columns[clock as usize]);
        let of = |doc: &u32| {
            let at = alongside(std::slice::from_ref(doc), theirs)?;
            time(values[at[0] as usize]).map(|(ns, _)| ns)
        };
        docs.iter().map(|doc| of(doc).unwrap_or(0)).collect()
    }
}

fn shape_bytes(shapes: &Shapes<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(shapes.of_body.len() as u64, &mut out);
    varint::put(shapes.shapes.len() as u64, &mut out);
    for shape in &shapes.shapes {
        varint::put(shape.text.len() as u64, &mut out);
        out.extend_from_slice(&shape.text);
        shape.columns.iter().for_each(|&column| varint::put(u64::from(column), &mut out));
    }
    out
}

fn column_bytes(chosen: &[Chosen], clock: Option<u32>) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(clock.map_or(0, |column| u64::from(column) + 1), &mut out);
    varint::put(chosen.len() as u64, &mut out);
    chosen.iter().for_each(|chosen| chosen.plan.put(&mut out));
    out
}
