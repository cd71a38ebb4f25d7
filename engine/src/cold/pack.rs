//! Bodies to their cold form.

use std::io;

use super::code::{BitWriter, Coder, Counts, Lengths};
use super::column::Plan;
use super::plan::{Chosen, choose};
use super::row::Column;
use super::shape::{Reader, Shapes};
use super::stream::Packer;
use super::values::time;
use super::{BLOCK_BODIES, BLOCK_BYTES_MAX};
use crate::codec::varint;

/// Level of compression of what stands once in a segment.
const ONCE_LEVEL: i32 = 9;
/// Bytes of the dictionary of what texts have in common.
const SHARED_BYTES: usize = 64 << 10;
/// About how many bytes of texts it is made from.
const SAMPLE_BYTES: usize = 512 << 10;

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

/// Packs the bodies of a segment. Holds some 60 bytes a value, and the values, beside the bodies.
///
/// # Errors
/// `InvalidInput` when some bodies next to each other are larger than any block; else what zstd fails
/// with: memory.
pub fn pack(bodies: &[&[u8]]) -> io::Result<Packed> {
    let read = Reader::of(bodies.iter().copied());
    let shapes = read.shapes();
    check_weights(&shapes)?;
    let docs = docs(&shapes);
    let chosen = choose(&shapes, &docs);
    let clock = clock(&shapes, &chosen);
    let times = times(&shapes, &docs, &chosen, clock);
    let time_of = |doc: u32| times.get(doc as usize).copied().unwrap_or(0);
    let of_columns = shapes.columns.iter().zip(&docs).zip(&chosen);
    let (columns, lengths): (Vec<_>, Vec<_>) =
        of_columns.map(|((values, docs), chosen)| Column::new(values, docs, chosen, &time_of)).unzip();
    let (of_shapes, shape_lengths) = shape_code(&shapes);
    let rows = write_rows(&shapes, columns, &of_shapes);
    let shared = shared(&rows)?;
    let (blocks, ends) = write_blocks(&rows, &shared)?;
    let once = |bytes: Vec<u8>| zstd::bulk::compress(&bytes, ONCE_LEVEL);
    Ok(Packed {
        shapes: once(shape_bytes(&shapes, &shape_lengths))?,
        columns: once(column_bytes(&chosen, &lengths, clock))?,
        shared,
        ends,
        blocks,
    })
}

/// A block that is not compressed yet.
struct Rows {
    text: Vec<u8>,
    bits: Vec<u8>,
}

fn check_weights(shapes: &Shapes<'_>) -> io::Result<()> {
    let weight = |&shape: &u32| shapes.shapes[shape as usize].weight();
    let heavy = |bodies: &[u32]| bodies.iter().map(weight).sum::<usize>() > BLOCK_BYTES_MAX;
    if shapes.of_body.chunks(BLOCK_BODIES).any(heavy) {
        return Err(too_large());
    }
    Ok(())
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{BLOCK_BODIES} records are too large for a block"))
}

/// The code of the shapes' numbers. Shapes are told like a column's values, but that none is told again.
fn shape_code(shapes: &Shapes<'_>) -> (Coder, Lengths) {
    let mut counts = Counts::new();
    shapes.of_body.iter().for_each(|&shape| counts.add(u64::from(shape), 0));
    let (lengths, _) = counts.code();
    (Coder::new(&lengths), lengths)
}

fn write_rows(shapes: &Shapes<'_>, mut columns: Vec<Column<'_, '_>>, of_shapes: &Coder) -> Vec<Rows> {
    let mut writer = BitWriter::default();
    let block = |bodies: &[u32]| {
        let mut rows = Rows { text: Vec::new(), bits: Vec::new() };
        for &shape in bodies {
            of_shapes.put(u64::from(shape), &mut writer);
            for &column in &shapes.shapes[shape as usize].columns {
                columns[column as usize].put(&mut writer, &mut rows.text);
            }
        }
        writer.finish(&mut rows.bits);
        rows
    };
    shapes.of_body.chunks(BLOCK_BODIES).map(block).collect()
}

