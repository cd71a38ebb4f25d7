//! `GET/POST /v1/orgs`, `GET /v1/orgs/{id}`: for the instance key.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::changes::{self, Change};
use super::keys::name_error;
use super::{Cx, fields};
use crate::auth::Scopes;
use crate::http::answer::{self, Answer};
use crate::http::problem::{ItemError, Problem};
use crate::serve::ServeError;
use crate::serve::start::{make_org, tenant};
use crate::state::{self, Plan, SettingsRow};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    name: String,
    plan: Option<String>,
}

/// All organizations, by id.
pub fn list(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let orgs: Vec<Value> = cx.app.all_tenants().iter().map(|t| t.org_now().show()).collect();
    Ok(answer::json_value(StatusCode::OK, &json!({"orgs": orgs})))
}

/// One organization.
pub fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let tenant = cx.app.tenant(&cx.name()?).ok_or_else(Problem::not_found)?;
    Ok(answer::json_value(StatusCode::OK, &tenant.org_now().show()))
}

/// Makes an organization with its log, and its first key, shown once.
pub async fn add(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Ask = fields::body(cx, "name, plan").await?;
    let plan = check(&ask)?;
    let caller = cx.caller()?;
    let name = ask.name.trim().to_owned();
    let _turn = cx.app.changes.lock().await;
    let id = state::random_hex(8).map(|hex| format!("org_{hex}")).map_err(|_| Problem::internal())?;
    let app = Arc::clone(&cx.app);
    let opened = cx.app.block(move || {
        let (org, log) = make_org(&app.options, &id, &name, plan)?;
        tenant(&app, org, log, Vec::new(), BTreeMap::new(), None, SettingsRow::default())
    });
    let made = opened.await?.map_err(failed)?;
    let org = made.org.clone();
    let change = Change {
        what: "org_created",
        resource: ("organization", org.id.clone(), org.name.clone()),
        action: "create",
        before: Value::Null,
        after: org.show(),
    };
    let recorded = changes::record(cx, &caller, &made, change).await;
    if recorded.is_err() {
        made.queue.stop().await;
        made.bells.stop();
    }
    recorded?;
    let scopes: Vec<String> = Scopes::NAMES.iter().map(|n| (*n).to_owned()).collect();
    let (key, token) = state::make(&org.id, "first key", &scopes, None, None).map_err(failed)?;
    let (saved, row, first) = (Arc::clone(&cx.app.state), org.clone(), key.clone());
    cx.app.save(move || saved.put_org(&row, &first)).await?;
    cx.app.add_tenant(made);
    cx.app.keys.add(key).map_err(|_| Problem::internal())?;
    let mut shown = org.show();
    shown["key"] = token.into();
    Ok(answer::json_value(StatusCode::CREATED, &shown))
}

fn check(ask: &Ask) -> Result<Plan, Problem> {
    let plan = ask.plan.as_deref().map_or(Some(Plan::Pro), Plan::of);
    let mut errors: Vec<ItemError> = name_error(&ask.name).into_iter().collect();
    if plan.is_none() {
        errors.push(ItemError::field("/plan", "takes pro or enterprise"));
    }
    match plan {
        Some(plan) if errors.is_empty() => Ok(plan),
        _ => Err(Problem::fields(errors)),
    }
}

fn failed(error: ServeError) -> Problem {
    match error {
        ServeError::Store(error) => error.into(),
        other => {
            tracing::error!(error = %other, "cannot make an organization");
            Problem::internal()
        }
    }
}
