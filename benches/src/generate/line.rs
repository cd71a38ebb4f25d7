//! One event as it is being written: the members that all events share.

use super::json::{self, Json as _};
use super::kind::Kind;
use super::rng::Rng;
use super::text::Texts;
use super::timeline::Incident;
use super::words;
use super::world::{self, Named, User, World};

/// Members are written in the order of the contract: head, actor, resource, verdict, metadata.
pub(crate) struct Line<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) rng: Rng,
    pub(crate) world: &'a World,
    pub(crate) texts: &'a Texts,
    pub(crate) kind: Kind,
    /// Of the stream: what ids are made from.
    pub(crate) key: u64,
    pub(crate) index: u64,
    pub(crate) incident: Option<&'a Incident>,
}

impl Line<'_> {
    /// `event_id` to `category`. The id's random bits are a function of stream and index.
    pub(crate) fn head(&mut self, time_ns: i64) {
        let mut ids = Rng::keyed(self.key ^ 0x6964, self.index);
        self.out.raw("{\"event_id\":\"");
        json::uuid(self.out, time_ns, ids.next(), ids.next());
        self.out.raw("\",\"timestamp\":\"");
        json::time(self.out, time_ns);
        let traits = self.kind.traits();
        self.out.raw("\",\"event_type\":\"");
        self.out.raw(traits.event_type);
        self.out.raw("\",\"category\":\"");
        self.out.raw(traits.category);
        self.out.raw("\",\"actor\":");
    }
    /// By a user, mostly from the usual place.
    pub(crate) fn by_user(&mut self, user: &User) {
        let place = (self.rng.below(3).min(self.rng.below(3)), usize::from(self.rng.permille(200)));
        self.by_user_at(user, place);
    }
    /// By a user at the given one of their addresses and browsers.
    pub(crate) fn by_user_at(&mut self, user: &User, place: (usize, usize)) {
        let browser = user.browsers[place.1];
        world::write_user(self.out, user, &user.addresses[place.0], &self.world.user_agents[browser]);
    }
    pub(crate) fn by_some_admin(&mut self) {
        let world = self.world;
        let admin = world.some_admin(&mut self.rng);
        self.by_user(admin);
    }
    pub(crate) fn by_key(&mut self, which: usize) {
        let library =
            self.world.first_library + which % (self.world.user_agents.len() - self.world.first_library);
        world::write_key(
            self.out,
            &self.world.keys[which],
            &self.world.key_addresses[which],
            &self.world.user_agents[library],
        );
    }
    pub(crate) fn by_system(&mut self, which: usize) {
        let (id, name) = words::SYSTEMS[which];
        world::write_system(self.out, id, name);
    }
    pub(crate) fn on(&mut self, resource_type: &str, id: &str, name: Option<&str>) {
        self.out.raw(",\"resource\":{\"type\":\"");
        self.out.raw(resource_type);
        self.out.raw("\",\"id\":\"");
        self.out.raw(id);
        self.out.raw("\"");
        if let Some(name) = name {
            self.out.text_member("name", name);
        }
        self.out.raw("}");
    }
    pub(crate) fn on_named(&mut self, resource_type: &str, named: &Named) {
        self.on(resource_type, &named.id, Some(&named.name));
    }
    /// `action` and `status`, and the opening of `metadata`.
    pub(crate) fn verdict(&mut self, status: &str) {
        self.out.text_member("action", self.kind.traits().action);
        self.out.text_member("status", status);
        self.out.raw(",\"metadata\":{");
    }
    /// Closes `metadata` and the event.
    pub(crate) fn end(&mut self) {
        self.out.raw("}}\n");
    }
    /// A text member picked from a list.
    pub(crate) fn one_of(&mut self, name: &str, of: &[&str]) {
        let text = *self.rng.pick(of);
        self.out.text_member(name, text);
    }
    /// `changes` with both states, each without its braces; an empty one is null: new, or gone.
    pub(crate) fn changes(&mut self, before: &str, after: &str) {
        self.out.raw(",\"changes\":{\"before\":");
        self.state(before);
        self.out.raw(",\"after\":");
        self.state(after);
        self.out.raw("}");
    }
    fn state(&mut self, members: &str) {
        if members.is_empty() {
            return self.out.raw("null");
        }
        self.out.raw("{");
        self.out.raw(members);
        self.out.raw("}");
    }
    /// `message`, `stack` where there is one, and `context` of an error.
    pub(crate) fn fault(&mut self, fault: usize, with_stack: bool) {
        let (class, message) = words::FAULTS[fault];
        self.out.text_member("message", message);
        if with_stack {
            let texts = self.texts;
            let stack = texts.trace_of(&mut self.rng, fault);
            self.out.text_member("stack", stack);
        }
        self.out.raw(",\"context\":{");
        self.out.text_member("error_class", class);
        self.one_of("service", words::SERVICES);
        self.one_of("region", words::REGIONS);
        let trace = (self.rng.next(), self.rng.next());
        self.out.raw(",\"trace_id\":\"");
        self.out.hex(trace.0, 16);
        self.out.hex(trace.1, 16);
        self.out.raw("\"");
        let attempt = self.rng.within(1, 4);
        self.out.number_member("attempt", attempt);
        self.out.raw("}");
    }
    /// `name` and an id of `prefix` and ten characters.
    pub(crate) fn id_member(&mut self, name: &str, prefix: &str, number: u64) {
        self.out.name(name);
        self.out.raw("\"");
        self.out.raw(prefix);
        world::push_id(self.out, number);
        self.out.raw("\"");
    }
}
