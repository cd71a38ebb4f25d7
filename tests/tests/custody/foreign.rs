//! What a log of 100,000 events proves is accepted by verifiers that others wrote, and altered copies are refused:
//! the crates `signed_note` and `tlog_tiles` here, and the programs that `make verifiers` names in `STELE_VERIFIERS`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::process::Command;

use serde_json::Value;
use signed_note::{Note, StandardVerifier, VerifierList};
use stele_tests::server::binary;
use stele_tests::{ADMIN_KEY, Server, data};
use tlog_tiles::{
    Checkpoint, Hash, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree,
    record_hash, tree_hash,
};

const EVENTS: usize = 100_000;
const CHUNK: usize = 1000;
const INCLUSIONS: u64 = 60;
const CONSISTENCIES: u64 = 25;

/// Real events where they are present, and generated ones up to the number.
fn events() -> Vec<String> {
    let mut lines = data::real_events().unwrap_or_default();
    let missing = (EVENTS - lines.len()).to_string();
    let generator = binary().with_file_name("stele-generate");
    let made = Command::new(&generator).args(["--events", &missing, "--seed", "7"]).output();
    let made = made.unwrap_or_else(|e| panic!("{}: {e}", generator.display()));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    lines.extend(String::from_utf8(made.stdout).unwrap().lines().map(str::to_owned));
    assert_eq!(lines.len(), EVENTS);
    lines
}

/// A log as its clients see it.
struct Outside<'a> {
    server: &'a Server,
    tlog: String,
    known: VerifierList,
    tiles: RefCell<HashMap<String, Vec<u8>>>,
    places: RefCell<HashMap<String, Tile>>,
    /// The tile of which a bit comes out wrong.
    spoiled: RefCell<Option<String>>,
}

impl<'a> Outside<'a> {
    fn new(server: &'a Server) -> Self {
        let key = server.get("/v1/chain").expect(200)["key"].as_str().unwrap().to_owned();
        let (_, log_id) = key.split_once('+').unwrap().0.rsplit_once('/').unwrap();
        let known = VerifierList::new(vec![Box::new(StandardVerifier::new(&key).unwrap())]);
        let tlog = format!("/tlog/{log_id}");
        Self {
            server,
            tlog,
            known,
            tiles: RefCell::default(),
            places: RefCell::default(),
            spoiled: RefCell::default(),
        }
    }

    fn fetch(&self, path: &str) -> Vec<u8> {
        let answer = self.server.bare("GET", &format!("{}/{path}", self.tlog)).send();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.body
    }

    /// The checkpoint of a note, if the crates take it.
    fn opened(&self, note: &[u8]) -> Option<Checkpoint> {
        let note = Note::from_bytes(note).ok()?;
        note.verify(&self.known).ok()?;
        Checkpoint::from_bytes(note.text()).ok()
    }

    /// h of a record, out of its entry bundle.
    fn entry(&self, size: u64, sequence: u64) -> [u8; 32] {
        let bundle = sequence / 256;
        let width = (size - bundle * 256).min(256);
        let part = if width == 256 { String::new() } else { format!(".p/{width}") };
        let path = format!("tile/entries/{}{part}", name(bundle));
        let mut tiles = self.tiles.borrow_mut();
        let bytes = tiles.entry(path.clone()).or_insert_with(|| self.fetch(&path));
        assert_eq!(bytes.len() as u64, width * 34, "{path}");
        let at = usize::try_from(sequence % 256).unwrap() * 34;
        assert_eq!(bytes[at..at + 2], [0, 32], "{path}: an entry of 32 bytes");
        bytes[at + 2..at + 34].try_into().unwrap()
    }
}

fn name(tile: u64) -> String {
    if tile < 1000 { format!("{tile:03}") } else { format!("x{:03}/{:03}", tile / 1000, tile % 1000) }
}

