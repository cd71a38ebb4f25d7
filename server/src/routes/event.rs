//! `GET /v1/events/{event_id}`.

use stele_engine::error::StoreError;

use super::{Cx, proofs};
use crate::http::answer::{self, Answer};
use crate::http::problem::Problem;
use crate::state::now_us;

/// One event, the log's own ones too; on request with the proof that it is in the log.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let event_id = cx.name()?;
    let with_proof = cx.params.take_flag("proof")?;
    std::mem::take(&mut cx.params).finish(&["proof"])?;
    let log = std::sync::Arc::clone(&cx.caller()?.tenant.log);
    let find = move || -> Result<_, StoreError> {
        let Some(record) = log.find(&event_id)? else { return Ok(None) };
        let proof = if with_proof { log.inclusion(record.sequence, now_us())? } else { None };
        Ok(Some((record, proof)))
    };
    let (record, proof) = cx.app.block(find).await??.ok_or_else(Problem::not_found)?;
    let mut out = Vec::with_capacity(record.body.len() + 2_000);
    if let Some(proof) = proof {
        out.extend_from_slice(b"{\"event\":");
        record.write_line(&mut out);
        out.extend_from_slice(b",\"inclusion\":");
        out.extend_from_slice(proofs::shown(&proof).to_string().as_bytes());
        out.push(b'}');
    } else {
        record.write_line(&mut out);
    }
    out.push(b'\n');
    Ok(answer::json(out))
}
