//! `POST /v1/chain/verify`: progress lines, then the verdict.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::json;
use stele_engine::log::{Check, Pace, Progress};
use stele_engine::proof::Checkpoint;
use stele_engine::verify::{Fault, Verdict};
use tokio::sync::mpsc;

use super::{Cx, fields};
use crate::app::{App, Tenant};
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::{ItemError, Problem};
use crate::state::now_us;

/// Faults told in one answer.
const FAULTS_MAX: usize = 10_000;
/// Between two lines of progress.
const TELL_EVERY: Duration = Duration::from_millis(100);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    from: Option<u64>,
    to: Option<u64>,
    deep: Option<bool>,
    checkpoint: Option<String>,
}

/// Re-reads and re-hashes records `[from, to)`, the whole log without them, and holds the log against a
/// checkpoint that the caller kept.
pub async fn post(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Ask = fields::optional_body(cx, "from, to, deep, checkpoint").await?;
    let tenant = cx.caller()?.tenant;
    let size = tenant.log.head().size;
    let (from, to) = (ask.from.unwrap_or(0), ask.to.unwrap_or(size));
    let mut errors = Vec::new();
    if to > size {
        errors.push(ItemError::field("/to", format!("takes at most the size of the log, {size}")));
    }
    if from > to {
        errors.push(ItemError::field("/from", format!("takes at most `to`, {to}")));
    }
    let outside = ask.checkpoint.as_deref().map(|note| opened(note, &tenant)).transpose();
    let outside = outside.unwrap_or_else(|why| {
        errors.push(ItemError::field("/checkpoint", why));
        None
    });
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    let place = Arc::clone(&cx.app.verifications).try_acquire_owned();
    let place = place.map_err(|_| Problem::overloaded("as many verifications as may run are running"))?;
    let whole = ask.from.is_none() && ask.to.is_none();
    let (lines, receiver) = mpsc::channel(4);
    let app = Arc::clone(&cx.app);
    tokio::spawn(async move {
        let job = Job {
            app: Arc::clone(&app),
            tenant,
            range: (!whole).then_some((from, to)),
            outside: outside.into_iter().collect(),
            deep: ask.deep == Some(true),
            began_us: now_us(),
            lines: lines.clone(),
        };
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            job.run();
        });
        if done.await.is_err() {
            app.metrics.panics.inc();
            let _ = lines.send(failed("the verification failed in the server; its log says how")).await;
        }
    });
    Ok(answer::typed(StatusCode::OK, "application/x-ndjson", Body::stream(receiver)))
}

/// A checkpoint that one of the log's keys signed, of now or before.
fn opened(note: &str, tenant: &Tenant) -> Result<Checkpoint, String> {
    let mut why = "the log has no usable key to check it with".to_owned();
    for signed in tenant.log.signing_keys().iter().rev() {
        match Checkpoint::open(note.as_bytes(), &signed.key) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn failed(detail: &str) -> Bytes {
    line(&json!({"result": "failed", "proved_to": 0, "faults": [], "error": detail}))
}

fn line(value: &serde_json::Value) -> Bytes {
    format!("{value}\n").into()
}

struct Job {
    app: Arc<App>,
    tenant: Arc<Tenant>,
    range: Option<(u64, u64)>,
    outside: Vec<Checkpoint>,
    deep: bool,
    began_us: u64,
    lines: mpsc::Sender<Bytes>,
}

impl Job {
    fn run(self) {
        let told = Mutex::new(None::<Instant>);
        let progress = |p: Progress| {
            let due = {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let due = told.is_none_or(|at| at.elapsed() >= TELL_EVERY);
                due.then(|| *told = Some(Instant::now())).is_some()
            };
            let shown = json!({"progress": {"sequence": p.sequence, "of": p.of, "faults": p.faults}});
            // A full channel means that the client is slow: it can do without this line.
            let gone =
                due && matches!(self.lines.try_send(line(&shown)), Err(mpsc::error::TrySendError::Closed(_)));
            !gone && !self.lines.is_closed() && !*self.app.stopping.borrow()
        };
        let check = Check {
            range: self.range,
            outside: &self.outside,
            deep: self.deep,
            pace: Pace::Background,
            threads: None,
        };
        let last = match self.tenant.log.verify_with(&check, &progress) {
            Ok(verdict) => self.conclude(&verdict),
            Err(error) => {
                tracing::error!(org = self.tenant.org.id, %error, "verification");
                failed(&error.to_string())
            }
        };
        let _ = self.lines.blocking_send(last);
    }

    fn conclude(&self, verdict: &Verdict) -> Bytes {
        let ok = verdict.faults.is_empty();
        if ok && self.range.is_none() {
            self.note(verdict);
        }
        if !ok {
            tracing::error!(org = self.tenant.org.id, faults = verdict.faults.len(), "verification failed");
        }
        line(&json!({
            "result": if ok { "ok" } else { "failed" },
            "proved_to": verdict.proved_to,
            "checked": verdict.checked,
            "indexed_to": verdict.indexed_to,
            "notes": verdict.notes,
            "faults": verdict.faults.iter().take(FAULTS_MAX).map(show).collect::<Vec<_>>(),
            "faults_left_out": verdict.faults.len().saturating_sub(FAULTS_MAX),
        }))
    }

    fn note(&self, verdict: &Verdict) {
        let saved = self.tenant.note_verified(&self.app.state, |row| {
            // One that began earlier may end later.
            if row.at_us < self.began_us {
                (row.size, row.at_us) = (verdict.proved_to, self.began_us);
            }
            if let Some(to) = verdict.indexed_to.filter(|_| row.deep_at_us < self.began_us) {
                (row.deep_size, row.deep_at_us) = (to, self.began_us);
            }
        });
        if let Err(error) = saved {
            tracing::warn!(%error, "cannot save the verification");
        }
    }
}

fn show(fault: &Fault) -> serde_json::Value {
    json!({
        "kind": fault.kind,
        "first_sequence": fault.first_sequence,
        "last_sequence": fault.last_sequence,
        "file": fault.file,
        "offset": fault.offset,
        "detail": fault.detail,
    })
}
