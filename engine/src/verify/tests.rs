use super::*;
use crate::chain::{Link, genesis, link};
use crate::event::{event_us, id_and_time};
use crate::ids::Secret;
use crate::io::{DiskFile, Window};
use crate::merkle::Node;
use crate::record::{FrameBuilder, record_hash};
use crate::segment::header::SegmentHeader;
use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

const ORIGIN: &str = "example.com/stele/test";

/// A file in memory: tens of thousands of damaged ones are checked. It refuses what verify
/// must not do.
struct Held(Vec<u8>);

impl DiskFile for Held {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.0.get(offset as usize..offset as usize + buf.len());
        buf.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        panic!("verify writes nothing")
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        panic!("verify writes nothing")
    }

    fn sync_data(&self) -> io::Result<()> {
        panic!("verify writes nothing")
    }

    fn window(&self, _: usize) -> io::Result<Arc<dyn Window>> {
        panic!("verify never maps")
    }
}

/// A segment file in the making, with the truth about it.
struct Sample {
    origin: Origin,
    salts: SaltKey,
    first: u64,
    previous: Hash,
    header: Vec<u8>,
    /// Frames as bytes; edits are made here.
    frames: Vec<Vec<u8>>,
    /// h of every record.
    hashes: Vec<u8>,
    last: Hash,
    /// Offset in the file of every record's body.
    offsets: Vec<u64>,
}

fn body(sequence: u64, filling: usize) -> Vec<u8> {
    format!(
        r#"{{"event_id":"e-{sequence}","timestamp":"2023-11-14T22:13:{:02}.000001Z","event_type":"auth.login","category":"auth","actor":{{"type":"user","id":"u-{sequence}"}},"resource":{{"type":"t","id":"{}"}},"action":"login","status":"success","metadata":{{}}}}"#,
        sequence % 60,
        "x".repeat(filling)
    )
    .into_bytes()
}

/// Commit time of the frame that begins with this sequence.
const fn committed(first: u64) -> u64 {
    1_700_000_000_000_000 + first
}

impl Sample {
    /// Frames of these many records, each body with this much filling, from sequence `first` on.
    fn new(first: u64, previous: Option<Hash>, frames: &[u32], filling: usize) -> Self {
        let origin = Origin::new(ORIGIN).unwrap();
        let previous = previous.unwrap_or_else(|| genesis(&origin));
        let header = SegmentHeader { first, previous, origin: ORIGIN.to_owned() }.encode().to_vec();
        let mut sample = Self {
            salts: SaltKey::new(&Secret::new([5; 32])),
            first,
            previous,
            header,
            frames: Vec::new(),
            hashes: Vec::new(),
            last: previous,
            offsets: Vec::new(),
            origin,
        };
        let mut next = first;
        for &count in frames {
            sample.add_frame(next, count, filling);
            next += u64::from(count);
        }
        sample
    }

    fn add_frame(&mut self, first: u64, count: u32, filling: usize) {
        let start = self.header.len() + self.frames.concat().len();
        let before = self.last;
        let mut builder = FrameBuilder::default();
        for sequence in first..first + u64::from(count) {
            let body = body(sequence, filling);
            let (id, time_ns) = id_and_time(&body).unwrap();
            let record_hash = record_hash(&self.salts.salted(id).salt, &body);
            let event_us = event_us(time_ns);
            let place = Link { sequence, committed_us: committed(first), event_us, record_hash };
            self.last = link(&self.last, &place);
            self.hashes.extend_from_slice(&self.last);
            self.offsets.push((start + builder.push(&body)) as u64);
        }
        self.frames.push(builder.finish(first, committed(first), &before).to_vec());
    }

    fn count(&self) -> u64 {
        self.hashes.len() as u64 / 32
    }

