//! `/healthz`, `/readyz`, `/metrics`, `/version`: no key needed.

use hyper::{StatusCode, header};
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
        reasons.extend(tenant.damage().iter().map(|d| format!("log {}: {d}", tenant.org.log_id)));
    }
    // What fails here keeps no event from being stored, and a store's answer is nobody else's business.
    let failing = |t: &std::sync::Arc<crate::app::Tenant>| {
        let trouble = t.trouble()?;
        Some(format!("log {}: {} fails; GET /v1/archives says how", t.org.log_id, trouble.step))
    };
    let mut warnings: Vec<String> = cx.app.all_tenants().iter().filter_map(failing).collect();
    if cx.app.tiers.unproved().is_some() {
        let what = "nothing is archived: the archive's store was not seen to do what is required";
        warnings.push(format!("{what}; GET /v1/archives says how"));
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let value = json!({"ready": reasons.is_empty(), "reasons": reasons, "warnings": warnings});
    Ok(answer::json_value(status, &value))
}

/// Counters; those of single organizations only for the instance key.
pub fn metrics(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let tenants = if auth::instance_key(&cx.app, &cx.headers) { cx.app.all_tenants() } else { Vec::new() };
    let text = cx.app.metrics.text(&cx.app, &tenants).map_err(|_| Problem::internal())?;
    let accept = cx.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (kind, text) = if accept.contains("application/openmetrics-text") {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", classic(&text))
    };
    Ok(answer::typed(StatusCode::OK, kind, Body::full(text)))
}

/// OpenMetrics text as Prometheus text 0.0.4, where a counter is described under its sample's name,
/// `_total` included, and nothing marks the end.
fn classic(text: &str) -> String {
    let counter = |name: &str| text.contains(&format!("# TYPE {name} counter\n"));
    let mut out = String::with_capacity(text.len() + 1024);
    for line in text.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counter(name) => {
                out.extend(["# ", what, " ", name, "_total ", rest]);
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// What runs here.
pub fn version(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let value = json!({"name": "stele", "version": env!("CARGO_PKG_VERSION"), "api": "v1"});
    Ok(answer::json_value(StatusCode::OK, &value))
}

#[cfg(test)]
mod tests {
    use super::classic;

    #[test]
    fn prometheus_text_describes_counters_by_their_samples() {
        let open = "# HELP a Some a.\n# TYPE a counter\na_total 1\n# TYPE b gauge\nb 2\n# EOF\n";
        let text = "# HELP a_total Some a.\n# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 2\n";
        assert_eq!(classic(open), text);
    }
}
