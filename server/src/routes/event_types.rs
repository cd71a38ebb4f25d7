//! `GET/POST /v1/event-types`, `PUT /v1/event-types/{type}`: the taxonomy of an organization.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use stele_engine::event::{self, OrgType, Taxonomy, TypeError, TypeInfo};

use super::changes::{self, Change};
use super::{Cx, fields};
use crate::app::Types;
use crate::http::answer::{self, Answer};
use crate::http::problem::{ItemError, Problem};
use crate::state::{EventTypeRow, OnMismatch};

/// Types that one organization can register.
const TYPES_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    event_type: Option<String>,
    category: Option<String>,
    schema: Option<Value>,
    on_mismatch: Option<String>,
}

const TAKES: &str = "event_type, category, schema, on_mismatch";

/// The taxonomy of the built-in types and an organization's rows.
///
/// # Errors
/// The first row that cannot be a type.
pub fn taxonomy(rows: &BTreeMap<String, EventTypeRow>) -> Result<Taxonomy, String> {
    with_rows(rows).map_err(|e| format!("{}: {}", e.pointer, e.detail))
}

fn with_rows(rows: &BTreeMap<String, EventTypeRow>) -> Result<Taxonomy, TypeError> {
    Taxonomy::with(rows.values().map(|row| OrgType {
        event_type: row.event_type.clone(),
        category: row.category.clone(),
        schema: row.schema.clone(),
        on_mismatch: match row.on_mismatch {
            OnMismatch::Mark => event::OnMismatch::Mark,
            OnMismatch::Refuse => event::OnMismatch::Refuse,
        },
    }))
}

fn show(info: &TypeInfo) -> Value {
    json!({
        "event_type": info.event_type,
        "category": info.category,
        "schema": info.schema,
        "on_mismatch": info.on_mismatch.as_str(),
        "built_in": info.built_in,
    })
}

/// All types, by name.
pub fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let taxonomy = cx.caller()?.tenant.taxonomy();
    let types: Vec<Value> = taxonomy.types().map(show).collect();
    Ok(answer::json_value(StatusCode::OK, &json!({"event_types": types})))
}

/// Registers a type; 409 when the organization has it already.
pub async fn add(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Ask = fields::body(cx, TAKES).await?;
    let Some(name) = ask.event_type.clone() else {
        return Err(Problem::fields(vec![ItemError::field("/event_type", "is missing")]));
    };
    store(cx, name, ask, StatusCode::CREATED, false).await
}

/// Registers or changes a type; for a built-in one, its schema and what a mismatch means.
pub async fn put(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let name = cx.name()?;
    let ask: Ask = fields::body(cx, TAKES).await?;
    if ask.event_type.as_ref().is_some_and(|t| *t != name) {
        let detail = format!("is `{name}`, as in the path, or absent");
        return Err(Problem::fields(vec![ItemError::field("/event_type", detail)]));
    }
    store(cx, name, ask, StatusCode::OK, true).await
}

async fn store(
    cx: &Cx,
    name: String,
    ask: Ask,
    status: StatusCode,
    replace: bool,
) -> Result<Answer, Problem> {
    let caller = cx.caller()?;
    let tenant = Arc::clone(&caller.tenant);
    let _turn = cx.app.changes.lock().await;
    let mut rows = tenant.type_rows();
    let before = tenant.taxonomy().get(&name).map(show);
    if before.is_some() && !replace {
        let detail = format!("`{name}` is a type already; PUT /v1/event-types/{name} changes it");
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", detail));
    }
    if rows.len() >= TYPES_MAX && !rows.contains_key(&name) {
        return Err(Problem::too_large(format!("an organization registers at most {TYPES_MAX} types")));
    }
    let on_mismatch = match ask.on_mismatch.as_deref() {
        None => OnMismatch::default(),
        Some("mark") => OnMismatch::Mark,
        Some("refuse") => OnMismatch::Refuse,
        Some(other) => {
            let detail = format!("takes mark or refuse, not `{other}`");
            return Err(Problem::fields(vec![ItemError::field("/on_mismatch", detail)]));
        }
    };
    let row = EventTypeRow {
        v: 1,
        event_type: name.clone(),
        category: ask.category,
        schema: ask.schema,
        on_mismatch,
    };
    rows.insert(name.clone(), row.clone());
    let taxonomy =
        with_rows(&rows).map_err(|e| Problem::fields(vec![ItemError::field(&e.pointer, e.detail)]))?;
    let after = taxonomy.get(&name).map(show).ok_or_else(Problem::internal)?;
    let what = if before.is_some() { "event_type_changed" } else { "event_type_registered" };
    let change = Change {
        what,
        resource: ("event_type", name.clone(), name),
        action: if before.is_some() { "update" } else { "create" },
        before: before.unwrap_or(Value::Null),
        after: after.clone(),
    };
    changes::record(cx, &caller, &tenant, change).await?;
    let (state, org) = (Arc::clone(&cx.app.state), tenant.org.id.clone());
    cx.app.save(move || state.put_event_type(&org, &row)).await?;
    tenant.set_types(Types { rows, taxonomy: Arc::new(taxonomy) });
    Ok(answer::json_value(status, &after))
}
