//! Paths, numbers, flags and words: both forms against a plain recount, and against each other.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::{Rng, Row, live, open, sealed};
use super::*;
use crate::event::{Value, each_changed, each_value};
use crate::text::{fold, words};

type DocSet = BTreeSet<u32>;

fn docs<'a>(lists: impl IntoIterator<Item = Postings<'a>>) -> DocSet {
    let mut all = DocSet::new();
    for list in lists {
        list.set().unwrap().each(|doc| {
            all.insert(doc);
        });
    }
    all
}

/// Everything that the rows say, recounted from their JSON.
#[derive(Default)]
struct Told {
    texts: BTreeMap<(Vec<u8>, String), DocSet>,
    numbers: BTreeMap<(Vec<u8>, String), DocSet>,
    flags: BTreeMap<(Vec<u8>, bool), DocSet>,
    present: BTreeMap<Vec<u8>, DocSet>,
    words: BTreeMap<String, DocSet>,
    changed: BTreeMap<Vec<u8>, DocSet>,
}

impl Told {
    fn of(rows: &[Row]) -> Self {
        let mut told = Self::default();
        for (row, doc) in rows.iter().zip(0..) {
            told.envelope(row, doc);
            each_value(&row.metadata, |path, value| {
                if value != Value::Null {
                    told.present.entry(path.to_vec()).or_default().insert(doc);
                }
                match value {
                    Value::Text(text) => {
                        told.say(&text, doc);
                        told.texts.entry((path.to_vec(), text.into_owned())).or_default().insert(doc);
                    }
                    Value::Number(text) => {
                        told.say(text, doc);
                        told.numbers.entry((path.to_vec(), text.to_owned())).or_default().insert(doc);
                    }
                    Value::Flag(flag) => {
                        told.flags.entry((path.to_vec(), flag)).or_default().insert(doc);
                    }
                    Value::Null | Value::Object => {}
                }
            })
            .unwrap();
            each_changed(&row.metadata, &mut |path| {
                told.changed.entry(path.to_vec()).or_default().insert(doc)
            })
            .unwrap();
        }
        told
    }

    fn envelope(&mut self, row: &Row, doc: u32) {
        let optional = [&row.actor_id, &row.actor_email, &row.actor_name];
        let always = [
            &row.category,
            &row.status,
            &row.actor_type,
            &row.event_type,
            &row.action,
            &row.resource_type,
            &row.resource_id,
        ];
        for text in optional.into_iter().flatten().chain(always) {
            self.say(text, doc);
        }
    }

    fn say(&mut self, text: &str, doc: u32) {
        for word in words(&fold(text)) {
            self.words.entry(word.to_owned()).or_default().insert(doc);
        }
    }
}

fn path_ids(view: View<'_>) -> BTreeMap<Vec<u8>, PathId> {
    let mut ids = BTreeMap::new();
    view.paths(&mut |id, name| {
        ids.insert(name.to_vec(), id);
    })
    .unwrap();
    ids
}

fn rows() -> Vec<Row> {
    Row::random_many(&mut Rng(77), 3_000, 0, 5)
}

