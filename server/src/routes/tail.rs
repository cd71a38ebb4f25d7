//! `GET /v1/events/stream`: the live tail, as server-sent events.
//!
//! Keeps true: between the first line and the last, every event that matches is sent once, in
//! sequence order. A client that does not keep up is disconnected, and resumes with
//! `Last-Event-ID`; nothing is buffered for it beyond the batch on its way and the next one.

use std::pin::pin;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::json;
use stele_engine::error::StoreError;
use stele_engine::log::READ_BYTES_MAX;
use stele_engine::query::lang::{Bound, Clause, Expr, Field, Literal, Scalar, Test};
use stele_engine::query::{Budget, Scope};
use stele_engine::text::Number;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::asked::Asked;
use super::{Cx, run, times};
use crate::app::{App, Tenant};
use crate::auth::Caller;
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::Problem;
use crate::state::now_us;

/// Records of one read, where nothing is known of their sizes.
const BATCH: usize = 64;
/// The same, of small records.
const BATCH_MAX: usize = 1024;
/// Sequences that one read looks at: a resume from far behind is many short reads.
const WINDOW: u64 = 1 << 16;
/// The same, after reads that took too long.
const WINDOW_MIN: u64 = 1 << 9;

/// Opens a tail.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let caller = cx.caller()?;
    let tenant = Arc::clone(&caller.tenant);
    // Relative times count from here for as long as the tail is open.
    let asked = Asked::take(&mut cx.params, times::now_ns(), &tenant.taxonomy())?;
    Asked::finish(&mut cx.params, &[])?;
    let position = tenant.position.clone();
    let next = first_sequence(cx, &tenant)?;
    if cx.method == Method::HEAD {
        return Ok(stream(Body::full(Bytes::new())));
    }
    let place = Arc::clone(&cx.app.tails).try_acquire_owned();
    let place = place.map_err(|_| Problem::overloaded("too many live tails are open"))?;
    let (chunks, receiver) = mpsc::channel(1);
    let stopping = cx.app.stopping.subscribe();
    let tail = Tail {
        app: Arc::clone(&cx.app),
        tenant,
        caller,
        scope: Arc::new(asked.scope),
        next,
        window: WINDOW,
        batch: BATCH,
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
    Ok(stream(Body::stream(receiver)))
}

fn stream(body: Body) -> Answer {
    let mut answer = answer::typed(StatusCode::OK, "text/event-stream", body);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    answer
}

/// After `Last-Event-ID`, of which -1 is before the first event; else at the end of the log.
fn first_sequence(cx: &Cx, tenant: &Tenant) -> Result<u64, Problem> {
    let published = *tenant.position.borrow();
    let Some(value) = cx.headers.get("last-event-id") else { return Ok(published) };
    // Searches show an event a moment before its position is published.
    let size = published.max(tenant.log.head().size);
    let last: Option<i64> = value.to_str().ok().and_then(|v| v.trim().parse().ok());
    let next = last.and_then(|last| u64::try_from(last.checked_add(1)?).ok());
    next.filter(|next| *next <= size).ok_or_else(|| {
        Problem::bad_request(format!(
            "header `Last-Event-ID` takes the sequence of an event of this log, which has {size} events"
        ))
    })
}

