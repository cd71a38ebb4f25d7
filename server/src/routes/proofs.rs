//! `GET /v1/checkpoint` and `/v1/proofs/…`: what others can check without this server.

use hyper::StatusCode;
use serde_json::{Value, json};
use stele_engine::log::{Consistency, Inclusion};

use super::Cx;
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::Problem;
use crate::state::now_us;

/// Type of signed notes.
pub const NOTE: &str = "text/plain; charset=utf-8";

/// A checkpoint over everything of now, as a signed note.
pub async fn checkpoint(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let log = std::sync::Arc::clone(&cx.caller()?.tenant.log);
    let sign = move || log.checkpoint(now_us()).inspect(|signed| log.deliver(signed));
    let signed = cx.app.block(sign).await??;
    Ok(answer::typed(StatusCode::OK, NOTE, Body::full(signed.note.clone())))
}

/// Proof that a record is in the log.
pub async fn inclusion(cx: &mut Cx) -> Result<Answer, Problem> {
    let sequence = number(cx, "sequence")?.ok_or_else(|| missing("sequence"))?;
    std::mem::take(&mut cx.params).finish(&["sequence"])?;
    let log = std::sync::Arc::clone(&cx.caller()?.tenant.log);
    let proof = cx.app.block(move || log.inclusion(sequence, now_us())).await??;
    Ok(answer::json_value(StatusCode::OK, &shown(&proof.ok_or_else(Problem::not_found)?)))
}

/// Proof that the log only grew.
pub async fn consistency(cx: &mut Cx) -> Result<Answer, Problem> {
    let from = number(cx, "from")?.ok_or_else(|| missing("from"))?;
    let to = number(cx, "to")?;
    std::mem::take(&mut cx.params).finish(&["from", "to"])?;
    let log = std::sync::Arc::clone(&cx.caller()?.tenant.log);
    let size = log.head().size;
    if let Some(to) = to.filter(|&to| to > size) {
        let detail = format!("takes at most the size of the log, {size}, not `{to}`");
        return Err(Problem::parameter("to", detail));
    }
    let limit = to.unwrap_or(size);
    if from > limit {
        return Err(Problem::parameter("from", format!("takes at most `to`, {limit}, not `{from}`")));
    }
    let proof = cx.app.block(move || log.consistency(from, to, now_us())).await??;
    let Consistency { from, to, hashes, signed } = proof;
    let value = json!({"from": from, "to": to, "hashes": base64(&hashes), "checkpoint": signed.note});
    Ok(answer::json_value(StatusCode::OK, &value))
}

/// An inclusion proof as JSON.
pub fn shown(proof: &Inclusion) -> Value {
    json!({
        "sequence": proof.sequence,
        "tree_size": proof.signed.checkpoint.size,
        "leaf_hash": data_encoding::BASE64.encode(&proof.leaf),
        "hashes": base64(&proof.hashes),
        "checkpoint": proof.signed.note,
    })
}

fn base64(hashes: &[[u8; 32]]) -> Vec<String> {
    hashes.iter().map(|hash| data_encoding::BASE64.encode(hash)).collect()
}

fn number(cx: &mut Cx, name: &str) -> Result<Option<u64>, Problem> {
    let Some(text) = cx.params.take(name)? else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits).map(Some);
    number.ok_or_else(|| Problem::parameter(name, format!("takes a number from 0, not `{text}`")))
}

fn missing(name: &str) -> Problem {
    Problem::parameter(name, "is missing; it takes a number from 0")
}
