//! `GET /v1/events`.

use std::sync::Arc;
use std::time::Instant;

use stele_engine::error::StoreError;
use stele_engine::log::{Found, Log, Search};
use stele_engine::query::{Budget, Hint, Order, Scope};
use stele_engine::record::Record;

use super::asked::Asked;
use super::paging::{PAGE_BYTES_MAX, Paging};
use super::{Cx, run};
use crate::http::answer::{self, Answer};
use crate::http::json::{self, Object};
use crate::http::problem::Problem;
use crate::http::query::Params;

/// Most events of a page.
pub const LIMIT_MAX: usize = 1000;
/// Events of a page unless told otherwise.
pub const LIMIT_DEFAULT: usize = 50;
/// Records asked for before their sizes are known.
const FIRST_CHUNK: usize = 64;

/// A page of events.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let started = Instant::now();
    let tenant = cx.caller()?.tenant;
    let log = Arc::clone(&tenant.log);
    let paging = Paging::take(cx, &log)?;
    let asked = Asked::take(&mut cx.params, paging.now_ns, &tenant.taxonomy())?;
    let page = take_page(&mut cx.params)?;
    Asked::finish(&mut cx.params, &["order", "limit", "count", "cursor"])?;
    let found = run::run(&cx.app, move |budget| {
        let found = find(&log, &asked.scope, &page, &paging, budget)?;
        let next = found.next.map(|last| paging.seal(&log, found.head, last));
        let hints = asked.hints(&log)?;
        Ok((found, next, hints, asked))
    });
    let (found, next, hints, asked) = found.await?;
    Ok(answer::json(write(&found, next.as_deref(), &asked, &hints, started)))
}

struct Page {
    order: Order,
    limit: usize,
    count: bool,
}

fn take_page(params: &mut Params) -> Result<Page, Problem> {
    let order = match params.take("order")?.as_deref() {
        None | Some("desc") => Order::Desc,
        Some("asc") => Order::Asc,
        Some(other) => return Err(Problem::parameter("order", format!("takes desc or asc, not `{other}`"))),
    };
    let limit = params.take_count("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let count = match params.take("count")?.as_deref() {
        None | Some("none") => false,
        Some("exact") => true,
        Some(other) => {
            return Err(Problem::parameter("count", format!("takes none or exact, not `{other}`")));
        }
    };
    Ok(Page { order, limit, count })
}

/// The lines of a page, one after the other, with commas between them.
#[derive(Default)]
pub struct Lines {
    /// The text.
    pub text: Vec<u8>,
    /// How many.
    pub rows: usize,
}

impl Lines {
    /// Adds a record.
    pub fn push(&mut self, record: &Record) {
        if self.rows > 0 {
            self.text.push(b',');
        }
        record.write_line(&mut self.text);
        self.rows += 1;
    }

    /// True when no more should be added.
    pub fn is_full(&self) -> bool {
        self.text.len() >= PAGE_BYTES_MAX
    }

    /// Records to read next, of `left` that are wanted: large events cannot make a page larger than
    /// memory should hold, because their sizes are known from those before.
    pub fn chunk(&self, left: usize) -> usize {
        if self.rows == 0 {
            return left.min(FIRST_CHUNK);
        }
        let line = self.text.len() / self.rows + 1;
        left.min(PAGE_BYTES_MAX.saturating_sub(self.text.len()) / line + 1)
    }
}

struct PageFound {
    lines: Lines,
    matched: Option<u64>,
    next: Option<(i64, u64)>,
    head: u64,
}

/// Reads a page in pieces.
fn find(
    log: &Log,
    scope: &Scope,
    page: &Page,
    paging: &Paging,
    budget: &Budget<'_>,
) -> Result<PageFound, StoreError> {
    let mut lines = Lines::default();
    let mut search = Search {
        scope: scope.clone(),
        order: page.order,
        limit: lines.chunk(page.limit),
        after: paging.after,
        head: paging.head,
        count: page.count,
    };
    let mut counted = None;
    loop {
        let Found { records, last, matched, head } = log.search(&search, budget)?;
        counted = counted.or(matched);
        records.iter().for_each(|record| lines.push(record));
        if last.is_none() || lines.rows >= page.limit || lines.is_full() || records.is_empty() {
            return Ok(PageFound { lines, matched: counted, next: last, head });
        }
        search.limit = lines.chunk(page.limit - lines.rows);
        search.after = last;
        search.head = Some(head);
        search.count = false;
    }
}

fn write(found: &PageFound, next: Option<&str>, asked: &Asked, hints: &[Hint], started: Instant) -> Vec<u8> {
    let mut out = Vec::with_capacity(found.lines.text.len() + 512);
    let mut answer = Object::begin(&mut out);
    write_events(answer.member("events"), &found.lines);
    json::optional_string(answer.member("next_cursor"), next);
    json::optional_number(answer.member("matched"), found.matched);
    write_took(&mut answer, started);
    asked.write(&mut answer, hints);
    answer.member("archived").extend_from_slice(b"[]");
    answer.end();
    out.push(b'\n');
    out
}

/// Appends a list of events.
pub fn write_events(out: &mut Vec<u8>, lines: &Lines) {
    out.push(b'[');
    out.extend_from_slice(&lines.text);
    out.push(b']');
}

/// Adds `took_us`.
pub fn write_took(answer: &mut Object<'_>, started: Instant) {
    let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    json::number(answer.member("took_us"), took);
}
