//! The structured filters, shared by search and tail.

use stele_engine::query::Filter;

use super::times;
use crate::http::problem::Problem;
use crate::http::query::Params;

/// The parameters that [`take`] takes.
pub const PARAMETERS: [&str; 13] = [
    "q",
    "from",
    "to",
    "category",
    "event_type",
    "status",
    "action",
    "actor_type",
    "actor_id",
    "actor_email",
    "resource_type",
    "resource_id",
    "own",
];

/// Values of one filter in one request.
const VALUES_MAX: usize = 256;

/// Takes the filters of a request. Relative times count from `now_ns`.
///
/// # Errors
/// 400 that names the parameter and what it takes.
pub fn take(params: &mut Params, now_ns: i64) -> Result<Filter, Problem> {
    if params.take("q")?.is_some_and(|q| !q.trim().is_empty()) {
        let detail = "parameter `q`: this version has no query language yet; use the structured filters \
                      (category, event_type, status, action, actor_type, actor_id, actor_email, \
                      resource_type, resource_id, from, to)";
        return Err(Problem::new(hyper::StatusCode::BAD_REQUEST, "unavailable", detail));
    }
    let mut time = |name: &str| -> Result<Option<i64>, Problem> {
        let Some(text) = params.take(name)? else { return Ok(None) };
        let parsed = times::parse(&text, now_ns);
        parsed.map(Some).ok_or_else(|| Problem::parameter(name, format!("{}, not `{text}`", times::TAKES)))
    };
    let (from_ns, to_ns) = (time("from")?, time("to")?);
    if let (Some(from), Some(to)) = (from_ns, to_ns)
        && from > to
    {
        return Err(Problem::parameter("from", "takes a time that is not after `to`"));
    }
    let filter = Filter {
        from_ns,
        to_ns,
        category: values(params, "category")?,
        event_type: values(params, "event_type")?,
        status: one_of(params, "status", &["success", "failure", "pending"])?,
        action: values(params, "action")?,
        actor_type: one_of(params, "actor_type", &["user", "api_key", "system"])?,
        actor_id: values(params, "actor_id")?,
        actor_email: values(params, "actor_email")?,
        resource_type: values(params, "resource_type")?,
        resource_id: values(params, "resource_id")?,
        own: params.take_flag("own")?,
    };
    Ok(filter)
}

fn values(params: &mut Params, name: &str) -> Result<Vec<String>, Problem> {
    let mut values = params.take_all(name);
    if values.iter().any(String::is_empty) {
        return Err(Problem::parameter(name, "takes a value that is not empty"));
    }
    if values.len() > VALUES_MAX {
        return Err(Problem::parameter(name, format!("takes at most {VALUES_MAX} values")));
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

fn one_of(params: &mut Params, name: &str, known: &[&str]) -> Result<Vec<String>, Problem> {
    let values = values(params, name)?;
    match values.iter().find(|v| !known.contains(&v.as_str())) {
        None => Ok(values),
        Some(bad) => Err(Problem::parameter(name, format!("takes {}, not `{bad}`", known.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Result<Filter, Problem> {
        let mut params = Params::parse(Some(query)).unwrap();
        let filter = take(&mut params, 1_000_000_000_000)?;
        params.finish(&PARAMETERS)?;
        Ok(filter)
    }

    #[test]
    fn filters_repeat_and_times_resolve() {
        let found = filter("category=b&category=a&category=b&from=now-1s&to=now&own=true&q=").unwrap();
        assert_eq!(found.category, ["a", "b"]);
        assert_eq!((found.from_ns, found.to_ns), (Some(999_000_000_000), Some(1_000_000_000_000)));
        assert!(found.own);
    }

    #[test]
    fn what_cannot_be_used_names_its_parameter() {
        for (query, name) in [
            ("status=ok", "status"),
            ("actor_type=robot", "actor_type"),
            ("from=yesterday", "from"),
            ("from=now&to=now-1m", "from"),
            ("category=", "category"),
            ("own=yes", "own"),
            ("colour=red", "colour"),
            ("to=now&to=now", "to"),
            ("q=status:failure", "q"),
        ] {
            let problem = filter(query).unwrap_err();
            assert_eq!(problem.status, 400);
            assert!(problem.detail.contains(&format!("`{name}`")), "{query}: {}", problem.detail);
        }
    }
}
