//! `GET /v1/events/{event_id}`.

use hyper::StatusCode;

use super::Cx;
use crate::http::answer::{self, Answer};
use crate::http::problem::Problem;

/// One event, the log's own ones too.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    let event_id = cx.name()?;
    if cx.params.take_flag("proof")? {
        let detail = "parameter `proof`: this version has no checkpoints yet; the event's `chain` member and \
                      POST /v1/chain/verify prove it by its hashes";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "unavailable", detail));
    }
    std::mem::take(&mut cx.params).finish(&["proof"])?;
    let log = std::sync::Arc::clone(&cx.caller()?.tenant.log);
    let record = cx.app.block(move || log.find(&event_id)).await??.ok_or_else(Problem::not_found)?;
    let mut line = Vec::with_capacity(record.body.len() + 300);
    record.write_line(&mut line);
    line.push(b'\n');
    Ok(answer::json(line))
}
