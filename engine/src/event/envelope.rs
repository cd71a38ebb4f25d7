//! One item read: the members of the envelope as they were sent, nothing judged but their JSON kind.
//!
//! Every member is read wherever it stands; faults do not stop the reading, only broken syntax and
//! the size limit do. What the members may hold is judged in `normalize`.

use std::borrow::Cow;

use super::fault::{Faults, push_step};
use super::json::{Reader, Span, Syntax};
use super::names::Names;
use super::value::{Bounds, RESERVED, Stop, walk};

/// A member's canonical string content.
pub(super) type Text<'a> = Cow<'a, str>;

/// Names of the members of the envelope that hold strings, in stored order.
pub(super) const STRINGS: [&str; 6] = ["event_id", "timestamp", "event_type", "category", "action", "status"];
/// Members of `actor`, in stored order.
pub(super) const ACTOR: [&str; 6] = ["type", "id", "email", "name", "ip_address", "user_agent"];
/// Members of `resource`, in stored order.
pub(super) const RESOURCE: [&str; 3] = ["type", "id", "name"];

/// A member: left out (or null), there, or there but of the wrong kind (a fault told already).
#[derive(Clone, Debug, Default)]
pub(super) enum Slot<T> {
    #[default]
    Absent,
    Wrong,
    Given(T),
}

