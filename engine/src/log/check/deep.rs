//! Index events, recomputed from the bodies that they cover.

use std::sync::Mutex;

use super::{Run, fault, locked};
use crate::error::StoreError;
use crate::event::Fields;
use crate::report::{each_event, epoch_over};
use crate::segment::Segment;
use crate::tags::{EVENT_ID_PREFIX, EVENT_TYPE, Statement};
use crate::verify::{Fault, Verdict};

/// An index event and what it says.
struct Said {
    sequence: u64,
    statement: Statement,
    /// Sequence of the one before.
    before: Option<u64>,
}

/// Recomputes every index event, and names those that are not of the one row that begins at sequence 0: a
/// report could rest on them. Bodies are read as answers read them, each frame's checksum compared; that
/// these are the bytes of the chain is checked by the run over the records.
pub(super) fn check(run: &Run<'_>, verdict: &mut Verdict) {
    let mut faults = Vec::new();
    let (events, covered) = match collect(run, &mut faults) {
        Ok(found) => found,
        Err(error) => {
            verdict.faults.push(unreadable(run, 0, &error));
            return;
        }
    };
    let (found, met) = (Mutex::new(faults), Mutex::new(Vec::new()));
    run.each(events.len() + 1, &|at| {
        let mut index_events = Vec::new();
        let wrong = match events.get(at) {
            Some(said) if is_away(run, &said.statement) => None,
            Some(said) => compare(run, said, &mut index_events),
            None => match behind(run, covered, &mut index_events) {
                Ok(()) | Err(StoreError::Cancelled) => None,
                Err(error) => Some(unreadable(run, covered, &error)),
            },
        };
        locked(&found).extend(wrong);
        locked(&met).append(&mut index_events);
        run.tell();
    });
    verdict.notes.extend(away(run, &events));
    let mut faults = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let met = met.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    faults.extend(strangers(run, &events, met));
    faults.sort_by_key(|fault| fault.first_sequence);
    let first_wrong = faults.first().map_or(covered, |fault| fault.first_sequence.min(covered));
    verdict.faults.append(&mut faults);
    verdict.indexed_to = Some(first_wrong);
}

/// Whether records that an index event covers are archived: it cannot be recomputed then.
fn is_away(run: &Run<'_>, said: &Statement) -> bool {
    let segments = run.snapshot.segments();
    let start = segments.partition_point(|segment| segment.first() <= said.a).saturating_sub(1);
    let covered = segments[start..].iter().take_while(|segment| segment.first() < said.b);
    covered.into_iter().any(|segment| matches!(**segment, Segment::Archived(_)))
}

/// Says which index events were not recomputed.
fn away(run: &Run<'_>, events: &[Said]) -> Option<String> {
    let mut away = events.iter().map(|said| &said.statement).filter(|said| is_away(run, said));
    let first = away.next()?;
    let (count, last) = away.fold((1, first), |(count, _), said| (count + 1, said));
    let range = format!("sequences {} to {}", first.a, last.b - 1);
    Some(format!(
        "{count} index events over {range} were not recomputed: records that they cover are archived"
    ))
}

/// Follows the index events from the first record on: each begins where the one before ends.
fn collect(run: &Run<'_>, faults: &mut Vec<Fault>) -> Result<(Vec<Said>, u64), StoreError> {
    let (mut found, mut a, mut before) = (Vec::new(), 0, None);
    while let Some(record) = run.log.find(&format!("{EVENT_ID_PREFIX}{a}"))? {
        let sequence = record.sequence;
        if sequence >= run.snapshot.head.size {
            break;
        }
        match Statement::read(&record.body) {
            Ok(statement) if statement.a == a && statement.b <= sequence => {
                a = statement.b;
                found.push(Said { sequence, statement, before });
                before = Some(sequence);
            }
            Ok(statement) => {
                let (from, to) = (statement.a, statement.b);
                let detail = format!("covers [{from}, {to}), it must begin at {a} and end before itself");
                faults.push(wrong(run, (a, sequence), sequence, detail));
                break;
            }
            Err(why) => {
                faults.push(wrong(run, (a, sequence), sequence, why));
                break;
            }
        }
    }
    Ok((found, a))
}

/// Index events among the records that none of the row covers.
fn behind(run: &Run<'_>, covered: u64, met: &mut Vec<u64>) -> Result<(), StoreError> {
    let range = (covered, run.snapshot.head.size);
    each_event(run.snapshot, range, &|| run.tell(), &mut |sequence, fields| {
        met.extend(index_event(sequence, fields))
    })
}

fn index_event(sequence: u64, fields: &Fields<'_>) -> Option<u64> {
    (fields.event_type == EVENT_TYPE).then_some(sequence)
}

/// Index events that are not of the row.
fn strangers(run: &Run<'_>, row: &[Said], mut met: Vec<u64>) -> Vec<Fault> {
    met.sort_unstable();
    let known = |sequence: &u64| row.binary_search_by_key(sequence, |said| said.sequence).is_ok();
    let detail = "is not of the one row of index events that begins at sequence 0: no report may rest on it";
    met.iter()
        .filter(|sequence| !known(sequence))
        .map(|&sequence| wrong(run, (sequence, sequence), sequence, detail.to_owned()))
        .collect()
}

fn compare(run: &Run<'_>, said: &Said, met: &mut Vec<u64>) -> Option<Fault> {
    let Said { sequence, statement, before } = said;
    let range = (statement.a, statement.b);
    let secret = &run.log.shared.secret;
    let epoch = epoch_over(run.snapshot, secret, range, &|| run.tell(), |sequence, fields| {
        met.extend(index_event(sequence, fields));
    });
    let epoch = match epoch {
        Ok(epoch) => epoch,
        // Who stopped the run wants no verdict.
        Err(StoreError::Cancelled) => return None,
        Err(error) => return Some(unreadable(run, *sequence, &error)),
    };
    let expected = Statement::of(&epoch, statement.a, statement.b, *before);
    let differing: Vec<&str> = [
        ("n", expected.n != statement.n),
        ("root", expected.root != statement.root),
        ("kc", expected.kc != statement.kc),
        ("prev", expected.prev != statement.prev),
        ("ev_min", expected.ev_min != statement.ev_min),
        ("ev_max", expected.ev_max != statement.ev_max),
    ]
    .iter()
    .filter_map(|&(name, differs)| differs.then_some(name))
    .collect();
    let detail = || format!("its records give another {}", differing.join(", "));
    (!differing.is_empty()).then(|| wrong(run, range, *sequence, detail()))
}

fn wrong(run: &Run<'_>, range: (u64, u64), sequence: u64, detail: String) -> Fault {
    let segment =
        run.snapshot.find(sequence).map(|(segment, _)| crate::segment::data_path(run.dir(), segment.first()));
    let path = segment.unwrap_or_else(|| run.dir().to_owned());
    fault("index_event", range, &path, 0, format!("index event at sequence {sequence}: {detail}"))
}

fn unreadable(run: &Run<'_>, sequence: u64, error: &StoreError) -> Fault {
    wrong(run, (sequence, sequence), sequence, format!("cannot be recomputed: {error}"))
}
