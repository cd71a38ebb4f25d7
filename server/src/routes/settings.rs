//! `GET/PUT /v1/settings`: what an organization chose.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::changes::{self, Change};
use super::{Cx, fields};
use crate::http::answer::{self, Answer};
use crate::http::problem::{ItemError, Problem};
use crate::state::SettingsRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    record_reads: Value,
}

/// The settings.
pub fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    Ok(answer::json_value(StatusCode::OK, &cx.caller()?.tenant.settings().show()))
}

/// Replaces the settings. The ones that are chosen already change nothing and make no event.
pub async fn put(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Ask = fields::body(cx, "record_reads").await?;
    let Value::Bool(record_reads) = ask.record_reads else {
        return Err(Problem::fields(vec![ItemError::field("/record_reads", "takes true or false")]));
    };
    let caller = cx.caller()?;
    let tenant = Arc::clone(&caller.tenant);
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let before = tenant.settings();
    let after = SettingsRow { v: 1, record_reads };
    if before.record_reads != record_reads {
        let change = Change {
            what: "settings_changed",
            resource: ("organization", tenant.org.id.clone(), tenant.org.name.clone()),
            action: "update",
            before: before.show(),
            after: after.show(),
        };
        changes::record(cx, &caller, &tenant, change).await?;
        let state = Arc::clone(&cx.app.state);
        // A client that hangs up ends this call, and never what a blocking call has begun: what is saved
        // and what holds stay the same.
        let put = move || {
            state.put_settings(&tenant.org.id, &after)?;
            tenant.set_settings(after);
            drop(turn);
            Ok(())
        };
        cx.app.save(put).await?;
    }
    Ok(answer::json_value(StatusCode::OK, &after.show()))
}
