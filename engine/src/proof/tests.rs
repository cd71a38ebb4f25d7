use std::path::Path;

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
        let wanted = [0, 3, 7].contains(&size).then(|| entry(size));
        assert_eq!(ledger.of_size(size).unwrap(), wanted);
    }
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
        assert!(Ledger::open(&disk, path, false).is_err(), "header byte {at}");
    }
}
