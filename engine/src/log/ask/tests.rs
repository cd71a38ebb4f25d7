//! Answers beyond pages against a plain recount over decoded records, while segments grow, after they
//! were sealed, and after the log was opened again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::*;
use crate::event::{Event, Limits, Receipt, Taxonomy, normalize, own};
use crate::index::fixture::Rng;
use crate::io::RealDisk;
use crate::log::Options;
use crate::query::FacetValue;

const START_NS: i64 = 1_700_000_000_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

fn options() -> Options {
    Options { segment_records_max: 250, ..Options::default() }
}

fn event(raw: &str) -> Event {
    let receipt = Receipt { now_ns: START_NS, ip_address: None, user_agent: None, new_id: &String::new };
    normalize(raw.as_bytes(), &receipt, &Taxonomy::default(), &Limits::default())
        .unwrap_or_else(|rejected| panic!("{raw}: {rejected:?}"))
}

/// An event in the log's own shape; `members` are those behind the resource.
fn raw(id: usize, time_ns: i64, event_type: &str, actor: &str, resource: &str, members: &str) -> String {
    let timestamp = jiff::Timestamp::from_nanosecond(i128::from(time_ns)).unwrap();
    format!(
        r#"{{"event_id":"e{id:05}","timestamp":"{timestamp}","event_type":"{event_type}","actor":{actor},"resource":{resource},{members}}}"#
    )
}

