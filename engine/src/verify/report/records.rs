//! Step 2: what is shown of each record gives its hash, and the hashes lead to the signed root.

use data_encoding::HEXLOWER;

use super::ReportFault;
use super::form::{Form, Header, WithBody};
use crate::chain::{Hash, Link, genesis, link};
use crate::event::{event_us, id_and_time};
use crate::ids::{Origin, unhex};
use crate::merkle::{self, Node};
use crate::proof::{Checkpoint, unbase64};
use crate::record::record_hashes;

const STEP: u8 = 2;
/// Records that are hashed in one go: enough to fill all lanes for every length.
const HASHED_AT_ONCE: usize = 4_096;

/// In which list a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    Entries,
    IndexRecords,
    Headers,
}

/// A record as shown, its hash recomputed.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub seq: u64,
    list: List,
    /// Its place in the list.
    at: usize,
    pub committed_us: u64,
    pub event_us: u64,
    prev: Hash,
    pub hash: Hash,
}

impl Seen {
    /// Its place in the report.
    fn place(&self) -> String {
        place(self.list, self.at)
    }
}

fn place(list: List, at: usize) -> String {
    let name = match list {
        List::Entries => "entries",
        List::IndexRecords => "index_records",
        List::Headers => "headers",
    };
    format!("{name}[{at}]")
}

/// Every record shown, by sequence; where one stands in two lists, the entry comes first.
pub(super) struct Shown(Vec<Seen>);

impl Shown {
    /// By sequence, the same one at most twice.
    pub fn all(&self) -> &[Seen] {
        &self.0
    }

    /// The record at a sequence.
    pub fn find(&self, seq: u64) -> Option<&Seen> {
        self.0.get(self.0.partition_point(|seen| seen.seq < seq)).filter(|seen| seen.seq == seq)
    }

    /// The entries, in their order.
    pub fn entries(&self) -> impl Iterator<Item = &Seen> {
        self.0.iter().filter(|seen| seen.list == List::Entries)
    }

    /// The place of a record among the entries.
    pub fn entry(seen: &Seen) -> Option<usize> {
        (seen.list == List::Entries).then_some(seen.at)
    }
}

/// Recomputes the hash of every record shown, and holds neighbours against each other.
pub(super) fn shown(form: &Form<'_>, origin: &str, size: u64) -> Result<Shown, ReportFault> {
    let mut all = Vec::with_capacity(form.entries.len() + form.headers.len() + form.index_records.len());
    with_bodies(&form.entries, List::Entries, size, &mut all)?;
    with_bodies(&form.index_records, List::IndexRecords, size, &mut all)?;
    headers(&form.headers, size, &mut all)?;
    all.sort_by_key(|seen| (seen.seq, seen.list));
    begins(&all, origin)?;
    for pair in all.windows(2) {
        neighbours(&pair[0], &pair[1])?;
    }
    Ok(Shown(all))
}

