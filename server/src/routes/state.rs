//! `GET /v1/state`: the server's own state as of one moment, for a backup beside a running server.

use std::sync::Arc;

use hyper::StatusCode;

use super::Cx;
use crate::http::answer::{self, Answer, Body};
use crate::http::problem::Problem;

/// A whole `state.redb`. It holds hashes of keys, never keys.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    let (state, data) = (Arc::clone(&cx.app.state), cx.app.options.data.clone());
    let copied = cx.app.block(move || {
        let dir = data.join(format!("state.copy-{}", uuid::Uuid::now_v7().simple()));
        let path = dir.join("state.redb");
        let copy = || {
            std::fs::create_dir(&dir)?;
            state.copy_to(&path).map_err(std::io::Error::other)?;
            std::fs::read(&path)
        };
        let bytes = copy();
        // What a crash leaves of it is of no use and in nobody's way.
        let _ = std::fs::remove_dir_all(&dir);
        bytes
    });
    let bytes = copied.await?.map_err(|error| {
        tracing::error!(%error, "the state cannot be copied");
        Problem::internal()
    })?;
    Ok(answer::typed(StatusCode::OK, "application/octet-stream", Body::full(bytes)))
}
