//! `/tlog/<log-id>/…` as c2sp.org/tlog-tiles says: checkpoint, tiles, entry bundles. Hashes only,
//! without a key: who watches a log needs to see no event of it.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};

use super::{Cx, proofs};
use crate::app::Tenant;
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::Problem;

/// Hashes of a full tile.
const FULL: u64 = 256;

/// The newest checkpoint that was signed.
pub async fn checkpoint(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let log = Arc::clone(&tenant(cx)?.log);
    let last = move || log.last_checkpoint().inspect(|signed| log.deliver(signed));
    let signed = cx.app.block(last).await?.ok_or_else(Problem::not_found)?;
    let answer = answer::typed(StatusCode::OK, proofs::NOTE, Body::full(signed.note.clone()));
    Ok(cached(answer, "no-cache"))
}

/// A tile or an entry bundle that the newest checkpoint covers. What has a name never changes.
pub async fn tile(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let asked = cx.names.get(1).and_then(|path| Asked::parse(path)).ok_or_else(Problem::not_found)?;
    let log = Arc::clone(&tenant(cx)?.log);
    let read = move || match asked.level {
        Some(level) => log.tile(level, asked.index, asked.width),
        None => log.entries(asked.index, asked.width),
    };
    let bytes = cx.app.block(read).await??.ok_or_else(Problem::not_found)?;
    let answer = answer::typed(StatusCode::OK, "application/octet-stream", Body::full(bytes));
    // A partial tile is given up for the full one, so nobody needs it for long.
    Ok(cached(
        answer,
        if asked.width == FULL { "public, max-age=31536000, immutable" } else { "public, max-age=3600" },
    ))
}

fn cached(mut answer: Answer, how: &'static str) -> Answer {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(how));
    answer
}

fn tenant(cx: &Cx) -> Result<Arc<Tenant>, Problem> {
    let log_id = cx.name()?;
    let all = cx.app.all_tenants();
    all.into_iter().find(|tenant| tenant.org.log_id == log_id).ok_or_else(Problem::not_found)
}

/// What the path names: a tile of a level, or an entry bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    level: Option<u32>,
    index: u64,
    width: u64,
}

impl Asked {
    /// Reads `<L>/<N>[.p/<W>]` and `entries/<N>[.p/<W>]`; `None` for any other spelling.
    fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.split_once('/')?;
        let level = match level {
            "entries" => None,
            level => Some(decimal(level).filter(|&level| level < 64)? as u32),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, decimal(width).filter(|width| (1..FULL).contains(width))?),
            None => (rest, FULL),
        };
        Some(Self { level, index: tile_index(index)?, width })
    }
}

/// A number in its shortest decimal form.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// Reads `x001/x234/067`: groups of three digits, all but the last behind an `x`, as few as will do.
fn tile_index(text: &str) -> Option<u64> {
    let mut groups = text.split('/').rev();
    let digits = |group: &str| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit());
    let last = groups.next().filter(|group| digits(group))?;
    let mut joined = vec![last];
    for group in groups {
        joined.push(group.strip_prefix('x').filter(|group| digits(group))?);
    }
    if joined.len() > 1 && joined.last() == Some(&"000") {
        return None;
    }
    joined.reverse();
    joined.concat().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tile_paths_have_one_spelling() {
        let tile = |level, index, width| Some(Asked { level, index, width });
        assert_eq!(Asked::parse("0/000"), tile(Some(0), 0, 256));
        assert_eq!(Asked::parse("1/x001/x234/067"), tile(Some(1), 1_234_067, 256));
        assert_eq!(Asked::parse("0/x001/000.p/17"), tile(Some(0), 1_000, 17));
        assert_eq!(Asked::parse("entries/999.p/255"), tile(None, 999, 255));
        for bad in [
            "",
            "0",
            "0/",
            "0/1",
            "0/0000",
            "00/000",
            "64/000",
            "-1/000",
            "0/x000/001",
            "0/001/002",
            "0/x001",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "0/000.p/1/2",
            "0/+01",
            "entries/x1/000",
            "entries/x999/x999/x999/x999/x999/x999/x999/999",
            "data/000",
            "0/000.p",
            "0//000",
        ] {
            assert_eq!(Asked::parse(bad), None, "{bad}");
        }
    }
}
