//! `stele serve`: flags and environment into the options of a server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use stele_server::objects::StoreArgs;
use stele_server::serve::{
    LogFormat, Network, Rate, Rates, Scrub, ServeError, ServeLimits, ServeOptions, Timeouts, TlsFiles,
    run as serve,
};

use super::failure::Failure;

/// Run a server on a data directory
#[derive(Args, Debug)]
#[command(after_help = "\
Prints `listening on http://ADDRESS:PORT` when it is ready, and on the first start one key, once, unless
STELE_ADMIN_KEY sets it. SIGTERM and Ctrl-C drain and stop; SIGHUP reads the TLS files again.
Sizes take a number of bytes or 64KiB, 32MiB, 2GiB; rates take PER-MINUTE or PER-MINUTE:BURST, or `off`.")]
pub struct ServeArgs {
    /// Data directory; made when it does not exist
    #[arg(long, env = "STELE_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Address to listen on; port 0 picks a free one
    #[arg(long, env = "STELE_LISTEN", default_value = "127.0.0.1:7070", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Site part of the origin of logs made from now on
    #[arg(long, env = "STELE_SITE", value_name = "NAME")]
    site: Option<String>,
    /// The first key, set on the first start instead of a random one (only from the environment)
    #[arg(long, env = "STELE_ADMIN_KEY", hide = true, hide_env_values = true)]
    admin_key: Option<String>,
    /// Set the immutable attribute on sealed files, of logs and of an archive in a directory: neither their
    /// owner nor root changes or removes one by mistake. Takes CAP_LINUX_IMMUTABLE
    #[arg(long, env = "STELE_IMMUTABLE")]
    immutable: bool,
    /// Ask for fs-verity on sealed files, of logs and of an archive in a directory: the kernel then hands out no
    /// page of them that was changed beneath it. Where a file cannot have it, it goes without, which is told
    #[arg(long, env = "STELE_FS_VERITY")]
    fs_verity: bool,
    /// PEM file of the certificate chain: listen with TLS
    #[arg(long, env = "STELE_TLS_CERT", value_name = "FILE", requires = "tls_key", help_heading = "TLS")]
    tls_cert: Option<PathBuf>,
    /// PEM file of the private key
    #[arg(long, env = "STELE_TLS_KEY", value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    tls_key: Option<PathBuf>,
    /// Proxies whose Forwarded and X-Forwarded-For headers are believed, as address or address/prefix
    #[arg(long, env = "STELE_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',')]
    trusted_proxy: Vec<Network>,
    /// Log lines on standard error
    #[arg(long, env = "STELE_ACCESS_LOG", value_enum, default_value_t = AccessLog::Text, value_name = "FORMAT")]
    access_log: AccessLog,
    #[command(flatten)]
    scrub: ScrubArgs,
    #[command(flatten)]
    archive: ArchiveArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    timeouts: TimeoutArgs,
    #[command(flatten)]
    rates: RateArgs,
}

/// How log lines look.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum AccessLog {
    /// The server's own messages, as text; nothing for requests.
    Off,
    /// One line of text for each request.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Largest event, in canonical form [default: 256KiB]
    #[arg(long, env = "STELE_MAX_EVENT_BYTES", value_name = "SIZE", value_parser = size)]
    max_event_bytes: Option<usize>,
    /// Largest request body, decompressed [default: 32MiB]
    #[arg(long, env = "STELE_MAX_BODY_BYTES", value_name = "SIZE", value_parser = size)]
    max_body_bytes: Option<usize>,
    /// All request bodies in memory together; more is answered 503 [default: 256MiB]
    #[arg(long, env = "STELE_MAX_MEMORY_BYTES", value_name = "SIZE", value_parser = size)]
    max_memory_bytes: Option<usize>,
    /// Open connections; further ones wait [default: 4096]
    #[arg(long, env = "STELE_MAX_CONNECTIONS", value_name = "N", value_parser = count)]
    max_connections: Option<usize>,
    /// Requests that wait for the writer of one log; more is answered 503 [default: 4096]
    #[arg(long, env = "STELE_MAX_QUEUED", value_name = "N", value_parser = count)]
    max_queued: Option<usize>,
    /// Searches and other questions at a time; further ones wait [default: 16]
    #[arg(long, env = "STELE_MAX_SEARCHES", value_name = "N", value_parser = count)]
    max_searches: Option<usize>,
    /// Live tails at a time [default: 256]
    #[arg(long, env = "STELE_MAX_TAILS", value_name = "N", value_parser = count)]
    max_tails: Option<usize>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Time limits, in seconds")]