impl TileReader for Outside<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &Tile| {
            // c2sp.org/tlog-tiles leaves the height out of the path.
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            self.places.borrow_mut().insert(path.clone(), *tile);
            let mut bytes =
                self.tiles.borrow_mut().entry(path.clone()).or_insert_with(|| self.fetch(&path)).clone();
            if self.spoiled.borrow().as_ref() == Some(&path) {
                let at = 33.min(bytes.len() - 1);
                bytes[at] ^= 4;
            }
            bytes
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn hashes(list: &Value) -> Vec<Hash> {
    list.as_array().unwrap().iter().map(|hash| Hash::parse_hash(hash.as_str().unwrap()).unwrap()).collect()
}

fn bent(hash: Hash) -> Hash {
    let mut hash = hash;
    hash.0[17] ^= 1;
    hash
}

/// Copies of a proof with one change each: a bit of each hash, a hash less, a hash more.
fn altered(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut copies: Vec<Vec<Hash>> = (0..proof.len())
        .map(|i| proof.iter().enumerate().map(|(j, hash)| if i == j { bent(*hash) } else { *hash }).collect())
        .collect();
    copies.push([proof, &[Hash([0; 32])]].concat());
    if let Some((_, shorter)) = proof.split_last() {
        copies.push(shorter.to_vec());
    }
    copies
}

/// A copy for each byte of the note, with a bit of it changed (one that counts in the last digit of base64 too).
fn altered_notes_are_refused(outside: &Outside<'_>, note: &[u8]) -> usize {
    for at in 0..note.len() {
        let mut copy = note.to_vec();
        copy[at] ^= 4;
        assert!(outside.opened(&copy).is_none(), "byte {at}: {}", String::from_utf8_lossy(&copy));
    }
    note.len()
}

fn inclusions(outside: &Outside<'_>, size: u64) -> usize {
    let mut refused = 0;
    for i in 0..INCLUSIONS {
        let sequence = i * (size - 1) / (INCLUSIONS - 1);
        let answer = outside.server.get(&format!("/v1/proofs/inclusion?sequence={sequence}")).expect(200);
        let signed =
            outside.opened(answer["checkpoint"].as_str().unwrap().as_bytes()).expect("its checkpoint");
        let (t, root) = (signed.size(), *signed.hash());
        assert_eq!(answer["tree_size"], t);
        let proof = hashes(&answer["hashes"]);
        let leaf = record_hash(&outside.entry(t, sequence));
        assert_eq!(Hash::parse_hash(answer["leaf_hash"].as_str().unwrap()).unwrap(), leaf);
        check_record(&proof, t, root, sequence, leaf).unwrap_or_else(|e| panic!("{sequence} of {t}: {e}"));
        let from_tiles =
            prove_record(t, sequence, &TileHashReader::new(t, root, outside)).expect("tiles that fit");
        assert_eq!(from_tiles, proof, "the proof that the tiles give for {sequence}");
        for copy in altered(&proof) {
            assert!(check_record(&copy, t, root, sequence, leaf).is_err(), "an altered proof of {sequence}");
            refused += 1;
        }
        assert!(check_record(&proof, t, bent(root), sequence, leaf).is_err());
        assert!(check_record(&proof, t, root, sequence, bent(leaf)).is_err());
        assert!(check_record(&proof, t, root, sequence ^ 1, leaf).is_err());
        refused += 3;
    }
    refused
}

fn consistencies(outside: &Outside<'_>, size: u64, root: Hash) -> usize {
    let mut refused = 0;
    for i in 1..=CONSISTENCIES {
        // Sizes all over the log, among them powers of two and neighbours of the end.
        let old = if i % 3 == 0 { 1 << (i / 2 + 3) } else { (size - 1) * i / CONSISTENCIES };
        let reader = TileHashReader::new(size, root, outside);
        let old_root = tree_hash(old, &reader).expect("tiles that fit");
        let answer = outside.server.get(&format!("/v1/proofs/consistency?from={old}&to={size}")).expect(200);
        let proof = hashes(&answer["hashes"]);
        check_tree(&proof, size, root, old, old_root).unwrap_or_else(|e| panic!("{old} to {size}: {e}"));
        assert_eq!(prove_tree(size, old, &reader).expect("tiles that fit"), proof, "{old} to {size}");
        for copy in altered(&proof) {
            assert!(check_tree(&copy, size, root, old, old_root).is_err(), "an altered proof of {old}");
            refused += 1;
        }
        assert!(check_tree(&proof, size, bent(root), old, old_root).is_err());
        assert!(check_tree(&proof, size, root, old, bent(old_root)).is_err());
        assert!(check_tree(&proof, size, root, old - 1, old_root).is_err());
        refused += 3;
    }
    refused
}

/// Checks the proof that the tiles give for a record. The root is what it is held against: `TileHashReader` of this
/// version checks a tile against its parent only from a certain one on, which leaves out some.
fn path_holds(outside: &Outside<'_>, size: u64, root: Hash, sequence: u64) -> Result<(), tlog_tiles::Error> {
    let proof = prove_record(size, sequence, &TileHashReader::new(size, root, outside))?;
    check_record(&proof, size, root, sequence, record_hash(&outside.entry(size, sequence)))
}

/// Checks a path through each tile, then the same with the tile changed in a bit.
fn tiles(outside: &Outside<'_>, size: u64, root: Hash) -> usize {
    for tile in 0..size.div_ceil(256) {
        path_holds(outside, size, root, tile * 256)
            .unwrap_or_else(|e| panic!("the path of {}: {e}", tile * 256));
    }
    let places: Vec<(String, Tile)> =
        outside.places.borrow().iter().map(|(path, tile)| (path.clone(), *tile)).collect();
    for (path, tile) in &places {
        // The second hash is beside the way from the first record below; a tile of one hash is beside that of the next.
        let sequence = match tile.width() {
            1 => ((tile.level_index() << 8) + 1) << (8 * tile.level()),
            _ => tile.level_index() << (8 * (tile.level() + 1)),
        };
        *outside.spoiled.borrow_mut() = Some(path.clone());
        assert!(path_holds(outside, size, root, sequence).is_err(), "{path} with a bit changed");
    }
    *outside.spoiled.borrow_mut() = None;
    places.len()
}

/// Goal: the log's word is worth something to tools that know nothing of it. Method: 100,000 events, and the
/// checkpoint, all tiles, inclusion and consistency proofs given to code of others, then copies with one change each.
#[test]
fn verifiers_of_others_accept_what_the_log_proves_and_refuse_altered_copies() {
    let server = Server::start();
    for chunk in events().chunks(CHUNK) {
        let answer = server.ingest(chunk).expect(200);
        assert_eq!(answer["accepted"], chunk.len(), "{answer}");
    }
    // Asking for a checkpoint signs one over all of it.
    assert_eq!(server.get("/v1/checkpoint").status, 200);
    let outside = Outside::new(&server);
    let note = outside.fetch("checkpoint");
    let signed = outside.opened(&note).expect("the crates take the checkpoint");
    let (size, root) = (signed.size(), *signed.hash());
    assert!(size >= EVENTS as u64, "{size}");
    let notes = altered_notes_are_refused(&outside, &note);
    let tiles = tiles(&outside, size, root);
    let of_inclusion = inclusions(&outside, size);
    let of_consistency = consistencies(&outside, size, root);
    println!(
        "signed_note, tlog_tiles: {size} events, {tiles} tiles, {INCLUSIONS} inclusion and {CONSISTENCIES} consistency \
         proofs accepted; refused: {notes} notes, {tiles} tiles, {of_inclusion} + {of_consistency} proofs altered"
    );
    others(&server);
}

/// The programs of `make verifiers`, one a line: each gets the server's address and a key.
fn others(server: &Server) {
    let Ok(programs) = std::env::var("STELE_VERIFIERS") else {
        println!("verifiers in Go and Python: `make verifiers` runs them");
        return;
    };
    for program in programs.lines() {
        let words: Vec<&str> = program.split(' ').collect();
        let url = format!("http://{}", server.address);
        let done = Command::new(words[0]).args(&words[1..]).args([&url, ADMIN_KEY]).output();
        let done = done.unwrap_or_else(|e| panic!("{program}: {e}"));
        print!("{}", String::from_utf8_lossy(&done.stdout));
        assert!(
            done.status.success(),
            "{program}: {}: {}",
            done.status,
            String::from_utf8_lossy(&done.stderr)
        );
    }
}
