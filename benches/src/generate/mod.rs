//! A seeded generator of realistic events.
//!
//! Owns what the demo month and all benchmarks are filled with: 27 built-in types in skewed shares,
//! people, keys and agents that come back, words by Zipf's law, traces that repeat, one event in a
//! hundred late. Lines are written straight into a buffer, about 650 bytes each.
//!
//! Keeps true: event `i` is a function of [`Settings`] and `i` alone, the same on every machine; two
//! settings that differ share no event id.

mod calls;
mod changes;
mod conversations;
mod json;
mod kind;
mod line;
mod operations;
mod rng;
mod text;
mod timeline;
mod words;
mod world;

use calls::Call;
use kind::{API_PAIRS_PERMILLE, KINDS, Kind};
use line::Line;
use rng::{Rng, Zipf, mix};
use text::Texts;
use timeline::{Incident, Timeline, Trouble};
use world::World;

/// How events lie in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Evenly, without incidents: for benchmarks.
    Even,
    /// Days, nights, weekends, outages, attacks, maintenance: for demonstrations.
    Month,
}

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Decides everything that the rest leaves open.
    pub seed: u64,
    /// How many events share the span.
    pub events: u64,
    /// Time of the first event, nanoseconds since 1970.
    pub start_ns: i64,
    /// From the first event to the end, nanoseconds.
    pub span_ns: i64,
    /// How events lie in time.
    pub shape: Shape,
}

/// Writes events by index; shared freely between threads.
#[derive(Debug)]
pub struct Generator {
    world: World,
    texts: Texts,
    timeline: Timeline,
    kinds: Zipf,
    routes: Zipf,
    start_ns: i64,
    key: u64,
}

/// What was decided of an event before a byte of it is written.
struct Plan<'a> {
    kind: Kind,
    call: Option<Call>,
    incident: Option<&'a Incident>,
    time_ns: i64,
}

impl Generator {
    /// Builds the lists and tables that events are drawn from; takes some milliseconds.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let Settings { seed, events, start_ns, span_ns, shape } = *settings;
        let parts = [events, start_ns as u64, span_ns as u64, shape as u64];
        let weights: Vec<u32> = KINDS.iter().map(|row| row.weight).collect();
        Self {
            world: World::new(seed),
            texts: Texts::new(seed),
            timeline: match shape {
                Shape::Even => Timeline::even(start_ns, span_ns, events),
                Shape::Month => Timeline::month(start_ns, span_ns, events, seed),
            },
            kinds: Zipf::weighted(&weights),
            routes: Zipf::weighted(&calls::ROUTE_WEIGHTS),
            start_ns,
            key: parts.iter().fold(mix(seed), |key, part| mix(key ^ *part)),
        }
    }

    /// Appends event `index` as one line of JSON with its line end.
    pub fn write(&self, index: u64, out: &mut Vec<u8>) {
        let plan = self.plan(index);
        let mut line = Line {
            out,
            rng: Rng::keyed(self.key ^ 0x006c_696e, index),
            world: &self.world,
            texts: &self.texts,
            kind: plan.kind,
            key: self.key,
            index,
            incident: plan.incident,
        };
        line.head(plan.time_ns);
        match plan.call {
            Some(call) => calls::write(&mut line, &call),
            None => write_other(&mut line),
        }
    }

    fn plan(&self, index: u64) -> Plan<'_> {
        let incident = self.timeline.incident(index);
        if let Some(kind) = incident.and_then(|incident| bound(incident, index)) {
            return Plan { kind, call: None, incident, time_ns: self.timeline.time_ns(index, 0) };
        }
        // The pair decides whether both of its events are a call, so neither is without the other.
        let first = index & !1;
        let mut pair = Rng::keyed(self.key ^ 0x7061_6972, first);
        let mut own = Rng::keyed(self.key ^ 0x006f_776e, index);
        let starts = self.timeline.incident(first);
        let whole = [first, first + 1].iter().all(|index| self.is_free(*index));
        if whole && pair.permille(API_PAIRS_PERMILLE) {
            return self.plan_call(index, first, &mut pair, starts);
        }
        let kind = match incident.map(|incident| incident.trouble) {
            Some(Trouble::LoginAttack) if own.permille(850) => Kind::AuthLoginFailed,
            _ => KINDS[self.kinds.draw(&mut own)].kind,
        };
        let time_ns = {
            let jitter = own.next();
            self.late(&mut own, self.timeline.time_ns(index, jitter))
        };
        Plan { kind, call: None, incident, time_ns }
    }

    fn plan_call<'a>(
        &'a self,
        index: u64,
        first: u64,
        pair: &mut Rng,
        incident: Option<&'a Incident>,
    ) -> Plan<'a> {
        let route = self.routes.draw(pair);
        let session = conversations::session_at(self.key, first, pair);
        // From here on in the same order for both events of the pair.
        let call = Call::draw(pair, &self.world, route, session, incident);
        let asked_ns = self.timeline.time_ns(first, pair.next());
        let answered_ns =
            (asked_ns + call.latency_ns()).min(self.timeline.time_ns(first + 1, 0)).max(asked_ns);
        let (kind, time_ns) =
            if index == first { (Kind::ApiRequest, asked_ns) } else { (call.answer(), answered_ns) };
        Plan { kind, time_ns: self.late(pair, time_ns), call: Some(call), incident }
    }

    fn is_free(&self, index: u64) -> bool {
        self.timeline.incident(index).is_none_or(|incident| bound(incident, index).is_none())
    }

    /// One event in a hundred is older than its place: minutes to days, as when a client was offline.
    fn late(&self, rng: &mut Rng, time_ns: i64) -> i64 {
        if !rng.permille(10) {
            return time_ns;
        }
        // 2^36 ns is a minute, 2^49 ns six and a half days.
        let age_ns = rng.long_tailed(36, 48) as i64;
        (time_ns - age_ns).max(self.start_ns)
    }
}

/// The event that opens or closes an incident.
fn bound(incident: &Incident, index: u64) -> Option<Kind> {
    let (opens, closes) = match incident.trouble {
        Trouble::Outage => (Kind::ServiceDegraded, Kind::ServiceRestored),
        Trouble::Maintenance => (Kind::MaintenanceStarted, Kind::MaintenanceCompleted),
        Trouble::LoginAttack | Trouble::Flood => return None,
    };
    match index {
        _ if index == incident.first => Some(opens),
        _ if index == incident.last => Some(closes),
        _ => None,
    }
}

fn write_other(line: &mut Line<'_>) {
    match line.kind.traits().category {
        "session" => conversations::write(line),
        "auth" => operations::login(line),
        "system" => operations::platform(line),
        _ => changes::write(line),
    }
}

#[cfg(test)]
mod tests;