struct TimeoutArgs {
    /// TLS handshake [default: 10]
    #[arg(long, env = "STELE_HANDSHAKE_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    handshake_timeout: Option<Duration>,
    /// Head of a request [default: 10]
    #[arg(long, env = "STELE_HEAD_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    head_timeout: Option<Duration>,
    /// A kept connection on which nothing happens [default: 75]
    #[arg(long, env = "STELE_IDLE_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    idle_timeout: Option<Duration>,
    /// Between two pieces of a body [default: 15]
    #[arg(long, env = "STELE_BODY_CHUNK_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    body_chunk_timeout: Option<Duration>,
    /// A whole body [default: 300]
    #[arg(long, env = "STELE_BODY_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    body_timeout: Option<Duration>,
    /// Bytes a second that a body keeps up after its first ten seconds [default: 1KiB]
    #[arg(long, env = "STELE_BODY_MIN_RATE", value_name = "SIZE", value_parser = size)]
    body_min_rate: Option<usize>,
    /// One search or other question, at most 10; what takes longer is refused as too broad [default: 0.75]
    #[arg(long, env = "STELE_QUERY_TIMEOUT", value_name = "SECONDS", value_parser = query_seconds)]
    query_timeout: Option<Duration>,
    /// For a search to find a free place of --max-searches, before it is answered 503 [default: 1]
    #[arg(long, env = "STELE_QUERY_WAIT", value_name = "SECONDS", value_parser = seconds)]
    query_wait: Option<Duration>,
    /// For the client of a live tail to take what is ready for it, before it is disconnected [default: 10]
    #[arg(long, env = "STELE_TAIL_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    tail_timeout: Option<Duration>,
    /// How long requests under way may go on after SIGTERM [default: 20]
    #[arg(long, env = "STELE_DRAIN_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    drain_timeout: Option<Duration>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Rates, for each key")]
struct RateArgs {
    /// POST /v1/events [default: off]
    #[arg(long, env = "STELE_RATE_INGEST", value_name = "RATE", value_parser = rate)]
    rate_ingest: Option<RateChoice>,
    /// Every other call that needs a key [default: 6000:300]
    #[arg(long, env = "STELE_RATE_OTHER", value_name = "RATE", value_parser = rate)]
    rate_other: Option<RateChoice>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Verification in the background")]
struct ScrubArgs {
    /// MiB a second that it reads; 0 turns it off [default: 8]
    #[arg(long, env = "STELE_SCRUB_RATE", value_name = "MIB")]
    scrub_rate: Option<u32>,
    /// From the beginning of one pass over a log to the next, at least: 24h, 30m or seconds [default: 24h]
    #[arg(long, env = "STELE_SCRUB_EVERY", value_name = "DURATION", value_parser = duration)]
    scrub_every: Option<Duration>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Archive")]
struct ArchiveArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Bytes a second that restores read from it [default: no limit]
    #[arg(long, env = "STELE_RESTORE_BYTES_PER_SECOND", value_name = "SIZE", value_parser = size)]
    restore_bytes_per_second: Option<usize>,
    /// How far the clock of retention goes ahead, for tests; not in release builds
    #[cfg(debug_assertions)]
    #[arg(long, env = "STELE_CLOCK_AHEAD", hide = true, value_name = "DURATION", value_parser = duration)]
    clock_ahead: Option<Duration>,
    /// Records of a full segment, for tests; not in release builds
    #[cfg(debug_assertions)]
    #[arg(long, env = "STELE_SEGMENT_RECORDS", hide = true, value_name = "COUNT")]
    segment_records: Option<u32>,
    /// Rows of an export, for tests; not in release builds
    #[cfg(debug_assertions)]
    #[arg(long, env = "STELE_EXPORT_ENTRIES", hide = true, value_name = "COUNT")]
    export_entries: Option<u64>,
}

/// A rate, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RateChoice(Option<Rate>);

/// Runs the command, until it is told to stop.
pub fn run(args: ServeArgs) -> Result<(), Failure> {
    serve(options(args)).map_err(|error: ServeError| match error.exit_code() {
        2 => Failure::Usage(error.to_string()),
        _ => Failure::Unreachable(error.to_string()),
    })
}

fn options(args: ServeArgs) -> ServeOptions {
    let base = ServeOptions::new(args.data, args.listen);
    ServeOptions {
        tls: args.tls_cert.zip(args.tls_key).map(|(cert, key)| TlsFiles { cert, key }),
        site: args.site.unwrap_or(base.site),
        admin_key: args.admin_key,
        limits: limits(&args.limits, base.limits),
        timeouts: timeouts(&args.timeouts, base.timeouts),
        rates: Rates {
            ingest: args.rates.rate_ingest.map_or(base.rates.ingest, |r| r.0),
            other: args.rates.rate_other.map_or(base.rates.other, |r| r.0),
        },
        trusted_proxies: args.trusted_proxy,
        access_log: match args.access_log {
            AccessLog::Off => LogFormat::Off,
            AccessLog::Text => LogFormat::Text,
            AccessLog::Json => LogFormat::Json,
        },
        scrub: Scrub {
            rate_bytes: args.scrub.scrub_rate.map_or(base.scrub.rate_bytes, |mib| u64::from(mib) << 20),
            every: args.scrub.scrub_every.unwrap_or(base.scrub.every),
            delay: base.scrub.delay,
        },
        archive: args.archive.store.choice(),
        immutable: args.immutable,
        fs_verity: args.fs_verity,
        restore_rate_bytes: args
            .archive
            .restore_bytes_per_second
            .map_or(base.restore_rate_bytes, |bytes| bytes as u64),
        #[cfg(debug_assertions)]
        clock_ahead: args.archive.clock_ahead.unwrap_or(base.clock_ahead),
        #[cfg(debug_assertions)]
        segment_records: args.archive.segment_records,
        #[cfg(debug_assertions)]
        export_entries: args.archive.export_entries,
        data: base.data,
        listen: base.listen,
    }
}

fn limits(args: &LimitArgs, base: ServeLimits) -> ServeLimits {
    ServeLimits {
        event_bytes: args.max_event_bytes.unwrap_or(base.event_bytes),
        body_bytes: args.max_body_bytes.unwrap_or(base.body_bytes),
        memory_bytes: args.max_memory_bytes.unwrap_or(base.memory_bytes),
        connections: args.max_connections.unwrap_or(base.connections),
        queued_requests: args.max_queued.unwrap_or(base.queued_requests),
        queries: args.max_searches.unwrap_or(base.queries),
        tails: args.max_tails.unwrap_or(base.tails),
    }
}

fn timeouts(args: &TimeoutArgs, base: Timeouts) -> Timeouts {
    Timeouts {
        handshake: args.handshake_timeout.unwrap_or(base.handshake),
        head: args.head_timeout.unwrap_or(base.head),
        idle: args.idle_timeout.unwrap_or(base.idle),
        body_chunk: args.body_chunk_timeout.unwrap_or(base.body_chunk),
        body_total: args.body_timeout.unwrap_or(base.body_total),
        body_rate_min: args.body_min_rate.map_or(base.body_rate_min, |bytes| bytes as u64),
        query: args.query_timeout.unwrap_or(base.query),
        query_wait: args.query_wait.unwrap_or(base.query_wait),
        tail: args.tail_timeout.unwrap_or(base.tail),
        heartbeat: base.heartbeat,
        drain: args.drain_timeout.unwrap_or(base.drain),
    }
}

/// Bytes: a number, or one with KiB, MiB, GiB.
fn size(text: &str) -> Result<usize, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(format!("`{unit}` is no unit: takes bytes, KiB, MiB or GiB")),
    };
    let number: usize = number.parse().map_err(|_| "takes a size such as 32MiB".to_owned())?;
    match number.checked_mul(1 << shift) {
        Some(0) | None => Err("is out of range".to_owned()),
        Some(bytes) => Ok(bytes),
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("takes a number from 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(s) if s > 0.0 && s <= 86_400.0 => Ok(Duration::from_secs_f64(s)),
        _ => Err("takes seconds, more than 0 and at most 86400".to_owned()),
    }
}

/// Hours, minutes or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "takes a duration from one second on, such as 24h, 30m or 90".to_owned();
    let (number, seconds) = match text.strip_suffix('h') {
        Some(hours) => (hours, 3600),
        None => text.strip_suffix('m').map_or((text.trim_end_matches('s'), 1), |minutes| (minutes, 60)),
    };
    let number = number.parse::<u32>().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

fn query_seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(s) if (0.001..=10.0).contains(&s) => Ok(Duration::from_secs_f64(s)),
        _ => Err("takes seconds, from 0.001 to 10".to_owned()),
    }
}

