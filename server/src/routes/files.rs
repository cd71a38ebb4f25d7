//! Files as answers: read as fast as the client takes them, whole or in one range (RFC 9110, 14).

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use tokio::sync::mpsc;

use super::Cx;
use crate::app::App;
use crate::http::answer::{self, Answer, Body};
use crate::http::etag;
use crate::http::problem::Problem;

const CHUNK_BYTES: u64 = 256 << 10;

/// A file to be sent.
pub struct Sent {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub media_type: &'static str,
    /// Its name for whoever keeps it.
    pub name: String,
    /// What changes when it does; without one there are no ranges.
    pub tag: Option<String>,
}

/// Sends a file, or the part of it that `Range` asks for.
///
/// # Errors
/// 410 where it is not there; 416 for a range that begins behind its end; 500 where it cannot be read.
pub async fn send(cx: &Cx, sent: Sent) -> Result<Answer, Problem> {
    let Sent { path, media_type, name, tag } = sent;
    let shown = path.display().to_string();
    let open = move || File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (bytes, file) = cx.app.block(open).await?.map_err(|error| {
        // As after a backup came back, which has rows and no files.
        if error.kind() == io::ErrorKind::NotFound {
            let detail = "the file is not here any more; ask for it again";
            return Problem::new(StatusCode::GONE, "gone", detail);
        }
        tracing::error!(path = shown, %error, "a file cannot be read");
        Problem::internal()
    })?;
    let tag = tag.map(|tag| format!("\"{tag}\""));
    if let Some(tag) = tag.as_deref().filter(|tag| etag::is_known(&cx.headers, tag)) {
        let mut answer = Answer::new(Body::full(Bytes::new()));
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        set(&mut answer, header::ETAG, tag);
        return Ok(answer);
    }
    let part = match tag.as_deref() {
        Some(tag) => part(&cx.headers, tag, bytes)?,
        None => None,
    };
    let (status, range) = match &part {
        Some(range) => (StatusCode::PARTIAL_CONTENT, range.clone()),
        None => (StatusCode::OK, 0..bytes),
    };
    let mut answer = if cx.method == Method::HEAD {
        sized(status, media_type, Body::full(Bytes::new()), range.end - range.start)
    } else {
        streamed(&cx.app, file, range, (status, media_type))
    };
    set(&mut answer, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""));
    if let Some(tag) = &tag {
        set(&mut answer, header::ETAG, tag);
        set(&mut answer, header::ACCEPT_RANGES, "bytes");
    }
    if let Some(Range { start, end }) = part {
        set(&mut answer, header::CONTENT_RANGE, &format!("bytes {start}-{}/{bytes}", end.saturating_sub(1)));
    }
    Ok(answer)
}

