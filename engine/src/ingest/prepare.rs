//! What can be done before the writer's turn, on the thread of each connection: salts, record
//! hashes, index terms.

use crate::event::{Event, Fields};
use crate::index::Doc;
use crate::record::{SaltKey, Salted, record_hashes};
use crate::segment::ends_segment;

/// Events of one request, hashed and ready for the writer.
pub struct Batch {
    pub(super) items: Vec<Item>,
    pub(super) atomic: bool,
}

/// One event, ready.
pub(super) struct Item {
    pub event: Event,
    pub salted: Salted,
    pub record_hash: [u8; 32],
    pub event_us: u64,
    pub doc: Doc,
    /// The segment ends behind it.
    pub seals: bool,
}

impl Batch {
    /// Events in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True when it has no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes that it takes: bodies and what is made of them for the index.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.event.body.len() + item.doc.heap_bytes()).sum()
    }
}

/// Hashes the events of one request. Costs no lock and can run on any thread.
///
/// # Panics
/// When a body is not canonical: only `event::normalize` and `event::own` make events.
#[must_use]
#[expect(clippy::expect_used, reason = "events are canonical by construction")]
pub fn prepare(salts: &SaltKey, events: Vec<Event>, atomic: bool) -> Batch {
    let salted: Vec<Salted> = events
        .iter()
        .map(|event| {
            let (id, _) = crate::event::id_and_time(&event.body).expect("a normalized event has an id");
            salts.salted(id)
        })
        .collect();
    let inputs: Vec<_> = salted.iter().zip(&events).map(|(s, event)| (&s.salt, &event.body[..])).collect();
    let hashes = record_hashes(&inputs);
    let items = events.into_iter().zip(salted.iter().zip(hashes)).map(|(event, (&salted, record_hash))| {
        let fields = Fields::scan(&event.body).expect("a normalized event scans");
        let event_us = u64::try_from(fields.time_ns / 1000).expect("no event is before 1970");
        let doc = Doc::of(&fields, 0).expect("a normalized event has metadata");
        let seals = ends_segment(&fields);
        Item { salted, record_hash, event_us, doc, seals, event }
    });
    Batch { items: items.collect(), atomic }
}
