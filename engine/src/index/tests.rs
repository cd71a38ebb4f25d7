use super::fixture::{EMAILS, Rng, Row, TYPES, live, open, sealed};
use super::*;
use crate::text::fold;

fn docs(found: &[Postings<'_>]) -> Vec<Vec<u32>> {
    let lists = found.iter().map(|postings| {
        let set = postings.set().unwrap();
        let mut docs = Vec::new();
        set.each(|doc| docs.push(doc));
        assert_eq!(docs.len() as u64, postings.count());
        docs
    });
    let mut lists: Vec<_> = lists.collect();
    lists.sort();
    lists
}

fn both(rows: &[Row], check: impl Fn(View<'_>)) {
    let live = live(rows);
    let stored = open(sealed(&live)).unwrap();
    check(View::Live(&live));
    check(View::Stored(&stored));
}

#[test]
fn every_value_finds_its_documents_exactly_and_without_case() {
    for (seed, count) in [(1, 0), (2, 1), (3, 700), (4, 9000)] {
        let rows = Row::random_many(&mut Rng(seed), count, 0, 5);
        let with = |test: &dyn Fn(&str) -> bool| -> Vec<u32> {
            let fits =
                |(n, row): (usize, &Row)| row.actor_email.as_deref().is_some_and(test).then_some(n as u32);
            rows.iter().enumerate().filter_map(fits).collect()
        };
        both(&rows, |view| {
            for email in EMAILS.into_iter().chain(["nobody", ""]) {
                let mut found = Vec::new();
                view.exact(Field::ActorEmail.into(), email, &mut found).unwrap();
                let want = with(&|value| value == email);
                assert_eq!(docs(&found).concat(), want);
                found.clear();
                view.folded(Field::ActorEmail.into(), &fold(email), &mut found).unwrap();
                let mut all = docs(&found).concat();
                all.sort_unstable();
                assert_eq!(all, with(&|value| fold(value) == fold(email)));
            }
        });
    }
}

#[test]
fn a_scan_visits_each_value_below_its_prefix_once() {
    let rows = Row::random_many(&mut Rng(5), 500, 0, 5);
    both(&rows, |view| {
        for prefix in ["", "a", "agent", "stele", "zzz"] {
            let mut found = Vec::new();
            let seen = std::cell::RefCell::new(Vec::new());
            let note = |value: &[u8]| {
                seen.borrow_mut().push(String::from_utf8(value.to_vec()).unwrap());
                !value.ends_with(b"d")
            };
            view.scan(Field::EventType.into(), prefix, &|_| true, &note, &mut found).unwrap();
            let mut want: Vec<_> = TYPES.into_iter().filter(|t| t.starts_with(prefix)).collect();
            want.sort_unstable();
            let mut seen = seen.into_inner();
            seen.sort_unstable();
            assert_eq!(seen, want);
            assert_eq!(found.len(), want.iter().filter(|t| !t.ends_with('d')).count());
        }
    });
}

#[test]
fn a_scan_ends_when_it_is_told_to() {
    let rows = Row::random_many(&mut Rng(5), 500, 0, 5);
    both(&rows, |view| {
        let (asked, looked) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let next = |count: &std::cell::Cell<i32>| count.replace(count.get() + 1) + 1;
        view.scan(
            Field::EventType.into(),
            "",
            &|_| next(&asked) < 3,
            &|_| next(&looked) > 0,
            &mut Vec::new(),
        )
        .unwrap();
        assert_eq!((asked.take(), looked.take()), (3, 2), "values");
        view.words("", &|| next(&asked) < 3, &|_| next(&looked) > 0).unwrap();
        assert_eq!((asked.take(), looked.take()), (3, 2), "words");
    });
}

#[test]
fn walks_follow_time_and_then_the_log_in_both_directions() {
    for (seed, messy) in [(1, 0), (2, 1), (3, 50), (4, 100)] {
        let rows = Row::random_many(&mut Rng(seed), 400, 1_000, messy);
        let mut order: Vec<_> = rows.iter().zip(0_u64..).map(|(row, doc)| (row.time_ns, doc)).collect();
        order.sort_unstable();
        let mut rng = Rng(seed);
        both(&rows, |view| {
            let times = view.times().unwrap();
            assert_eq!(view.span(), Some((order[0].0, order[399].0)));
            assert!((0..400).all(|doc| times.at(doc).unwrap() == rows[doc as usize].time_ns));
            assert!(times.at(400).is_err());
        });
        let live = live(&rows);
        let stored = open(sealed(&live)).unwrap();
        for _ in 0..200 {
            let first = order[rng.below(400) as usize];
            let limit = order[rng.below(400) as usize];
            let limit =
                [limit, (limit.0, 0), (limit.0, u64::MAX), (i64::MAX, u64::MAX)][rng.below(4) as usize];
            let mut want: Vec<_> = order.iter().filter(|&&p| first <= p && p < limit).map(|p| p.1).collect();
            for descending in [false, true] {
                for view in [View::Live(&live), View::Stored(&stored)] {
                    let walk = view.times().unwrap().walk(first, limit, descending).unwrap();
                    assert_eq!(walk.map(|doc| u64::from(doc.unwrap())).collect::<Vec<_>>(), want);
                }
                want.reverse();
            }
        }
    }
}

#[test]
fn commit_times_read_back_until_the_last_document() {
    let rows = Row::random_many(&mut Rng(6), 333, 0, 5);
    both(&rows, |view| {
        for doc in 0..333 {
            assert_eq!(view.committed_us(doc).unwrap(), Some(u64::from(doc) / 100 * 7));
        }
        assert_eq!(view.committed_us(333).unwrap(), None);
    });
}

#[test]
fn the_same_documents_give_the_same_bytes() {
    let rows = Row::random_many(&mut Rng(7), 2000, 0, 5);
    assert_eq!(sealed(&live(&rows)), sealed(&live(&rows)));
}

/// A flood of spellings of one value must not slow the writer: each push costs the same.
#[test]
fn many_spellings_of_one_value_stay_one_chain() {
    let mut live = Live::default();
    let mut row = Row::random(&mut Rng(8), 0);
    for spelling in 0..5000_u32 {
        let letters = (0..16).map(|bit| if spelling >> bit & 1 == 1 { 'A' } else { 'a' });
        row.actor_email = Some(letters.collect());
        live.push(&row.doc(0));
    }
    let stored = open(sealed(&live)).unwrap();
    for view in [View::Live(&live), View::Stored(&stored)] {
        let mut found = Vec::new();
        view.folded(Field::ActorEmail.into(), "aaaaaaaaaaaaaaaa", &mut found).unwrap();
        assert_eq!(docs(&found).concat(), (0..5000).collect::<Vec<_>>());
    }
}

#[test]
fn a_walk_knows_how_many_documents_remain() {
    let rows = Row::random_many(&mut Rng(9), 300, 0, 30);
    both(&rows, |view| {
        for descending in [false, true] {
            let mut walk = view.times().unwrap().walk((0, 0), (200_000_000, 0), descending).unwrap();
            let all = rows.iter().filter(|row| row.time_ns < 200_000_000).count() as u64;
            for taken in 0..all {
                assert_eq!(walk.remaining(), all - taken);
                assert!(walk.next().is_some());
            }
            assert!(walk.remaining() == 0 && walk.next().is_none());
        }
    });
}
