//! What an export is asked about: the body of `POST /v1/exports`.

use serde::Deserialize;
use serde_json::Value as Json;
use stele_engine::event::Taxonomy;

use crate::exports::{COLUMNS_MAX, Compression, FieldPath, Form, Format};
use crate::http::problem::{ItemError, Problem};
use crate::http::query::Params;
use crate::routes::asked::Asked;
use crate::routes::{Cx, fields, times};

const TAKES: &str = "q, from, to, category, event_type, status, action, actor_type, actor_id, actor_email, resource_type, resource_id, own, order, format, pretty, fields, compression, formula_guard, bulk";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    q: Option<Json>,
    from: Option<Json>,
    to: Option<Json>,
    category: Option<Json>,
    event_type: Option<Json>,
    status: Option<Json>,
    action: Option<Json>,
    actor_type: Option<Json>,
    actor_id: Option<Json>,
    actor_email: Option<Json>,
    resource_type: Option<Json>,
    resource_id: Option<Json>,
    own: Option<Json>,
    order: Option<Json>,
    format: Option<Json>,
    pretty: Option<Json>,
    fields: Option<Json>,
    compression: Option<Json>,
    formula_guard: Option<Json>,
    bulk: Option<Json>,
}

/// What is asked for.
#[derive(Debug)]
pub struct Wanted {
    /// The question as parameters of a search; times do not count from now any more.
    pub question: Vec<(String, String)>,
    /// Oldest first.
    pub ascending: bool,
    /// What files look like.
    pub form: Form,
    /// In chunks, without a largest number of rows.
    pub bulk: bool,
}

/// Takes the body. Relative times count from `now_ns`.
///
/// # Errors
/// As bodies are refused; 422 with a pointer to each member at fault, and what it takes; 400 with the place
/// for a query that cannot be read.
pub async fn take(cx: &mut Cx, now_ns: i64, taxonomy: &Taxonomy) -> Result<Wanted, Problem> {
    let ask: Ask = fields::optional_body(cx, TAKES).await?;
    wanted(ask, now_ns, taxonomy)
}

fn wanted(ask: Ask, now_ns: i64, taxonomy: &Taxonomy) -> Result<Wanted, Problem> {
    let mut faults = Vec::new();
    let ascending = named("/order", ask.order.as_ref(), "asc or desc", &mut faults, |name| match name {
        "asc" => Some(true),
        "desc" => Some(false),
        _ => None,
    });
    let format = named("/format", ask.format.as_ref(), Format::NAMES, &mut faults, Format::of);
    let compression =
        named("/compression", ask.compression.as_ref(), Compression::NAMES, &mut faults, Compression::of);
    let form = Form {
        format: format.unwrap_or_default(),
        pretty: flag("/pretty", ask.pretty.as_ref(), false, &mut faults),
        fields: paths(ask.fields.as_ref(), &mut faults),
        compression: compression.unwrap_or_default(),
        formula_guard: flag("/formula_guard", ask.formula_guard.as_ref(), true, &mut faults),
    };
    if form.pretty && form.format != Format::Json {
        faults.push(ItemError::field("/pretty", "is for json; lines stay lines"));
    }
    if form.fields.is_some() && form.format == Format::Ndjson {
        let detail = "is for csv and json; lines of ndjson are whole, so that they can be hashed again";
        faults.push(ItemError::field("/fields", detail));
    }
    let bulk = flag("/bulk", ask.bulk.as_ref(), false, &mut faults);
    let own = flag("/own", ask.own.as_ref(), false, &mut faults);
    let mut pairs = Vec::new();
    for (name, json) in [("q", ask.q), ("from", ask.from), ("to", ask.to)] {
        one(name, json.as_ref(), &mut pairs, &mut faults);
    }
    for (name, json) in [
        ("category", ask.category),
        ("event_type", ask.event_type),
        ("status", ask.status),
        ("action", ask.action),
        ("actor_type", ask.actor_type),
        ("actor_id", ask.actor_id),
        ("actor_email", ask.actor_email),
        ("resource_type", ask.resource_type),
        ("resource_id", ask.resource_id),
    ] {
        values(name, json.as_ref(), &mut pairs, &mut faults);
    }
    if own {
        pairs.push(("own".to_owned(), "true".to_owned()));
    }
    if !faults.is_empty() {
        return Err(Problem::fields(faults));
    }
    let question = fixed(pairs, now_ns, taxonomy).map_err(pointed)?;
    Ok(Wanted { question, ascending: ascending.unwrap_or(false), form, bulk })
}