fn random_metadata(rng: &mut Rng) -> String {
    let mut members = Vec::new();
    match rng.below(6) {
        0 => {}
        1 => members.push(format!(r#""latency":"{}""#, rng.below(50))),
        2 => members.push(format!(r#""latency":[{},{},[{}]]"#, rng.below(9), rng.below(9), rng.below(9))),
        3 => members.push(format!(r#""latency":{}.5"#, rng.below(40) as i64 - 20)),
        _ => members.push(format!(r#""latency":{}"#, rng.below(300))),
    }
    match rng.below(5) {
        0 => members.push(format!(r#""http":{{"path":"/{}"}}"#, rng.below(4))),
        1 => members.push(format!(r#""http.path":"/{}""#, rng.below(4))),
        2 => members.push(format!(r#""http":{{"path":["/{}","/1",null]}},"http.path":"/1""#, rng.below(4))),
        3 => members.push(r#""http":{"path":{"x":1}}"#.to_owned()),
        _ => members.push(format!(r#""http":{{"path":"/{}"}}"#, rng.below(1_000))),
    }
    match rng.below(5) {
        0 => members.push(r#""tag":[true,"true",7,"7",false,[true]]"#.to_owned()),
        1 => members.push(r#""tag":null"#.to_owned()),
        2 => members.push(format!(r#""tag":"ünïque \"{}\"""#, rng.next())),
        3 => members.push(format!(r#""tag":{}"#, rng.below(2) == 0)),
        _ => members.push(format!(r#""tag":{}"#, rng.below(3))),
    }
    if rng.below(20) == 0 {
        // No index lists a name of that length: the record tells.
        members.push(format!(r#""{}":{}"#, long_name(), rng.below(3)));
    }
    format!("{{{}}}", members.join(","))
}

fn long_name() -> String {
    "x".repeat(1_100)
}

fn random_event(rng: &mut Rng, id: usize, time_ns: i64) -> Event {
    if rng.below(60) == 0 {
        let id = format!("stele:{id}");
        let actor = r#"{"type":"system","id":"log"}"#;
        return own("stele.seal", &id, time_ns, actor, r#"{"type":"log","id":"l"}"#, "seal", "success", "{}")
            .unwrap();
    }
    let mut actor = vec![r#""type":"system""#.to_owned()];
    if rng.below(3) > 0 {
        actor.push(format!(r#""id":"u{}""#, rng.below(12)));
    }
    if rng.below(3) > 0 {
        actor.push(format!(r#""email":"u{}@x.io""#, rng.below(12)));
    }
    if rng.below(3) > 0 {
        actor.push(format!(r#""name":"U {}""#, rng.below(12)));
    }
    let event_type = rng.pick(&["api.request", "api.response", "job.done", "job.done.twice", "auth.login"]);
    let category = rng.pick(&["api", "auth", "agent", "system"]);
    let status = rng.pick(&["success", "success", "success", "failure", "pending"]);
    let action = rng.pick(&["get", "put"]);
    let members = format!(
        r#""category":"{category}","action":"{action}","status":"{status}","metadata":{}"#,
        random_metadata(rng)
    );
    let resource = format!(r#"{{"type":"{}","id":"r{}"}}"#, rng.pick(&["url", "agent"]), rng.below(40));
    event(&raw(id, time_ns, event_type, &format!("{{{}}}", actor.join(",")), &resource, &members))
}

struct World {
    _dir: tempfile::TempDir,
    log: Log,
    events: Vec<(i64, Json)>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::create(
            std::sync::Arc::new(RealDisk),
            dir.path(),
            "example.com/stele/ask",
            [3; 32],
            options(),
        )
        .unwrap();
        Self { _dir: dir, log, events: Vec::new() }
    }

    fn append(&mut self, events: Vec<Event>) {
        for event in &events {
            let json: Json = serde_json::from_slice(&event.body).unwrap();
            let (_, time_ns) = crate::event::id_and_time(&event.body).unwrap();
            self.events.push((time_ns, json));
        }
        let batch = self.log.prepare(events, false);
        let outcomes = self.log.append(vec![batch], START_NS as u64 / 1000).remove(0).unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, crate::log::Outcome::Stored { .. })));
    }

    fn random(seed: u64, count: usize) -> Self {
        let mut world = Self::new();
        let mut rng = Rng(seed);
        let mut now = START_NS;
        let events = (0..count).map(|id| {
            now += rng.below(3) as i64 * 7_000_000_000;
            let late = rng.below(10) == 0;
            let time = if late { now - rng.below(2_000) as i64 * 1_000_000_000 } else { now };
            random_event(&mut rng, id, time)
        });
        let events: Vec<Event> = events.collect();
        events.chunks(23).for_each(|events| world.append(events.to_vec()));
        world
    }

    fn seal(&self) {
        while self.log.work().unwrap() {}
    }

    /// Calls `check` in every state of the segments.
    fn in_every_state(mut self, check: impl Fn(&Self)) {
        check(&self);
        self.seal();
        check(&self);
        self.log.close().unwrap();
        let path = self._dir.path().to_owned();
        drop(self.log);
        self.log = Log::open(std::sync::Arc::new(RealDisk), &path, options()).unwrap().0;
        check(&self);
    }

    /// The events of a scope in order of sequence, by the plain meaning of its parts.
    fn matching(&self, asked: &Asked) -> Vec<&(i64, Json)> {
        let events = self.events.iter().take(asked.head.map_or(usize::MAX, |head| head as usize));
        let found = events.filter(|(time, event)| {
            asked.scope.from_ns.is_none_or(|from| from <= *time)
                && asked.scope.to_ns.is_none_or(|to| *time < to)
                && asked.status.is_none_or(|status| event["status"] == status)
                && (asked.scope.own || event["event_type"] != "stele.seal")
        });
        found.collect()
    }
}

/// A scope with its plain meaning.
struct Asked {
    scope: Scope,
    status: Option<&'static str>,
    head: Option<u64>,
}

fn scope(root: Expr) -> Scope {
    Scope { root, from_ns: None, to_ns: None, own: false, now_ns: START_NS }
}

fn asked() -> Vec<Asked> {
    let all = || Asked { scope: scope(Expr::All), status: None, head: None };
    let with_status = |status: &'static str| Asked {
        scope: scope(equals(Keyword::Status, status)),
        status: Some(status),
        ..all()
    };
    let ranged = |from: Option<i64>, to: Option<i64>, asked: Asked| {
        let scope = Scope {
            from_ns: from.map(|m| START_NS + m),
            to_ns: to.map(|m| START_NS + m),
            ..asked.scope.clone()
        };
        Asked { scope, ..asked }
    };
    vec![
        all(),
        Asked { scope: Scope { own: true, ..scope(Expr::All) }, ..all() },
        with_status("success"),
        with_status("pending"),
        with_status("none"),
        ranged(Some(MINUTE_NS * 7 + 3), Some(MINUTE_NS * 31 - 1), all()),
        ranged(Some(MINUTE_NS * 20), None, with_status("failure")),
        ranged(None, Some(MINUTE_NS * 12), with_status("success")),
        ranged(Some(MINUTE_NS * 9_000), Some(MINUTE_NS * 9_003), all()),
        Asked { head: Some(890), ..all() },
        Asked { head: Some(633), ..with_status("failure") },
    ]
}

fn path(names: &[&str]) -> Path {
    Path(names.iter().map(|text| Name { text: (*text).to_owned(), quoted: false }).collect())
}

fn dimensions() -> Vec<Dimension> {
    let keywords = [
        Keyword::EventType,
        Keyword::Category,
        Keyword::Status,
        Keyword::Action,
        Keyword::ResourceType,
        Keyword::ResourceId,
        Keyword::ActorEmail,
    ];
    let long = long_name();
    let paths = [&["latency"][..], &["http", "path"], &["tag"], &["nowhere"], &[&long]];
    let keywords = keywords.into_iter().map(Dimension::Keyword);
    keywords.chain([Dimension::Actor]).chain(paths.map(|names| Dimension::Metadata(path(names)))).collect()
}

/// The distinct values of a decoded event, by definition.
fn values(event: &Json, dimension: &Dimension) -> BTreeSet<FacetValue> {
    let member = |pointer: &str| {
        event.pointer(pointer).and_then(Json::as_str).map(|text| FacetValue::Text(text.into()))
    };
    match dimension {
        Dimension::Keyword(keyword) => {
            let pointer = match keyword {
                Keyword::EventType => "/event_type",
                Keyword::Category => "/category",
                Keyword::Status => "/status",
                Keyword::Action => "/action",
                Keyword::ResourceType => "/resource/type",
                Keyword::ResourceId => "/resource/id",
                Keyword::ActorEmail => "/actor/email",
                other => panic!("{other:?}"),
            };
            member(pointer).into_iter().collect()
        }
        Dimension::Actor => {
            ["/actor/id", "/actor/email", "/actor/name"].into_iter().find_map(member).into_iter().collect()
        }
        Dimension::Metadata(path) => {
            let mut found = BTreeSet::new();
            let names: Vec<&str> = path.0.iter().map(|name| name.text.as_str()).collect();
            collect(&event["metadata"], &names, &mut found);
            found
        }
    }
}

fn collect(value: &Json, names: &[&str], found: &mut BTreeSet<FacetValue>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| collect(item, names, found)),
        Json::Object(members) => {
            for taken in 1..=names.len() {
                if let Some(value) = members.get(&names[..taken].join(".")) {
                    collect(value, &names[taken..], found);
                }
            }
        }
        Json::String(text) if names.is_empty() => found.extend([FacetValue::Text(text.clone())]),
        Json::Number(number) if names.is_empty() => found.extend([FacetValue::Number(number.to_string())]),
        Json::Bool(flag) if names.is_empty() => found.extend([FacetValue::Flag(*flag)]),
        _ => {}
    }
}

fn recount(events: &[&(i64, Json)], dimension: &Dimension, top: usize) -> Facet {
    let mut counts: BTreeMap<FacetValue, u64> = BTreeMap::new();
    let mut missing = 0;
    for (_, event) in events {
        let values = values(event, dimension);
        missing += u64::from(values.is_empty());
        values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
    }
    let mut values: Vec<_> = counts.into_iter().collect();
    values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let other = values.iter().skip(top).map(|(_, count)| count).sum();
    values.truncate(top);
    Facet { values, other, missing }
}

#[test]
fn facets_count_what_a_recount_of_the_records_counts() {
    World::random(11, 1_000).in_every_state(|world| {
        let budget = Budget::unlimited();
        for (number, asked) in asked().iter().enumerate() {
            let events = world.matching(asked);
            let ask = super::Ask { scope: &asked.scope, head: asked.head, budget: &budget };
            for top in [3, 1_000] {
                let (facets, matched) = world.log.facets(ask, &dimensions(), top).unwrap();
                assert_eq!(matched, events.len() as u64, "scope {number}");
                for (facet, dimension) in facets.iter().zip(dimensions()) {
                    assert_eq!(*facet, recount(&events, &dimension, top), "scope {number}, {dimension:?}");
                }
            }
        }
    });
}

fn buckets(events: &[&(i64, Json)], scope: &Scope, interval_ns: i64, split: Option<Split>) -> Vec<Bucket> {
    let times = events.iter().map(|(time, _)| *time);
    let first = scope.from_ns.or(times.clone().min());
    let last = scope.to_ns.map(|to| to - 1).or(times.max());
    let Some((first, last)) = first.zip(last) else { return Vec::new() };
    let name = split.map(|split| if split == Split::Status { "status" } else { "category" });
    let mut found: BTreeMap<i64, (u64, BTreeMap<String, u64>)> = BTreeMap::new();
    for start in first.div_euclid(interval_ns)..=last.div_euclid(interval_ns) {
        found.entry(start * interval_ns).or_default();
    }
    for (time, event) in events {
        let bucket = found.get_mut(&(time.div_euclid(interval_ns) * interval_ns)).unwrap();
        bucket.0 += 1;
        if let Some(name) = name {
            *bucket.1.entry(event[name].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    let bucket = |(start_ns, (count, by)): (i64, (u64, BTreeMap<String, u64>))| Bucket {
        start_ns,
        count,
        by: by.into_iter().collect(),
    };
    found.into_iter().map(bucket).collect()
}

#[test]
fn histograms_count_what_a_recount_of_the_records_counts() {
    World::random(12, 1_000).in_every_state(|world| {
        let budget = Budget::unlimited();
        for (number, asked) in asked().iter().enumerate() {
            let events = world.matching(asked);
            let ask = super::Ask { scope: &asked.scope, head: asked.head, budget: &budget };
            for interval_ns in [MINUTE_NS, 7_000_000_000, 3_600_000_000_000] {
                for split in [None, Some(Split::Status), Some(Split::Category)] {
                    let found = world.log.histogram(ask, interval_ns, split).unwrap();
                    let wanted = buckets(&events, &asked.scope, interval_ns, split);
                    assert_eq!(found, wanted, "scope {number}, {interval_ns} ns, {split:?}");
                }
            }
            let times = events.iter().map(|(time, _)| *time);
            let first = asked.scope.from_ns.or(times.clone().min());
            let last = asked.scope.to_ns.map(|to| to - 1).or(times.max());
            assert_eq!(world.log.range(ask).unwrap(), first.zip(last), "scope {number}");
        }
    });
}

fn groups(events: &[&(i64, Json)], field: &Dimension, by: Option<&Dimension>) -> Vec<Group> {
    let mut samples: BTreeMap<Option<FacetValue>, Vec<f64>> = BTreeMap::new();
    for (_, event) in events {
        let keys: Vec<Option<FacetValue>> =
            by.map_or(vec![], |by| values(event, by).into_iter().map(Some).collect());
        let keys = if keys.is_empty() { vec![None] } else { keys };
        for value in values(event, field) {
            let FacetValue::Number(text) = value else { continue };
            keys.iter().for_each(|key| samples.entry(key.clone()).or_default().push(text.parse().unwrap()));
        }
    }
    let mut groups: Vec<Group> = samples.into_iter().map(|(key, samples)| group(key, samples)).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

fn group(key: Option<FacetValue>, mut samples: Vec<f64>) -> Group {
    samples.sort_by(f64::total_cmp);
    let count = samples.len();
    let rank = |percent: f64| samples[(percent / 100.0 * count as f64).ceil() as usize - 1];
    let mean = samples.iter().sum::<f64>() / count as f64;
    let (p50, p95, p99) = (rank(50.0), rank(95.0), rank(99.0));
    Group { key, count: count as u64, min: samples[0], max: samples[count - 1], mean, p50, p95, p99 }
}

#[test]
fn metrics_are_those_of_a_recount_of_the_records() {
    World::random(13, 1_000).in_every_state(|world| {
        let budget = Budget::unlimited();
        for (number, asked) in asked().iter().enumerate() {
            let events = world.matching(asked);
            let ask = super::Ask { scope: &asked.scope, head: asked.head, budget: &budget };
            for field in [path(&["latency"]), path(&["tag"]), path(&["http", "path"]), path(&[&long_name()])]
            {
                let dimension = Dimension::Metadata(field.clone());
                for by in dimensions().iter().map(Some).chain([None]) {
                    let found = world.log.metrics(ask, &field, by).unwrap();
                    // All numbers are halves: sums are exact in any order.
                    assert_eq!(found, groups(&events, &dimension, by), "scope {number}, {field:?} by {by:?}");
                }
            }
        }
    });
}

fn failure(id: usize, seconds: i64, event_type: &str, metadata: &str) -> Event {
    let members = format!(r#""category":"system","action":"run","status":"failure","metadata":{metadata}"#);
    let time_ns = START_NS + seconds * 1_000_000_000;
    event(&raw(
        id,
        time_ns,
        event_type,
        r#"{"type":"user","id":"u"}"#,
        r#"{"type":"job","id":"j"}"#,
        &members,
    ))
}

#[test]
fn failures_that_are_alike_are_one_group_in_every_state() {
    let mut world = World::new();
    let stack = |line: usize, function: &str| {
        format!(r#"Error: x\n    at {function} (/app/a.js:{line}:1)\n    at main (/app/m.js:{line}:2)"#)
    };
    let mut events = Vec::new();
    for id in 0..200_usize {
        let event = match id % 4 {
            0 => failure(
                id,
                id as i64,
                "job.failed",
                &format!(r#"{{"message":"timeout after {id}ms","stack":"{}"}}"#, stack(id, "step")),
            ),
            1 => failure(
                id,
                id as i64,
                "job.failed",
                &format!(r#"{{"message":"timeout after {id}ms","stack":"{}"}}"#, stack(7, "other")),
            ),
            2 => failure(id, id as i64, "api.error", r#"{"error":{"message":"no such user 'Ada'"}}"#),
            _ => event(&raw(
                id,
                START_NS,
                "job.done",
                r#"{"type":"user","id":"u"}"#,
                r#"{"type":"job","id":"j"}"#,
                r#""category":"system","action":"run","status":"success","metadata":{"message":"fine"}"#,
            )),
        };
        events.push(event);
    }
    // The newest one arrives first.
    events.rotate_right(20);
    world.append(events);
    world.in_every_state(|world| {
        let budget = Budget::unlimited();
        let all = scope(Expr::All);
        let ask = super::Ask { scope: &all, head: None, budget: &budget };
        let groups = world.log.errors(ask, 4).unwrap();
        let shown: Vec<_> =
            groups.iter().map(|g| (g.event_type.as_str(), g.message.as_str(), g.count)).collect();
        let wanted = [
            ("api.error", "no such user <str>", 50),
            ("job.failed", "timeout after <n>ms", 50),
            ("job.failed", "timeout after <n>ms", 50),
        ];
        assert_eq!(shown, wanted);
        assert_eq!(groups.iter().map(|g| &g.fingerprint).collect::<BTreeSet<_>>().len(), 3);
        assert!(groups.iter().all(|g| g.fingerprint.len() == 16));
        let first = &groups[0];
        assert_eq!(
            (first.first_seen_ns, first.last_seen_ns),
            (START_NS + 2_000_000_000, START_NS + 198_000_000_000)
        );
        // Event 198 was moved to the front, where it is the 19th.
        assert_eq!(first.sample, 18);
        assert_eq!(first.sparkline.iter().sum::<u64>(), 50);
        assert!(first.sparkline.iter().all(|&count| (12..=13).contains(&count)), "{:?}", first.sparkline);

        let narrow = Scope { from_ns: Some(START_NS), to_ns: Some(START_NS + 8_000_000_000), ..all.clone() };
        let groups = world.log.errors(super::Ask { scope: &narrow, ..ask }, 2).unwrap();
        let shown: Vec<_> = groups.iter().map(|g| (g.count, g.sparkline.clone())).collect();
        assert_eq!(shown, [(2, vec![1, 1]), (2, vec![1, 1]), (2, vec![1, 1])]);
        let none = scope(equals(Keyword::Category, "none"));
        assert_eq!(world.log.errors(super::Ask { scope: &none, ..ask }, 2).unwrap(), []);
    });
}

fn change(id: usize, minutes: i64, event_type: &str, resource: &str, metadata: &str) -> Event {
    let members =
        format!(r#""category":"system","action":"update","status":"success","metadata":{metadata}"#);
    let resource = format!(r#"{{"type":"thing","id":"{resource}"}}"#);
    event(&raw(
        id,
        START_NS + minutes * MINUTE_NS,
        event_type,
        r#"{"type":"user","id":"u"}"#,
        &resource,
        &members,
    ))
}

#[test]
fn a_history_has_the_changes_newest_first_and_the_state_at_any_time() {
    let mut world = World::new();
    world.append(vec![
        change(0, 5, "thing.updated", "a", r#"{"changes":{"before":{"n":1},"after":{"n":2.50}}}"#),
        change(1, 1, "thing.created", "a", r#"{"changes":{"after":{"name":"x","n":1,"old":[1]}}}"#),
        change(2, 2, "thing.updated", "b", r#"{"changes":{"after":{"name":"other"}}}"#),
        change(3, 3, "thing.viewed", "a", r#"{"changes":null}"#),
        change(4, 3, "thing.updated", "a", r#"{"changes":{"before":{"old":[1]},"after":{}}}"#),
        change(5, 9, "thing.deleted", "a", "{}"),
        change(6, 7, "thing.updated", "a", r#"{"changes":{"before":{"name":"x"},"after":{"name":null}}}"#),
    ]);
    world.in_every_state(|world| {
        let budget = Budget::unlimited();
        let all = scope(Expr::All);
        let ask = super::Ask { scope: &all, head: None, budget: &budget };
        let at = |minutes: i64| {
            world.log.history(ask, ("thing", "a"), Some(START_NS + minutes * MINUTE_NS), None, 10).unwrap()
        };
        for (minutes, sequences, state) in [
            (0, &[][..], None),
            (1, &[1], Some(r#"{"n":1,"name":"x","old":[1]}"#)),
            (4, &[4, 1], Some(r#"{"n":1,"name":"x"}"#)),
            (5, &[0, 4, 1], Some(r#"{"n":2.50,"name":"x"}"#)),
            (8, &[6, 0, 4, 1], Some(r#"{"n":2.50}"#)),
            (9, &[6, 0, 4, 1], Some("null")),
        ] {
            let history = at(minutes);
            assert_eq!(
                history.changes.iter().map(|record| record.sequence).collect::<Vec<_>>(),
                sequences,
                "{minutes}"
            );
            assert_eq!(history.state.as_deref(), state.map(str::as_bytes), "{minutes}");
            assert_eq!(history.last, None);
        }
        let mut after = None;
        let mut sequences = Vec::new();
        loop {
            let page = world.log.history(ask, ("thing", "a"), None, after, 1).unwrap();
            sequences.extend(page.changes.iter().map(|record| record.sequence));
            assert_eq!(page.state.as_deref(), Some(&b"null"[..]));
            after = page.last;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(sequences, [6, 0, 4, 1]);
        assert_eq!(world.log.history(ask, ("thing", "c"), None, None, 5).unwrap(), History::default());
    });
}

#[test]
fn hints_name_paths_that_no_event_has() {
    let mut world = World::new();
    world.append(vec![change(
        0,
        1,
        "thing.updated",
        "a",
        r#"{"latency_ms":1,"http":{"status_code":[{"x":2}]}}"#,
    )]);
    world.in_every_state(|world| {
        let clause = |names: &[&str], position| {
            let test = Test::Present;
            Expr::Clause(Clause { field: Field::Metadata(path(names)), test, position })
        };
        let root = Expr::And(vec![
            clause(&["latency_ms"], 0),
            Expr::Not(Box::new(clause(&["latencyms"], 4))),
            Expr::Or(vec![
                clause(&["http"], 9),
                clause(&["http", "status_code"], 12),
                clause(&["nowhere"], 15),
            ]),
        ]);
        let hints = world.log.hints(&scope(root), &Budget::unlimited()).unwrap();
        let shown: Vec<_> = hints.iter().map(|hint| (hint.position, hint.suggestion.as_deref())).collect();
        assert_eq!(shown, [(4, Some("@latency_ms")), (15, None)]);
        assert!(hints[1].detail.contains("metadata.nowhere"));
    });
}

#[test]
fn where_not_all_paths_are_listed_no_path_is_called_unknown() {
    let mut world = World::new();
    world.append(vec![change(0, 1, "thing.updated", "a", &format!(r#"{{"{}":1}}"#, long_name()))]);
    world.in_every_state(|world| {
        let clause =
            Clause { field: Field::Metadata(path(&[&long_name()])), test: Test::Present, position: 0 };
        assert_eq!(world.log.hints(&scope(Expr::Clause(clause)), &Budget::unlimited()).unwrap(), []);
    });
}

#[test]
fn an_answer_keeps_to_its_budget() {
    let world = World::random(14, 200);
    let all = scope(Expr::All);
    let over = || Some(crate::query::Over::Gone);
    let budget = Budget::new(&over);
    let ask = super::Ask { scope: &all, head: None, budget: &budget };
    let cancelled = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::Cancelled)));
    cancelled(world.log.facets(ask, &dimensions(), 3).map(drop));
    cancelled(world.log.histogram(ask, MINUTE_NS, None).map(drop));
    cancelled(world.log.metrics(ask, &path(&["latency"]), None).map(drop));
    cancelled(world.log.errors(ask, 3).map(drop));
    cancelled(world.log.history(ask, ("url", "r1"), None, None, 3).map(drop));
    assert!(matches!(
        world.log.histogram(super::Ask { budget: &Budget::unlimited(), ..ask }, 1, None),
        Err(StoreError::TooBroad(_))
    ));
    assert!(world.log.histogram(super::Ask { budget: &Budget::unlimited(), ..ask }, 0, None).is_err());
}
