//! Connections: encodings both ways, slow peers, caps, drain, the directory lock.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use stele_tests::event::{at, id, lines};
use stele_tests::wire::connect;
use stele_tests::{ADMIN_KEY, Answer, Options, Server};

use crate::bad_requests::{gzip, zstd_packed};

#[test]
fn bodies_are_taken_as_gzip_and_zstd() {
    let server = Server::start();
    let many: Vec<String> = (0..1000).map(|i| at(&format!("z{i}"), i)).collect();
    let body = lines(&many).into_bytes();
    let two_members = [gzip(format!("{}\n", id("m1")).as_bytes()), gzip(id("m2").as_bytes())].concat();
    let two_frames =
        [zstd_packed(format!("{}\n", id("m1")).as_bytes()), zstd_packed(id("m2").as_bytes())].concat();
    let cases = [
        ("gzip", gzip(&body), (1000, 0)),
        ("zstd", zstd_packed(&body), (0, 1000)),
        ("gzip", two_members, (2, 0)),
        ("zstd", two_frames, (0, 2)),
        ("identity", body, (0, 1000)),
    ];
    for (encoding, packed, (new, known)) in cases {
        let call = server.call("POST", "/v1/events").header("content-encoding", encoding);
        let answer = call.ndjson(packed).send().expect(200);
        assert_eq!(
            (&answer["accepted"], &answer["duplicates"]),
            (&new.into(), &known.into()),
            "{encoding}: {answer}"
        );
    }
}

#[test]
fn answers_are_packed_as_the_client_accepts() {
    let server = Server::start();
    let many: Vec<String> = (0..200).map(|i| at(&format!("z{i}"), i)).collect();
    let _ = server.ingest(&many).expect(200);
    let get =
        |accept: &str| server.call("GET", "/v1/events?limit=200").header("accept-encoding", accept).send();
    let plain = get("identity");
    assert_eq!(plain.header("content-encoding"), None);
    let lines = |body: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(body).unwrap();
        value["events"].clone()
    };
    let expected = lines(&plain.body);
    let packed = get("gzip");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(lines(&unpacked), expected);
    let packed = get("zstd");
    assert_eq!(packed.header("content-encoding"), Some("zstd"));
    assert_eq!(lines(&zstd::decode_all(packed.body.as_slice()).unwrap()), expected);
    assert!(packed.header("vary").is_some_and(|v| v.to_ascii_lowercase().contains("accept-encoding")));
    assert_eq!(get("br, compress").header("content-encoding"), None);
    assert_eq!(get("gzip;q=0, zstd;q=0").header("content-encoding"), None);
}

/// How long the server keeps a connection open that does `send` and then nothing.
fn closed_after(server: &Server, send: &[u8]) -> (Duration, Vec<u8>) {
    let mut stream = connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(send).unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    assert!(end.is_ok() || started.elapsed() < Duration::from_secs(30), "still open after 30 s: {end:?}");
    (started.elapsed(), answer)
}

#[test]
fn slow_heads_slow_bodies_and_silence_are_closed() {
    let server = Options::default()
        .args(&[
            "--head-timeout",
            "1",
            "--idle-timeout",
            "2",
            "--body-chunk-timeout",
            "1",
            "--body-timeout",
            "4",
        ])
        .start();
    let key = format!("authorization: Bearer {ADMIN_KEY}\r\n");
    let slow_body = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\n{key}content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    let kept = format!("GET /v1/chain HTTP/1.1\r\nhost: a\r\n{key}\r\n");
    let cases: [(&str, &[u8], u64, Option<u16>); 5] = [
        ("silence", b"", 5, None),
        ("one byte", b"G", 5, None),
        ("half a head", b"GET /v1/chain HTTP/1.1\r\nhost:", 5, None),
        ("a body that stops", slow_body.as_bytes(), 8, Some(408)),
        ("a kept connection", kept.as_bytes(), 8, Some(200)),
    ];
    thread::scope(|scope| {
        for (name, send, seconds, status) in cases {
            let server = &server;
            scope.spawn(move || {
                let (open, answer) = closed_after(server, send);
                assert!(open < Duration::from_secs(seconds), "{name}: open for {open:?}");
                let answer = Answer::parse(&answer).map(|answer| answer.status);
                assert!(status.is_none() || answer == status, "{name}: {answer:?}");
            });
        }
        scope.spawn(|| trickled_bodies_end_too(&server));
    });
    assert_eq!(server.bare("GET", "/healthz").send().status, 200);
}

/// A byte now and then is progress, but not for ever.
fn trickled_bodies_end_too(server: &Server) {
    let mut stream = connect(server.address).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {ADMIN_KEY}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) {
        if stream.write_all(b" ").is_err() || closed(&stream) {
            return;
        }
        thread::sleep(Duration::from_millis(500));
    }
    panic!("a trickled body was still open after {:?}", started.elapsed());
}

