//! Running: from options to the last answer.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::start::{DirLock, lock, open};
use super::{LogFormat, ServeError, ServeOptions};
use crate::app::App;
use crate::http::listen;
use crate::http::tls::Tls;
use crate::jobs::{self, Bell};

/// Serves until SIGTERM or SIGINT, then drains and returns. Blocks; makes its own runtime, and sets
/// up logging to standard error.
///
/// Prints on standard output, each at most once: on the first start, unless
/// [`ServeOptions::admin_key`] is given, `first key (shown only now): stl_…`; and, when ready,
/// `listening on http://ADDRESS:PORT` (`https://` with TLS). SIGHUP reads the certificate again. A
/// second signal while draining ends the process with code 1.
///
/// # Errors
/// What could not be opened, locked or listened on. Damaged logs are no error: they are served
/// read-only and named by `GET /readyz`.
pub fn run(options: ServeOptions) -> Result<(), ServeError> {
    let threads = |source| ServeError::Io { path: "threads".into(), doing: "starting", source };
    let (printer, printing) = jobs::printer().map_err(threads)?;
    log_to(options.access_log, printer.clone());
    let runtime = jobs::runtime().map_err(threads)?;
    let served = runtime.block_on(async {
        // Before the ready line: who reads it may send a signal at once.
        let signals = Signals::hook()?;
        let running = start(options).await?;
        let scheme = if running.tls.is_some() { "https" } else { "http" };
        let mut out = std::io::stdout();
        if let Some(key) = &running.first_key {
            let _ = writeln!(out, "first key (shown only now): {key}");
        }
        let _ = writeln!(out, "listening on {scheme}://{}", running.address).and_then(|()| out.flush());
        signals.wait(running).await
    });
    runtime.shutdown_background();
    printer.stop();
    let _ = printing.join();
    served
}

fn log_to(format: LogFormat, printer: jobs::Printer) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("STELE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let builder = builder.with_writer(move || printer.clone());
    // A program that embeds the server may have its own subscriber, which then stays.
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Off | LogFormat::Text => builder.try_init(),
    };
}

/// A server that answers.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The key made on a first start.
    pub first_key: Option<String>,
    app: Arc<App>,
    tls: Option<Arc<Tls>>,
    accepting: JoinHandle<usize>,
    stop: watch::Sender<bool>,
    keeper: Arc<Bell>,
    scrubber: Arc<Bell>,
    _lock: DirLock,
}

/// Opens everything and begins to answer. Must be called on a runtime of several threads.
///
/// # Errors
/// As [`run`].
pub async fn start(options: ServeOptions) -> Result<Running, ServeError> {
    let lock = lock(&options.data)?;
    let tls = options.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
    let listener = bind(options.listen)?;
    let listening = |source| ServeError::Listen { address: options.listen, source };
    let address = listener.local_addr().map_err(listening)?;
    warn_plain(address, tls.is_some());
    let opened = tokio::task::spawn_blocking(move || open(options)).await;
    let (app, first_key) = match opened {
        Ok(opened) => opened?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    let keeper = Arc::new(Bell::default());
    let threads = |source| ServeError::Io { path: "threads".into(), doing: "starting", source };
    app.threads.add(jobs::housekeeper(Arc::clone(&app), Arc::clone(&keeper)).map_err(threads)?);
    app.threads.add(jobs::reporter(Arc::clone(&app)).map_err(threads)?);
    app.threads.add(jobs::exporter(Arc::clone(&app)).map_err(threads)?);
    for part in [jobs::Part::Here, jobs::Part::Away] {
        app.threads.add(jobs::tiers(Arc::clone(&app), part).map_err(threads)?);
    }
    let scrubber = Arc::new(Bell::default());
    if app.options.scrub.rate_bytes > 0 {
        let thread = jobs::scrub(Arc::clone(&app), Arc::clone(&scrubber));
        app.threads.add(thread.map_err(threads)?);
    }
    let (stop, stopped) = watch::channel(false);
    let accepting = tokio::spawn(listen::serve(Arc::clone(&app), listener, tls.clone(), stopped));
    Ok(Running { address, first_key, app, tls, accepting, stop, keeper, scrubber, _lock: lock })
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(failed)?;
    // A restart must not wait for the connections of the process before to be forgotten.
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.bind(address).map_err(failed)?;
    socket.listen(1024).map_err(failed)
}

fn warn_plain(address: SocketAddr, encrypted: bool) {
    if !encrypted && !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            %address,
            "PLAIN HTTP ON AN ADDRESS THAT OTHERS CAN REACH: keys and events travel unencrypted; \
             give a certificate and key, or listen on 127.0.0.1 behind a proxy that encrypts"
        );
    }
}

impl Running {
    /// Stops in order: not ready, no new connections, requests under way, writers, logs.
    pub async fn stop(self) {
        self.app.drain();
        self.app.desk.bell.stop();
        self.app.exports.desk.bell.stop();
        self.app.tiers.stop();
        self.app.stopping.send_replace(true);
        self.scrubber.stop();
        self.stop.send_replace(true);
        match self.accepting.await {
            Ok(0) => {}
            Ok(cut) => tracing::warn!(cut, "connections were cut at the drain deadline"),
            Err(error) => tracing::error!(%error, "listener"),
        }
        let tenants = self.app.all_tenants();
        for tenant in &tenants {
            tenant.queue.stop().await;
            tenant.bells.stop();
        }
        self.keeper.stop();
        let app = Arc::clone(&self.app);
        let closed = tokio::task::spawn_blocking(move || {
            app.threads.join();
            for tenant in tenants {
                jobs::sign(&tenant.log);
                if let Err(error) = tenant.log.close() {
                    tracing::error!(org = tenant.org.id, %error, "closing the log");
                }
            }
        });
        if closed.await.is_err() {
            tracing::error!("closing the logs panicked");
        }
    }

    /// What all requests share, for tests in this crate.
    #[cfg(test)]
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }
}

/// The signals that a server answers to.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// From here on signals wait here instead of ending the process.
    fn hook() -> Result<Self, ServeError> {
        let hook = |kind| {
            signal(kind).map_err(|source| ServeError::Io {
                path: "signals".into(),
                doing: "listening to",
                source,
            })
        };
        Ok(Self {
            term: hook(SignalKind::terminate())?,
            int: hook(SignalKind::interrupt())?,
            hup: hook(SignalKind::hangup())?,
        })
    }

    async fn wait(mut self, running: Running) -> Result<(), ServeError> {
        loop {
            tokio::select! {
                _ = self.term.recv() => break,
                _ = self.int.recv() => break,
                _ = self.hup.recv() => reload(running.tls.as_deref()),
            }
        }
        tracing::info!("stopping: draining connections");
        tokio::select! {
            () = running.stop() => Ok(()),
            _ = async { tokio::select! { _ = self.term.recv() => (), _ = self.int.recv() => () } } => {
                std::process::exit(1);
            }
        }
    }
}

fn reload(tls: Option<&Tls>) {
    match tls.map(Tls::reload) {
        Some(Ok(())) => tracing::info!("certificate read again"),
        Some(Err(error)) => tracing::error!(%error, "the old certificate stays"),
        None => tracing::info!("SIGHUP: there is no certificate to read again"),
    }
}
