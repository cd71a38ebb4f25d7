//! The files of an ingest, one after the other, decompressed, as lines of bounded length.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cli::failure::Failure;

/// How many bytes were taken from the disk so far; shared with the progress bar.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Bytes so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Counted<R>(R, Counter);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buf)?;
        self.1.0.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// All inputs, opened one at a time. Missing files are found out before anything is sent.
pub struct Inputs {
    paths: Vec<PathBuf>,
    total: Option<u64>,
    read: Counter,
    current: Option<Box<dyn BufRead + Send>>,
    /// Index of the input that is being read, and number of the last line taken from it.
    place: (usize, u64),
}

/// What `Inputs::line` found.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end, in the buffer.
    Whole,
    /// A line over the limit; it was skipped.
    TooLong,
}

impl Inputs {
    /// Checks that all inputs exist and can be opened.
    pub fn new(files: &[PathBuf]) -> Result<Self, Failure> {
        let paths = if files.is_empty() { vec![PathBuf::from("-")] } else { files.to_vec() };
        let mut total = Some(0);
        for path in &paths {
            let bytes = if is_stdin(path) { None } else { regular_bytes(path)? };
            total = total.zip(bytes).map(|(sum, bytes)| sum + bytes);
        }
        Ok(Self { paths, total, read: Counter::default(), current: None, place: (0, 0) })
    }

    /// Names for messages, by index.
    pub fn names(&self) -> Vec<String> {
        let name = |p: &PathBuf| if is_stdin(p) { "stdin".to_owned() } else { p.display().to_string() };
        self.paths.iter().map(name).collect()
    }

    /// Bytes of all inputs, where all are regular files.
    pub const fn bytes_total(&self) -> Option<u64> {
        self.total
    }

    /// The running count of bytes read.
    pub fn bytes_read(&self) -> Counter {
        self.read.clone()
    }

    /// Reads the next line into `line`, and returns it with its input's index and its number from 1.
    /// `None` at the end of the last input.
    pub fn line(
        &mut self,
        line: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<Option<(Line, usize, u64)>, Failure> {
        loop {
            let (input, number) = self.place;
            let Some(path) = self.paths.get(input) else { return Ok(None) };
            if self.current.is_none() {
                self.current = Some(open(path, &self.read)?);
            }
            let Some(reader) = self.current.as_mut() else { continue };
            line.clear();
            match take_line(reader, line, bytes_max).map_err(Failure::file(path, "reading"))? {
                Some(found) => {
                    self.place.1 = number + 1;
                    return Ok(Some((found, input, number + 1)));
                }
                None => {
                    self.current = None;
                    self.place = (input + 1, 0);
                }
            }
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn regular_bytes(path: &Path) -> Result<Option<u64>, Failure> {
    let meta = std::fs::metadata(path).map_err(Failure::file(path, "opening"))?;
    if meta.is_dir() {
        return Err(Failure::Unreachable(format!("{}: is a directory", path.display())));
    }
    if !meta.is_file() {
        return Ok(None);
    }
    File::open(path).map_err(Failure::file(path, "opening"))?;
    Ok(Some(meta.len()))
}

/// Opens an input; what begins like zstd or gzip is decompressed, whatever its name.
fn open(path: &Path, counter: &Counter) -> Result<Box<dyn BufRead + Send>, Failure> {
    let raw: Box<dyn Read + Send> = if is_stdin(path) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(Failure::file(path, "opening"))?)
    };
    let mut raw = BufReader::with_capacity(256 << 10, Counted(raw, counter.clone()));
    let start = raw.fill_buf().map_err(Failure::file(path, "reading"))?;
    if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let plain = zstd::Decoder::with_buffer(raw).map_err(Failure::file(path, "decompressing"))?;
        return Ok(Box::new(BufReader::with_capacity(256 << 10, plain)));
    }
    if start.starts_with(&[0x1f, 0x8b]) {
        let plain = flate2::bufread::MultiGzDecoder::new(raw);
        return Ok(Box::new(BufReader::with_capacity(256 << 10, plain)));
    }
    Ok(Box::new(raw))
}

/// Takes one line, never keeping more than `bytes_max` of it.
fn take_line(reader: &mut dyn BufRead, line: &mut Vec<u8>, bytes_max: usize) -> io::Result<Option<Line>> {
    let limit = bytes_max as u64 + 1;
    if io::Read::take(&mut *reader, limit).read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > bytes_max {
        line.clear();
        reader.skip_until(b'\n')?;
        return Ok(Some(Line::TooLong));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(Line::Whole))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(bytes: &[u8], bytes_max: usize) -> Vec<(Line, Vec<u8>)> {
        let mut reader = BufReader::with_capacity(3, bytes);
        let (mut found, mut line) = (Vec::new(), Vec::new());
        while let Some(kind) = take_line(&mut reader, &mut line, bytes_max).unwrap() {
            found.push((kind, std::mem::take(&mut line)));
        }
        found
    }

    #[test]
    fn lines_end_with_a_line_feed_or_with_the_input() {
        let found = lines(b"one\r\n\ntwo", 100);
        let texts: Vec<&[u8]> = found.iter().map(|(_, l)| l.as_slice()).collect();
        assert_eq!(texts, [b"one".as_slice(), b"", b"two"]);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_the_next_is_read() {
        let found = lines(b"12345\n1234567890\n12\n", 5);
        assert_eq!(found[0], (Line::Whole, b"12345".to_vec()));
        assert_eq!(found[1], (Line::TooLong, Vec::new()));
        assert_eq!(found[2], (Line::Whole, b"12".to_vec()));
        assert_eq!(lines(b"123456", 5), [(Line::TooLong, Vec::new())], "also at the end");
    }

    #[test]
    fn compressed_inputs_are_read_like_plain_ones() {
        let dir = std::env::temp_dir().join(format!("stele-input-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (plain, packed, gz) = (dir.join("a.ndjson"), dir.join("b"), dir.join("c"));
        std::fs::write(&plain, "a1\na2").unwrap();
        std::fs::write(&packed, zstd::encode_all(&b"b1\n"[..], 1).unwrap()).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"c1\n").unwrap();
        std::fs::write(&gz, encoder.finish().unwrap()).unwrap();

        let mut inputs = Inputs::new(&[plain.clone(), packed, gz]).unwrap();
        let (mut found, mut line) = (Vec::new(), Vec::new());
        while let Some((_, input, number)) = inputs.line(&mut line, 100).unwrap() {
            found.push((String::from_utf8(line.clone()).unwrap(), input, number));
        }
        let expected = [("a1", 0, 1), ("a2", 0, 2), ("b1", 1, 1), ("c1", 2, 1)];
        assert_eq!(found, expected.map(|(text, input, number)| (text.to_owned(), input, number)));
        assert_eq!(inputs.bytes_total(), Some(inputs.bytes_read().get()));

        let missing = Inputs::new(&[plain, dir.join("none")]).err().unwrap();
        assert_eq!(missing.exit_code(), 3);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
