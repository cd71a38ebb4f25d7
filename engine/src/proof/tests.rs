use std::path::Path;

use super::delivered::Delivered;
use super::*;
use crate::ids::{Origin, unhex};
use crate::io::{Disk, SimDisk};

const ORIGIN: &str = "example.com/stele/test";
const VERIFIER: &str = "example.com/stele/test+4489043c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const SIGNATURE: &str =
    "RIkEPDyjL2JMj5havbnNhbhUym+26Hqu6qxNCglsHqsM+E7O6dqrK6kHxnD6yxSbC6TKXFladZ55hxag148LAQr13Qw=";

fn key() -> SigningKey {
    let seed: [u8; 32] = std::array::from_fn(|i| i as u8);
    SigningKey::new(&Origin::new(ORIGIN).unwrap(), &seed).unwrap()
}

fn third() -> Checkpoint {
    let root = unhex("b95c88ba19987c68caa664a20592a802fdffbef53d2d4366c7fb998927e5a0f1").unwrap();
    Checkpoint { origin: ORIGIN.to_owned(), size: 3, root }
}

fn signed(checkpoint: &Checkpoint, key: &SigningKey) -> String {
    Note { text: checkpoint.text(), signatures: vec![key.line(&key.sign(checkpoint))] }.to_string()
}

#[test]
fn the_published_key_and_signature_agree() {
    let key = key();
    assert_eq!(key.verifier().to_string(), VERIFIER);
    let note = signed(&third(), &key);
    let wanted = format!(
        "{ORIGIN}\n3\nuVyIuhmYfGjKpmSiBZKoAv3/vvU9LUNmx/uZiSfloPE=\n\n\u{2014} {ORIGIN} {SIGNATURE}\n"
    );
    assert_eq!(note, wanted);
    let verifier = VerifierKey::parse(VERIFIER).unwrap();
    assert_eq!(&verifier, key.verifier());
    assert_eq!(Checkpoint::open(note.as_bytes(), &verifier), Ok(third()));
}

/// Goal: nothing but what was signed is accepted. Method: every bit of a note flipped, every prefix.
#[test]
fn an_altered_note_is_refused_whatever_is_altered() {
    let key = key();
    let note = signed(&third(), &key).into_bytes();
    for bit in 0..note.len() * 8 {
        let mut altered = note.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(Checkpoint::open(&altered, key.verifier()).is_err(), "bit {bit}");
    }
    for end in 0..note.len() {
        assert!(Checkpoint::open(&note[..end], key.verifier()).is_err(), "{end} bytes");
    }
    let other = SigningKey::new(&Origin::new(ORIGIN).unwrap(), &[9; 32]).unwrap();
    assert!(Checkpoint::open(&note, other.verifier()).is_err());
    assert!(Checkpoint::open(signed(&third(), &other).as_bytes(), key.verifier()).is_err());
}

#[test]
fn foreign_signatures_stand_beside_ours_and_a_second_one_of_ours_is_refused() {
    let key = key();
    let ours = key.line(&key.sign(&third()));
    let witness =
        SignatureLine { name: "witness.example".to_owned(), key_id: [1; 4], signature: vec![7; 72] };
    let both = Note { text: third().text(), signatures: vec![witness, ours.clone()] };
    assert_eq!(Note::parse(both.to_string().as_bytes()).as_ref(), Ok(&both));
    assert_eq!(Checkpoint::open(both.to_string().as_bytes(), key.verifier()), Ok(third()));
    let twice = Note { text: third().text(), signatures: vec![ours.clone(), ours] };
    assert!(twice.verify(key.verifier()).is_err());
}

