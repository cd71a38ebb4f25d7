//! A server of its own for a suite: started on an empty directory, ended with the value.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::wire::{self, Head};
use crate::Failure;

/// The key that the server is started with: all scopes, and the metrics of all logs.
pub(super) const KEY: &str = "bench-key-0123456789abcdef0123456789abcdef";
const READY: &str = "listening on http://";

pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts `binary` on `dir` and waits until it listens. Its log goes to `server.log` there.
    pub(super) fn start(binary: &Path, dir: &Path) -> Result<Self, Failure> {
        let log = dir.join("server.log");
        let mut child = Command::new(binary)
            .arg("serve")
            .arg("--data")
            .arg(dir.join("data"))
            .args(["--listen", "127.0.0.1:0"])
            .env("STELE_ADMIN_KEY", KEY)
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", binary.display()))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split_once(READY).and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok())
        });
        let Some(address) = address else {
            let status = child.wait()?;
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            return Err(format!("the server ended before it listened ({status}): {said}").into());
        };
        // Whoever stops reading a pipe stops its writer one day.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address })
    }
    pub(super) fn process(&self) -> String {
        self.child.id().to_string()
    }
    /// The sum of a metric over its labels.
    pub(super) fn metric(&self, name: &str) -> Result<f64, Failure> {
        let mut request = Vec::new();
        Head { method: "GET", path: "/metrics", key: KEY, content_type: "" }.write(0, &mut request);
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(&request)?;
        let mut buffer = Vec::new();
        let answer = wire::read_answer(&mut stream, &mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[answer.head_bytes..]);
        let values: Vec<f64> = text
            .lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(name))
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        if answer.status != 200 || values.is_empty() {
            return Err(format!("/metrics answers {} without {name}", answer.status).into());
        }
        Ok(values.iter().sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
