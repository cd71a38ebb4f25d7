//! `/v1/session`, `/v1/session/links`, `/v1/sessions`: who is signed in, and where.
//!
//! A session has the rights of the key that opened it, for as long as that key is good.

use std::sync::Arc;

use hyper::body::Body as _;
use hyper::{Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use stele_engine::record::committed_at;

use super::changes::{self, Change};
use super::{Cx, fields};
use crate::app::App;
use crate::auth::{self, Access, Caller, session};
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::{ItemError, Problem};
use crate::state::{SESSION_US, Session, csrf_of, make_session, now_us};

/// Longest body that somebody who is not known yet may send.
const BODY_BYTES_MAX: u64 = 16 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    key: Option<String>,
    code: Option<String>,
}

/// Signs in with a key, or with a code that stands for one, once.
pub async fn start(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    // Nobody is signed in as somebody else by a page that they look at.
    session::check_site(&cx.headers, cx.secure)?;
    small_body(cx)?;
    let ask: Ask = fields::body(cx, "key or code").await?;
    let (caller, by) = caller(&cx.app, ask)?;
    auth::count(&cx.app, &caller, false, &mut cx.rate)?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let now = now_us();
    let expires_us = caller.key.row().expires_us.map_or(now + SESSION_US, |end| end.min(now + SESSION_US));
    let made = make_session(caller.key.org(), caller.key.id(), now, expires_us);
    let (row, cookie) = made.map_err(|_| Problem::internal())?;
    let too_many = cx.app.sessions.too_many_of(caller.key.id(), now);
    let mut over: Vec<_> = too_many.into_iter().map(|session| (caller.clone(), session)).collect();
    // A browser has one cookie: the session before, perhaps of another organization, would be nobody's.
    if let Some(before) = auth::signed_in(&cx.app, &cx.headers)
        && let Some(signed) = before.session.clone()
        && over.iter().all(|(_, session)| session.row().id != signed.session.row().id)
    {
        over.push((before, signed.session));
    }
    let session = json!({
        "id": row.id,
        "key": row.key,
        "created_at": committed_at(row.created_us),
        "expires_at": committed_at(row.expires_us),
        "by": by,
    });
    changes::record(
        cx,
        &caller,
        &caller.tenant,
        change("session_started", "sign_in", &row.id, None, session),
    )
    .await?;
    let mut ended = Vec::new();
    for (holder, session) in over {
        record_end(cx, &holder, &session, "replace").await?;
        ended.push(session.row().id.clone());
    }
    let (app, stored) = (Arc::clone(&cx.app), row.clone());
    let put = move || {
        app.state.put_session(Some(&stored), &ended)?;
        app.sessions.end(&ended);
        // A row of ours is one that can be read.
        let _ = app.sessions.add(stored);
        drop(turn);
        Ok(())
    };
    cx.app.save(put).await?;
    let session = cx.app.sessions.get(&row.id).ok_or_else(auth::refused)?;
    let caller = Caller::of_session(&cx.app, session, csrf_of(&cookie)).ok_or_else(auth::refused)?;
    let mut answer = answer::json_value(StatusCode::OK, &show(&caller));
    let age_s = (expires_us - now) / 1_000_000;
    answer.headers_mut().insert(header::SET_COOKIE, session::set_cookie(&cookie, age_s, cx.secure)?);
    Ok(answer)
}

/// Refuses a body before it is taken: nobody is known yet, and the memory for bodies is for callers.
fn small_body(cx: &Cx) -> Result<(), Problem> {
    let bytes = cx.body.as_ref().and_then(|body| body.size_hint().upper());
    let packed = cx.headers.contains_key(header::CONTENT_ENCODING);
    if !packed && bytes.is_some_and(|bytes| bytes <= BODY_BYTES_MAX) {
        return Ok(());
    }
    let detail = format!("this body is not packed, has a Content-Length, and at most {BODY_BYTES_MAX} bytes");
    Err(Problem::too_large(detail))
}

/// The caller that a key or a code is, and which of them it was.
fn caller(app: &App, ask: Ask) -> Result<(Caller, &'static str), Problem> {
    let (key, by) = match (ask.key, ask.code) {
        (Some(key), None) => (app.keys.authenticate(&key), "key"),
        (None, Some(code)) => {
            let id = app.sessions.take_link(&code, now_us());
            (id.and_then(|id| app.keys.get(&id)), "link")
        }
        _ => {
            let detail = "the body takes either `key` or `code`";
            return Err(Problem::fields(vec![ItemError::field("/key", detail)]));
        }
    };
    let caller = key.and_then(|key| Caller::of_key(app, key));
    Ok((caller.ok_or_else(auth::refused)?, by))
}

/// Who asks: as the page is told it.
pub fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    Ok(answer::json_value(StatusCode::OK, &show(&cx.caller()?)))
}

