//! The live tail under load: nothing lost, nothing twice, in order, across reconnects and a kill -9.
//!
//! A few seconds in every test run; with `STELE_SOAK=1` 5,000 events a second for a minute. Prints how
//! long events took from their acknowledgement to their delivery.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod stream;

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use stele_tests::event::{at, lines};
use stele_tests::{ADMIN_KEY, Call, Options, Server};

use stream::Stream;

const WRITERS: usize = 4;
/// Events in a request.
const BATCH: usize = 25;

/// How much is sent.
#[derive(Clone, Copy)]
struct Load {
    /// Requests of each writer.
    batches: usize,
    /// Time between two of them.
    period: Duration,
}

impl Load {
    fn chosen() -> Self {
        let soak = std::env::var_os("STELE_SOAK").is_some_and(|value| value == "1");
        if soak {
            Self { batches: 3000, period: Duration::from_millis(20) }
        } else {
            Self { batches: 80, period: Duration::from_millis(50) }
        }
    }

    fn events(self) -> usize {
        WRITERS * self.batches * BATCH
    }

    fn lasts(self) -> Duration {
        self.period * u32::try_from(self.batches).unwrap()
    }
}

/// What writers, the reader and the one who disturbs them share.
struct Stage {
    address: Mutex<SocketAddr>,
    /// The reader's connection, for cutting it.
    connection: Mutex<Option<TcpStream>>,
    /// Set when the reader may end.
    over: AtomicBool,
    /// Events that the reader has.
    seen: AtomicUsize,
    /// First and last sequence of a request, and when its answer came.
    acknowledged: Mutex<Vec<(u64, u64, Instant)>>,
}

/// What the reader got.
#[derive(Default)]
struct Received {
    /// Sequence, event id, time; in the order of arrival.
    events: Vec<(u64, String, Instant)>,
    /// From when to when it was connected.
    connected: Vec<(Instant, Instant)>,
}

