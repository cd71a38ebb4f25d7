//! TLS: the certificate that is served, and another one after SIGHUP.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use stele_tests::{Options, Server};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls").join(name)
}

/// True when a client that trusts this certificate alone is answered.
fn answered(server: &Server, trusted: &str) -> bool {
    let pem = std::fs::read(fixture(trusted)).unwrap();
    let certificate = Certificate::from_pem(&pem).unwrap();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[certificate])).build();
    let config =
        Agent::config_builder().tls_config(tls).timeout_global(Some(Duration::from_secs(10))).build();
    let url = format!("https://localhost:{}/healthz", server.address.port());
    config.new_agent().get(&url).call().is_ok_and(|answer| answer.status() == 200)
}

fn copy(dir: &Path, name: &str) {
    for part in ["crt", "key"] {
        std::fs::copy(fixture(&format!("{name}.{part}")), dir.join(format!("tls.{part}"))).unwrap();
    }
}

#[test]
fn tls_serves_its_certificate_and_reads_the_files_again_on_sighup() {
    let dir = tempfile::tempdir().unwrap();
    copy(dir.path(), "one");
    let (cert, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    let args = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = Options::default().args(&args).start();
    assert!(answered(&server, "one.crt"), "{}", server.stderr());
    assert!(!answered(&server, "two.crt"), "a client that trusts another certificate refuses");
    std::fs::write(&cert, "no certificate").unwrap();
    server.signal(Signal::HUP);
    thread::sleep(Duration::from_millis(500));
    assert!(answered(&server, "one.crt"), "files that cannot be read leave the old ones in use");
    copy(dir.path(), "two");
    server.signal(Signal::HUP);
    let changed = (0..50).any(|_| {
        thread::sleep(Duration::from_millis(100));
        answered(&server, "two.crt")
    });
    assert!(changed, "the new certificate is served within 5 s: {}", server.stderr());
    assert!(!answered(&server, "one.crt"));
    let plain = server.bare("GET", "/healthz").header("connection", "close").try_send();
    assert!(plain.is_err() || plain.is_ok_and(|answer| answer.status >= 400), "plain HTTP is not served");
}

#[test]
fn a_server_with_files_that_are_no_certificate_does_not_start() {
    let (cert, key) = (fixture("one.key"), fixture("one.crt"));
    let args = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let Err(said) = Options::default().args(&args).try_start() else { panic!("it started") };
    assert!(said.contains("one."), "the message names the file: {said}");
}

#[test]
fn a_plain_listener_beyond_loopback_warns() {
    let server = Options::default().args(&["--site", "example.com"]).start();
    assert!(!server.stderr().to_lowercase().contains("warn"), "{}", server.stderr());
    assert!(
        server.get("/v1/chain").expect(200)["origin"].as_str().unwrap().starts_with("example.com/stele/")
    );
    let server = Options::default().listen("0.0.0.0:0").start();
    let warned = (0..50).any(|_| {
        thread::sleep(Duration::from_millis(50));
        server.stderr().to_lowercase().contains("plain http")
    });
    assert!(warned, "{}", server.stderr());
}
