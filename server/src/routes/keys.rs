//! `GET/POST /v1/keys`, `DELETE /v1/keys/{id}`.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;

use super::changes::{self, Change};
use super::{Cx, fields, times};
use crate::app::App;
use crate::auth::{Caller, Scopes};
use crate::http::answer::{self, Answer};
use crate::http::problem::{ItemError, Problem};
use crate::serve::ServeError;
use crate::state::{self, KeyRow, UserRow, now_us};

/// Longest name of a key or an organization.
pub const NAME_CHARS_MAX: usize = 200;
/// Keys of one organization, revoked ones included.
const KEYS_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    name: String,
    scopes: Vec<String>,
    expires_at: Option<String>,
}

/// The keys of the organization, oldest first, without secrets; tokens of users too.
pub fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let keys: Vec<Value> =
        cx.app.keys.of_org(caller.key.org()).iter().map(|key| show(&cx.app, &key.row())).collect();
    Ok(answer::json_value(StatusCode::OK, &json!({"keys": keys})))
}

/// A key as the API shows it: of a user's token the scopes are those of the role, none once the user is
/// removed.
fn show(app: &App, row: &KeyRow) -> Value {
    let mut shown = row.show();
    if let Some(user) = row.user.as_deref().and_then(|id| app.users.present(id)) {
        shown["scopes"] = Scopes::of_role(user.role).names().into();
    }
    shown
}

/// Makes a key; its secret is in this answer and nowhere else.
pub async fn add(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Ask = fields::body(cx, "name, scopes, expires_at").await?;
    let expires_us = check(&ask)?;
    let caller = cx.caller()?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    make(cx, &caller, turn, |org| state::make(org, ask.name.trim(), &ask.scopes, expires_us, None)).await
}

/// Makes the token of a user.
///
/// # Errors
/// As [`add`].
pub async fn add_for(
    cx: &Cx,
    caller: &Caller,
    turn: OwnedMutexGuard<()>,
    name: &str,
    expires_at: Option<&str>,
    user: &UserRow,
) -> Result<Answer, Problem> {
    let mut errors: Vec<ItemError> = name_error(name).into_iter().collect();
    let expires_us = expires(expires_at, &mut errors);
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    let made = |org: &str| {
        let (row, token) = state::make(org, name.trim(), &[], expires_us, None)?;
        Ok((KeyRow { user: Some(user.id.clone()), ..row }, token))
    };
    make(cx, caller, turn, made).await
}

async fn make(
    cx: &Cx,
    caller: &Caller,
    _turn: OwnedMutexGuard<()>,
    made: impl FnOnce(&str) -> Result<(KeyRow, String), ServeError>,
) -> Result<Answer, Problem> {
    if cx.app.keys.of_org(caller.key.org()).len() >= KEYS_MAX {
        return Err(Problem::too_large(format!("an organization has at most {KEYS_MAX} keys")));
    }
    let (row, token) = made(caller.key.org()).map_err(|_| Problem::internal())?;
    let change = change(&cx.app, "key_created", "create", Value::Null, &row);
    changes::record(cx, caller, &caller.tenant, change).await?;
    save(cx, &row).await?;
    cx.app.keys.add(row.clone()).map_err(|_| Problem::internal())?;
    let mut shown = show(&cx.app, &row);
    shown["secret"] = token.into();
    Ok(answer::json_value(StatusCode::CREATED, &shown))
}

fn check(ask: &Ask) -> Result<Option<u64>, Problem> {
    let mut errors = Vec::new();
    errors.extend(name_error(&ask.name));
    if ask.scopes.is_empty() {
        let detail = format!("names at least one of {}", Scopes::NAMES.join(", "));
        errors.push(ItemError::field("/scopes", detail));
    }
    for (i, scope) in ask.scopes.iter().enumerate() {
        if let Err(detail) = Scopes::parse(std::slice::from_ref(scope)) {
            errors.push(ItemError::field(&format!("/scopes/{i}"), detail));
        }
    }
    let expires_us = expires(ask.expires_at.as_deref(), &mut errors);
    if errors.is_empty() { Ok(expires_us) } else { Err(Problem::fields(errors)) }
}

/// When a key ends.
fn expires(text: Option<&str>, errors: &mut Vec<ItemError>) -> Option<u64> {
    let ns = times::parse(text?, times::now_ns());
    let end = ns.and_then(|ns| u64::try_from(ns / 1000).ok()).filter(|us| *us > now_us());
    if end.is_none() {
        errors.push(ItemError::field("/expires_at", "takes an RFC 3339 time that is yet to come"));
    }
    end
}

/// What is wrong with a name for people.
pub fn name_error(name: &str) -> Option<ItemError> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.contains(char::is_control);
    let detail = format!("takes 1 to {NAME_CHARS_MAX} characters without control characters");
    (!fits).then(|| ItemError::field("/name", detail))
}

fn change(app: &App, what: &'static str, action: &'static str, before: Value, after: &KeyRow) -> Change {
    let resource = ("api_key", after.id.clone(), after.name.clone());
    Change { what, resource, action, before, after: show(app, after) }
}

async fn save(cx: &Cx, row: &KeyRow) -> Result<(), Problem> {
    let (state, row) = (Arc::clone(&cx.app.state), row.clone());
    cx.app.save(move || state.put_keys(&[row])).await
}

/// Revokes a key: it is refused from this answer on. Revoking twice changes nothing.
pub async fn revoke(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let id = cx.name()?;
    let _turn = cx.app.changes.lock().await;
    let key = cx.app.keys.get(&id).filter(|k| k.org() == caller.key.org()).ok_or_else(Problem::not_found)?;
    let before = key.row();
    if before.revoked_us.is_some() {
        return Ok(answer::json_value(StatusCode::OK, &show(&cx.app, &before)));
    }
    if before.instance && cx.app.keys.instance_keys() <= 1 {
        let detail = "this is the only instance key left: without it no organization could be managed";
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", detail));
    }
    let at_us = now_us();
    let after = KeyRow { revoked_us: Some(at_us), ..before.clone() };
    let change = change(&cx.app, "key_revoked", "revoke", show(&cx.app, &before), &after);
    changes::record(cx, &caller, &caller.tenant, change).await?;
    key.revoke(at_us);
    save(cx, &after).await?;
    Ok(answer::json_value(StatusCode::OK, &show(&cx.app, &after)))
}
