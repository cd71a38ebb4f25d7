//! Faults: their place, and what was perhaps meant.

use super::super::*;

/// Text, position, length, suggestion.
const FAULTS: [(&str, usize, usize, Option<&str>); 92] = [
    ("\"rate limited", 0, 13, Some("\"rate limited\"")),
    ("ä \u{201c}b c", 2, 4, Some("\u{201c}b c\"")),
    ("@f:\"x", 3, 2, Some("\"x\"")),
    ("(a OR b", 7, 0, Some(")")),
    ("status:(failure", 15, 0, Some(")")),
    ("a)", 1, 1, Some("\\)")),
    (")", 0, 1, None),
    ("()", 1, 1, None),
    ("(", 1, 0, None),
    ("-(", 2, 0, None),
    ("a AND", 5, 0, None),
    ("OR a", 0, 2, Some("\"OR\"")),
    ("a OR OR b", 5, 2, Some("\"OR\"")),
    ("a AND AND b", 6, 3, Some("\"AND\"")),
    ("NOT", 3, 0, None),
    ("NOT NOT a", 4, 3, Some("\"NOT\"")),
    ("(a AND)", 6, 1, None),
    ("status:", 7, 0, Some("*")),
    ("status=", 7, 0, None),
    ("status: failure", 0, 15, Some("status:failure")),
    ("a status:  failure b", 2, 16, Some("status:failure")),
    ("(status:)", 8, 0, Some("*")),
    ("status:()", 8, 0, None),
    ("status:(a,)", 10, 0, None),
    ("status:(OR)", 8, 2, Some("\"OR\"")),
    ("status:(a or b)", 10, 2, Some("OR")),
    ("status:(a b)", 10, 1, Some("OR b")),
    ("status:(a AND b)", 10, 3, None),
    ("\"a\"b", 3, 0, Some(" ")),
    ("@f:\"a\"b", 6, 0, Some(" ")),
    ("@f:(\"a\"b)", 7, 0, Some(",")),
    ("a\\", 1, 1, Some("\\\\")),
    ("a*-b", 0, 4, None),
    ("*.updated", 0, 9, None),
    ("@f:a*-b", 2, 5, Some("~\"-b\"")),
    ("ua:*Mozilla/5", 2, 11, Some("~\"Mozilla/5\"")),
    ("@f:(a*-b)", 4, 4, None),
    ("@f:?-?", 2, 4, Some("~\"-\"")),
    ("timestamp:yesterday", 10, 9, None),
    ("timestamp:2026/11/23", 10, 10, Some("2026-11-23")),
    ("ts:\"2026-11-23 07:28\"", 3, 18, Some("2026-11-23T07:28")),
    ("ts==2026", 2, 6, Some("=2026")),
    ("ts=>2026", 2, 6, Some(">=2026")),
    ("ts=<2026", 2, 6, Some("<=2026")),
    ("ts:!2026", 2, 6, Some("!=2026")),
    ("ts<>2026", 2, 6, Some("!=2026")),
    ("ts~2026", 2, 1, Some(":")),
    ("ts!~2026", 2, 2, Some("!=")),
    ("committed_at>x", 13, 1, None),
    ("seq:x", 4, 1, None),
    ("seq~5", 3, 1, Some(":")),
    ("seq>5KB", 4, 3, None),
    ("@f>x", 3, 1, None),
    ("@f>5kb", 3, 3, Some("5KB")),
    ("@f>\"5\"*", 6, 1, None),
    ("@f=\"5\"*", 6, 1, None),
    ("@f>*", 3, 1, None),
    ("@f~\"\"", 3, 2, None),
    ("@f:a..b", 3, 4, Some("\"a..b\"")),
    ("@f:1..b", 3, 4, Some("\"1..b\"")),
    ("@f:[1 TO 2", 10, 0, Some("]")),
    ("@f:[1 to 2]", 6, 2, Some("TO")),
    ("@f:[1 2]", 6, 0, None),
    ("@f:[1, 2]", 4, 2, None),
    ("@f:[]", 4, 0, None),
    ("@f:[1 TO]", 6, 0, None),
    ("@f:[* TO *]", 3, 8, Some("*")),
    ("@f:*..*", 3, 4, Some("*")),
    ("@f:[1 TO 2]x", 11, 0, Some(" ")),
    ("@f:[\"a\" TO 2]", 4, 3, None),
    ("ip:10.0.0.0/33", 3, 11, None),
    ("ip:10.0.0.1..::1", 3, 13, None),
    ("ip>x", 3, 1, None),
    ("ip:x..y", 3, 1, None),
    ("id:a*", 3, 2, None),
    ("id~a", 2, 1, Some(":")),
    ("id>a", 2, 1, None),
    ("id:a..b", 3, 4, None),
    ("id:[a TO b]", 3, 8, None),
    ("changed=a", 7, 1, Some(":")),
    ("changed!=a", 0, 9, Some("-changed:")),
    ("changed>a", 7, 1, None),
    ("changed:a*", 9, 1, None),
    ("changed:a,b", 9, 1, None),
    ("changed:a.", 10, 0, None),
    ("changed:\"a\"*", 11, 1, None),
    ("changed:$x", 8, 1, None),
    ("last:15x", 5, 3, None),
    ("last:", 5, 0, None),
    ("last: 15m", 0, 9, Some("last:15m")),
    ("last>15m", 4, 1, Some(":")),
    ("last:\"15m\"x", 10, 0, Some(" ")),
];

