use super::lang::parse;
use super::{Budget, Filter, Over, Plan, Scope, matches_record};
use crate::error::StoreError;

const BODY: &str = concat!(
    r#"{"event_id":"Evt/7","timestamp":"2026-11-23T07:28:00.5Z","event_type":"agent.updated","category":"agent","#,
    r#""actor":{"type":"user","id":"usr_1","email":"Ada@Example.com","name":"Ada \"L\"","#,
    r#""ip_address":"2001:DB8::1","user_agent":"curl/8.5"},"resource":{"type":"agent","id":"agt_9"},"#,
    r#""action":"update","status":"success","metadata":{"code":404.0,"big":12345678901234567890,"#,
    r#""ok":true,"none":null,"empty":[],"nothing":{},"text":"Rate-Limited by peer","size":"106.9","#,
    r#""list":[1,[2,"deep Word"],{"x.y":"inner"}],"a.b":{"c":"joined"},"#,
    r#""changes":{"before":{"n":1,"same":2},"after":{"n":2,"same":2.0}}},"#,
    r#""schema_errors":[{"pointer":"/metadata/code","detail":"a string was expected"}]}"#,
);
/// 2026-11-23T07:30:00Z
const NOW_NS: i64 = 1_795_419_000_000_000_000;
/// 2026-11-23T07:28:01Z
const COMMITTED_US: u64 = 1_795_418_881_000_000;

fn plan(text: &str) -> Plan {
    let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let scope = Scope::new(&Filter::default(), &query, NOW_NS);
    Plan::of(&scope, &mut |id| Ok((id == "Evt/7").then_some(17))).unwrap()
}

fn fits(text: &str, body: &str) -> bool {
    matches_record(&plan(text), body.as_bytes(), 17, COMMITTED_US, &Budget::unlimited()).unwrap()
}

#[test]
fn every_kind_of_clause_is_decided_on_the_bytes_of_a_record() {
    for yes in [
        "*",
        "Evt/7",
        "id:Evt/7",
        "seq:17",
        "seq>=17 seq<18",
        "seq:[5 TO 17]",
        "-seq:16",
        "time:2026-11-23",
        "ts:2026-11-23T07:28:00",
        "last:5m",
        "committed_at>=2026-11-23T07:28:01Z",
        "type:agent",
        "type:agent.*",
        "type=agent.updated",
        "type~DATE",
        "cat:(api OR agent)",
        "by:ada*",
        "email:ada@example.com",
        "ip:2001:db8::1",
        "ip:2001:db8::/32",
        "ip=\"2001:DB8::1\"",
        "ip:[2001:db8:: TO 2001:db8::2]",
        "ua:curl",
        "ua:\"8 5\"",
        "target:agt_9",
        "@code:404",
        "@code=4.04e2",
        "@big=12345678901234567890",
        "@ok:true",
        "-@none:*",
        "-@empty:*",
        "@nothing:*",
        "@text:rate_limited",
        "@text~\"-LIM\"",
        "@size>100",
        "@list:2",
        "@list:\"deep word\"",
        "@list.x.y:inner",
        "@list.\"x.y\":*",
        "@a.b.c:joined",
        "@\"a.b\".c=joined",
        "changed:n",
        "changed:*",
        "-changed:same",
        "after.n:2",
        "before.n>0",
        "\"rate limited\"",
        "\"ada l\"",
        "expected",
        "404",
        "\"106 9\"",
        "deep -nowhere",
        "dee*",
        "actor.name:*",
        "category>=agent",
        "NOT (cat:api OR status:failure)",
        "@missing!=1",
        "@text!~foo",
    ] {
        assert!(fits(yes, BODY), "{yes}");
    }
    for no in [
        "Evt",
        "evt/7",
        "id:evt/7",
        "seq:18",
        "time:2026-12",
        "last:1m",
        "committed_at<2026-11-23T07:28:01Z",
        "type=agent",
        "type:update",
        "cat:api",
        "by:nobody",
        "ip:2001:db8::2",
        "ip:10.0.0.0/8",
        "ip:[0.0.0.0 TO 255.255.255.255]",
        "ua:cur",
        "@code:405",
        "@big=12345678901234567891",
        "@ok:false",
        "@ok:TRUE",
        "@none:*",
        "@empty:*",
        "@text:rate_lim",
        "@text=\"rate-limited by peer\"",
        "@size:>200",
        "@list:3",
        "@\"list.x\".y:inner",
        "@\"a\".b.c:joined",
        "changed:same",
        "changed:code",
        "true",
        "list",
        "\"limited rate\"",
        "\"peer 106\"",
        "-type:agent",
        "resource.name:*",
        "nosuchfield:1",
        "@text!~RATE",
    ] {
        assert!(!fits(no, BODY), "{no}");
    }
}

#[test]
fn the_logs_own_events_are_left_out_unless_their_type_is_asked_for() {
    let own = BODY.replace("agent.updated", "stele.index");
    assert!(!fits("*", &own) && !fits("update", &own) && !fits("-type:agent", &own));
    assert!(fits("type:stele", &own) && fits("type:STELE.*", &own) && fits("cat:agent OR type:stele", &own));
    assert!(fits("*", &BODY.replace("agent.updated", "stelex.index")));
}

#[test]
fn bytes_that_are_no_event_are_an_error() {
    let plan = plan("@text:x");
    for end in 0..BODY.len() - 1 {
        let cut = &BODY.as_bytes()[..end];
        assert!(matches_record(&plan, cut, 17, COMMITTED_US, &Budget::unlimited()).is_err(), "{end}");
    }
}

#[test]
fn a_large_record_asks_the_budget() {
    let long = "word ".repeat(200_000);
    let body = BODY.replace("Rate-Limited by peer", &long);
    let (late, gone) = (|| Some(Over::Time), || Some(Over::Gone));
    let ask = |budget: &Budget<'_>| {
        matches_record(&plan("@text:nowhere"), body.as_bytes(), 17, COMMITTED_US, budget)
    };
    assert!(matches!(ask(&Budget::new(&late)), Err(StoreError::TooBroad(_))));
    assert!(matches!(ask(&Budget::new(&gone)), Err(StoreError::Cancelled)));
}
