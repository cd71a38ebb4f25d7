//! `GET /v1/chain`.

use std::sync::PoisonError;

use hyper::StatusCode;
use serde_json::json;
use stele_engine::ids::hex;
use stele_engine::record::committed_at;

use super::Cx;
use crate::http::answer::{self, Answer};
use crate::http::problem::Problem;

/// Where the chain and its tree stand. `root` is that of now; `checkpoint` the newest that was signed.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let tenant = cx.caller()?.tenant;
    let log = std::sync::Arc::clone(&tenant.log);
    let (head, root) = cx
        .app
        .block(move || {
            let head = log.head();
            log.root(head.size).map(|root| (head, root))
        })
        .await??;
    let verified = *tenant.verified.lock().unwrap_or_else(PoisonError::into_inner);
    let shown = |size: u64, at_us: u64| {
        let sequence = size.checked_sub(1).filter(|_| at_us > 0)?;
        Some(json!({"sequence": sequence, "at": committed_at(at_us)}))
    };
    let verified = verified.unwrap_or_default();
    let value = json!({
        "origin": tenant.log.origin(),
        "size": head.size,
        "sequence": head.size.checked_sub(1),
        "hash": hex(&head.hash),
        "root": data_encoding::BASE64.encode(&root),
        "checkpoint": tenant.log.last_checkpoint().map(|signed| signed.note.clone()),
        "key": tenant.log.verifier_key(),
        "verified": shown(verified.size, verified.at_us),
        "deep_verified": shown(verified.deep_size, verified.deep_at_us),
    });
    Ok(answer::json_value(StatusCode::OK, &value))
}
