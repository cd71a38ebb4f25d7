//! The listener: accepts, caps and drains connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::pipeline::Pipeline;
use super::router::Router;
use super::timed::{Patience, Phase, Timed};
use super::tls::Tls;
use crate::app::App;

/// Longest request head: the longest query string, and some KiB of headers.
const HEAD_BYTES_MAX: usize = 58 << 10;
/// Read and write buffer of a connection: what 4,096 of them may hold beside the bodies' budget.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Headers of a request.
const HEADERS_MAX: usize = 64;

/// Accepts until `stop` turns true, then drains: no new connection, requests under way may finish
/// until the deadline of the options. Returns how many connections were cut.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    mut stop: watch::Receiver<bool>,
) -> usize {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(app.options.limits.connections.max(1)));
    let router = Arc::new(Router::new());
    loop {
        let place = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let (stream, peer) = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accept(&listener) => accepted,
        };
        let connection = Connection {
            app: Arc::clone(&app),
            router: Arc::clone(&router),
            watcher: graceful.watcher(),
            peer,
            _place: place,
        };
        tokio::spawn(connection.run(stream, tls.clone()));
    }
    drop(listener);
    let open = graceful.count();
    let drained = tokio::time::timeout(app.options.timeouts.drain, graceful.shutdown()).await;
    if drained.is_ok() { 0 } else { open }
}

/// Waits for a connection; pauses while the process has no file descriptors left, instead of
/// spinning.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut pause = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

struct Connection {
    app: Arc<App>,
    router: Arc<Router>,
    watcher: Watcher,
    peer: SocketAddr,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<Arc<Tls>>) {
        // Answers are single writes; without this they wait for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let _open = Open::new(&self.app);
        match tls {
            None => self.serve(stream).await,
            Some(tls) => {
                let limit = self.app.options.timeouts.handshake;
                match tokio::time::timeout(limit, tls.acceptor().accept(stream)).await {
                    Ok(Ok(stream)) => self.serve(stream).await,
                    Ok(Err(error)) => tracing::debug!(peer = %self.peer, %error, "TLS handshake"),
                    Err(_) => tracing::debug!(peer = %self.peer, "TLS handshake timed out"),
                }
            }
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let timeouts = &self.app.options.timeouts;
        let patience = Patience {
            head: timeouts.head,
            idle: timeouts.idle,
            write: timeouts.body_chunk.max(timeouts.head),
        };
        let phase = Phase::default();
        let io = TokioIo::new(Timed::new(stream, patience, phase.clone()));
        let pipeline = Arc::new(Pipeline { app: self.app, router: self.router, peer: self.peer, phase });
        let service = service_fn(move |request| {
            let pipeline = Arc::clone(&pipeline);
            async move { pipeline.serve(request).await }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(io, service);
        if let Err(error) = self.watcher.watch(connection).await {
            tracing::debug!(peer = %self.peer, %error, "connection");
        }
    }
}

/// Counts an open connection.
struct Open(Arc<App>);

impl Open {
    fn new(app: &Arc<App>) -> Self {
        app.metrics.connections.inc();
        Self(Arc::clone(app))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}
