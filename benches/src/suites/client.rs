//! Many keep-alive connections on one thread: the client shares the machine with the server, so it
//! does no more than write slices and read heads.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::wire::{self, Requests};
use crate::Failure;
use crate::figures::Durations;

/// How a load is put on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Ends after this time, or when a connection's requests are used up.
    pub(super) time: Duration,
    /// Requests a second over all connections; as fast as answers come where absent.
    pub(super) pace: Option<f64>,
    /// Whether requests may be sent again and again.
    pub(super) repeat: bool,
}

/// What came of it. A latency counts from when the request was due, so waiting behind a slow answer
/// is part of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) durations: Durations,
    pub(super) elapsed: Duration,
}

/// Sends `requests`, one connection for each entry.
pub(super) fn run(address: SocketAddr, requests: Vec<Requests>, load: Load) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let connections = requests.len();
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let begin = Instant::now();
        let tasks: Vec<_> = streams
            .into_iter()
            .zip(requests)
            .enumerate()
            .map(|(at, (stream, requests))| {
                let turns = Turns { begin, at, connections, load };
                tokio::spawn(connection(stream, Arc::new(requests), turns))
            })
            .collect();
        let mut durations = Durations::default();
        for task in tasks {
            durations.extend(task.await??);
        }
        Ok(Outcome { durations, elapsed: begin.elapsed() })
    })
}

/// When a connection's requests are due.
#[derive(Clone, Copy)]
struct Turns {
    begin: Instant,
    at: usize,
    connections: usize,
    load: Load,
}

impl Turns {
    /// Waits for request `number` to be due; the time it counts from.
    async fn due(&self, number: usize) -> Instant {
        let Some(pace) = self.load.pace else { return Instant::now() };
        let after = Duration::from_secs_f64((number * self.connections + self.at) as f64 / pace);
        let due = self.begin + after;
        if due <= Instant::now() {
            return due;
        }
        // The timer's own lateness is not the server's.
        tokio::time::sleep_until(due.into()).await;
        Instant::now()
    }
}

async fn connection(mut stream: TcpStream, requests: Arc<Requests>, turns: Turns) -> io::Result<Durations> {
    let mut durations = Durations::default();
    let mut buffer = Vec::with_capacity(4096);
    let mut number = 0;
    while turns.begin.elapsed() < turns.load.time && (turns.load.repeat || number < requests.len()) {
        let start = turns.due(number).await;
        stream.write_all(requests.get(number % requests.len())).await?;
        let status = read(&mut stream, &mut buffer).await?;
        durations.push(start.elapsed());
        if status != 200 {
            let answer = String::from_utf8_lossy(&buffer).into_owned();
            return Err(io::Error::other(format!("the server answered {answer}")));
        }
        number += 1;
    }
    Ok(durations)
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<u16> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        if let Some(answer) = wire::answer(buffer)?
            && buffer.len() >= answer.total_bytes
        {
            return Ok(answer.status);
        }
    }
}
