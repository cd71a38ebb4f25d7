//! `GET /v1/chain`.

use std::sync::PoisonError;

use hyper::StatusCode;
use serde_json::json;
use stele_engine::ids::hex;
use stele_engine::record::committed_at;

use super::Cx;
use crate::http::answer::{self, Answer};
use crate::http::problem::Problem;

/// Where the chain stands. `root`, `checkpoint` and `key` are null until checkpoints exist.
pub fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let tenant = cx.caller()?.tenant;
    let head = tenant.log.head();
    let verified = *tenant.verified.lock().unwrap_or_else(PoisonError::into_inner);
    let verified =
        verified.and_then(|v| Some(json!({"sequence": v.size.checked_sub(1)?, "at": committed_at(v.at_us)})));
    let value = json!({
        "origin": tenant.log.origin(),
        "size": head.size,
        "sequence": head.size.checked_sub(1),
        "hash": hex(&head.hash),
        "root": null,
        "checkpoint": null,
        "key": null,
        "verified": verified,
    });
    Ok(answer::json_value(StatusCode::OK, &value))
}