    fn bytes(&self) -> Vec<u8> {
        [self.header.clone(), self.frames.concat()].concat()
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!("segments/{:020}.log", self.first))
    }

    /// Checks these bytes against the truth, changed by `claim`.
    fn check_with(&self, bytes: &[u8], claim: impl FnOnce(&mut Claims<'_>)) -> Verdict {
        let path = self.path();
        let mut claims = Claims {
            path: &path,
            origin: &self.origin,
            salts: &self.salts,
            first: self.first,
            previous: self.previous,
            committed_before_us: committed(0),
            count: self.count(),
            data_bytes: bytes.len() as u64,
            hashes: Some(&self.hashes),
            last: Some(self.last),
            sealed: true,
            sizes: &[],
            digest: &|_, _| 0,
        };
        claim(&mut claims);
        segment(&Held(bytes.to_vec()), &claims, &|_| true).0
    }

    fn check(&self) -> Verdict {
        self.check_with(&self.bytes(), |_| {})
    }
}

/// Puts the right checksum over an edited frame, as a tamperer would.
fn fix_checksum(frame: &mut [u8]) {
    let payload = u32::from_le_bytes(frame[8..12].try_into().unwrap()) as usize;
    let crc = crc32fast::hash(&frame[8..48 + payload]);
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// Kind and sequences of every fault.
fn named(verdict: &Verdict) -> Vec<(&'static str, u64, u64)> {
    verdict.faults.iter().map(|f| (f.kind, f.first_sequence, f.last_sequence)).collect()
}

/// Replaces a byte of the text of a record of a frame, keeping it an event, and fixes the checksum.
fn edit_record(sample: &mut Sample, frame: usize, sequence: u64) {
    let from = format!("\"u-{sequence}\"").into_bytes();
    let bytes = &mut sample.frames[frame];
    let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
    bytes[at + 1] = b'v';
    fix_checksum(bytes);
}

#[test]
fn a_sound_segment_is_proved_to_its_end() {
    for (first, previous) in [(0, None), (5_000, Some([4; 32]))] {
        let sample = Sample::new(first, previous, &[1, 3, 600, 2], 40);
        let expected =
            Verdict { proved_to: first + 606, checked: 606, head: Some(sample.last), ..Verdict::default() };
        assert_eq!(sample.check(), expected);
        let bare = sample.check_with(&sample.bytes(), |claims| (claims.hashes, claims.last) = (None, None));
        assert_eq!(bare, expected);
    }
}

#[test]
fn frames_larger_than_the_buffer_and_an_empty_segment_are_read() {
    let sample = Sample::new(0, None, &[3, 40, 2], 100_000);
    assert_eq!((sample.check().faults.len(), sample.check().proved_to), (0, 45));
    let empty = Sample::new(7, Some([1; 32]), &[], 0);
    let verdict = empty.check();
    assert_eq!((verdict.proved_to, verdict.faults.len(), verdict.head), (7, 0, Some([1; 32])));
}

/// Goal: no flipped bit passes unseen, whatever it hits, and none is a panic.
/// Method: every bit of a small file, with and without the index's hashes.
#[test]
fn every_flipped_bit_is_noticed_and_nothing_behind_it_is_called_proved() {
    let sample = Sample::new(10, Some([4; 32]), &[1, 2, 1], 0);
    let whole = sample.bytes();
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let verdict = sample.check_with(&damaged, |_| {});
        assert!(!verdict.faults.is_empty(), "bit {bit}");
        let bare = sample.check_with(&damaged, |claims| (claims.hashes, claims.last) = (None, None));
        assert!(!bare.faults.is_empty(), "bit {bit}");
        if bit / 8 >= SegmentHeader::BYTES {
            let fault = &verdict.faults[0];
            let frame_end = fault.offset + 1_000;
            assert!(fault.offset <= bit as u64 / 8 && (bit as u64 / 8) < frame_end, "bit {bit}: {fault:?}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    let sample = Sample::new(0, None, &[1, 2, 1], 0);
    let whole = sample.bytes();
    for length in 0..whole.len() {
        let verdict = sample.check_with(&whole[..length], |claims| claims.data_bytes = whole.len() as u64);
        assert_eq!(verdict.faults[0].kind, "length", "{length} bytes");
        let claimed = sample.check_with(&whole[..length], |_| {});
        assert!(!claimed.faults.is_empty(), "{length} bytes");
    }
}

#[test]
fn an_edited_record_under_a_right_checksum_is_named_exactly() {
    let mut sample = Sample::new(0, None, &[5, 5, 5], 10);
    edit_record(&mut sample, 1, 7);
    let verdict = sample.check();
    assert_eq!(named(&verdict), [("record", 7, 7)]);
    assert_eq!(verdict.faults[0].offset, sample.offsets[7]);
    assert_eq!(verdict.faults[0].file, sample.path().display().to_string());
    assert_eq!((verdict.proved_to, verdict.checked, verdict.head), (7, 15, Some(sample.last)));
    let bare = sample.check_with(&sample.bytes(), |claims| claims.hashes = None);
    assert_eq!((named(&bare)[0], bare.proved_to, bare.head), (("link", 5, 14), 5, None));
}

#[test]
fn every_edited_record_is_named_not_only_the_first() {
    let mut sample = Sample::new(0, None, &[5, 5, 5], 10);
    for (frame, sequence) in [(0, 4), (1, 5), (1, 9), (2, 14)] {
        edit_record(&mut sample, frame, sequence);
    }
    let verdict = sample.check();
    assert_eq!(named(&verdict), [("record", 4, 5), ("record", 9, 9), ("record", 14, 14)]);
    assert_eq!(verdict.proved_to, 4);
}

/// Goal: who edits a record and mends the next frame's link and all checksums is not believed.
#[test]
fn an_edited_record_with_the_next_link_mended_is_still_the_record_at_fault() {
    let mut sample = Sample::new(0, None, &[2, 2], 10);
    edit_record(&mut sample, 0, 1);
    let place = {
        let body = &sample.frames[0][sample.offsets[1] as usize - 512..];
        let length = sample.offsets[1] as usize - 512 - 4;
        let length = u32::from_le_bytes(sample.frames[0][length..length + 4].try_into().unwrap());
        let body = &body[..length as usize];
        let (id, time_ns) = id_and_time(body).unwrap();
        let record_hash = record_hash(&sample.salts.salted(id).salt, body);
        Link { sequence: 1, committed_us: committed(0), event_us: event_us(time_ns), record_hash }
    };
    let before: Hash = sample.hashes[..32].try_into().unwrap();
    let mended = link(&before, &place);
    sample.frames[1][32..48].copy_from_slice(&mended[..16]);
    fix_checksum(&mut sample.frames[1]);
    let verdict = sample.check();
    assert_eq!(named(&verdict), [("record", 1, 1), ("link", 2, 3)]);
    assert_eq!(verdict.proved_to, 1);
}

#[test]
fn a_record_that_is_no_event_any_more_is_named() {
    let mut sample = Sample::new(0, None, &[3, 3], 10);
    let at = sample.offsets[1] as usize - 512;
    sample.frames[0][at] = b'!';
    fix_checksum(&mut sample.frames[0]);
    let verdict = sample.check();
    assert_eq!(named(&verdict), [("record", 1, 1)]);
    assert_eq!((verdict.proved_to, verdict.checked), (1, 5));
}

#[test]
fn a_broken_frame_is_named_and_the_rest_is_checked() {
    let mut sample = Sample::new(0, None, &[5, 5, 5, 5], 10);
    let offset = (512 + sample.frames[0].len()) as u64;
    sample.frames[1][100] ^= 1;
    edit_record(&mut sample, 3, 17);
    let verdict = sample.check();
    assert_eq!(named(&verdict), [("frame", 5, 9), ("record", 17, 17)]);
    assert_eq!((verdict.faults[0].offset, verdict.proved_to, verdict.checked), (offset, 5, 15));
    assert_eq!(verdict.head, Some(sample.last));
    let bare = sample.check_with(&sample.bytes(), |claims| claims.hashes = None);
    assert_eq!((named(&bare), bare.proved_to, bare.head), (vec![("frame", 5, 9)], 5, None));
}

#[test]
fn the_next_frame_is_found_far_behind_a_broken_one() {
    let mut sample = Sample::new(0, None, &[1, 30, 1], 100_000);
    sample.frames[1][..48].fill(0);
    let verdict = sample.check();
    assert_eq!((named(&verdict), verdict.checked), (vec![("frame", 1, 30)], 2));
}

#[test]
fn a_broken_last_frame_loses_its_records_only() {
    let mut sample = Sample::new(0, None, &[5, 5], 10);
    sample.frames[1][60] ^= 4;
    let verdict = sample.check();
    assert_eq!((named(&verdict), verdict.proved_to), (vec![("frame", 5, 9)], 5));
}

#[test]
fn removed_doubled_and_swapped_frames_are_named() {
    let sample = Sample::new(0, None, &[2, 2, 2], 0);
    let f = &sample.frames;
    let edited = |frames: &[&Vec<u8>]| {
        let mut bytes = sample.header.clone();
        frames.iter().for_each(|frame| bytes.extend_from_slice(frame));
        sample.check_with(&bytes, |_| {})
    };
    let removed = edited(&[&f[0], &f[2]]);
    assert_eq!((named(&removed), removed.proved_to), (vec![("missing", 2, 3)], 2));
    let last = edited(&[&f[0], &f[1]]);
    assert_eq!((named(&last), last.proved_to), (vec![("missing", 4, 5)], 4));
    let doubled = edited(&[&f[0], &f[1], &f[1], &f[2]]);
    assert_eq!((named(&doubled), doubled.proved_to), (vec![("order", 2, 3)], 6));
    let swapped = edited(&[&f[1], &f[0], &f[2]]);
    assert_eq!((named(&swapped), swapped.proved_to), (vec![("missing", 0, 1), ("order", 0, 1)], 0));
    let junk = vec![7; 64];
    let inserted = edited(&[&f[0], &junk, &f[1], &f[2]]);
    assert_eq!((named(&inserted), inserted.proved_to), (vec![("frame", 2, 2)], 6));
    let appended = edited(&[&f[0], &f[1], &f[2], &junk]);
    assert_eq!((named(&appended), appended.proved_to), (vec![("length", 5, 5)], 6));
}

#[test]
fn commit_times_never_fall() {
    let mut sample = Sample::new(0, None, &[2, 2, 2], 0);
    sample.frames[1][24..32].copy_from_slice(&(committed(0) - 1).to_le_bytes());
    fix_checksum(&mut sample.frames[1]);
    let verdict = sample.check();
    assert_eq!(named(&verdict), [("time", 2, 3), ("record", 2, 3)]);
    assert_eq!(verdict.proved_to, 2);
    let later = sample.check_with(&Sample::new(0, None, &[2], 0).bytes(), |claims| {
        (claims.committed_before_us, claims.count, claims.hashes, claims.last) = (u64::MAX, 2, None, None);
    });
    assert_eq!((named(&later), later.proved_to), (vec![("time", 0, 1)], 0));
}

#[test]
fn a_frame_that_states_a_wrong_link_or_count_is_named() {
    let mut sample = Sample::new(0, None, &[2, 2, 2], 0);
    sample.frames[1][40] ^= 1;
    fix_checksum(&mut sample.frames[1]);
    let verdict = sample.check();
    assert_eq!((named(&verdict), verdict.proved_to), (vec![("link", 2, 3)], 2));
    for count in [1u32, 3] {
        let mut sample = Sample::new(0, None, &[2, 2, 2], 0);
        sample.frames[1][12..16].copy_from_slice(&count.to_le_bytes());
        fix_checksum(&mut sample.frames[1]);
        let verdict = sample.check();
        assert_eq!(verdict.faults[0].kind, "frame", "{verdict:?}");
        assert!((2..=4).contains(&verdict.proved_to), "{verdict:?}");
    }
}

#[test]
fn a_segment_of_another_log_or_place_is_told_by_its_header() {
    let sample = Sample::new(0, None, &[2], 0);
    for (header, kind) in [
        (
            SegmentHeader { first: 0, previous: sample.previous, origin: "other.org/stele/x".into() },
            "foreign",
        ),
        (SegmentHeader { first: 9, previous: sample.previous, origin: ORIGIN.into() }, "header"),
        (SegmentHeader { first: 0, previous: [1; 32], origin: ORIGIN.into() }, "header"),
    ] {
        let bytes = [&header.encode()[..], &sample.frames[0]].concat();
        assert_eq!(named(&sample.check_with(&bytes, |_| {})), [(kind, 0, 1)]);
    }
}

#[test]
fn an_altered_hash_in_the_index_is_told_from_an_altered_record() {
    for (frames, at) in [(&[5, 5][..], 7), (&[1, 1, 1], 1), (&[1, 1, 1], 0), (&[4], 3), (&[2, 2], 1)] {
        let mut sample = Sample::new(0, None, frames, 0);
        sample.hashes[at * 32 + 20] ^= 1;
        let verdict = sample.check();
        assert_eq!(named(&verdict), [("index", at as u64, at as u64)], "{frames:?}");
        assert_eq!(verdict.proved_to, sample.count());
        assert_eq!(verdict.head, Some(sample.last));
    }
    let sample = Sample::new(0, None, &[2, 2], 0);
    let verdict = sample.check_with(&sample.bytes(), |claims| claims.hashes = claims.hashes.map(|h| &h[1..]));
    assert_eq!((named(&verdict), verdict.proved_to), (vec![("index", 0, 3)], 4));
}

#[test]
fn a_whole_rewritten_segment_does_not_end_in_the_claimed_hash() {
    let sample = Sample::new(0, None, &[2, 2], 0);
    for hashes in [true, false] {
        let verdict = sample.check_with(&sample.bytes(), |claims| {
            claims.last = Some([9; 32]);
            claims.hashes = claims.hashes.filter(|_| hashes);
        });
        assert_eq!((named(&verdict), verdict.proved_to), (vec![("link", 0, 3)], 0));
    }
}

#[test]
fn progress_is_told_often_and_can_stop_the_walk() {
    let sample = Sample::new(0, None, &[40_000, 40_000, 60_000], 0);
    let path = sample.path();
    let file = Held(sample.bytes());
    let claims = Claims {
        path: &path,
        origin: &sample.origin,
        salts: &sample.salts,
        first: 0,
        previous: sample.previous,
        committed_before_us: 0,
        count: sample.count(),
        data_bytes: file.len().unwrap(),
        hashes: Some(&sample.hashes),
        last: Some(sample.last),
        sealed: true,
        sizes: &[],
        digest: &|_, _| 0,
    };
    let (told, first) = (Cell::new(0), Cell::new(0));
    let (verdict, _) = segment(&file, &claims, &|records| {
        assert!(records - told.get() <= 16_384);
        first.set(if told.get() == 0 { records } else { first.get() });
        told.set(records);
        true
    });
    assert!(told.get() >= 140_000 - 16_384);
    assert_eq!((verdict.checked, verdict.faults.len()), (140_000, 0));
    let (stopped, _) = segment(&file, &claims, &|_| false);
    assert_eq!((stopped.checked, stopped.proved_to), (first.get(), first.get()));
    assert_eq!((stopped.head, stopped.faults.len()), (None, 0));
}

/// Goal: nothing that a file can hold makes the walk panic or run away.
/// Method: a file full of frame marks with plausible headers, and random junk.
#[test]
fn a_file_made_to_look_like_frames_everywhere_costs_bounded_time() {
    let sample = Sample::new(0, None, &[2, 2], 0);
    let mut bytes = sample.header.clone();
    for _ in 0..40_000 {
        let mut fake = sample.frames[1][..48].to_vec();
        fake[8..12].copy_from_slice(&1_000_000u32.to_le_bytes());
        bytes.extend_from_slice(&fake);
    }
    let started = std::time::Instant::now();
    let verdict = sample.check_with(&bytes, |_| {});
    assert_eq!((named(&verdict), verdict.proved_to), (vec![("frame", 0, 3)], 0));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn joined_segments_must_follow_each_other() {
    let one = Sample::new(0, None, &[2, 2], 0);
    let two = Sample::new(4, Some(one.last), &[3], 0);
    let part = |sample: &Sample, verdict: Verdict| Part {
        file: format!("{}.log", sample.first),
        first: sample.first,
        end: sample.first + sample.count(),
        previous: sample.previous,
        verdict,
    };
    let whole = join([part(&one, one.check()), part(&two, two.check())]);
    let expected = Verdict { proved_to: 7, checked: 7, head: Some(two.last), ..Verdict::default() };
    assert_eq!(whole, expected);
    let other = Sample::new(4, Some([6; 32]), &[3], 0);
    let unlinked = join([part(&one, one.check()), part(&other, other.check())]);
    assert_eq!((named(&unlinked), unlinked.proved_to), (vec![("link", 4, 4)], 4));
    let far = Sample::new(6, Some(one.last), &[3], 0);
    let gap = join([part(&one, one.check()), part(&far, far.check())]);
    assert_eq!((named(&gap), gap.proved_to), (vec![("missing", 4, 5)], 4));
    let near = Sample::new(3, Some(one.last), &[3], 0);
    let overlap = join([part(&one, one.check()), part(&near, near.check())]);
    assert_eq!((named(&overlap), overlap.proved_to), (vec![("order", 3, 3)], 4));
    let mut broken = Sample::new(0, None, &[2, 2], 0);
    edit_record(&mut broken, 1, 2);
    let verdict = join([part(&broken, broken.check()), part(&two, two.check())]);
    assert_eq!((named(&verdict), verdict.proved_to, verdict.checked), (vec![("record", 2, 2)], 2, 7));
    assert_eq!(join([]), Verdict::default());
}

/// The piece of the tree that these bytes give, roots asked for at some sizes.
fn piece(sample: &Sample, bytes: &[u8], with_index: bool) -> Piece {
    let path = sample.path();
    let claims = Claims {
        path: &path,
        origin: &sample.origin,
        salts: &sample.salts,
        first: sample.first,
        previous: sample.previous,
        committed_before_us: 0,
        count: sample.count(),
        data_bytes: bytes.len() as u64,
        hashes: with_index.then_some(&sample.hashes),
        last: Some(sample.last),
        sealed: true,
        sizes: &[50, 101, 300, 512, 600],
        digest: &|fingerprint, sequence| fingerprint ^ sequence,
    };
    segment(&Held(bytes.to_vec()), &claims, &|_| true).1
}

#[test]
fn records_give_leaves_blocks_and_the_parts_that_are_asked_for() {
    let mut sample = Sample::new(100, Some([4; 32]), &[1, 3, 600, 2], 3);
    let leaves: Vec<Node> = sample.hashes.as_chunks().0.iter().map(crate::merkle::leaf).collect();
    let at = |sequence: usize| sequence - 100;
    let whole = piece(&sample, &sample.bytes(), true);
    assert_eq!(whole.start, leaves[..at(256)]);
    assert_eq!(whole.blocks, [root(&leaves[at(256)..at(512)])]);
    assert_eq!(whole.rest, leaves[at(512)..]);
    let part = |from: usize, to: usize| (to as u64, root(&leaves[at(from)..at(to)]));
    assert_eq!(whole.partial, [part(256, 300), part(512, 600)]);
    assert_eq!(piece(&sample, &sample.bytes(), false), whole);

    // An altered index changes nothing, an altered record nothing but its own id's part.
    sample.hashes[300 * 32] ^= 1;
    assert_eq!(piece(&sample, &sample.bytes(), true), whole);
    sample.hashes[300 * 32] ^= 1;
    edit_record(&mut sample, 2, 300);
    assert_eq!(piece(&sample, &sample.bytes(), true), whole);

    // A frame that cannot be read: the index knows its hashes; without it, leaves end there.
    sample.frames[2][60] ^= 1;
    let gap = piece(&sample, &sample.bytes(), true);
    assert_eq!((&gap.start, &gap.blocks, &gap.rest), (&whole.start, &whole.blocks, &whole.rest));
    assert_ne!(gap.ids, whole.ids);
    let lost = piece(&sample, &sample.bytes(), false);
    assert_eq!((lost.start.len(), lost.blocks.len(), lost.rest.len()), (4, 0, 0));
}

#[test]
fn a_sealed_segment_ends_with_its_last_record() {
    let sample = Sample::new(0, None, &[2, 2], 0);
    let longer = [&sample.bytes()[..], &[0; 8]].concat();
    let end = sample.bytes().len() as u64;
    let sealed = sample.check_with(&longer, |claims| claims.data_bytes = end);
    assert_eq!((named(&sealed), sealed.proved_to), (vec![("length", 3, 3)], 4));
    let growing = sample.check_with(&longer, |claims| (claims.data_bytes, claims.sealed) = (end, false));
    assert_eq!(named(&growing), []);
}
