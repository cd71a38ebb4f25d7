//! `GET /v1/facets`: counts of values.

use std::sync::Arc;
use std::time::Instant;

use stele_engine::query::{Dimension, Facet};

use super::asked::Asked;
use super::search::write_took;
use super::{Cx, dimensions, run, times};
use crate::http::answer::{self, Answer};
use crate::http::json::{self, Object};
use crate::http::problem::Problem;
use crate::http::query::Params;

/// Facets of one request.
const FIELDS_MAX: usize = 20;
/// The fields unless told otherwise.
const FIELDS_DEFAULT: &str = "category,status,event_type,actor,resource_type,action";
/// Values of one facet.
const TOP_MAX: usize = 1000;
/// The same, unless told otherwise.
const TOP_DEFAULT: usize = 20;

/// Facets of what matches.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let started = Instant::now();
    let tenant = cx.caller()?.tenant;
    let log = Arc::clone(&tenant.log);
    let asked = Asked::take(&mut cx.params, times::now_ns(), &tenant.taxonomy())?;
    let (names, of) = take_fields(&mut cx.params)?;
    let top = cx.params.take_count("top", TOP_DEFAULT, TOP_MAX)?;
    Asked::finish(&mut cx.params, &["fields", "top"])?;
    let counted = run::run(&cx.app, move |budget| {
        let ((facets, matched), beside) =
            asked.answer(&log, None, budget, |ask| log.facets(ask, &of, top))?;
        Ok((facets, matched, beside, asked))
    });
    let (facets, matched, beside, asked) = counted.await?;
    let mut out = Vec::new();
    let mut answer = Object::begin(&mut out);
    let mut by_field = Object::begin(answer.member("facets"));
    for (name, facet) in names.iter().zip(&facets) {
        write_facet(by_field.member(name), facet);
    }
    by_field.end();
    json::number(answer.member("matched"), matched);
    write_took(&mut answer, started);
    asked.write(&mut answer, &beside);
    answer.end();
    out.push(b'\n');
    Ok(answer::json(out))
}

/// The fields as the client names them, each once, and what they are.
fn take_fields(params: &mut Params) -> Result<(Vec<String>, Vec<Dimension>), Problem> {
    let mut given = params.take_all("fields");
    if given.is_empty() {
        given.push(FIELDS_DEFAULT.to_owned());
    }
    let mut names: Vec<String> = Vec::new();
    let mut of = Vec::new();
    for name in given.iter().flat_map(|list| dimensions::split(list)).map(str::trim) {
        if names.iter().any(|known| known == name) {
            continue;
        }
        of.push(dimensions::dimension("fields", name)?);
        names.push(name.to_owned());
    }
    if names.len() > FIELDS_MAX {
        return Err(Problem::parameter("fields", format!("takes at most {FIELDS_MAX} fields")));
    }
    Ok((names, of))
}

fn write_facet(out: &mut Vec<u8>, facet: &Facet) {
    let mut object = Object::begin(out);
    json::array(object.member("values"), &facet.values, |out, (value, count)| {
        let mut row = Object::begin(out);
        dimensions::write_value(row.member("value"), value);
        json::number(row.member("count"), *count);
        row.end();
    });
    json::number(object.member("other"), facet.other);
    json::number(object.member("missing"), facet.missing);
    object.end();
}

#[cfg(test)]
mod tests {
    use stele_engine::query::FacetValue;

    use super::*;

    #[test]
    fn fields_are_separated_by_commas_or_repeated_and_bounded() {
        let fields = |q: &str| take_fields(&mut Params::parse(Some(q)).unwrap());
        let (names, of) = fields("fields=status,metadata.path&fields=status&fields=actor").unwrap();
        assert_eq!(names, ["status", "metadata.path", "actor"]);
        assert_eq!((of.len(), &of[2]), (3, &Dimension::Actor));
        let many = (0..21).map(|i| format!("metadata.f{i}")).collect::<Vec<_>>().join(",");
        assert_eq!(fields("").unwrap().0.len(), 6, "those of the envelope");
        for bad in ["fields=".to_owned(), "fields=colour".to_owned(), format!("fields={many}")] {
            let problem = fields(&bad).unwrap_err();
            assert!(problem.detail.contains("`fields`"), "{bad}: {}", problem.detail);
        }
    }

    #[test]
    fn a_facet_shows_values_of_their_own_type() {
        let facet = Facet {
            values: vec![(FacetValue::Number("404".to_owned()), 2), (FacetValue::Text("x".to_owned()), 1)],
            other: 3,
            missing: 4,
        };
        let mut out = Vec::new();
        write_facet(&mut out, &facet);
        let expected =
            r#"{"values":[{"value":404,"count":2},{"value":"x","count":1}],"other":3,"missing":4}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