fn show(caller: &Caller) -> Value {
    let org = caller.tenant.org_now();
    let signed = caller.session.as_ref();
    let expires_us = signed.map_or(caller.key.row().expires_us, |s| Some(s.session.row().expires_us));
    json!({
        "org": {"id": org.id, "name": org.name, "plan": org.plan},
        "role": caller.user.as_ref().map(|user| user.role),
        "scopes": caller.scopes().names(),
        "user": user(caller),
        "subject": caller.subject(),
        "csrf": signed.map(|s| &s.csrf),
        "expires_at": expires_us.map(committed_at),
    })
}

fn user(caller: &Caller) -> Option<Value> {
    caller.user.as_ref().map(|user| json!({"id": user.id, "email": user.email, "name": user.name}))
}

/// Ends the session of the cookie, and the cookie.
pub async fn sign_out(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let signed = caller.session.clone().ok_or_else(Problem::not_found)?;
    end_one(cx, &caller, &signed.session, "sign_out").await?;
    gone(cx, true)
}

/// Sessions that have not ended: one's own, and all of the organization for who may manage it.
pub fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let all = cx.app.sessions.of_org(caller.key.org(), now_us());
    let mut shown = Vec::new();
    for session in all {
        if let Some(holder) = visible(&cx.app, &caller, &session) {
            shown.push(row(&caller, &session, &holder));
        }
    }
    Ok(answer::json_value(StatusCode::OK, &json!({"sessions": shown})))
}

fn row(caller: &Caller, session: &Session, holder: &Caller) -> Value {
    let own = caller.session.as_ref().is_some_and(|signed| signed.session.row().id == session.row().id);
    json!({
        "id": session.row().id,
        "created_at": committed_at(session.row().created_us),
        "expires_at": committed_at(session.row().expires_us),
        "current": own,
        "user": user(holder),
        "key": {"id": holder.key.id(), "name": holder.key.name()},
    })
}

/// Whose session it is, where the caller may know of it.
fn visible(app: &App, caller: &Caller, session: &Session) -> Option<Caller> {
    let holder = Caller::of_key(app, app.keys.get(&session.row().key)?)?;
    let may = caller.scopes().allow(Access::Admin) || holder.subject() == caller.subject();
    (may && holder.key.org() == caller.key.org()).then_some(holder)
}

/// Ends one session.
pub async fn end(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let found = cx.app.sessions.get(&cx.name()?).filter(|session| session.is_good(now_us()));
    let session = found.ok_or_else(Problem::not_found)?;
    visible(&cx.app, &caller, &session).ok_or_else(Problem::not_found)?;
    end_one(cx, &caller, &session, "revoke").await?;
    let own = caller.session.is_some_and(|signed| signed.session.row().id == session.row().id);
    gone(cx, own)
}

/// 204; with the end of the cookie where it was the caller's.
fn gone(cx: &Cx, own: bool) -> Result<Answer, Problem> {
    let mut answer = Response::new(Body::full(""));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    if own {
        answer.headers_mut().insert(header::SET_COOKIE, session::set_cookie("", 0, cx.secure)?);
    }
    Ok(answer)
}

async fn end_one(cx: &Cx, caller: &Caller, session: &Session, action: &'static str) -> Result<(), Problem> {
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    if !session.is_good(now_us()) {
        return Ok(());
    }
    record_end(cx, caller, session, action).await?;
    let (app, ended) = (Arc::clone(&cx.app), [session.row().id.clone()]);
    let put = move || {
        // First in memory: a session that somebody ended is refused even where the file cannot be written.
        app.sessions.end(&ended);
        app.state.put_session(None, &ended)?;
        drop(turn);
        Ok(())
    };
    cx.app.save(put).await
}

async fn record_end(
    cx: &Cx,
    caller: &Caller,
    session: &Session,
    action: &'static str,
) -> Result<(), Problem> {
    let row = session.row();
    let before = json!({
        "id": row.id,
        "key": row.key,
        "created_at": committed_at(row.created_us),
        "expires_at": committed_at(row.expires_us),
    });
    let change = change("session_ended", action, &row.id, Some(before), Value::Null);
    changes::record(cx, caller, &caller.tenant, change).await
}

fn change(what: &'static str, action: &'static str, id: &str, before: Option<Value>, after: Value) -> Change {
    let before = before.unwrap_or_default();
    Change { what, resource: ("session", id.to_owned(), id.to_owned()), action, before, after }
}

/// Makes a code that opens one session of the caller's key, soon.
pub async fn add_link(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let made = cx.app.sessions.make_link(caller.key.id(), now_us());
    let (code, expires_us) = made.map_err(|_| Problem::internal())?;
    let expires_at = committed_at(expires_us);
    let change = Change {
        what: "session_link_created",
        resource: ("api_key", caller.key.id().to_owned(), caller.key.name().to_owned()),
        action: "create",
        before: Value::Null,
        after: json!({"key": caller.key.id(), "expires_at": expires_at}),
    };
    // The code is of no use before it is answered.
    changes::record(cx, &caller, &caller.tenant, change).await?;
    let link = json!({"path": format!("/#code={code}"), "code": code, "expires_at": expires_at});
    Ok(answer::json_value(StatusCode::CREATED, &link))
}
