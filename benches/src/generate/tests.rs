use super::*;
use std::collections::{HashMap, HashSet};

const DAY_NS: i64 = 86_400_000_000_000;

fn month(seed: u64, events: u64) -> Settings {
    Settings { seed, events, start_ns: 20_000 * DAY_NS, span_ns: 30 * DAY_NS, shape: Shape::Month }
}
fn lines(settings: &Settings) -> Vec<String> {
    let generator = Generator::new(settings);
    let mut out = Vec::new();
    (0..settings.events).for_each(|index| generator.write(index, &mut out));
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}
fn parsed(settings: &Settings) -> Vec<serde_json::Value> {
    lines(settings).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_month_holds_every_built_in_type_in_skewed_shares() {
    let events = parsed(&month(7, 50_000));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    events.iter().for_each(|event| *counts.entry(event["event_type"].as_str().unwrap()).or_default() += 1);
    for row in &KINDS {
        assert!(counts.contains_key(row.event_type), "no {} in the month", row.event_type);
    }
    assert!(counts["api.request"] > 20 * counts["agent.updated"]);
}

#[test]
fn no_two_events_share_an_id_within_a_stream_or_across_streams() {
    let mut seen = HashSet::new();
    for settings in [month(7, 20_000), month(8, 20_000), month(7, 20_001)] {
        for event in parsed(&settings) {
            assert!(seen.insert(event["event_id"].as_str().unwrap().to_owned()), "{}", event["event_id"]);
        }
    }
}

#[test]
fn a_seed_gives_the_same_bytes_again_and_in_any_order() {
    let settings = month(3, 2000);
    let forward = lines(&settings);
    let generator = Generator::new(&settings);
    for index in (0..2000).rev() {
        let mut line = Vec::new();
        generator.write(index, &mut line);
        assert_eq!(line.strip_suffix(b"\n").unwrap(), forward[index as usize].as_bytes());
    }
}

/// Guards what is already stored somewhere: a second run on another day must send the same events.
#[test]
fn the_stream_of_a_seed_does_not_change_between_releases() {
    let joined = lines(&month(1, 1000)).join("\n");
    let fingerprint = blake3::hash(joined.as_bytes()).to_hex();
    assert_eq!(&fingerprint[..16], "ca02bd57f87c13e1");
}

#[test]
fn times_rise_but_for_one_event_in_a_hundred() {
    for shape in [Shape::Even, Shape::Month] {
        let settings = Settings { shape, ..month(5, 20_000) };
        let events = parsed(&settings);
        let times: Vec<&str> = events.iter().map(|event| event["timestamp"].as_str().unwrap()).collect();
        let mut newest = "";
        let late = times.iter().filter(|time| {
            let is_late = **time < newest;
            newest = newest.max(time);
            is_late
        });
        let late = late.count();
        assert!((100..400).contains(&late), "{late} of 20,000 are late");
        assert!(newest < "2024-11-04" && times.iter().min().unwrap() >= &"2024-10-04", "outside of the span");
    }
}

#[test]
fn an_event_has_about_650_bytes() {
    let settings = Settings { shape: Shape::Even, ..month(5, 20_000) };
    let bytes: usize = lines(&settings).iter().map(|line| line.len() + 1).sum();
    let mean = bytes / 20_000;
    assert!((620..680).contains(&mean), "{mean} bytes");
}

#[test]
fn a_request_is_followed_by_its_answer() {
    let events = parsed(&month(7, 20_000));
    for pair in events.chunks(2).filter(|pair| pair[0]["event_type"] == "api.request") {
        assert_eq!(pair[0]["metadata"]["request_id"], pair[1]["metadata"]["request_id"]);
        assert_eq!(pair[0]["metadata"]["path"], pair[1]["metadata"]["path"]);
        assert!(pair[1]["metadata"]["status_code"].is_u64());
    }
}

#[test]
fn an_outage_shows_in_server_errors() {
    let settings = month(7, 50_000);
    let generator = Generator::new(&settings);
    let (mut inside, mut during) = (0, 0);
    for (index, event) in parsed(&settings).iter().enumerate() {
        if generator.timeline.incident(index as u64).is_some_and(|i| i.trouble == Trouble::Outage) {
            during += 1;
            inside += usize::from(event["metadata"]["status_code"].as_u64().is_some_and(|code| code >= 500));
        }
    }
    assert!(during > 200 && inside * 10 > during, "{inside} server errors of {during} events");
}

#[test]
fn every_event_is_accepted_as_it_stands_and_fits_its_schema() {
    use stele_engine::event::{Limits, Receipt, Taxonomy, normalize};
    let settings = month(7, 50_000);
    let receipt = Receipt {
        now_ns: settings.start_ns + settings.span_ns,
        ip_address: None,
        user_agent: None,
        new_id: &|| unreachable!("events have ids"),
    };
    let taxonomy = Taxonomy::built_in();
    for line in lines(&settings) {
        let event = normalize(line.as_bytes(), &receipt, &taxonomy, &Limits::default()).unwrap();
        assert_eq!(std::str::from_utf8(&event.body).unwrap(), line, "canonical already, and unmarked");
        assert_eq!(event.filled, stele_engine::event::Filled::default());
    }
}
