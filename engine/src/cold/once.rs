//! What stands once in a segment's cold form.

use zstd::zstd_safe::DDict;

use super::block::Block;
use super::code::{Decoder, Lengths};
use super::column::Plan;
use super::shape::{COLUMNS_MAX, PLAIN_HOLE, SHAPES_MAX, Shape, TEXT_HOLE};
use super::stream::{take_bytes, take_count};
use super::{BLOCK_BODIES, BLOCK_BYTES_MAX};
use crate::codec::varint;

/// Most bytes of shapes, and of plans, outside their compressed form.
const ONCE_BYTES_MAX: usize = 256 << 20;

/// What stands once in a segment's cold form, ready to read its blocks.
pub struct Cold {
    bodies: u64,
    pub(super) of_shapes: Decoder,
    pub(super) shapes: Vec<Form>,
    pub(super) columns: Vec<Column>,
    pub(super) shared: DDict<'static>,
    ends: Vec<u64>,
    heap_bytes: usize,
}

/// A shape, ready to be filled.
pub(super) struct Form {
    pub shape: Shape,
    /// For each hole the place of the hole that tells its value, in the same shape; itself where none does.
    pub told: Vec<u32>,
    /// The first hole with the body's time.
    pub clock: Option<u32>,
}

/// A column as blocks have it.
pub(super) struct Column {
    pub plan: Plan,
    pub decoder: Decoder,
}

impl Cold {
    /// Reads the parts that [`super::pack`] made, all but the blocks.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn open(shapes: &[u8], columns: &[u8], shared: &[u8], ends: &[u8]) -> Result<Self, String> {
        let (clock, columns) = read_columns(&once(columns)?).ok_or("the columns are not what was written")?;
        check(clock, &columns)?;
        let (bodies, of_shapes, shapes) =
            read_shapes(&once(shapes)?).ok_or("the shapes are not what was written")?;
        let forms = shapes.into_iter().map(|shape| Form::of(shape, clock, &columns));
        let shapes = forms.collect::<Option<Vec<_>>>().ok_or("a shape has a column that it cannot have")?;
        let ends: Vec<u64> = ends.as_chunks::<8>().0.iter().map(|end| u64::from_le_bytes(*end)).collect();
        if ends.len() as u64 != bodies.div_ceil(BLOCK_BODIES as u64) || !ends.is_sorted() {
            return Err("the blocks are not those of the bodies".to_owned());
        }
        // A dictionary is held with its tables.
        let heap_bytes = heap_bytes(&shapes, &columns) + shared.len() + (32 << 10) + 8 * ends.len();
        let shared = DDict::try_create(shared).ok_or("what texts have in common is no dictionary")?;
        Ok(Self { bodies, of_shapes, shapes, columns, shared, ends, heap_bytes })
    }

    /// Bodies in the segment.
    #[must_use]
    pub const fn bodies(&self) -> u64 {
        self.bodies
    }

    /// Heap bytes, roughly.
    #[must_use]
    pub const fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// The block that holds a body, and its place among the blocks' bytes.
    #[must_use]
    pub fn place(&self, body: u64) -> Option<(usize, std::ops::Range<u64>)> {
        let block = usize::try_from(body / BLOCK_BODIES as u64).ok()?;
        let end = *self.ends.get(block)?;
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some((block, start..end))
    }

    /// Decodes a block.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn block(&self, number: usize, bytes: &[u8]) -> Result<Block, String> {
        let before = (number as u64).saturating_mul(BLOCK_BODIES as u64);
        let bodies = self.bodies.saturating_sub(before).min(BLOCK_BODIES as u64);
        Block::read(self, bodies as usize, bytes)
    }
}

impl Form {
    /// `None` when a hole's column is none, or is told from one that the shape has not.
    fn of(shape: Shape, clock: Option<u32>, columns: &[Column]) -> Option<Self> {
        // Of each column the first hole: a body may have very many.
        let mut first = hashbrown::HashMap::new();
        for (hole, &column) in (0_u32..).zip(&shape.columns) {
            first.entry(column).or_insert(hole);
        }
        let told = (0_u32..).zip(&shape.columns).map(|(hole, &column)| {
            match columns.get(column as usize)?.plan.told_from() {
                Some(of) => first.get(&of).copied(),
                None => Some(hole),
            }
        });
        let told = told.collect::<Option<Vec<_>>>()?;
        let clock = clock.and_then(|clock| first.get(&clock).copied());
        Some(Self { shape, told, clock })
    }
}

fn heap_bytes(shapes: &[Form], columns: &[Column]) -> usize {
    let shape = |form: &Form| form.shape.text.len() + 8 * form.told.len() + 96;
    let column = |column: &Column| column.plan.heap_bytes() + column.decoder.heap_bytes() + 96;
    shapes.iter().map(shape).sum::<usize>() + columns.iter().map(column).sum::<usize>()
}

/// Columns that tell others must be of a kind that can.
fn check(clock: Option<u32>, columns: &[Column]) -> Result<(), String> {
    let plan = |column: u32| columns.get(column as usize).map(|column| &column.plan);
    let sound = columns.iter().all(|column| match column.plan {
        Plan::Same(of) => plan(of).is_some_and(|other| other.told_from().is_none()),
        Plan::Follows { of, .. } => matches!(plan(of), Some(Plan::Words(_))),
        _ => true,
    });
    if sound && clock.is_none_or(|clock| matches!(plan(clock), Some(Plan::Time { .. }))) {
        Ok(())
    } else {
        Err("a plan needs a column of another kind".to_owned())
    }
}

fn once(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let length = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let length =
        length.and_then(|length| usize::try_from(length).ok()).filter(|&length| length <= ONCE_BYTES_MAX);
    let length = length.ok_or("what stands once in the segment has no length, or is too long")?;
    zstd::bulk::decompress(bytes, length).map_err(|e| format!("what stands once in the segment: {e}"))
}

fn read_shapes(bytes: &[u8]) -> Option<(u64, Decoder, Vec<Shape>)> {
    let mut rest = bytes;
    let bodies = varint::take(&mut rest)?;
    let decoder = Decoder::new(&Lengths::take(&mut rest)?);
    let count = take_count(&mut rest).filter(|&count| count <= SHAPES_MAX)?;
    let shapes = (0..count).map(|_| {
        let length = take_count(&mut rest)?;
        let text = take_bytes(&mut rest, length)?.to_vec();
        let holes = text.iter().filter(|byte| matches!(**byte, PLAIN_HOLE | TEXT_HOLE)).count();
        let columns = (0..holes).map(|_| varint::take_u32(&mut rest)).collect::<Option<_>>()?;
        Some(Shape { text, columns }).filter(|shape| shape.weight() <= BLOCK_BYTES_MAX)
    });
    let shapes = shapes.collect::<Option<Vec<_>>>()?;
    rest.is_empty().then_some((bodies, decoder, shapes))
}

fn read_columns(bytes: &[u8]) -> Option<(Option<u32>, Vec<Column>)> {
    let mut rest = bytes;
    let clock = varint::take(&mut rest)?;
    let clock = clock.checked_sub(1).map(|column| u32::try_from(column).ok());
    let count = take_count(&mut rest).filter(|&count| count <= COLUMNS_MAX)?;
    let column = |_| {
        let plan = Plan::take(&mut rest)?;
        Some(Column { plan, decoder: Decoder::new(&Lengths::take(&mut rest)?) })
    };
    let columns = (0..count).map(column).collect::<Option<Vec<_>>>()?;
    let clock = match clock {
        None => None,
        Some(column) => Some(column?),
    };
    rest.is_empty().then_some((clock, columns))
}
