//! `GET/POST /v1/views`, `PUT/DELETE /v1/views/{id}`, `PUT /v1/views/order`: saved views.
//!
//! A view belongs to the user or key that made it; others see it while it is shared, and may give it a star
//! of their own. Lists are small and asked for often: an `ETag` makes most answers empty.

use std::sync::Arc;

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};
use stele_engine::query::lang;
use tokio::sync::OwnedMutexGuard;

use super::changes::{self, Change};
use super::keys::name_error;
use super::{Cx, fields, times};
use crate::auth::Caller;
use crate::http::answer::{self, Answer, Body};
use crate::http::etag;
use crate::http::problem::{ItemError, Problem};
use crate::state::{ViewRow, ViewsRow, now_us};

/// Views of one user or key.
const VIEWS_MAX: usize = 200;
/// Longest query of a view.
const QUERY_BYTES_MAX: usize = 8 << 10;
/// Columns of a view, and characters of one's name.
const COLUMNS_MAX: usize = 64;
const COLUMN_CHARS_MAX: usize = 256;
const TAKES: &str = "name, q, from, to, order, columns, shared, starred";

/// All views of the organization, by whose they are, and whose the caller's are.
struct Shelf {
    rows: Vec<(String, ViewsRow)>,
    subject: String,
    own: ViewsRow,
}

impl Shelf {
    async fn read(cx: &Cx, caller: &Caller) -> Result<Self, Problem> {
        let (state, org) = (Arc::clone(&cx.app.state), caller.tenant.org.id.clone());
        let rows = cx.app.block(move || state.views(&org)).await?;
        let mut rows = rows.map_err(|error| {
            tracing::error!(%error, "saved views cannot be read");
            Problem::internal()
        })?;
        let subject = caller.subject();
        let at = rows.iter().position(|(of, _)| *of == subject);
        let own = match at {
            Some(at) => rows.swap_remove(at).1,
            None => ViewsRow::first(&subject, caller.name()),
        };
        Ok(Self { rows, subject, own })
    }

    /// What others share.
    fn shared(&self) -> impl Iterator<Item = (&str, &ViewsRow, &ViewRow)> {
        self.rows.iter().flat_map(|(subject, row)| {
            row.views.iter().filter(|view| view.shared).map(move |view| (subject.as_str(), row, view))
        })
    }

    fn is_starred(&self, id: &str) -> bool {
        self.own.starred.iter().any(|known| known == id)
    }

    fn show_own(&self, view: &ViewRow) -> Value {
        view.show(&self.subject, &self.own.owner, true, self.is_starred(&view.id))
    }

    /// One that the caller sees, as they see it.
    fn show(&self, id: &str) -> Option<Value> {
        if let Some(view) = self.own.get(id) {
            return Some(self.show_own(view));
        }
        let (subject, row, view) = self.shared().find(|(_, _, view)| view.id == id)?;
        Some(view.show(subject, &row.owner, false, self.is_starred(id)))
    }

    fn ids(&self) -> Vec<&str> {
        let own = self.own.views.iter().map(|view| view.id.as_str());
        let mut ids: Vec<&str> = own.chain(self.shared().map(|(_, _, view)| view.id.as_str())).collect();
        ids.sort_by_key(|id| self.own.place(id));
        ids
    }

    /// Tells the change, then saves it. A client that hangs up ends the call and not what is being saved.
    async fn save(
        mut self,
        cx: &Cx,
        caller: &Caller,
        turn: OwnedMutexGuard<()>,
        change: Change,
    ) -> Result<Self, Problem> {
        self.own.owner = caller.name().to_owned();
        changes::record(cx, caller, &caller.tenant, change).await?;
        let (state, org) = (Arc::clone(&cx.app.state), caller.tenant.org.id.clone());
        let (subject, own) = (self.subject.clone(), self.own.clone());
        let put = move || {
            state.put_views(&org, &subject, &own)?;
            drop(turn);
            Ok(())
        };
        cx.app.save(put).await?;
        Ok(self)
    }
}

/// The caller's views and those that others share, in the caller's order.
pub async fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let caller = cx.caller()?;
    let shelf = Shelf::read(cx, &caller).await?;
    let views: Vec<Value> = shelf.ids().into_iter().filter_map(|id| shelf.show(id)).collect();
    let text = Value::from(views).to_string();
    let version = blake3::hash(text.as_bytes()).to_hex()[..32].to_owned();
    let tag = etag::weak(&version);
    let mut answer = if etag::is_known(&cx.headers, &tag) {
        let mut answer = Response::new(Body::full(Vec::new()));
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        answer::json(format!("{{\"views\":{text},\"version\":\"{version}\"}}\n").into_bytes())
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(answer)
}

