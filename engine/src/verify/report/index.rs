//! Step 4: the index events are there, follow one another, and cover what the filter is about.

use super::ReportFault;
use super::form::{Epoch, Form};
use super::records::Shown;
use crate::tags::{Axis, Filter, Statement};

const STEP: u8 = 4;

/// On the axis of commit times: sequences below `low` lie before the range and sequences above `high`
/// behind it, because commit times never fall.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fences<'a> {
    pub filter: &'a Filter,
    pub low: u64,
    pub high: u64,
}

/// What the index events say, each next one where the one before ends.
pub(super) fn statements(form: &Form<'_>) -> Result<Vec<Statement>, ReportFault> {
    let mut statements: Vec<Statement> = Vec::with_capacity(form.index_records.len());
    for (at, record) in form.index_records.iter().enumerate() {
        let wrong = |what: String| ReportFault::new(STEP, format!("index_records[{at}]"), what);
        let next = Statement::read(record.body.as_bytes()).map_err(wrong)?;
        if next.b > record.seq {
            return Err(wrong("covers records that come after it".to_owned()));
        }
        let before = at.checked_sub(1).map(|before| (form.index_records[before].seq, statements[before].b));
        match before {
            Some((seq, b)) if next.a != b || next.prev != Some(seq) => {
                return Err(wrong("does not go on from the one before".to_owned()));
            }
            None if next.a == 0 && next.prev.is_some() => {
                return Err(wrong("is the first one, and names one before it".to_owned()));
            }
            _ => statements.push(next),
        }
    }
    if statements.is_empty() {
        return Err(ReportFault::new(STEP, "index_records", "there are none, so nothing says what matches"));
    }
    Ok(statements)
}

/// The index events reach over the range.
pub(super) fn range<'a>(
    filter: &'a Filter,
    statements: &[Statement],
    shown: &Shown,
) -> Result<Fences<'a>, ReportFault> {
    let (first, last) = (&statements[0], &statements[statements.len() - 1]);
    let wrong = |at: usize, what: String| ReportFault::new(STEP, format!("index_records[{at}]"), what);
    match filter.axis {
        Axis::Event => {
            if first.a != 0 {
                return Err(wrong(0, "the first one must cover the log from its beginning".to_owned()));
            }
            Ok(Fences { filter, low: 0, high: u64::MAX })
        }
        Axis::Commit => {
            let is_before = |seq: u64| shown.find(seq).is_some_and(|seen| seen.committed_us < filter.from_us);
            if first.a.checked_sub(1).is_some_and(|before| !is_before(before)) {
                let what = format!("record {} is not shown with a commit time before the range", first.a - 1);
                return Err(wrong(0, what));
            }
            if shown.find(last.b).is_none_or(|seen| seen.committed_us < filter.to_us) {
                let what = format!("record {} is not shown with a commit time behind the range", last.b);
                return Err(wrong(statements.len() - 1, what));
            }
            let all = shown.all();
            let below = all.partition_point(|seen| seen.committed_us < filter.from_us);
            let behind = all.partition_point(|seen| seen.committed_us < filter.to_us);
            let low = below.checked_sub(1).map_or(0, |at| all[at].seq);
            let high = all.get(behind).map_or(u64::MAX, |seen| seen.seq);
            Ok(Fences { filter, low, high })
        }
    }
}

/// Every index event that can hold matches, with its part of `epochs` and the place of that. There is
/// one part for each index event; those of the others are empty.
pub(super) fn epochs<'a, 'b>(
    form: &'a Form<'b>,
    filter: &Filter,
    statements: &'a [Statement],
) -> Result<Vec<(usize, &'a Epoch<'b>, &'a Statement)>, ReportFault> {
    if form.epochs.len() != statements.len() {
        return Err(ReportFault::new(STEP, "epochs", "are not one for each index event"));
    }
    let mut found = Vec::with_capacity(form.epochs.len());
    for (at, (epoch, said)) in form.epochs.iter().zip(statements).enumerate() {
        let seq = form.index_records[at].seq;
        if epoch.seq != seq {
            let what = format!("is not that of the index event at sequence {seq}");
            return Err(ReportFault::new(STEP, format!("epochs[{at}].seq"), what));
        }
        let can_match = said.ev_min < filter.to_us && said.ev_max >= filter.from_us;
        if filter.axis == Axis::Commit || can_match {
            found.push((at, epoch, said));
        } else if !epoch.keys.0.is_empty() || !epoch.lookups.is_empty() {
            let what = "has keys or lookups, and its index event holds nothing in the range";
            return Err(ReportFault::new(STEP, format!("epochs[{at}]"), what));
        }
    }
    Ok(found)
}