/// `off`, `PER-MINUTE` or `PER-MINUTE:BURST`. Without a burst: a twentieth of a minute's worth.
fn rate(text: &str) -> Result<RateChoice, String> {
    if text == "off" {
        return Ok(RateChoice(None));
    }
    let wrong = || "takes `off`, PER-MINUTE or PER-MINUTE:BURST, numbers from 1".to_owned();
    let number = |t: &str| t.parse::<u32>().ok().filter(|n| *n > 0).ok_or_else(wrong);
    let (per_minute, burst) = match text.split_once(':') {
        Some((rate, burst)) => (number(rate)?, number(burst)?),
        None => number(text).map(|rate| (rate, (rate / 20).max(1)))?,
    };
    Ok(RateChoice(Some(Rate { per_minute, burst })))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Serve {
        #[command(flatten)]
        args: ServeArgs,
    }

    fn parsed(flags: &[&str]) -> Result<ServeOptions, clap::Error> {
        let all = [&["serve", "--data", "d"], flags].concat();
        Serve::try_parse_from(all).map(|serve| options(serve.args))
    }

    #[test]
    fn a_data_directory_is_enough() {
        let got = parsed(&[]).unwrap();
        let plain = ServeOptions::new("d".into(), "127.0.0.1:7070".parse().unwrap());
        assert_eq!(format!("{got:?}"), format!("{plain:?}"), "defaults are those of the server");
    }

    #[test]
    fn every_option_reaches_the_server() {
        let got = parsed(&[
            "--listen",
            "0.0.0.0:0",
            "--site",
            "example.com",
            "--tls-cert",
            "c",
            "--tls-key",
            "k",
            "--trusted-proxy",
            "10.0.0.0/8,::1",
            "--access-log",
            "json",
            "--max-event-bytes",
            "1KiB",
            "--max-body-bytes",
            "2MiB",
            "--max-memory-bytes",
            "1GiB",
            "--max-connections",
            "5",
            "--max-queued",
            "6",
            "--max-searches",
            "7",
            "--max-tails",
            "8",
            "--handshake-timeout",
            "1",
            "--head-timeout",
            "2",
            "--idle-timeout",
            "3",
            "--body-chunk-timeout",
            "4",
            "--body-timeout",
            "5",
            "--body-min-rate",
            "9",
            "--query-timeout",
            "2.5",
            "--query-wait",
            "1.5",
            "--tail-timeout",
            "3.5",
            "--drain-timeout",
            "0.5",
            "--rate-ingest",
            "600:10",
            "--rate-other",
            "off",
            "--scrub-rate",
            "0",
            "--scrub-every",
            "36h",
            "--archive",
            "file:///mnt/archive",
            "--restore-bytes-per-second",
            "10MiB",
            "--immutable",
            "--fs-verity",
        ])
        .unwrap();
        assert_eq!((got.listen.to_string().as_str(), got.site.as_str()), ("0.0.0.0:0", "example.com"));
        assert_eq!(got.tls.unwrap().key, PathBuf::from("k"));
        assert_eq!(got.trusted_proxies.len(), 2);
        assert_eq!(got.access_log, LogFormat::Json);
        let l = &got.limits;
        assert_eq!((l.event_bytes, l.body_bytes, l.memory_bytes), (1024, 2 << 20, 1 << 30));
        assert_eq!((l.connections, l.queued_requests, l.queries, l.tails), (5, 6, 7, 8));
        let t = &got.timeouts;
        let seconds = [t.handshake, t.head, t.idle, t.body_chunk, t.body_total].map(|d| d.as_secs_f64());
        assert_eq!((seconds, t.body_rate_min), ([1.0, 2.0, 3.0, 4.0, 5.0], 9));
        let seconds = [t.query, t.query_wait, t.tail, t.drain].map(|d| d.as_secs_f64());
        assert_eq!(seconds, [2.5, 1.5, 3.5, 0.5]);
        assert_eq!((got.scrub.rate_bytes, got.scrub.every.as_secs()), (0, 36 * 3600));
        assert_eq!(
            (got.archive.url.as_deref(), got.restore_rate_bytes),
            (Some("file:///mnt/archive"), 10 << 20)
        );
        assert!(got.immutable && got.fs_verity);
        assert_eq!(got.rates, Rates { ingest: Some(Rate { per_minute: 600, burst: 10 }), other: None });
    }

    #[test]
    fn half_of_tls_and_numbers_out_of_range_are_wrong_usage() {
        for bad in [
            ["--tls-cert", "c"],
            ["--tls-key", "k"],
            ["--max-body-bytes", "0"],
            ["--max-body-bytes", "1TB"],
            ["--max-body-bytes", "99999999999GiB"],
            ["--max-connections", "0"],
            ["--head-timeout", "0"],
            ["--head-timeout", "NaN"],
            ["--query-timeout", "11"],
            ["--query-timeout", "0"],
            ["--rate-other", "0"],
            ["--rate-other", "5:"],
            ["--scrub-every", "0h"],
            ["--scrub-every", "1d"],
            ["--listen", "localhost"],
            ["--trusted-proxy", "10.0.0.0/40"],
        ] {
            assert!(parsed(&bad).is_err(), "{bad:?}");
        }
    }
}
