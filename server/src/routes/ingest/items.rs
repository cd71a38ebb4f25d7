//! Items of one body: events that are valid, and what is wrong with the others.
//!
//! Answers are text in the end, so errors are kept as text; ids stand in one string. A body of many
//! bad items costs a small multiple of its own size.

use stele_engine::event::{Code, Event, Limits, Receipt, Rejected, Taxonomy, normalize};

use crate::http::problem::{ItemError, Problem};

/// Items of one body. Valid events in canonical form have some 200 bytes, so that a body of 32 MiB
/// does not reach it.
pub const ITEMS_MAX: u32 = 200_000;
/// Text of errors in one answer; items beyond are counted, and said to be left out.
const ERROR_BYTES_MAX: usize = 8 << 20;

/// Errors of items, as JSON text, in the order of items.
#[derive(Default)]
pub struct Errors {
    text: Vec<u8>,
    /// Item, and where its text ends.
    ends: Vec<(u32, usize)>,
    /// Errors that found no room.
    pub left_out: u64,
    /// Code and detail of the first one.
    pub first: Option<ItemError>,
}

impl Errors {
    /// Adds one; items come in any order.
    pub fn add(&mut self, error: ItemError) {
        if self.text.len() > ERROR_BYTES_MAX {
            self.left_out += 1;
            return;
        }
        error.write(&mut self.text);
        self.ends.push((error.index.unwrap_or(0), self.text.len()));
        self.first.get_or_insert(error);
    }

    /// Appends all of them as a JSON array, by item.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut start = 0;
        let mut spans: Vec<(u32, std::ops::Range<usize>)> = Vec::with_capacity(self.ends.len());
        for &(index, end) in &self.ends {
            spans.push((index, start..end));
            start = end;
        }
        spans.sort_by_key(|(index, _)| *index);
        out.push(b'[');
        for (i, (_, span)) in spans.into_iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&self.text[span]);
        }
        out.push(b']');
    }
}

/// The judged items of a body.
#[derive(Default)]
pub struct Items {
    /// All items.
    pub count: u32,
    /// Items refused so far.
    pub invalid: u32,
    /// What is wrong with them.
    pub errors: Errors,
    events: Vec<Event>,
    /// Which item each event was.
    pub places: Vec<u32>,
    ids: String,
    id_ends: Vec<u32>,
    bytes: usize,
}

/// Takes items one by one.
pub struct Judge<'a> {
    receipt: &'a Receipt<'a>,
    taxonomy: &'a Taxonomy,
    limits: Limits,
    items: Items,
}

impl Items {
    /// Begins a body.
    #[expect(clippy::new_ret_no_self, reason = "items are what is left when the judge is done")]
    pub fn new<'a>(receipt: &'a Receipt<'a>, taxonomy: &'a Taxonomy, limits: Limits) -> Judge<'a> {
        Judge { receipt, taxonomy, limits, items: Self::default() }
    }

    /// Valid events.
    pub fn events_count(&self) -> usize {
        self.places.len()
    }

    /// Bytes of the valid events.
    pub fn event_bytes(&self) -> usize {
        self.bytes
    }

    /// True when an item was refused.
    pub fn has_errors(&self) -> bool {
        self.invalid > 0
    }

    /// Hands the events over.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The id of the n-th valid event.
    pub fn event_id(&self, n: usize) -> &str {
        let start = if n == 0 { 0 } else { self.id_ends.get(n - 1).copied().unwrap_or(0) as usize };
        let end = self.id_ends.get(n).copied().unwrap_or(0) as usize;
        self.ids.get(start..end).unwrap_or("")
    }
}

impl Judge<'_> {
    /// Judges one item.
    ///
    /// # Errors
    /// 413 when the body holds too many.
    pub fn add(&mut self, raw: &[u8]) -> Result<(), Problem> {
        let index = self.items.count;
        if index >= ITEMS_MAX {
            return Err(Problem::too_large(format!("one request holds at most {ITEMS_MAX} events")));
        }
        self.items.count += 1;
        match normalize(raw, self.receipt, self.taxonomy, &self.limits) {
            Ok(event) => self.accept(index, event),
            Err(rejected) => self.reject(index, rejected),
        }
        Ok(())
    }

    fn accept(&mut self, index: u32, event: Event) {
        let items = &mut self.items;
        items.ids.push_str(id_of(&event.body));
        items.id_ends.push(u32::try_from(items.ids.len()).unwrap_or(u32::MAX));
        items.places.push(index);
        items.bytes += event.body.len();
        items.events.push(event);
    }

    fn reject(&mut self, index: u32, rejected: Rejected) {
        self.items.invalid += 1;
        let Rejected { event_id, faults, .. } = rejected;
        for fault in faults {
            self.items.errors.add(ItemError {
                index: Some(index),
                event_id: event_id.clone(),
                code: match fault.code {
                    Code::TooLarge => "too_large",
                    Code::Invalid => "invalid",
                },
                pointer: fault.pointer,
                detail: fault.detail,
            });
        }
    }

    /// All items are judged.
    pub fn finish(self) -> Items {
        self.items
    }
}

/// Canonical bytes begin with the id, whose characters are never escaped.
fn id_of(body: &[u8]) -> &str {
    let id = body.strip_prefix(br#"{"event_id":""#).unwrap_or(b"");
    let end = memchr::memchr(b'"', id).unwrap_or(0);
    std::str::from_utf8(&id[..end]).unwrap_or("")
}