/// True when an answer or the end of the connection can be read.
fn closed(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    !matches!(stream.peek(&mut [0]), Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
}

#[test]
fn connections_over_the_cap_wait_until_others_end() {
    let server = Options::default().args(&["--max-connections", "4"]).start();
    let held: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut stream = connect(server.address).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let address = server.address;
    let waiting = thread::spawn(move || stele_tests::Call::new(address, "GET", "/healthz").send().status);
    thread::sleep(Duration::from_millis(500));
    assert!(!waiting.is_finished(), "a fifth connection waits");
    drop(held);
    assert_eq!(waiting.join().unwrap(), 200);
}

#[test]
fn sigterm_finishes_what_is_under_way_and_takes_no_more() {
    let mut server = Server::start();
    let mut stream = connect(server.address).unwrap();
    let body = id("last");
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {ADMIN_KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    thread::sleep(Duration::from_millis(300));
    server.signal(Signal::TERM);
    thread::sleep(Duration::from_millis(300));
    let refused = connect(server.address).and_then(|mut late| {
        late.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")?;
        let mut answer = Vec::new();
        late.read_to_end(&mut answer)?;
        Ok(answer.is_empty())
    });
    assert!(
        refused.is_err() || refused.is_ok_and(|nothing| nothing),
        "a draining server takes no new connection"
    );
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = Answer::parse(&answer).expect("the request under way is answered");
    assert_eq!(answer.expect(200)["accepted"], 1);
    let status = server.wait(Duration::from_secs(30));
    assert!(status.success(), "{status}: {}", server.stderr());
    let again = Options::default().data(&server.data.clone()).start();
    assert_eq!(again.get("/v1/events/last").status, 200, "what was acknowledged is there");
}

#[test]
fn idle_connections_do_not_delay_the_end() {
    let mut server = Server::start();
    let _idle: Vec<TcpStream> = (0..10).map(|_| connect(server.address).unwrap()).collect();
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(30), "took {:?}", started.elapsed());
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    let server = Server::start();
    let Err(said) = Options::default().data(&server.data).try_start() else {
        panic!("two servers hold one directory");
    };
    assert!(said.contains("another process"), "{said}");
    assert!(said.contains("exit status: 3"), "{said}");
    assert_eq!(server.post("/v1/events", &id("first")).status, 200, "the first one goes on");
}

#[test]
fn rates_are_limited_where_configured_and_say_when_to_come_back() {
    let server = Options::default().env("STELE_RATE_OTHER", "60:5").start();
    let answers: Vec<Answer> = (0..12).map(|_| server.get("/v1/chain")).collect();
    let limited: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(
        limited.len() >= 5 && answers[0].status == 200,
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    for answer in limited {
        assert!(answer.header("retry-after").is_some_and(|s| s.parse::<u32>().is_ok()), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.headers.iter().any(|(name, _)| name.starts_with("ratelimit")), "{answer:?}");
    }
    assert_eq!(server.post("/v1/events", &id("free")).status, 200, "ingest has no limit of its own accord");
    assert_eq!(server.bare("GET", "/healthz").send().status, 200, "health needs no key and has no limit");
}

#[test]
fn health_readiness_and_metrics_need_no_key() {
    let server = Server::start();
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = server.bare("GET", path).send();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let _ = server.ingest(&[id("counted")]).expect(200);
    let metrics = server.bare("GET", "/metrics").send();
    assert!(
        metrics.header("content-type").is_some_and(|t| t.starts_with("text/plain; version=0.0.4")),
        "{metrics:?}"
    );
    assert!(metrics.text().lines().any(|line| line.starts_with("# TYPE ")), "{}", metrics.text());
    assert!(!metrics.text().contains("default"), "organizations are shown with the instance key only");
}

/// Goal: memory stays bounded however many clients send the largest body at once.
/// Method: many connections each send 32 MiB; each must be answered or cut, and the peak of anonymous
/// memory must stay below the budget for bodies and what is made of them, not near connections × 32 MiB.
#[test]
fn memory_stays_bounded_under_many_large_bodies() {
    let connections = if std::env::var_os("STELE_SOAK").is_some() { 1000 } else { 100 };
    let server = Server::start();
    let line = format!("{}\n", id("big"));
    let body: Vec<u8> = line.bytes().cycle().take((32 << 20) - line.len()).chain(line.bytes()).collect();
    let body = &body[..body.len() - body.len() % line.len()];
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {ADMIN_KEY}\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let statuses: Vec<u16> = thread::scope(|scope| {
        let senders: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = connect(server.address).ok()?;
                    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
                    let mut answer = Vec::new();
                    let _ = stream.read_to_end(&mut answer);
                    Answer::parse(&answer).map(|answer| answer.status).or(sent.is_err().then_some(0))
                })
            })
            .collect();
        let quick = Instant::now();
        assert_eq!(server.bare("GET", "/healthz").send().status, 200);
        assert!(quick.elapsed() < Duration::from_secs(30), "health took {:?} under load", quick.elapsed());
        senders.into_iter().filter_map(|sender| sender.join().unwrap()).collect()
    });
    let peak_mib = server.memory_kib("VmHWM") / 1024;
    println!("{connections} connections × 32 MiB: peak {peak_mib} MiB, answers {:?}", tally(&statuses));
    assert!(statuses.contains(&200), "some are served: {:?}", tally(&statuses));
    assert!(statuses.iter().all(|s| matches!(s, 0 | 200 | 408 | 429 | 503)), "{:?}", tally(&statuses));
    assert!(peak_mib < 1024, "peak memory {peak_mib} MiB for {connections} bodies of 32 MiB");
    assert_eq!(server.get("/v1/events/big").status, 200, "the server still serves");
}

fn tally(statuses: &[u16]) -> Vec<(u16, usize)> {
    let mut distinct: Vec<u16> = statuses.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.into_iter().map(|status| (status, statuses.iter().filter(|s| **s == status).count())).collect()
}