/// The question with its times as they are now.
///
/// # Errors
/// As a search refuses it.
fn fixed(
    mut pairs: Vec<(String, String)>,
    now_ns: i64,
    taxonomy: &Taxonomy,
) -> Result<Vec<(String, String)>, Problem> {
    let asked = Asked::take(&mut Params::of(pairs.clone()), now_ns, taxonomy)?;
    let ends = [("from", asked.scope.from_ns), ("to", asked.scope.to_ns)];
    for (name, value) in &mut pairs {
        if let Some(ns) = ends.iter().find(|(end, _)| end == name).and_then(|(_, ns)| *ns) {
            *value = times::show(ns);
        }
    }
    Ok(pairs)
}

/// A fault of a parameter as one of the member of that name.
fn pointed(problem: Problem) -> Problem {
    let told = problem.detail.strip_prefix("parameter `").and_then(|rest| rest.split_once("` "));
    match told {
        Some((name, takes)) if problem.slug == "parameter" => {
            Problem::fields(vec![ItemError::field(&format!("/{name}"), takes)])
        }
        _ => problem,
    }
}

fn named<T>(
    pointer: &str,
    json: Option<&Json>,
    names: &str,
    faults: &mut Vec<ItemError>,
    of: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let json = json?;
    let found = json.as_str().and_then(of);
    if found.is_none() {
        faults.push(ItemError::other(pointer, &format!("takes {names}"), json));
    }
    found
}

fn flag(pointer: &str, json: Option<&Json>, default: bool, faults: &mut Vec<ItemError>) -> bool {
    let Some(json) = json else { return default };
    json.as_bool().unwrap_or_else(|| {
        faults.push(ItemError::other(pointer, "takes true or false", json));
        default
    })
}

fn one(name: &str, json: Option<&Json>, pairs: &mut Vec<(String, String)>, faults: &mut Vec<ItemError>) {
    let Some(json) = json else { return };
    match json.as_str() {
        Some(text) => pairs.push((name.to_owned(), text.to_owned())),
        None => faults.push(ItemError::other(&format!("/{name}"), "takes a text", json)),
    }
}

/// One value, or a list of them.
fn values(name: &str, json: Option<&Json>, pairs: &mut Vec<(String, String)>, faults: &mut Vec<ItemError>) {
    let Some(json) = json else { return };
    let list = json.as_array().map_or(std::slice::from_ref(json), Vec::as_slice);
    if list.is_empty() {
        faults.push(ItemError::field(&format!("/{name}"), "takes a text, or a list of at least one"));
    }
    for (i, value) in list.iter().enumerate() {
        match value.as_str() {
            Some(text) => pairs.push((name.to_owned(), text.to_owned())),
            None => {
                let pointer = if json.is_array() { format!("/{name}/{i}") } else { format!("/{name}") };
                faults.push(ItemError::other(&pointer, "takes a text", value));
            }
        }
    }
}

