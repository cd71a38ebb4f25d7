//! A log of random events: many epochs and segments, events that come late, values of every kind.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::{Value as Json, json};
use stele_engine::event::{Event, Limits, Receipt, Taxonomy, normalize};
use stele_engine::io::SimDisk;
use stele_engine::log::{Log, Options, Outcome};
use stele_engine::merkle::{self, Node};
use stele_engine::tags::{Axis, Dimension, Filter, Value};

/// Commit times begin an hour after the day of the events, `DAY`.
pub const START_US: u64 = DAY_US + 3_600_000_000;
const DAY: &str = "2026-09-21";
const DAY_US: u64 = 1_789_948_800_000_000;
const EVENTS: u64 = 2_000;

/// Random numbers that are the same each time.
pub struct Rng(u64);

impl Rng {
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

/// The log, and what is known of it.
pub struct World {
    pub log: Log,
    /// Of every record.
    pub leaves: Vec<Node>,
    pub end_us: u64,
    /// A record of status `pending` that no index event covers.
    pub late_pending: u64,
    records: Vec<Known>,
}

/// A record as a plain reader sees it.
struct Known {
    sequence: u64,
    committed_us: u64,
    event_us: u64,
    body: Json,
}

/// The one world of all tests.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(make)
}

/// Another log, empty.
pub fn small(origin: &str) -> Log {
    let options = Options { segment_records_max: 700, epoch_records_max: 400, ..Options::default() };
    Log::create(Arc::new(SimDisk::new()), Path::new("/log"), origin, [7; 32], options).unwrap()
}

fn make() -> World {
    let (log, mut rng) = (small("example.com/stele/test"), Rng::new(1));
    let (mut now_us, mut made) = (START_US, 0);
    while made < EVENTS {
        let count = rng.below(40) + 1;
        let events = (made..made + count).map(|i| event(i, now_us, &mut rng)).collect();
        append(&log, events, now_us);
        made += count;
        index(&log, now_us, false);
        if rng.below(4) == 0 {
            while log.work().unwrap() {}
        }
        // Some batches are of one time.
        now_us += rng.below(4) * 68_000_000;
    }
    index(&log, now_us, true);
    // What comes after the index, and is signed nevertheless.
    let late: Vec<Event> = (made..made + 20).map(|i| event(i, now_us, &mut rng)).collect();
    append(&log, late, now_us);
    let status = |status: &str| json!({"status": status});
    let pending = raw(made + 20, now_us, &status("pending"));
    append(&log, vec![pending], now_us);
    let late_pending = log.head().size - 1;
    log.checkpoint(now_us).unwrap();
    let records: Vec<_> = (0..log.head().size).map(|seq| log.record(seq).unwrap().unwrap()).collect();
    let leaves = records.iter().map(|record| merkle::leaf(&record.hash)).collect();
    let records = records.iter().map(|record| Known {
        sequence: record.sequence,
        committed_us: record.committed_us,
        event_us: micros(&record.body),
        body: serde_json::from_slice(&record.body).unwrap(),
    });
    let records = records.collect();
    World { log, leaves, end_us: now_us, late_pending, records }
}

fn append(log: &Log, events: Vec<Event>, now_us: u64) {
    let batch = log.prepare(events, false);
    let outcomes = log.append(vec![batch], now_us).remove(0).unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. })));
}

fn index(log: &Log, now_us: u64, force: bool) {
    let head = log.head().size;
    while !force || log.indexed().unwrap() < head {
        let due = log.next_index_event(now_us as i64 * 1_000, force).unwrap();
        let Some(event) = due else { return };
        append(log, vec![event], now_us);
    }
}

/// An event with random members, which happened up to an hour before `now_us`, or just then.
fn event(i: u64, now_us: u64, rng: &mut Rng) -> Event {
    let late_us = if rng.below(3) == 0 { rng.below(3_600_000_000) } else { rng.below(5_000_000) };
    let mut actor = json!({"type": rng.pick(&["user", "user", "api_key", "system"])});
    let kind = actor["type"].as_str().unwrap().to_owned();
    if kind != "system" {
        let prefix = if kind == "user" { "usr" } else { "key" };
        actor["id"] = json!(format!("{prefix}_{}", rng.below(5)));
    }
    if rng.below(3) > 0 {
        actor["email"] =
            json!(rng.pick(&["Ada@Example.com", "ada@example.com", "zoë@EXAMPLE.com", "b@c.de"]));
    }
    if rng.below(3) > 0 {
        actor["name"] = json!(rng.pick(&["Ada", "Zoë \"Z\" \\", "ada"]));
    }
    let resource = match rng.below(3) {
        0 => json!({"type": "session", "id": format!("s\"{}", rng.below(6))}),
        _ => json!({"type": "agent", "id": format!("agt_{}", rng.below(4))}),
    };
    let members = json!({
        "event_type": rng.pick(&["auth.login", "agent.updated", "api.request", "session.created", "user.invited"]),
        "status": rng.pick(&["success", "success", "success", "failure", "pending"]),
        "actor": actor,
        "resource": resource,
    });
    raw(i, now_us - late_us, &members)
}

