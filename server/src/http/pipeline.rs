//! What every request goes through, in one place: id, route, key, rate, scope, handler, panic guard,
//! compression, headers, log line, counters.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};

use super::answer::Answer;
use super::problem::Problem;
use super::query::Params;
use super::router::{Call, Routed, Router};
use super::timed::Phase;
use super::{client, compress};
use crate::app::App;
use crate::auth::{self, Access, Verdict};
use crate::metrics::{RequestLabels, RouteLabels};
use crate::routes::{self, Cx};
use crate::serve::LogFormat;

/// Serves the requests of one connection.
pub struct Pipeline {
    /// What all share.
    pub app: Arc<App>,
    /// The table.
    pub router: Arc<Router>,
    /// The other end.
    pub peer: SocketAddr,
    /// Told when a request begins and ends.
    pub phase: Phase,
}

impl Pipeline {
    /// Answers one request. Never fails: what goes wrong is an answer.
    pub async fn serve(&self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let guard = self.phase.begin();
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let request_id = request_id(&parts.headers);
        let mut cx = Cx {
            app: Arc::clone(&self.app),
            method: parts.method,
            headers: parts.headers,
            names: Vec::new(),
            params: Params::default(),
            body: Some(body),
            caller: None,
            address: self.peer.ip().to_canonical(),
            secure: false,
            received_bytes: 0,
            small_body: None,
            rate: None,
            route: "unmatched",
        };
        let options = &self.app.options;
        cx.address = client::address(&cx.headers, self.peer, &options.trusted_proxies);
        cx.secure = options.tls.is_some() || client::by_tls(&cx.headers, self.peer, &options.trusted_proxies);
        let path = parts.uri.path();
        let handled = CatchPanic(Box::pin(self.handle(&mut cx, path, parts.uri.query()))).await;
        let answer = match handled {
            Some(Ok(answer)) => answer,
            Some(Err(problem)) => problem.into_answer(&request_id),
            None => {
                self.app.metrics.panics.inc();
                tracing::error!(request_id, path, "a handler panicked");
                Problem::internal().into_answer(&request_id)
            }
        };
        linger(&mut cx);
        let mut answer = compress::compress(&cx.headers, answer).await;
        finish_headers(&mut answer, &request_id, cx.rate);
        self.note(&cx, path, &request_id, &answer, started.elapsed());
        answer.body_mut().hold(Box::new(guard));
        Ok(answer)
    }

    async fn handle(&self, cx: &mut Cx, path: &str, query: Option<&str>) -> Result<Answer, Problem> {
        let Routed { call, access, path: pattern, names } = self.router.find(&cx.method, path)?;
        cx.route = pattern;
        if access != Access::Open {
            let caller = auth::authenticate(&self.app, &cx.method, &cx.headers, cx.secure)?;
            auth::count(&self.app, &caller, call == Call::Ingest, &mut cx.rate)?;
            let allowed = auth::authorize(&caller, access);
            cx.caller = Some(caller);
            allowed?;
        }
        cx.params = Params::parse(query)?;
        let decoded: Option<Vec<String>> =
            names.iter().map(|name| super::query::decode(name, false)).collect();
        cx.names = decoded.ok_or_else(Problem::not_found)?;
        routes::dispatch(call, cx).await
    }

    /// The log line and the counters. No query string, header or body is in them.
    fn note(&self, cx: &Cx, path: &str, request_id: &str, answer: &Answer, took: Duration) {
        let status = answer.status().as_u16();
        let method = known_method(&cx.method);
        let metrics = &self.app.metrics;
        metrics.requests.get_or_create(&RequestLabels { route: cx.route, method, status }).inc();
        let seconds = metrics.seconds.get_or_create(&RouteLabels { route: cx.route });
        seconds.observe(took.as_secs_f64());
        metrics.received_bytes.inc_by(cx.received_bytes);
        if self.app.options.access_log == LogFormat::Off {
            return;
        }
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let sent = answer.body().full_len().map_or(-1, |len| i64::try_from(len).unwrap_or(i64::MAX));
        tracing::info!(
            target: "access",
            method,
            path,
            status,
            took_us,
            received = cx.received_bytes,
            sent,
            client = %cx.address,
            org = cx.caller.as_ref().map_or("-", |c| c.key.org()),
            key = cx.caller.as_ref().map_or("-", |c| c.key.id()),
            request_id,
        );
    }
}

/// Methods have few names in metrics, whatever clients send.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The client's id for the request where it is fit to be logged, else one of ours.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|v| v.to_str().ok());
    let fit = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(&b))
    };
    given.filter(fit).map_or_else(|| uuid::Uuid::now_v7().simple().to_string(), str::to_owned)
}

fn finish_headers(answer: &mut Answer, request_id: &str, rate: Option<Verdict>) {
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(verdict) = rate {
        verdict.write(headers);
    }
}

const LINGER_BYTES_MAX: u64 = 64 << 20;
const LINGER_TIME_MAX: Duration = Duration::from_secs(3);

/// Reads on, for a while and into nothing, a body that nobody took. Closing at once would reset the
/// connection, and many clients then never see the answer that says why.
fn linger(cx: &mut Cx) {
    let Some(mut body) = cx.body.take().filter(|b| !b.is_end_stream()) else { return };
    tokio::spawn(tokio::time::timeout(LINGER_TIME_MAX, async move {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, |d| d.len() as u64);
            if seen > LINGER_BYTES_MAX {
                return;
            }
        }
    }));
}

/// A future whose panic is `None`.
struct CatchPanic<'a, T>(Pin<Box<dyn Future<Output = T> + Send + 'a>>);

impl<T> Future for CatchPanic<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_at_any_poll() {
        let fine = CatchPanic(Box::pin(async {
            tokio::task::yield_now().await;
            7
        }));
        assert_eq!(fine.await, Some(7));
        let bad = CatchPanic::<u8>(Box::pin(async {
            tokio::task::yield_now().await;
            panic!("a handler's panic, on purpose")
        }));
        assert_eq!(bad.await, None);
    }

    #[test]
    fn request_ids_of_clients_are_kept_only_when_fit_to_be_logged() {
        let id = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", HeaderValue::from_bytes(value).unwrap());
            request_id(&headers)
        };
        assert_eq!(id(b"abc-1.2:3"), "abc-1.2:3");
        for unfit in [&b"a b"[..], b"\"x\"", &[b'a'; 129], b"\xff"] {
            assert_eq!(id(unfit).len(), 32);
        }
    }
}
