//! From what was sent to canonical bytes: judges the members of one item and writes the event.

use std::borrow::Cow;

use super::envelope::{ACTOR, Draft, RESOURCE, STRINGS, Slot, Text, read};
use super::fault::{Faults, Rejected};
use super::json::push_escaped;
use super::rules;
use super::taxonomy::{Mismatch, OnMismatch, Taxonomy};
use super::time;
use super::value::{Bounds, RESERVED, Stop};
use super::{Event, Filled, Limits, Receipt};

/// How far ahead of the clock a timestamp may be.
const AHEAD_MAX_NS: i64 = 24 * 3600 * 1_000_000_000;

/// Who sends the event: a client, or the log itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Log,
}

/// Validates one JSON object and writes its canonical bytes (api.md, "The event").
///
/// One pass over the bytes and a handful of allocations; memory is bounded by a small multiple of
/// `limits.event_bytes_max`, however large or nested the input.
///
/// # Errors
/// Every broken rule with its pointer (at most [`super::FAULTS_MAX`]). Broken syntax and the size
/// limit end the reading: what stands behind them is not judged.
pub fn normalize(
    raw: &[u8],
    receipt: &Receipt<'_>,
    taxonomy: &Taxonomy,
    limits: &Limits,
) -> Result<Event, Rejected> {
    normalize_from(Sender::Client, raw, receipt, taxonomy, limits)
}

pub(super) fn normalize_from(
    sender: Sender,
    raw: &[u8],
    receipt: &Receipt<'_>,
    taxonomy: &Taxonomy,
    limits: &Limits,
) -> Result<Event, Rejected> {
    let mut faults = Faults::default();
    let text = match std::str::from_utf8(raw) {
        Ok(text) => text,
        Err(e) => {
            faults.invalid("", format!("not UTF-8 at byte {}", e.valid_up_to()));
            return Err(Rejected { event_id: None, faults: faults.0 });
        }
    };
    let mut draft = Draft::default();
    let reserved = sender == Sender::Log;
    let bounds = Bounds { depth_max: limits.depth_max, bytes_max: limits.event_bytes_max, reserved };
    match read(text, bounds, &mut draft, &mut faults) {
        Ok(true) => {}
        Ok(false) => return Err(rejected(&draft, faults)),
        Err(Stop::TooLarge) => {
            faults.too_large(too_large(limits));
            return Err(rejected(&draft, faults));
        }
        Err(Stop::Syntax(e)) => {
            faults.0.clear(); // told before the text proved to be no JSON
            faults.invalid("", format!("not JSON: expected {} at byte {}", e.expected, e.at));
            return Err(rejected(&draft, faults));
        }
    }
    let judge = Judge { sender, receipt, taxonomy, limits, faults, filled: Filled::default() };
    judge.event(draft, raw.len())
}

fn rejected(draft: &Draft<'_>, faults: Faults) -> Rejected {
    let id = draft.strings[0].given().filter(|id| rules::id_shape(id).is_none());
    Rejected { event_id: id.map(|id| id.to_string()), faults: faults.0 }
}

fn too_large(limits: &Limits) -> String {
    format!("larger than {} bytes in canonical form", limits.event_bytes_max)
}

struct Judge<'j, 'r> {
    sender: Sender,
    receipt: &'j Receipt<'r>,
    taxonomy: &'j Taxonomy,
    limits: &'j Limits,
    faults: Faults,
    filled: Filled,
}