/// Saves a view.
pub async fn add(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let members: Map<String, Value> = fields::body(cx, TAKES).await?;
    let now_us = now_us();
    let mut view = ViewRow {
        id: format!("view_{}", uuid::Uuid::now_v7().simple()),
        name: String::new(),
        q: String::new(),
        from: None,
        to: None,
        order: "desc".to_owned(),
        columns: None,
        shared: false,
        version: 1,
        created_us: now_us,
        updated_us: now_us,
    };
    if !members.contains_key("name") {
        return Err(Problem::fields(vec![ItemError::field("/name", "is missing; the body takes a name")]));
    }
    let starred = apply(&mut view, &members)?;
    let caller = cx.caller()?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let mut shelf = Shelf::read(cx, &caller).await?;
    if shelf.own.views.len() >= VIEWS_MAX {
        return Err(Problem::too_large(format!("one user or key has at most {VIEWS_MAX} views")));
    }
    shelf.own.star(&view.id, starred == Some(true));
    shelf.own.views.push(view.clone());
    let change = change("view_created", "create", &view, Value::Null, view.told());
    let shelf = shelf.save(cx, &caller, turn, change).await?;
    Ok(answer::json_value(StatusCode::CREATED, &shelf.show_own(&view)))
}

/// Changes a view; of one that others share only the star.
pub async fn put(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let mut members: Map<String, Value> = fields::body(cx, TAKES).await?;
    let expected = members.remove("version");
    let caller = cx.caller()?;
    let id = cx.name()?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let mut shelf = Shelf::read(cx, &caller).await?;
    let own = shelf.own.get(&id).cloned();
    let before = match &own {
        Some(view) => view.clone(),
        None => shelf
            .shared()
            .find(|(_, _, view)| view.id == id)
            .map(|found| found.2.clone())
            .ok_or_else(Problem::not_found)?,
    };
    if own.is_none() && members.keys().any(|name| name != "starred") {
        let detail =
            "this view is somebody else's: only `starred` can be changed; save it as a view of your own";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    if expected.is_some_and(|version| version != json!(before.version)) {
        let detail = format!("the view was changed meanwhile: its version is {}", before.version);
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", detail));
    }
    let mut after = before.clone();
    let starred = apply(&mut after, &members)?;
    let restarred = starred.is_some_and(|starred| starred != shelf.is_starred(&id));
    if after != before {
        after.version += 1;
        after.updated_us = now_us();
        if let Some(at) = shelf.own.views.iter().position(|view| view.id == id) {
            shelf.own.views[at] = after.clone();
        }
    } else if !restarred {
        return Ok(answer::json_value(StatusCode::OK, &shelf.show(&id).ok_or_else(Problem::not_found)?));
    }
    if let Some(starred) = starred {
        shelf.own.star(&id, starred);
    }
    let change = change("view_updated", "update", &after, before.told(), after.told());
    let shelf = shelf.save(cx, &caller, turn, change).await?;
    Ok(answer::json_value(StatusCode::OK, &shelf.show(&id).ok_or_else(Problem::not_found)?))
}

/// Deletes one of the caller's views.
pub async fn delete(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let (caller, id) = (cx.caller()?, cx.name()?);
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let mut shelf = Shelf::read(cx, &caller).await?;
    let view = match shelf.own.get(&id) {
        Some(view) => view.clone(),
        None if shelf.shared().any(|(_, _, view)| view.id == id) => {
            let detail = "this view is somebody else's: they alone can delete it";
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
        }
        None => return Err(Problem::not_found()),
    };
    shelf.own.remove(&id);
    let change = change("view_deleted", "delete", &view, view.told(), Value::Null);
    shelf.save(cx, &caller, turn, change).await?;
    let mut answer = Response::new(Body::full(Vec::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    Ok(answer)
}

/// Puts the caller's list in an order; ids that are not named follow as they were.
pub async fn order(cx: &mut Cx) -> Result<Answer, Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Ask {
        ids: Vec<String>,
    }
    std::mem::take(&mut cx.params).finish(&[])?;
    let Ask { ids } = fields::body(cx, "ids").await?;
    let caller = cx.caller()?;
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let mut shelf = Shelf::read(cx, &caller).await?;
    let known = shelf.ids();
    let mut order: Vec<String> = Vec::with_capacity(known.len());
    for (i, id) in ids.iter().enumerate() {
        if !known.contains(&id.as_str()) || order.contains(id) {
            let detail = format!("takes ids of the list, each once, not `{id}`");
            return Err(Problem::fields(vec![ItemError::field(&format!("/ids/{i}"), detail)]));
        }
        order.push(id.clone());
    }
    let rest: Vec<String> =
        known.iter().filter(|id| !ids.iter().any(|named| named == *id)).map(|id| (*id).to_owned()).collect();
    order.extend(rest);
    let before = std::mem::replace(&mut shelf.own.order, order);
    let ids = shelf.own.order.clone();
    if before != ids {
        let change = Change {
            what: "view_order_changed",
            resource: ("saved_views", shelf.subject.clone(), String::new()),
            action: "update",
            before: before.into(),
            after: ids.clone().into(),
        };
        shelf.save(cx, &caller, turn, change).await?;
    }
    Ok(answer::json_value(StatusCode::OK, &json!({"ids": ids})))
}

fn change(what: &'static str, action: &'static str, view: &ViewRow, before: Value, after: Value) -> Change {
    let name = if view.shared { view.name.clone() } else { String::new() };
    Change { what, resource: ("saved_view", view.id.clone(), name), action, before, after }
}

/// Takes the members of a body over into a view; gives back the star, where one is spoken of.
///
/// # Errors
/// 422 with a pointer to each member at fault.
fn apply(view: &mut ViewRow, members: &Map<String, Value>) -> Result<Option<bool>, Problem> {
    let mut starred = None;
    let mut faults = Vec::new();
    for (name, value) in members {
        let fault = match name.as_str() {
            "name" => text(value).and_then(|name| {
                view.name = name.trim().to_owned();
                name_error(name).map_or(Ok(()), |error| Err(error.detail))
            }),
            "q" => text(value).and_then(query).map(|q| view.q = q),
            "from" => time(value).map(|time| view.from = time),
            "to" => time(value).map(|time| view.to = time),
            "order" => match value.as_str() {
                Some(order @ ("asc" | "desc")) => {
                    view.order = order.to_owned();
                    Ok(())
                }
                _ => Err(format!("takes asc or desc, not {value}")),
            },
            "columns" => columns(value).map(|columns| view.columns = columns),
            "shared" => flag(value).map(|shared| view.shared = shared),
            "starred" => flag(value).map(|star| starred = Some(star)),
            _ => Err(format!("is not known; the body takes {TAKES}")),
        };
        if let Err(detail) = fault {
            faults
                .push(ItemError::field(&format!("/{}", name.replace('~', "~0").replace('/', "~1")), detail));
        }
    }
    if faults.is_empty() { Ok(starred) } else { Err(Problem::fields(faults)) }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "takes a text".to_owned())
}

fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "takes true or false".to_owned())
}

