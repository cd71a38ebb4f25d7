//! Member names that were seen, so that none comes twice in one object.
//!
//! Names are compared in canonical form, which is one per text: `"a"` and `"\u0061"` are the same
//! name. Small objects are compared pairwise; from [`LARGE`] members on an object gets a table keyed
//! with a random secret, so that hostile names cost the same as others.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::json::{Reader, Span};

const LARGE: usize = 24;

#[derive(Clone, Copy)]
struct Name {
    mark: u32,
    span: Span,
}

/// The names of all objects that are open, outermost first.
pub(super) struct Names {
    list: Vec<Name>,
    large: Vec<Table>,
    secret: Option<RandomState>,
}

/// Names of one large object: indices into the list.
struct Table {
    base: usize,
    indices: HashTable<usize>,
}

impl Names {
    pub fn new() -> Self {
        Self { list: Vec::with_capacity(24), large: Vec::new(), secret: None }
    }

    /// Begins an object; the base goes to [`Self::add`] and [`Self::close`].
    pub fn open(&self) -> usize {
        self.list.len()
    }

    /// Ends the object that began at `base`.
    pub fn close(&mut self, base: usize) {
        self.list.truncate(base);
        if self.large.last().is_some_and(|t| t.base == base) {
            self.large.pop();
        }
    }

    /// The newest name.
    pub fn last(&self) -> Option<Span> {
        self.list.last().map(|n| n.span)
    }

    /// The name at an index, such as that which leads to the object opened at `index + 1`.
    pub fn at(&self, index: usize) -> Option<Span> {
        self.list.get(index).map(|n| n.span)
    }

    /// Adds a name to the object that began at `base`; false if it is there already.
    #[inline]
    pub fn add(&mut self, base: usize, span: Span, reader: &Reader<'_>) -> bool {
        let text = reader.bytes(span);
        let name = Name { mark: mark(text), span };
        let fresh = if self.list.len() - base < LARGE {
            !self.list[base..].iter().any(|n| n.mark == name.mark && reader.bytes(n.span) == text)
        } else {
            self.fresh_in_table(base, text, reader)
        };
        self.list.push(name);
        fresh
    }

    fn fresh_in_table(&mut self, base: usize, text: &[u8], reader: &Reader<'_>) -> bool {
        let secret = self.secret.get_or_insert_with(RandomState::new);
        let list = &self.list;
        let hash_at = |i: &usize| secret.hash_one(reader.bytes(list[*i].span));
        if self.large.last().is_none_or(|t| t.base != base) {
            let mut indices = HashTable::with_capacity(4 * LARGE);
            for i in base..list.len() {
                indices.insert_unique(hash_at(&i), i, hash_at);
            }
            self.large.push(Table { base, indices });
        }
        let Some(table) = self.large.last_mut() else { return true };
        let hash = secret.hash_one(text);
        let same = |i: &usize| reader.bytes(list[*i].span) == text;
        if table.indices.find(hash, same).is_some() {
            return false;
        }
        // The caller pushes the name next, at this index; a rehash sees only those before it.
        let index = list.len();
        let hash_of = |i: &usize| if *i == index { hash } else { hash_at(i) };
        table.indices.insert_unique(hash, index, hash_of);
        true
    }
}

/// Cheap to compute, different for most different names.
#[inline]
fn mark(text: &[u8]) -> u32 {
    let length = text.len();
    let byte = |i: usize| u32::from(text.get(i).copied().unwrap_or(0));
    (length as u32 & 0xFF) | byte(0) << 8 | byte(length / 2) << 16 | byte(length.wrapping_sub(1)) << 24
}
