//! Random events, random queries, every state that events can be in: the log must say what the plain
//! evaluator says. The long form (`STELE_SOAK=1`, part of `make soak`) asks 100,000 questions in each
//! state; `STELE_SEED` begins at another world.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::decoded;
use super::events::{Maker, NOW_NS};
use super::filters::fits;
use super::questions::Asker;
use crate::archive::LocalStore;
use crate::error::StoreError;
use crate::event::Event;
use crate::index::fixture::Rng;
use crate::io::{Disk, SimDisk};
use crate::log::{Log, Options, Outcome, Search, TierState};
use crate::query::lang::{self, Query};
use crate::query::{Budget, Filter, Order, Scope, oracle};

/// Questions in each world.
const QUESTIONS: usize = 250;

const STATES: [State; 9] = [
    State::Active,
    State::Mixed,
    State::Sealed,
    State::Cold,
    State::Reopened,
    State::ColdReopened,
    State::Archived,
    State::Restored,
    State::ReadOnly,
];

/// Where the events are when they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All in the segment that takes events.
    Active,
    /// Some sealed, some waiting for it, some in the segment that takes events.
    Mixed,
    /// All full segments sealed.
    Sealed,
    /// The same, their data cold.
    Cold,
    /// Sealed and opened again.
    Reopened,
    /// The older ones cold, and opened again.
    ColdReopened,
    /// The older ones in the archive alone, and opened again.
    Archived,
    /// All of the full segments back from the archive.
    Restored,
    /// Sealed, opened for reading alone.
    ReadOnly,
}

/// Events in the groups in which they are committed, with the times of that.
pub(super) type Groups = Vec<(Vec<Event>, u64)>;

/// One thing asked, and how.
pub(super) struct Question {
    pub(super) text: String,
    query: Query,
    filter: Filter,
    scope: Scope,
    order: Order,
    limit: usize,
    /// Only sequences below it.
    head: Option<u64>,
    /// Whether the tail is asked too.
    tailed: bool,
    /// Matching sequences, by (time, sequence).
    wanted: Vec<(i64, u64)>,
}

pub(super) fn groups(seed: u64, count: usize) -> Groups {
    let mut maker = Maker::new(seed);
    let mut groups = Vec::new();
    let (mut made, mut now_us) = (0, NOW_NS as u64 / 1000 - 3_600_000_000);
    while made < count {
        let size = 1 + maker.rng.below(30) as usize;
        groups.push(((0..size).map(|_| maker.event()).collect(), now_us));
        now_us += [0, 1, 999, 61_000_000][maker.rng.below(4) as usize];
        made += size;
    }
    groups
}

pub(super) fn decode(groups: &Groups) -> Vec<decoded::Event> {
    let all = groups.iter().flat_map(|(events, now_us)| events.iter().map(move |event| (event, *now_us)));
    (0..)
        .zip(all)
        .map(|(sequence, (event, now_us))| decoded::Event::new(&event.body, sequence, now_us))
        .collect()
}

/// A log with the events in a state. `segment` records fill a segment.
fn log_in(state: State, groups: &Groups, segment: u32) -> Log {
    let segment_records_max = if state == State::Active { 1_000_000 } else { segment };
    let options = Options { segment_records_max, ..Options::default() };
    let (sim, dir) = (SimDisk::new(), Path::new("data/log"));
    let disk = || -> Arc<dyn Disk> { Arc::new(sim.clone()) };
    let log = Log::create(disk(), dir, "example.com/stele/search", [9; 32], options.clone()).unwrap();
    for (at, (events, now_us)) in groups.iter().enumerate() {
        let batch = log.prepare(events.clone(), false);
        let outcomes = log.append(vec![batch], *now_us).remove(0).unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. })), "{outcomes:?}");
        if state == State::Mixed && at < groups.len() / 2 {
            while log.work().unwrap() {}
        }
    }
    if matches!(state, State::Active | State::Mixed) {
        return log;
    }
    while log.work().unwrap() {}
    if state == State::Sealed {
        return log;
    }
    if state == State::Cold {
        while log.chill_next(u64::MAX).unwrap() {}
        return log;
    }
    if state == State::ColdReopened {
        let middle = groups[groups.len() / 2].1;
        while log.chill_next(middle).unwrap() {}
    }
    if matches!(state, State::Archived | State::Restored) {
        archive(&log, &LocalStore::new(disk(), Path::new("archive")), state == State::Restored);
    }
    log.close().unwrap();
    drop(log);
    let opened = if matches!(state, State::Reopened | State::ColdReopened | State::Archived) {
        Log::open(disk(), dir, options)
    } else {
        Log::open_read_only(disk(), dir)
    };
    let (log, report) = opened.unwrap();
    assert_eq!(report.damage, [""; 0]);
    log
}