fn both(rows: &[Row], check: impl Fn(View<'_>, &Told)) {
    let told = Told::of(rows);
    let live = live(rows);
    let stored = open(sealed(&live)).unwrap();
    check(View::Live(&live), &told);
    check(View::Stored(&stored), &told);
}

#[test]
fn paths_numbers_and_flags_find_their_documents() {
    both(&rows(), |view, told| {
        let ids = path_ids(view);
        assert_eq!(ids.keys().collect::<Vec<_>>(), told.present.keys().collect::<Vec<_>>());
        for (path, wanted) in &told.present {
            assert_eq!(&docs(view.present(ids[path]).unwrap()), wanted);
            for flag in [true, false] {
                let wanted = told.flags.get(&(path.clone(), flag)).cloned().unwrap_or_default();
                assert_eq!(docs(view.flags(ids[path], flag).unwrap()), wanted);
            }
        }
        let mut seen = BTreeMap::new();
        for (path, id) in &ids {
            let mut last = None;
            view.terms(Dictionary::numbers(*id), &mut |number, text, list| {
                let text = String::from_utf8(text.to_vec()).unwrap();
                assert_eq!(view.term(number).unwrap().0, Dictionary::numbers(*id));
                if matches!(view, View::Stored(_)) {
                    let value = Number::parse(&text);
                    assert!(last <= value);
                    last = value;
                }
                seen.insert((path.clone(), text), docs([list]));
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(seen, told.numbers);
    });
}

#[test]
fn ranges_of_numbers_are_exact_at_both_ends() {
    let bounds =
        ["-2", "-1", "0", "200", "404", "404.0", "499.9", "5e2", "1e9"].map(|t| Number::parse(t).unwrap());
    both(&rows(), |view, told| {
        let id = path_ids(view)[&b"status_code"[..]];
        for (low, high) in bounds.iter().flat_map(|low| bounds.iter().map(move |high| (low, high))) {
            for (with_low, with_high) in [(true, true), (false, true), (true, false), (false, false)] {
                let inside = |text: &str| {
                    let number = Number::parse(text).unwrap();
                    (if with_low { number >= *low } else { number > *low })
                        && (if with_high { number <= *high } else { number < *high })
                };
                let wanted =
                    told.numbers.iter().filter(|((path, text), _)| path == b"status_code" && inside(text));
                let wanted: DocSet = wanted.flat_map(|(_, docs)| docs).copied().collect();
                let mut found = Vec::new();
                view.numbers(id, Some((low, with_low)), Some((high, with_high)), &|| true, &mut found)
                    .unwrap();
                assert_eq!(docs(found), wanted, "{low:?} {with_low} {high:?} {with_high}");
            }
        }
        let mut all = Vec::new();
        view.numbers(id, None, None, &|| true, &mut all).unwrap();
        assert!(all.len() >= 5);
    });
}

#[test]
fn strings_are_listed_exactly_or_their_documents_are_loose() {
    both(&rows(), |view, told| {
        for (path, id) in path_ids(view) {
            let of = Dictionary::strings(id);
            let loose = docs(view.loose(of).unwrap());
            let mut listed = DocSet::new();
            view.terms(of, &mut |_, text, list| {
                let text = String::from_utf8(text.to_vec()).unwrap();
                let wanted = &told.texts[&(path.clone(), text.clone())];
                assert_eq!(&docs([list]), wanted);
                let mut found = Vec::new();
                view.exact(of, &text, &mut found)?;
                assert_eq!(&docs(found), wanted);
                listed.extend(wanted);
                Ok(())
            })
            .unwrap();
            let all: DocSet = told
                .texts
                .iter()
                .filter(|((p, _), _)| *p == path)
                .flat_map(|(_, docs)| docs)
                .copied()
                .collect();
            assert_eq!(listed.union(&loose).copied().collect::<DocSet>(), all);
            let live = matches!(view, View::Live(_));
            assert!(!live || loose.is_empty());
            assert!(live || path != b"trace" || listed.is_empty(), "ids that occur once are loose");
        }
    });
}

#[test]
fn words_find_all_their_documents_and_only_doubt_rare_ones() {
    both(&rows(), |view, told| {
        let found = |found: Words<'_>| {
            let mut sure = docs(found.docs.iter().copied());
            for term in found.terms {
                sure.extend(docs([view.term(term).unwrap().2]));
            }
            (sure, found.maybe.into_iter().collect::<DocSet>())
        };
        let mut doubted = 0;
        for (word, wanted) in &told.words {
            let (sure, maybe) = found(view.word(word).unwrap());
            assert!(sure.is_subset(wanted), "{word}");
            assert!(wanted.iter().all(|doc| sure.contains(doc) || maybe.contains(doc)), "{word}");
            doubted += maybe.difference(wanted).count();
            if wanted.len() > 2 {
                assert_eq!(&sure, wanted, "{word}");
            }
        }
        assert!(doubted < 50, "{doubted}");
        for prefix in ["", "t", "time", "trc", "0", "é", "日", "nothing", "40"] {
            let even = |word: &str| word.chars().count().is_multiple_of(2);
            let wanted = told.words.iter().filter(|(word, _)| word.starts_with(prefix) && even(word));
            let wanted: DocSet = wanted.flat_map(|(_, docs)| docs).copied().collect();
            let (sure, maybe) = found(view.words(prefix, &|| true, &even).unwrap());
            assert!(sure.is_subset(&wanted), "{prefix}");
            assert!(wanted.iter().all(|doc| sure.contains(doc) || maybe.contains(doc)), "{prefix}");
        }
    });
}

#[test]
fn changed_paths_are_values_of_their_own() {
    both(&rows(), |view, told| {
        let mut seen = BTreeMap::new();
        view.terms(Field::Changed.into(), &mut |_, path, list| {
            seen.insert(path.to_vec(), docs([list]));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, told.changed);
        assert!(!seen.is_empty());
    });
}

/// Member names made of ids: past the limit, words still find everything, and the documents are told.
#[test]
fn paths_past_the_limit_are_unlisted_and_their_words_found() {
    let mut rng = Rng(5);
    let mut rows = rows();
    rows.truncate(1_000);
    for (number, row) in rows.iter_mut().enumerate() {
        let members: Vec<_> = (0..12).map(|i| format!("\"id{number}x{i}\":\"w{}\"", rng.below(50))).collect();
        row.metadata = format!("{{{}}}", members.join(","));
    }
    both(&rows, |view, told| {
        let ids = path_ids(view);
        assert_eq!(ids.len(), usize::from(PATHS_MAX));
        let unlisted = docs(view.unlisted().unwrap());
        let wanted = told.present.iter().filter(|(path, _)| !ids.contains_key(*path));
        assert_eq!(unlisted, wanted.flat_map(|(_, docs)| docs).copied().collect::<DocSet>());
        for word in (0..50).map(|i| format!("w{i}")) {
            let found = view.word(&word).unwrap();
            let mut sure = docs(found.docs);
            found.terms.iter().for_each(|&term| sure.extend(docs([view.term(term).unwrap().2])));
            assert_eq!(&sure, &told.words[&word]);
        }
        // Each value once, however many paths it stands at: it is common enough to be a term.
        let mut values = Vec::new();
        view.terms(Dictionary(UNLISTED), &mut |_, value, _| {
            values.push(value.to_vec());
            Ok(())
        })
        .unwrap();
        values.sort_unstable();
        let mut wanted: Vec<_> = (0..50).map(|i| format!("w{i}").into_bytes()).collect();
        wanted.sort_unstable();
        assert_eq!(values, wanted);
    });
}

/// An event whose changed paths repeat a long name has them in its record alone.
#[test]
fn changed_paths_that_outgrow_their_event_are_loose() {
    let mut rows = rows();
    rows.truncate(20);
    let members: Vec<_> = (0..30).map(|i| format!("\"m{i}\":0")).collect();
    rows[7].metadata =
        format!(r#"{{"changes":{{"after":{{"{}":{{{}}}}}}}}}"#, "n".repeat(900), members.join(","));
    both(&rows, |view, told| {
        assert_eq!(docs(view.loose(Field::Changed.into()).unwrap()), DocSet::from([7]));
        view.terms(Field::Changed.into(), &mut |_, path, list| {
            let mut wanted = told.changed[path].clone();
            wanted.remove(&7);
            assert_eq!(docs([list]), wanted);
            Ok(())
        })
        .unwrap();
    });
}

/// A long name above many values: what is kept of one event stays near what it takes itself.
#[test]
fn long_names_cost_their_length_once() {
    let members: Vec<_> = (0..10_000).map(|i| format!("\"m{i}\":0")).collect();
    for name in [900, 5_000, 100_000] {
        let mut row = rows().remove(0);
        row.metadata =
            format!(r#"{{"changes":{{"after":{{"{}":{{{}}}}}}}}}"#, "n".repeat(name), members.join(","));
        let doc = row.doc(0);
        assert!(doc.heap_bytes() < 8 * row.metadata.len(), "{name}: {}", doc.heap_bytes());
        assert_eq!(doc.values(), 10_000);
    }
}

/// Documents where one word is right behind another in a text.
fn neighbours(texts: &[String]) -> BTreeMap<(String, String), DocSet> {
    let mut found: BTreeMap<(String, String), DocSet> = BTreeMap::new();
    for (text, doc) in texts.iter().zip(0..) {
        let said: Vec<&str> = words(text).collect();
        for two in said.windows(2) {
            found.entry((two[0].to_owned(), two[1].to_owned())).or_default().insert(doc);
        }
    }
    found
}

#[test]
fn pairs_of_words_that_many_documents_have_are_known_and_no_others() {
    let mut rng = Rng(78);
    let text = |rng: &mut Rng, at: usize| {
        let word = |_| {
            let most = 1 << rng.below(9);
            format!("w{}", rng.below(most))
        };
        let mut said: Vec<String> = (0..8).map(word).collect();
        said.push(format!("own{at}"));
        said.join(" ")
    };
    let texts: Vec<String> = (0..2_000).map(|at| text(&mut rng, at)).collect();
    let rows: Vec<Row> = Row::random_many(&mut rng, 2_000, 0, 5)
        .into_iter()
        .zip(&texts)
        .map(|(row, text)| Row { metadata: format!(r#"{{"text":"{text}"}}"#), ..row })
        .collect();
    let live = live(&rows);
    let stored = open(sealed(&live)).unwrap();
    let (view, told) = (View::Stored(&stored), neighbours(&texts));
    let (mut listed, mut rare, mut none, mut unknown) = (0, 0, 0, 0);
    let names: Vec<String> = (0..256).map(|at| format!("w{at}")).chain(["own7".to_owned()]).collect();
    for first in &names {
        let of_first = view.word(first).unwrap();
        assert!(View::Live(&live).pair((first, &of_first), (first, &of_first)).unwrap().is_none());
        for second in &names {
            let of_second = view.word(second).unwrap();
            let Some(found) = view.pair((first, &of_first), (second, &of_second)).unwrap() else {
                unknown += 1;
                continue;
            };
            let wanted = told.get(&(first.clone(), second.clone())).cloned().unwrap_or_default();
            let maybe: DocSet = found.maybe.iter().copied().collect();
            assert!(found.terms.is_empty() && !found.wide);
            match (wanted.len(), found.docs.is_empty()) {
                (3.., false) => listed += 1,
                (1..=2, true) => rare += 1,
                (0, true) => none += 1,
                other => panic!("{first} {second}: {other:?}"),
            }
            if wanted.len() > 2 {
                assert_eq!(docs(found.docs), wanted, "{first} {second}");
            } else {
                assert!(maybe.is_superset(&wanted), "{first} {second}");
            }
        }
    }
    assert!(listed > 300 && rare > 300 && none > 10 && unknown > 10_000, "{listed} {rare} {none} {unknown}");
    // Pairs are no words.
    let begun = view.words("w", &|| true, &|word| !word.contains(' ')).unwrap();
    let all = view.words("w", &|| true, &|_| true).unwrap();
    assert_eq!((begun.docs.len(), begun.maybe), (all.docs.len(), all.maybe));
}
