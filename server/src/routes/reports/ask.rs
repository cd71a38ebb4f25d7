//! What a report is asked about: the body of `POST /v1/reports` as a filter.

use serde::Deserialize;
use serde_json::Value as Json;
use stele_engine::event::Taxonomy;
use stele_engine::tags::{Axis, Dimension, Filter, Value};

use crate::http::problem::{ItemError, Problem};
use crate::routes::{Cx, fields, times};

const TAKES: &str = "from, to, axis, event_type, actor_id, category, resource, status, actor_email, actor_name, resource_type, actor_type";

/// Values of one filter.
const VALUES_MAX: usize = 1000;
/// The filter as text: it stands in the event of the report.
const FILTER_BYTES_MAX: usize = 64 << 10;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    from: Option<Json>,
    to: Option<Json>,
    axis: Option<Json>,
    event_type: Option<Json>,
    actor_id: Option<Json>,
    category: Option<Json>,
    resource: Option<Json>,
    status: Option<Json>,
    actor_email: Option<Json>,
    actor_name: Option<Json>,
    resource_type: Option<Json>,
    actor_type: Option<Json>,
}

/// Takes the body. Relative times count from `now_ns`.
///
/// # Errors
/// As bodies are refused; 422 with a pointer to each member at fault, and what it takes.
pub async fn take(cx: &mut Cx, now_ns: i64, taxonomy: &Taxonomy) -> Result<Filter, Problem> {
    let ask: Ask = fields::optional_body(cx, TAKES).await.map_err(explained)?;
    filter(ask, now_ns, taxonomy)
}

/// Searches take more than reports can prove: says why.
fn explained(mut problem: Problem) -> Problem {
    let Some(error) = problem.errors.first_mut() else { return problem };
    let why = match error.pointer.as_str() {
        "/actor" => {
            "is no filter of reports: name the actor's type and id, `\"actor_id\": [\"user\", \"usr_17\"]`, or use actor_email, actor_name or actor_type"
        }
        "/q" => "is no filter of reports: that nothing is left out can be proved of the filters alone",
        _ => return problem,
    };
    error.detail = format!("{why}; the body takes {TAKES}");
    problem.detail = format!("{}: {}", error.pointer, error.detail);
    problem
}

fn filter(ask: Ask, now_ns: i64, taxonomy: &Taxonomy) -> Result<Filter, Problem> {
    let mut faults = Vec::new();
    let axis = axis(ask.axis.as_ref(), &mut faults);
    let from_us = time("/from", ask.from.as_ref(), now_ns, 0, &mut faults);
    let now_us = u64::try_from(now_ns / 1000).unwrap_or(0);
    let to_us = time("/to", ask.to.as_ref(), now_ns, now_us, &mut faults);
    if faults.is_empty() && from_us >= to_us {
        faults.push(ItemError::field("/from", "takes a time before `to`; without `to`, before now"));
    }
    let categories: Vec<&str> = taxonomy.categories().collect();
    let asked = [
        (Dimension::EventType, ask.event_type, None),
        (Dimension::Actor, ask.actor_id, None),
        (Dimension::Category, ask.category, Some(categories.as_slice())),
        (Dimension::Resource, ask.resource, None),
        (Dimension::Status, ask.status, Some(&["success", "failure", "pending"][..])),
        (Dimension::ActorEmail, ask.actor_email, None),
        (Dimension::ActorName, ask.actor_name, None),
        (Dimension::ResourceType, ask.resource_type, None),
        (Dimension::ActorType, ask.actor_type, Some(&["user", "api_key", "system"][..])),
    ];
    let mut dimensions = Vec::new();
    for (dimension, json, known) in asked {
        let Some(json) = json else { continue };
        dimensions.push((dimension, values(dimension, &json, known, &mut faults)));
    }
    if !faults.is_empty() {
        return Err(Problem::fields(faults));
    }
    let filter = Filter::new(axis, from_us, to_us, dimensions);
    let bytes = filter.text().len();
    if bytes > FILTER_BYTES_MAX {
        return Err(Problem::too_large(format!(
            "the filter has {bytes} bytes; at most {FILTER_BYTES_MAX} fit the event that records the report"
        )));
    }
    Ok(filter)
}

fn axis(json: Option<&Json>, faults: &mut Vec<ItemError>) -> Axis {
    let Some(json) = json else { return Axis::default() };
    json.as_str().and_then(Axis::of).unwrap_or_else(|| {
        faults.push(ItemError::field("/axis", format!("takes event or commit, not {json}")));
        Axis::default()
    })
}

/// Microseconds since 1970, rounded down.
fn time(pointer: &str, json: Option<&Json>, now_ns: i64, default: u64, faults: &mut Vec<ItemError>) -> u64 {
    let Some(json) = json else { return default };
    let parsed = json.as_str().and_then(|text| times::parse(text, now_ns));
    match parsed.map(|ns| u64::try_from(ns.div_euclid(1000))) {
        Some(Ok(us)) => us,
        Some(Err(_)) => {
            faults.push(ItemError::field(pointer, "takes a time that is not before 1970"));
            default
        }
        None => {
            faults.push(ItemError::field(pointer, format!("{}, not {json}", times::TAKES)));
            default
        }
    }
}

