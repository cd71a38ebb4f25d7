//! A real `stele serve` in a directory of its own, stopped when dropped.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::wire::{Answer, Call};

/// The first key of every test server: instance key and all scopes of `default`.
pub const ADMIN_KEY: &str = "test-admin-key-0123456789abcdef";

/// The `stele` binary that the build made: `STELE_BIN`, else the one beside the test's own binary.
///
/// # Panics
/// When there is none, with how to make it.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("STELE_BIN") {
        return path.into();
    }
    let me = std::env::current_exe().expect("a test knows its own path");
    let profile = me.parent().and_then(Path::parent).expect("tests lie in <target>/<profile>/deps");
    let path = profile.join("stele");
    assert!(
        path.is_file(),
        "{} is absent: run `cargo build -p stele-server` first (`make test` does)",
        path.display()
    );
    path
}

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    data: Option<PathBuf>,
    listen: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Options {
    /// Serves this directory instead of a temporary one.
    #[must_use]
    pub fn data(mut self, dir: &Path) -> Self {
        self.data = Some(dir.to_owned());
        self
    }

    /// Listens elsewhere than on a free port of loopback.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        self.listen = Some(address.to_owned());
        self
    }

    /// Adds arguments to `stele serve`.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Sets a variable in the server's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server and waits until it listens.
    ///
    /// # Errors
    /// How it ended instead, with what it wrote to standard error.
    pub fn try_start(self) -> Result<Server, String> {
        let temporary = match self.data {
            Some(_) => None,
            None => Some(tempfile::tempdir().expect("a temporary directory")),
        };
        let data =
            self.data.or_else(|| Some(temporary.as_ref()?.path().join("data"))).expect("one of the two");
        let mut command = Command::new(binary());
        command.arg("serve").arg("--data").arg(&data).args(&self.args);
        command.arg("--listen").arg(self.listen.as_deref().unwrap_or("127.0.0.1:0"));
        // A rate limit would slow tests down that are not about it.
        command.env("STELE_ADMIN_KEY", ADMIN_KEY).env("STELE_RATE_OTHER", "off").envs(self.env);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{}: {e}", binary().display()))?;
        let stderr = collect(child.stderr.take().expect("piped"));
        let lines = line_channel(child.stdout.take().expect("piped"));
        match listening(&lines) {
            Some((address, printed)) => {
                Ok(Server { child, address, data, printed, stderr, _temporary: temporary })
            }
            None => {
                let _ = child.kill();
                let status = child.wait().map_err(|e| e.to_string())?;
                thread::sleep(Duration::from_millis(100));
                let said = stderr.lock().expect("no panic holds it").clone();
                Err(format!("{status}: {said}"))
            }
        }
    }

    /// The same, for servers that must start.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start(self) -> Server {
        self.try_start().unwrap_or_else(|e| panic!("the server did not start: {e}"))
    }
}

/// Reads a pipe to its end in the background, so that the server never blocks on it.
fn collect(mut pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    thread::spawn(move || {
        let mut chunk = [0; 8192];
        while let Ok(n @ 1..) = pipe.read(&mut chunk) {
            shared.lock().expect("no panic holds it").push_str(&String::from_utf8_lossy(&chunk[..n]));
        }
    });
    text
}

fn line_channel(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

/// Waits for the `listening on` line; also returns what was printed before it.
fn listening(lines: &mpsc::Receiver<String>) -> Option<(SocketAddr, Vec<String>)> {
    let mut printed = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        let address =
            line.strip_prefix("listening on ").and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
        if let Some(address) = address {
            return Some((address.trim().parse().expect("an address and a port"), printed));
        }
        printed.push(line);
    }
    None
}

/// A running server. Dropping it kills it and removes its temporary directory.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its data directory.
    pub data: PathBuf,
    /// What it printed before it listened.
    pub printed: Vec<String>,
    stderr: Arc<Mutex<String>>,
    _temporary: Option<TempDir>,
}

impl Server {
    /// A server with the defaults, on an empty directory.
    #[must_use]
    pub fn start() -> Self {
        Options::default().start()
    }

    /// A call without a key.
    #[must_use]
    pub fn bare(&self, method: &str, target: &str) -> Call {
        Call::new(self.address, method, target)
    }

    /// A call with the first key.
    #[must_use]
    pub fn call(&self, method: &str, target: &str) -> Call {
        self.bare(method, target).key(ADMIN_KEY)
    }

    /// GET with the first key.
    #[must_use]
    pub fn get(&self, target: &str) -> Answer {
        self.call("GET", target).send()
    }

    /// POST of JSON with the first key.
    #[must_use]
    pub fn post(&self, target: &str, json: &str) -> Answer {
        self.call("POST", target).json(json).send()
    }

    /// Ingests NDJSON lines with the first key.
    #[must_use]
    pub fn ingest(&self, events: &[String]) -> Answer {
        self.call("POST", "/v1/events").ndjson(crate::event::lines(events)).send()
    }

    /// Makes a key of `default` with these scopes; returns its id and secret.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn new_key(&self, scopes: &[&str]) -> (String, String) {
        self.new_key_as(ADMIN_KEY, scopes)
    }

    /// The same, in the organization of another admin key.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn new_key_as(&self, admin: &str, scopes: &[&str]) -> (String, String) {
        let body = serde_json::json!({"name": format!("for {}", scopes.join(" ")), "scopes": scopes});
        let answer = self.bare("POST", "/v1/keys").key(admin).json(body.to_string()).send();
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        let key = answer.json();
        (text(&key, "id"), text(&key, "secret"))
    }

    /// Makes an organization; returns its id and its admin key.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn new_org(&self, name: &str) -> (String, String) {
        let answer = self.post("/v1/orgs", &serde_json::json!({"name": name}).to_string());
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        let org = answer.json();
        (text(&org, "id"), text(&org, "key"))
    }

    /// What the server wrote to standard error so far.
    ///
    /// # Panics
    /// Never: the lock is held for no longer than a copy.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no panic holds it").clone()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("the server runs");
    }

    /// Waits for the end of the process.
    ///
    /// # Panics
    /// When it still runs after `patience`.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server still runs after {patience:?}: {}", self.stderr());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGTERM, then waits for a clean end.
    ///
    /// # Panics
    /// When the end is not clean.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait(Duration::from_secs(60));
        assert!(status.success(), "{status}: {}", self.stderr());
    }

    /// SIGKILL, then waits.
    ///
    /// # Panics
    /// When the process is gone already.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server runs");
        let _ = self.child.wait();
    }

    /// A line of `/proc/<pid>/status` in KiB, such as `VmHWM` or `RssAnon`.
    ///
    /// # Panics
    /// When the system does not tell.
    #[must_use]
    pub fn memory_kib(&self, line: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the server runs");
        let value =
            status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':')).expect("a known line");
        value.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the server's standard error, last lines ---");
            let said = self.stderr.lock().map(|text| text.clone()).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            for line in &lines[lines.len().saturating_sub(20)..] {
                eprintln!("{line}");
            }
        }
    }
}

/// A member that must be text.
///
/// # Panics
/// When it is not.
#[must_use]
#[track_caller]
pub fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member:?} in {value}")).to_owned()
}
