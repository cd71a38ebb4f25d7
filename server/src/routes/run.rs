//! Running a question: a place, a clock, and an end when its client goes away.
//!
//! Keeps true: a question holds one of a bounded number of places for no longer than its time
//! allows, whoever still waits for it; who finds no place soon is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stele_engine::error::StoreError;
use stele_engine::query::{Budget, Over};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::http::problem::Problem;

/// A tail's round may wait long for its place: nobody can ask again for it.
const TAIL_WAIT: Duration = Duration::from_secs(10);

/// Runs a question within the places, and the time, that questions have.
///
/// # Errors
/// 503 without a free place; 400 when it costs too much; whatever the store says.
pub async fn run<T: Send + 'static>(
    app: &App,
    call: impl FnOnce(&Budget<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    app.metrics.queries.inc();
    let _running = Running(app);
    let time = app.options.timeouts.query;
    Ok(clocked(app, &app.queries, (app.options.timeouts.query_wait, time), call).await??)
}

/// Runs a question of another kind, in places of its own, with a time of its own.
///
/// # Errors
/// As [`run`].
pub async fn run_in<T: Send + 'static>(
    app: &App,
    places: &Arc<Semaphore>,
    time: Duration,
    call: impl FnOnce(&Budget<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    Ok(clocked(app, places, (time, time), call).await??)
}

/// Runs one round of a tail: in the places of other short calls, so that questions do not hold up
/// tails, with the time of a question.
///
/// # Errors
/// 503 without a free place; inside, whatever the store says.
pub async fn round<T: Send + 'static>(
    app: &App,
    call: impl FnOnce(&Budget<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<Result<T, StoreError>, Problem> {
    clocked(app, &app.blocking, (TAIL_WAIT, app.options.timeouts.query), call).await
}

async fn clocked<T: Send + 'static>(
    app: &App,
    places: &Arc<Semaphore>,
    (wait, time): (Duration, Duration),
    call: impl FnOnce(&Budget<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<Result<T, StoreError>, Problem> {
    let gone = Gone::default();
    let flag = Arc::clone(&gone.0);
    let cancelled = app.metrics.cancelled.clone();
    let done = app.block_in(places, wait, move || {
        let begun = Instant::now();
        let over = || {
            if flag.load(Ordering::Relaxed) {
                return Some(Over::Gone);
            }
            (begun.elapsed() > time).then_some(Over::Time)
        };
        let result = call(&Budget::new(&over));
        if matches!(result, Err(StoreError::Cancelled)) {
            cancelled.inc();
        }
        result
    });
    let result = done.await?;
    if matches!(result, Err(StoreError::TooBroad(_))) {
        app.metrics.too_broad.inc();
    }
    Ok(result)
}

/// Set when dropped: the server drops a handler when its client closes the connection.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Running<'a>(&'a App);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.metrics.queries.dec();
    }
}
