//! Compliance reports: they hold what a plain scan finds, and no altered one is accepted.
//!
//! One log of random events in many epochs (`world`) is asked random questions; reports of it are
//! altered at every member (`mutate`) and forged with everything but the signing key (`forge`).

#![expect(clippy::unwrap_used, reason = "the whole module is tests")]

mod forge;
mod mutate;
mod second;
mod world;

use std::io::Write as _;

use serde_json::{Value as Json, json};
use stele_engine::error::StoreError;
use stele_engine::log::{Report, ReportLimits};
use stele_engine::proof::VerifierKey;
use stele_engine::tags::{Axis, Dimension, Filter, Value};
use stele_engine::verify::{self, ReportFault, ReportVerdict};

use forge::Forge;
use mutate::each_mutant;
use world::{Rng, START_US, world};

fn key() -> VerifierKey {
    VerifierKey::parse(&world().log.verifier_key().unwrap()).unwrap()
}

fn made(filter: &Filter) -> Report {
    let now_us = world().end_us + 1;
    world().log.report(filter.clone(), ReportLimits::default(), now_us, &|| true).unwrap()
}

fn json_of(report: &Report) -> Vec<u8> {
    let mut bytes = Vec::new();
    report.write_json(&mut bytes).unwrap();
    bytes
}

