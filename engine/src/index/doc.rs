//! What one event adds to the index, made on the thread that received it.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use hashbrown::DefaultHashBuilder;

use super::Field;
use crate::event::{Fields, Value, changed_paths, each_value};

/// One event's values, hashed, and its times: one allocation.
#[derive(Clone, Debug)]
pub struct Doc {
    time_ns: i64,
    committed_us: u64,
    /// Entries one after the other: tag, hash (4 bytes), length (4), bytes; flags are a tag alone.
    entries: Vec<u8>,
}

const PATH: u8 = 0x80;
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
        let mut entries = Vec::with_capacity(512 + fields.metadata.len() * 3 / 2);
        for (field, value) in envelope(fields) {
            put(field as u8, u32::from(field.id()), value.as_bytes(), &mut entries);
        }
        metadata(fields.metadata, &mut entries)?;
        for path in changed_paths(fields.metadata)? {
            put(Field::Changed as u8, u32::from(Field::Changed.id()), &path, &mut entries);
        }
        if let Some(errors) = fields.schema_errors {
            each_value(errors, |_, value| {
                if let Value::Text(text) = value {
                    put(
                        Field::SchemaErrors as u8,
                        u32::from(Field::SchemaErrors.id()),
                        text.as_bytes(),
                        &mut entries,
                    );
                }
            })?;
        }
        Ok(Self { time_ns: fields.time_ns, committed_us, entries })
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

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = self.entries.as_slice();
        std::iter::from_fn(move || {
            let (&tag, after) = rest.split_first()?;
            rest = after;
            match tag {
                TRUE => return Some(Entry::Flag(true)),
                FALSE => return Some(Entry::Flag(false)),
                _ => {}
            }
            let (hash, after) = after.split_first_chunk::<4>()?;
            let (len, after) = after.split_first_chunk::<4>()?;
            let (bytes, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            rest = after;
            let hashed = Hashed { hash: u32::from_le_bytes(*hash), bytes };
            Some(match tag {
                PATH => Entry::Path(hashed),
                TEXT => Entry::Text(hashed),
                NUMBER => Entry::Number(hashed),
                field => Entry::Envelope(u16::from(field), hashed),
            })
        })
    }
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

/// Entries of the metadata: a path before what stands at it, unless it is that of the entry before.
fn metadata(json: &str, entries: &mut Vec<u8>) -> Result<(), String> {
    let mut last: Vec<u8> = Vec::new();
    let mut path_hash = None;
    each_value(json, |path, value| {
        if value == Value::Null {
            return;
        }
        let path_hash = match path_hash {
            Some(hash) if last == path => hash,
            _ => {
                last.clear();
                last.extend_from_slice(path);
                let hash = put(PATH, u32::from(PATH), path, entries);
                path_hash = Some(hash);
                hash
            }
        };
        match value {
            Value::Text(text) => {
                put(TEXT, path_hash, text.as_bytes(), entries);
            }
            Value::Number(text) => {
                put(NUMBER, !path_hash, text.as_bytes(), entries);
            }
            Value::Flag(true) => entries.push(TRUE),
            Value::Flag(false) => entries.push(FALSE),
            Value::Object | Value::Null => {}
        }
    })
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
