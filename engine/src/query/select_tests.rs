//! Answers by indexes against the same plan decided on every record.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::lang::parse;
use super::{
    Ask, Bodies, Budget, Filter, Order, Over, Part, Plan, Scope, Source, matches_record, matching,
    matching_from, page,
};
use crate::error::StoreError;
use crate::event::Fields;
use crate::index::fixture::{Rng, open, sealed};
use crate::index::{Doc, Live, Stored, View};

const NOW_NS: i64 = 1_795_419_000_000_000_000;

enum Index {
    Live(Box<Live>),
    Stored(Stored),
}

/// A segment in memory.
struct Held {
    index: Index,
    bodies: Vec<Vec<u8>>,
}

impl Source for Held {
    fn look(
        &self,
        look: &mut dyn for<'s> FnMut(View<'s>, &'s Bodies<'s>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let view = match &self.index {
            Index::Live(live) => View::Live(live),
            Index::Stored(stored) => View::Stored(stored),
        };
        look(view, &|doc| Ok(Cow::Borrowed(self.bodies[doc as usize].as_slice())))
    }
}

fn body(rng: &mut Rng, at: usize) -> Vec<u8> {
    let second = (at / 3 + rng.below(20) as usize).min(7_100);
    let word = |rng: &mut Rng| rng.pick(&["timeout", "rate", "limited", "Role", "changed", "x"]).to_owned();
    let words: Vec<String> = (0..1 + rng.below(4)).map(|_| word(rng)).collect();
    let unique = if rng.below(3) == 0 { format!(" ref-{at}-{}", rng.next() % 1000) } else { String::new() };
    format!(
        concat!(
            r#"{{"event_id":"e{}","timestamp":"2026-11-23T0{}:{:02}:{:02}Z","event_type":"{}","category":"{}","#,
            r#""actor":{{"type":"user","id":"usr_{}","ip_address":"10.0.{}.7"}},"resource":{{"type":"agent","#,
            r#""id":"agt_{}"}},"action":"a","status":"{}","metadata":{{"text":"{}{}","code":{},"trace":"{:016x}"}}}}"#
        ),
        at,
        5 + second / 3600,
        second / 60 % 60,
        second % 60,
        rng.pick(&["agent.updated", "api.request", "stele.index", "auth.login_failed"]),
        rng.pick(&["agent", "api", "auth"]),
        rng.below(40),
        rng.below(4),
        rng.below(300),
        rng.pick(&["success", "success", "failure"]),
        words.join(" "),
        unique,
        rng.pick(&["200", "404", "404.0", "500", "503", "1e2"]),
        rng.next(),
    )
    .into_bytes()
}

fn committed_us(at: usize) -> u64 {
    (NOW_NS / 1000) as u64 + at as u64 / 50
}

/// A growing segment of events with these metadata.
pub(super) fn live_part(metadata: impl Iterator<Item = String>) -> Part {
    let held = live(metadata);
    Part::new(0, held.bodies.len() as u32, Arc::new(held)).unwrap()
}

