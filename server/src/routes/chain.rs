//! `GET /v1/chain`, and the change of the key that signs.

use std::sync::{Arc, PoisonError};

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use stele_engine::error::StoreError;
use stele_engine::ids::hex;
use stele_engine::record::committed_at;

use super::changes::{self, Change};
use super::{Cx, fields};
use crate::http::answer::{self, Answer};
use crate::http::problem::Problem;
use crate::serve::start::{log_dir, sealed_in};
use crate::state::now_us;

/// Where the chain and its tree stand. `root` is that of now; `checkpoint` the newest that was signed.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let tenant = cx.caller()?.tenant;
    let log = Arc::clone(&tenant.log);
    let dir = log_dir(&cx.app.options.data, &tenant.org.log_id);
    let (head, root, last, sealed) = cx
        .app
        .block(move || {
            let head = log.head();
            let last = log.last_checkpoint().inspect(|signed| log.deliver(signed));
            let root = log.root(head.size)?;
            Ok::<_, StoreError>((head, root, last, sealed_in(&dir)?))
        })
        .await??;
    let verified = *tenant.verified.lock().unwrap_or_else(PoisonError::into_inner);
    let keys = tenant.log.signing_keys();
    let keys: Vec<Value> = keys
        .iter()
        .map(|signed| json!({"key": signed.key.to_string(), "from_size": signed.from_size}))
        .collect();
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
        "checkpoint": last.map(|signed| signed.note.clone()),
        "key": tenant.log.verifier_key(),
        "keys": keys,
        "verified": shown(verified.size, verified.at_us),
        "deep_verified": shown(verified.deep_size, verified.deep_at_us),
        "sealed_files": {"count": sealed.files, "immutable": sealed.immutable, "verity": sealed.verity},
    });
    Ok(answer::json_value(StatusCode::OK, &value))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Ask {}

/// Puts a new key in the place of the one that signs. The event that tells it is covered by the
/// checkpoint that both keys sign.
pub async fn rotate_key(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let Ask {} = fields::optional_body(cx, "no fields").await?;
    let caller = cx.caller()?;
    let _turn = cx.app.changes.lock().await;
    let log = Arc::clone(&caller.tenant.log);
    let previous = log.verifier_key();
    let next = cx.app.block(move || log.next_key()).await??;
    let change = Change {
        what: "signing_key_rotated",
        resource: ("log", caller.tenant.org.log_id.clone(), caller.tenant.log.origin().to_owned()),
        action: "rotate",
        before: json!({"key": previous}),
        after: json!({"key": next.to_string()}),
    };
    changes::record(cx, &caller, &caller.tenant, change).await?;
    let log = Arc::clone(&caller.tenant.log);
    let rotated = cx.app.block(move || log.rotate_key(now_us())).await??;
    let value = json!({
        "key": rotated.new.to_string(),
        "previous_key": rotated.old.to_string(),
        "checkpoint": rotated.signed.note,
    });
    Ok(answer::json_value(StatusCode::OK, &value))
}