/// Archives the older half of the sealed segments, or all of them and brings them back.
fn archive(log: &Log, store: &LocalStore, restore: bool) {
    let now_ns = i64::try_from(log.head().committed_us * 1_000).unwrap();
    let due = log.next_index_event(now_ns, true).unwrap().unwrap();
    let batch = log.prepare(vec![due], false);
    log.append(vec![batch], 0).remove(0).unwrap();
    log.checkpoint(log.head().committed_us).unwrap();
    while log.chill_next(u64::MAX).unwrap() {}
    while log.ship_next(store, u64::MAX, 0).unwrap().is_some() {}
    let sealed = log.tiers().len();
    for _ in 0..if restore { sealed } else { sealed.div_ceil(2) } {
        log.drop_next(u64::MAX).unwrap().unwrap();
    }
    for tier in log.tiers().iter().filter(|tier| restore && tier.state == TierState::Archived) {
        log.restore(store, tier.first_sequence, 1, &|_| true).unwrap();
    }
}

/// The events of a log: those given, and the log's own behind them.
fn with_own(log: &Log, events: &[decoded::Event]) -> Vec<decoded::Event> {
    let own = (events.len() as u64..log.head().size).map(|sequence| {
        let record = log.record(sequence).unwrap().unwrap();
        decoded::Event::new(&record.body, sequence, record.committed_us)
    });
    events.iter().cloned().chain(own).collect()
}

/// The sequences of a log's archived segments, one range for each.
fn away(log: &Log) -> Vec<Range<u64>> {
    let tiers = log.tiers().into_iter().filter(|tier| tier.state == TierState::Archived);
    tiers.map(|tier| tier.first_sequence..tier.last_sequence + 1).collect()
}

/// The next question that the language accepts, and how many it did not.
pub(super) fn question(
    asker: &mut Asker<'_>,
    events: &[decoded::Event],
    refused: &mut Vec<String>,
) -> Question {
    loop {
        let text = asker.query();
        let query = match lang::parse(&text) {
            Ok(query) => query,
            Err(error) => {
                refused.push(format!("{text}: {error:?}"));
                continue;
            }
        };
        let printed = query.to_string();
        let again = lang::parse(&printed).unwrap_or_else(|e| panic!("{text} is printed as {printed}: {e:?}"));
        assert_eq!((again.to_string(), &again), (printed, &query), "{text}");
        let filter = asker.filter();
        let scope = Scope::new(&filter, &query, NOW_NS);
        let rng = &mut asker.rng;
        let order = if rng.below(2) == 0 { Order::Desc } else { Order::Asc };
        let head = (rng.below(5) == 0).then(|| rng.below(events.len() as u64 + 1));
        let tailed = rng.below(3) == 0;
        let mut question =
            Question { text, query, filter, scope, order, limit: 0, head, tailed, wanted: Vec::new() };
        question.answer(events);
        // No more than a few pages, so that small pages are for few matches.
        let least = question.wanted.len() / 4 + 1;
        question.limit = [1, 2, 7, 50, 1000][asker.rng.below(5) as usize].max(least);
        return question;
    }
}

