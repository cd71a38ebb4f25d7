//! `GET /v1/reports/{id}/download`: a file, read as fast as the client takes it.

use hyper::StatusCode;

use super::named;
use crate::http::answer::Answer;
use crate::http::problem::Problem;
use crate::http::query::Params;
use crate::reports::files::{self, Format};
use crate::routes::Cx;
use crate::routes::files::Sent;
use crate::serve::start::log_dir;
use crate::state::{ReportRow, ReportStatus};

/// The report in one of its forms.
pub async fn download(cx: &mut Cx) -> Result<Answer, Problem> {
    let format = format(&mut cx.params)?;
    std::mem::take(&mut cx.params).finish(&["format"])?;
    let row = named(cx).await?;
    ready(&row)?;
    let dir = files::dir(&log_dir(&cx.app.options.data, &cx.caller()?.tenant.org.log_id));
    let path = files::path(&dir, &row.id, format);
    let name = format!("stele-report-{}.{}", row.id, format.name());
    // A file that is made again is another one of the same name: its bytes have no tag.
    crate::routes::files::send(cx, Sent { path, media_type: format.media_type(), name, tag: None }).await
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