/// The bytes of an open file as an answer: read as fast as the client takes them, a piece at a time.
pub fn streamed(
    app: &Arc<App>,
    file: File,
    range: Range<u64>,
    (status, media_type): (StatusCode, &'static str),
) -> Answer {
    let bytes = range.end - range.start;
    let (chunks, receiver) = mpsc::channel(1);
    tokio::spawn(pieces(Arc::clone(app), file, range, chunks));
    sized(status, media_type, Body::stream(receiver), bytes)
}

fn sized(status: StatusCode, media_type: &'static str, body: Body, bytes: u64) -> Answer {
    let mut answer = answer::typed(status, media_type, body);
    answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    answer
}

fn set(answer: &mut Answer, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// The bytes that `Range` asks for; none for all of them, which also answers what is no single range of
/// bytes, and a range of another version of the file.
///
/// # Errors
/// 416 for a range that begins behind the end.
fn part(headers: &HeaderMap, tag: &str, bytes: u64) -> Result<Option<Range<u64>>, Problem> {
    let Some(asked) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    // A date, or a weak tag, says nothing about bytes here.
    if headers.get(header::IF_RANGE).is_some_and(|value| value.as_bytes() != tag.as_bytes()) {
        return Ok(None);
    }
    let Some((first, last)) = parse(asked) else { return Ok(None) };
    let range = match (first, last) {
        (Some(first), last) => first..last.map_or(bytes, |last| last.saturating_add(1).min(bytes)),
        (None, Some(suffix)) => bytes.saturating_sub(suffix)..bytes,
        (None, None) => return Ok(None),
    };
    if range.start < range.end {
        return Ok(Some(range));
    }
    let detail = format!("`Range` begins behind the end: the file has {bytes} bytes");
    let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", detail);
    Err(match HeaderValue::from_str(&format!("bytes */{bytes}")) {
        Ok(value) => problem.with(header::CONTENT_RANGE, value),
        Err(_) => problem,
    })
}

/// First and last byte of `bytes=first-last`, either of them absent; `None` when it is something else.
fn parse(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| match text {
        "" => Some(None),
        // More digits than fit are behind any file's end.
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    let (first, last) = (number(first)?, number(last)?);
    let in_order = first.is_none_or(|first| last.is_none_or(|last| first <= last));
    (in_order && (first.is_some() || last.is_some())).then_some((first, last))
}

/// Sends a part of a file in pieces. Ends early where it cannot be read, which its announced length shows.
async fn pieces(app: Arc<App>, mut file: File, range: Range<u64>, chunks: mpsc::Sender<Bytes>) {
    let mut left = range.end - range.start;
    let mut from = (range.start > 0).then_some(range.start);
    while left > 0 {
        let (start, bytes) = (from.take(), left.min(CHUNK_BYTES));
        match app.block(move || piece(file, start, bytes)).await {
            Ok(Ok((rest, bytes))) if !bytes.is_empty() => {
                left = left.saturating_sub(bytes.len() as u64);
                if chunks.send(bytes.into()).await.is_err() {
                    return;
                }
                file = rest;
            }
            Ok(Ok(_)) => return tracing::error!("a file is shorter than it was"),
            Ok(Err(error)) => return tracing::error!(%error, "reading a file"),
            Err(problem) => return tracing::error!(detail = problem.detail, "a download was cut"),
        }
    }
}

fn piece(mut file: File, from: Option<u64>, most: u64) -> io::Result<(File, Vec<u8>)> {
    if let Some(from) = from {
        file.seek(SeekFrom::Start(from))?;
    }
    let mut bytes = Vec::with_capacity(most as usize);
    (&file).take(most).read_to_end(&mut bytes)?;
    Ok((file, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &'static str, if_range: Option<&'static str>) -> Result<Option<Range<u64>>, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static(range));
        if let Some(tag) = if_range {
            headers.insert(header::IF_RANGE, HeaderValue::from_static(tag));
        }
        part(&headers, "\"t\"", 10).map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn one_range_of_bytes_is_sent_and_anything_else_is_the_whole_file() {
        for (range, part) in [
            ("bytes=0-3", Ok(Some(0..4))),
            ("bytes=4-", Ok(Some(4..10))),
            ("bytes=9-99", Ok(Some(9..10))),
            ("bytes=-3", Ok(Some(7..10))),
            ("bytes=-99", Ok(Some(0..10))),
            ("Bytes=0-0", Ok(Some(0..1))),
            ("bytes=10-", Err(416)),
            ("bytes=99999999999999999999999-", Err(416)),
            ("bytes=-0", Err(416)),
            ("bytes=3-1", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("bytes=a-b", Ok(None)),
            ("bytes=-", Ok(None)),
            ("lines=0-1", Ok(None)),
            ("bytes", Ok(None)),
        ] {
            assert_eq!(asked(range, None), part, "{range}");
        }
        assert_eq!(asked("bytes=0-3", Some("\"t\"")), Ok(Some(0..4)));
        for other in ["\"u\"", "W/\"t\"", "Sat, 28 Nov 2026 10:00:00 GMT"] {
            assert_eq!(asked("bytes=0-3", Some(other)), Ok(None), "{other}");
        }
    }
}
