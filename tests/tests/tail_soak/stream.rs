//! A stream of server-sent events whose connection may end at any byte.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use stele_tests::ADMIN_KEY;
use stele_tests::wire::connect;

/// An open stream.
pub struct Stream {
    reader: BufReader<TcpStream>,
    pending: Vec<u8>,
    /// Bytes of `pending` that are read.
    at: usize,
}

impl Stream {
    /// Connects, and resumes after `last`.
    ///
    /// # Errors
    /// What the socket said, or that the answer is no stream.
    pub fn open(address: SocketAddr, query: &str, last: Option<u64>) -> io::Result<Self> {
        let mut stream = connect(address)?;
        let last = last.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        let head = format!(
            "GET /v1/events/stream{query} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {ADMIN_KEY}\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes())?;
        let mut reader = BufReader::with_capacity(64 << 10, stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Err(ended());
            }
        }
        if !head.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(head));
        }
        Ok(Self { reader, pending: Vec::new(), at: 0 })
    }

    /// The connection, for cutting it from outside.
    pub fn connection(&self) -> TcpStream {
        self.reader.get_ref().try_clone().expect("a socket can be cloned")
    }

    /// The next whole event: its id, and the `event_id` in its data.
    ///
    /// # Errors
    /// When the connection ends before.
    pub fn event(&mut self) -> io::Result<(u64, String)> {
        let (mut id, mut data) = (None, String::new());
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                _ if line.is_empty() && !data.is_empty() => break,
                Some(("id", value)) => id = value.trim().parse().ok(),
                Some(("data", value)) => value.trim_start().clone_into(&mut data),
                _ => {}
            }
        }
        let id: u64 = id.expect("an event has an id");
        let name = data.strip_prefix("{\"event_id\":\"").and_then(|rest| rest.split_once('"'));
        let (name, rest) = name.unwrap_or_else(|| panic!("no event: {data}"));
        assert!(rest.contains(&format!("\"chain\":{{\"sequence\":{id},")), "event {id} is {data}");
        Ok((id, name.to_owned()))
    }

    /// The next line of the body, whatever chunk it comes in.
    fn line(&mut self) -> io::Result<String> {
        loop {
            let rest = &self.pending[self.at..];
            if let Some(end) = rest.iter().position(|&b| b == b'\n') {
                let line = String::from_utf8_lossy(&rest[..end]).trim_end().to_owned();
                self.at += end + 1;
                return Ok(line);
            }
            self.pending.drain(..self.at);
            self.at = 0;
            self.chunk()?;
        }
    }

    fn chunk(&mut self) -> io::Result<()> {
        let mut size = String::new();
        self.reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| ended())?;
        if size == 0 {
            return Err(ended());
        }
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk)?;
        self.pending.extend_from_slice(&chunk[..size]);
        Ok(())
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended")
}
