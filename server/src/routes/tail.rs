//! `GET /v1/events/stream`: the live tail, as server-sent events.
//!
//! Keeps true: between the first line and the last, every event that matches is sent once, in
//! sequence order. A client that does not keep up is disconnected, and resumes with
//! `Last-Event-ID`; nothing is buffered for it beyond one batch.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use stele_engine::error::StoreError;
use stele_engine::query::Filter;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, timeout};

use super::{Cx, filters, times};
use crate::app::{App, Tenant};
use crate::auth::Caller;
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::Problem;
use crate::state::{Key, now_us};

/// Silence after which a comment is sent; the contract says at most 15 s.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// For a client to take what is ready for it.
const SLOW: Duration = Duration::from_secs(10);
/// Records of one read.
const BATCH: usize = 64;

/// Opens a tail.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let Caller { key, tenant } = cx.caller()?;
    let filter = filters::take(&mut cx.params, times::now_ns(), &tenant.taxonomy())?;
    std::mem::take(&mut cx.params).finish(&filters::PARAMETERS)?;
    let position = tenant.position.clone();
    let next = first_sequence(cx, *position.borrow())?;
    let place = Arc::clone(&cx.app.tails).try_acquire_owned();
    let place = place.map_err(|_| Problem::overloaded("too many live tails are open"))?;
    let (chunks, receiver) = mpsc::channel(2);
    let stopping = cx.app.stopping.subscribe();
    let tail = Tail {
        app: Arc::clone(&cx.app),
        tenant,
        key,
        filter,
        next,
        position,
        stopping,
        chunks,
        _place: place,
    };
    cx.app.metrics.tails.inc();
    tokio::spawn(async move {
        let app = Arc::clone(&tail.app);
        tail.run().await;
        app.metrics.tails.dec();
    });
    let mut answer = answer::typed(StatusCode::OK, "text/event-stream", Body::stream(receiver));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(answer)
}

/// After `Last-Event-ID`, else at the end of the log.
fn first_sequence(cx: &Cx, size: u64) -> Result<u64, Problem> {
    let Some(value) = cx.headers.get("last-event-id") else { return Ok(size) };
    let last: Option<u64> = value.to_str().ok().and_then(|v| v.trim().parse().ok());
    last.filter(|last| *last < size).map(|last| last + 1).ok_or_else(|| {
        Problem::bad_request(format!(
            "header `Last-Event-ID` takes the sequence of an event of this log, which has {size} events"
        ))
    })
}

struct Tail {
    app: Arc<App>,
    tenant: Arc<Tenant>,
    key: Arc<Key>,
    filter: Filter,
    next: u64,
    position: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    chunks: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

/// Why a tail goes on to its next round.
enum Woken {
    Grown,
    Silent,
    Ended,
}

impl Tail {
    async fn run(mut self) {
        if !self.send(Bytes::from_static(b"retry: 1000\n: open\n\n")).await {
            return;
        }
        let mut sent = Instant::now();
        loop {
            let size = *self.position.borrow_and_update();
            while self.next < size {
                match self.read().await {
                    Err(()) => return,
                    Ok(lines) if lines.is_empty() => {}
                    Ok(lines) => {
                        if !self.send(lines.into()).await {
                            return;
                        }
                        sent = Instant::now();
                    }
                }
                if !self.may_go_on() {
                    return;
                }
            }
            match self.wait(sent + HEARTBEAT).await {
                Woken::Ended => return,
                Woken::Grown => {}
                Woken::Silent => {
                    if !self.may_go_on() || !self.send(Bytes::from_static(b": alive\n\n")).await {
                        return;
                    }
                    sent = Instant::now();
                }
            }
        }
    }

    /// A key that was revoked reads nothing more.
    fn may_go_on(&self) -> bool {
        self.key.is_good(now_us()) && !*self.stopping.borrow()
    }

    async fn wait(&mut self, heartbeat: Instant) -> Woken {
        tokio::select! {
            grown = self.position.changed() => if grown.is_ok() { Woken::Grown } else { Woken::Ended },
            () = tokio::time::sleep_until(heartbeat) => Woken::Silent,
            () = self.chunks.closed() => Woken::Ended,
            _ = self.stopping.wait_for(|stop| *stop) => Woken::Ended,
        }
    }

    async fn read(&mut self) -> Result<Vec<u8>, ()> {
        let (tenant, filter, next) = (Arc::clone(&self.tenant), self.filter.clone(), self.next);
        let read = self.app.block(move || read(&tenant, &filter, next)).await;
        match read {
            Ok(Ok((lines, next))) if next > self.next => {
                self.next = next;
                Ok(lines)
            }
            Ok(Ok(_)) => {
                // The store has nothing below its published size: better to end than to spin.
                tracing::error!(org = self.tenant.org.id, sequence = self.next, "a tail cannot go on");
                Err(())
            }
            Ok(Err(error)) => {
                tracing::error!(org = self.tenant.org.id, %error, "tail");
                Err(())
            }
            Err(_) => Err(()),
        }
    }

    async fn send(&self, chunk: Bytes) -> bool {
        matches!(timeout(SLOW, self.chunks.send(chunk)).await, Ok(Ok(())))
    }
}

fn read(tenant: &Tenant, filter: &Filter, next: u64) -> Result<(Vec<u8>, u64), StoreError> {
    let (records, next) = tenant.log.read_from(next, filter, BATCH)?;
    let mut out = Vec::with_capacity(records.iter().map(|r| r.body.len() + 400).sum());
    for record in &records {
        out.extend_from_slice(format!("event: event\nid: {}\ndata: ", record.sequence).as_bytes());
        record.write_line(&mut out);
        out.extend_from_slice(b"\n\n");
    }
    Ok((out, next))
}
