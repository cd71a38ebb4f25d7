//! `GET /v1/metrics/query`: figures of the numbers at a path.

use std::sync::Arc;
use std::time::Instant;

use stele_engine::query::Group;

use super::asked::Asked;
use super::search::write_took;
use super::{Cx, dimensions, run, times};
use crate::http::answer::{self, Answer};
use crate::http::json::{self, Object};
use crate::http::problem::Problem;

/// Groups of one answer.
const TOP_MAX: usize = 10_000;
/// The same, unless told otherwise.
const TOP_DEFAULT: usize = 1000;

/// Figures of what matches.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let started = Instant::now();
    let tenant = cx.caller()?.tenant;
    let log = Arc::clone(&tenant.log);
    let asked = Asked::take(&mut cx.params, times::now_ns(), &tenant.taxonomy())?;
    let missing = || Problem::parameter("field", "is needed; it takes metadata.<path>");
    let name = cx.params.take("field")?.ok_or_else(missing)?;
    let field = dimensions::path("field", &name)?;
    let group_name = cx.params.take("group_by")?;
    let group_by = group_name.as_deref().map(|name| dimensions::dimension("group_by", name)).transpose()?;
    let top = cx.params.take_count("top", TOP_DEFAULT, TOP_MAX)?;
    Asked::finish(&mut cx.params, &["field", "group_by", "top"])?;
    let counted = run::run(&cx.app, move |budget| {
        let (groups, beside) =
            asked.answer(&log, None, budget, |ask| log.metrics(ask, &field, group_by.as_ref()))?;
        Ok((groups, beside, asked))
    });
    let (groups, beside, asked) = counted.await?;
    let mut out = Vec::new();
    let mut answer = Object::begin(&mut out);
    json::string(answer.member("field"), &name);
    json::optional_string(answer.member("group_by"), group_name.as_deref());
    json::array(answer.member("groups"), groups.iter().take(top), write_group);
    json::number(answer.member("groups_left_out"), groups.len().saturating_sub(top) as u64);
    write_took(&mut answer, started);
    asked.write(&mut answer, &beside);
    answer.end();
    out.push(b'\n');
    Ok(answer::json(out))
}

fn write_group(out: &mut Vec<u8>, group: &Group) {
    let mut object = Object::begin(out);
    match &group.key {
        Some(key) => dimensions::write_value(object.member("key"), key),
        None => object.member("key").extend_from_slice(b"null"),
    }
    json::number(object.member("count"), group.count);
    let figures = [
        ("min", group.min),
        ("max", group.max),
        ("mean", group.mean),
        ("p50", group.p50),
        ("p95", group.p95),
        ("p99", group.p99),
    ];
    for (name, figure) in figures {
        write_figure(object.member(name), figure);
    }
    object.end();
}

/// Whole numbers without a fraction, as they were sent.
fn write_figure(out: &mut Vec<u8>, figure: f64) {
    /// Below this, every whole number is one of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if figure.fract() == 0.0 && figure.abs() < EXACT {
        out.extend_from_slice(format!("{}", figure as i64).as_bytes());
    } else {
        json::float(out, figure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_numbers_and_a_missing_key_is_null() {
        let group = Group {
            key: None,
            count: 2,
            min: 1.0,
            max: 2.5,
            mean: 1.75,
            p50: -0.0,
            p95: 1e300,
            p99: f64::NAN,
        };
        let mut out = Vec::new();
        write_group(&mut out, &group);
        let expected =
            r#"{"key":null,"count":2,"min":1,"max":2.5,"mean":1.75,"p50":0,"p95":1e300,"p99":null}"#;
        assert_eq!(String::from_utf8(out).unwrap().replace("1e+300", "1e300"), expected);
    }
}
