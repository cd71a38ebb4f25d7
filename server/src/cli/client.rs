//! The HTTP side of every command that talks to a server.
//!
//! Owns address, key, certificates, time limits and the repeats of calls that may be repeated.

use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{self, HeaderMap, Method};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy};

use super::failure::Failure;
use super::problem::Problem;

/// Largest answer that is read into memory: a page of 1,000 events of 256 KiB, and room around it.
const ANSWER_BYTES_MAX: u64 = 320 << 20;
/// A live stream sends something at least every 15 s; silence for four times that is a dead peer.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Which server, and as whom.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct Connection {
    /// Address of the server
    #[arg(
        long,
        env = "STELE_URL",
        default_value = "http://127.0.0.1:7070",
        value_name = "URL",
        global = true
    )]
    pub url: String,
    /// API key; better given as STELE_API_KEY or --key-file, because arguments are visible to other users
    #[arg(long, env = "STELE_API_KEY", hide_env_values = true, value_name = "KEY", global = true)]
    pub key: Option<String>,
    /// File whose first line is the API key; goes before --key and STELE_API_KEY
    #[arg(long, value_name = "FILE", global = true)]
    pub key_file: Option<PathBuf>,
    /// PEM file of the certificates to trust instead of the public ones
    #[arg(long, env = "STELE_CACERT", value_name = "FILE", global = true)]
    pub cacert: Option<PathBuf>,
}

/// A client of one server. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    authorization: Option<String>,
}

/// An answer with status 2xx, or the problem of another.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// A client whose calls keep up to `connections` connections open.
    pub fn new(connection: &Connection, connections: usize) -> Result<Self, Failure> {
        let base = base_url(&connection.url)?;
        let tls = TlsConfig::builder().root_certs(root_certs(connection)?).build();
        // A proxy has no way to this machine's own loopback address.
        let proxy = if is_loopback(&base) { None } else { Proxy::try_from_env() };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("stele/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_per_read(Some(SILENCE_MAX))
            .timeout_per_write(Some(SILENCE_MAX))
            .max_idle_connections(connections)
            .max_idle_connections_per_host(connections)
            .proxy(proxy)
            .tls_config(tls)
            .build();
        let authorization = key(connection)?.map(|key| format!("Bearer {key}"));
        Ok(Self { agent: config.new_agent(), base, authorization })
    }

    /// The server's address, without a slash at its end.
    pub fn address(&self) -> &str {
        &self.base
    }

    /// GET, read whole. Repeated on overload and lost connections.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.get_bytes(path)?;
        self.decode(&answer)
    }

    /// GET, as bytes.
    pub fn get_bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        // An overloaded server says when it has time; one that cannot be reached is told soon,
        // because someone may be waiting at a terminal.
        let mut overload = Backoff::new(Duration::from_secs(30));
        let mut lost = Backoff::new(Duration::from_secs(1));
        loop {
            match self.exchange(Method::GET, path, &[], None) {
                Ok(answer) if answer.may_repeat() && overload.wait(answer.retry_after) => {}
                Ok(answer) => return answer.into_ok(),
                Err(error) if is_transient(&error) && lost.wait(None) => {}
                Err(error) => return Err(self.unreachable(&error)),
            }
        }
    }

    /// POST, PUT or DELETE with a JSON body, once.
    pub fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, Failure> {
        let body = body.map(serde_json::to_vec).transpose().map_err(|e| Failure::Usage(e.to_string()))?;
        let answer = self
            .exchange(method, path, &[("content-type", "application/json")], body.as_deref())
            .map_err(|error| self.unreachable(&error))?
            .into_ok()?;
        if answer.is_empty() { self.decode(b"null") } else { self.decode(&answer) }
    }

    /// One exchange, as it comes.
    pub fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let mut response = self.open(method, path, headers, body)?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Answer { status, retry_after, body })
    }

    /// One exchange whose answer is read as it arrives; another status than 2xx is a failure.
    pub fn stream(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Result<Box<dyn Read>, Answer>, ureq::Error> {
        let mut response = self.open(method, path, headers, body)?;
        if response.status().is_success() {
            return Ok(Ok(Box::new(response.into_body().into_with_config().limit(u64::MAX).reader())));
        }
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let body = response.body_mut().with_config().limit(1 << 20).read_to_vec()?;
        Ok(Err(Answer { status, retry_after, body }))
    }

    fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<http::Response<Body>, ureq::Error> {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body {
            Some(bytes) => self.agent.run(request.body(bytes)?),
            None => self.agent.run(request.body(())?),
        }
    }

    fn decode<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body)
            .map_err(|e| Failure::Unreachable(format!("{}: not an answer of Stele: {e}", self.base)))
    }

    /// A failed call, told with the server's address.
    pub fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::Unreachable(match error {
            ureq::Error::Io(source) => format!("{}: {source}", self.base),
            other => format!("{}: {other}", self.base),
        })
    }
}

impl Answer {
    /// True where the same call may succeed a little later, and repeating it is harmless.
    pub fn may_repeat(&self) -> bool {
        matches!(self.status, 429 | 502 | 503 | 504)
    }

