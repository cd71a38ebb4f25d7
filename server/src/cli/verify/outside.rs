//! Checkpoints kept outside: read from files, checked with a verifier key, held against a log.

use std::path::PathBuf;

use data_encoding::BASE64;
use serde::Deserialize;
use stele_engine::merkle;
use stele_engine::proof::{Checkpoint, Note, VerifierKey};

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

/// The key of `--verifier`.
pub fn verifier(args: &VerifyArgs) -> Result<Option<VerifierKey>, Failure> {
    let key = args.verifier.as_deref().map(VerifierKey::parse).transpose();
    key.map_err(|why| Failure::Usage(format!("--verifier: {why}")))
}

/// Reads the files of `--checkpoint`. With `key`, each must be signed by it.
pub fn read(args: &VerifyArgs, key: Option<&VerifierKey>) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    for path in &args.checkpoint {
        let note = std::fs::read(path).map_err(Failure::file(path, "reading"))?;
        let wrong = |why: String| Failure::Usage(format!("--checkpoint {}: {why}", path.display()));
        let says = Note::parse(&note).and_then(|note| Checkpoint::parse(&note.text)).map_err(wrong)?;
        let one = Kept { path: path.clone(), note, says };
        if let Some(key) = key
            && let Err(why) = one.signed_by(key)
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
        "note: {origin}: checkpoints are checked with the log's own key; --verifier KEY takes one that was kept outside"
    );
}

impl Kept {
    /// Whether the key signed it.
    pub fn signed_by(&self, key: &VerifierKey) -> Result<(), String> {
        Checkpoint::open(&self.note, key).map(drop)
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
    fn against(&self, client: &Client, key: &VerifierKey) -> Result<Option<Fault>, Failure> {
        #[derive(Deserialize)]
        struct Proof {
            hashes: Vec<String>,
        }
        let now = Checkpoint::open(&client.get_bytes("/v1/checkpoint")?, key);
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
            proof.hashes.iter().map(|text| BASE64.decode(text.as_bytes()).ok()?.try_into().ok()).collect();
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
        key: Option<String>,
    }
    if args.checkpoint.is_empty() {
        return Ok(Vec::new());
    }
    let given = verifier(args)?;
    let kept = read(args, given.as_ref())?;
    let key = match given {
        Some(key) => key,
        None => {
            let chain: Chain = client.get("/v1/chain")?;
            tell_own_key(&chain.origin);
            let none = || Failure::Unreachable("the log has no usable key: give --verifier KEY".to_owned());
            VerifierKey::parse(&chain.key.ok_or_else(none)?).map_err(Failure::Unreachable)?
        }
    };
    let mut faults = Vec::new();
    for one in &kept {
        match one.signed_by(&key) {
            Err(why) => faults.push(one.fault(why)),
            Ok(()) => faults.extend(one.against(client, &key)?),
        }
    }
    Ok(faults)
}
