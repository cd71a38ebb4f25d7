//! `GET /v1/errors`: events that fail alike, as groups.

use std::sync::Arc;
use std::time::Instant;

use stele_engine::error::StoreError;
use stele_engine::log::{Ask, Log, PAGE_BYTES_MAX};
use stele_engine::query::{Budget, ErrorGroup};

use super::asked::Asked;
use super::paging::Paging;
use super::search::{LIMIT_DEFAULT, LIMIT_MAX, write_took};
use super::{Cx, run, times};
use crate::http::answer::{self, Answer};
use crate::http::json::{self, Object};
use crate::http::problem::Problem;

/// Parts of a sparkline.
const SPARKS: usize = 24;

/// A page of groups, the most recently seen first.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let started = Instant::now();
    let tenant = cx.caller()?.tenant;
    let log = Arc::clone(&tenant.log);
    let paging = Paging::take(cx, &log)?;
    let asked = Asked::take(&mut cx.params, paging.now_ns, &tenant.taxonomy())?;
    let limit = cx.params.take_count("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    Asked::finish(&mut cx.params, &["limit", "cursor"])?;
    let found = run::run(&cx.app, move |budget| {
        let head = paging.head.unwrap_or_else(|| log.head().size);
        let (page, beside) =
            asked.answer(&log, Some(head), budget, |ask| find(&log, ask, head, &paging, limit))?;
        Ok((page, beside, asked))
    });
    let (page, beside, asked) = found.await?;
    let mut out = Vec::with_capacity(page.groups.len() + 256);
    let mut answer = Object::begin(&mut out);
    let groups = answer.member("groups");
    groups.push(b'[');
    groups.extend_from_slice(&page.groups);
    groups.push(b']');
    json::optional_string(answer.member("next_cursor"), page.next.as_deref());
    json::number(answer.member("matched"), page.matched);
    write_took(&mut answer, started);
    asked.write(&mut answer, &beside);
    answer.end();
    out.push(b'\n');
    Ok(answer::json(out))
}

struct Page {
    groups: Vec<u8>,
    matched: u64,
    next: Option<String>,
}

/// Groups of the first page's snapshot, made again for each page: a cursor holds only a position.
fn find(log: &Log, ask: Ask<'_>, head: u64, paging: &Paging, limit: usize) -> Result<Page, StoreError> {
    let mut groups = log.errors(ask, SPARKS)?;
    groups.sort_by_key(|group| std::cmp::Reverse(position(group)));
    let matched = groups.len() as u64;
    let begin = paging.after.map_or(0, |after| groups.partition_point(|group| position(group) >= after));
    let mut page = Page { groups: Vec::new(), matched, next: None };
    for (shown, group) in groups[begin..].iter().enumerate() {
        if shown > 0 {
            if shown == limit || page.groups.len() >= PAGE_BYTES_MAX {
                let last = position(&groups[begin + shown - 1]);
                page.next = Some(paging.seal(log, head, last));
                break;
            }
            page.groups.push(b',');
        }
        write_group(&mut page.groups, group, log, ask.budget)?;
    }
    Ok(page)
}

fn position(group: &ErrorGroup) -> (i64, u64) {
    (group.last_seen_ns, group.sample)
}

fn write_group(
    out: &mut Vec<u8>,
    group: &ErrorGroup,
    log: &Log,
    budget: &Budget<'_>,
) -> Result<(), StoreError> {
    budget.check()?;
    let mut object = Object::begin(out);
    json::string(object.member("fingerprint"), &group.fingerprint);
    json::string(object.member("event_type"), &group.event_type);
    json::string(object.member("message"), &group.message);
    json::number(object.member("count"), group.count);
    json::string(object.member("first_seen"), &times::show(group.first_seen_ns));
    json::string(object.member("last_seen"), &times::show(group.last_seen_ns));
    let sample = object.member("sample");
    match log.record(group.sample) {
        Ok(Some(record)) => record.write_line(sample),
        // It went to the archive since it was counted.
        Ok(None) | Err(StoreError::Archived { .. }) => sample.extend_from_slice(b"null"),
        Err(error) => return Err(error),
    }
    json::array(object.member("sparkline"), &group.sparkline, |out, count| json::number(out, *count));
    object.end();
    Ok(())
}