    /// The body of a 2xx, or the problem.
    pub fn into_ok(self) -> Result<Vec<u8>, Failure> {
        if (200..300).contains(&self.status) { Ok(self.body) } else { Err(self.into_failure()) }
    }

    /// The problem in the body.
    pub fn into_failure(self) -> Failure {
        Failure::Problem(Box::new(Problem::read(self.status, &self.body)))
    }
}

/// True for errors of the connection, after which the same call may succeed.
pub fn is_transient(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(source) => {
            // A certificate that is not trusted comes as an I/O error too, and stays untrusted.
            !matches!(source.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput)
        }
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::BodyStalled => true,
        // Answers cut in the middle, as by a server that was killed.
        ureq::Error::Protocol(_) => true,
        _ => false,
    }
}

/// Waits that double from 100 ms to 10 s, within a total.
pub struct Backoff {
    next: Duration,
    left: Duration,
}

impl Backoff {
    /// Waits at most `total` in all.
    pub const fn new(total: Duration) -> Self {
        Self { next: Duration::from_millis(100), left: total }
    }

    /// The next wait: what the server asked for, else the doubled one with up to a quarter of
    /// jitter, so that many clients do not come back at once. `None` when the total is used up.
    pub fn step(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let wait = asked.unwrap_or_else(|| self.next + self.next.mul_f64(jitter() / 4.0));
        self.next = (self.next * 2).min(Duration::from_secs(10));
        self.left = self.left.checked_sub(wait)?;
        Some(wait)
    }

    /// Sleeps the next wait; false when the total is used up.
    pub fn wait(&mut self, asked: Option<Duration>) -> bool {
        self.step(asked).map(std::thread::sleep).is_some()
    }
}

/// A number in [0, 1); 0 where the system has no randomness to give.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.0, |r| f64::from(r) / (f64::from(u32::MAX) + 1.0))
}

/// `Retry-After` in seconds, or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at.as_second()).ok()?);
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Checks the address once, so that a slip is wrong usage and no failed connection.
fn base_url(text: &str) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::Usage(format!("--url {text}: {why}"));
    let uri: http::Uri = text.parse().map_err(|e: http::uri::InvalidUri| wrong(&e.to_string()))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(wrong("takes http://HOST:PORT or https://HOST:PORT"));
    }
    if uri.query().is_some() {
        return Err(wrong("takes an address without `?`"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn is_loopback(base: &str) -> bool {
    let Ok(uri) = base.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn key(connection: &Connection) -> Result<Option<String>, Failure> {
    let text = match (&connection.key_file, &connection.key) {
        (Some(path), _) => std::fs::read_to_string(path).map_err(Failure::file(path, "reading the key"))?,
        (None, Some(key)) => key.clone(),
        (None, None) => return Ok(None),
    };
    let key = text.lines().next().unwrap_or_default().trim();
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Failure::Usage(
            "the API key is empty, or holds something else than visible ASCII".to_owned(),
        ));
    }
    Ok(Some(key.to_owned()))
}

fn root_certs(connection: &Connection) -> Result<RootCerts, Failure> {
    let Some(path) = &connection.cacert else { return Ok(RootCerts::WebPki) };
    let pem = std::fs::read(path).map_err(Failure::file(path, "reading certificates"))?;
    let mut certs: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(cert)) => certs.push(cert),
            Ok(_) => {}
            Err(error) => return Err(Failure::Unreachable(format!("{}: {error}", path.display()))),
        }
    }
    if certs.is_empty() {
        return Err(Failure::Unreachable(format!("{}: holds no certificate in PEM form", path.display())));
    }
    Ok(RootCerts::new_with_certs(&certs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_address_is_wrong_usage() {
        for bad in ["", "localhost:7070", "ftp://host", "http://", "http://h/?x=1", "http://a b"] {
            assert_eq!(base_url(bad).unwrap_err().exit_code(), 2, "{bad}");
        }
        assert_eq!(base_url("https://logs.example.com/").unwrap(), "https://logs.example.com");
    }

    #[test]
    fn loopback_goes_past_any_proxy() {
        for near in ["http://127.0.0.1:7070", "http://localhost", "https://[::1]:7070"] {
            assert!(is_loopback(near), "{near}");
        }
        assert!(!is_loopback("http://203.0.113.7:7070"));
    }

    #[test]
    fn waits_double_keep_to_the_total_and_follow_the_server() {
        let mut backoff = Backoff::new(Duration::from_secs(5));
        let first = backoff.step(None).unwrap();
        let second = backoff.step(None).unwrap();
        assert!((100..=125).contains(&first.as_millis()), "{first:?}");
        assert!((200..=250).contains(&second.as_millis()), "{second:?}");
        assert_eq!(backoff.step(Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
        assert_eq!(backoff.step(Some(Duration::from_secs(3))), None, "the total is used up");
    }

    #[test]
    fn retry_after_takes_seconds_and_dates() {
        let header = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", http::HeaderValue::from_static(value));
            retry_after(&headers)
        };
        assert_eq!(header("7"), Some(Duration::from_secs(7)));
        assert_eq!(header("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO), "already past");
        assert_eq!(header("soon"), None);
    }
}