/// Chosen fields in their canonical spelling.
fn paths(json: Option<&Json>, faults: &mut Vec<ItemError>) -> Option<Vec<String>> {
    let json = json?;
    let list = json.as_array().filter(|list| (1..=COLUMNS_MAX).contains(&list.len()));
    let Some(list) = list else {
        faults.push(ItemError::field("/fields", format!("takes a list of 1 to {COLUMNS_MAX} paths")));
        return None;
    };
    let mut paths: Vec<String> = Vec::with_capacity(list.len());
    for (i, json) in list.iter().enumerate() {
        let parsed = json.as_str().ok_or_else(|| "takes a text".to_owned()).and_then(FieldPath::parse);
        match parsed.map(|path| path.to_string()) {
            Ok(path) if paths.contains(&path) => {
                faults.push(ItemError::field(&format!("/fields/{i}"), format!("{path} is there already")));
            }
            Ok(path) => paths.push(path),
            Err(takes) => {
                faults.push(ItemError::other(&format!("/fields/{i}"), &takes, json));
            }
        }
    }
    Some(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_NS: i64 = 1_700_000_000_123_456_789;

    fn asked(body: &str) -> Result<Wanted, Problem> {
        wanted(serde_json::from_str(body).unwrap(), NOW_NS, &Taxonomy::built_in())
    }

    #[test]
    fn a_question_is_fixed_and_a_form_has_defaults() {
        let none = asked("{}").unwrap();
        assert!(none.question.is_empty() && !none.ascending && !none.bulk);
        assert!(none.form.formula_guard && !none.form.pretty && none.form.fields.is_none());
        let all = asked(
            r#"{"q":"last:1h","from":"now-1s","to":"2023-11-14T22:13:20.5Z","status":"failure","category":["auth","api"],
                "own":true,"order":"asc","format":"csv","fields":["@n","sequence"],"compression":"zstd","bulk":true,
                "formula_guard":false,"pretty":false,"event_type":null}"#,
        );
        let all = all.unwrap();
        let told: Vec<(&str, &str)> = all.question.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            told,
            [
                ("q", "last:1h"),
                ("from", "2023-11-14T22:13:19.123456789Z"),
                ("to", "2023-11-14T22:13:20.5Z"),
                ("category", "auth"),
                ("category", "api"),
                ("status", "failure"),
                ("own", "true")
            ]
        );
        assert!(all.ascending && all.bulk && !all.form.formula_guard);
        assert_eq!(all.form.fields.unwrap(), ["metadata.n", "chain.sequence"]);
        let again = super::super::scope(&all.question, NOW_NS).unwrap();
        assert_eq!(again.from_ns, Some(NOW_NS - 1_000_000_000));
        assert!(again.own);
    }

    #[test]
    fn what_cannot_be_asked_points_to_its_member() {
        for (body, pointer) in [
            (r#"{"order":"up"}"#, "/order"),
            (r#"{"format":"xml"}"#, "/format"),
            (r#"{"compression":1}"#, "/compression"),
            (r#"{"pretty":"yes"}"#, "/pretty"),
            (r#"{"format":"csv","pretty":true}"#, "/pretty"),
            (r#"{"format":"ndjson","fields":["status"]}"#, "/fields"),
            (r#"{"fields":[]}"#, "/fields"),
            (r#"{"fields":"status"}"#, "/fields"),
            (r#"{"fields":["status","colour"]}"#, "/fields/1"),
            (r#"{"fields":["@a","metadata.a"]}"#, "/fields/1"),
            (r#"{"bulk":1}"#, "/bulk"),
            (r#"{"own":"true"}"#, "/own"),
            (r#"{"q":["a"]}"#, "/q"),
            (r#"{"from":"soon"}"#, "/from"),
            (r#"{"from":"now","to":"now-1h"}"#, "/from"),
            (r#"{"status":["success","done"]}"#, "/status"),
            (r#"{"category":[]}"#, "/category"),
            (r#"{"actor_id":[1]}"#, "/actor_id/0"),
        ] {
            let problem = asked(body).unwrap_err();
            assert_eq!(
                (problem.status.as_u16(), problem.errors[0].pointer.as_str()),
                (422, pointer),
                "{body}"
            );
        }
        let problem = asked(r#"{"q":"status:failure AND"}"#).unwrap_err();
        assert_eq!((problem.status.as_u16(), problem.slug), (400, "query"));
    }
}