fn live(metadata: impl Iterator<Item = String>) -> Held {
    let event = |(at, metadata): (usize, String)| {
        let envelope = concat!(
            r#""timestamp":"2026-11-23T05:00:00Z","event_type":"a.b","category":"c","actor":{"type":"user"},"#,
            r#""resource":{"type":"r","id":"i"},"action":"a","status":"success""#
        );
        format!(r#"{{"event_id":"e{at}",{envelope},"metadata":{metadata}}}"#).into_bytes()
    };
    let bodies: Vec<Vec<u8>> = metadata.enumerate().map(event).collect();
    let mut live = Live::default();
    for (at, body) in bodies.iter().enumerate() {
        live.push(&Doc::of(&Fields::scan(body).unwrap(), committed_us(at)).unwrap());
    }
    Held { index: Index::Live(Box::new(live)), bodies }
}

/// Three segments, the last one with documents that are not visible.
fn world(rng: &mut Rng, stored: bool, size: usize) -> (Vec<Part>, Vec<Vec<u8>>) {
    let bodies: Vec<Vec<u8>> = (0..size * 3).map(|at| body(rng, at)).collect();
    let mut parts = Vec::new();
    let visible = size * 3 - size / 4;
    for (number, chunk) in bodies.chunks(size).enumerate() {
        let mut live = Live::default();
        for (at, body) in chunk.iter().enumerate() {
            let fields = Fields::scan(body).unwrap();
            live.push(&Doc::of(&fields, committed_us(number * size + at)).unwrap());
        }
        let index =
            if stored { Index::Stored(open(sealed(&live)).unwrap()) } else { Index::Live(Box::new(live)) };
        let held = Held { index, bodies: chunk.to_vec() };
        let docs = visible.saturating_sub(number * size) as u32;
        parts.push(Part::new((number * size) as u64, docs, Arc::new(held)).unwrap());
    }
    (parts, bodies[..visible].to_vec())
}

pub(super) fn plan(text: &str) -> Plan {
    let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let scope = Scope::new(&Filter::default(), &query, NOW_NS);
    let number = |id: &str| id.strip_prefix('e').and_then(|rest| rest.parse().ok());
    Plan::of(&scope, &mut |id| Ok(number(id))).unwrap()
}

const QUERIES: [&str; 36] = [
    "*",
    "timeout",
    "timeout limited",
    "\"rate limited\"",
    "\"limited x\" OR \"role chan\"*",
    "-timeout -rate",
    "ref",
    "\"ref 7\"*",
    "e70 OR e71",
    "*ed",
    "r?te",
    "cat:api status:failure",
    "cat:(api OR auth) -status:success",
    "type:agent OR type:stele",
    "type~login",
    "by:usr_1*",
    "target:agt_17",
    "target:agt_17 timeout",
    "target:agt_17 -@text~e",
    "target:agt_17 (@text~rate OR x)",
    "ip:10.0.2.0/24",
    "ip:[10.0.1.0 TO 10.0.2.255]",
    "@text:changed",
    "@text:\"role changed\"",
    "@text~\"ed r\"",
    "@text~ref-1",
    "@text=x",
    "@code:404",
    "@code>=500",
    "@code:[100 TO 404} @text:x",
    "@trace~00",
    "@trace:* -@nowhere:*",
    "seq:[100 TO 450] cat:api",
    "time:2026-11-23T05:01",
    "time:2026-11-23T05:01 OR (committed_at<2026-11-23T07:30:00.000003Z timeout)",
    "time>=2026-11-23T05:01:30Z time<2026-11-23T05:03:00Z rate",
];

struct Wanted {
    /// (time, sequence), ascending.
    rows: Vec<(i64, u64)>,
}

impl Wanted {
    fn of(plan: &Plan, bodies: &[Vec<u8>]) -> Self {
        let mut rows = Vec::new();
        for (at, body) in bodies.iter().enumerate() {
            if matches_record(plan, body, at as u64, committed_us(at), &Budget::unlimited()).unwrap() {
                rows.push((Fields::scan(body).unwrap().time_ns, at as u64));
            }
        }
        rows.sort_unstable();
        Self { rows }
    }

    fn sequences(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.rows.iter().map(|row| row.1).collect();
        all.sort_unstable();
        all
    }
}

fn paged(parts: &[Part], plan: &Plan, order: Order, limit: usize) -> Vec<(i64, u64)> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let ask = Ask { plan, order, limit, after, count: false };
        let hits = page(parts, &ask, &Budget::unlimited()).unwrap();
        assert!(hits.hits.len() == limit || !hits.more);
        rows.extend(hits.hits);
        after = rows.last().copied();
        if !hits.more {
            return rows;
        }
    }
}

#[test]
fn answers_by_indexes_are_those_of_the_records() {
    let mut rng = Rng(31);
    for (stored, size) in [(false, 300), (true, 300), (false, 2_000), (true, 2_000)] {
        let (parts, bodies) = world(&mut rng, stored, size);
        for text in QUERIES {
            let plan = plan(text);
            let wanted = Wanted::of(&plan, &bodies);
            let mut found = Vec::new();
            for part in &parts {
                let docs = matching(part, &plan, &Budget::unlimited()).unwrap();
                docs.each(|doc| found.push(part.first + u64::from(doc)));
            }
            assert_eq!(found, wanted.sequences(), "{text}");
            let (desc, asc) = (paged(&parts, &plan, Order::Desc, 100), paged(&parts, &plan, Order::Asc, 40));
            assert_eq!(asc, wanted.rows, "{text}");
            assert!(desc.iter().rev().eq(&wanted.rows), "{text}");
            let ask = Ask { plan: &plan, order: Order::Desc, limit: 0, after: None, count: true };
            let hits = page(&parts, &ask, &Budget::unlimited()).unwrap();
            assert_eq!(hits.matched, Some(wanted.rows.len() as u64), "{text}");
        }
    }
}