/// What the plain evaluator chooses. It judges the structured parameters without their tree.
fn select<'e>(
    events: &'e [decoded::Event],
    query: &'e Query,
    filter: &'e Filter,
) -> impl Iterator<Item = &'e decoded::Event> {
    let own = filter.own
        || oracle::names_own(&query.root)
        || filter.event_type.iter().any(|value| value.to_lowercase().starts_with("stele"));
    events.iter().filter(move |event| {
        (own || !event.is_own()) && fits(filter, event) && oracle::matches(&query.root, event, NOW_NS)
    })
}

impl Question {
    fn answer(&mut self, events: &[decoded::Event]) {
        self.answer_without(events, &[]);
    }

    /// The answer where some of the events are archived.
    fn answer_without(&mut self, events: &[decoded::Event], away: &[Range<u64>]) {
        let visible = |event: &&decoded::Event| {
            self.head.is_none_or(|head| event.sequence < head)
                && !away.iter().any(|range| range.contains(&event.sequence))
        };
        let found = select(events, &self.query, &self.filter).filter(visible);
        self.wanted = found.map(|event| (event.time_ns, event.sequence)).collect();
        self.wanted.sort_unstable();
        if self.order == Order::Desc {
            self.wanted.reverse();
        }
    }

    /// Asks a log for pages, counts and the tail; what is wrong with its answers.
    pub(super) fn check(&self, log: &Log, events: &[decoded::Event]) -> Result<(), String> {
        self.pages(log, events)?;
        self.gaps(log, events)?;
        if self.tailed && self.head.is_none() { self.tail(log, events) } else { Ok(()) }
    }

