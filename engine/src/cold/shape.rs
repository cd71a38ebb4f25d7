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
pub(super) struct Shapes<'r> {
    /// Each once, in the order of their first body.
    pub shapes: &'r [Shape],
    /// The shape of each body.
    pub of_body: &'r [u32],
    /// Values of each column in order.
    pub columns: Vec<Vec<&'r [u8]>>,
}

/// The values of a column, one behind the other: they are gone through several times, and lie far from each other
/// in the bodies.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
    }

    fn values(&self) -> Vec<&[u8]> {
        let mut start = 0;
        self.ends.iter().map(|&end| &self.bytes[std::mem::replace(&mut start, end)..end]).collect()
    }
}

/// Reads bodies one after the other.
#[derive(Default)]
pub(super) struct Reader<'a> {
    shapes: Vec<Shape>,
    of_body: Vec<u32>,
    columns: Vec<Texts>,
    known: HashMap<Vec<u8>, u32>,
    /// Nodes below each node, by name; the first node is the root.
    below: Vec<HashMap<Vec<u8>, u32>>,
    /// The columns of each node, by kind of hole; the first are those of bodies that are taken whole.
    places: Vec<[Option<u32>; 2]>,
    /// Room that one body leaves to the next.
    text: Vec<u8>,
    found: Vec<Found<'a>>,
}

/// A value on its way to its column.
#[derive(Clone, Copy)]
struct Found<'a> {
    /// None where a body is taken whole.
    node: Option<u32>,
    hole: u8,
    value: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads bodies.
    pub fn of(bodies: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut made = Self { below: vec![HashMap::new()], places: vec![[None; 2]; 2], ..Self::default() };
        bodies.for_each(|body| made.add(body));
        made
    }

    /// What was read.
    pub fn shapes(&self) -> Shapes<'_> {
        let columns = self.columns.iter().map(Texts::values).collect();
        Shapes { shapes: &self.shapes, of_body: &self.of_body, columns }
    }

    fn add(&mut self, body: &'a [u8]) {
        let (text, found) = (std::mem::take(&mut self.text), std::mem::take(&mut self.found));
        let mut walk = Walk { body, at: 0, text, found };
        // A raw control character is in no JSON, and would read as a hole; a lone hole is for the rest.
        let plain = body.first() == Some(&b'{') && body.iter().all(|&byte| byte >= 0x20);
        let whole = plain && walk.value(self, 0, 0).is_some() && walk.at == body.len();
        // One shape and one column more are for those that are taken whole.
        let full =
            self.shapes.len() >= SHAPES_MAX - 1 || self.columns.len() + walk.found.len() >= COLUMNS_MAX;
        if whole && (!full || self.known.contains_key(&walk.text)) {
            self.push(&walk.text, &walk.found);
        } else {
            self.push(&[PLAIN_HOLE], &[Found { node: None, hole: PLAIN_HOLE, value: body }]);
        }
        let Walk { mut text, mut found, .. } = walk;
        text.clear();
        found.clear();
        (self.text, self.found) = (text, found);
    }

    fn push(&mut self, text: &[u8], found: &[Found<'a>]) {
        for each in found {
            let column = self.column(each);
            self.columns[column as usize].push(each.value);
        }
        let next = self.shapes.len() as u32;
        let shape = *self.known.entry_ref(text).or_insert(next);
        if shape == next {
            let columns = found.iter().map(|each| self.column(each)).collect();
            self.shapes.push(Shape { text: text.to_vec(), columns });
        }
        self.of_body.push(shape);
    }

    /// The column of a value, which is made with the first.
    fn column(&mut self, found: &Found<'_>) -> u32 {
        let node = found.node.map_or(0, |node| node as usize + 1);
        let next = self.columns.len() as u32;
        let column = *self.places[node][usize::from(found.hole == TEXT_HOLE)].get_or_insert(next);
        if column == next {
            self.columns.push(Texts::default());
        }
        column
    }

    /// The node of a name below another.
    fn node(&mut self, parent: u32, name: &[u8]) -> u32 {
        if let Some(&node) = self.below[parent as usize].get(name) {
            return node;
        }
        let node = self.below.len() as u32;
        self.below.push(HashMap::new());
        self.places.push([None; 2]);
        self.below[parent as usize].insert(name.to_vec(), node);
        node
    }
}

/// A walk over one body.
struct Walk<'a> {
    body: &'a [u8],
    at: usize,
    text: Vec<u8>,
    found: Vec<Found<'a>>,
}

impl<'a> Walk<'a> {
    /// Reads a value at `node`; `None` where this is no canonical JSON.
    fn value(&mut self, shapes: &mut Reader<'a>, node: u32, depth: usize) -> Option<()> {
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
                let value = &self.body[start..end];
                self.found.push(Found { node: Some(node), hole: TEXT_HOLE, value });
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

    fn object(&mut self, shapes: &mut Reader<'a>, node: u32, depth: usize) -> Option<()> {
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

    fn array(&mut self, shapes: &mut Reader<'a>, node: u32, depth: usize) -> Option<()> {
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
        let value = &self.body[self.at..end];
        self.found.push(Found { node: Some(node), hole: PLAIN_HOLE, value });
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
