//! Checkpoints kept outside: read from files, checked with a verifier key, held against a log.

use std::path::PathBuf;

use serde::Deserialize;
use stele_engine::merkle;
use stele_engine::proof::{Checkpoint, Note, VerifierKey, unbase64};

use super::{Fault, VerifyArgs};
use crate::cli::client::Client;
use crate::cli::failure::Failure;

/// One file.
pub struct Kept {
    /// Its name.
    pub path: PathBuf,
    note: Vec<u8>,
    /// What it says, whoever signed it.
    pub says: Checkpoint,
}

/// The keys of `--verifier`: one, or also those that followed it.
pub fn verifiers(args: &VerifyArgs) -> Result<Vec<VerifierKey>, Failure> {
    let keys = args.verifier.iter().map(|key| VerifierKey::parse(key));
    keys.collect::<Result<_, _>>().map_err(|why| Failure::Usage(format!("--verifier: {why}")))
}

/// What a note says, where one of the keys signed it.
fn open(note: &[u8], keys: &[VerifierKey]) -> Result<Checkpoint, String> {
    let mut why = "there is no key to check it with".to_owned();
    for key in keys {
        match Checkpoint::open(note, key) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// Reads the files of `--checkpoint`. Where there are keys, each must be signed by one of them.
pub fn read(args: &VerifyArgs, keys: &[VerifierKey]) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    for path in &args.checkpoint {
        let note = std::fs::read(path).map_err(Failure::file(path, "reading"))?;
        let wrong = |why: String| Failure::Usage(format!("--checkpoint {}: {why}", path.display()));
        let says = Note::parse(&note).and_then(|note| Checkpoint::parse(&note.text)).map_err(wrong)?;
        let one = Kept { path: path.clone(), note, says };
        if !keys.is_empty()
            && let Err(why) = one.signed_by(keys)
        {
            return Err(Failure::No(Some(format!("{}: {why}", path.display()))));
        }
        kept.push(one);
    }
    Ok(kept)
}

/// Says with which key checkpoints are checked where none was given.
pub fn tell_own_key(origin: &str) {
    eprintln!(
        "note: {origin}: checkpoints are checked with the log's own keys; --verifier KEY takes one that was kept outside"
    );
}

impl Kept {
    /// Whether one of the keys signed it.
    pub fn signed_by(&self, keys: &[VerifierKey]) -> Result<(), String> {
        open(&self.note, keys).map(drop)
    }

    /// A fault of this checkpoint.
    pub fn fault(&self, detail: String) -> Fault {
        Fault {
            kind: "outside".to_owned(),
            first_sequence: None,
            last_sequence: self.says.size.checked_sub(1),
            file: Some(self.path.display().to_string()),
            offset: None,
            detail,
        }
    }

    /// Holds a server's log against it: asks for a newer checkpoint and the proof that it goes on from
    /// this one, and checks both here.
    fn against(&self, client: &Client, keys: &[VerifierKey]) -> Result<Option<Fault>, Failure> {
        #[derive(Deserialize)]
        struct Proof {
            hashes: Vec<String>,
        }
        let now = open(&client.get_bytes("/v1/checkpoint")?, keys);
        let now = match now {
            Ok(now) => now,
            Err(why) => return Ok(Some(self.fault(format!("the server's own checkpoint: {why}")))),
        };
        let (old, new) = (&self.says, &now);
        if old.origin != new.origin {
            return Ok(Some(
                self.fault(format!("is of the log {}, the server's is {}", old.origin, new.origin)),
            ));
        }
        if old.size > new.size {
            let detail = format!("covers {} records, the server's log has {}", old.size, new.size);
            return Ok(Some(self.fault(detail)));
        }
        let proof: Proof =
            client.get(&format!("/v1/proofs/consistency?from={}&to={}", old.size, new.size))?;
        let hashes: Option<Vec<merkle::Node>> =
            proof.hashes.iter().map(|text| unbase64(text)?.try_into().ok()).collect();
        let fits =
            hashes.is_some_and(|path| merkle::consistent(old.size, new.size, &old.root, &new.root, &path));
        let detail = format!("the server's log of {} records does not go on from it", new.size);
        Ok((!fits).then(|| self.fault(detail)))
    }
}

/// Holds a server's log against all of them.
pub fn remote(args: &VerifyArgs, client: &Client) -> Result<Vec<Fault>, Failure> {
    #[derive(Deserialize)]
    struct Chain {
        origin: String,
        keys: Vec<Key>,
    }
    #[derive(Deserialize)]
    struct Key {
        key: String,
    }
    if args.checkpoint.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys = verifiers(args)?;
    let kept = read(args, &keys)?;
    if keys.is_empty() {
        let chain: Chain = client.get("/v1/chain")?;
        tell_own_key(&chain.origin);
        let own = chain.keys.iter().map(|signed| VerifierKey::parse(&signed.key));
        keys = own.collect::<Result<_, _>>().map_err(Failure::Unreachable)?;
    }
    let mut faults = Vec::new();
    for one in &kept {
        match one.signed_by(&keys) {
            Err(why) => faults.push(one.fault(why)),
            Ok(()) => faults.extend(one.against(client, &keys)?),
        }
    }
    Ok(faults)
}