    fn pages(&self, log: &Log, events: &[decoded::Event]) -> Result<(), String> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (scope, order, limit, head) = (self.scope.clone(), self.order, self.limit, self.head);
            let count = after.is_none() || limit == 7;
            let search = Search { scope, order, limit, after, head, count };
            let page = log.search(&search, &Budget::unlimited()).map_err(|e| format!("search: {e}"))?;
            if page.matched != count.then_some(self.wanted.len() as u64) {
                return Err(format!(
                    "counts {:?}, not {}{}",
                    page.matched,
                    self.wanted.len(),
                    self.difference(log, events)
                ));
            }
            let rows =
                page.records.iter().map(|record| (events[record.sequence as usize].time_ns, record.sequence));
            found.extend(rows);
            if page.records.len() > limit || (page.last.is_some() && page.records.len() < limit) {
                return Err(format!("a page of {} with a limit of {limit}", page.records.len()));
            }
            after = page.last;
            if after.is_none() {
                break;
            }
        }
        if found == self.wanted {
            return Ok(());
        }
        Err(format!(
            "pages give {found:?}, not {:?}{}",
            self.wanted,
            differences(&found, &self.wanted, events)
        ))
    }

    /// What an answer leaves out, from the events themselves: every match that is archived lies in a gap,
    /// and every gap is a row of whole archived segments that meet the asked times.
    fn gaps(&self, log: &Log, events: &[decoded::Event]) -> Result<(), String> {
        let away = away(log);
        let head = self.head.unwrap_or(u64::MAX);
        let (scope, order) = (self.scope.clone(), self.order);
        let search = Search { scope, order, limit: 1, after: None, head: self.head, count: false };
        let gaps = log.search(&search, &Budget::unlimited()).map_err(|e| format!("search: {e}"))?.archived;
        let inside = |sequence| gaps.iter().any(|g| (g.first_sequence..=g.last_sequence).contains(&sequence));
        let lost = select(events, &self.query, &self.filter)
            .filter(|event| event.sequence < head)
            .find(|event| away.iter().any(|r| r.contains(&event.sequence)) && !inside(event.sequence));
        if let Some(event) = lost {
            return Err(format!("{} matches, is archived and in none of {gaps:?}", event.sequence));
        }
        for (gap, next) in gaps.iter().zip(gaps.iter().skip(1).map(Some).chain([None])) {
            let whole: Vec<_> = away
                .iter()
                .filter(|r| r.start >= gap.first_sequence && r.end.min(head) <= gap.last_sequence + 1)
                .filter(|r| r.start < head)
                .collect();
            let times = |range: &Range<u64>| {
                let part = &events[range.start as usize..range.end as usize];
                let times = part.iter().map(|event| event.time_ns);
                (times.clone().min().unwrap(), times.max().unwrap())
            };
            let meets = |range: &&&Range<u64>| {
                let (least, most) = times(range);
                self.filter.from_ns.is_none_or(|from| from <= most)
                    && self.filter.to_ns.is_none_or(|to| least < to)
            };
            let covered: u64 = whole.iter().map(|r| r.end.min(head) - r.start).sum();
            let least = whole.iter().map(|r| times(r).0.div_euclid(1_000)).min();
            let most = whole.iter().map(|r| times(r).1.div_euclid(1_000)).max();
            let fits = covered == gap.last_sequence - gap.first_sequence + 1
                && gap.events == covered
                && (least, most) == (Some(gap.from_us), Some(gap.to_us))
                && whole.iter().filter(meets).count() == whole.len()
                && next.is_none_or(|next| next.first_sequence > gap.last_sequence + 1);
            if !fits {
                return Err(format!("the gap {gap:?} is not of {whole:?}"));
            }
        }
        Ok(())
    }

    /// Which events a count is about: all in one page.
    fn difference(&self, log: &Log, events: &[decoded::Event]) -> String {
        let (scope, order, head) = (self.scope.clone(), self.order, self.head);
        let search = Search { scope, order, limit: 100_000, after: None, head, count: false };
        let Ok(page) = log.search(&search, &Budget::unlimited()) else { return String::new() };
        let rows =
            page.records.iter().map(|record| (events[record.sequence as usize].time_ns, record.sequence));
        differences(&rows.collect::<Vec<_>>(), &self.wanted, events)
    }

    fn tail(&self, log: &Log, events: &[decoded::Event]) -> Result<(), String> {
        let mut wanted: Vec<u64> = self.wanted.iter().map(|(_, sequence)| *sequence).collect();
        wanted.sort_unstable();
        let (mut found, mut next, limit) = (Vec::new(), 0, self.limit.max(self.wanted.len() / 4));
        while next < events.len() as u64 {
            let read = log.read_from(next, &self.scope, limit, &Budget::unlimited());
            if let Err(StoreError::Archived { first_sequence, last_sequence }) = read {
                let all = (first_sequence..=last_sequence).all(|s| away(log).iter().any(|r| r.contains(&s)));
                if !all || !(first_sequence..=last_sequence).contains(&next) {
                    return Err(format!("read_from({next}): {first_sequence} to {last_sequence} archived"));
                }
                next = last_sequence + 1;
                continue;
            }
            let (records, after) = read.map_err(|e| format!("read_from: {e}"))?;
            if after <= next || records.len() > limit {
                return Err(format!("read_from({next}) goes on at {after} with {} records", records.len()));
            }
            found.extend(records.iter().map(|record| record.sequence));
            next = after;
        }
        if found == wanted { Ok(()) } else { Err(format!("read_from gives {found:?}, not {wanted:?}")) }
    }
}

fn differences(found: &[(i64, u64)], wanted: &[(i64, u64)], events: &[decoded::Event]) -> String {
    let set = |rows: &[(i64, u64)]| rows.iter().map(|(_, sequence)| *sequence).collect::<BTreeSet<u64>>();
    let (found, wanted) = (set(found), set(wanted));
    let mut text = String::new();
    for (what, sequences) in [("missing", &wanted - &found), ("too many", &found - &wanted)] {
        for sequence in sequences.iter().take(2) {
            let line: String = events[*sequence as usize].line.chars().take(2000).collect();
            text.push_str(&format!("\n  {what} {sequence}: {line}"));
        }
    }
    text
}

