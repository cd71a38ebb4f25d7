//! `GET /v1/resources/{type}/{id}/history`: what was changed of a resource, and its state.

use std::sync::Arc;
use std::time::Instant;

use stele_engine::log::History;

use super::asked::Asked;
use super::paging::Paging;
use super::search::{LIMIT_DEFAULT, LIMIT_MAX, lines, write_events, write_took};
use super::{Cx, run, times};
use crate::http::answer::{self, Answer};
use crate::http::json::{self, Object};
use crate::http::problem::Problem;

/// A page of changes, newest first, and the state.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let started = Instant::now();
    let tenant = cx.caller()?.tenant;
    let log = Arc::clone(&tenant.log);
    let [kind, id] = cx.names.as_slice() else { return Err(Problem::internal()) };
    let resource = (kind.clone(), id.clone());
    let paging = Paging::take(cx, &log)?;
    let asked = Asked::take(&mut cx.params, paging.now_ns, &tenant.taxonomy())?;
    let at_ns = times::take(&mut cx.params, "at", paging.now_ns)?;
    let limit = cx.params.take_count("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    Asked::finish(&mut cx.params, &["at", "limit", "cursor"])?;
    let found = run::run(&cx.app, move |budget| {
        let head = paging.head.unwrap_or_else(|| log.head().size);
        let resource = (resource.0.as_str(), resource.1.as_str());
        let (found, beside) = asked
            .answer(&log, Some(head), budget, |ask| log.history(ask, resource, at_ns, paging.after, limit))?;
        let History { changes, state, last } = found;
        let next = last.map(|position| paging.seal(&log, head, position));
        Ok((Page { lines: lines(changes), state, next }, beside, asked))
    });
    let (page, beside, asked) = found.await?;
    let mut out = Vec::with_capacity(page.lines.len() + 512);
    let mut answer = Object::begin(&mut out);
    write_events(answer.member("changes"), &page.lines);
    answer.member("state").extend_from_slice(page.state.as_deref().unwrap_or(b"null"));
    json::optional_string(answer.member("next_cursor"), page.next.as_deref());
    write_took(&mut answer, started);
    asked.write(&mut answer, &beside);
    answer.end();
    out.push(b'\n');
    Ok(answer::json(out))
}

struct Page {
    lines: Vec<u8>,
    state: Option<Vec<u8>>,
    next: Option<String>,
}
