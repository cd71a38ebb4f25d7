//! `GET /v1/events/{event_id}`.

use std::sync::Arc;

use hyper::StatusCode;
use stele_engine::error::StoreError;

use super::{Cx, gaps, proofs};
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::Problem;
use crate::state::now_us;

/// What is asked for beside the event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    No,
    /// Beside the event, as JSON.
    Json,
    /// As a file of its own (c2sp.org/tlog-proof), the event in its extra data.
    File,
}

/// One event, the log's own ones too; on request with the proof that it is in the log.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let event_id = cx.name()?;
    let asked = match cx.params.take("proof")?.as_deref() {
        None | Some("false") => Proof::No,
        Some("true") => Proof::Json,
        Some("tlog") => Proof::File,
        Some(other) => {
            return Err(Problem::parameter("proof", format!("takes true, false or tlog, not `{other}`")));
        }
    };
    std::mem::take(&mut cx.params).finish(&["proof"])?;
    let log = Arc::clone(&cx.caller()?.tenant.log);
    let reader = Arc::clone(&log);
    let find = move || -> Result<_, StoreError> {
        let Some(record) = reader.find(&event_id)? else { return Ok(None) };
        let proof = if asked == Proof::No { None } else { reader.inclusion(record.sequence, now_us())? };
        Ok(Some((record, proof)))
    };
    let found = cx.app.block(find).await?;
    let found = gaps::here(&cx.app, &log, found).await?;
    let (record, proof) = found.ok_or_else(Problem::not_found)?;
    let mut out = Vec::with_capacity(record.body.len() + 2_000);
    match proof {
        Some(proof) if asked == Proof::File => {
            record.write_line(&mut out);
            let file = proof.to_tlog_proof(&out);
            return Ok(answer::typed(StatusCode::OK, proofs::NOTE, Body::full(file)));
        }
        Some(proof) => {
            out.extend_from_slice(b"{\"event\":");
            record.write_line(&mut out);
            out.extend_from_slice(b",\"inclusion\":");
            out.extend_from_slice(proofs::shown(&proof).to_string().as_bytes());
            out.push(b'}');
        }
        None => record.write_line(&mut out),
    }
    out.push(b'\n');
    Ok(answer::json(out))
}