struct Tail {
    app: Arc<App>,
    tenant: Arc<Tenant>,
    caller: Caller,
    scope: Arc<Scope>,
    next: u64,
    window: u64,
    batch: usize,
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
        let open = format!("retry: 1000\n: open {}\n\n", self.after());
        if !self.send(open.into()).await {
            return;
        }
        let mut sent = Instant::now();
        loop {
            let size = *self.position.borrow_and_update();
            while self.next < size {
                if !self.may_go_on() {
                    return;
                }
                match self.read(&mut sent).await {
                    Err(()) => return,
                    // The key may have ended while the read was under way.
                    Ok(_) if !self.may_go_on() => return,
                    Ok(lines) if lines.is_empty() => {}
                    Ok(lines) => {
                        if !self.send(lines.into()).await {
                            return;
                        }
                        sent = Instant::now();
                    }
                }
            }
            match self.wait(sent + self.app.options.timeouts.heartbeat).await {
                Woken::Ended => return,
                Woken::Grown => {}
                Woken::Silent => {
                    if !self.may_go_on() || !self.alive().await {
                        return;
                    }
                    sent = Instant::now();
                }
            }
        }
    }

    /// A key or a session that has ended reads nothing more.
    fn may_go_on(&self) -> bool {
        self.caller.is_good(&self.app, now_us()) && !*self.stopping.borrow()
    }

    async fn wait(&mut self, heartbeat: Instant) -> Woken {
        tokio::select! {
            grown = self.position.changed() => if grown.is_ok() { Woken::Grown } else { Woken::Ended },
            () = sleep_until(heartbeat) => Woken::Silent,
            () = self.chunks.closed() => Woken::Ended,
            _ = self.stopping.wait_for(|stop| *stop) => Woken::Ended,
        }
    }

    async fn alive(&self) -> bool {
        self.send(format!(": alive {}\n\n", self.after()).into()).await
    }

    /// How far the tail came, for clients that resume from there although nothing matched lately.
    fn after(&self) -> String {
        format!("after {}", i128::from(self.next) - 1)
    }

    /// The lines of the next round, and where it ended; an error when the stream has to end.
    async fn read(&mut self, sent: &mut Instant) -> Result<Vec<u8>, ()> {
        loop {
            match self.round(sent).await? {
                Ok(Ok(round)) if round.next > self.next => {
                    self.next = round.next;
                    self.window = (self.window * 2).min(WINDOW);
                    self.batch = round.batch_after();
                    return Ok(round.text);
                }
                Ok(Ok(_)) => {
                    // The store has nothing below its published size: better to end than to spin.
                    tracing::error!(org = self.tenant.org.id, sequence = self.next, "a tail cannot go on");
                    return Err(());
                }
                Ok(Err(StoreError::TooBroad(_))) if self.window > WINDOW_MIN => {
                    self.window = narrower(self.window);
                }
                // A gap that is told is none that a client takes for silence.
                Ok(Err(StoreError::Archived { first_sequence, last_sequence })) => {
                    let first = first_sequence.max(self.next);
                    let gap = json!({"first_sequence": first, "last_sequence": last_sequence});
                    self.next = self.next.max(last_sequence + 1);
                    return Ok(format!("event: archived\ndata: {gap}\n\n").into_bytes());
                }
                Ok(Err(error)) => {
                    tracing::error!(org = self.tenant.org.id, %error, "tail");
                    self.end_with(error.into()).await;
                    return Err(());
                }
                Err(problem) => {
                    self.end_with(problem).await;
                    return Err(());
                }
            }
        }
    }

    /// One round. While it is under way, also far behind with nothing that matches, the client hears that
    /// the tail lives; the round is given up when the client leaves, its key ends or the server stops.
    async fn round(&mut self, sent: &mut Instant) -> Result<Result<Result<Round, StoreError>, Problem>, ()> {
        let app = Arc::clone(&self.app);
        let (tenant, scope, next) = (Arc::clone(&self.tenant), Arc::clone(&self.scope), self.next);
        let (window, batch) = (self.window, self.batch);
        let read = move |budget: &Budget<'_>| read(&tenant, &scope, next, window, batch, budget);
        let mut round = pin!(run::round(&app, read));
        loop {
            tokio::select! {
                done = &mut round => return Ok(done),
                () = self.chunks.closed() => return Err(()),
                _ = self.stopping.wait_for(|stop| *stop) => return Err(()),
                () = sleep_until(*sent + app.options.timeouts.heartbeat) => {}
            }
            if !self.may_go_on() || !self.alive().await {
                return Err(());
            }
            *sent = Instant::now();
        }
    }

    /// Says why the stream ends: the head of the answer is long gone.
    async fn end_with(&self, problem: Problem) {
        let text = problem.into_answer("").into_body().take_full().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        self.send(format!("event: problem\ndata: {}\n\n", text.trim_end()).into()).await;
    }

    async fn send(&self, chunk: Bytes) -> bool {
        matches!(timeout(self.app.options.timeouts.tail, self.chunks.send(chunk)).await, Ok(Ok(())))
    }
}

/// The window after a read that took too long.
fn narrower(window: u64) -> u64 {
    (window / 8).max(WINDOW_MIN)
}

/// What one read came to.
struct Round {
    text: Vec<u8>,
    records: usize,
    next: u64,
}

impl Round {
    /// Records that the next read should ask for.
    fn batch_after(&self) -> usize {
        if self.records == 0 {
            return BATCH;
        }
        (READ_BYTES_MAX / (self.text.len() / self.records).max(1)).clamp(BATCH, BATCH_MAX)
    }
}

fn read(
    tenant: &Tenant,
    scope: &Scope,
    next: u64,
    window: u64,
    batch: usize,
    budget: &Budget<'_>,
) -> Result<Round, StoreError> {
    let end = next.saturating_add(window);
    let bounded = if tenant.log.head().size <= end { None } else { Some(below(scope, end)) };
    let (records, reached) = tenant.log.read_from(next, bounded.as_ref().unwrap_or(scope), batch, budget)?;
    let mut text = Vec::with_capacity(records.iter().map(|r| r.body.len() + 400).sum());
    let count = records.len();
    for record in records {
        text.extend_from_slice(format!("event: event\nid: {}\ndata: ", record.sequence).as_bytes());
        record.write_line(&mut text);
        text.extend_from_slice(b"\n\n");
    }
    let next = if bounded.is_some() { reached.min(end) } else { reached };
    Ok(Round { text, records: count, next })
}

/// The same question about sequences below `end` only.
fn below(scope: &Scope, end: u64) -> Scope {
    let text = end.to_string();
    let high = Number::parse(&text)
        .map(|number| Bound { inclusive: false, scalar: Scalar::Number(Literal { text, number }) });
    let clause = Clause { field: Field::Sequence, test: Test::Within { low: None, high }, position: 0 };
    Scope { root: Expr::and(vec![scope.root.clone(), Expr::Clause(clause)]), ..scope.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_narrows_to_the_smallest_one_and_no_further() {
        let windows = std::iter::successors(Some(WINDOW), |&window| Some(narrower(window)));
        assert_eq!(windows.take(5).collect::<Vec<_>>(), [65_536, 8_192, 1_024, 512, 512]);
    }
}
