//! Just enough HTTP/1.1 for a load client: requests made ahead, answers measured by their head.

use std::io::{self, Read};

/// Requests laid end to end, so that sending one is a write of a slice.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    pub(super) fn push(&mut self, head: &Head<'_>, body: &[u8]) {
        head.write(body.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(body);
        self.ends.push(self.bytes.len());
    }
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
    pub(super) fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }
}

/// What comes before a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) key: &'a str,
    pub(super) content_type: &'a str,
}

impl Head<'_> {
    pub(super) fn write(&self, body_bytes: u64, out: &mut Vec<u8>) {
        let Self { method, path, key, content_type } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n");
        if *method != "GET" {
            text += &format!("Content-Type: {content_type}\r\nContent-Length: {body_bytes}\r\n");
        }
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head_bytes: usize,
    /// Head and body.
    pub(super) total_bytes: usize,
}

/// Reads the head at the beginning of `bytes`; `None` while it is not whole.
pub(super) fn answer(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| wrong("an answer's head is not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body_bytes: usize = match length {
        Some((_, length)) => length.trim().parse().map_err(|_| wrong("an answer's length is no number"))?,
        None => return Err(wrong("an answer has no content-length")),
    };
    let status = status.ok_or_else(|| wrong("an answer has no status"))?;
    Ok(Some(Answer { status, head_bytes: end + 4, total_bytes: end + 4 + body_bytes }))
}

/// Reads one answer whole into `buffer`, which is emptied before.
pub(super) fn read_answer(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Answer> {
    buffer.clear();
    let mut chunk = [0; 16 << 10];
    loop {
        if let Some(answer) = answer(buffer)?
            && buffer.len() >= answer.total_bytes
        {
            return Ok(answer);
        }
        match stream.read(&mut chunk)? {
            0 => {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
            n => buffer.extend_from_slice(&chunk[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_in_any_pieces() {
        struct Bytewise<'a>(&'a [u8]);
        impl Read for Bytewise<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let n = self.0.len().min(1);
                into[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let bytes = b"HTTP/1.1 507 Full\r\nX: y\r\nCONTENT-length: 3\r\n\r\nabc";
        let mut buffer = Vec::new();
        let answer = read_answer(&mut Bytewise(bytes), &mut buffer).unwrap();
        assert_eq!((answer.status, &buffer[answer.head_bytes..]), (507, &b"abc"[..]));
        assert!(read_answer(&mut Bytewise(&bytes[..bytes.len() - 1]), &mut buffer).is_err());
    }

    #[test]
    fn requests_lie_end_to_end() {
        let head = Head { method: "POST", path: "/a", key: "k", content_type: "t" };
        let mut requests = Requests::default();
        requests.push(&head, b"one");
        requests.push(&head, b"three");
        assert_eq!(requests.len(), 2);
        assert!(requests.get(0).ends_with(b"Content-Length: 3\r\n\r\none"));
        assert!(requests.get(1).starts_with(b"POST /a HTTP/1.1\r\n") && requests.get(1).ends_with(b"three"));
    }
}
