//! Canonical bytes: JSON taken strictly, written in one form, on any input.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn metadata(value: &str) -> String {
    let whole = stored(event_with("metadata", value));
    Fields::scan(whole.as_bytes()).unwrap().metadata.to_owned()
}

#[test]
fn numbers_keep_their_text_and_members_their_order() {
    let kept = r#"{"z":12345678901234567890,"a":1.0,"m":-0,"e":1E+2,"x":1e400,"d":0.1000000000000000055511151231257827}"#;
    assert_eq!(metadata(kept), kept);
    assert_eq!(metadata(r#"{ "z" : [ 1.0 , { } , [ ] ] , "n" : null }"#), r#"{"z":[1.0,{},[]],"n":null}"#);
}

#[test]
fn strings_are_written_in_one_form_names_too() {
    let given = r#"{"\u0061\/":"\u00e9\u000A","k":"\u2028\u0000"}"#;
    assert_eq!(metadata(given), "{\"a/\":\"é\\n\",\"k\":\"\u{2028}\\u0000\"}");
}

#[test]
fn duplicate_names_are_refused_wherever_they_are_and_however_written() {
    for (value, pointer) in [
        (r#"{"a":1,"a":2}"#, "/metadata/a"),
        (r#"{"a":1,"\u0061":2}"#, "/metadata/a"),
        (r#"{"\u0061":1,"x":[{}],"\u0061":2}"#, "/metadata/a"),
        (r#"{"x":[1,{"b":{"":0,"":0}}]}"#, "/metadata/x/1/b/"),
        (r#"{"x":{"a/b~":1,"a\/b~":2}}"#, "/metadata/x/a~1b~0"),
        (r#"{"é":1,"\u00e9":2}"#, "/metadata/é"),
    ] {
        assert_eq!(pointers(event_with("metadata", value)), [pointer], "{value}");
    }
    assert_eq!(pointers(event_with("", "").replacen('{', r#"{"action":"x","#, 1)), ["/action"]);
    assert_eq!(metadata(r#"{"a":{"a":{"a":1}},"A":1,"b":[{"a":1},{"a":2}]}"#).len(), 47);
}

#[test]
fn duplicates_are_found_in_objects_of_any_size() {
    for members in [2usize, 23, 24, 25, 100, 907, 20_000] {
        let object = |repeated: usize| {
            let names = (0..members).map(|i| format!("\"n{i}\":{{\"n{i}\":0}}"));
            let extra = std::iter::once(format!("\"\\u006e{repeated}\":0"));
            format!("{{{}}}", names.chain(extra).collect::<Vec<_>>().join(","))
        };
        let limits = Limits { event_bytes_max: 1 << 20, ..Limits::default() };
        let id = || String::new();
        let judge = |raw: String| normalize(raw.as_bytes(), &receipt(&id), &Taxonomy::built_in(), &limits);
        for repeated in [0, members / 2, members - 1] {
            let refused = judge(event_with("metadata", &object(repeated))).unwrap_err();
            assert_eq!(refused.faults.len(), 1);
            assert_eq!(refused.faults[0].pointer, format!("/metadata/n{repeated}"));
        }
        assert!(judge(event_with("metadata", &object(members))).is_ok());
    }
}

#[test]
fn large_objects_within_large_objects_keep_their_names_apart() {
    let wide = |inner: &str| {
        let names: Vec<String> = (0..40).map(|i| format!("\"n{i}\":{inner}")).collect();
        format!("{{{}}}", names.join(","))
    };
    let nested = wide(&wide("[1]"));
    assert_eq!(metadata(&nested), nested);
    let hidden = nested.replacen("\"n39\":[1]}", "\"n39\":[1],\"n5\":2}", 3);
    let told = pointers(event_with("metadata", &hidden));
    assert_eq!(told, ["/metadata/n0/n5", "/metadata/n1/n5", "/metadata/n2/n5"]);
}

#[test]
fn reserved_strings_are_refused_in_values_and_allowed_in_names() {
    assert_eq!(pointers(event_with("metadata", r#"{"a":["x","stele:p1:y"]}"#)), ["/metadata/a/1"]);
    assert_eq!(pointers(event_with("metadata", r#"{"a":"\u0073tele:p1:"}"#)), ["/metadata/a"]);
    assert_eq!(pointers(event_with("action", r#""stele:p1:x""#)), ["/action"]);
    let fine = r#"{"stele:p1:x":" stele:p1:"}"#;
    assert_eq!(metadata(fine), fine);
}

#[test]
fn half_a_surrogate_pair_is_refused_in_values_and_names() {
    assert_eq!(pointers(event_with("metadata", r#"{"a":{"b":"x\udc00"}}"#)), ["/metadata/a/b"]);
    assert_eq!(pointers(event_with("metadata", r#"{"a":{"\ud800":1}}"#)), ["/metadata/a"]);
    assert_eq!(pointers(event_with("metadata", r#"{"\ud800":1}"#)), ["/metadata"]);
    assert_eq!(pointers(event_with("action", r#""\ud800""#)), ["/action"]);
    assert_eq!(pointers(event_with("", "").replacen('{', r#"{"\ud800":1,"#, 1)), [""]);
}

#[test]
fn metadata_is_at_most_64_levels_deep() {
    let objects = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let arrays = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    for nested in [objects, arrays] {
        assert_eq!(metadata(&nested(64)), nested(64));
        for levels in [65, 66, 10_000] {
            let told = pointers(event_with("metadata", &nested(levels)));
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].matches('/').count(), 65, "{}", told[0]);
        }
    }
    // Not the thread's stack but the size limit ends this one.
    assert!(attempt(event_with("metadata", &format!("{{\"a\":{}", "[".repeat(30 << 20)))).is_err());
}

#[test]
fn what_is_no_json_is_refused_as_a_whole() {
    let good = event_with("", "");
    for bad in [
        "",
        " ",
        "{",
        "{}}",
        "nul",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":tru}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":1}//",
        "\u{feff}{}",
        &format!("{good} x"),
        &format!("{good}{good}"),
        &good[..good.len() - 1],
    ] {
        let rejected = attempt(bad).unwrap_err();
        assert_eq!(rejected.faults.len(), 1, "{bad}");
        assert_eq!(rejected.faults[0].pointer, "");
        assert!(rejected.faults[0].detail.starts_with("not JSON"), "{bad}: {:?}", rejected.faults);
    }
    for other in ["1", "null", "[]", "\"x\"", "[{}]"] {
        let rejected = attempt(other).unwrap_err();
        assert_eq!(rejected.faults[0].detail, "an event is a JSON object", "{other}");
    }
    for bad in [&b"\xff"[..], b"{\"a\":\"\xc3\"}", b"{\"a\":\"\xed\xa0\x80\"}", b"{\"a\":\"\xc0\x80\"}"] {
        assert!(attempt(bad).unwrap_err().faults[0].detail.starts_with("not UTF-8"));
    }
}

#[test]
fn every_cut_of_an_event_is_refused_and_no_cut_panics_any_reader() {
    let whole = event_with("metadata", r#"{"a":"é\n","b":[1,{"c":null}]}"#);
    for cut in 0..whole.len() {
        let bytes = &whole.as_bytes()[..cut];
        assert!(attempt(bytes).is_err());
        assert!(Fields::scan(bytes).is_err(), "{cut}");
        let _ = id_and_time(bytes);
    }
}

/// Random JSON text, in any spelling that JSON allows.
fn json_text() -> impl Strategy<Value = String> {
    let space = "[ \t\r\n]{0,2}";
    let char_text = prop_oneof![
        8 => "[a-z:/ ~]".prop_map(|s| s),
        2 => proptest::char::any().prop_filter("raw", |c| *c >= ' ' && *c != '"' && *c != '\\').prop_map(String::from),
        1 => any::<u16>().prop_map(|u| format!("\\u{u:04x}")),
        1 => any::<u16>().prop_map(|u| format!("\\u{u:04X}")),
        1 => "\\\\[\"\\\\/bfnrt]",
        1 => Just("\\ud83d\\ude00".to_owned()),
    ];
    let string = proptest::collection::vec(char_text, 0..12).prop_map(|c| format!("\"{}\"", c.concat()));
    let number = "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?";
    let leaf = prop_oneof![3 => string.clone(), 2 => number, 1 => "(true|false|null)"];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let item = (space, inner.clone(), space).prop_map(|(a, v, b)| format!("{a}{v}{b}"));
        let member =
            (space, string.clone(), space, item.clone()).prop_map(|(a, n, b, v)| format!("{a}{n}{b}:{v}"));
        prop_oneof![
            (space, proptest::collection::vec(item, 1..6)).prop_map(|(_, v)| format!("[{}]", v.join(","))),
            proptest::collection::vec(member, 1..6).prop_map(|v| format!("{{{}}}", v.join(","))),
            space.prop_map(|s| format!("{{{s}}}")),
            space.prop_map(|s| format!("[{s}]")),
        ]
    })
}

/// Whether serde_json takes it as one JSON text, and its value.
fn oracle(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(text).ok()
}

/// What the canonicalizer makes of one value: none for a syntax error, else its text and the faults.
fn canonicalize(text: &str) -> Option<(String, Vec<Fault>)> {
    let bounds = value::Bounds { depth_max: 64, bytes_max: 1 << 20, reserved: true };
    let mut faults = fault::Faults::default();
    let mut reader = json::Reader::new(text, 0);
    value::walk(&mut reader, "", bounds, &mut faults).ok()?;
    reader.space();
    if reader.peek().is_some() {
        return None;
    }
    Some((reader.finish().into_owned(), faults.0))
}

/// Compares one text with serde_json: same verdict on syntax, same value, canonical once and for all.
fn compare(text: &str) {
    let ours = canonicalize(text);
    let theirs = oracle(text.as_bytes());
    match (ours, theirs) {
        (None, None) => {}
        (Some((canonical, faults)), Some(value)) => {
            let repeated = faults.iter().any(|f| f.detail.contains("duplicate"));
            assert!(!faults.iter().any(|f| f.detail.contains("surrogate")), "{text}");
            if !repeated {
                assert_eq!(oracle(canonical.as_bytes()), Some(value), "{text}");
            }
            assert_eq!(canonicalize(&canonical).map(|c| c.0), Some(canonical.clone()), "{text}");
            // Strings alone serialize to the same bytes in serde_json, which follows RFC 8785 there.
            if let Some(Value::String(s)) = oracle(canonical.as_bytes()) {
                assert_eq!(serde_json::to_string(&s).unwrap(), canonical);
            }
        }
        // serde_json counts a lone surrogate as broken syntax, and limits numbers to what f64 holds.
        (Some((_, faults)), None) => {
            let lone = faults.iter().any(|f| f.detail.contains("surrogate"));
            let error = serde_json::from_str::<Value>(text).unwrap_err().to_string();
            assert!(lone || error.contains("out of range") || error.contains("recursion"), "{text}: {error}");
        }
        (None, Some(_)) => panic!("refused what serde_json takes: {text}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_is_taken_and_valued_as_serde_json_does(text in json_text()) {
        compare(&text);
    }

    #[test]
    fn mutated_json_gets_the_same_verdict_as_from_serde_json(
        text in json_text(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..3u8, "[\\[\\]{}:,\"\\\\0-9a-z. eE+-]"), 1..4),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        for (index, kind, replacement) in edits {
            let Some(new) = replacement.chars().next() else { continue };
            if chars.is_empty() { break }
            let at = index.index(chars.len());
            match kind {
                0 => { chars.remove(at); }
                1 => chars.insert(at, new),
                _ => chars[at] = new,
            }
        }
        compare(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = attempt(&bytes);
        let _ = Fields::scan(&bytes);
        let _ = id_and_time(&bytes);
        let _ = same_content(&bytes, &Event { body: bytes.clone(), filled: Filled::default() });
    }

    #[test]
    fn mutated_events_never_panic_and_what_is_stored_is_canonical(
        metadata in json_text(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut raw = event_with("metadata", &format!("{{\"m\":{metadata}}}")).into_bytes();
        for (index, byte) in edits {
            let at = index.index(raw.len());
            raw[at] = byte;
        }
        let _ = Fields::scan(&raw);
        let _ = id_and_time(&raw);
        if let Ok(event) = attempt(&raw) {
            let again = attempt(&event.body).expect("canonical bytes are valid");
            prop_assert_eq!(&again.body, &event.body);
            let fields = Fields::scan(&event.body).expect("canonical bytes scan");
            prop_assert_eq!(id_and_time(&event.body), Ok((fields.event_id, fields.time_ns)));
        }
    }
}
