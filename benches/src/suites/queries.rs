//! Page queries, lookups and counts on a filled log, in process and warm.

use std::time::{Duration, Instant};

use serde_json::Value;
use stele_engine::log::{Ask, Log, Search};
use stele_engine::query::lang::{Keyword, parse};
use stele_engine::query::{Budget, Dimension, Filter, Order, Scope, Split};

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
    scopes: Vec<Scope>,
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
    let scopes = |filters: Vec<Filter>| filters.iter().map(Filter::scope).collect();
    let page = |what, filters| Query { what, scopes: scopes(filters), count: false, found: true };
    let count = |what, filters| Query { what, scopes: scopes(filters), count: true, found: true };
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

/// Queries in the language.
fn texts(known: &Known) -> Result<Vec<Query>, Failure> {
    let scope = |text: &str| -> Result<Scope, Failure> {
        let query = parse(text).map_err(|error| format!("{text}: {error:?}"))?;
        Ok(Scope::new(&Filter::default(), &query, known.until_ns))
    };
    let query = |what, texts: &[String], count| -> Result<Query, Failure> {
        let scopes = texts.iter().map(|text| scope(text)).collect::<Result<_, _>>()?;
        Ok(Query { what, scopes, count, found: false })
    };
    let one = |what, text: &str, count| query(what, &[text.to_owned()], count);
    let quoted = |texts: Vec<String>| texts.into_iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>();
    Ok(vec![
        query("text: an event id", &quoted(known.texts("/event_id")), false)?,
        query("text: a rare word", &known.texts("/metadata/context/trace_id"), false)?,
        query("text: a request id", &quoted(known.texts("/metadata/request_id")), false)?,
        one("text: two common words", "order invoice", false)?,
        query("text: a phrase", &quoted(pairs(&known.texts("/metadata/content"))), false)?,
        one("text: a phrase of a name", "\"rate limited\"", false)?,
        one("text: a prefix", "depl*", false)?,
        one("path: status_code >= 500", "@status_code>=500", false)?,
        one("path: status_code in 5xx, api, 24 h", "category:api @status_code:[500 TO 599] last:24h", false)?,
        one("path: latency_ms >= 2000", "@latency_ms>=2000", false)?,
        one("type contains", "event_type~deployed", false)?,
        one("anything but", "-category:api -status:success", false)?,
        one("changed", "changed:*", false)?,
        one("count: two common words", "order invoice", true)?,
        one("count: a phrase", "\"the order\"", true)?,
        one("count: a phrase of a name", "\"rate limited\"", true)?,
        one("count: status_code >= 500", "@status_code>=500", true)?,
        one("count: -category:api", "-category:api", true)?,
        one("count: category:(api OR auth) status:failure", "category:(api OR auth) status:failure", true)?,
    ])
}

/// The second and third word of each text.
fn pairs(texts: &[String]) -> Vec<String> {
    let pair = |text: &String| Some(text.split_once(' ')?.1.split_inclusive(' ').take(2).collect::<String>());
    texts
        .iter()
        .filter_map(pair)
        .map(|pair| pair.trim().to_owned())
        .filter(|pair| pair.contains(' '))
        .collect()
}

/// Counts by value and by time.
fn groups(
    sizes: &Sizes,
    log: &Log,
    known: &Known,
    group: &'static str,
    report: &mut Report,
) -> Result<(), Failure> {
    let failed = Filter { status: vec!["failure".into()], ..Filter::default() };
    let keyword = |keyword| Dimension::Keyword(keyword);
    let few =
        [Keyword::Category, Keyword::Status, Keyword::EventType, Keyword::Action, Keyword::ResourceType];
    let few = few.map(keyword);
    let mut facets = |what: &str, filter: &Filter, of: &[Dimension]| -> Result<(), Failure> {
        let scope = filter.scope();
        let one = |_| {
            // A budget is one question's: what it gathers is not given back.
            let budget = Budget::unlimited();
            Ok(log.facets(Ask { scope: &scope, head: None, budget: &budget }, of, 20).map(drop)?)
        };
        report.add(group, what, timed(sizes, 1, one)?.figures());
        Ok(())
    };
    facets("facets: category, all time", &Filter::default(), &few[..1])?;
    facets("facets: five fields, all time", &Filter::default(), &few)?;
    facets("facets: five fields of failures, all time", &failed, &few)?;
    facets("facets: five fields, 24 h", &known.last(DAY_NS, Filter::default()), &few)?;
    facets("facets: actors, 24 h", &known.last(DAY_NS, Filter::default()), &[Dimension::Actor])?;
    let mut histogram = |what: &str, filter: &Filter, split| -> Result<(), Failure> {
        let scope = filter.scope();
        let one = |_| {
            let budget = Budget::unlimited();
            let ask = Ask { scope: &scope, head: None, budget: &budget };
            Ok(log.histogram(ask, 5 * MINUTE_NS, split).map(drop)?)
        };
        report.add(group, what, timed(sizes, 1, one)?.figures());
        Ok(())
    };
    histogram("histogram: 24 h by 5 min", &known.last(DAY_NS, Filter::default()), None)?;
    histogram(
        "histogram: 24 h by 5 min, by status",
        &known.last(DAY_NS, Filter::default()),
        Some(Split::Status),
    )?;
    histogram("histogram: 24 h by 5 min, failures", &known.last(DAY_NS, failed), None)
}

/// Asks everything and reports percentiles, in rows of this group.
///
/// # Errors
/// A failed query, or one without the rows it must have.
pub fn run(sizes: &Sizes, log: &Log, group: &'static str, report: &mut Report) -> Result<(), Failure> {
    let known = Known::draw(sizes)?;
    for query in queries(&known).into_iter().chain(texts(&known)?) {
        if !query.scopes.is_empty() {
            ask(sizes, log, &query, group, report)?;
        }
    }
    groups(sizes, log, &known, group, report)?;
    let ids = known.texts("/event_id");
    lookup((sizes, log), "by event_id", &ids, true, group, report)?;
    let unknown: Vec<String> = ids.iter().map(|id| format!("{id}-not")).collect();
    lookup((sizes, log), "by event_id, unknown", &unknown, false, group, report)
}

fn ask(
    sizes: &Sizes,
    log: &Log,
    query: &Query,
    group: &'static str,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut rows = 0;
    let one = |at: usize| -> Result<(), Failure> {
        let scope = query.scopes[at % query.scopes.len()].clone();
        let limit = if query.count { 1 } else { PAGE };
        let search = Search { scope, order: Order::Desc, limit, after: None, head: None, count: query.count };
        let found = log.search(&search, &Budget::unlimited())?;
        if query.found && found.records.is_empty() {
            return Err(format!("{}: nothing found with {:?}", query.what, search.scope).into());
        }
        rows += found.matched.unwrap_or(found.records.len() as u64);
        Ok(())
    };
    let mut durations = timed(sizes, query.scopes.len(), one)?;
    let mut figures = durations.figures();
    // The warm-up round counts as well: the mean is over all asks.
    let asks = durations.count() + query.scopes.len();
    figures.push(Figure::new("rows", rows as f64 / asks as f64, Unit::Count));
    report.add(group, query.what, figures);
    Ok(())
}

fn lookup(
    (sizes, log): (&Sizes, &Log),
    what: &str,
    ids: &[String],
    there: bool,
    group: &'static str,
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
    report.add(group, what, timed(sizes, ids.len(), one)?.figures());
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
