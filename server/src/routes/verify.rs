//! `POST /v1/chain/verify`: progress lines, then the verdict.

use std::sync::{Arc, PoisonError};

use hyper::StatusCode;
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::json;
use stele_engine::log::Progress;
use stele_engine::verify::{Fault, Verdict};
use tokio::sync::mpsc;

use super::{Cx, fields};
use crate::app::{App, Tenant};
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::{ItemError, Problem};
use crate::state::{VerifiedRow, now_us};

/// Faults told in one answer.
const FAULTS_MAX: usize = 10_000;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    from: Option<u64>,
    to: Option<u64>,
    deep: Option<bool>,
}

/// Re-reads and re-hashes records `[from, to)`, the whole log without them.
pub async fn post(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Ask = fields::optional_body(cx, "from, to, deep").await?;
    if ask.deep == Some(true) {
        let detail =
            "deep verification compares index events, which this version does not make yet; leave it out";
        return Err(Problem::fields(vec![ItemError::field("/deep", detail)]));
    }
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
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    let whole = ask.from.is_none() && ask.to.is_none();
    let (lines, receiver) = mpsc::channel(4);
    let app = Arc::clone(&cx.app);
    tokio::spawn(async move {
        let job = Job {
            app: Arc::clone(&app),
            tenant,
            range: (!whole).then_some((from, to)),
            lines: lines.clone(),
        };
        if let Err(problem) = app.block(move || job.run()).await {
            let _ = lines.send(failed(&problem.detail)).await;
        }
    });
    Ok(answer::typed(StatusCode::OK, "application/x-ndjson", Body::stream(receiver)))
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
    lines: mpsc::Sender<Bytes>,
}

impl Job {
    fn run(self) {
        let progress = |p: Progress| {
            // A full channel means that the client is slow: it can do without this line.
            let shown = line(&json!({"progress": {"sequence": p.sequence, "of": p.of}}));
            !matches!(self.lines.try_send(shown), Err(mpsc::error::TrySendError::Closed(_)))
                && !*self.app.stopping.borrow()
        };
        let last = match self.tenant.log.verify(self.range, &progress) {
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
            self.note(verdict.proved_to);
        }
        if !ok {
            tracing::error!(org = self.tenant.org.id, faults = verdict.faults.len(), "verification failed");
        }
        line(&json!({
            "result": if ok { "ok" } else { "failed" },
            "proved_to": verdict.proved_to,
            "checked": verdict.checked,
            "faults": verdict.faults.iter().take(FAULTS_MAX).map(show).collect::<Vec<_>>(),
            "faults_left_out": verdict.faults.len().saturating_sub(FAULTS_MAX),
        }))
    }

    fn note(&self, size: u64) {
        let row = VerifiedRow { v: 1, size, at_us: now_us() };
        *self.tenant.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(row);
        if let Err(error) = self.app.state.put_verified(&self.tenant.org.log_id, &row) {
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
