//! Every rule of "The event": one event that breaks it, and the pointer that must be named.

use stele_tests::event::{quoted, with};
use stele_tests::{Call, Server};

use crate::refused::{Case, Expected, run};

/// An event that breaks one rule, sent alone: 422 (413 by size) with its code and pointer.
fn broken(name: &'static str, pointer: &'static str, event: impl Into<Vec<u8>>) -> Case {
    let event = event.into();
    let call = move |server: &Server| -> Call { server.call("POST", "/v1/events").json(event.clone()) };
    let expected = Expected { status: 422, code: "invalid", pointer, says: "" };
    Case { name, call: Box::new(call), expected }
}

/// The same for one member.
fn member(name: &'static str, pointer: &'static str, member: &str, text: &str) -> Case {
    broken(name, pointer, with(&[(member, text)]))
}

#[test]
fn every_rule_of_ids_and_times_has_its_refusal() {
    let long = quoted(&"x".repeat(129));
    let cases = [
        member("an id is not empty", "/event_id", "event_id", r#""""#),
        member("an id has at most 128 characters", "/event_id", "event_id", &long),
        member("an id has no space", "/event_id", "event_id", r#""a b""#),
        member("an id is ASCII", "/event_id", "event_id", r#""evt-ä""#),
        member("an id has no percent sign", "/event_id", "event_id", r#""a%2Fb""#),
        member("an id has no line end", "/event_id", "event_id", r#""a\n""#),
        member("an id is not `stream`", "/event_id", "event_id", r#""stream""#),
        member("an id is not a dot", "/event_id", "event_id", r#"".""#),
        member("an id is not two dots", "/event_id", "event_id", r#""..""#),
        member("an id does not begin like the log's own", "/event_id", "event_id", r#""stele:key:1""#),
        member("an id is text", "/event_id", "event_id", "17"),
        member("an id is no object", "/event_id", "event_id", "{}"),
        member("a time is RFC 3339", "/timestamp", "timestamp", r#""yesterday""#),
        member("a time is not empty", "/timestamp", "timestamp", r#""""#),
        member("a time names its offset", "/timestamp", "timestamp", r#""2026-01-02T03:04:05""#),
        member(
            "a time has at most 9 decimals",
            "/timestamp",
            "timestamp",
            r#""2026-01-02T03:04:05.0123456789Z""#,
        ),
        member("a time has decimals after its dot", "/timestamp", "timestamp", r#""2026-01-02T03:04:05.Z""#),
        member("a day exists", "/timestamp", "timestamp", r#""2026-02-30T03:04:05Z""#),
        member("an hour exists", "/timestamp", "timestamp", r#""2026-02-03T24:04:05Z""#),
        member("an offset exists", "/timestamp", "timestamp", r#""2026-02-03T04:05:06+24:61""#),
        member("a time is not before 1970", "/timestamp", "timestamp", r#""1969-12-31T23:59:59.999Z""#),
        member("an offset does not hide 1969", "/timestamp", "timestamp", r#""1970-01-01T00:30:00+01:00""#),
        member("a time is not far ahead", "/timestamp", "timestamp", r#""2999-01-01T00:00:00Z""#),
        member("a time is text", "/timestamp", "timestamp", "1767323045"),
    ];
    run(&Server::start(), &cases);
}

#[test]
fn every_rule_of_types_and_plain_members_has_its_refusal() {
    let long_type = quoted(&format!("agent.{}", "x".repeat(123)));
    let long_action = quoted(&"x".repeat(129));
    let cases = [
        member("a type is required", "/event_type", "event_type", ""),
        member("a type is not null", "/event_type", "event_type", "null"),
        member("a type has two parts", "/event_type", "event_type", r#""login""#),
        member("a type is lower case", "/event_type", "event_type", r#""Agent.updated""#),
        member("a type has no empty part", "/event_type", "event_type", r#""agent..updated""#),
        member("a type does not end in a dot", "/event_type", "event_type", r#""agent.updated.""#),
        member("a type has no hyphen", "/event_type", "event_type", r#""agent.re-deployed""#),
        member("a type has at most 128 characters", "/event_type", "event_type", &long_type),
        member("a type is not the log's own", "/event_type", "event_type", r#""stele.key_created""#),
        member("a type is text", "/event_type", "event_type", r#"["agent.updated"]"#),
        broken(
            "an unknown type names its category",
            "/category",
            with(&[("event_type", r#""shop.sold""#), ("category", "")]),
        ),
        broken(
            "null is no category",
            "/category",
            with(&[("event_type", r#""shop.sold""#), ("category", "null")]),
        ),
        member("a category is known", "/category", "category", r#""weather""#),
        member("a category is text", "/category", "category", "1"),
        member("an action is required", "/action", "action", ""),
        member("an action is not empty", "/action", "action", r#""""#),
        member("an action has at most 128 characters", "/action", "action", &long_action),
        member("an action is text", "/action", "action", "true"),
        member("a status is required", "/status", "status", ""),
        member("a status is one of three", "/status", "status", r#""ok""#),
        member("a status is lower case", "/status", "status", r#""Success""#),
        member("unknown members are named", "/severity", "severity", "3"),
        broken("pointers are escaped", "/a~1b~0c", with(&[("a/b~c", "1")])),
        member("schema errors are the server's", "/schema_errors", "schema_errors", "[]"),
        broken("a member stands once", "/action", with(&[("metadata", r#"{},"action":"again""#)])),
        broken(
            "a member stands once, escaped too",
            "/action",
            with(&[("metadata", r#"{},"\u0061ction":"again""#)]),
        ),
    ];
    run(&Server::start(), &cases);
}

#[test]
fn every_rule_of_actor_and_resource_has_its_refusal() {
    let cases = [
        member("an actor is required", "/actor", "actor", ""),
        member("an actor is not null", "/actor", "actor", "null"),
        member("an actor is an object", "/actor", "actor", r#""ada""#),
        member("an actor has a type", "/actor/type", "actor", r#"{"id":"u"}"#),
        member("an actor's type is known", "/actor/type", "actor", r#"{"type":"robot","id":"u"}"#),
        member("a user is identified", "/actor", "actor", r#"{"type":"user","name":"Ada"}"#),
        member(
            "null does not identify a user",
            "/actor",
            "actor",
            r#"{"type":"user","id":null,"email":null}"#,
        ),
        member("an API key is identified", "/actor", "actor", r#"{"type":"api_key","email":"a@b.c"}"#),
        member(
            "an address parses",
            "/actor/ip_address",
            "actor",
            r#"{"type":"system","ip_address":"300.1.1.1"}"#,
        ),
        member(
            "an address is no name",
            "/actor/ip_address",
            "actor",
            r#"{"type":"system","ip_address":"localhost"}"#,
        ),
        member(
            "an address has no prefix",
            "/actor/ip_address",
            "actor",
            r#"{"type":"system","ip_address":"10.0.0.0/8"}"#,
        ),
        member("an actor's id is text", "/actor/id", "actor", r#"{"type":"user","id":17}"#),
        member("an actor's name is text", "/actor/name", "actor", r#"{"type":"user","id":"u","name":{}}"#),
        member("an actor has no other members", "/actor/role", "actor", r#"{"type":"system","role":"x"}"#),
        member("an actor's members stand once", "/actor/id", "actor", r#"{"type":"user","id":"u","id":"v"}"#),
        member("a resource is required", "/resource", "resource", ""),
        member("a resource is an object", "/resource", "resource", "[]"),
        member("a resource has a type", "/resource/type", "resource", r#"{"id":"a"}"#),
        member("a resource has an id", "/resource/id", "resource", r#"{"type":"agent"}"#),
        member("a resource's id is not null", "/resource/id", "resource", r#"{"type":"agent","id":null}"#),
        member("a resource's id is text", "/resource/id", "resource", r#"{"type":"agent","id":42}"#),
        member(
            "a resource has no other members",
            "/resource/url",
            "resource",
            r#"{"type":"agent","id":"a","url":""}"#,
        ),
    ];
    run(&Server::start(), &cases);
}

/// Metadata of this many levels: the metadata object itself is the first.
fn nested(levels: usize) -> String {
    format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
}

#[test]
fn every_rule_of_metadata_has_its_refusal() {
    let cases = [
        member("metadata is an object", "/metadata", "metadata", "[]"),
        member("metadata is no text", "/metadata", "metadata", r#""{}""#),
        member("metadata is at most 64 deep", "-", "metadata", &nested(65)),
        member(
            "arrays count as levels",
            "-",
            "metadata",
            &format!(r#"{{"a":{}1{}}}"#, "[".repeat(64), "]".repeat(64)),
        ),
        member("depth does not end the server", "-", "metadata", &nested(20_000)),
        member("names stand once", "/metadata/a", "metadata", r#"{"a":1,"b":2,"a":3}"#),
        member("names stand once, escaped too", "/metadata/ab", "metadata", r#"{"ab":1,"\u0061b":2}"#),
        member("names stand once at any depth", "/metadata/x/0/a", "metadata", r#"{"x":[{"a":1,"a":1}]}"#),
        member("a high surrogate is not alone", "/metadata/a", "metadata", r#"{"a":"\ud83d"}"#),
        member("a low surrogate is not alone", "/metadata/a", "metadata", r#"{"a":"\ude00 x"}"#),
        member("surrogates stand in order", "/metadata/a", "metadata", r#"{"a":"\ude00\ud83d"}"#),
        member("a name has no lone surrogate", "-", "metadata", r#"{"\ud83d":1}"#),
        member("`stele:p1:` is reserved", "/metadata/a", "metadata", r#"{"a":"stele:p1:x"}"#),
        member("it is reserved at any depth", "/metadata/a/1", "metadata", r#"{"a":[1,"stele:p1:"]}"#),
        member("it is reserved, escaped too", "/metadata/a", "metadata", r#"{"a":"\u0073tele:p1:x"}"#),
        member(
            "it is reserved in names of actors",
            "/actor/name",
            "actor",
            r#"{"type":"user","id":"u","name":"stele:p1:x"}"#,
        ),
    ];
    run(&Server::start(), &cases);
}

/// Bodies that are no JSON, each with what is wrong.
fn no_json() -> Vec<(&'static str, Vec<u8>)> {
    let raw = with(&[("metadata", r#"{"a":"?"}"#)]).into_bytes();
    let at = raw.iter().position(|&b| b == b'?').unwrap();
    let bytes = |bytes: &[u8]| [&raw[..at], bytes, &raw[at + 1..]].concat();
    let metadata = |text: &str| with(&[("metadata", text)]).into_bytes();
    vec![
        ("text is UTF-8", bytes(&[0xff])),
        ("UTF-8 is not overlong", bytes(&[0xc0, 0xaf])),
        ("UTF-8 holds no surrogates", bytes(&[0xed, 0xa0, 0x80])),
        ("UTF-8 is not cut", bytes(&[0xe2, 0x82])),
        ("text has no raw control character", metadata("{\"a\":\"\u{1}\"}")),
        ("an escape is known", metadata(r#"{"a":"\x41"}"#)),
        ("an escape is whole", metadata(r#"{"a":"\u00"}"#)),
        ("a number has no leading zero", metadata(r#"{"a":01}"#)),
        ("a number does not end in a dot", metadata(r#"{"a":1.}"#)),
        ("a number has no plus sign", metadata(r#"{"a":+1}"#)),
        ("an exponent has digits", metadata(r#"{"a":1e}"#)),
        ("NaN is no number", metadata(r#"{"a":NaN}"#)),
        ("words are lower case", metadata(r#"{"a":True}"#)),
        ("nothing follows the last comma", metadata(r#"{"a":1,}"#)),
        ("JSON has no comments", metadata(r#"{"a":1/* */}"#)),
        ("strings have double quotes", metadata("{'a':1}")),
        ("brackets close", metadata(&format!(r#"{{"a":{}"#, "[".repeat(100_000)))),
        ("an event ends", with(&[]).as_bytes()[..40].to_vec()),
        ("nothing follows an event", format!("{} x", with(&[])).into_bytes()),
        ("no byte order mark", format!("\u{feff}{}", with(&[])).into_bytes()),
    ]
}

/// Alone such a body cannot be understood (400); as a line it is one bad item among others.
#[test]
fn what_is_no_json_is_400_alone_and_one_bad_item_as_a_line() {
    let server = Server::start();
    let alone = no_json().into_iter().map(|(name, body)| {
        let call = move |server: &Server| server.call("POST", "/v1/events").json(body.clone());
        let expected = Expected { status: 400, code: "", pointer: "-", says: "JSON" };
        Case { name, call: Box::new(call), expected }
    });
    let lines = no_json().into_iter().map(|(name, body)| {
        let call = move |server: &Server| server.call("POST", "/v1/events").ndjson(body.clone());
        let expected = Expected { status: 422, code: "invalid", pointer: "", says: "" };
        Case { name, call: Box::new(call), expected }
    });
    run(&server, &alone.chain(lines).collect::<Vec<_>>());
}

#[test]
fn an_event_over_the_size_limit_is_too_large_alone_and_in_a_list() {
    let server = Server::start();
    let big = with(&[("metadata", &format!(r#"{{"a":"{}"}}"#, "x".repeat(256 << 10)))]);
    let call = move |server: &Server| server.call("POST", "/v1/events").json(big.clone());
    let expected = Expected { status: 413, code: "too_large", pointer: "-", says: "" };
    run(&server, &[Case { name: "one event of 256 KiB and more", call: Box::new(call), expected }]);
    let big = with(&[("metadata", &format!(r#"{{"a":"{}"}}"#, "x".repeat(10 << 20)))]);
    let body = format!("{}\n{big}\n{}\n", stele_tests::event::id("one"), stele_tests::event::id("two"));
    let answer = server.call("POST", "/v1/events").ndjson(body).send().expect(200);
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&2.into(), &1.into()), "{answer}");
    assert_eq!(
        (&answer["errors"][0]["index"], &answer["errors"][0]["code"]),
        (&1.into(), &"too_large".into())
    );
}