#[test]
fn matches_in_the_order_of_the_log_begin_anywhere_and_end_at_the_limit() {
    let mut rng = Rng(32);
    let (parts, bodies) = world(&mut rng, true, 300);
    for text in QUERIES {
        let plan = plan(text);
        let all = Wanted::of(&plan, &bodies).sequences();
        for start in [0, 1, 150, 299, 300] {
            let part = &parts[1];
            let found = matching_from(part, &plan, start, 5, &Budget::unlimited()).unwrap();
            let inside = all.iter().filter(|&&at| (300 + u64::from(start)..600).contains(&at));
            let wanted: Vec<u32> = inside.take(5).map(|&at| (at - 300) as u32).collect();
            assert_eq!(found, wanted, "{text} from {start}");
        }
    }
}

/// Wherever the time runs out, the query says so, and soon.
#[test]
fn a_query_ends_when_its_budget_does() {
    let mut rng = Rng(33);
    let (parts, _) = world(&mut rng, true, 3_000);
    for text in ["@trace~00", "*e*", "@text~ref-1 OR @trace~zz", "\"rate limit\"* -ref"] {
        let plan = plan(text);
        let ask = Ask { plan: &plan, order: Order::Desc, limit: 10_000, after: None, count: true };
        let asked = Cell::new(0);
        let count = || {
            asked.set(asked.get() + 1);
            None
        };
        page(&parts, &ask, &Budget::new(&count)).unwrap();
        let times = asked.get();
        assert!(times > 3, "{text}: {times}");
        for last in [0, 1, times / 2, times - 1] {
            asked.set(0);
            let over = || {
                asked.set(asked.get() + 1);
                (asked.get() > last).then_some(Over::Gone)
            };
            let error = page(&parts, &ask, &Budget::new(&over)).unwrap_err();
            assert!(matches!(error, StoreError::Cancelled), "{text}: {error}");
        }
    }
}

/// Counts the records that are read in one look at a segment, and keeps the most.
struct Counted(Held, Arc<AtomicUsize>);

impl Source for Counted {
    fn look(
        &self,
        look: &mut dyn for<'s> FnMut(View<'s>, &'s Bodies<'s>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let read = AtomicUsize::new(0);
        let done = self.0.look(&mut |view, bodies| {
            look(view, &|doc| {
                read.fetch_add(1, Relaxed);
                bodies(doc)
            })
        });
        self.1.fetch_max(read.into_inner(), Relaxed);
        done
    }
}

#[test]
fn doubtful_documents_are_decided_some_at_each_look() {
    // A name that no segment lists: only records tell what is below it.
    let long = "n".repeat(1_100);
    let metadata = (0..2_000).map(|at| format!(r#"{{"f":"f{}","{long}":"x z{}"}}"#, at % 2, at % 3));
    let most = Arc::new(AtomicUsize::new(0));
    let part = Part::new(0, 2_000, Arc::new(Counted(live(metadata), Arc::clone(&most)))).unwrap();
    let unlimited = Budget::unlimited();
    let found = matching(&part, &plan(&format!("@{long}:z1")), &unlimited).unwrap();
    assert_eq!(found.to_vec(), (0..2_000).filter(|at| at % 3 == 1).collect::<Vec<u32>>());
    assert!((1..=256).contains(&most.swap(0, Relaxed)));
    assert!(matching(&part, &plan("@f:x"), &unlimited).unwrap().is_empty());
    assert!((1..=256).contains(&most.swap(0, Relaxed)));
    let from = matching_from(&part, &plan(&format!("@{long}:z1")), 1_000, 300, &unlimited).unwrap();
    assert_eq!(from, (1_000..2_000).filter(|at| at % 3 == 1).take(300).collect::<Vec<u32>>());
    assert!((1..=256).contains(&most.swap(0, Relaxed)));
    let ask = Ask { plan: &plan("@f:x"), order: Order::Desc, limit: 0, after: None, count: true };
    assert_eq!(count_all(std::slice::from_ref(&part), &ask), 0);
    assert!((1..=256).contains(&most.swap(0, Relaxed)));
}

fn count_all(parts: &[Part], ask: &Ask<'_>) -> u64 {
    let budget = Budget::unlimited();
    parts.iter().map(|part| super::select::count(part, ask.plan, &budget).unwrap()).sum()
}
