//! Request bodies: bounded in size, memory and time, decompressed while they arrive.
//!
//! Keeps true: no body passes its limit after decoding; all bodies together stay within the
//! [`Budget`]; a body that stalls, trickles or never ends is given up.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::{HeaderMap, StatusCode, header};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::budget::{Budget, Share};
use super::problem::Problem;
use crate::serve::Timeouts;

/// How bodies are taken in.
#[derive(Clone, Debug)]
pub struct Intake {
    /// Memory shared by all.
    pub budget: Budget,
    /// Longest body after decoding.
    pub bytes_max: usize,
    /// Clocks.
    pub timeouts: Timeouts,
    decoding: Arc<Semaphore>,
}

/// A whole body, and the memory it is charged for.
#[derive(Debug)]
pub struct Taken {
    /// Decoded bytes.
    pub bytes: Bytes,
    /// Held while the bytes, or what is made of them, are in memory.
    pub share: Share,
    /// Bytes as they came over the wire.
    pub wire_bytes: u64,
}

/// Decoders at work at a time.
const DECODERS_MAX: usize = 4;

/// Larger compressed bodies are decoded off the runtime's threads.
const DECODE_INLINE_BYTES_MAX: usize = 64 << 10;

/// Largest zstd window accepted: 8 MiB, what `zstd -19` makes and RFC 8878 asks to support.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Slow bodies are measured after this long.
const RATE_GRACE: Duration = Duration::from_secs(10);

impl Intake {
    /// Takes bodies as the options say.
    pub fn new(options: &crate::serve::ServeOptions) -> Self {
        Self {
            budget: Budget::new(options.limits.memory_bytes),
            bytes_max: options.limits.body_bytes,
            timeouts: options.timeouts.clone(),
            decoding: Arc::new(Semaphore::new(DECODERS_MAX)),
        }
    }

    /// Reads a body to its end.
    ///
    /// # Errors
    /// 413 over the limit, 415 for an encoding that is not known, 400 for bytes that do not decode,
    /// 408 for a slow sender, 503 when memory is used up.
    pub async fn take(&self, headers: &HeaderMap, body: &mut Incoming) -> Result<Taken, Problem> {
        let coding = Coding::of(headers)?;
        let declared = usize::try_from(body.size_hint().exact().unwrap_or(0)).unwrap_or(usize::MAX);
        if declared > self.bytes_max {
            return Err(over(self.bytes_max));
        }
        let mut sink = Sink::new(self.budget.share(), self.bytes_max);
        let started = Instant::now();
        let mut wire_bytes = 0;
        while let Some(chunk) = self.next_chunk(body, started, wire_bytes).await? {
            wire_bytes += chunk.len() as u64;
            if wire_bytes == chunk.len() as u64 && body.is_end_stream() {
                // Most single events: the whole body is one chunk, which needs no copy.
                sink.share.grow_to(chunk.len())?;
                let Sink { share, .. } = sink;
                return self.decode(coding, chunk, share, wire_bytes).await;
            }
            // A sender that declares its length gets one allocation, but never more than 1 MiB ahead
            // of what it sent.
            let ahead = declared.min(sink.bytes.len() + chunk.len() + (1 << 20));
            sink.append(&chunk, ahead)?;
        }
        let Sink { bytes, share, .. } = sink;
        self.decode(coding, bytes.into(), share, wire_bytes).await
    }

    async fn decode(
        &self,
        coding: Coding,
        wire: Bytes,
        share: Share,
        wire_bytes: u64,
    ) -> Result<Taken, Problem> {
        if coding == Coding::Identity {
            return Ok(Taken { bytes: wire, share, wire_bytes });
        }
        let sink = Sink::new(self.budget.share(), self.bytes_max);
        // Decoders have windows of their own, up to 8 MiB: few of them run at a time.
        let _turn = self.decoding.acquire().await.map_err(|_| Problem::internal())?;
        let (bytes, share) = if wire.len() < DECODE_INLINE_BYTES_MAX {
            decode(coding, &wire, sink)?
        } else {
            tokio::task::spawn_blocking(move || {
                let decoded = decode(coding, &wire, sink);
                drop(share);
                decoded
            })
            .await
            .map_err(|_| Problem::internal())??
        };
        Ok(Taken { bytes: bytes.into(), share, wire_bytes })
    }

    async fn next_chunk(
        &self,
        body: &mut Incoming,
        started: Instant,
        received: u64,
    ) -> Result<Option<Bytes>, Problem> {
        loop {
            let now = Instant::now();
            let end = started + self.timeouts.body_total;
            let age = now - started;
            if age > RATE_GRACE && received < self.timeouts.body_rate_min * age.as_secs() {
                return Err(slow());
            }
            let deadline = end.min(now + self.timeouts.body_chunk);
            match timeout_at(deadline, body.frame()).await {
                Err(_) => return Err(slow()),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Problem::bad_request("the body ended before its end")),
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_trailers) => continue,
                },
            }
        }
    }
}

fn slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body came too slowly")
        .with(header::CONNECTION, header::HeaderValue::from_static("close"))
}

fn over(limit: usize) -> Problem {
    Problem::too_large(format!("a request body has at most {limit} bytes after decompression"))
}

