//! What a question may cost: places, time, and its end when nobody waits for it.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use stele_engine::error::StoreError;

use super::client::Server;
use crate::routes::run;

/// Far more than it takes, also on a busy machine.
const SOON: Duration = Duration::from_secs(60);

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_question_ends_soon_after_its_handler_is_dropped() {
    let server = Server::with(|o| o.timeouts.query = Duration::from_secs(60));
    let app = Arc::clone(server.app());
    let free = app.queries.available_permits();
    let (begun, begins) = channel();
    let (ended, ends) = channel();
    let handler = server.runtime().spawn({
        let app = Arc::clone(&app);
        async move {
            let call = move |budget: &stele_engine::query::Budget<'_>| {
                begun.send(()).unwrap();
                loop {
                    if let Err(error) = budget.check() {
                        ended.send(matches!(error, StoreError::Cancelled)).unwrap();
                        return Err::<(), _>(error);
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            };
            run::run(&app, call).await.map_err(|problem| problem.status)
        }
    });
    begins.recv_timeout(SOON).unwrap();
    assert_eq!((app.queries.available_permits(), app.metrics.queries.get()), (free - 1, 1));
    handler.abort();
    assert!(ends.recv_timeout(SOON).unwrap(), "it was cancelled");
    until("the place is free again", || app.queries.available_permits() == free);
    until("it is counted", || app.metrics.cancelled.get() == 1 && app.metrics.queries.get() == 0);
}

#[test]
fn a_client_that_closes_its_connection_drops_its_handler() {
    let server = Server::with(|o| {
        o.limits.queries = 1;
        o.timeouts.query_wait = 6 * SOON;
    });
    let app = Arc::clone(server.app());
    let held = Arc::clone(&app.queries).try_acquire_owned().unwrap();
    let mut stream = server.connect();
    let key = &server.key;
    write!(stream, "GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n").unwrap();
    until("it waits for a place", || app.metrics.queries.get() == 1);
    drop(stream);
    until("its handler is gone before its wait is over", || app.metrics.queries.get() == 0);
    drop(held);
    assert_eq!(server.get("/v1/events").status, 200);
}

#[test]
fn a_question_that_takes_too_long_is_refused_with_what_to_narrow() {
    let server = Server::with(|o| o.timeouts.query = Duration::from_millis(30));
    let app = Arc::clone(server.app());
    let slow = |budget: &stele_engine::query::Budget<'_>| {
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            budget.check()?;
        }
        Ok(())
    };
    let problem = server.runtime().block_on(run::run(&app, slow)).unwrap_err();
    assert_eq!((problem.status.as_u16(), problem.slug), (400, "too-broad"));
    assert!(problem.detail.contains("narrow the time range"), "{}", problem.detail);
    assert_eq!(app.metrics.too_broad.get(), 1);
    assert!(server.get("/metrics").text().contains("stele_queries_too_broad_total 1"));
}

#[test]
fn questions_wait_for_a_place_and_are_then_told_to_come_back() {
    let one_place = |wait| {
        Server::with(|o| {
            o.limits.queries = 1;
            o.timeouts.query_wait = wait;
        })
    };
    let server = one_place(Duration::from_millis(50));
    let _held = Arc::clone(&server.app().queries).try_acquire_owned().unwrap();
    for path in ["/v1/events", "/v1/facets?fields=status", "/v1/histogram"] {
        let got = server.get(path);
        assert_eq!((got.status, got.headers["retry-after"].as_str()), (503, "1"), "{path}");
        assert_eq!(got.json()["type"], "urn:stele:problem/overloaded");
    }
    assert_eq!(server.get("/v1/events/nobody").status, 404, "single events do not wait for questions");
    let server = one_place(6 * SOON);
    let held = Arc::clone(&server.app().queries).try_acquire_owned().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.get("/v1/events").status);
        std::thread::sleep(Duration::from_millis(100));
        drop(held);
        assert_eq!(waiting.join().unwrap(), 200);
    });
}

#[test]
fn the_longest_query_text_fits_into_a_request_and_hostile_ones_cost_little() {
    let server = Server::with(|o| o.timeouts.query = SOON);
    let encoded = |text: &str| -> String { text.bytes().map(|b| format!("%{b:02X}")).collect() };
    let list: Vec<String> = (0..1000).map(|i| format!("v{i}")).collect();
    let cases = [
        ("(".repeat(16 << 10), 400),
        (format!("{}x{}", "(".repeat(8000), ")".repeat(8000)), 400),
        (format!("@n:{}", "*a".repeat(100)), 200),
        (format!("@n:{}", "*a".repeat(256)), 400),
        (vec!["@a~b"; 300].join(" "), 400),
        (format!("@n:({})", list.join(" OR ")), 200),
        (format!("@n:({} OR more)", list.join(" OR ")), 400),
        (format!("\"{}\"", "word ".repeat(1000)), 200),
        (format!("\"{}\"", "word ".repeat(3000)), 400),
        ("x".repeat((16 << 10) + 1), 400),
    ];
    for (text, status) in cases {
        let begun = Instant::now();
        let got = server.get(&format!("/v1/events?q={}", encoded(&text)));
        let shown: String = text.chars().take(40).collect();
        assert_eq!(got.status, status, "{shown}: {}", got.text());
        // Milliseconds; the limit only tells what grows without measure from a busy machine.
        assert!(begun.elapsed() < SOON / 2, "{shown}: {:?}", begun.elapsed());
        if status == 400 {
            assert_eq!(got.json()["type"], "urn:stele:problem/query", "{shown}");
        }
    }
    assert_eq!(server.panics(), 0);
}
