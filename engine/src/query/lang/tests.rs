use super::*;

mod errors;
mod round_trip;

fn printed(text: &str) -> String {
    parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).to_string()
}

/// Every example of the language's contract, and what it is read as: canonical text, which names
/// the tree (the round trip is tested on each).
#[test]
fn examples_are_read_as_they_should() {
    for (text, wanted) in [
        ("", "*"),
        ("  \t\n ", "*"),
        ("*", "*"),
        ("last:15m", "timestamp>=now-15m"),
        ("last:1h", "timestamp>=now-1h"),
        ("last:24h", "timestamp>=now-24h"),
        ("last:7d", "timestamp>=now-7d"),
        ("last:30d", "timestamp>=now-30d"),
        ("category:api status:failure last:24h", "category:api status:failure timestamp>=now-24h"),
        ("category:agent last:7d", "category:agent timestamp>=now-7d"),
        ("category:(security OR auth) last:30d", "category:(security,auth) timestamp>=now-30d"),
        ("event_type~deployed last:7d", "event_type~deployed timestamp>=now-7d"),
        ("actor.email:ada@example.com", "actor.email:ada@example.com"),
        ("@latency_ms>=500", "@latency_ms>=500"),
        ("@status_code:[500 TO 599]", "@status_code:[500 TO 599]"),
        ("jane@example.com", "jane@example.com"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("agent.deployed", "agent.deployed"),
        ("ip:2001:db8::1", "actor.ip_address:2001:db8::1"),
        ("timestamp>=2026-11-23T07:28:00Z", "timestamp>=2026-11-23T07:28:00Z"),
        ("=404", "=404"),
        ("@c=404", "@c=404"),
        ("@c=\"404\"", "@c=\"404\""),
        ("timeout", "timeout"),
        ("rate_limited", "rate_limited"),
        ("\"rate limited\"", "\"rate limited\""),
        ("depl*", "depl*"),
        ("\"role chan\"*", "\"role chan\"*"),
        ("type:agent", "event_type:agent"),
        ("agent.*", "agent.*"),
        ("ip:203.0.113.7", "actor.ip_address:203.0.113.7"),
        ("ip:10.0.0.0/8", "actor.ip_address:10.0.0.0/8"),
        ("ip:10.0.0.1..10.0.0.9", "actor.ip_address:[10.0.0.1 TO 10.0.0.9]"),
        ("-f:*", "-f:*"),
        ("timestamp:2026-11", "timestamp:2026-11"),
        ("-actor:x", "-actor:x"),
        ("metadata.a.b:x @a.b:x", "@a.b:x @a.b:x"),
        ("@\"a.b\":x @\"a.b\".c:x", "@\"a.b\":x @\"a.b\".c:x"),
        ("before.model:a after.model:b", "@changes.before.model:a @changes.after.model:b"),
        ("changed:model changed:a.\"b.c\"", "changed:model changed:a.\"b.c\""),
        ("changed:(a OR b.c) changed:*", "changed:(a,b.c) changed:*"),
        ("a b AND c", "a b c"),
        ("a OR b c", "a OR b c"),
        ("(a OR b) c", "(a OR b) c"),
        ("((a) b) c", "a b c"),
        ("NOT a b", "-a b"),
        ("NOT (a b)", "-(a b)"),
        ("NOT(a OR b)", "-(a OR b)"),
        ("-\"a b\"", "-\"a b\""),
        ("agent-1 a-b", "agent-1 a-b"),
        ("- a", "\\- a"),
        ("--x", "-\\-x"),
        ("not or and", "not or and"),
        ("a!=b", "a!=b"),
        ("status!=failure action!~x", "status!=failure action!~x"),
        ("NOT status=failure", "status!=failure"),
        ("-status!=failure", "-status!=failure"),
        ("@a:>5 @a:>=5 @a:<5 @a:<=5", "@a>5 @a>=5 @a<5 @a<=5"),
        ("@a>500ms @a<1KiB", "@a>500ms @a<1KiB"),
        ("@a:{1 TO 2] @a:[1 TO 2} @a:1..2", "@a:{1 TO 2] @a:[1 TO 2} @a:[1 TO 2]"),
        ("@a:[1 TO *] @a:{* TO 2}", "@a>=1 @a<2"),
        ("@a:(1,2 OR 3,[4 TO 5],*)", "@a:(1,2,3,[4 TO 5],*)"),
        ("@a:((1,2),3)", "@a:(1,2,3)"),
        ("@a:(x)", "@a:x"),
        ("@a=(x,y) @a!=(x,y) @a~(x,y)", "@a=(x,y) @a!=(x,y) @a~(x,y)"),
        ("status:failure,pending", "status:failure,pending"),
        ("http://x/y?z=1", "http://x/y?z=1"),
        ("10:30", "10:30"),
        ("a\\:b", "a\\:b"),
        ("\\AND AND \\OR", "\\AND \\OR"),
        ("\u{201c}rate limited\u{201d}", "\"rate limited\""),
        ("\u{201e}a\u{201c}", "\"a\""),
        ("@a:\u{201c}x y\u{201d}*", "@a:\"x y\"*"),
        ("@a:\\\u{201c}", "@a:\\\u{201c}"),
        ("@a=* @a=a* @a~a?b", "@a=* @a=a* @a~a?b"),
        ("@a:**b", "@a:*b"),
        ("status:f*l?re", "status:f*l?re"),
        ("@p:../etc @p:a..", "@p:../etc @p:a.."),
        ("@p:a\\..b", "@p:a.\\.b"),
        ("@a:\"1\"..\"2\"", "@a:[1 TO 2]"),
        ("\"actor\".id:x \"actor.id\":x", "actor.id:x \"actor.id\":x"),
        ("\"C:\\tmp\"", "\"C:\\tmp\""),
        ("a\"b\"", "a\"b\""),
        ("a.\\\" b\":c", "a.\\\" b\":c"),
        ("@\\\" x", "@\\\" x"),
        ("sequence:[5 TO 9] seq=7", "sequence:[5 TO 9] sequence=7"),
        ("f=!x", "f=!x"),
        ("@a~[warn]", "@a~[warn]"),
        ("@a:\\[warn] @a:\\>5", "@a:\\[warn] @a:\\>5"),
        ("actor>b", "actor>b"),
        ("a(b", "a(b"),
        ("(a\\))", "a\\)"),
        ("-*", "-*"),
        ("@a:(\"OR\",\\OR)", "@a:(\"OR\",\\OR)"),
        ("*.updated*x OR type:*.updated", ""),
    ] {
        if wanted.is_empty() {
            assert!(parse(text).is_err(), "{text}");
            continue;
        }
        let tree = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(tree.to_string(), wanted, "{text}");
        assert_eq!(parse(wanted).unwrap(), tree, "{text}");
        assert_eq!(printed(wanted), wanted, "{text}");
    }
}

/// The lines of all fenced blocks of one kind in the manual, split at their arrow.
fn manual(kind: &str) -> Vec<(&'static str, Option<&'static str>)> {
    let text = include_str!("../../../../docs/QUERY.md");
    let mut lines = text.lines();
    let mut found = Vec::new();
    while lines.any(|line| line == format!("```{kind}")) {
        for line in lines.by_ref().take_while(|line| *line != "```") {
            let parts = line.split_once('→');
            found.push(
                parts.map_or((line.trim(), None), |(query, wanted)| (query.trim(), Some(wanted.trim()))),
            );
        }
    }
    found
}

#[test]
fn examples_of_the_manual_are_read_as_it_says() {
    let examples = manual("query");
    assert!(examples.len() > 50, "{}", examples.len());
    for (text, wanted) in examples {
        assert_eq!(printed(text), wanted.unwrap_or(text));
    }
    for row in include_str!("../../../../docs/QUERY.md").split("## Saved questions").nth(1).unwrap().lines() {
        let queries = row.split('|').nth(2).unwrap_or_default().split('`').skip(1).step_by(2);
        queries.for_each(|query| drop(printed(query)));
    }
}

#[test]
fn faults_of_the_manual_are_where_it_says() {
    let faults = manual("query-error");
    assert!(faults.len() > 10, "{}", faults.len());
    for (text, wanted) in faults {
        let error = parse(text).expect_err(text);
        let suggestion = error.suggestion.unwrap_or_default();
        let found = format!("{} {} {suggestion}", error.position, error.length);
        assert_eq!(found.trim(), wanted.unwrap_or_default(), "{text}");
    }
}