impl<T> Slot<T> {
    pub fn given(&self) -> Option<&T> {
        if let Self::Given(value) = self { Some(value) } else { None }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// An item's members.
#[derive(Default)]
pub(super) struct Draft<'a> {
    /// As [`STRINGS`].
    pub strings: [Slot<Text<'a>>; 6],
    /// As [`ACTOR`].
    pub actor: Slot<[Slot<Text<'a>>; 6]>,
    /// As [`RESOURCE`].
    pub resource: Slot<[Slot<Text<'a>>; 3]>,
    pub metadata: Slot<Cow<'a, str>>,
}

/// Reads an item into `draft`, telling `faults`; false if it is no object at all. Stops at broken syntax
/// and at the size limit.
pub(super) fn read<'a>(
    text: &'a str,
    bounds: Bounds,
    draft: &mut Draft<'a>,
    faults: &mut Faults,
) -> Result<bool, Stop> {
    let mut reader = Reader::new(text, 0);
    reader.space();
    let object = reader.peek() == Some(b'{');
    if !object {
        walk(&mut reader, "", bounds, &mut Faults::default())?;
        faults.invalid("", "an event is a JSON object");
    } else {
        let mut item = Item { text, bounds, names: Names::new(), faults };
        item.members(&mut reader, "", |item, reader, name| item.member(reader, name, draft))?;
    }
    reader.space();
    if reader.peek().is_some() { Err(reader.error("nothing after the event").into()) } else { Ok(object) }
}

struct Item<'f, 'a> {
    text: &'a str,
    bounds: Bounds,
    names: Names,
    faults: &'f mut Faults,
}

impl<'a> Item<'_, 'a> {
    /// Reads an object, calling `member` at each value with its name; duplicate names are told and
    /// their values passed over. `place` is the object's pointer.
    fn members(
        &mut self,
        reader: &mut Reader<'a>,
        place: &str,
        mut member: impl FnMut(&mut Self, &mut Reader<'a>, &str) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        reader.expect(b'{', "`{`")?;
        reader.space();
        if reader.take(b'}') {
            return Ok(());
        }
        let base = self.names.open();
        loop {
            if reader.written() > 2 * self.bounds.bytes_max + (4 << 10) {
                return Err(Stop::TooLarge); // bounds the memory for names; the exact limit is judged later
            }
            let span = reader.string()?;
            let name = reader.keep(span);
            let fresh = self.names.add(base, span, reader);
            let broken = std::mem::take(&mut reader.lone_surrogate);
            reader.space();
            reader.expect(b':', "`:`")?;
            reader.space();
            if broken {
                self.faults.invalid(place, "a member name holds half of a surrogate pair");
                self.pass_over(reader)?;
            } else if fresh {
                member(self, reader, &name)?;
            } else {
                self.faults.invalid(pointer(place, &name), "duplicate member name");
                self.pass_over(reader)?;
            }
            reader.space();
            if !reader.take(b',') {
                reader.expect(b'}', "`,` or `}`")?;
                self.names.close(base);
                return Ok(());
            }
            reader.space();
        }
    }

    /// One member of the envelope; the reader is at its value.
    fn member(&mut self, reader: &mut Reader<'a>, name: &str, draft: &mut Draft<'a>) -> Result<(), Stop> {
        if let Some(i) = STRINGS.iter().position(|known| *known == name) {
            draft.strings[i] = self.string(reader, "", name)?;
            return Ok(());
        }
        match name {
            "actor" => draft.actor = self.object(reader, "/actor", ACTOR)?,
            "resource" => draft.resource = self.object(reader, "/resource", RESOURCE)?,
            "metadata" => draft.metadata = self.metadata(reader)?,
            "chain" => self.pass_over(reader)?,
            "schema_errors" => {
                if !self.null(reader)? {
                    self.pass_over(reader)?;
                    self.faults.invalid("/schema_errors", "is set by the server only");
                }
            }
            _ => self.unknown(reader, "", name)?,
        }
        Ok(())
    }

    /// `actor` or `resource`: an object of strings.
    fn object<const N: usize>(
        &mut self,
        reader: &mut Reader<'a>,
        place: &str,
        known: [&str; N],
    ) -> Result<Slot<[Slot<Text<'a>>; N]>, Stop> {
        if reader.peek() != Some(b'{') {
            return self.not_a(reader, (place, ""), "must be an object");
        }
        let mut slots: [Slot<Text<'a>>; N] = std::array::from_fn(|_| Slot::Absent);
        self.members(reader, place, |item, reader, name| {
            match known.iter().position(|known| *known == name) {
                Some(i) => slots[i] = item.string(reader, place, name)?,
                None => item.unknown(reader, place, name)?,
            }
            Ok(())
        })?;
        Ok(Slot::Given(slots))
    }

    fn string(&mut self, reader: &mut Reader<'a>, place: &str, name: &str) -> Result<Slot<Text<'a>>, Stop> {
        if reader.peek() != Some(b'"') {
            return self.not_a(reader, (place, name), "must be a string");
        }
        let span: Span = reader.string()?;
        if std::mem::take(&mut reader.lone_surrogate) {
            self.faults
                .invalid(pointer(place, name), "holds half of a surrogate pair, which is no character");
            return Ok(Slot::Wrong);
        }
        if !self.bounds.reserved && reader.bytes(span).starts_with(RESERVED.as_bytes()) {
            self.faults.invalid(pointer(place, name), "strings that begin with stele:p1: are reserved");
            return Ok(Slot::Wrong);
        }
        Ok(Slot::Given(reader.keep(span)))
    }

    fn metadata(&mut self, reader: &mut Reader<'a>) -> Result<Slot<Cow<'a, str>>, Stop> {
        if reader.peek() != Some(b'{') {
            return self.not_a(reader, ("/metadata", ""), "must be an object");
        }
        let mut inner = Reader::new(self.text, reader.pos());
        walk(&mut inner, "/metadata", self.bounds, self.faults)?;
        reader.jump(&inner);
        Ok(Slot::Given(inner.finish()))
    }

    /// A value of the wrong kind, of the member `name` of `place` or of `place` itself: null counts as
    /// absent, anything else is a fault.
    fn not_a<T>(
        &mut self,
        reader: &mut Reader<'a>,
        (place, name): (&str, &str),
        rule: &'static str,
    ) -> Result<Slot<T>, Stop> {
        if self.null(reader)? {
            return Ok(Slot::Absent);
        }
        self.pass_over(reader)?;
        let pointer = if name.is_empty() { place.to_owned() } else { pointer(place, name) };
        self.faults.invalid(pointer, rule);
        Ok(Slot::Wrong)
    }

    fn null(&mut self, reader: &mut Reader<'a>) -> Result<bool, Syntax> {
        let null = reader.peek() == Some(b'n');
        if null {
            reader.literal()?;
        }
        Ok(null)
    }

    fn unknown(&mut self, reader: &mut Reader<'a>, place: &str, name: &str) -> Result<(), Stop> {
        self.faults.invalid(pointer(place, name), "unknown member");
        self.pass_over(reader)
    }

    /// Checks a value's syntax and nothing else, and keeps nothing of it.
    fn pass_over(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        let mut inner = Reader::new(self.text, reader.pos());
        walk(&mut inner, "", self.bounds, &mut Faults::default())?;
        reader.jump(&inner);
        Ok(())
    }
}

fn pointer(place: &str, name: &str) -> String {
    let mut pointer = place.to_owned();
    push_step(&mut pointer, name);
    pointer
}
