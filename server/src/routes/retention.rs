//! `GET/PUT /v1/retention`: how long events stay searchable, and what comes after.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::changes::{self, Change};
use super::{Cx, fields};
use crate::http::answer::{self, Answer};
use crate::http::problem::{ItemError, Problem};
use crate::state::{Plan, RetentionRow};

const TAKES: &str = "active_days, chill_after_days, archive, legal_hold, plan";
/// The shortest active period.
const ACTIVE_DAYS_MIN: u64 = 7;
/// A hundred years.
const DAYS_MAX: u64 = 36_500;

/// A member that is absent keeps its value; `active_days` is null for "unlimited".
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    #[serde(default, deserialize_with = "given")]
    active_days: Option<Value>,
    chill_after_days: Option<Value>,
    archive: Option<Value>,
    legal_hold: Option<Value>,
    plan: Option<Value>,
}

/// Tells null from absent.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// The policy.
pub fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let (row, plan) = cx.caller()?.tenant.retention();
    Ok(answer::json_value(StatusCode::OK, &row.show(plan)))
}

/// Changes the policy. One that holds already changes nothing and makes no event.
pub async fn put(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let ask: Ask = fields::body(cx, TAKES).await?;
    let caller = cx.caller()?;
    let tenant = Arc::clone(&caller.tenant);
    let turn = Arc::clone(&cx.app.changes).lock_owned().await;
    let before = tenant.retention();
    let after = read(&ask, before)?;
    if !crate::auth::instance_key(&cx.app, &cx.headers) {
        allowed(before, after)?;
    }
    if after != before {
        let change = Change {
            what: "retention_changed",
            resource: ("organization", tenant.org.id.clone(), tenant.org.name.clone()),
            action: "update",
            before: before.0.show(before.1),
            after: after.0.show(after.1),
        };
        changes::record(cx, &caller, &tenant, change).await?;
        let (state, tiers) = (Arc::clone(&cx.app.state), Arc::clone(&cx.app.tiers));
        // As with settings: a client that hangs up does not part what is saved from what holds.
        let put = move || {
            let org = crate::state::OrgRow { plan: after.1, ..tenant.org.clone() };
            state.put_retention(&org, &after.0)?;
            tenant.set_retention(after.0, after.1);
            tiers.ring();
            drop(turn);
            Ok(())
        };
        cx.app.save(put).await?;
    }
    Ok(answer::json_value(StatusCode::OK, &after.0.show(after.1)))
}

fn read(ask: &Ask, before: (RetentionRow, Plan)) -> Result<(RetentionRow, Plan), Problem> {
    let mut faults = Vec::new();
    let (mut row, mut plan) = before;
    match &ask.active_days {
        None => {}
        Some(Value::Null) => row.active_days = None,
        Some(value) => match days(value, ACTIVE_DAYS_MIN) {
            Some(days) => row.active_days = Some(days),
            None => faults.push(ItemError::field(
                "/active_days",
                format!("takes days from {ACTIVE_DAYS_MIN} to {DAYS_MAX}, or null for unlimited"),
            )),
        },
    }
    match ask.chill_after_days.as_ref().map(|value| days(value, 0)) {
        None => {}
        Some(Some(days)) => row.chill_after_days = days,
        Some(None) => {
            faults.push(ItemError::field("/chill_after_days", format!("takes days from 0 to {DAYS_MAX}")))
        }
    }
    for (pointer, value, member) in
        [("/archive", &ask.archive, &mut row.archive), ("/legal_hold", &ask.legal_hold, &mut row.legal_hold)]
    {
        match value {
            None => {}
            Some(Value::Bool(value)) => *member = *value,
            Some(_) => faults.push(ItemError::field(pointer, "takes true or false")),
        }
    }
    if let Some(value) = &ask.plan {
        match value.as_str().and_then(Plan::of) {
            Some(named) => plan = named,
            None => faults.push(ItemError::field("/plan", "takes pro or enterprise")),
        }
    }
    if faults.is_empty() { Ok((row, plan)) } else { Err(Problem::fields(faults)) }
}

fn days(value: &Value, min: u64) -> Option<u32> {
    let days = value.as_u64().filter(|days| (min..=DAYS_MAX).contains(days))?;
    u32::try_from(days).ok()
}

/// What the organization's own keys may change: all but the plan and the end of a hold.
fn allowed(before: (RetentionRow, Plan), after: (RetentionRow, Plan)) -> Result<(), Problem> {
    let refused = |detail: &str| Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    if before.1 != after.1 {
        return refused("the plan is changed with the instance key only");
    }
    if before.0.legal_hold && !after.0.legal_hold {
        return refused("a legal hold is lifted with the instance key only");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &str) -> Result<(RetentionRow, Plan), Vec<String>> {
        let ask: Ask = serde_json::from_str(body).unwrap();
        let before = RetentionRow { active_days: Some(30), ..RetentionRow::default() };
        read(&ask, (before, Plan::Pro)).map_err(|p| p.errors.into_iter().map(|e| e.pointer).collect())
    }

    #[test]
    fn members_that_are_absent_keep_their_value_and_null_is_unlimited() {
        assert_eq!(asked("{}").unwrap().0.active_days, Some(30));
        assert_eq!(asked(r#"{"active_days":null}"#).unwrap().0.active_days, None);
        let (row, plan) = asked(
            r#"{"active_days":7,"chill_after_days":0,"archive":false,"legal_hold":true,"plan":"enterprise"}"#,
        )
        .unwrap();
        let expected = RetentionRow {
            v: 1,
            active_days: Some(7),
            chill_after_days: 0,
            archive: false,
            legal_hold: true,
        };
        assert_eq!((row, plan), (expected, Plan::Enterprise));
    }

    #[test]
    fn what_breaks_a_rule_is_pointed_at() {
        for (body, pointers) in [
            (r#"{"active_days":6}"#, vec!["/active_days"]),
            (r#"{"active_days":36501}"#, vec!["/active_days"]),
            (r#"{"active_days":7.5}"#, vec!["/active_days"]),
            (r#"{"active_days":"7"}"#, vec!["/active_days"]),
            (r#"{"chill_after_days":-1,"archive":1}"#, vec!["/chill_after_days", "/archive"]),
            (r#"{"legal_hold":"yes","plan":"free"}"#, vec!["/legal_hold", "/plan"]),
        ] {
            assert_eq!(asked(body).unwrap_err(), pointers, "{body}");
        }
    }

    #[test]
    fn an_organization_keeps_its_plan_and_its_hold() {
        let row = RetentionRow::default();
        let held = RetentionRow { legal_hold: true, ..row };
        assert!(allowed((row, Plan::Pro), (held, Plan::Pro)).is_ok());
        assert!(allowed((held, Plan::Pro), (row, Plan::Pro)).unwrap_err().detail.contains("hold"));
        assert!(allowed((row, Plan::Enterprise), (row, Plan::Pro)).is_err());
    }
}
