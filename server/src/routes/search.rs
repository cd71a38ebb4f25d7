//! `GET /v1/events`.

use std::time::Instant;

use hyper::StatusCode;
use stele_engine::error::StoreError;
use stele_engine::event::Taxonomy;
use stele_engine::log::{Found, Log, Search};
use stele_engine::query::{Cursor, CursorError, Filter, Order};

use super::{Cx, filters, times};
use crate::http::answer::{self, Answer};
use crate::http::json;
use crate::http::problem::Problem;
use crate::http::query::Params;

const LIMIT_MAX: usize = 1000;
const LIMIT_DEFAULT: usize = 50;
/// A page ends early, with a cursor, when its lines pass this.
const PAGE_BYTES_MAX: usize = 16 << 20;
/// Records asked for before their sizes are known.
const FIRST_CHUNK: usize = 64;

/// A page of events.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let started = Instant::now();
    let tenant = cx.caller()?.tenant;
    let log = std::sync::Arc::clone(&tenant.log);
    let digest = digest(&cx.params);
    let cursor = match cx.params.take("cursor")? {
        None => None,
        Some(token) => Some(open_cursor(&log, &token, digest)?),
    };
    let now_ns = cursor.as_ref().map_or_else(times::now_ns, |c| c.now_ns);
    let ask = take_ask(&mut cx.params, now_ns, &tenant.taxonomy())?;
    let takes: Vec<&str> =
        filters::PARAMETERS.into_iter().chain(["order", "limit", "count", "cursor"]).collect();
    std::mem::take(&mut cx.params).finish(&takes)?;
    let page = cx.app.block(move || {
        let page = page(&log, ask, cursor.as_ref())?;
        let next = page.next.map(|after| log.seal_cursor(&Cursor { head: page.head, now_ns, after, digest }));
        Ok::<_, StoreError>((page, next))
    });
    let (page, next) = page.await??;
    Ok(answer::json(write(&page, next.as_deref(), started)))
}

struct Ask {
    filter: Filter,
    order: Order,
    limit: usize,
    count: bool,
}

fn take_ask(params: &mut Params, now_ns: i64, taxonomy: &Taxonomy) -> Result<Ask, Problem> {
    let filter = filters::take(params, now_ns, taxonomy)?;
    let order = match params.take("order")?.as_deref() {
        None | Some("desc") => Order::Desc,
        Some("asc") => Order::Asc,
        Some(other) => return Err(Problem::parameter("order", format!("takes desc or asc, not `{other}`"))),
    };
    let limit = match params.take("limit")? {
        None => LIMIT_DEFAULT,
        Some(text) => {
            let limit = text.parse().ok().filter(|l| (1..=LIMIT_MAX).contains(l));
            let takes = || Problem::parameter("limit", format!("takes 1 to {LIMIT_MAX}, not `{text}`"));
            limit.ok_or_else(takes)?
        }
    };
    let count = match params.take("count")?.as_deref() {
        None | Some("none") => false,
        Some("exact") => true,
        Some(other) => {
            return Err(Problem::parameter("count", format!("takes none or exact, not `{other}`")));
        }
    };
    Ok(Ask { filter, order, limit, count })
}

/// A digest of all parameters but the cursor, in any order.
fn digest(params: &Params) -> [u8; 16] {
    let mut pairs: Vec<_> = params.pairs().filter(|(name, _)| *name != "cursor").collect();
    pairs.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for (name, value) in pairs {
        for part in [name, value] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    digest
}

fn open_cursor(log: &Log, token: &str, digest: [u8; 16]) -> Result<Cursor, Problem> {
    let refused = |slug, detail: &str| Problem::new(StatusCode::BAD_REQUEST, slug, detail);
    let cursor = log.open_cursor(token, times::now_ns()).map_err(|e| match e {
        CursorError::Expired => {
            refused("cursor", "parameter `cursor` is older than 24 hours; begin again without it")
        }
        CursorError::Foreign => {
            refused("cursor", "parameter `cursor` takes a `next_cursor` of this call, unchanged")
        }
    })?;
    if cursor.digest != digest {
        let detail = "parameter `cursor` belongs to other parameters; repeat those of the first page";
        return Err(refused("cursor", detail));
    }
    Ok(cursor)
}

/// The lines of a page, one after the other.
struct Page {
    lines: Vec<u8>,
    matched: Option<u64>,
    next: Option<(i64, u64)>,
    head: u64,
}

/// Reads a page in pieces, so that large events cannot make it larger than memory should hold.
fn page(log: &Log, ask: Ask, cursor: Option<&Cursor>) -> Result<Page, StoreError> {
    let mut search = Search {
        filter: ask.filter,
        order: ask.order,
        limit: ask.limit.min(FIRST_CHUNK),
        after: cursor.map(|c| c.after),
        head: cursor.map(|c| c.head),
        count: ask.count,
    };
    let mut page = Page { lines: Vec::new(), matched: None, next: None, head: 0 };
    let mut rows = 0;
    loop {
        let Found { records, last, matched, head } = log.search(&search)?;
        page.head = head;
        page.matched = page.matched.or(matched);
        page.next = last;
        for record in &records {
            if !page.lines.is_empty() {
                page.lines.push(b',');
            }
            record.write_line(&mut page.lines);
        }
        rows += records.len();
        if last.is_none() || rows >= ask.limit || page.lines.len() >= PAGE_BYTES_MAX || records.is_empty() {
            return Ok(page);
        }
        let line = page.lines.len() / rows.max(1) + 1;
        let room = (PAGE_BYTES_MAX - page.lines.len()) / line + 1;
        search.limit = room.min(ask.limit - rows);
        search.after = last;
        search.head = Some(head);
        search.count = false;
    }
}

fn write(page: &Page, next: Option<&str>, started: Instant) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.lines.len() + 256);
    out.extend_from_slice(b"{\"events\":[");
    out.extend_from_slice(&page.lines);
    out.extend_from_slice(b"],\"next_cursor\":");
    json::optional_string(&mut out, next);
    out.extend_from_slice(b",\"matched\":");
    json::optional_number(&mut out, page.matched);
    out.extend_from_slice(b",\"took_us\":");
    json::number(&mut out, u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
    out.extend_from_slice(b",\"query\":null,\"hints\":[],\"archived\":[]}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_the_parameters_not_of_their_order() {
        let digest_of = |q: &str| digest(&Params::parse(Some(q)).unwrap());
        assert_eq!(digest_of("a=1&b=2"), digest_of("b=2&a=1&cursor=x"));
        assert_ne!(digest_of("a=1&b=2"), digest_of("a=1&b=3"));
        assert_ne!(digest_of("a=1b&c=2"), digest_of("a=1&bc=2"));
        assert_ne!(digest_of(""), digest_of("limit=50"));
    }
}
