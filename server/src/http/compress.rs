//! Answers under `Accept-Encoding`: gzip or zstd for whole bodies worth it.

use std::io::Write as _;

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};

use super::answer::Answer;

/// Shorter answers go out as they are: a packet is a packet.
const BYTES_MIN: usize = 1024;

/// Longer ones are packed off the runtime's threads.
const INLINE_BYTES_MAX: usize = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Zstd,
    Gzip,
}

/// Packs a whole body when the client takes it; streams stay as they are.
pub async fn compress(request: &HeaderMap, mut answer: Answer) -> Answer {
    let Some(len) = answer.body().full_len() else { return answer };
    // A strong tag is of the bytes as they are.
    let headers = answer.headers();
    if len < BYTES_MIN || headers.contains_key(header::CONTENT_ENCODING) || headers.contains_key(header::ETAG)
    {
        return answer;
    }
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let Some(coding) = choose(request) else { return answer };
    let Some(bytes) = answer.body_mut().take_full() else { return answer };
    let packed = if len < INLINE_BYTES_MAX {
        pack(coding, &bytes)
    } else {
        let copy = bytes.clone();
        tokio::task::spawn_blocking(move || pack(coding, &copy)).await.unwrap_or(None)
    };
    match packed {
        Some(packed) => {
            let name = match coding {
                Coding::Zstd => "zstd",
                Coding::Gzip => "gzip",
            };
            answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
            answer.body_mut().set_full(packed);
        }
        None => answer.body_mut().set_full(bytes),
    }
    answer
}

fn pack(coding: Coding, bytes: &[u8]) -> Option<Bytes> {
    let packed = match coding {
        Coding::Zstd => zstd::bulk::compress(bytes, 1).ok()?,
        Coding::Gzip => {
            let room = Vec::with_capacity(bytes.len() / 4);
            let mut encoder = flate2::write::GzEncoder::new(room, flate2::Compression::fast());
            encoder.write_all(bytes).ok()?;
            encoder.finish().ok()?
        }
    };
    Some(packed.into())
}

/// The best coding of `Accept-Encoding`: higher q first, zstd before gzip.
fn choose(request: &HeaderMap) -> Option<Coding> {
    let zstd = weight(request, "zstd")?;
    let gzip = weight(request, "gzip")?;
    if zstd > 0.0 && zstd >= gzip {
        Some(Coding::Zstd)
    } else if gzip > 0.0 {
        Some(Coding::Gzip)
    } else {
        None
    }
}

/// What `Accept-Encoding` says of a coding, `*` included; 0 where it says nothing, none where it cannot
/// be read.
pub fn weight(request: &HeaderMap, coding: &str) -> Option<f32> {
    let mut named = None;
    let mut any = None;
    for value in request.get_all(header::ACCEPT_ENCODING) {
        for part in value.to_str().ok()?.split(',') {
            let mut words = part.split(';');
            let name = words.next().unwrap_or("").trim().to_ascii_lowercase();
            let weight = words
                .find_map(|w| w.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()))
                .unwrap_or(1.0);
            match name.as_str() {
                "*" => any = Some(weight),
                "x-gzip" if coding == "gzip" => named = Some(weight),
                name if name == coding => named = Some(weight),
                _ => {}
            }
        }
    }
    Some(named.or(any).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::answer;
    use std::io::Read as _;

    fn accepting(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_coding_follows_the_weights() {
        for (accept, coding) in [
            ("gzip", Some(Coding::Gzip)),
            ("gzip, zstd", Some(Coding::Zstd)),
            ("gzip;q=1.0, zstd;q=0.5", Some(Coding::Gzip)),
            ("*", Some(Coding::Zstd)),
            ("zstd;q=0, gzip;q=0", None),
            ("identity", None),
            ("br", None),
        ] {
            assert_eq!(choose(&accepting(accept)), coding, "{accept}");
        }
    }

    #[tokio::test]
    async fn long_answers_are_packed_and_short_ones_are_not() {
        let text = "event ".repeat(1000);
        let packed = compress(&accepting("gzip"), answer::json(text.clone())).await;
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        assert_eq!(packed.headers()["vary"], "Accept-Encoding");
        let bytes = packed.into_body().into_bytes();
        let mut back = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut back).unwrap();
        assert_eq!(back, text);
        let short = compress(&accepting("gzip"), answer::json("{}")).await;
        assert!(!short.headers().contains_key("content-encoding"));
    }
}
