//! What one event adds to the index, made on the thread that received it.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use hashbrown::DefaultHashBuilder;

use super::{Field, PATH_BYTES_MAX};
use crate::event::{Fields, Value, each_changed, each_value};

/// One event's values, hashed, and its times: one allocation.
#[derive(Clone, Debug)]
pub struct Doc {
    time_ns: i64,
    committed_us: u64,
    /// Entries one after the other: tag, hash (4 bytes), length (4), bytes; flags are a tag alone. A
    /// path has, before its length, that of what it shares with the path before: member names may be
    /// long, and every value below them has them in its path.
    entries: Vec<u8>,
    /// Strings and numbers of its metadata.
    values: u32,
    /// Its changed paths are too many to be listed.
    changes_loose: bool,
}

const PATH: u8 = 0x80;
const UNLISTED_PATH: u8 = 0x85;
const CHANGES_LOOSE: u8 = 0x86;
const TEXT: u8 = 0x81;
const NUMBER: u8 = 0x82;
const TRUE: u8 = 0x83;
const FALSE: u8 = 0x84;
const HEAD_BYTES: usize = 9;

/// One thing that a document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// A value of an envelope member: dictionary and term.
    Envelope(u16, Hashed<'a>),
    /// The path that what follows stands at; there is something there.
    Path(Hashed<'a>),
    /// What follows stands at a path that is too long to be listed.
    UnlistedPath,
    /// The document's changed paths are not listed.
    ChangesLoose,
    /// A string at the path.
    Text(Hashed<'a>),
    /// A number at the path.
    Number(Hashed<'a>),
    /// `true` or `false` at the path.
    Flag(bool),
}

/// Bytes and their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hashed<'a> {
    pub hash: u32,
    pub bytes: &'a [u8],
}

impl Doc {
    /// Takes the values out of an event. About 1 µs.
    ///
    /// # Errors
    /// Metadata or schema errors are not JSON: no `normalize` has written the event.
    pub fn of(fields: &Fields<'_>, committed_us: u64) -> Result<Self, String> {
        let mut made = Self {
            time_ns: fields.time_ns,
            committed_us,
            entries: Vec::with_capacity(512 + fields.metadata.len() * 3 / 2),
            values: 0,
            changes_loose: false,
        };
        for (field, value) in envelope(fields) {
            put_field(field, value.as_bytes(), &mut made.entries);
        }
        made.metadata(fields.metadata)?;
        made.changes(fields.metadata)?;
        if let Some(errors) = fields.schema_errors {
            each_value(errors, |_, value| {
                if let Value::Text(text) = value {
                    put_field(Field::SchemaErrors, text.as_bytes(), &mut made.entries);
                }
            })?;
        }
        Ok(made)
    }

    /// Entries of the metadata: a path before what stands at it, unless it is that of the entry before.
    fn metadata(&mut self, json: &str) -> Result<(), String> {
        let Self { entries, values, .. } = self;
        let mut last: Vec<u8> = Vec::new();
        let mut place = None;
        each_value(json, |path, value| {
            if value == Value::Null {
                return;
            }
            let hash = match place {
                Some(hash) if last == path => hash,
                _ => *place.insert(put_path(path, &mut last, entries)),
            };
            match value {
                Value::Text(text) => {
                    *values += 1;
                    put(TEXT, hash, text.as_bytes(), entries);
                }
                Value::Number(text) => {
                    *values += 1;
                    put(NUMBER, !hash, text.as_bytes(), entries);
                }
                Value::Flag(true) => entries.push(TRUE),
                Value::Flag(false) => entries.push(FALSE),
                Value::Object | Value::Null => {}
            }
        })
    }

    /// The changed paths, as long as they take no more than the metadata itself: nested names repeat in
    /// each of them.
    fn changes(&mut self, json: &str) -> Result<(), String> {
        let (start, mut bytes) = (self.entries.len(), 0);
        each_changed(json, &mut |path| {
            bytes += path.len() + 1;
            self.changes_loose = bytes > json.len();
            if !self.changes_loose {
                put_field(Field::Changed, path, &mut self.entries);
            }
            !self.changes_loose
        })?;
        if self.changes_loose {
            self.entries.truncate(start);
            self.entries.push(CHANGES_LOOSE);
        }
        Ok(())
    }

    /// Strings and numbers of its metadata: what a segment's index grows by.
    #[must_use]
    pub fn values(&self) -> u32 {
        self.values
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.entries.capacity()
    }

    /// The event's own time.
    #[must_use]
    pub fn time_ns(&self) -> i64 {
        self.time_ns
    }

    /// When it was committed.
    #[must_use]
    pub fn committed_us(&self) -> u64 {
        self.committed_us
    }

    /// Sets the commit time, which is known only when the writer takes the batch.
    pub fn set_committed_us(&mut self, committed_us: u64) {
        self.committed_us = committed_us;
    }

    /// Shows every entry, in order.
    pub(super) fn each(&self, mut visit: impl FnMut(Entry<'_>)) {
        let mut path = Vec::new();
        let mut rest = self.entries.as_slice();
        while let Some(()) = next(&mut rest, &mut path, &mut visit) {}
    }
}

/// Takes one entry off the front; `None` at the end.
fn next(rest: &mut &[u8], path: &mut Vec<u8>, visit: &mut impl FnMut(Entry<'_>)) -> Option<()> {
    let (&tag, after) = rest.split_first()?;
    *rest = after;
    match tag {
        TRUE => visit(Entry::Flag(true)),
        FALSE => visit(Entry::Flag(false)),
        UNLISTED_PATH => visit(Entry::UnlistedPath),
        CHANGES_LOOSE => visit(Entry::ChangesLoose),
        PATH => {
            let hash = take_u32(rest)?;
            path.truncate(take_u32(rest)? as usize);
            path.extend_from_slice(take_bytes(rest)?);
            visit(Entry::Path(Hashed { hash, bytes: path }));
        }
        _ => {
            let hashed = Hashed { hash: take_u32(rest)?, bytes: take_bytes(rest)? };
            visit(match tag {
                TEXT => Entry::Text(hashed),
                NUMBER => Entry::Number(hashed),
                field => Entry::Envelope(u16::from(field), hashed),
            });
        }
    }
    Some(())
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (word, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*word))
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_u32(rest)? as usize;
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(bytes)
}

fn envelope<'f>(fields: &'f Fields<'_>) -> impl Iterator<Item = (Field, &'f str)> {
    let given = [
        (Field::Category, Some(&*fields.category)),
        (Field::Status, Some(fields.status)),
        (Field::ActorType, Some(fields.actor_type)),
        (Field::EventType, Some(fields.event_type)),
        (Field::Action, Some(&*fields.action)),
        (Field::ActorId, fields.actor_id.as_deref()),
        (Field::ActorEmail, fields.actor_email.as_deref()),
        (Field::ActorName, fields.actor_name.as_deref()),
        (Field::ResourceType, Some(&*fields.resource_type)),
        (Field::ResourceId, Some(&*fields.resource_id)),
        (Field::ActorAddress, fields.actor_ip_address.as_deref()),
        (Field::UserAgent, fields.actor_user_agent.as_deref()),
        (Field::ResourceName, fields.resource_name.as_deref()),
    ];
    given.into_iter().filter_map(|(field, value)| value.map(|value| (field, value)))
}

/// Appends a path, `last` being the one before; returns its hash.
fn put_path(path: &[u8], last: &mut Vec<u8>, entries: &mut Vec<u8>) -> u32 {
    if path.len() > PATH_BYTES_MAX {
        entries.push(UNLISTED_PATH);
        // Not kept: to compare long names at every value would cost their product.
        last.clear();
        return 0;
    }
    let shared = path.iter().zip(&*last).take_while(|(a, b)| a == b).count();
    let hash = hash(u32::from(PATH), path);
    entries.push(PATH);
    entries.extend_from_slice(&hash.to_le_bytes());
    entries.extend_from_slice(&(shared as u32).to_le_bytes());
    entries.extend_from_slice(&((path.len() - shared) as u32).to_le_bytes());
    entries.extend_from_slice(&path[shared..]);
    last.truncate(shared);
    last.extend_from_slice(&path[shared..]);
    hash
}

/// Appends a value of an envelope member.
fn put_field(field: Field, value: &[u8], entries: &mut Vec<u8>) {
    put(field as u8, u32::from(field.id()), value, entries);
}

/// Appends an entry; returns its hash.
fn put(tag: u8, place: u32, bytes: &[u8], entries: &mut Vec<u8>) -> u32 {
    let hash = hash(place, bytes);
    entries.reserve(HEAD_BYTES + bytes.len());
    entries.push(tag);
    entries.extend_from_slice(&hash.to_le_bytes());
    // An event has at most 32 MiB, a value less.
    entries.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    entries.extend_from_slice(bytes);
    hash
}

/// Hash of bytes at a place, with a key of this process: nobody outside can aim for collisions, and
/// it is never written to disk.
pub(super) fn hash(place: u32, bytes: &[u8]) -> u32 {
    static KEY: OnceLock<DefaultHashBuilder> = OnceLock::new();
    let mut hasher = KEY.get_or_init(DefaultHashBuilder::default).build_hasher();
    hasher.write_u32(place);
    hasher.write(bytes);
    let hash = hasher.finish();
    (hash ^ (hash >> 32)) as u32
}
