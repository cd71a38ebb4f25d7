//! The structured filters, shared by all questions.

use stele_engine::event::Taxonomy;
use stele_engine::query::Filter;

use super::times;
use crate::http::problem::Problem;
use crate::http::query::Params;

/// The parameters that [`take`] takes.
pub const PARAMETERS: [&str; 12] = [
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
const VALUES_MAX: usize = 1000;

/// Takes the filters of a request. Relative times count from `now_ns`; categories are those of the
/// organization's taxonomy, or without one any, as one that was known when it was asked for.
///
/// # Errors
/// 400 that names the parameter and what it takes.
pub fn take(params: &mut Params, now_ns: i64, taxonomy: Option<&Taxonomy>) -> Result<Filter, Problem> {
    let (from_ns, to_ns) = (times::take(params, "from", now_ns)?, times::take(params, "to", now_ns)?);
    if let (Some(from), Some(to)) = (from_ns, to_ns)
        && from > to
    {
        return Err(Problem::parameter("from", "takes a time that is not after `to`"));
    }
    let filter = Filter {
        from_ns,
        to_ns,
        category: match taxonomy {
            Some(taxonomy) => one_of(params, "category", &taxonomy.categories().collect::<Vec<_>>())?,
            None => list(params, "category")?,
        },
        event_type: list(params, "event_type")?,
        status: one_of(params, "status", &["success", "failure", "pending"])?,
        action: list(params, "action")?,
        actor_type: one_of(params, "actor_type", &["user", "api_key", "system"])?,
        actor_id: values(params, "actor_id")?,
        actor_email: values(params, "actor_email")?,
        resource_type: values(params, "resource_type")?,
        resource_id: values(params, "resource_id")?,
        own: params.take_flag("own")?,
    };
    Ok(filter)
}

/// Values of a filter that is only repeated: ids and names may hold commas.
fn values(params: &mut Params, name: &str) -> Result<Vec<String>, Problem> {
    let values = params.take_all(name);
    distinct(name, values)
}

/// Values of a filter that is repeated or holds several, separated by commas.
fn list(params: &mut Params, name: &str) -> Result<Vec<String>, Problem> {
    let values = params.take_all(name);
    distinct(name, values.iter().flat_map(|value| value.split(',')).map(str::to_owned).collect())
}

fn distinct(name: &str, mut values: Vec<String>) -> Result<Vec<String>, Problem> {
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
    let values = list(params, name)?;
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
        let filter = take(&mut params, 1_000_000_000_000, Some(&Taxonomy::built_in()))?;
        params.finish(&PARAMETERS)?;
        Ok(filter)
    }

    #[test]
    fn filters_repeat_and_times_resolve() {
        let found =
            filter("category=auth&category=api&category=auth,agent&actor_id=a,b&from=now-1s&to=now&own=true");
        let found = found.unwrap();
        assert_eq!(found.category, ["agent", "api", "auth"]);
        assert_eq!(found.actor_id, ["a,b"], "ids may hold commas");
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
            ("category=weather", "category"),
            ("action=a,,b", "action"),
            ("own=yes", "own"),
            ("colour=red", "colour"),
            ("to=now&to=now", "to"),
        ] {
            let problem = filter(query).unwrap_err();
            assert_eq!(problem.status, 400);
            assert!(problem.detail.contains(&format!("`{name}`")), "{query}: {}", problem.detail);
        }
    }
}
