//! `/healthz`, `/readyz`, `/metrics`, `/version`: no key needed.

use hyper::StatusCode;
use serde_json::json;

use super::Cx;
use crate::auth;
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::Problem;

/// The process is up.
pub fn health(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    Ok(answer::json_value(StatusCode::OK, &json!({"status": "ok"})))
}

/// Recovered and accepting writes; 503 with reasons otherwise. Logs are named by their log id only.
pub fn ready(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let mut reasons = Vec::new();
    if cx.app.is_draining() {
        reasons.push("the server is stopping".to_owned());
    }
    for tenant in cx.app.all_tenants() {
        if let Err(why) = tenant.log.writable() {
            reasons.push(format!("log {}: {why}", tenant.org.log_id));
        }
        reasons.extend(tenant.damage.iter().map(|d| format!("log {}: {d}", tenant.org.log_id)));
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let value = json!({"ready": reasons.is_empty(), "reasons": reasons});
    Ok(answer::json_value(status, &value))
}

/// Counters; those of single organizations only for the instance key.
pub fn metrics(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let tenants = if auth::instance_key(&cx.app, &cx.headers) { cx.app.all_tenants() } else { Vec::new() };
    let text = cx.app.metrics.text(&cx.app, &tenants).map_err(|_| Problem::internal())?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(answer::typed(StatusCode::OK, kind, Body::full(text)))
}

/// What runs here.
pub fn version(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let value = json!({"name": "stele", "version": env!("CARGO_PKG_VERSION"), "api": "v1"});
    Ok(answer::json_value(StatusCode::OK, &value))
}
