//! `/v1/users`: people of the organization, their roles and tokens.
//!
//! A token is a key that belongs to a user: its scopes are those of the role that the user has now.
//! Owners are made, changed and removed by owners, and by plain keys with scope `admin`.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::changes::{self, Change};
use super::{Cx, fields, keys};
use crate::auth::Caller;
use crate::http::answer::{self, Answer};
use crate::http::problem::{ItemError, Problem};
use crate::state::{Role, UserRow, now_us};

/// Users of one organization, removed ones included.
const USERS_MAX: usize = 10_000;
/// Longest address, as mail servers take them.
const EMAIL_BYTES_MAX: usize = 254;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    email: String,
    name: Option<String>,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    name: Option<String>,
    role: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Token {
    name: Option<String>,
    expires_at: Option<String>,
}

/// The users of the organization, oldest first, removed ones too.
pub fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let users: Vec<Value> = cx.app.users.of_org(cx.caller()?.key.org()).iter().map(|u| u.show()).collect();
    Ok(answer::json_value(StatusCode::OK, &json!({"users": users})))
}

/// Makes a user, who has no token yet.
pub async fn add(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: New = fields::body(cx, "email, name, role").await?;
    let mut errors = Vec::new();
    let email = ask.email.trim().to_lowercase();
    errors.extend(email_error(&email));
    errors.extend(ask.name.as_deref().and_then(keys::name_error));
    let role = role(&ask.role, &mut errors);
    let Some(role) = role.filter(|_| errors.is_empty()) else { return Err(Problem::fields(errors)) };
    let caller = cx.caller()?;
    owners_only(&caller, &[role])?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let there = cx.app.users.of_org(caller.key.org());
    if there.iter().any(|user| user.email == email && user.removed_us.is_none()) {
        let detail = format!("{email} is a user already");
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", detail));
    }
    if there.len() >= USERS_MAX {
        return Err(Problem::too_large(format!("an organization has at most {USERS_MAX} users")));
    }
    let row = UserRow {
        v: 1,
        id: format!("usr_{}", uuid::Uuid::now_v7().simple()),
        org: caller.key.org().to_owned(),
        email,
        name: ask.name.map(|name| name.trim().to_owned()),
        role,
        created_us: now_us(),
        removed_us: None,
    };
    let change = change("user_created", "create", Value::Null, &row);
    changes::record(cx, &caller, &caller.tenant, change).await?;
    save(cx, &row, turn).await?;
    Ok(answer::json_value(StatusCode::CREATED, &row.show()))
}

/// Changes name or role; the role holds from this answer on, for every token and session of the user.
pub async fn put(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Changed = fields::body(cx, "name, role").await?;
    let mut errors: Vec<ItemError> = ask.name.as_deref().and_then(keys::name_error).into_iter().collect();
    let role = ask.role.as_deref().and_then(|name| role(name, &mut errors));
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    let caller = cx.caller()?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let before = found(cx, &caller)?;
    let after = UserRow {
        name: ask.name.map(|name| name.trim().to_owned()).or_else(|| before.name.clone()),
        role: role.unwrap_or(before.role),
        ..UserRow::clone(&before)
    };
    owners_only(&caller, &[before.role, after.role])?;
    if before.removed_us.is_some() {
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", "this user was removed"));
    }
    if *before != after {
        let change = change("user_changed", "update", before.show(), &after);
        changes::record(cx, &caller, &caller.tenant, change).await?;
        save(cx, &after, turn).await?;
    }
    Ok(answer::json_value(StatusCode::OK, &after.show()))
}

/// Removes a user: their tokens and sessions are refused from this answer on. Twice changes nothing.
pub async fn remove(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let before = found(cx, &caller)?;
    owners_only(&caller, &[before.role])?;
    if before.removed_us.is_some() {
        return Ok(answer::json_value(StatusCode::OK, &before.show()));
    }
    let after = UserRow { removed_us: Some(now_us()), ..UserRow::clone(&before) };
    let change = change("user_removed", "remove", before.show(), &after);
    changes::record(cx, &caller, &caller.tenant, change).await?;
    save(cx, &after, turn).await?;
    Ok(answer::json_value(StatusCode::OK, &after.show()))
}

/// Makes a token of a user; its secret is in this answer and nowhere else.
pub async fn add_token(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Token = fields::optional_body(cx, "name, expires_at").await?;
    let caller = cx.caller()?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let user = found(cx, &caller)?;
    // Who holds a token of an owner is an owner.
    owners_only(&caller, &[user.role])?;
    if user.removed_us.is_some() {
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", "this user was removed"));
    }
    let name = ask.name.unwrap_or_else(|| user.email.clone());
    keys::add_for(cx, &caller, turn, &name, ask.expires_at.as_deref(), &user).await
}

/// The user of the path.
fn found(cx: &Cx, caller: &Caller) -> Result<Arc<UserRow>, Problem> {
    let user = cx.app.users.get(&cx.name()?).filter(|user| user.org == caller.key.org());
    user.ok_or_else(Problem::not_found)
}

/// Refuses a user who is no owner where an owner is concerned.
fn owners_only(caller: &Caller, roles: &[Role]) -> Result<(), Problem> {
    let may = caller.user.as_ref().is_none_or(|user| user.role == Role::Owner);
    if may || !roles.contains(&Role::Owner) {
        return Ok(());
    }
    let detail =
        "only an owner, or a key with scope `admin` that is of no user, makes, changes or removes owners";
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
}

fn role(name: &str, errors: &mut Vec<ItemError>) -> Option<Role> {
    let role = Role::of(name);
    if role.is_none() {
        errors.push(ItemError::field("/role", format!("takes one of {}", Role::NAMES.join(", "))));
    }
    role
}

fn email_error(email: &str) -> Option<ItemError> {
    let sides = email.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty());
    let fits = sides.is_some_and(|(_, host)| !host.contains('@'))
        && email.len() <= EMAIL_BYTES_MAX
        && !email.contains(|c: char| c.is_control() || c.is_whitespace());
    let detail = format!("takes an address such as ada@example.com, at most {EMAIL_BYTES_MAX} bytes");
    (!fits).then(|| ItemError::field("/email", detail))
}

fn change(what: &'static str, action: &'static str, before: Value, after: &UserRow) -> Change {
    let resource = ("user", after.id.clone(), after.email.clone());
    Change { what, resource, action, before, after: after.show() }
}

async fn save(cx: &Cx, row: &UserRow, turn: tokio::sync::OwnedMutexGuard<()>) -> Result<(), Problem> {
    let (app, row) = (Arc::clone(&cx.app), row.clone());
    let put = move || {
        app.state.put_user(&row)?;
        app.users.put(row);
        drop(turn);
        Ok(())
    };
    cx.app.save(put).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_by_their_form() {
        for good in ["a@b", "ada.lovelace+x@example.com", "ä@beispiel.de"] {
            assert_eq!(email_error(good), None, "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n", long.as_str()] {
            assert_eq!(email_error(bad).unwrap().pointer, "/email", "{bad}");
        }
    }
}