/// Drops events as long as the disagreement stays; returns what is left of it.
fn shrunk(state: State, groups: &Groups, segment: u32, question: &mut Question) -> Option<String> {
    let mut fault = None;
    let mut groups = groups.clone();
    let mut step = groups.iter().map(|(events, _)| events.len()).sum::<usize>() / 2;
    while step > 0 {
        let mut at = 0;
        while at < groups.iter().map(|(events, _)| events.len()).sum() {
            let mut fewer = groups.clone();
            let mut seen = 0;
            for (events, _) in &mut fewer {
                events.retain(|_| {
                    seen += 1;
                    !(at..at + step).contains(&(seen - 1))
                });
            }
            fewer.retain(|(events, _)| !events.is_empty());
            let events = decode(&fewer);
            let log = log_in(state, &fewer, segment);
            let events = with_own(&log, &events);
            question.answer_without(&events, &away(&log));
            match question.check(&log, &events) {
                Err(new) => (groups, fault) = (fewer, Some(new)),
                Ok(()) => at += step,
            }
        }
        step /= 2;
    }
    let left = decode(&groups).len();
    fault.map(|fault| format!("\nwith {left} events: {fault}"))
}

/// One world: its events in every state, and questions about them. Returns how often there were matches.
fn world(seed: u64, questions: usize, refused: &mut Vec<String>) -> usize {
    let mut rng = Rng(seed ^ 0x5EED);
    let segment = [40, 150, 256][rng.below(3) as usize];
    let groups = groups(seed, 200 + rng.below(300) as usize);
    let events = decode(&groups);
    let mut asker = Asker::new(seed + 1, &events);
    let mut asked: Vec<Question> = (0..questions).map(|_| question(&mut asker, &events, refused)).collect();
    for state in STATES {
        let log = log_in(state, &groups, segment);
        let (events, away) = (with_own(&log, &events), away(&log));
        assert_eq!(!away.is_empty(), state == State::Archived && !log.tiers().is_empty());
        for question in &mut asked {
            question.answer_without(&events, &away);
            if let Err(fault) = question.check(&log, &events) {
                let (text, filter, order, head) =
                    (question.text.clone(), question.filter.clone(), question.order, question.head);
                let small = shrunk(state, &groups, segment, question).unwrap_or_default();
                panic!(
                    "seed {seed}, {state:?}, segments of {segment}: {text}\n{filter:?} {order:?} {head:?}\n{:?}\n{fault}{small}",
                    question.query
                );
            }
        }
    }
    asked.iter().filter(|question| !question.wanted.is_empty()).count()
}

/// Goal: searches, counts and tails are exact in every state of a segment.
/// Method: random worlds; each question's pages, count and tail are compared with the plain evaluator,
/// in a log that is active, part sealed, sealed, cold, reopened, reopened half cold, half archived, restored, and opened for reading. Of archived
/// events the gaps are compared.
#[test]
fn searches_say_what_the_plain_evaluator_says_in_every_state() {
    let soak = std::env::var_os("STELE_SOAK").is_some_and(|value| value == "1");
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let worlds = number("STELE_WORLDS", if soak { 400 } else { 8 });
    let first = number("STELE_SEED", 1);
    // Worlds know nothing of each other: two at a time, as this is what the other tests wait for.
    let every_second = |from: u64| {
        let (mut refused, mut hits) = (Vec::new(), 0);
        for seed in (from..first + worlds).step_by(2) {
            hits += world(seed, QUESTIONS, &mut refused);
        }
        (refused, hits)
    };
    let (refused, hits) = std::thread::scope(|scope| {
        let other = scope.spawn(|| every_second(first + 1));
        let (mut refused, hits) = every_second(first);
        let (others, more) = other.join().expect("a world that failed has said why");
        refused.extend(others);
        (refused, hits + more)
    });
    let asked = worlds as usize * QUESTIONS;
    println!(
        "{asked} questions in each of {} states, {hits} with matches, {} refused",
        STATES.len(),
        refused.len()
    );
    assert!(hits > asked / 2, "{hits} of {asked} questions match anything");
    assert!(refused.len() < asked / 10, "the language refuses {}: {:?}", refused.len(), &refused[..10]);
}
