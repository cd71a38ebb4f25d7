//! A server under test, and a client that shows what really came over the wire.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::serve::{LogFormat, Running, ServeOptions, start};

/// A running server.
pub struct Server {
    runtime: Runtime,
    running: Option<Running>,
    pub dir: TempDir,
    pub address: SocketAddr,
    pub key: String,
}

/// An answer.
pub struct Got {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Server {
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut ServeOptions)) -> Self {
        Self::on(tempfile::tempdir().unwrap(), change)
    }

    /// Over a directory that holds something.
    pub fn over(data: std::path::PathBuf) -> Self {
        Self::with(move |options| options.data = data)
    }

    fn on(dir: TempDir, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let runtime = crate::jobs::runtime().unwrap();
        let mut options = ServeOptions::new(dir.path().to_owned(), "127.0.0.1:0".parse().unwrap());
        options.access_log = LogFormat::Off;
        options.admin_key = Some("the-first-key-of-these-tests".to_owned());
        change(&mut options);
        let key = options.admin_key.clone().unwrap_or_default();
        let running = runtime.block_on(start(options)).unwrap();
        let address = running.address;
        Self { runtime, running: Some(running), dir, address, key }
    }

    /// Stops in order and starts again over the same directory.
    pub fn restart(self) -> Self {
        self.restart_with(|_| ())
    }

    /// The same with other options.
    pub fn restart_with(mut self, change: impl FnOnce(&mut ServeOptions)) -> Self {
        self.stop();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        drop(self);
        Self::on(dir, change)
    }

    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }

    pub fn app(&self) -> &std::sync::Arc<crate::app::App> {
        self.running.as_ref().unwrap().app()
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub fn panics(&self) -> u64 {
        self.running.as_ref().unwrap().app().metrics.panics.get()
    }

    /// One request on a connection of its own, with the first key.
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        let auth = format!("Bearer {}", self.key);
        self.call_as(&auth, method, path, headers, body)
    }

    pub fn call_as(
        &self,
        auth: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Got {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        if !auth.is_empty() {
            head.push_str(&format!("authorization: {auth}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method != "GET" {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses early may stop reading; its answer counts.
        let _ = stream.write_all(body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        parse(&bytes)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    pub fn get(&self, path: &str) -> Got {
        self.call("GET", path, &[], b"")
    }

    pub fn post_json(&self, path: &str, body: &str) -> Got {
        self.call("POST", path, &[("content-type", "application/json")], body.as_bytes())
    }

    pub fn post_lines(&self, path: &str, lines: &[String]) -> Got {
        let body = lines.join("\n");
        self.call("POST", path, &[("content-type", "application/x-ndjson")], body.as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn parse(bytes: &[u8]) -> Got {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer with a head");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: HashMap<String, String> = lines
        .map(|l| l.split_once(": ").unwrap())
        .map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|t| t == "chunked") {
        body = unchunk(&body);
    }
    Got { status, headers, body }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
        let len = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        if len == 0 || rest.len() < at + 2 + len {
            break;
        }
        body.extend_from_slice(&rest[at + 2..at + 2 + len]);
        rest = &rest[at + 2 + len + 2..];
    }
    body
}

/// An event with an id.
pub fn event(id: &str) -> String {
    format!(
        r#"{{"event_id":"{id}","timestamp":"2026-11-23T07:28:00.123Z","event_type":"auth.login","actor":{{"type":"user","id":"usr_17","email":"ada@example.com"}},"resource":{{"type":"session","id":"s_1"}},"action":"login","status":"success","metadata":{{"method":"password","n":1.0}}}}"#
    )
}
