//! `GET /v1/events`.

use std::sync::Arc;
use std::time::Instant;

use stele_engine::error::StoreError;
use stele_engine::log::{Found, Gap, Log, Search};
use stele_engine::query::{Budget, Order, Scope};
use stele_engine::record::Record;

use super::asked::{Asked, Beside};
use super::paging::Paging;
use super::{Cx, run};
use crate::http::answer::{self, Answer};
use crate::http::json::{self, Object};
use crate::http::problem::Problem;
use crate::http::query::Params;

/// Most events of a page.
pub const LIMIT_MAX: usize = 1000;
/// Events of a page unless told otherwise.
pub const LIMIT_DEFAULT: usize = 50;

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
        let beside = Beside { hints: asked.hints(&log, budget)?, gaps: found.archived.clone() };
        Ok((found, next, beside, asked))
    });
    let (found, next, beside, asked) = found.await?;
    Ok(answer::json(write(&found, next.as_deref(), &asked, &beside, started)))
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

/// The lines of a page, one after the other, with commas between them. Each record is given up as its
/// line is written; the store bounds their bytes.
pub fn lines(records: Vec<Record>) -> Vec<u8> {
    let mut text = Vec::with_capacity(records.iter().map(|r| r.body.len() + 400).sum());
    for record in records {
        if !text.is_empty() {
            text.push(b',');
        }
        record.write_line(&mut text);
    }
    text
}

struct PageFound {
    lines: Vec<u8>,
    matched: Option<u64>,
    next: Option<(i64, u64)>,
    head: u64,
    archived: Vec<Gap>,
}

fn find(
    log: &Log,
    scope: &Scope,
    page: &Page,
    paging: &Paging,
    budget: &Budget<'_>,
) -> Result<PageFound, StoreError> {
    let search = Search {
        scope: scope.clone(),
        order: page.order,
        limit: page.limit,
        after: paging.after,
        head: paging.head,
        count: page.count,
    };
    let Found { records, last, matched, head, archived } = log.search(&search, budget)?;
    Ok(PageFound { lines: lines(records), matched, next: last, head, archived })
}

fn write(found: &PageFound, next: Option<&str>, asked: &Asked, beside: &Beside, started: Instant) -> Vec<u8> {
    let mut out = Vec::with_capacity(found.lines.len() + 512);
    let mut answer = Object::begin(&mut out);
    write_events(answer.member("events"), &found.lines);
    json::optional_string(answer.member("next_cursor"), next);
    json::optional_number(answer.member("matched"), found.matched);
    write_took(&mut answer, started);
    asked.write(&mut answer, beside);
    answer.end();
    out.push(b'\n');
    out
}

/// Appends a list of events.
pub fn write_events(out: &mut Vec<u8>, lines: &[u8]) {
    out.push(b'[');
    out.extend_from_slice(lines);
    out.push(b']');
}

/// Adds `took_us`.
pub fn write_took(answer: &mut Object<'_>, started: Instant) {
    let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    json::number(answer.member("took_us"), took);
}