#[test]
fn only_the_one_spelling_of_a_checkpoint_is_read() {
    let text = third().text();
    assert_eq!(Checkpoint::parse(&text), Ok(third()));
    for bad in [
        text.replace("\n3\n", "\n03\n"),
        text.replace("\n3\n", "\n+3\n"),
        text.replace("\n3\n", "\n-3\n"),
        text.replace("\n3\n", "\n18446744073709551616\n"),
        text.replace("\n3\n", "\n\n"),
        text.replace('=', ""),
        text.replace("PE=", "PF="),
        format!("{text}more\n"),
        format!("{text}\n"),
        text.trim_end().to_owned(),
        String::new(),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn notes_that_are_none_are_refused() {
    let line = format!("\u{2014} {ORIGIN} {SIGNATURE}\n");
    for bad in [
        String::new(),
        "\n\n".to_owned(),
        line.clone(),
        format!("text\n{line}"),
        format!("text\n\n{}", line.trim_end()),
        format!("text\n\n{line}\n"),
        format!("te\rxt\n\n{line}"),
        format!("text\n\n- {ORIGIN} {SIGNATURE}\n"),
        format!("text\n\n\u{2014} a+b {SIGNATURE}\n"),
        format!("text\n\n\u{2014}  {SIGNATURE}\n"),
        "text\n\n\u{2014} a AAAAAA==\n".to_owned(),
        format!("text\n\n{}", line.repeat(101)),
    ] {
        assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(Note::parse(b"te\xFFxt\n\n\xE2\x80\x94 a AAAAAAA=\n").is_err());
    let long = format!("{}\n\n{line}", "x".repeat(70_000));
    assert!(Note::parse(long.as_bytes()).is_err());
    // An empty line in the text is the text's: the last one divides.
    let lines = Note::parse(format!("a\n\nb\n\n{line}").as_bytes()).unwrap();
    assert_eq!(lines.text, "a\n\nb\n");
}

#[test]
fn verifier_keys_are_read_strictly() {
    for bad in [
        "",
        "example.com/stele/test",
        "example.com/stele/test+4489043c",
        "example.com/stele/test+4489043d+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "example.com/stele/test+4489043C+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "example.com/stele/tesu+4489043c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "example.com/stele/test+4489043c+AgOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "example.com/stele/test+4489043c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVQ==",
        "+4489043c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
    ] {
        assert!(VerifierKey::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_key_file_gives_the_key_back_and_names_its_damage() {
    let disk = SimDisk::new();
    let (path, origin) = (Path::new("key"), Origin::new(ORIGIN).unwrap());
    let made = SigningKey::create(&disk, path, &origin).unwrap();
    let read = SigningKey::read(&disk, path, &origin).unwrap();
    assert_eq!(made.verifier(), read.verifier());
    assert!(!format!("{made:?}").contains("seed"));
    disk.open(path).unwrap().write_all_at(b"x", 20).unwrap();
    let error = SigningKey::read(&disk, path, &origin).unwrap_err().to_string();
    assert!(error.contains("key: damaged"), "{error}");
}

fn entry(size: u64) -> Entry {
    Entry { size, signed_us: size * 10, root: [size as u8; 32], key_id: [1; 4], signature: [2; 64] }
}

#[test]
fn a_ledger_keeps_its_entries_and_finds_them_by_size() {
    let disk = SimDisk::new();
    let path = Path::new("checkpoints");
    let mut ledger = Ledger::create(&disk, path).unwrap();
    for size in [0, 3, 3, 7] {
        ledger.append(&entry(size)).unwrap();
    }
    assert!(ledger.append(&entry(6)).is_err(), "sizes never fall");
    let (ledger, note) = Ledger::open(&disk, path, false).unwrap();
    assert_eq!((ledger.last(), note), (Some(&entry(7)), None));
    for size in 0..9 {
        let found = ledger.find(&|entry| entry.size < size).unwrap();
        assert_eq!(found, [0, 3, 7].into_iter().find(|&at| at >= size).map(entry));
    }
    assert_eq!((ledger.first(), ledger.signed()), (Some(&entry(0)), 4));
}

/// Goal: a cut write leaves the entries before it, and nothing else. Method: the file cut at every
/// byte of its last entry, and that entry damaged at every byte.
#[test]
fn a_torn_last_entry_is_cut_and_an_earlier_one_is_damage() {
    let path = Path::new("checkpoints");
    let filled = || {
        let disk = SimDisk::new();
        let mut ledger = Ledger::create(&disk, path).unwrap();
        [1, 2, 3].into_iter().for_each(|size| ledger.append(&entry(size)).unwrap());
        disk
    };
    for at in 272..400 {
        let (cut, flipped) = (filled(), filled());
        cut.open(path).unwrap().set_len(at).unwrap();
        let mut byte = [0];
        flipped.open(path).unwrap().read_exact_at(&mut byte, at).unwrap();
        flipped.open(path).unwrap().write_all_at(&[byte[0] ^ 4], at).unwrap();
        for (disk, whole) in [(cut, at == 272), (flipped, false)] {
            let (read_only, _) = Ledger::open(&disk, path, true).unwrap();
            assert_eq!(read_only.last(), Some(&entry(2)));
            let (mut ledger, note) = Ledger::open(&disk, path, false).unwrap();
            assert_eq!((ledger.last(), note.is_none()), (Some(&entry(2)), whole), "byte {at}");
            ledger.append(&entry(4)).unwrap();
            let (ledger, note) = Ledger::open(&disk, path, false).unwrap();
            assert_eq!((ledger.last(), note), (Some(&entry(4)), None));
        }
    }
    let disk = filled();
    disk.open(path).unwrap().write_all_at(&[9], 150).unwrap();
    disk.open(path).unwrap().write_all_at(&[9], 300).unwrap();
    assert!(Ledger::open(&disk, path, false).is_err(), "two entries cannot be torn");
    for at in 0..16 {
        let disk = filled();
        let mut byte = [0];
        disk.open(path).unwrap().read_exact_at(&mut byte, at).unwrap();
        disk.open(path).unwrap().write_all_at(&[byte[0] ^ 0x80], at).unwrap();
        let found = Ledger::open(&disk, path, false);
        assert!(
            found.is_err() || found.is_ok_and(|(ledger, _)| ledger.fault().is_some()),
            "header byte {at}"
        );
    }
}

/// Goal: an entry that was dropped, doubled, moved or swapped shows, and is told once. Method: each of
/// it at every place of a ledger of six; the links are right before.
#[test]
fn a_dropped_doubled_or_swapped_entry_breaks_a_link() {
    let path = Path::new("checkpoints");
    let disk = SimDisk::new();
    let mut ledger = Ledger::create(&disk, path).unwrap();
    [1, 2, 2, 3, 4, 5].into_iter().for_each(|size| ledger.append(&entry(size)).unwrap());
    let whole = disk.contents(path);
    let entries: Vec<&[u8]> = whole[16..].chunks(ENTRY_BYTES).collect();
    let faults = |entries: &[&[u8]]| {
        disk.put(path, [&whole[..16], &entries.concat()].concat());
        let (ledger, note) = Ledger::open(&disk, path, true).unwrap();
        assert_eq!(note, None);
        let mut faults = Vec::new();
        let all = ledger.all();
        all.each(0..u64::MAX, &mut |row| {
            faults.extend(row.fault.map(|_| row.number));
            true
        })
        .unwrap();
        faults
    };
    assert_eq!(faults(&entries), [0; 0]);
    for at in 0..5_usize {
        let mut dropped = entries.clone();
        dropped.remove(at);
        assert_eq!(faults(&dropped), [at as u64], "dropped {at}");
        let mut swapped = entries.clone();
        swapped.swap(at, at + 1);
        assert_eq!(faults(&swapped)[0], at as u64, "swapped {at}");
        let mut doubled = entries.clone();
        doubled.insert(at, entries[at]);
        assert_eq!(faults(&doubled), [at as u64 + 1], "doubled {at}");
        let mut unlinked = whole[16..].to_vec();
        unlinked[at * ENTRY_BYTES + 116..][..8].fill(0);
        let crc = crc32fast::hash(&unlinked[at * ENTRY_BYTES..][..124]).to_le_bytes();
        unlinked[at * ENTRY_BYTES + 124..][..4].copy_from_slice(&crc);
        let unlinked: Vec<&[u8]> = unlinked.chunks(ENTRY_BYTES).collect();
        let found = faults(&unlinked);
        assert!(found.contains(&(at as u64 + 1)) && (at == 0 || found.contains(&(at as u64))), "{found:?}");
    }
}

#[test]
fn a_ledger_from_before_there_were_links_is_read_and_goes_on_with_links() {
    let path = Path::new("checkpoints");
    let disk = SimDisk::new();
    drop(Ledger::create(&disk, path).unwrap());
    let start = disk.contents(path);
    let old: Vec<[u8; ENTRY_BYTES]> = (1..4).map(|size| entry(size).encode(&Link::default())).collect();
    disk.put(path, [&start[..], old.as_flattened()].concat());
    let (mut ledger, _) = Ledger::open(&disk, path, false).unwrap();
    [4, 5].into_iter().for_each(|size| ledger.append(&entry(size)).unwrap());
    let faults = || {
        let (ledger, _) = Ledger::open(&disk, path, true).unwrap();
        let mut faults = Vec::new();
        let all = ledger.all();
        all.each(0..u64::MAX, &mut |row| {
            faults.extend(row.fault.map(|_| row.number));
            true
        })
        .unwrap();
        faults
    };
    assert_eq!(faults(), [0; 0]);
    let whole = disk.contents(path);
    disk.put(path, [&whole[..16 + 2 * ENTRY_BYTES], &whole[16 + 3 * ENTRY_BYTES..]].concat());
    assert_eq!(faults(), [2], "the last one without a link was dropped");
}

#[test]
fn keys_are_read_back_and_every_flipped_bit_is_named() {
    let disk = SimDisk::new();
    let (path, origin) = (Path::new("keys"), Origin::new(ORIGIN).unwrap());
    let key = |seed: u8| SigningKey::new(&origin, &[seed; 32]).unwrap().verifier().clone();
    let keys = Keys::of_one(key(1)).with(key(2), 70).with(key(3), 70).with(key(4), 300);
    keys.write(&disk, path).unwrap();
    assert_eq!(Keys::read(&disk, path, &origin).unwrap(), keys);
    let at = |size: u64| keys.at(size).collect::<Vec<_>>();
    assert_eq!(
        (at(0), at(70), at(71), at(300), at(u64::MAX)),
        (vec![0], vec![0, 1, 2], vec![2], vec![2, 3], vec![3])
    );
    assert_eq!(keys.without(&key(4)), Keys::of_one(key(1)).with(key(2), 70).with(key(3), 70));
    assert_eq!(keys.without(&key(3)), keys);
    for bit in 0..disk.contents(path).len() as u64 * 8 {
        disk.flip(path, bit);
        let error = Keys::read(&disk, path, &origin).map(|_| bit).unwrap_err().to_string();
        assert!(error.starts_with("keys: damaged at byte"), "{error}");
        disk.flip(path, bit);
    }
    for bad in [
        Keys::default(),
        Keys::of_one(key(1)).with(key(1), 5),
        Keys::default().with(key(1), 5),
        Keys::of_one(key(1)).with(key(2), 5).with(key(3), 4),
    ] {
        bad.write(&disk, path).unwrap();
        assert!(Keys::read(&disk, path, &origin).is_err(), "{bad:?}");
    }
    let other = Origin::new("example.com/stele/other").unwrap();
    keys.write(&disk, path).unwrap();
    assert!(Keys::read(&disk, path, &other).unwrap_err().to_string().contains("another log"));
}

#[test]
fn what_was_delivered_is_remembered_once_and_what_is_unknown_counts_as_delivered() {
    let disk = SimDisk::new();
    let path = Path::new("delivered");
    let mut delivered = Delivered::create(&disk, path, 10).unwrap();
    for size in [20, 20, 30, 20] {
        delivered.remember(size);
    }
    assert_eq!(disk.contents(path).len(), 16 + 3 * 12, "a repeat costs nothing");
    let has = |delivered: &Delivered, size: u64| delivered.given().unwrap().unwrap().has(size);
    assert_eq!(
        [9, 10, 11, 20, 25, 30].map(|size| has(&delivered, size)),
        [true, true, false, true, false, true]
    );
    assert_eq!(delivered.since(1).unwrap(), [20, 30]);
    disk.set_capacity(Some(0));
    delivered.remember(40);
    assert!(has(&delivered, 40), "kept in memory while the disk is full");
    disk.set_capacity(None);
    delivered.remember(50);
    delivered.sync().unwrap();
    drop(delivered);
    disk.truncate(path, 16 + 5 * 12 - 1);
    let (delivered, note) = Delivered::open(&disk, path, 99).unwrap();
    assert_eq!([40, 50].map(|size| has(&delivered, size)), [true, false], "a torn end is cut");
    assert!(note.unwrap().contains("11 torn bytes"));
    disk.flip(path, (16 + 12) * 8);
    assert!(delivered.given().unwrap().is_none(), "damage in the middle is seen");
    let harms: [&dyn Fn(); 4] =
        [&|| (), &|| disk.delete(path), &|| disk.flip(path, 0), &|| disk.truncate(path, 20)];
    for harm in harms {
        harm();
        let (delivered, note) = Delivered::open(&disk, path, 99).unwrap();
        assert_eq!([99, 100].map(|size| has(&delivered, size)), [true, false]);
        assert!(note.unwrap().contains("counts as given"));
    }
}

#[test]
fn a_proof_file_has_the_lines_of_the_standard() {
    let text = tlog_proof(7, &[[1; 32], [2; 32]], "note\n", b"extra");
    let hash = |byte| data_encoding::BASE64.encode(&[byte; 32]);
    assert_eq!(
        text,
        format!("c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 7\n{}\n{}\n\nnote\n", hash(1), hash(2))
    );
    assert_eq!(tlog_proof(0, &[], "note\n", b""), "c2sp.org/tlog-proof@v1\nindex 0\n\nnote\n");
}
