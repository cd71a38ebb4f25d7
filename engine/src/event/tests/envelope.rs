//! Rules of the envelope, each with the pointer it answers.

use super::*;

#[test]
fn a_whole_event_is_stored_as_it_is() {
    let raw = event_with("", "");
    let event = attempt(&raw).unwrap();
    assert_eq!(text(&event), raw);
    assert_eq!(event.filled, Filled::default());
}

#[test]
fn each_broken_rule_is_told_at_its_member() {
    let long = |n: usize| format!("\"{}\"", "x".repeat(n));
    let cases: Vec<(&str, String, &str)> = vec![
        ("event_id", r#""""#.into(), "/event_id"),
        ("event_id", long(129), "/event_id"),
        ("event_id", r#""a b""#.into(), "/event_id"),
        ("event_id", r#""ä""#.into(), "/event_id"),
        ("event_id", r#""a\\b""#.into(), "/event_id"),
        ("event_id", r#""stream""#.into(), "/event_id"),
        ("event_id", r#"".""#.into(), "/event_id"),
        ("event_id", r#""..""#.into(), "/event_id"),
        ("event_id", r#""stele:x""#.into(), "/event_id"),
        ("event_id", r#""st\u0065le:x""#.into(), "/event_id"),
        ("event_id", "17".into(), "/event_id"),
        ("timestamp", r#""yesterday""#.into(), "/timestamp"),
        ("timestamp", r#""2026-11-26T12:00:00.000000001Z""#.into(), "/timestamp"),
        ("timestamp", r#""1969-12-31T23:59:59.999Z""#.into(), "/timestamp"),
        ("timestamp", r#""1970-01-01T00:00:00+00:01""#.into(), "/timestamp"),
        ("timestamp", r#""0000-01-01T00:00:00Z""#.into(), "/timestamp"),
        ("timestamp", r#""9999-12-31T23:59:59Z""#.into(), "/timestamp"),
        ("timestamp", "1700000000".into(), "/timestamp"),
        ("event_type", "".into(), "/event_type"),
        ("event_type", "null".into(), "/event_type"),
        ("event_type", r#""agent""#.into(), "/event_type"),
        ("event_type", r#""agent.""#.into(), "/event_type"),
        ("event_type", r#"".agent""#.into(), "/event_type"),
        ("event_type", r#""agent..updated""#.into(), "/event_type"),
        ("event_type", r#""Agent.updated""#.into(), "/event_type"),
        ("event_type", r#""agent.up-dated""#.into(), "/event_type"),
        ("event_type", r#""stele.index""#.into(), "/event_type"),
        ("event_type", format!("\"a.{}\"", "x".repeat(127)), "/event_type"),
        ("category", r#""weather""#.into(), "/category"),
        ("category", r#""""#.into(), "/category"),
        ("category", "[]".into(), "/category"),
        ("actor", "".into(), "/actor"),
        ("actor", "null".into(), "/actor"),
        ("actor", r#""ada""#.into(), "/actor"),
        ("actor", r#"{"id":"x"}"#.into(), "/actor/type"),
        ("actor", r#"{"type":"robot","id":"x"}"#.into(), "/actor/type"),
        ("actor", r#"{"type":"user"}"#.into(), "/actor"),
        ("actor", r#"{"type":"user","id":"","email":null}"#.into(), "/actor"),
        ("actor", r#"{"type":"user","name":"Ada"}"#.into(), "/actor"),
        ("actor", r#"{"type":"api_key","email":"a@example.com"}"#.into(), "/actor"),
        ("actor", r#"{"type":"user","id":5}"#.into(), "/actor/id"),
        ("actor", r#"{"type":"system","email":true}"#.into(), "/actor/email"),
        ("actor", r#"{"type":"system","ip_address":"1.2.3"}"#.into(), "/actor/ip_address"),
        ("actor", r#"{"type":"system","ip_address":"1.2.3.4:80"}"#.into(), "/actor/ip_address"),
        ("actor", r#"{"type":"system","ip_address":"01.2.3.4"}"#.into(), "/actor/ip_address"),
        ("actor", r#"{"type":"system","ip_address":"fe80::1%eth0"}"#.into(), "/actor/ip_address"),
        ("actor", r#"{"type":"system","ip_address":""}"#.into(), "/actor/ip_address"),
        ("actor", r#"{"type":"system","user_agent":{}}"#.into(), "/actor/user_agent"),
        ("actor", r#"{"type":"system","a/b~c":1}"#.into(), "/actor/a~1b~0c"),
        ("actor", r#"{"type":"system","type":"user"}"#.into(), "/actor/type"),
        ("actor", r#"{"type":"system","name":"stele:p1:x"}"#.into(), "/actor/name"),
        ("resource", "".into(), "/resource"),
        ("resource", "[]".into(), "/resource"),
        ("resource", r#"{"id":"x"}"#.into(), "/resource/type"),
        ("resource", r#"{"type":"x"}"#.into(), "/resource/id"),
        ("resource", r#"{"type":"x","id":null}"#.into(), "/resource/id"),
        ("resource", r#"{"type":"","id":"x"}"#.into(), "/resource/type"),
        ("resource", r#"{"type":"x","id":"y","owner":"z"}"#.into(), "/resource/owner"),
        ("resource", r#"{"type":"x","id":"y","name":7}"#.into(), "/resource/name"),
        ("action", "".into(), "/action"),
        ("action", r#""""#.into(), "/action"),
        ("action", long(129), "/action"),
        ("status", "".into(), "/status"),
        ("status", r#""ok""#.into(), "/status"),
        ("status", r#""Success""#.into(), "/status"),
        ("metadata", "[]".into(), "/metadata"),
        ("metadata", r#""x""#.into(), "/metadata"),
        ("schema_errors", "[]".into(), "/schema_errors"),
        ("colour", r#""red""#.into(), "/colour"),
        ("Status", r#""success""#.into(), "/Status"),
        ("", "1".into(), "/"),
    ];
    for (name, value, pointer) in cases {
        let raw = if pointer == "/" {
            event_with("", "").replacen('{', r#"{"":1,"#, 1)
        } else {
            event_with(name, &value)
        };
        assert_eq!(pointers(&raw), [pointer], "{raw}");
    }
}

#[test]
fn what_the_rules_allow_is_stored() {
    for (name, value) in [
        ("event_id", format!("\"{}\"", "x".repeat(128))),
        ("event_id", r#""Az09-_.:/""#.into()),
        ("event_id", r#""streams""#.into()),
        ("timestamp", r#""1970-01-01T00:00:00Z""#.into()),
        ("timestamp", r#""2026-11-26T12:00:00Z""#.into()),
        ("event_type", r#""0_a.b.c_9""#.into()),
        ("event_type", r#""steles.x""#.into()),
        ("event_type", format!("\"a.{}\"", "x".repeat(126))),
        ("actor", r#"{"type":"system"}"#.into()),
        ("actor", r#"{"type":"user","email":"a@example.com"}"#.into()),
        ("actor", r#"{"type":"api_key","name":"ci"}"#.into()),
        ("actor", r#"{"type":"api_key","id":"k","name":""}"#.into()),
        ("actor", r#"{"type":"system","ip_address":"2001:db8::1"}"#.into()),
        ("actor", r#"{"type":"system","ip_address":"::ffff:203.0.113.7","user_agent":""}"#.into()),
        ("resource", r#"{"type":"x","id":"y","name":"z"}"#.into()),
        ("action", format!("\"{}\"", "é".repeat(128))),
        ("action", format!("\"{}\"", "\\n".repeat(128))),
        ("status", r#""pending""#.into()),
        ("metadata", "{}".into()),
    ] {
        let raw = event_with(name, &value);
        assert_eq!(stored(&raw), raw);
    }
}

#[test]
fn members_come_out_in_the_fixed_order() {
    let raw = r#" { "metadata" : { "b" : 1 , "a" : [ 1 , 2 ] } , "status":"success", "action":"x",
        "resource":{"name":"n","id":"i","type":"t"}, "category":"api",
        "actor":{"user_agent":"u","ip_address":"::1","name":"n","email":"e","id":"i","type":"user"},
        "event_type":"x.y","timestamp":"2026-11-23T08:28:00+01:00","event_id":"e"}
        "#;
    let wanted = concat!(
        r#"{"event_id":"e","timestamp":"2026-11-23T07:28:00Z","event_type":"x.y","category":"api","#,
        r#""actor":{"type":"user","id":"i","email":"e","name":"n","ip_address":"::1","user_agent":"u"},"#,
        r#""resource":{"type":"t","id":"i","name":"n"},"action":"x","status":"success","#,
        r#""metadata":{"b":1,"a":[1,2]}}"#
    );
    assert_eq!(stored(raw), wanted);
}

#[test]
fn what_is_left_out_or_null_is_filled_or_not_stored() {
    let raw = r#"{"event_id":null,"timestamp":null,"event_type":"auth.login","category":null,
        "actor":{"type":"system","id":null,"email":null,"name":null,"ip_address":null,"user_agent":null},
        "resource":{"type":"t","id":"i","name":null},"action":"a","status":"failure","metadata":null,
        "schema_errors":null,"chain":null}"#;
    let event = attempt(raw).unwrap();
    let wanted = concat!(
        r#"{"event_id":"made-here","timestamp":"2026-11-25T12:00:00.000000Z","event_type":"auth.login","#,
        r#""category":"auth","actor":{"type":"system"},"resource":{"type":"t","id":"i"},"#,
        r#""action":"a","status":"failure","metadata":{}}"#
    );
    assert_eq!(text(&event), wanted);
    let filled = Filled { event_id: true, timestamp: true, category: true, ..Filled::default() };
    assert_eq!(event.filled, filled);
}

#[test]
fn a_type_that_is_not_listed_needs_a_category() {
    let raw = event_with("event_type", r#""agent.renamed""#);
    assert!(stored(&raw).contains(r#""category":"agent""#));
    assert_eq!(pointers(raw.replace(r#","category":"agent""#, "")), ["/category"]);
}

#[test]
fn a_given_category_stands_above_that_of_the_type() {
    assert!(stored(event_with("category", r#""security""#)).contains(r#""category":"security""#));
}

#[test]
fn all_faults_of_an_item_are_told() {
    let raw = r#"{"event_id":"e/1","event_type":"X","actor":{"type":"robot","ip_address":"x"},
        "resource":{},"status":"done","extra":1,"metadata":{"a":1,"a":2,"s":["\ud800"]}}"#;
    let rejected = attempt(raw).unwrap_err();
    assert_eq!(rejected.event_id.as_deref(), Some("e/1"));
    let mut told: Vec<&str> = rejected.faults.iter().map(|f| f.pointer.as_str()).collect();
    told.sort_unstable();
    let wanted = [
        "/action",
        "/actor/ip_address",
        "/actor/type",
        "/category",
        "/event_type",
        "/extra",
        "/metadata/a",
        "/metadata/s/0",
        "/resource/id",
        "/resource/type",
        "/status",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn the_connection_fills_absent_address_and_agent_only() {
    let capture = |raw: &str, agent: &str| {
        let id = || "x".to_owned();
        let receipt =
            Receipt { ip_address: Some("203.0.113.7"), user_agent: Some(agent), ..super::receipt(&id) };
        normalize(raw.as_bytes(), &receipt, &Taxonomy::built_in(), &Limits::default())
    };
    let event = capture(&event_with("actor", r#"{"type":"system"}"#), "say \"hi\"").unwrap();
    let wanted = r#"{"type":"system","ip_address":"203.0.113.7","user_agent":"say \"hi\""}"#;
    assert!(text(&event).contains(wanted));
    assert!(event.filled.ip_address && event.filled.user_agent);
    let sent = r#"{"type":"system","ip_address":"::1","user_agent":"mine"}"#;
    let event = capture(&event_with("actor", sent), "other").unwrap();
    assert!(text(&event).contains(sent));
    assert!(!event.filled.ip_address && !event.filled.user_agent);
    let refused = capture(&event_with("actor", r#"{"type":"system"}"#), "stele:p1:x").unwrap_err();
    assert_eq!(refused.faults[0].pointer, "/actor/user_agent");
}

#[test]
fn chain_is_ignored_whatever_it_holds() {
    for chain in
        [r#"{"sequence":17,"hash":"00"}"#, "null", "[1,2]", r#"{"a":1,"a":"stele:p1:"}"#, r#""\ud800""#]
    {
        assert_eq!(stored(event_with("chain", chain)), event_with("", ""), "{chain}");
    }
}

#[test]
fn no_event_is_larger_than_the_limit_and_one_of_the_limit_is_stored() {
    let of = |bytes: usize| {
        let padding = bytes - event_with("metadata", r#"{"pad":""}"#).len();
        event_with("metadata", &format!("{{\"pad\":\"{}\"}}", "x".repeat(padding)))
    };
    let limit = Limits::default().event_bytes_max;
    assert_eq!(stored(of(limit)).len(), limit);
    // White space and escapes do not count: only the canonical form does.
    let spaced = of(limit).replacen('{', &format!("{{{}", " ".repeat(limit)), 1);
    assert_eq!(stored(spaced).len(), limit);
    for over in [limit + 1, 40 * limit] {
        let rejected = attempt(of(over)).unwrap_err();
        assert_eq!(rejected.faults[0].code, Code::TooLarge);
        assert_eq!(rejected.faults[0].pointer, "");
        assert_eq!(rejected.event_id.as_deref(), Some("e-1"));
    }
    let many: String = (0..400_000).map(|i| format!("\"u{i}\":0,")).collect();
    let rejected = attempt(event_with("", "").replacen('{', &format!("{{{many}"), 1)).unwrap_err();
    assert_eq!(rejected.faults.len(), FAULTS_MAX);
    assert!(rejected.faults.iter().any(|f| f.code == Code::TooLarge));
}

#[test]
fn a_fault_never_repeats_much_of_the_item() {
    let name = "n".repeat(10_000);
    let rejected = attempt(event_with("metadata", &format!(r#"{{"x":{{"{name}":"\ud800"}}}}"#))).unwrap_err();
    assert_eq!(rejected.faults[0].pointer, "/metadata/x");
}

#[test]
fn own_events_take_own_names_and_no_others() {
    let make = |event_type: &str, id: &str| {
        let (actor, resource) = (r#"{"type":"system"}"#, r#"{ "type":"log","id":"x" }"#);
        own(event_type, id, NOW, actor, resource, "seal", "success", r#"{"a":1, "s":"stele:p1:x"}"#)
    };
    let event = make("stele.seal", "stele:seal:1").unwrap();
    let wanted = concat!(
        r#"{"event_id":"stele:seal:1","timestamp":"2026-11-25T12:00:00.000000Z","event_type":"stele.seal","#,
        r#""category":"system","actor":{"type":"system"},"resource":{"type":"log","id":"x"},"#,
        r#""action":"seal","status":"success","metadata":{"a":1,"s":"stele:p1:x"}}"#
    );
    assert_eq!(text(&event), wanted);
    assert_eq!(event.filled, Filled::default());
    assert_eq!(make("agent.updated", "stele:1").unwrap_err().faults[0].pointer, "/event_type");
    assert_eq!(make("stele.seal", "seal:1").unwrap_err().faults[0].pointer, "/event_id");
    assert_eq!(make("stele.seal", "stele:\"x").unwrap_err().faults[0].pointer, "/event_id");
    let broken = own("stele.x", "stele:x", NOW, "{", "{}", "a", "success", "{}").unwrap_err();
    assert_eq!(broken.faults[0].pointer, "");
}