/// An event with these members among ordinary ones.
fn raw(i: u64, us: u64, members: &Json) -> Event {
    let mut raw = json!({
        "event_id": format!("e{i}"),
        "timestamp": timestamp(us),
        "event_type": "agent.updated",
        "actor": {"type": "user", "id": "usr_0"},
        "resource": {"type": "agent", "id": "agt_0"},
        "action": "do",
        "status": "success",
        "metadata": {"text": "x".repeat((i % 50) as usize)},
    });
    for (name, value) in members.as_object().unwrap() {
        raw[name] = value.clone();
    }
    let now_ns = us as i64 * 1_000;
    let receipt = Receipt { now_ns, ip_address: None, user_agent: None, new_id: &|| unreachable!() };
    let raw = raw.to_string();
    let made = normalize(raw.as_bytes(), &receipt, &Taxonomy::default(), &Limits::default());
    made.unwrap_or_else(|rejected| panic!("{raw}: {rejected:?}"))
}

/// A time of the day of the events.
fn timestamp(us: u64) -> String {
    let (us, second) = ((us - DAY_US) % 1_000_000, (us - DAY_US) / 1_000_000);
    assert!(second < 86_400, "the world has one day");
    format!("{DAY}T{:02}:{:02}:{:02}.{us:06}Z", second / 3_600, second / 60 % 60, second % 60)
}

fn micros(body: &[u8]) -> u64 {
    let (_, time_ns) = stele_engine::event::id_and_time(body).unwrap();
    time_ns as u64 / 1_000
}

impl World {
    /// A random question: values that occur, and some that do not.
    pub fn question(&self, rng: &mut Rng) -> Filter {
        let axis = *rng.pick(&[Axis::Event, Axis::Commit]);
        let span = self.end_us - DAY_US;
        let (from_us, to_us) = match rng.below(5) {
            0 => (0, u64::MAX),
            1 => (DAY_US + rng.below(span), u64::MAX),
            2 => (0, START_US + rng.below(span)),
            _ => {
                let from = DAY_US + rng.below(span);
                let most = 1 << (20 + rng.below(13));
                (from, from + 1 + rng.below(most))
            }
        };
        // By commit time a range that begins behind the index has no answer.
        let from_us = if axis == Axis::Commit { from_us.min(self.end_us - 1) } else { from_us };
        let mut dimensions = Vec::new();
        for _ in 0..rng.below(4) {
            let dimension = *rng.pick(&Dimension::ALL);
            let mut values = Vec::new();
            for _ in 0..=rng.below(3) {
                let some = rng.pick(&self.records);
                let none = if dimension.is_pair() {
                    Value::Pair("user".to_owned(), "none".to_owned())
                } else {
                    Value::Text("none".to_owned())
                };
                let found = value(&some.body, dimension).filter(|_| rng.below(5) > 0);
                values.push(found.unwrap_or(none));
            }
            dimensions.push((dimension, values));
        }
        Filter::new(axis, from_us, to_us, dimensions)
    }

    /// The sequences that match, by looking at every record.
    pub fn scan(&self, filter: &Filter) -> Vec<u64> {
        let matches = |known: &&Known| {
            let time = match filter.axis {
                Axis::Event => known.event_us,
                Axis::Commit => known.committed_us,
            };
            let has = |(dimension, values): &(Dimension, Vec<Value>)| {
                value(&known.body, *dimension).is_some_and(|value| values.contains(&value))
            };
            filter.from_us <= time && time < filter.to_us && filter.dimensions.iter().all(has)
        };
        self.records.iter().filter(matches).map(|known| known.sequence).collect()
    }
}

/// What an event has for a dimension.
fn value(body: &Json, dimension: Dimension) -> Option<Value> {
    let text = |pointer: &str| body.pointer(pointer)?.as_str().map(str::to_owned);
    let pair = |of: &str| Some(Value::Pair(text(&format!("/{of}/type"))?, text(&format!("/{of}/id"))?));
    match dimension {
        Dimension::EventType => text("/event_type").map(Value::Text),
        Dimension::Actor => pair("actor"),
        Dimension::Category => text("/category").map(Value::Text),
        Dimension::Resource => pair("resource"),
        Dimension::Status => text("/status").map(Value::Text),
        Dimension::ActorEmail => text("/actor/email").map(|email| Value::Text(email.to_lowercase())),
        Dimension::ActorName => text("/actor/name").map(Value::Text),
        Dimension::ResourceType => text("/resource/type").map(Value::Text),
        Dimension::ActorType => text("/actor/type").map(Value::Text),
    }
}