fn with_bodies(
    records: &[WithBody<'_>],
    list: List,
    size: u64,
    all: &mut Vec<Seen>,
) -> Result<(), ReportFault> {
    ascend(records.iter().map(|record| record.seq), list, size)?;
    for (chunk, records) in records.chunks(HASHED_AT_ONCE).enumerate() {
        let first = chunk * HASHED_AT_ONCE;
        let salts = records.iter().enumerate().map(|(i, record)| salt(record, list, first + i));
        let salts = salts.collect::<Result<Vec<_>, _>>()?;
        let contents: Vec<(&[u8; 16], &[u8])> =
            salts.iter().zip(records).map(|(salt, record)| (salt, record.body.as_bytes())).collect();
        for (i, (record, hash)) in records.iter().zip(record_hashes(&contents)).enumerate() {
            let at = first + i;
            let (_, time_ns) = id_and_time(record.body.as_bytes())
                .map_err(|why| fault(list, at, ".body", format!("is not a stored event: {why}")))?;
            let prev = hash_of(&record.prev, list, at, ".prev")?;
            all.push(seen((list, at), record.seq, record.ts, event_us(time_ns), prev, hash));
        }
    }
    Ok(())
}

fn headers(records: &[Header<'_>], size: u64, all: &mut Vec<Seen>) -> Result<(), ReportFault> {
    let list = List::Headers;
    ascend(records.iter().map(|record| record.seq), list, size)?;
    for (at, record) in records.iter().enumerate() {
        let prev = hash_of(&record.prev, list, at, ".prev")?;
        let hash = hash_of(&record.r, list, at, ".r")?;
        all.push(seen((list, at), record.seq, record.ts, record.ev, prev, hash));
    }
    Ok(())
}

fn seen(
    (list, at): (List, usize),
    sequence: u64,
    committed_us: u64,
    event_us: u64,
    prev: Hash,
    record_hash: Hash,
) -> Seen {
    let hash = link(&prev, &Link { sequence, committed_us, event_us, record_hash });
    Seen { seq: sequence, list, at, committed_us, event_us, prev, hash }
}

/// Sequences of a list ascend and are below the checkpoint's size.
fn ascend(sequences: impl Iterator<Item = u64>, list: List, size: u64) -> Result<(), ReportFault> {
    let mut before = None;
    for (at, seq) in sequences.enumerate() {
        if before.is_some_and(|before| before >= seq) {
            return Err(fault(list, at, ".seq", "is not above the one before".to_owned()));
        }
        if seq >= size {
            let what = format!("is {seq}, the checkpoint covers {size} records");
            return Err(fault(list, at, ".seq", what));
        }
        before = Some(seq);
    }
    Ok(())
}

/// Record 0 goes on from the log's name.
fn begins(all: &[Seen], origin: &str) -> Result<(), ReportFault> {
    let origin = Origin::new(origin).map_err(|why| ReportFault::new(STEP, "checkpoint", why))?;
    let start = genesis(&origin);
    match all.iter().find(|seen| seen.seq == 0 && seen.prev != start) {
        Some(seen) => Err(wrong(seen, ".prev", "is not where the chain of this log begins")),
        None => Ok(()),
    }
}

/// Two records that follow each other among those shown.
fn neighbours(one: &Seen, next: &Seen) -> Result<(), ReportFault> {
    if one.seq == next.seq {
        let header = one.list == List::Headers || next.list == List::Headers;
        return if header {
            Err(wrong(next, ".seq", "is shown with its content too"))
        } else if one.hash == next.hash {
            Ok(())
        } else {
            Err(wrong(next, "", "is not the record that stands at the same sequence among the entries"))
        };
    }
    if one.seq + 1 == next.seq && one.hash != next.prev {
        return Err(wrong(next, ".prev", "is not the hash of the record before it"));
    }
    if one.committed_us > next.committed_us {
        return Err(wrong(next, ".ts", "lies before that of a record before it"));
    }
    Ok(())
}

/// The leaves of all records shown, and of those before them, lead to the signed root.
pub(super) fn lead_to_root(
    shown: &Shown,
    proof: &[std::borrow::Cow<'_, str>],
    checkpoint: &Checkpoint,
) -> Result<(), ReportFault> {
    let proof = nodes(proof).map_err(|at| not_a_hash(STEP, format!("proof[{at}]")))?;
    let mut leaves: Vec<(u64, Node)> = Vec::with_capacity(shown.0.len() * 2);
    for seen in &shown.0 {
        // Neighbours agree already: a leaf that is known is the same one.
        let before = seen.seq.checked_sub(1).map(|seq| (seq, seen.prev));
        for (seq, hash) in before.into_iter().chain([(seen.seq, seen.hash)]) {
            if leaves.last().is_none_or(|last| last.0 < seq) {
                leaves.push((seq, merkle::leaf(&hash)));
            }
        }
    }
    if merkle::root_of_many(&leaves, checkpoint.size, &proof) == Some(checkpoint.root) {
        return Ok(());
    }
    let what =
        "the records shown do not lead to the root of the checkpoint: one was altered, or is not of this log";
    Err(ReportFault::new(STEP, "proof", what))
}

/// Hashes in base64; the place of the first that is none.
pub(super) fn nodes(texts: &[std::borrow::Cow<'_, str>]) -> Result<Vec<Node>, usize> {
    let node = |text: &str| unbase64(text)?.try_into().ok();
    texts.iter().enumerate().map(|(at, text)| node(text).ok_or(at)).collect()
}

pub(super) fn not_a_hash(step: u8, place: String) -> ReportFault {
    ReportFault::new(step, place, "is not 32 bytes in base64")
}

fn salt(record: &WithBody<'_>, list: List, at: usize) -> Result<[u8; 16], ReportFault> {
    let salt = HEXLOWER.decode(record.salt.as_bytes()).ok().and_then(|salt| salt.try_into().ok());
    salt.ok_or_else(|| fault(list, at, ".salt", "is not 16 bytes of hex".to_owned()))
}

fn hash_of(text: &str, list: List, at: usize, member: &str) -> Result<Hash, ReportFault> {
    unhex(text).ok_or_else(|| fault(list, at, member, "is not 32 bytes of hex".to_owned()))
}

fn fault(list: List, at: usize, member: &str, what: String) -> ReportFault {
    ReportFault::new(STEP, place(list, at) + member, what)
}

fn wrong(seen: &Seen, member: &str, what: &str) -> ReportFault {
    ReportFault::new(STEP, seen.place() + member, what)
}
