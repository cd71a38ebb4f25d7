//! `GET /v1/exports/{id}/download` and `…/manifest`: the files of an export.

use hyper::StatusCode;

use super::named;
use crate::exports::files;
use crate::http::answer::Answer;
use crate::http::problem::Problem;
use crate::routes::Cx;
use crate::routes::files::{Sent, send};
use crate::serve::start::log_dir;
use crate::state::{ExportRow, ExportStatus};

/// The file, or one chunk of a bulk export.
pub async fn download(cx: &mut Cx) -> Result<Answer, Problem> {
    let chunk = cx.params.take("chunk")?;
    std::mem::take(&mut cx.params).finish(&["chunk"])?;
    let row = named(cx).await?;
    ready(&row)?;
    let number = number(&row, chunk.as_deref())?;
    let found = number.checked_sub(1).and_then(|at| row.chunks.get(at)).ok_or_else(Problem::internal)?;
    let packed = row.form.compression.media_type();
    let media_type = packed.unwrap_or(row.form.format.media_type());
    file(cx, &found.file, media_type, &found.sha256).await
}

/// Which chunk, counted from 1.
fn number(row: &ExportRow, asked: Option<&str>) -> Result<usize, Problem> {
    let count = row.chunks.len();
    let takes = |takes: String| Err(Problem::parameter("chunk", takes));
    match asked {
        None if row.bulk => takes(format!("says which file of a bulk export: 1 to {count}")),
        None => Ok(1),
        Some(text) => match text.parse() {
            Ok(number) if (1..=count).contains(&number) => Ok(number),
            _ => takes(format!("takes 1 to {count}, not `{text}`")),
        },
    }
}

/// The manifest of a bulk export.
pub async fn manifest(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let row = named(cx).await?;
    if !row.bulk {
        let detail = "this export is one file, and its verification hash is in the export itself; bulk exports have a manifest";
        return Err(Problem::new(StatusCode::NOT_FOUND, "not-found", detail));
    }
    ready(&row)?;
    let tag = row.verification_hash.clone().unwrap_or_default();
    file(cx, &row.manifest(), "application/json", &tag).await
}

async fn file(cx: &Cx, name: &str, media_type: &'static str, tag: &str) -> Result<Answer, Problem> {
    let dir = files::dir(&log_dir(&cx.app.options.data, &cx.caller()?.tenant.org.log_id));
    let sent = Sent { path: dir.join(name), media_type, name: name.to_owned(), tag: Some(tag.to_owned()) };
    send(cx, sent).await
}

fn ready(row: &ExportRow) -> Result<(), Problem> {
    let (status, slug, detail) = match row.shown_status() {
        ExportStatus::Done => return Ok(()),
        ExportStatus::Pending | ExportStatus::Running => (
            StatusCode::CONFLICT,
            "not-ready",
            "the export is not written yet; ask again a little later".to_owned(),
        ),
        ExportStatus::Failed => {
            let why = row.error.as_deref().unwrap_or("the server's log says why");
            (StatusCode::CONFLICT, "not-ready", format!("the export was not written: {why}"))
        }
        ExportStatus::Cancelled => {
            (StatusCode::CONFLICT, "not-ready", "the export was cancelled; ask for it again".to_owned())
        }
        ExportStatus::Expired => {
            let detail =
                format!("the files of an export are kept for {} days; ask for it again", files::KEPT_DAYS);
            (StatusCode::GONE, "gone", detail)
        }
    };
    Err(Problem::new(status, slug, detail))
}
