//! What `stele serve` can be told, with the defaults of the documentation.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::objects::ArchiveChoice;

/// Everything a server is started with.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The data directory; made when it does not exist.
    pub data: PathBuf,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Certificate and key files; without them the listener is plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The site part of the origin of logs made from now on.
    pub site: String,
    /// The first key (`STELE_ADMIN_KEY`), instead of a random one. Used on the first start only:
    /// visible ASCII without spaces, in any form.
    pub admin_key: Option<String>,
    /// Sizes and counts.
    pub limits: ServeLimits,
    /// How long a peer may take.
    pub timeouts: Timeouts,
    /// Requests a minute.
    pub rates: Rates,
    /// Proxies whose `Forwarded` and `X-Forwarded-For` are believed, as address or address/prefix.
    pub trusted_proxies: Vec<Network>,
    /// One line on standard error for each request.
    pub access_log: LogFormat,
    /// Verification in the background.
    pub scrub: Scrub,
    /// Where archived segments go.
    pub archive: ArchiveChoice,
    /// Whether sealed files get the immutable attribute.
    pub immutable: bool,
    /// Whether sealed files get fs-verity, where they can have it.
    pub fs_verity: bool,
    /// Bytes a second that restores read; 0 is no limit.
    pub restore_rate_bytes: u64,
    /// How far the clock of the tiers is ahead; for tests.
    #[cfg(debug_assertions)]
    pub clock_ahead: Duration,
    /// Records of a full segment; for tests.
    #[cfg(debug_assertions)]
    pub segment_records: Option<u32>,
    /// Rows of an export; for tests.
    #[cfg(debug_assertions)]
    pub export_entries: Option<u64>,
}

impl ServeOptions {
    /// The defaults, for a data directory and an address.
    #[must_use]
    pub fn new(data: PathBuf, listen: SocketAddr) -> Self {
        Self {
            data,
            listen,
            tls: None,
            site: "localhost".to_owned(),
            admin_key: None,
            limits: ServeLimits::default(),
            timeouts: Timeouts::default(),
            rates: Rates::default(),
            trusted_proxies: Vec::new(),
            access_log: LogFormat::Text,
            scrub: Scrub::default(),
            archive: ArchiveChoice::default(),
            immutable: false,
            fs_verity: false,
            restore_rate_bytes: 0,
            #[cfg(debug_assertions)]
            clock_ahead: Duration::ZERO,
            #[cfg(debug_assertions)]
            segment_records: None,
            #[cfg(debug_assertions)]
            export_entries: None,
        }
    }
}

/// How the background verifies all logs, over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrub {
    /// Bytes of data and index files a second; 0 is no scrub.
    pub rate_bytes: u64,
    /// From the beginning of one pass over a log to that of the next, at least.
    pub every: Duration,
    /// From the start of the server to the first look.
    pub delay: Duration,
}

impl Default for Scrub {
    fn default() -> Self {
        Self { rate_bytes: 8 << 20, every: Duration::from_secs(24 * 3600), delay: Duration::from_secs(60) }
    }
}

/// PEM files of a TLS listener; both are read again on SIGHUP.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain, leaf first.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Sizes and counts that bound memory and work.
#[derive(Clone, Debug)]
pub struct ServeLimits {
    /// One event in canonical form.
    pub event_bytes: usize,
    /// One request body after decompression.
    pub body_bytes: usize,
    /// All request bodies in memory together; what does not fit is answered 503.
    pub memory_bytes: usize,
    /// Open connections; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Requests that wait for the writer of one log; further ones are answered 503.
    pub queued_requests: usize,
    /// Searches and other questions at a time; further ones wait, then are answered 503.
    pub queries: usize,
    /// Live tails at a time.
    pub tails: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            event_bytes: 256 << 10,
            body_bytes: 32 << 20,
            memory_bytes: 256 << 20,
            connections: 4096,
            queued_requests: 4096,
            queries: 16,
            tails: 256,
        }
    }
}

/// How long a peer may take before its connection is closed.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// TLS handshake.
    pub handshake: Duration,
    /// Request head, from the first byte of the connection or the end of the answer before.
    pub head: Duration,
    /// A kept connection on which nothing happens.
    pub idle: Duration,
    /// Between two chunks of a body.
    pub body_chunk: Duration,
    /// A whole body, however fast it comes.
    pub body_total: Duration,
    /// Bytes a second that a body must keep up on average after its first ten seconds.
    pub body_rate_min: u64,
    /// What one question may take before it is refused as too broad.
    pub query: Duration,
    /// For a question to find a free place, before it is answered 503.
    pub query_wait: Duration,
    /// For the client of a live tail to take what is ready for it.
    pub tail: Duration,
    /// Silence after which a live tail sends a comment.
    pub heartbeat: Duration,
    /// How long requests under way may go on after SIGTERM.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body_chunk: Duration::from_secs(15),
            body_total: Duration::from_secs(300),
            body_rate_min: 1024,
            query: Duration::from_millis(750),
            query_wait: Duration::from_secs(1),
            tail: Duration::from_secs(10),
            heartbeat: Duration::from_secs(10),
            drain: Duration::from_secs(20),
        }
    }
}

/// One rate: so many a minute, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a minute in the long run.
    pub per_minute: u32,
    /// Requests at once after a pause.
    pub burst: u32,
}

/// Rates per key; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// `POST /v1/events`.
    pub ingest: Option<Rate>,
    /// Every other call that needs a key.
    pub other: Option<Rate>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { ingest: None, other: Some(Rate { per_minute: 6000, burst: 300 }) }
    }
}

/// A range of addresses, `10.0.0.0/8` or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// True when the address lies in the range; an IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |a: IpAddr| match a.to_canonical() {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 4),
            IpAddr::V6(v6) => (u128::from(v6), 6),
        };
        let ((mine, family), (theirs, other)) = (bits(self.address), bits(address));
        let kept = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
        family == other && (mine ^ theirs) & kept == 0
    }

    /// True for the addresses of this machine alone.
    #[must_use]
    pub fn is_loopback(address: IpAddr) -> bool {
        address.to_canonical().is_loopback()
    }
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr =
            address.parse().map_err(|_| format!("`{text}` is no IP address or address/prefix"))?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => widest,
            Some(p) => p
                .parse()
                .ok()
                .filter(|p| *p <= widest)
                .ok_or_else(|| format!("`{text}`: the prefix is a number from 0 to {widest}"))?,
        };
        Ok(Self { address, prefix })
    }
}

impl Default for Network {
    fn default() -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::LOCALHOST), prefix: 32 }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// No line for requests; the server's own messages as text.
    Off,
    /// `key=value` text.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_and_no_others() {
        let ten: Network = "10.0.0.0/8".parse().unwrap();
        assert!(ten.contains("10.255.0.1".parse().unwrap()));
        assert!(ten.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!ten.contains("11.0.0.1".parse().unwrap()));
        assert!(!ten.contains("a00::1".parse().unwrap()), "families do not mix");
        let one: Network = "::1".parse().unwrap();
        assert!(one.contains("::1".parse().unwrap()) && !one.contains("::2".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::1/129", "x", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