/// A zstd dictionary of what the texts of the segment have in common, from blocks all over it.
fn shared(rows: &[Rows]) -> io::Result<Vec<u8>> {
    let bytes: usize = rows.iter().map(|rows| rows.text.len()).sum();
    let sampled =
        rows.iter().step_by(bytes.div_ceil(SAMPLE_BYTES).max(1)).filter(|rows| rows.text.len() >= 8);
    let samples: Vec<&[u8]> = sampled.map(|rows| &rows.text[..]).collect();
    let bytes: usize = samples.iter().map(|text| text.len()).sum();
    // Too little text makes no dictionary, and needs none.
    Ok(zstd::dict::from_samples(&samples, SHARED_BYTES.min(bytes / 16)).unwrap_or_default())
}

fn write_blocks(rows: &[Rows], shared: &[u8]) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut blocks, mut ends) = (Vec::new(), Vec::new());
    let mut packer = Packer::new(shared)?;
    for rows in rows {
        if rows.text.len() > BLOCK_BYTES_MAX {
            return Err(too_large());
        }
        packer.put(&rows.text, &mut blocks)?;
        blocks.extend_from_slice(&rows.bits);
        ends.extend_from_slice(&(blocks.len() as u64).to_le_bytes());
    }
    Ok((blocks, ends))
}

/// The body of each value of each column.
fn docs(shapes: &Shapes<'_>) -> Vec<Vec<u32>> {
    let mut docs: Vec<Vec<u32>> = shapes.columns.iter().map(|c| Vec::with_capacity(c.len())).collect();
    for (body, &shape) in (0..).zip(shapes.of_body) {
        for &column in &shapes.shapes[shape as usize].columns {
            docs[column as usize].push(body);
        }
    }
    docs
}

/// The column of times that most bodies have.
fn clock(shapes: &Shapes<'_>, chosen: &[Chosen]) -> Option<u32> {
    let times = (0..).zip(chosen).filter(|(_, chosen)| matches!(chosen.plan, Plan::Time { .. }));
    times
        .map(|(column, _)| column)
        .max_by_key(|&column| (shapes.columns[column as usize].len(), std::cmp::Reverse(column)))
}

/// The time of each body, nanoseconds, where a plan asks for it; 1970 for bodies without one.
fn times(shapes: &Shapes<'_>, docs: &[Vec<u32>], chosen: &[Chosen], clock: Option<u32>) -> Vec<i64> {
    let Some(clock) = clock.filter(|_| chosen.iter().any(|chosen| chosen.plan == Plan::Uuid)) else {
        return Vec::new();
    };
    let mut times = vec![0; shapes.of_body.len()];
    // From the last on, so that a body's first value stays.
    for (&doc, value) in docs[clock as usize].iter().zip(&shapes.columns[clock as usize]).rev() {
        times[doc as usize] = time(value).map_or(0, |(ns, _)| ns);
    }
    times
}

fn shape_bytes(shapes: &Shapes<'_>, lengths: &Lengths) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(shapes.of_body.len() as u64, &mut out);
    lengths.put(&mut out);
    varint::put(shapes.shapes.len() as u64, &mut out);
    for shape in shapes.shapes {
        varint::put(shape.text.len() as u64, &mut out);
        out.extend_from_slice(&shape.text);
        shape.columns.iter().for_each(|&column| varint::put(u64::from(column), &mut out));
    }
    out
}

fn column_bytes(chosen: &[Chosen], lengths: &[Lengths], clock: Option<u32>) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(clock.map_or(0, |column| u64::from(column) + 1), &mut out);
    varint::put(chosen.len() as u64, &mut out);
    for (chosen, lengths) in chosen.iter().zip(lengths) {
        chosen.plan.put(&mut out);
        lengths.put(&mut out);
    }
    out
}
