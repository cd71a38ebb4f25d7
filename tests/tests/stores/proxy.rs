//! A proxy between a store and its client that does what networks and overloaded services do.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to one request.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// Answered with this status and code, and not handed on.
    Refuse(u16, &'static str),
    /// The connection ends before anything is handed on.
    Close,
    /// Handed on; the connection ends before the answer.
    LoseAnswer,
    /// The answer's body ends half-way.
    Truncate,
    /// One byte of the answer's body is another.
    Corrupt,
    /// The answer comes after this time.
    Late(Duration),
    /// The second half of the answer's body comes after this time.
    Stall(Duration),
}

/// A running proxy; it ends with the process.
pub struct Proxy {
    /// Where it listens.
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: u16,
    /// For the requests to come, in order.
    faults: Mutex<VecDeque<Fault>>,
    /// For all after those.
    after: Mutex<Fault>,
    /// Request lines so far.
    seen: Mutex<Vec<String>>,
}

impl Proxy {
    /// Hands on to a port of this host.
    pub fn to(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            upstream,
            faults: Mutex::default(),
            after: Mutex::new(Fault::Pass),
            seen: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { url, shared }
    }

    /// The next requests meet these, and all later ones the last.
    pub fn next(&self, faults: &[Fault], after: Fault) {
        *self.shared.faults.lock().unwrap() = faults.iter().copied().collect();
        *self.shared.after.lock().unwrap() = after;
        self.shared.seen.lock().unwrap().clear();
    }

    /// Request lines since then.
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }
}

/// Head (with the empty line) and body of a message.
struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    fn read(from: &mut impl BufRead, has_body: impl Fn(&str) -> bool) -> Option<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if from.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a number"))
        });
        let mut body = Vec::new();
        if has_body(&head) {
            match length {
                Some(length) => {
                    body.resize(length, 0);
                    from.read_exact(&mut body).ok()?;
                }
                // The connection is for one request: what is left is the body, chunks and all.
                None => drop(from.read_to_end(&mut body)),
            }
        }
        Some(Self { head, body })
    }

    fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The same message on a connection for it alone.
    fn closing(&self) -> String {
        let keep = |line: &&str| !line.to_ascii_lowercase().starts_with("connection:") && !line.is_empty();
        let lines: Vec<&str> = self.head.split("\r\n").filter(keep).collect();
        format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"))
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        let Some(request) =
            Message::read(&mut reader, |head| head.to_ascii_lowercase().contains("content-length:"))
        else {
            return;
        };
        self.seen.lock().unwrap().push(request.first_line().to_owned());
        let planned = self.faults.lock().unwrap().pop_front();
        let fault = planned.unwrap_or_else(|| *self.after.lock().unwrap());
        self.answer(&request, fault, &stream);
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn answer(&self, request: &Message, fault: Fault, mut stream: &TcpStream) {
        match fault {
            Fault::Close => return,
            Fault::Refuse(status, code) => {
                let body = format!("<Error><Code>{code}</Code></Error>");
                let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n", body.len());
                let _ = write!(stream, "{head}Connection: close\r\n\r\n{body}");
                return;
            }
            Fault::Late(time) => thread::sleep(time),
            _ => {}
        }
        let Some(mut answer) = self.upstream(request) else { return };
        let half = answer.body.len() / 2;
        match fault {
            Fault::LoseAnswer => return,
            Fault::Truncate => answer.body.truncate(half),
            Fault::Corrupt => answer.body.iter_mut().skip(half).take(1).for_each(|byte| *byte ^= 1),
            _ => {}
        }
        let _ = stream.write_all(answer.closing().as_bytes());
        match fault {
            Fault::Stall(time) => {
                let _ = stream.write_all(&answer.body[..half]);
                thread::sleep(time);
                let _ = stream.write_all(&answer.body[half..]);
            }
            _ => drop(stream.write_all(&answer.body)),
        }
    }

    fn upstream(&self, request: &Message) -> Option<Message> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.upstream)).ok()?;
        stream.write_all(request.closing().as_bytes()).ok()?;
        stream.write_all(&request.body).ok()?;
        let is_head = request.first_line().starts_with("HEAD ");
        Message::read(&mut BufReader::new(stream), |_| !is_head)
    }
}