impl<'j> Judge<'j, '_> {
    fn event(mut self, mut draft: Draft<'_>, raw_bytes: usize) -> Result<Event, Rejected> {
        self.strings(&draft);
        self.actor(&mut draft);
        self.resource(&draft);
        let category = self.category(&draft);
        let metadata = draft.metadata.given().map_or("{}", |m| m.as_ref());
        let mismatches = self.schema(&draft, metadata);
        if !self.faults.0.is_empty() {
            return Err(rejected(&draft, self.faults));
        }
        let mut body = String::with_capacity(raw_bytes + 192);
        self.write(&draft, &category, metadata, &mut body);
        if body.len() > self.limits.event_bytes_max {
            self.faults.too_large(too_large(self.limits));
            return Err(rejected(&draft, self.faults));
        }
        if !mismatches.is_empty() {
            body.pop();
            write_mismatches(&mismatches, &mut body);
        }
        Ok(Event { body: body.into_bytes(), filled: self.filled })
    }

    /// Judges the members that are strings, category apart.
    fn strings(&mut self, draft: &Draft<'_>) {
        let [id, time, kind, _, action, status] = &draft.strings;
        if let Some(id) = id.given() {
            self.rule("/event_id", rules::id_shape(id));
            let own = id.starts_with(rules::OWN_ID);
            self.ownership("/event_id", own, "ids that begin with stele: are the log's own");
        }
        if let Some(text) = time.given() {
            match time::parse(text) {
                Ok(moment) => self.moment(&moment),
                Err(broken) => self.faults.invalid("/timestamp", broken),
            }
        }
        if let Some(kind) = self.required("/event_type", kind) {
            self.rule("/event_type", rules::type_shape(kind));
            let own = kind.starts_with(rules::OWN_TYPE);
            self.ownership("/event_type", own, "types that begin with stele. are the log's own");
        }
        if let Some(action) = self.required("/action", action) {
            self.rule("/action", rules::action(action));
        }
        if let Some(status) = self.required("/status", status) {
            self.rule("/status", rules::status(status));
        }
    }

    /// Clients may not use the log's own names, and the log uses no others.
    fn ownership(&mut self, pointer: &str, own: bool, detail: &'static str) {
        if own != (self.sender == Sender::Log) {
            self.faults.invalid(pointer, detail);
        }
    }

    fn moment(&mut self, moment: &time::Moment<'_>) {
        let latest = i128::from(self.receipt.now_ns) + i128::from(AHEAD_MAX_NS);
        let ns = i128::from(moment.seconds) * 1_000_000_000 + i128::from(moment.nanos);
        if moment.seconds < 0 {
            self.faults.invalid("/timestamp", "is before 1970");
        } else if ns > latest || moment.ns().is_none() {
            self.faults.invalid("/timestamp", "is more than 24 hours ahead of the server's clock");
        }
    }

    fn rule(&mut self, pointer: &str, broken: Option<&'static str>) {
        if let Some(rule) = broken {
            self.faults.invalid(pointer, rule);
        }
    }

    fn required<'s, T>(&mut self, pointer: &str, slot: &'s Slot<T>) -> Option<&'s T> {
        if slot.is_absent() {
            self.faults.invalid(pointer, "is required");
        }
        slot.given()
    }

    /// The category as given, else that of the type.
    fn category<'d>(&mut self, draft: &'d Draft<'_>) -> Cow<'d, str>
    where
        'j: 'd,
    {
        match &draft.strings[3] {
            Slot::Given(category) => {
                if !self.taxonomy.has_category(category) {
                    let known: Vec<&str> = self.taxonomy.categories().collect();
                    self.faults.invalid("/category", format!("must be one of {}", known.join(", ")));
                }
                Cow::Borrowed(category)
            }
            Slot::Wrong => Cow::Borrowed(""),
            Slot::Absent => {
                self.filled.category = true;
                let kind = draft.strings[2].given();
                match kind.and_then(|kind| self.taxonomy.get(kind)) {
                    Some(known) => Cow::Borrowed(&known.category),
                    None => {
                        self.faults
                            .invalid("/category", "is required, since the event_type is none that is known");
                        Cow::Borrowed("")
                    }
                }
            }
        }
    }

    /// Judges the actor and fills in what the connection tells.
    fn actor(&mut self, draft: &mut Draft<'_>) {
        if self.required("/actor", &draft.actor).is_none() {
            return;
        }
        let Slot::Given(actor) = &mut draft.actor else { return };
        let (ip, agent) = (self.receipt.ip_address, self.receipt.user_agent);
        if let (true, Some(ip)) = (actor[4].is_absent(), ip) {
            self.filled.ip_address = true;
            actor[4] = Slot::Given(Cow::Owned(quoted(ip)));
        }
        if let (true, Some(agent)) = (actor[5].is_absent(), agent) {
            self.filled.user_agent = true;
            if agent.starts_with(RESERVED) {
                self.faults.invalid("/actor/user_agent", "strings that begin with stele:p1: are reserved");
            }
            actor[5] = Slot::Given(Cow::Owned(quoted(agent)));
        }
        if let Some(ip) = actor[4].given() {
            self.rule("/actor/ip_address", rules::ip_address(ip));
        }
        let Some(kind) = self.required("/actor/type", &actor[0]) else { return };
        self.rule("/actor/type", rules::actor_type(kind));
        // A member of the wrong kind was told already; saying that it is missing would mislead.
        let named = |slot: &Slot<Text<'_>>| match slot {
            Slot::Absent => false,
            Slot::Wrong => true,
            Slot::Given(text) => !text.is_empty(),
        };
        if kind == "user" && !named(&actor[1]) && !named(&actor[2]) {
            self.faults.invalid("/actor", "a user needs id or email");
        }
        if kind == "api_key" && !named(&actor[1]) && !named(&actor[3]) {
            self.faults.invalid("/actor", "an api_key needs id or name");
        }
    }

    fn resource(&mut self, draft: &Draft<'_>) {
        let Some(resource) = self.required("/resource", &draft.resource) else { return };
        for (pointer, slot) in [("/resource/type", &resource[0]), ("/resource/id", &resource[1])] {
            if let Some(text) = self.required(pointer, slot) {
                self.rule(pointer, rules::not_empty(text));
            }
        }
    }

    /// Compares the metadata with its type's schema: mismatches to be marked; refused ones are faults.
    fn schema(&mut self, draft: &Draft<'_>, metadata: &str) -> Vec<Mismatch> {
        let kind = draft.strings[2].given();
        if matches!(draft.metadata, Slot::Wrong) || !self.faults.0.is_empty() && kind.is_none() {
            return Vec::new();
        }
        let Some(entry) = kind.and_then(|kind| self.taxonomy.entry(kind)) else { return Vec::new() };
        let mismatches = entry.check(metadata);
        if entry.info.on_mismatch == OnMismatch::Mark {
            return mismatches;
        }
        for mismatch in mismatches {
            self.faults.invalid(mismatch.pointer, mismatch.detail);
        }
        Vec::new()
    }

    /// Writes the event; all members were judged.
    fn write(&mut self, draft: &Draft<'_>, category: &str, metadata: &str, out: &mut String) {
        let text = |i: usize| draft.strings[i].given().map_or("", |t| t.as_ref());
        out.push('{');
        if draft.strings[0].is_absent() {
            self.filled.event_id = true;
            let id = (self.receipt.new_id)();
            assert!(rules::id_shape(&id).is_none(), "an id made here must be a valid one");
            member(out, STRINGS[0], &id);
        } else {
            member(out, STRINGS[0], text(0));
        }
        self.write_time(draft, out);
        next_member(out, STRINGS[2], text(2));
        next_member(out, STRINGS[3], category);
        write_object(out, ",\"actor\":{", &ACTOR, draft.actor.given().map_or(&[], |a| &a[..]));
        write_object(out, "},\"resource\":{", &RESOURCE, draft.resource.given().map_or(&[], |r| &r[..]));
        out.push('}');
        next_member(out, STRINGS[4], text(4));
        next_member(out, STRINGS[5], text(5));
        out.push_str(",\"metadata\":");
        out.push_str(metadata);
        out.push('}');
    }

    fn write_time(&mut self, draft: &Draft<'_>, out: &mut String) {
        out.push_str(",\"timestamp\":\"");
        let given = draft.strings[1].given();
        match given.map(|text| (text, time::parse(text))) {
            Some((text, Ok(moment))) if moment.stored_form => out.push_str(text),
            Some((_, Ok(moment))) => moment.write(out),
            _ => {
                self.filled.timestamp = true;
                let now_us = self.receipt.now_ns.max(0) / 1000;
                time::write_ns(now_us * 1000, out);
            }
        }
        out.push('"');
    }
}