fn verified(json: &Json) -> Result<ReportVerdict, ReportFault> {
    verify::report(&serde_json::to_vec(json).unwrap(), &key())
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn pair(kind: &str, id: &str) -> Value {
    Value::Pair(kind.to_owned(), id.to_owned())
}

fn minutes(from: u64, to: u64) -> (u64, u64) {
    (START_US + from * 60_000_000, START_US + to * 60_000_000)
}

fn filter(axis: Axis, (from_us, to_us): (u64, u64), dimensions: Vec<(Dimension, Vec<Value>)>) -> Filter {
    Filter::new(axis, from_us, to_us, dimensions)
}

/// Reports of every kind, few records in each: both axes, all dimensions, alternatives, no values,
/// nothing found.
fn kinds() -> Vec<Filter> {
    use Dimension::{
        Actor, ActorEmail, ActorName, ActorType, Category, EventType, Resource, ResourceType, Status,
    };
    let ada = (ActorEmail, vec![text("Ada@Example.com")]);
    vec![
        filter(Axis::Event, minutes(100, 110), vec![(Actor, vec![pair("user", "usr_3")]), ada.clone()]),
        filter(Axis::Event, minutes(0, 9_999), vec![(ActorName, vec![text("nobody")])]),
        filter(
            Axis::Event,
            minutes(60, 90),
            vec![
                (EventType, vec![text("auth.login"), text("agent.updated")]),
                (Resource, vec![pair("agent", "agt_1"), pair("session", "s\"4"), pair("agent", "none")]),
                (Status, vec![text("failure")]),
            ],
        ),
        filter(
            Axis::Commit,
            minutes(130, 160),
            vec![
                (EventType, vec![text("agent.updated"), text("api.request")]),
                (Category, vec![text("agent"), text("api")]),
                (Status, vec![text("success"), text("pending")]),
                (ActorName, vec![text("Zoë \"Z\" \\"), text("Ada")]),
                (ResourceType, vec![text("agent")]),
                (ActorType, vec![text("user")]),
                ada,
            ],
        ),
        filter(Axis::Commit, minutes(70, 73), vec![]),
        filter(Axis::Commit, minutes(150, 999), vec![(Actor, vec![pair("api_key", "key_1")])]),
        filter(Axis::Commit, minutes(40, 45), vec![(EventType, vec![text("no.such")])]),
    ]
}

#[test]
fn a_report_holds_what_a_plain_scan_finds_and_is_proved() {
    let (mut rng, mut found, mut empty) = (Rng::new(3), 0, 0);
    for round in 0..150 {
        let asked =
            if round == 0 { filter(Axis::Event, (0, u64::MAX), vec![]) } else { world().question(&mut rng) };
        let report = made(&asked);
        let answered = report.filter();
        assert_eq!(answered.dimensions, asked.dimensions);
        let reach = match asked.axis {
            Axis::Event => u64::MAX,
            Axis::Commit => world().log.record(world().log.indexed().unwrap()).unwrap().unwrap().committed_us,
        };
        assert_eq!((answered.from_us, answered.to_us), (asked.from_us, asked.to_us.min(reach)));
        let below = if asked.axis == Axis::Event { report.as_of() } else { u64::MAX };
        let expected: Vec<u64> =
            world().scan(answered).into_iter().filter(|&sequence| sequence < below).collect();
        let mut entries = Vec::new();
        let collected = report.each_entry::<StoreError>(&mut |record| {
            entries.push(record.sequence);
            Ok(())
        });
        collected.unwrap();
        assert_eq!(entries, expected, "{}", answered.text());
        let verdict = verify::report(&json_of(&report), &key()).unwrap_or_else(|fault| {
            panic!("{}: {fault}", answered.text());
        });
        assert_eq!(verdict.filter, *answered);
        assert_eq!(
            (verdict.entries, verdict.headers, verdict.index_events, verdict.as_of, verdict.sequences),
            (report.entries(), report.headers(), report.index_events(), report.as_of(), report.sequences())
        );
        assert_eq!(verdict.verification_hash, report.verification_hash());
        assert_eq!(verdict.checkpoint_size, report.signed().checkpoint.size);
        found += usize::from(!entries.is_empty());
        empty += usize::from(entries.is_empty());
    }
    assert!(found > 60 && empty > 10, "{found} reports with entries, {empty} without");
}

#[test]
fn no_report_with_one_member_altered_is_accepted() {
    let (mut rng, mut mutants, mut steps) = (Rng::new(5), 0, [0; 8]);
    for asked in kinds() {
        let json: Json = serde_json::from_slice(&json_of(&made(&asked))).unwrap();
        assert!(verified(&json).is_ok(), "as it was made, in another order of members");
        each_mutant(&json, 3, &mut rng, &mut |what, mutant| {
            match verified(mutant) {
                Ok(_) => panic!("{}: accepted with {what}", asked.text()),
                Err(fault) => steps[usize::from(fault.step)] += 1,
            }
            mutants += 1;
        });
    }
    println!("{mutants} mutants, refused at the steps 0 to 7: {steps:?}");
    assert!(mutants > 20_000 && steps[..6].iter().all(|&refused| refused > 0), "{mutants}: {steps:?}");
}

#[test]
fn every_character_of_a_small_report_counts() {
    let asked = filter(Axis::Commit, minutes(61, 62), vec![(Dimension::Status, vec![text("failure")])]);
    let json: Json = serde_json::from_slice(&json_of(&made(&asked))).unwrap();
    let mut mutants = 0;
    each_mutant(&json, usize::MAX, &mut Rng::new(7), &mut |what, mutant| {
        assert!(verified(mutant).is_err(), "accepted with {what}");
        mutants += 1;
    });
    assert!(mutants > 3_000, "{mutants}");
}

/// The step at which a forged report is refused.
#[track_caller]
fn refused_at(forge: &Forge) -> u8 {
    match verified(&forge.json) {
        Ok(_) => panic!("accepted: {}", forge.json["filter"]),
        Err(fault) => fault.step,
    }
}

#[test]
fn an_entry_left_out_is_missed() {
    for (asked, forge) in forges() {
        for at in 0..forge.entries() {
            let mut forge = forge.clone();
            forge.take("entries", at);
            forge.finish();
            assert_eq!(refused_at(&forge), 6, "{} entries[{at}]", asked.text());
        }
    }
}

#[test]
fn an_entry_among_the_headers_is_missed() {
    for (_, forge) in forges() {
        for at in 0..forge.entries() {
            let mut honest = forge.clone();
            let header = honest.as_header(at);
            let taken = honest.take("entries", at);
            honest.put("headers", header.clone());
            honest.finish();
            // An index event is shown with its content already.
            let indexes = forge.sequences("index_records").contains(&taken["seq"].as_u64().unwrap());
            assert_eq!(refused_at(&honest), if indexes { 2 } else { 6 });
            // With another time it lies outside the range, but is not the record that was signed.
            let mut liar = forge.clone();
            liar.take("entries", at);
            let member = if honest.is_by_commit() { "ts" } else { "ev" };
            let mut header = header;
            header[member] = json!(1);
            liar.put("headers", header);
            liar.finish();
            assert_eq!(refused_at(&liar), 2);
        }
    }
}

#[test]
fn an_entry_cut_from_the_list_of_its_value_is_missed() {
    let mut cut = 0;
    for (_, forge) in forges() {
        for at in 0..forge.entries() {
            let mut forge = forge.clone();
            let taken = forge.take("entries", at);
            if forge.cut_from_lists(taken["seq"].as_u64().unwrap()) {
                forge.finish();
                assert_eq!(refused_at(&forge), 5);
                cut += 1;
            }
        }
        for (epoch, lookup) in forge.lookups() {
            // The whole list denied, with leaves of the index that are really there.
            let mut denied = forge.clone();
            if denied.deny(epoch, lookup) {
                denied.finish();
                assert!(verified(&denied.json).is_err());
            }
        }
    }
    assert!(cut > 20, "{cut}");
}

#[test]
fn a_record_too_many_is_refused() {
    for (asked, forge) in forges() {
        let shown: Vec<u64> = forge.sequences("entries");
        let size = world().log.head().size;
        let mut steps = [0; 8];
        for sequence in (0..size).step_by(37).chain([size - 1, size - 2]) {
            if shown.contains(&sequence) {
                continue;
            }
            let mut forge = forge.clone();
            if !forge.can_show(sequence) {
                continue;
            }
            forge.show(sequence);
            forge.finish();
            steps[usize::from(refused_at(&forge))] += 1;
        }
        assert!(steps[3] > 0, "{}: {steps:?}", asked.text());
    }
}

#[test]
fn a_record_that_no_index_event_covers_is_no_entry() {
    // It matches and is in the range, but came after the index: nothing says that it is all there was.
    let asked = filter(Axis::Event, (0, u64::MAX), vec![(Dimension::Status, vec![text("pending")])]);
    let mut forge = Forge::of(&made(&asked));
    let late = world().late_pending;
    assert!(forge.can_show(late) && world().log.indexed().unwrap() <= late);
    forge.show(late);
    forge.finish();
    assert_eq!(refused_at(&forge), 7);
}

#[test]
fn a_narrowed_range_is_seen() {
    for (_, forge) in forges() {
        let (issued, entries) = (forge.json["verification_hash"].clone(), forge.entries());
        if entries == 0 {
            continue;
        }
        // Only the range is changed: entries stand outside it.
        let mut narrow = forge.clone();
        narrow.narrow();
        narrow.finish();
        assert_eq!(refused_at(&narrow), 3);
        // They are taken out as well, under the hash that was issued: it is another.
        narrow.drop_outside();
        narrow.finish();
        narrow.json["verification_hash"] = issued.clone();
        assert_eq!(refused_at(&narrow), 3);
        // With the hash that belongs to it, it is at best the true answer to another question, which it
        // names, and the log has no record of having issued it.
        narrow.finish();
        assert_ne!(narrow.json["verification_hash"], issued);
        if let Ok(verdict) = verified(&narrow.json) {
            assert_eq!(world().scan(&verdict.filter).len() as u64, verdict.entries);
        }
    }
}

#[test]
fn index_events_left_out_are_missed() {
    for (asked, forge) in forges() {
        for at in 0..forge.sequences("index_records").len() {
            let mut forge = forge.clone();
            let last = at + 1 == forge.sequences("index_records").len();
            let taken = forge.take("index_records", at);
            forge.drop_epoch(&taken["seq"]);
            forge.finish();
            match verified(&forge.json) {
                // Without its last index event a report by event time is as of an earlier sequence, and
                // says so: it must still be all that matched until then.
                Ok(verdict) => {
                    assert!(last && asked.axis == Axis::Event);
                    assert!(verdict.as_of < world().log.indexed().unwrap());
                    let until = world().scan(&verdict.filter).into_iter().filter(|&s| s < verdict.as_of);
                    assert_eq!(until.count() as u64, verdict.entries);
                }
                Err(fault) => assert!((4..=7).contains(&fault.step), "{fault}"),
            }
        }
    }
}

#[test]
fn a_report_under_another_key_or_of_another_log_is_refused() {
    let bytes = json_of(&made(&kinds()[0]));
    let other = world::small("example.com/stele/other");
    let key = VerifierKey::parse(&other.verifier_key().unwrap()).unwrap();
    let fault = verify::report(&bytes, &key).unwrap_err();
    assert_eq!((fault.step, fault.place.as_str()), (1, "key"));
    // The key is exchanged too: the checkpoint is not its.
    let mut json: Json = serde_json::from_slice(&bytes).unwrap();
    json["key"] = json!(key.to_string());
    let fault = verify::report(&serde_json::to_vec(&json).unwrap(), &key).unwrap_err();
    assert_eq!((fault.step, fault.place.as_str()), (1, "checkpoint"));
    for bad in ["", "{}", "[]", "null", "{\"format\":\"stele.report/v2\"}"] {
        assert_eq!(verify::report(bad.as_bytes(), &key).unwrap_err().step, 0);
    }
    let mut cut = std::io::Cursor::new(Vec::new());
    cut.write_all(&bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(verify::report(cut.get_ref(), &key).unwrap_err().step, 0);
}

/// The reports of every kind, each with what a forger needs.
fn forges() -> impl Iterator<Item = (Filter, Forge)> {
    kinds().into_iter().map(|asked| {
        let forge = Forge::of(&made(&asked));
        assert!(verified(&forge.json).is_ok());
        let mut same = forge.clone();
        same.finish();
        assert!(same.json == forge.json, "the forger computes what the log does");
        (asked, forge)
    })
}