#[test]
fn a_fault_has_its_place_and_what_was_perhaps_meant() {
    let mut wrong = Vec::new();
    for (text, position, length, suggestion) in FAULTS {
        let error = parse(text).expect_err(text);
        assert!(!error.expected.is_empty());
        assert!(error.message.contains(&format!("character {}", error.position + 1)), "{error}");
        if (error.position, error.length, error.suggestion.as_deref()) != (position, length, suggestion) {
            wrong.push((text, error));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A suggestion is text for the place of the fault: put there, that fault is gone.
#[test]
fn a_suggestion_put_in_its_place_mends_the_fault() {
    for (text, position, length, suggestion) in FAULTS {
        let Some(suggestion) = suggestion else { continue };
        let before: String = text.chars().take(position).collect();
        let after: String = text.chars().skip(position + length).collect();
        let mended = format!("{before}{suggestion}{after}");
        assert!(parse(&mended).is_ok(), "{text} mended as {mended}: {:?}", parse(&mended));
    }
}

fn refused(text: &str, limit: &str) {
    let error = parse(text).expect_err("over a limit");
    assert!(
        error.message.contains(limit) && error.expected.contains(limit.trim_end_matches(" KiB")),
        "{error:?}"
    );
    assert!(error.position + error.length <= text.chars().count());
}

#[test]
fn limits_are_exact_and_named() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(32)).is_ok());
    refused(&nested(33), "32");
    assert!(parse(&format!("{}@f:(a){}", "-(".repeat(31), ")".repeat(31))).is_ok());
    refused(&format!("{}@f:(a){}", "(".repeat(32), ")".repeat(32)), "32");
    assert!(parse(&format!("@f:{}", nested(32))).is_ok());
    refused(&format!("@f:{}", nested(33)), "32");
    refused(&"(".repeat(16 << 10), "32");

    let terms = |count: usize| "a @b:c ".repeat(count / 2);
    assert!(parse(&terms(256)).is_ok());
    refused(&format!("{}x", terms(256)), "256");
    refused(&format!("{}x:1", terms(256)), "256");
    refused(&"*".repeat(257).replace('*', "* "), "256");

    let list = |count: usize| format!("@f:({})", vec!["1"; count].join(","));
    assert!(parse(&list(1000)).is_ok());
    refused(&list(1001), "1000");
    assert!(parse(&format!("{} {}", list(1000), list(1000))).is_ok());

    let phrase = |count: usize| format!("\"{}\"", "a ".repeat(count));
    for field in ["", "@f:", "ua:", "@f:(x,y) OR @g:(x,"] {
        let end = if field.ends_with(',') { ")" } else { "" };
        let text = |term: &str| format!("{field}{term}{end}");
        assert!(parse(&text(&phrase(1024))).is_ok(), "{field}");
        refused(&text(&phrase(1025)), "1024");
        assert!(parse(&text(&format!("{}*", "a".repeat(255)))).is_ok(), "{field}");
        refused(&text(&format!("{}*", "a".repeat(256))), "256");
        assert!(parse(&text(&format!("{}.a*", "a".repeat(300)))).is_ok(), "{field}");
    }
    for field in ["target:", "type:", "by:(", "ip:"] {
        let end = if field.ends_with('(') { ")" } else { "" };
        let text = |term: &str| format!("{field}{term}{end}");
        assert!(parse(&text(&format!("{}*", "a-".repeat(127)))).is_ok(), "{field}");
        refused(&text(&format!("{}*", "a-".repeat(128))), "256");
        assert!(parse(&text(&"a-".repeat(4_000))).is_ok(), "{field}");
    }
    for field in ["@f=", "@f~", "target~", "target="] {
        assert!(parse(&format!("{field}{}", "a*-".repeat(4_000))).is_ok(), "{field}");
    }

    assert!(parse(&"é".repeat(8 << 10)).is_ok());
    refused(&format!("{}x", "é".repeat(8 << 10)), "16 KiB");
    assert!(parse(&" ".repeat(16 << 10)).is_ok());
    refused(&" ".repeat((16 << 10) + 1), "16 KiB");
}

/// A canonical text is a query too, so one that aliases would make too long is refused.
#[test]
fn the_canonical_text_is_within_the_limit_too() {
    let long = "ip:* ".repeat(255) + &"x".repeat(TEXT_BYTES_MAX - 19 * 255 + 1);
    refused(&long, "16 KiB");
    let fits = "ip:* ".repeat(255) + &"x".repeat(TEXT_BYTES_MAX - 19 * 255);
    assert_eq!(parse(&fits).unwrap().to_string().len(), TEXT_BYTES_MAX);
}

/// Full length of what makes a reader look far ahead or go deep: each is read in one pass or so.
#[test]
fn hostile_texts_of_full_length_are_read_or_refused() {
    for piece in [
        "\"",
        "\\",
        "\\\"",
        "(",
        ")",
        "-",
        "-(",
        "*",
        "?",
        "a.",
        "@",
        "a.\"",
        "a.\"\\\" ",
        "\"a\".",
        "@f:(",
        "@f:[",
        "a..",
        "..",
        "@f:a..",
        ":",
        "NOT ",
        "OR ",
        "\u{201c}",
        "é",
        "\u{10ffff}",
        "x:1 ",
        "1,",
        "@f:*a ",
        "timestmp:x ",
    ] {
        let text = piece.repeat(TEXT_BYTES_MAX / piece.len());
        for text in [text.clone(), format!("@f:{}", &text[..text.len() - 4 * piece.len()])] {
            match parse(&text) {
                Ok(query) => drop(hints(&text, &query)),
                Err(error) => assert!(error.position + error.length <= text.chars().count()),
            }
        }
    }
    let values = format!("@f:({}x)", "x,".repeat(999));
    assert_eq!(hints(&values, &parse(&values).unwrap()), []);
}
