//! `GET /v1/state`: the server's own state as of one moment, for a backup beside a running server.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use hyper::StatusCode;

use super::{Cx, files};
use crate::app::App;
use crate::http::answer::Answer;
use crate::http::problem::Problem;
use crate::state::State;

/// A whole `state.redb`. It holds hashes of keys, never keys.
pub async fn get(cx: &mut Cx) -> Result<Answer, Problem> {
    std::mem::take(&mut cx.params).finish(&[])?;
    copied(&cx.app).await
}

/// A copy, sent a piece at a time: it may be larger than what memory is there for.
async fn copied(app: &Arc<App>) -> Result<Answer, Problem> {
    let (state, data) = (Arc::clone(&app.state), app.options.data.clone());
    let copied = app.block(move || copy(&state, &data)).await?.map_err(|error| {
        tracing::error!(%error, "the state cannot be copied");
        Problem::internal()
    });
    let (file, bytes) = copied?;
    Ok(files::streamed(app, file, 0..bytes, (StatusCode::OK, "application/octet-stream")))
}

/// A copy that has no name any more: it is gone with the last who reads it.
fn copy(state: &State, data: &Path) -> io::Result<(File, u64)> {
    let dir = data.join(format!("state.copy-{}", uuid::Uuid::now_v7().simple()));
    let path = dir.join("state.redb");
    let made = || {
        fs::create_dir(&dir)?;
        state.copy_to(&path).map_err(io::Error::other)?;
        let file = File::open(&path)?;
        Ok((file.metadata()?.len(), file))
    };
    let made = made();
    // What a crash leaves of it is of no use and in nobody's way.
    let _ = fs::remove_dir_all(&dir);
    made.map(|(bytes, file)| (file, bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::tests::client::Server;

    #[test]
    fn the_state_is_sent_in_pieces_and_leaves_nothing_behind() {
        let server = Server::new();
        let answer = server.runtime().block_on(copied(server.app())).map_err(|p| p.detail).unwrap();
        assert_eq!(answer.body().full_len(), None, "it is not held in memory");
        assert!(answer.headers().contains_key("content-length"));
        let got = server.get("/v1/state");
        assert_eq!((got.status, &got.headers["content-length"]), (200, &got.body.len().to_string()));
        let (mut file, bytes) = copy(&server.app().state, server.dir.path()).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, bytes);
        let to = server.dir.path().join("taken");
        fs::create_dir(&to).unwrap();
        fs::write(to.join("state.redb"), &got.body).unwrap();
        assert_eq!(State::open(&to).unwrap().orgs().unwrap(), server.app().state.orgs().unwrap());
        let names: Vec<_> =
            fs::read_dir(server.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().starts_with("state.copy")), "{names:?}");
    }
}
