//! The page over the wire.

use super::client::Server;

#[test]
fn the_page_is_served_to_anybody_with_its_policy() {
    let server = Server::new();
    for path in crate::page::PAGES {
        let got = server.call_as("", "GET", path, &[], b"");
        assert_eq!(got.status, 200, "{path}");
        assert_eq!(got.headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(got.headers["x-content-type-options"], "nosniff");
        assert_eq!(got.headers["cache-control"], "no-cache");
        assert!(got.headers["content-security-policy"].contains("frame-ancestors 'none'"), "{path}");
        assert!(got.text().starts_with("<!doctype html>"), "{path}");
        let head = server.call_as("", "HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.headers["content-length"], got.body.len().to_string());
        assert_eq!(head.headers["etag"], got.headers["etag"]);
        let known = [("if-none-match", got.headers["etag"].as_str())];
        let again = server.call_as("", "GET", path, &known, b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(server.call_as("", "POST", path, &[], b"").status, 405, "{path}");
    }
    for lost in ["/assets/none.js", "/assets/..%2findex.html", "/nowhere", "/index.html.br"] {
        let got = server.call_as("", "GET", lost, &[], b"");
        assert_eq!(
            (got.status, got.headers["content-type"].as_str()),
            (404, "application/problem+json"),
            "{lost}"
        );
    }
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("route=\"/\"") && !metrics.contains("route=\"/log\""), "one name for all pages");
}

#[test]
fn every_embedded_file_is_served_packed_and_as_it_is() {
    let server = Server::new();
    for path in crate::page::paths() {
        let plain = server.call_as("", "GET", path, &[], b"");
        assert_eq!(plain.status, 200, "{path}");
        assert!(!plain.headers.contains_key("content-encoding"), "{path}");
        let packed = server.call_as("", "GET", path, &[("accept-encoding", "gzip, br, zstd")], b"");
        let coding = packed.headers.get("content-encoding").map(String::as_str);
        assert!(matches!(coding, None | Some("br" | "gzip")), "{path}: {coding:?}");
        assert!(packed.body.len() <= plain.body.len(), "{path}");
        assert_eq!(packed.headers["etag"] == plain.headers["etag"], coding.is_none(), "{path}");
        let zstd = server.call_as("", "GET", path, &[("accept-encoding", "zstd")], b"");
        assert_eq!(zstd.body, plain.body, "a tag is of these bytes: {path}");
    }
}
