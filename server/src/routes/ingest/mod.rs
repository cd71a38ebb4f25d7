//! `POST /v1/events`.
//!
//! Body to items (`split`), items to events (`items`), one batch to the writer, outcomes to the
//! answer (`reply`).

mod items;
mod reply;
pub mod split;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyper::StatusCode;
use stele_engine::event::{Receipt, Taxonomy};
use stele_engine::log::{Batch, Log};

use super::{Cx, times};
use crate::http::answer::Answer;
use crate::http::intake::Taken;
use crate::http::problem::Problem;
use items::Items;
use reply::Reply;

/// Larger bodies are taken apart off the runtime's threads, so that small ones need not wait.
const INLINE_BYTES_MAX: usize = 1 << 20;

/// What the body is by its `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One object, or an array.
    Json,
    /// One object a line.
    Lines,
}

#[derive(Clone, Copy, Debug)]
struct Wishes {
    format: Format,
    atomic: bool,
    receipts: bool,
}

/// Takes events in; answers when they are on stable storage and searchable.
pub async fn post(cx: &mut Cx) -> Result<Answer, Problem> {
    let (wishes, capture) = take_wishes(cx)?;
    let tenant = cx.caller()?.tenant;
    tenant.log.writable().map_err(Problem::read_only)?;
    let Taken { bytes, share, .. } = cx.take_body().await?;
    let work = Work {
        log: Arc::clone(&tenant.log),
        taxonomy: tenant.taxonomy(),
        limits: cx.app.event_limits(),
        address: capture.then(|| cx.address.to_string()),
        agent: if capture { cx.user_agent().map(str::to_owned) } else { None },
        wishes,
    };
    let prepared = if bytes.len() <= INLINE_BYTES_MAX {
        work.run(&bytes)
    } else {
        cx.app.block_heavy(move || work.run(&bytes)).await?
    };
    let Prepared { batch, items, single } = prepared?;
    let outcomes = match batch {
        Some(batch) => tenant.queue.append(batch, items.events_count(), items.event_bytes()).await?,
        None => Vec::new(),
    };
    drop(share);
    let reply = Reply::of(items, &outcomes, wishes.atomic, wishes.receipts || single);
    let metrics = &cx.app.metrics;
    metrics.accepted.inc_by(reply.accepted);
    metrics.duplicates.inc_by(reply.duplicates);
    metrics.rejected.inc_by(reply.rejected);
    if single { reply.single() } else { reply.list() }
}

fn take_wishes(cx: &mut Cx) -> Result<(Wishes, bool), Problem> {
    let format = match cx.media_type().as_deref() {
        Some("application/json") => Format::Json,
        Some("application/x-ndjson" | "application/ndjson" | "application/jsonl") => Format::Lines,
        _ => {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content-type",
                "Content-Type is application/json (one event, or an array) or application/x-ndjson (one event a line)",
            ));
        }
    };
    let atomic = cx.params.take_flag("atomic")?;
    let receipts = match cx.params.take("receipts")?.as_deref() {
        None | Some("none") => false,
        Some("full") => true,
        Some(other) => {
            return Err(Problem::parameter("receipts", format!("takes full or none, not `{other}`")));
        }
    };
    let capture = match cx.params.take("actor_ip")?.as_deref() {
        None => false,
        Some("capture") => true,
        Some(other) => return Err(Problem::parameter("actor_ip", format!("takes capture, not `{other}`"))),
    };
    std::mem::take(&mut cx.params).finish(&["atomic", "receipts", "actor_ip"])?;
    Ok((Wishes { format, atomic, receipts }, capture))
}

/// What turning a body into a batch needs.
struct Work {
    log: Arc<Log>,
    taxonomy: Arc<Taxonomy>,
    limits: stele_engine::event::Limits,
    address: Option<String>,
    agent: Option<String>,
    wishes: Wishes,
}

struct Prepared {
    batch: Option<Batch>,
    items: Items,
    single: bool,
}

impl Work {
    fn run(self, body: &[u8]) -> Result<Prepared, Problem> {
        let new_id = || uuid::Uuid::now_v7().to_string();
        let receipt = Receipt {
            now_ns: times::now_ns(),
            ip_address: self.address.as_deref(),
            user_agent: self.agent.as_deref(),
            new_id: &new_id,
        };
        let mut items = Items::new(&receipt, &self.taxonomy, self.limits);
        let single = match self.wishes.format {
            Format::Lines => {
                split::lines(body, |line| items.add(line))?;
                false
            }
            Format::Json => split::json(body, |item| items.add(item))?,
        };
        let mut items = items.finish();
        let blocked = self.wishes.atomic && items.has_errors();
        let events = items.take_events();
        let batch = (!events.is_empty() && !blocked).then(|| self.log.prepare(events, self.wishes.atomic));
        Ok(Prepared { batch, items, single })
    }
}
