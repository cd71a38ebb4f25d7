//! The shape of a body: its bytes with a hole for every scalar, and the values that fill the holes.
//!
//! Bodies are canonical JSON. What is not is taken whole, as the one value of a shape that is a hole.

use hashbrown::HashMap;

/// Stands for a string's content; the quotes are the shape's.
pub(super) const TEXT_HOLE: u8 = 2;
/// Stands for any other scalar, or a list of scalars, as written.
pub(super) const PLAIN_HOLE: u8 = 1;
/// Deeper bodies are taken whole.
const DEPTH_MAX: usize = 128;
/// With more shapes than these new ones are taken whole: each costs memory, and holds few bodies.
pub(super) const SHAPES_MAX: usize = 32_768;
/// The same for columns.
pub(super) const COLUMNS_MAX: usize = 65_536;

/// A body without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bytes with holes.
    pub text: Vec<u8>,
    /// The column of each hole, in order.
    pub columns: Vec<u32>,
}

impl Shape {
    /// What a body of this shape costs in memory until it is put together.
    pub fn weight(&self) -> usize {
        self.text.len() + 8 * self.columns.len()
    }
}

/// The shapes of some bodies, and their values by column: by path, and kind of hole.
#[derive(Default)]
pub(super) struct Shapes<'a> {
    /// Each once, in the order of their first body.
    pub shapes: Vec<Shape>,
    /// The shape of each body.
    pub of_body: Vec<u32>,
    /// Values of each column in order.
    pub columns: Vec<Vec<&'a [u8]>>,
    known: HashMap<Vec<u8>, u32>,
    /// Nodes below each node, by name; the first node is the root.
    below: Vec<HashMap<Vec<u8>, u32>>,
    places: HashMap<(u32, u8), u32>,
}

impl<'a> Shapes<'a> {
    /// The shapes of bodies.
    pub fn of(bodies: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut made = Self { below: vec![HashMap::new()], ..Self::default() };
        bodies.for_each(|body| made.add(body));
        made
    }

    fn add(&mut self, body: &'a [u8]) {
        let mut walk = Walk { body, at: 0, text: Vec::with_capacity(512), found: Vec::with_capacity(32) };
        // A raw control character is in no JSON, and would read as a hole; a lone hole is for the rest.
        let plain = body.first() == Some(&b'{') && body.iter().all(|&byte| byte >= 0x20);
        let whole = plain && walk.value(self, 0, 0).is_some() && walk.at == body.len();
        // One shape and one column more are for those that are taken whole.
        let full =
            self.shapes.len() >= SHAPES_MAX - 1 || self.columns.len() + walk.found.len() >= COLUMNS_MAX;
        if whole && (!full || self.known.contains_key(&walk.text)) {
            self.push(walk.text, &walk.found);
        } else {
            self.push(vec![PLAIN_HOLE], &[(u32::MAX, PLAIN_HOLE, body)]);
        }
    }

    fn push(&mut self, text: Vec<u8>, found: &[(u32, u8, &'a [u8])]) {
        let mut columns = Vec::with_capacity(found.len());
        for &(node, hole, value) in found {
            let next = self.columns.len() as u32;
            let column = *self.places.entry((node, hole)).or_insert(next);
            if column == next {
                self.columns.push(Vec::new());
            }
            self.columns[column as usize].push(value);
            columns.push(column);
        }
        let next = self.shapes.len() as u32;
        let shape = *self.known.entry_ref(&text).or_insert(next);
        if shape == next {
            self.shapes.push(Shape { text, columns });
        }
        self.of_body.push(shape);
    }

    /// The node of a name below another.
    fn node(&mut self, parent: u32, name: &[u8]) -> u32 {
        if let Some(&node) = self.below[parent as usize].get(name) {
            return node;
        }
        let node = self.below.len() as u32;
        self.below.push(HashMap::new());
        self.below[parent as usize].insert(name.to_vec(), node);
        node
    }
}

/// A walk over one body.
struct Walk<'a> {
    body: &'a [u8],
    at: usize,
    text: Vec<u8>,
    /// Node, kind of hole, value.
    found: Vec<(u32, u8, &'a [u8])>,
}

impl<'a> Walk<'a> {
    /// Reads a value at `node`; `None` where this is no canonical JSON.
    fn value(&mut self, shapes: &mut Shapes<'a>, node: u32, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match *self.body.get(self.at)? {
            b'{' => self.object(shapes, node, depth),
            b'[' => self.array(shapes, node, depth),
            b'"' => {
                let start = self.at + 1;
                let end = string_end(self.body, start)?;
                self.text.extend_from_slice(&[b'"', TEXT_HOLE, b'"']);
                self.found.push((node, TEXT_HOLE, &self.body[start..end]));
                self.at = end + 1;
                Some(())
            }
            _ => {
                let end = self.scalar_end()?;
                self.hole(node, end);
                Some(())
            }
        }
    }

    fn object(&mut self, shapes: &mut Shapes<'a>, node: u32, depth: usize) -> Option<()> {
        self.copy(1);
        if *self.body.get(self.at)? == b'}' {
            self.copy(1);
            return Some(());
        }
        loop {
            if *self.body.get(self.at)? != b'"' {
                return None;
            }
            let start = self.at + 1;
            let end = string_end(self.body, start)?;
            if *self.body.get(end + 1)? != b':' {
                return None;
            }
            let below = shapes.node(node, &self.body[start..end]);
            self.copy(end + 2 - self.at);
            self.value(shapes, below, depth + 1)?;
            match *self.body.get(self.at)? {
                b',' => self.copy(1),
                b'}' => {
                    self.copy(1);
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn array(&mut self, shapes: &mut Shapes<'a>, node: u32, depth: usize) -> Option<()> {
        if let Some(end) = self.flat_array_end() {
            self.hole(node, end);
            return Some(());
        }
        self.copy(1);
        // No member has this name.
        let below = shapes.node(node, b"\n");
        loop {
            self.value(shapes, below, depth + 1)?;
            match *self.body.get(self.at)? {
                b',' => self.copy(1),
                b']' => {
                    self.copy(1);
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// The end of an array that holds scalars only.
    fn flat_array_end(&self) -> Option<usize> {
        let mut at = self.at + 1;
        loop {
            match *self.body.get(at)? {
                b']' => return Some(at + 1),
                b'{' | b'[' => return None,
                b'"' => at = string_end(self.body, at + 1)? + 1,
                _ => at += 1,
            }
        }
    }

    fn scalar_end(&self) -> Option<usize> {
        let rest = &self.body[self.at..];
        let length = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']')).unwrap_or(rest.len());
        (length > 0).then_some(self.at + length)
    }

    fn hole(&mut self, node: u32, end: usize) {
        self.text.push(PLAIN_HOLE);
        self.found.push((node, PLAIN_HOLE, &self.body[self.at..end]));
        self.at = end;
    }

    fn copy(&mut self, bytes: usize) {
        self.text.extend_from_slice(&self.body[self.at..self.at + bytes]);
        self.at += bytes;
    }
}

/// The quote that ends the string whose content begins at `at`.
fn string_end(body: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let rest = body.get(at..)?;
        at += memchr::memchr2(b'"', b'\\', rest)?;
        if body[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}
