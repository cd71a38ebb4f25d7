//! Page queries, lookups and counts on a filled log, in process and warm.

use std::time::{Duration, Instant};

use serde_json::Value;
use stele_engine::log::{Log, Search};
use stele_engine::query::{Filter, Order};

use super::Sizes;
use crate::Failure;
use crate::figures::{Durations, Figure, Report, Unit};
use crate::generate::Generator;

const MINUTE_NS: i64 = 60_000_000_000;
const DAY_NS: i64 = 1440 * MINUTE_NS;
/// Different values that a query is asked with in turn.
const VARIANTS: u64 = 250;
const PAGE: usize = 100;
/// A query is not asked for longer, and at least so often.
const BUDGET: Duration = Duration::from_secs(4);
const ASKS_MIN: usize = 20;

/// Events to ask for, drawn evenly from the stream.
struct Known {
    events: Vec<Value>,
    until_ns: i64,
}

impl Known {
    fn draw(sizes: &Sizes) -> Result<Self, Failure> {
        let generator = Generator::new(&sizes.stream(sizes.events));
        let variants = VARIANTS.min(sizes.events);
        let mut events = Vec::new();
        for variant in 0..variants {
            let mut line = Vec::new();
            generator.write(sizes.events * variant / variants, &mut line);
            events.push(serde_json::from_slice(&line)?);
        }
        Ok(Self { events, until_ns: sizes.until_ns })
    }
    /// The text at `pointer` of those events that have it.
    fn texts(&self, pointer: &str) -> Vec<String> {
        let text = |event: &Value| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        self.events.iter().filter_map(text).collect()
    }
    fn resources(&self) -> Vec<Filter> {
        let one =
            |event: &Value, of: &str| vec![event["resource"][of].as_str().unwrap_or_default().to_owned()];
        let filter = |event| Filter {
            resource_type: one(event, "type"),
            resource_id: one(event, "id"),
            ..Filter::default()
        };
        self.events.iter().map(filter).collect()
    }
    fn last(&self, span_ns: i64, filter: Filter) -> Filter {
        Filter { from_ns: Some(self.until_ns - span_ns), to_ns: Some(self.until_ns), ..filter }
    }
}

/// A query with the values it is asked with.
struct Query {
    what: &'static str,
    filters: Vec<Filter>,
    count: bool,
    /// Whether there must be rows: the values come from stored events.
    found: bool,
}

fn queries(known: &Known) -> Vec<Query> {
    let failed_calls =
        || Filter { category: vec!["api".into()], status: vec!["failure".into()], ..Filter::default() };
    let by_email = |email| Filter { actor_email: vec![email], ..Filter::default() };
    let by_actor = |id| Filter { actor_id: vec![id], ..Filter::default() };
    let emails: Vec<Filter> = known.texts("/actor/email").into_iter().map(by_email).collect();
    let page = |what, filters| Query { what, filters, count: false, found: true };
    let count = |what, filters| Query { what, filters, count: true, found: true };
    vec![
        page("newest 100", vec![Filter::default()]),
        Query {
            found: false,
            ..page("newest 100 of last 15 min", vec![known.last(15 * MINUTE_NS, Filter::default())])
        },
        Query { found: false, ..page("category + status, 24 h", vec![known.last(DAY_NS, failed_calls())]) },
        page("category + status, all time", vec![failed_calls()]),
        page("actor e-mail, all time", emails.clone()),
        page("actor id, all time", known.texts("/actor/id").into_iter().map(by_actor).collect()),
        page("resource type + id", known.resources()),
        page(
            "rare event type, all time",
            vec![Filter { event_type: vec!["api_key.revoked".into()], ..Filter::default() }],
        ),
        Query {
            found: false,
            ..page("actor e-mail of nobody", vec![by_email("nobody@nowhere.example".into())])
        },
        count("count: category + status, all time", vec![failed_calls()]),
        Query {
            found: false,
            ..count("count: category + status, 24 h", vec![known.last(DAY_NS, failed_calls())])
        },
        count("count: actor e-mail, all time", emails),
    ]
}

/// Asks everything and reports percentiles.
///
/// # Errors
/// A failed query, or one without the rows it must have.
pub fn run(sizes: &Sizes, log: &Log, report: &mut Report) -> Result<(), Failure> {
    let known = Known::draw(sizes)?;
    for query in queries(&known) {
        if !query.filters.is_empty() {
            ask(sizes, log, &query, report)?;
        }
    }
    let ids = known.texts("/event_id");
    lookup(sizes, log, "by event_id", &ids, true, report)?;
    let unknown: Vec<String> = ids.iter().map(|id| format!("{id}-not")).collect();
    lookup(sizes, log, "by event_id, unknown", &unknown, false, report)
}

fn ask(sizes: &Sizes, log: &Log, query: &Query, report: &mut Report) -> Result<(), Failure> {
    let mut rows = 0;
    let one = |at: usize| -> Result<(), Failure> {
        let filter = query.filters[at % query.filters.len()].clone();
        let limit = if query.count { 1 } else { PAGE };
        let search =
            Search { filter, order: Order::Desc, limit, after: None, head: None, count: query.count };
        let found = log.search(&search)?;
        if query.found && found.records.is_empty() {
            return Err(format!("{}: nothing found with {:?}", query.what, search.filter).into());
        }
        rows += found.matched.unwrap_or(found.records.len() as u64);
        Ok(())
    };
    let mut durations = timed(sizes, query.filters.len(), one)?;
    let mut figures = durations.figures();
    // The warm-up round counts as well: the mean is over all asks.
    let asks = durations.count() + query.filters.len();
    figures.push(Figure::new("rows", rows as f64 / asks as f64, Unit::Count));
    report.add("query", query.what, figures);
    Ok(())
}

fn lookup(
    sizes: &Sizes,
    log: &Log,
    what: &str,
    ids: &[String],
    there: bool,
    report: &mut Report,
) -> Result<(), Failure> {
    let one = |at: usize| -> Result<(), Failure> {
        let id = &ids[at % ids.len()];
        let found = log.find(id)?;
        if found.is_some() != there {
            return Err(format!("{what}: {id} is there: {}", found.is_some()).into());
        }
        Ok(())
    };
    report.add("query", what, timed(sizes, ids.len(), one)?.figures());
    Ok(())
}

/// One round to warm up, then as many asks as fit.
fn timed(
    sizes: &Sizes,
    variants: usize,
    mut one: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<Durations, Failure> {
    (0..variants).try_for_each(&mut one)?;
    let (mut durations, begin) = (Durations::default(), Instant::now());
    for at in 0..sizes.asks {
        let start = Instant::now();
        one(at)?;
        durations.push(start.elapsed());
        if begin.elapsed() > BUDGET && at >= ASKS_MIN {
            break;
        }
    }
    Ok(durations)
}
