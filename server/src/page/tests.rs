use super::*;

static FILES: &[File] = &[
    File { path: "/assets/app-1a2b.js", plain: b"let a = 1;", brotli: Some(b"br"), gzip: Some(b"gz.") },
    File { path: "/favicon.svg", plain: b"<svg/>", brotli: None, gzip: Some(b"gz-svg") },
    File { path: "/index.html", plain: b"<!doctype html>", brotli: None, gzip: None },
];

fn asked(headers: &[(HeaderName, &'static str)]) -> HeaderMap {
    headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

fn get(path: &str, headers: &[(HeaderName, &'static str)]) -> Answer {
    Site::new(FILES).answer(path, &asked(headers)).unwrap()
}

#[test]
fn every_page_is_the_index_and_is_asked_for_again() {
    for path in PAGES {
        let answer = get(path, &[]);
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8", "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-cache");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "), "{policy}");
        assert!(policy.ends_with("base-uri 'none'; require-trusted-types-for 'script'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("  "), "{policy}");
        assert_eq!(&answer.into_body().into_bytes()[..], b"<!doctype html>");
    }
}

#[test]
fn names_with_a_hash_are_kept_and_others_are_not() {
    assert_eq!(
        get("/assets/app-1a2b.js", &[]).headers()["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert_eq!(get("/favicon.svg", &[]).headers()["cache-control"], "no-cache");
    for lost in
        ["/assets/app-0000.js", "/assets/", "/assets/../index.html", "/favicon.svg.gz", "/nowhere", ""]
    {
        assert_eq!(Site::new(FILES).answer(lost, &HeaderMap::new()).unwrap_err().status, 404, "{lost}");
    }
}

#[test]
fn the_form_follows_accept_encoding() {
    for (accept, coding, bytes) in [
        ("gzip, deflate, br, zstd", Some("br"), &b"br"[..]),
        ("gzip", Some("gzip"), b"gz."),
        ("br;q=0.5, gzip;q=0.9", Some("gzip"), b"gz."),
        ("br;q=0, *", Some("gzip"), b"gz."),
        ("*", Some("br"), b"br"),
        ("zstd", None, b"let a = 1;"),
        ("br;q=0, gzip;q=0", None, b"let a = 1;"),
        ("identity", None, b"let a = 1;"),
    ] {
        let answer = get("/assets/app-1a2b.js", &[(header::ACCEPT_ENCODING, accept)]);
        let sent = answer.headers().get("content-encoding").map(|v| v.to_str().unwrap());
        assert_eq!(sent, coding, "{accept}");
        assert_eq!(answer.headers()["vary"], "Accept-Encoding");
        assert_eq!(answer.headers()["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(&answer.into_body().into_bytes()[..], bytes, "{accept}");
    }
    let only_gzip = get("/favicon.svg", &[(header::ACCEPT_ENCODING, "br, gzip")]);
    assert_eq!(only_gzip.headers()["content-encoding"], "gzip");
}

#[test]
fn what_a_browser_has_is_not_sent_again_and_each_form_has_its_own_tag() {
    let path = "/assets/app-1a2b.js";
    let tag = |headers: &[(HeaderName, &'static str)]| {
        get(path, headers).headers()["etag"].to_str().unwrap().to_owned()
    };
    let (plain, brotli) = (tag(&[]), tag(&[(header::ACCEPT_ENCODING, "br")]));
    assert_ne!(plain, brotli);
    let again = |value: &str, accept: &'static str| {
        let mut headers = asked(&[(header::ACCEPT_ENCODING, accept)]);
        headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
        Site::new(FILES).answer(path, &headers).unwrap()
    };
    for value in [brotli.clone(), format!("W/{brotli}"), format!("\"x\", {brotli}"), "*".to_owned()] {
        let answer = again(&value, "br");
        assert_eq!(answer.status(), 304, "{value}");
        assert_eq!(answer.headers()["etag"], brotli.as_str());
        assert!(answer.headers().contains_key("content-security-policy"));
        assert!(!answer.headers().contains_key("content-encoding"));
        assert!(answer.into_body().into_bytes().is_empty());
    }
    assert_eq!(again(&plain, "br").status(), 200, "other bytes");
}

#[test]
fn without_a_built_page_every_page_says_how_to_build_it() {
    let site = Site::new(PLACEHOLDER);
    for path in PAGES {
        let answer = site.answer(path, &HeaderMap::new()).unwrap();
        let text = answer.into_body().into_bytes();
        assert!(String::from_utf8_lossy(&text).contains("make web build"), "{path}");
    }
    assert_eq!(site.answer("/favicon.svg", &HeaderMap::new()).unwrap_err().status, 404);
}

#[test]
fn what_the_embedded_index_asks_for_is_embedded() {
    let index = answer("/", &HeaderMap::new()).unwrap().into_body().into_bytes();
    let index = String::from_utf8(index.to_vec()).unwrap();
    let asked: Vec<&str> = index.split(['"', '\'']).filter_map(|part| part.strip_prefix('.')).collect();
    assert_eq!(asked.is_empty(), EMBEDDED.is_empty(), "{index}");
    for path in asked {
        assert!(paths().any(|known| known == path), "{path}");
        assert_ne!(
            answer(path, &HeaderMap::new()).unwrap().headers()["content-type"],
            "application/octet-stream"
        );
    }
}
