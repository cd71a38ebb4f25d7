//! The text of queries.

use stele_engine::query::lang::{self, Expr};

/// Any text is a query or has a fault within it. A query printed and parsed is the same query, and
/// its printed text the canonical one; advice points into the text.
pub fn language(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let length = text.chars().count();
    match lang::parse(&text) {
        Ok(query) => {
            let printed = query.to_string();
            let again = lang::parse(&printed).unwrap_or_else(|e| panic!("{printed:?} does not parse: {e}"));
            assert_eq!(again, query, "{printed:?}");
            assert_eq!(again.to_string(), printed, "printing is canonical");
            for hint in lang::hints(&text, &query) {
                assert!(hint.position < length, "{hint:?}");
            }
            words(&query.root);
        }
        Err(error) => assert!(error.position + error.length <= length, "{error:?}"),
    }
}

/// Bare terms are words, and matching them ends.
fn words(expr: &Expr) {
    match expr {
        Expr::All | Expr::Clause(_) => {}
        Expr::And(items) | Expr::Or(items) => items.iter().for_each(words),
        Expr::Not(inner) => words(inner),
        Expr::Text(term) => {
            let phrase = term.phrase();
            assert!(!phrase.matches(""), "a value without words has none of them");
            let itself = phrase.words.join(" ");
            assert!(phrase.last.is_some() || phrase.is_empty() || phrase.matches(&itself), "{term:?}");
        }
    }
}

/// Queries to start from: what the language's manual shows.
pub fn queries() -> Vec<Vec<u8>> {
    let texts = [
        "category:api status:failure last:24h",
        "category:(security OR auth) last:30d",
        "event_type~deployed last:7d type:agent",
        "actor.email:ada@example.com OR by:ada",
        "@latency_ms>=500 @status_code:[500 TO 599] @size:{1KiB TO 2MB}",
        "ip:2001:db8::1 OR ip:10.0.0.0/8 OR ip:10.0.0.1..10.0.0.9",
        "timestamp>=2026-11-23T07:28:00Z ts:2026-11 committed_at<now-15m",
        "(timeout OR rate_limited) -\"role chan\"* NOT depl* -actor:x",
        "@\"a.b\".c=404 metadata.x!=\"404\" @y!~z -f:* @z:*",
        "before.model:a after.model:b changed:(model,a.\"b.c\") http://x/y",
        "\u{201c}rate limited\u{201d} a\\:b \\AND AND @f:(1, 2 OR [3 TO *]) seq:5..9 id=x",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}
