//! Stores that others wrote, each started once for all tests of this binary, and what is done to them
//! behind the server's back.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use stele_engine::archive::ObjectStore;
use stele_engine::io::RealDisk;
use stele_server::objects::{self, OpenError, Patience, StoreOptions};
use stele_tests::python;

/// A store's process. The end of its standard input, which the end of this process is too, ends it.
pub struct Running {
    /// Where it answers.
    pub port: u16,
    _input: ChildStdin,
    _child: Child,
}

/// SeaweedFS: locks, versions, signatures checked.
pub fn seaweedfs() -> &'static Running {
    static RUNNING: OnceLock<Running> = OnceLock::new();
    RUNNING.get_or_init(|| start("seaweedfs"))
}

/// moto: classes from which objects must be restored.
pub fn moto() -> &'static Running {
    static RUNNING: OnceLock<Running> = OnceLock::new();
    RUNNING.get_or_init(|| start("moto"))
}

/// The mock of Google Cloud Storage.
pub fn gcs() -> &'static Running {
    static RUNNING: OnceLock<Running> = OnceLock::new();
    RUNNING.get_or_init(|| start("gcs"))
}

fn start(kind: &str) -> Running {
    let mut command = Command::new(python::interpreter());
    command.arg("-B").arg(python::script("stores.py")).arg(kind);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{kind} does not start: {e}"));
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    output.read_line(&mut line).expect("a pipe");
    let port = line.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
    let Some(port) = port else {
        let mut said = String::new();
        let _ = child.stderr.take().expect("piped").read_to_string(&mut said);
        panic!("{kind} did not start: {line}{said}");
    };
    Running { port, _input: child.stdin.take().expect("piped"), _child: child }
}

impl Running {
    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs a command of `s3_client.py` against it.
    #[track_caller]
    pub fn client(&self, args: &[&str]) -> Value {
        let url = self.url();
        let all = [&[url.as_str()], args].concat();
        serde_json::from_str(&python::run("s3_client.py", &all)).expect("JSON")
    }

    /// A bucket of its own for a test: `lock`, `versions` or `plain`.
    #[track_caller]
    pub fn bucket(&self, kind: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("audit-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        assert_eq!(self.client(&["make_bucket", &name, kind]), serde_json::json!({}));
        name
    }
}

/// The runtime that calls run on.
fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads")
    })
}

/// Options for an endpoint, with the right credentials for all of the stores, and little patience.
pub fn options(endpoint: &str) -> StoreOptions {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "stele"),
        ("AWS_SECRET_ACCESS_KEY", "stele-secret"),
        ("GOOGLE_BEARER_TOKEN", "good-token"),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let patience = Patience {
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(20),
        attempts: 3,
        backoff: Duration::from_millis(10),
        ..Patience::default()
    };
    StoreOptions {
        endpoint: Some(endpoint.to_owned()),
        patience,
        ..StoreOptions::new(variables.map(own).into_iter().collect::<BTreeMap<_, _>>())
    }
}

/// Opens a store.
pub fn try_open(url: &str, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>, OpenError> {
    objects::open(url, options, Arc::new(RealDisk), runtime().handle())
}

/// Opens a store that must open.
#[track_caller]
pub fn open(url: &str, options: &StoreOptions) -> Arc<dyn ObjectStore> {
    try_open(url, options).unwrap_or_else(|e| panic!("{url}: {e}"))
}

/// What is logged while something is done on this thread.
pub fn logged<T>(doing: impl FnOnce() -> T) -> (T, String) {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let done = tracing::subscriber::with_default(subscriber, doing);
    let text = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (done, String::from_utf8_lossy(&text).into_owned())
}

/// Now and so many days, in microseconds.
pub fn in_days(days: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_micros()).expect("microseconds") + days * 86_400_000_000
}
