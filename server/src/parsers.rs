//! The parsers of request text, for searches of inputs that break them (`tests/fuzz.sh`).

use stele_engine::event::Taxonomy;

use crate::http::query::Params;
use crate::routes::asked::Asked;
use crate::routes::ingest::split;

/// Splits a body as lines and as JSON, and counts the items of each; `None` where the body is
/// refused.
///
/// # Panics
/// When an item is not a part of the body, or a line is blank.
#[must_use]
pub fn body(body: &[u8]) -> (Option<usize>, Option<usize>) {
    let within = |item: &[u8]| body.as_ptr_range().contains(&item.as_ptr());
    let (mut lines, mut elements) = (0, 0);
    let as_lines = split::lines(body, |line| {
        assert!(within(line) && !line.trim_ascii().is_empty(), "a line is a part of the body with content");
        lines += 1;
        Ok(())
    });
    let as_json = split::json(body, |element| {
        assert!(within(element), "an element is a part of the body");
        elements += 1;
        Ok(())
    });
    (as_lines.ok().map(|()| lines), as_json.ok().map(|_| elements))
}

/// Reads a query string as a question, `q` and filters; true when it is accepted.
#[must_use]
pub fn filters(query: &str, now_ns: i64) -> bool {
    let taxonomy = Taxonomy::built_in();
    let parsed = Params::parse(Some(query)).and_then(|mut params| {
        let asked = Asked::take(&mut params, now_ns, &taxonomy)?;
        Asked::finish(&mut params, &[]).map(|()| asked)
    });
    parsed.is_ok()
}