/// Bytes with a limit and a share of the budget. Why a write failed is kept beside it, since
/// decoders hand on only an `io::Error`.
struct Sink {
    bytes: Vec<u8>,
    share: Share,
    limit: usize,
    refused: Option<Problem>,
}

impl Sink {
    fn new(share: Share, limit: usize) -> Self {
        Self { bytes: Vec::new(), share, limit, refused: None }
    }

    fn append(&mut self, bytes: &[u8], expected: usize) -> Result<(), Problem> {
        let len = self.bytes.len() + bytes.len();
        if len > self.limit {
            return Err(over(self.limit));
        }
        if len > self.bytes.capacity() {
            let wanted = len.max(expected).max((self.bytes.capacity() * 2).min(self.limit));
            self.share.grow_to(wanted)?;
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.append(bytes, 0) {
            Ok(()) => Ok(bytes.len()),
            Err(problem) => {
                self.refused = Some(problem);
                Err(io::Error::other("over the limit"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        let coding = codings.next().map_or("identity", |v| v.to_str().unwrap_or("?")).trim();
        let coding = if codings.next().is_some() { "?" } else { coding };
        match coding.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content-encoding",
                "Content-Encoding is one of gzip, zstd, identity, and given once",
            )
            .with(header::ACCEPT_ENCODING, header::HeaderValue::from_static("gzip, zstd"))),
        }
    }
}

fn decode(coding: Coding, wire: &[u8], sink: Sink) -> Result<(Vec<u8>, Share), Problem> {
    let (ended, sink) = match coding {
        Coding::Identity => {
            let mut sink = sink;
            (sink.write_all(wire), sink)
        }
        Coding::Gzip => {
            let mut decoder = MultiGzDecoder::new(sink);
            let ended = decoder.write_all(wire).and_then(|()| decoder.try_finish());
            let emptied = Sink::new(decoder.get_ref().share.sibling(), 0);
            (ended, std::mem::replace(decoder.get_mut(), emptied))
        }
        Coding::Zstd => decode_zstd(wire, sink)?,
    };
    match (ended, sink.refused) {
        (_, Some(problem)) => Err(problem),
        (Err(error), None) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "decoding",
            format!("the body does not decode by its Content-Encoding: {error}"),
        )),
        (Ok(()), None) => Ok((sink.bytes, sink.share)),
    }
}

fn decode_zstd(wire: &[u8], sink: Sink) -> Result<(io::Result<()>, Sink), Problem> {
    let mut raw = zstd::stream::raw::Decoder::new().map_err(|_| Problem::internal())?;
    raw.set_parameter(zstd::stream::raw::DParameter::WindowLogMax(ZSTD_WINDOW_LOG))
        .map_err(|_| Problem::internal())?;
    let mut writer = zstd::stream::zio::Writer::new(sink, raw);
    let ended = writer.write_all(wire).and_then(|()| writer.finish());
    Ok((ended, writer.into_inner().0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coding: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, coding.parse().unwrap());
        let sink = Sink::new(Budget::new(64 << 20).share(), limit);
        decode(Coding::of(&headers)?, body, sink).map(|(bytes, _)| bytes)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_decode_by_their_coding() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|i| i.to_string().into_bytes()).collect();
        assert_eq!(decoded("identity", &text, 1 << 20).unwrap(), text);
        assert_eq!(decoded("gzip", &gzip(&text), 1 << 20).unwrap(), text);
        let packed = zstd::encode_all(&text[..], 1).unwrap();
        assert_eq!(decoded("zstd", &packed, 1 << 20).unwrap(), text);
        assert_eq!(decoded("br", b"", 10).unwrap_err().status, 415);
        assert_eq!(decoded("gzip, gzip", b"", 10).unwrap_err().status, 415);
    }

    #[test]
    fn two_gzip_members_are_one_body() {
        let both = [gzip(b"ab"), gzip(b"cd")].concat();
        assert_eq!(decoded("gzip", &both, 10).unwrap(), b"abcd");
    }

    #[test]
    fn bombs_end_at_the_limit_with_413() {
        let zeros = vec![0; 8 << 20];
        for (coding, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd::encode_all(&zeros[..], 1).unwrap())] {
            assert_eq!(decoded(coding, &bomb, 1 << 20).unwrap_err().status, 413, "{coding}");
        }
        assert_eq!(decoded("identity", &zeros, 1 << 20).unwrap_err().status, 413);
    }

    #[test]
    fn cut_and_broken_streams_are_400() {
        let text = vec![b'x'; 10_000];
        for (coding, whole) in [("gzip", gzip(&text)), ("zstd", zstd::encode_all(&text[..], 1).unwrap())] {
            let cut = &whole[..whole.len() - 3];
            assert_eq!(decoded(coding, cut, 1 << 20).unwrap_err().status, 400, "{coding} cut");
            assert_eq!(decoded(coding, b"no such stream", 1 << 20).unwrap_err().status, 400, "{coding}");
        }
    }

    #[test]
    fn memory_is_charged_before_it_is_used() {
        let budget = Budget::new(1 << 20);
        let mut sink = Sink::new(budget.share(), 32 << 20);
        let refused = (0..64).find_map(|_| sink.append(&[0; 65_536], 0).err());
        assert_eq!(refused.unwrap().status, 503);
        assert!(sink.bytes.capacity() <= 1 << 20);
        assert!(budget.used() <= 1 << 20);
    }
}
