//! Pages of a snapshot: what a cursor holds, and which request it belongs to.

use std::sync::Arc;

use hyper::StatusCode;
use stele_engine::log::Log;
use stele_engine::query::{Cursor, CursorError};

use super::{Cx, times};
use crate::http::problem::Problem;
use crate::http::query::Params;
use crate::serve::ServeError;
use crate::state::State;

/// Where a request stands among the pages of its question.
pub struct Paging {
    /// What `now` means on all pages.
    pub now_ns: i64,
    /// The first page's snapshot; none on the first page.
    pub head: Option<u64>,
    /// Position of the last row of the page before.
    pub after: Option<(i64, u64)>,
    digest: [u8; 16],
}

impl Paging {
    /// Takes `cursor`. Other parameters must not be taken before: they are what it belongs to.
    ///
    /// # Errors
    /// 400 when the cursor is foreign, too old, or of other parameters.
    pub fn take(cx: &mut Cx, log: &Log) -> Result<Self, Problem> {
        let digest = digest(cx.route, &cx.names, &cx.params);
        let Some(token) = cx.params.take("cursor")? else {
            return Ok(Self { now_ns: times::now_ns(), head: None, after: None, digest });
        };
        let cursor = open(log, &token, digest)?;
        Ok(Self { now_ns: cursor.now_ns, head: Some(cursor.head), after: Some(cursor.after), digest })
    }

    /// The same for a list that takes nothing but `limit` and `cursor`, with the limit.
    ///
    /// # Errors
    /// As [`Paging::take`]; 400 for any other parameter, or a limit above the largest.
    pub fn take_list(cx: &mut Cx, log: &Log, default: usize, most: usize) -> Result<(Self, usize), Problem> {
        let paging = Self::take(cx, log)?;
        let limit = cx.params.take_count("limit", default, most)?;
        std::mem::take(&mut cx.params).finish(&["limit", "cursor"])?;
        Ok((paging, limit))
    }

    /// The cursor of the page after the row at `last`.
    pub fn seal(&self, log: &Log, head: u64, last: (i64, u64)) -> String {
        log.seal_cursor(&Cursor { head, now_ns: self.now_ns, after: last, digest: self.digest })
    }
}

/// Rows of an organization from before an id, at most so many, newest first.
type ReadRows<R> = fn(&State, &str, Option<&str>, usize) -> Result<Vec<R>, ServeError>;

/// A page of rows that the state keeps by id, newest first, and the cursor of the next one. Takes `limit`, of
/// which there are a default and a largest, and `cursor`.
///
/// # Errors
/// As [`Paging::take_list`]; 500 where the state cannot be read.
pub async fn newest<R: Send + 'static>(
    cx: &mut Cx,
    prefix: &str,
    (default, most): (usize, usize),
    read: ReadRows<R>,
    id: fn(&R) -> &str,
) -> Result<(Vec<R>, Option<String>), Problem> {
    let tenant = cx.caller()?.tenant;
    let (pages, limit) = Paging::take_list(cx, &tenant.log, default, most)?;
    let before = pages.after.map(|at| id_at(prefix, at));
    let (state, org) = (Arc::clone(&cx.app.state), tenant.org.id.clone());
    let rows = cx.app.block(move || read(&state, &org, before.as_deref(), limit + 1)).await?;
    let mut rows = rows.map_err(|error| {
        tracing::error!(%error, list = prefix, "a list cannot be read");
        Problem::internal()
    })?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more).and_then(|row| position(prefix, id(row)));
    let next = last.map(|at| pages.seal(&tenant.log, tenant.log.head().size, at));
    Ok((rows, next))
}

/// Where a row stands in a list whose ids are a prefix and 128 bits that ascend with time.
pub fn position(prefix: &str, id: &str) -> Option<(i64, u64)> {
    let bits = u128::from_str_radix(id.strip_prefix(prefix)?, 16).ok()?;
    Some(((bits >> 64) as i64, bits as u64))
}

/// The id of the row that stands there.
pub fn id_at(prefix: &str, (high, low): (i64, u64)) -> String {
    format!("{prefix}{:032x}", (u128::from(high as u64) << 64) | u128::from(low))
}

/// A digest of the call, the names in its path, and all parameters but the cursor, in any order.
fn digest(route: &str, names: &[String], params: &Params) -> [u8; 16] {
    let mut pairs: Vec<_> = params.pairs().filter(|(name, _)| *name != "cursor").collect();
    pairs.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    let path = std::iter::once(route).chain(names.iter().map(String::as_str));
    for part in path.chain(pairs.into_iter().flat_map(|(name, value)| [name, value])) {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    digest
}

fn open(log: &Log, token: &str, digest: [u8; 16]) -> Result<Cursor, Problem> {
    let refused = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "cursor", detail);
    let cursor = log.open_cursor(token, times::now_ns()).map_err(|e| match e {
        CursorError::Expired => refused("parameter `cursor` is older than 24 hours; begin again without it"),
        CursorError::Foreign => refused("parameter `cursor` takes a `next_cursor` of this call, unchanged"),
    })?;
    if cursor.digest != digest {
        let detail = "parameter `cursor` belongs to other parameters; repeat those of the first page";
        return Err(refused(detail));
    }
    Ok(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_the_call_and_its_parameters_not_of_their_order() {
        let of = |route: &str, names: &[&str], q: &str| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            digest(route, &names, &Params::parse(Some(q)).unwrap())
        };
        assert_eq!(of("/a", &[], "a=1&b=2"), of("/a", &[], "b=2&a=1&cursor=x"));
        assert_ne!(of("/a", &[], "a=1&b=2"), of("/a", &[], "a=1&b=3"));
        assert_ne!(of("/a", &[], "a=1b&c=2"), of("/a", &[], "a=1&bc=2"));
        assert_ne!(of("/a", &[], ""), of("/a", &[], "limit=50"));
        assert_ne!(of("/a", &[], "limit=50"), of("/b", &[], "limit=50"));
        assert_ne!(of("/a", &["x", "y"], ""), of("/a", &["x", "z"], ""));
    }
}