/// One value, or a list of them.
fn values(
    dimension: Dimension,
    json: &Json,
    known: Option<&[&str]>,
    faults: &mut Vec<ItemError>,
) -> Vec<Value> {
    let name = dimension.name();
    let one = std::slice::from_ref(json);
    let (list, is_list) = match json.as_array() {
        // A pair is an array too: its first part is a text.
        Some(list) if !(dimension.is_pair() && list.first().is_some_and(Json::is_string)) => {
            (list.as_slice(), true)
        }
        _ => (one, false),
    };
    if list.is_empty() || list.len() > VALUES_MAX {
        faults.push(ItemError::field(&format!("/{name}"), format!("takes 1 to {VALUES_MAX} values")));
        return Vec::new();
    }
    let mut values = Vec::with_capacity(list.len());
    for (i, json) in list.iter().enumerate() {
        match value(dimension, json, known) {
            Ok(value) => values.push(value),
            Err(takes) => {
                let pointer = if is_list { format!("/{name}/{i}") } else { format!("/{name}") };
                faults.push(ItemError::other(&pointer, &format!("takes {takes}"), json));
            }
        }
    }
    values
}

fn value(dimension: Dimension, json: &Json, known: Option<&[&str]>) -> Result<Value, String> {
    let text = |json: &Json| json.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    if dimension.is_pair() {
        let parts = json.as_array().map(Vec::as_slice);
        return match parts {
            Some([kind, id]) => text(kind).zip(text(id)).map(|(kind, id)| Value::Pair(kind, id)),
            _ => None,
        }
        .ok_or_else(|| "a pair of two texts, [\"type\", \"id\"], or a list of such pairs".to_owned());
    }
    let found = text(json).ok_or("a text that is not empty, or a list of such texts")?;
    match known {
        Some(known) if !known.contains(&found.as_str()) => Err(known.join(", ")),
        _ => Ok(Value::Text(found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_NS: i64 = 1_700_000_000_123_456_789;

    fn asked(body: &str) -> Result<Filter, Problem> {
        filter(serde_json::from_str(body).unwrap(), NOW_NS, &Taxonomy::built_in())
    }

    #[test]
    fn a_value_a_list_and_relative_times_become_the_one_form() {
        let none = asked("{}").unwrap();
        assert_eq!(none.text(), r#"{"axis":"event","from_us":0,"to_us":1700000000123456}"#);
        let filter = asked(
            r#"{"axis":"commit","from":"now-1s","to":"2023-11-14T22:13:20.5Z","status":"failure",
                "actor_id":["user","usr_1"],"resource":[["agent","b"],["agent","a"]],
                "actor_email":["Ada@Example.com"],"category":["auth","api"],"event_type":null}"#,
        );
        assert_eq!(
            filter.unwrap().text(),
            r#"{"axis":"commit","from_us":1699999999123456,"to_us":1700000000500000,"actor_id":[["user","usr_1"]],"category":["api","auth"],"resource":[["agent","a"],["agent","b"]],"status":["failure"],"actor_email":["ada@example.com"]}"#
        );
    }

    #[test]
    fn what_cannot_be_used_is_pointed_at() {
        for (body, pointer, says) in [
            (r#"{"from":"yesterday"}"#, "/from", "RFC 3339"),
            (r#"{"from":1}"#, "/from", "RFC 3339"),
            (r#"{"to":"1969-01-01T00:00:00Z"}"#, "/to", "1970"),
            (r#"{"from":"now"}"#, "/from", "before"),
            (r#"{"from":"now-1m","to":"now-1h"}"#, "/from", "before"),
            (r#"{"axis":"time"}"#, "/axis", "event or commit"),
            (r#"{"status":"ok"}"#, "/status", "success, failure, pending"),
            (r#"{"status":["success","ok"]}"#, "/status/1", "pending"),
            (r#"{"category":"weather"}"#, "/category", "session"),
            (r#"{"actor_type":[7]}"#, "/actor_type/0", "text"),
            (r#"{"actor_id":"usr_1"}"#, "/actor_id", "pair"),
            (r#"{"actor_id":["user"]}"#, "/actor_id", "pair"),
            (r#"{"actor_id":[["user","a"],["user",""]]}"#, "/actor_id/1", "pair"),
            (r#"{"resource":[["a","b","c"]]}"#, "/resource/0", "pair"),
            (r#"{"resource":[]}"#, "/resource", "1 to"),
            (r#"{"event_type":""}"#, "/event_type", "not empty"),
        ] {
            let problem = asked(body).unwrap_err();
            assert_eq!(
                (problem.status.as_u16(), problem.errors.len()),
                (422, 1),
                "{body}: {}",
                problem.detail
            );
            let error = &problem.errors[0];
            assert_eq!(error.pointer, pointer, "{body}");
            assert!(error.detail.contains(says), "{body}: {}", error.detail);
        }
        let long: Vec<String> = (0..900).map(|i| format!("{i:0100}")).collect();
        let body = serde_json::json!({ "actor_name": long }).to_string();
        assert_eq!(asked(&body).unwrap_err().status, 413);
    }
}
