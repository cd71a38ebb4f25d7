//! What HTTP clients send around the events: bodies of several, and query strings.

use stele_server::parsers;

const NOW_NS: i64 = 1_790_000_000_000_000_000;

/// Splitting a body never panics, and items are parts of it.
pub fn body(data: &[u8]) {
    let (lines, _) = parsers::body(data);
    let line_ends = data.iter().filter(|&&byte| byte == b'\n').count();
    assert!(lines.is_some_and(|lines| lines <= line_ends + 1), "no more lines than line ends allow");
}

/// Reading a query string never panics; a parameter that no call knows is never accepted.
pub fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let accepted = parsers::filters(&text, NOW_NS);
    let unknown = format!("{text}&no_such_parameter=1");
    assert!(!parsers::filters(&unknown, NOW_NS), "{text:?} accepted: {accepted}");
}

/// Bodies to start from.
pub fn bodies() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 6] = [
        b"{\"event_id\":\"a\"}\n\n{\"event_id\":\"b\"}\r\n",
        b"[{\"a\":[1,2.0,\"x\"]},{},null, 7]",
        b"{\"a\":{\"b\":\"\\u00e9\\n\"}}",
        b"[]",
        b" [ {} , ",
        b"\xff\n{",
    ];
    texts.map(<[u8]>::to_vec).into()
}

/// Query strings to start from.
pub fn queries() -> Vec<Vec<u8>> {
    let texts = [
        "category=security,auth&status=failure&from=now-24h",
        "event_type=agent&event_type=auth.login&action=a%20b+c&own=true",
        "from=2026-11-23T07:28:00.123456789%2B02:00&to=now&actor_email=Ada%40example.com",
        "resource_type=agent&resource_id=agt%2F42&actor_type=user&actor_id=usr_17",
        "q=%20&from=now-15m&to=now-1s",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}