/// Text as canonical string content.
fn quoted(text: &str) -> String {
    let mut content = String::with_capacity(text.len());
    push_escaped(&mut content, text);
    content
}

fn member(out: &mut String, name: &str, content: &str) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":\"");
    out.push_str(content);
    out.push('"');
}

fn next_member(out: &mut String, name: &str, content: &str) {
    out.push(',');
    member(out, name, content);
}

/// The members that are there, behind `opening`; the object stays open.
fn write_object(out: &mut String, opening: &str, names: &[&str], slots: &[Slot<Text<'_>>]) {
    out.push_str(opening);
    let mut first = true;
    for (name, slot) in names.iter().zip(slots) {
        if let Slot::Given(content) = slot {
            if !first {
                out.push(',');
            }
            first = false;
            member(out, name, content);
        }
    }
}

/// `schema_errors`, the last member, and the end of the event.
fn write_mismatches(mismatches: &[Mismatch], out: &mut String) {
    out.push_str(",\"schema_errors\":[");
    for (i, mismatch) in mismatches.iter().enumerate() {
        out.push_str(if i == 0 { "{\"pointer\":\"" } else { ",{\"pointer\":\"" });
        push_escaped(out, &mismatch.pointer);
        out.push_str("\",\"detail\":\"");
        push_escaped(out, &mismatch.detail);
        out.push_str("\"}");
    }
    out.push_str("]}");
}
