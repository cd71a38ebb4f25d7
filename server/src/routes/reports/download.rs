//! `GET /v1/reports/{id}/download`: a file, read as fast as the client takes it.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};
use tokio::sync::mpsc;

use super::named;
use crate::app::App;
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::Problem;
use crate::http::query::Params;
use crate::reports::files::{self, Format};
use crate::routes::Cx;
use crate::serve::start::log_dir;
use crate::state::{ReportRow, ReportStatus};

const CHUNK_BYTES: u64 = 256 << 10;

/// The report in one of its forms.
pub async fn download(cx: &mut Cx) -> Result<Answer, Problem> {
    let format = format(&mut cx.params)?;
    std::mem::take(&mut cx.params).finish(&["format"])?;
    let row = named(cx).await?;
    ready(&row)?;
    let dir = files::dir(&log_dir(&cx.app.options.data, &cx.caller()?.tenant.org.log_id));
    let path = files::path(&dir, &row.id, format);
    let open = move || File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (bytes, file) = cx.app.block(open).await?.map_err(|error| {
        tracing::error!(report = row.id, %error, "a report's file cannot be read");
        Problem::internal()
    })?;
    let body = if cx.method == Method::HEAD {
        Body::full(Bytes::new())
    } else {
        let (chunks, receiver) = mpsc::channel(1);
        tokio::spawn(send(Arc::clone(&cx.app), file, chunks));
        Body::stream(receiver)
    };
    let mut answer = answer::typed(StatusCode::OK, format.media_type(), body);
    let name = format!("attachment; filename=\"stele-report-{}.{}\"", row.id, format.name());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(answer)
}

fn format(params: &mut Params) -> Result<Format, Problem> {
    let Some(name) = params.take("format")? else { return Ok(Format::Json) };
    Format::ALL
        .into_iter()
        .find(|format| format.name() == name)
        .ok_or_else(|| Problem::parameter("format", format!("takes json, csv or html, not `{name}`")))
}

fn ready(row: &ReportRow) -> Result<(), Problem> {
    let (status, slug, detail) = match row.status {
        ReportStatus::Done => return Ok(()),
        ReportStatus::Pending | ReportStatus::Running => (
            StatusCode::CONFLICT,
            "not-ready",
            "the report is not made yet; ask again a little later".to_owned(),
        ),
        ReportStatus::Failed => {
            let why = row.error.as_deref().unwrap_or("the server's log says why");
            (StatusCode::CONFLICT, "not-ready", format!("the report was not made: {why}"))
        }
        ReportStatus::Expired => {
            let detail = "the files of a report are kept for 30 days; ask for it again";
            (StatusCode::GONE, "gone", detail.to_owned())
        }
    };
    Err(Problem::new(status, slug, detail))
}

/// Sends a file in pieces. Ends early where it cannot be read, which its announced length shows.
async fn send(app: Arc<App>, file: File, chunks: mpsc::Sender<Bytes>) {
    let mut file = Some(file);
    while let Some(reading) = file.take() {
        let read = app.block(move || chunk(reading)).await;
        match read {
            Ok(Ok((_, bytes))) if bytes.is_empty() => return,
            Ok(Ok((rest, bytes))) => {
                if chunks.send(bytes.into()).await.is_err() {
                    return;
                }
                file = Some(rest);
            }
            Ok(Err(error)) => tracing::error!(%error, "reading a report's file"),
            Err(problem) => tracing::error!(detail = problem.detail, "a download was cut"),
        }
    }
}

fn chunk(file: File) -> io::Result<(File, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(CHUNK_BYTES as usize);
    (&file).take(CHUNK_BYTES).read_to_end(&mut bytes)?;
    Ok((file, bytes))
}