impl Stage {
    fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap()
    }

    /// Cuts the reader's connection as a bad network would.
    fn cut(&self) {
        if let Some(connection) = self.connection.lock().unwrap().take() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Sends events at the load's pace; each request again until it is answered.
    fn write(&self, writer: usize, load: Load, started: Instant) {
        for turn in 0..load.batches {
            let due = started + load.period * u32::try_from(turn).unwrap();
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let second = |i: usize| u32::try_from((turn * 7 + i) % 86_400).unwrap();
            let body = lines(&(0..BATCH).map(|i| at(&name(writer, turn, i), second(i))).collect::<Vec<_>>());
            while !self.post(&body) {
                assert!(due.elapsed() < Duration::from_secs(120), "no answer for two minutes");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// False when no whole answer came.
    fn post(&self, body: &str) -> bool {
        let call = Call::new(self.address(), "POST", "/v1/events").key(ADMIN_KEY);
        let call = call.header("connection", "close").ndjson(body);
        let Ok(answer) = call.try_send() else { return false };
        let at = Instant::now();
        let Ok(whole) = serde_json::from_slice::<Value>(&answer.body) else { return false };
        if matches!(answer.status, 429 | 503) {
            return false;
        }
        assert_eq!(answer.status, 200, "{whole}");
        let number = |name: &str| whole[name].as_u64();
        assert_eq!(number("rejected"), Some(0), "{whole}");
        if let (Some(first), Some(last)) = (number("first_sequence"), number("last_sequence")) {
            self.acknowledged.lock().unwrap().push((first, last, at));
        }
        true
    }

    /// Reads the tail from the log's first event on, and connects again whenever the connection ends.
    fn read(&self, first: u64) -> Received {
        let mut received = Received::default();
        while !self.over.load(Ordering::SeqCst) {
            let last = received.events.last().map_or(first.checked_sub(1), |(sequence, ..)| Some(*sequence));
            let Ok(mut stream) = Stream::open(self.address(), "?own=true", last) else {
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            *self.connection.lock().unwrap() = Some(stream.connection());
            let connected = Instant::now();
            while let Ok((sequence, id)) = stream.event() {
                received.events.push((sequence, id, Instant::now()));
                self.seen.store(received.events.len(), Ordering::SeqCst);
            }
            received.connected.push((connected, Instant::now()));
        }
        received
    }

    /// Three reconnects, and one kill -9 with a restart, evenly over the time.
    fn disturb(&self, mut server: Server, load: Load, started: Instant) -> Server {
        for step in 1..=4 {
            let due = started + load.lasts() * step / 5;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if step == 3 {
                let data = server.data.clone();
                server.kill();
                server = Options::default().data(&data).start();
                *self.address.lock().unwrap() = server.address;
            } else {
                self.cut();
            }
        }
        server
    }
}

fn name(writer: usize, turn: usize, i: usize) -> String {
    format!("w{writer}-{turn}-{i}")
}

/// Goal: a consumer that resumes by sequence has every event once, in order, whatever happens.
/// Method: writers at a steady pace, a reader whose connection is cut three times and whose server is
/// killed once; the log's own events are shown too, so that the sequences must have no gap.
#[test]
fn a_tail_under_load_loses_and_repeats_nothing_across_cuts_and_a_kill() {
    let load = Load::chosen();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = Options::default().data(&dir.path().join("data")).start();
    let first = size(&server);
    let stage = Stage {
        address: Mutex::new(server.address),
        connection: Mutex::new(None),
        over: AtomicBool::new(false),
        seen: AtomicUsize::new(0),
        acknowledged: Mutex::new(Vec::new()),
    };
    let received = thread::scope(|scope| {
        let reader = scope.spawn(|| stage.read(first));
        // Without an id to resume after, a tail begins when it is opened.
        while stage.connection.lock().unwrap().is_none() && !reader.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        let started = Instant::now();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let stage = &stage;
                scope.spawn(move || stage.write(writer, load, started))
            })
            .collect();
        let server = stage.disturb(server, load, started);
        writers.into_iter().for_each(|writer| writer.join().expect("writers write"));
        let written = usize::try_from(size(&server) - first).unwrap();
        let patience = Instant::now() + Duration::from_secs(60);
        while stage.seen.load(Ordering::SeqCst) < written && Instant::now() < patience {
            thread::sleep(Duration::from_millis(10));
        }
        stage.over.store(true, Ordering::SeqCst);
        stage.cut();
        reader.join().expect("the reader reads")
    });
    for (expected, (sequence, id, _)) in (first..).zip(&received.events) {
        assert_eq!(*sequence, expected, "every sequence once, in order ({id})");
    }
    let mut times: HashMap<&str, usize> = HashMap::new();
    received.events.iter().for_each(|(_, id, _)| *times.entry(id).or_default() += 1);
    for writer in 0..WRITERS {
        for turn in 0..load.batches {
            for i in 0..BATCH {
                let name = name(writer, turn, i);
                assert_eq!(times.get(name.as_str()), Some(&1), "{name}, acknowledged, in the tail");
            }
        }
    }
    assert!(received.connected.len() >= 5, "three cuts and a kill: {} connections", received.connected.len());
    report(load, &received, &stage.acknowledged.into_inner().unwrap());
}

fn size(server: &Server) -> u64 {
    server.get("/v1/chain").expect(200)["size"].as_u64().expect("a size")
}

/// Prints the times from acknowledgement to delivery of what was acknowledged during a connection.
fn report(load: Load, received: &Received, acknowledged: &[(u64, u64, Instant)]) {
    let delivered: HashMap<u64, Instant> =
        received.events.iter().map(|(sequence, _, at)| (*sequence, *at)).collect();
    let mut waited = Vec::new();
    for &(first, last, at) in acknowledged {
        if received.connected.iter().any(|&(from, to)| from <= at && at <= to) {
            let wait = |sequence| delivered[&sequence].saturating_duration_since(at);
            waited.extend((first..=last).map(wait));
        }
    }
    waited.sort_unstable();
    assert!(waited.len() > load.events() / 2, "{} events were acknowledged while connected", waited.len());
    let at = |share: usize| waited[(waited.len() - 1) * share / 1000];
    println!(
        "tail: {} events in {:?}, {} connections; from acknowledgement to delivery of {} events: \
         p50 {:?}, p99 {:?}, most {:?}",
        load.events(),
        load.lasts(),
        received.connected.len(),
        waited.len(),
        at(500),
        at(990),
        at(1000),
    );
}
