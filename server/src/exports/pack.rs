//! The way of a file's bytes: hashed, packed, hashed again, written.

use std::io::{self, Write};

use ring::digest::{Context, SHA256};
use stele_engine::ids::hex;

use super::Compression;

/// What went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Bytes before packing.
    pub content_bytes: u64,
    /// SHA-256 of them, hex.
    pub content_sha256: String,
    /// Bytes written.
    pub bytes: u64,
    /// SHA-256 of them, hex.
    pub sha256: String,
}

/// Counts and hashes what goes through.
struct Hashed<W> {
    out: W,
    bytes: u64,
    hash: Context,
}

impl<W> Hashed<W> {
    fn new(out: W) -> Self {
        Self { out, bytes: 0, hash: Context::new(&SHA256) }
    }

    fn end(self) -> (W, u64, String) {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.hash.finish().as_ref());
        (self.out, self.bytes, hex(&digest))
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

enum Kind<W: Write> {
    Plain(Hashed<W>),
    Gzip(flate2::write::GzEncoder<Hashed<W>>),
    Zstd(zstd::stream::write::Encoder<'static, Hashed<W>>),
}

/// Packs what is written to it.
pub struct Packer<W: Write>(Hashed<Kind<W>>);

impl<W: Write> Write for Kind<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(out) => out.write(bytes),
            Self::Zstd(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(out) => out.flush(),
            Self::Zstd(out) => out.flush(),
        }
    }
}

impl<W: Write> Packer<W> {
    /// Packs into `out`.
    ///
    /// # Errors
    /// The library cannot begin.
    pub fn new(compression: Compression, out: W) -> io::Result<Self> {
        let out = Hashed::new(out);
        let kind = match compression {
            Compression::None => Kind::Plain(out),
            Compression::Gzip => Kind::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::new(6))),
            Compression::Zstd => Kind::Zstd(zstd::stream::write::Encoder::new(out, 3)?),
        };
        Ok(Self(Hashed::new(kind)))
    }

    /// Writes what is left; gives back what it was written to.
    ///
    /// # Errors
    /// Those of it.
    pub fn finish(self) -> io::Result<(W, Packed)> {
        let (kind, content_bytes, content_sha256) = self.0.end();
        let out = match kind {
            Kind::Plain(out) => out,
            Kind::Gzip(out) => out.finish()?,
            Kind::Zstd(out) => out.finish()?,
        };
        let (out, bytes, sha256) = out.end();
        Ok((out, Packed { content_bytes, content_sha256, bytes, sha256 }))
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn packed(compression: Compression, content: &[u8]) -> (Vec<u8>, Packed) {
        let mut packer = Packer::new(compression, Vec::new()).unwrap();
        for piece in content.chunks(1000) {
            packer.write_all(piece).unwrap();
        }
        packer.finish().unwrap()
    }

    #[test]
    fn packed_bytes_unpack_and_are_the_same_each_time() {
        let content = "an event, and another one\n".repeat(10_000).into_bytes();
        let plain = packed(Compression::None, &content);
        assert_eq!((&plain.0, &plain.1.sha256), (&content, &plain.1.content_sha256));
        for compression in [Compression::Gzip, Compression::Zstd] {
            let (bytes, told) = packed(compression, &content);
            assert!(bytes.len() * 10 < content.len());
            assert_eq!((bytes.clone(), told.clone()), packed(compression, &content));
            assert_eq!((told.bytes, told.content_bytes), (bytes.len() as u64, content.len() as u64));
            assert_eq!(told.content_sha256, plain.1.sha256);
            assert_ne!(told.sha256, plain.1.sha256);
            let mut back = Vec::new();
            match compression {
                Compression::Gzip => flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut back).unwrap(),
                _ => zstd::stream::read::Decoder::new(&bytes[..]).unwrap().read_to_end(&mut back).unwrap(),
            };
            assert_eq!(back, content);
        }
    }

    #[test]
    fn hashes_are_sha_256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(packed(Compression::None, b"").1.sha256, empty);
    }
}