fn query(text: &str) -> Result<String, String> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(format!("takes at most {QUERY_BYTES_MAX} bytes"));
    }
    lang::parse(text).map_err(|error| error.message)?;
    Ok(text.to_owned())
}

fn time(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if times::parse(text, times::now_ns()).is_some() => Ok(Some(text.clone())),
        other => Err(format!("{}, or null, not {other}", times::TAKES)),
    }
}

fn columns(value: &Value) -> Result<Option<Vec<String>>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let fits = |name: &Value| {
        name.as_str()
            .filter(|name| !name.is_empty() && name.chars().count() <= COLUMN_CHARS_MAX)
            .map(str::to_owned)
    };
    let names: Option<Vec<String>> = value.as_array().and_then(|names| names.iter().map(fits).collect());
    names
        .filter(|names| names.len() <= COLUMNS_MAX)
        .map(Some)
        .ok_or_else(|| format!("takes null or a list of at most {COLUMNS_MAX} names of fields"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(body: &str) -> Result<(ViewRow, Option<bool>), Problem> {
        let mut view = ViewsRow::first("usr_a", "A").views.remove(0);
        let starred = apply(&mut view, &serde_json::from_str(body).unwrap())?;
        Ok((view, starred))
    }

    #[test]
    fn members_are_taken_over_and_the_rest_stays() {
        let (view, starred) = applied(
            r#"{"name":" Mine ","q":"status:failure","from":null,"to":"now-1h","order":"asc","columns":["actor"],"starred":true}"#,
        )
        .unwrap();
        assert_eq!(
            (view.name.as_str(), view.q.as_str(), view.from, view.to.as_deref()),
            ("Mine", "status:failure", None, Some("now-1h"))
        );
        assert_eq!(
            (view.order.as_str(), view.columns, view.shared, starred),
            ("asc", Some(vec!["actor".to_owned()]), false, Some(true))
        );
    }

    #[test]
    fn every_member_at_fault_is_pointed_at() {
        let body = r#"{"name":" ","q":"a AND","from":"yesterday","to":7,"order":"up","columns":[""],"shared":"yes","starred":1,"x/y":1}"#;
        let problem = applied(body).unwrap_err();
        let mut pointers: Vec<&str> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(
            pointers,
            ["/columns", "/from", "/name", "/order", "/q", "/shared", "/starred", "/to", "/x~1y"]
        );
    }
}
