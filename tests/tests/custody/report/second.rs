//! The second verifier, a script that shares no code with the product, over a sample of the same cases.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use super::forge::Forge;
use super::mutate::each_mutant;
use super::world::Rng;
use super::{json_of, key, kinds, made};

/// One of so many mutants is given to the script, which takes milliseconds where the product takes microseconds.
const ONE_OF: usize = 120;

/// Writes documents side by side.
struct Files {
    dir: tempfile::TempDir,
    paths: Vec<PathBuf>,
    what: Vec<String>,
}

impl Files {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), paths: Vec::new(), what: Vec::new() }
    }

    fn add(&mut self, what: String, bytes: &[u8]) {
        let path = self.dir.path().join(format!("{:05}.json", self.paths.len()));
        std::fs::write(&path, bytes).unwrap();
        self.paths.push(path);
        self.what.push(what);
    }

    fn add_json(&mut self, what: String, json: &Json) {
        self.add(what, &serde_json::to_vec(json).unwrap());
    }

    /// Exit code, and what the script says of each file: `ok` or `refused: why`.
    fn judged(&self) -> (i32, Vec<String>) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/stele_verify.py");
        assert!(script.exists(), "{} is the second verifier, and is absent", script.display());
        let mut command = Command::new("python3");
        command.arg("-B").arg(&script).args(["report", "--key", &key().to_string()]).args(&self.paths);
        let done = command.output().unwrap();
        let said: Vec<String> = String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(said.len(), self.paths.len(), "{}", String::from_utf8_lossy(&done.stderr));
        (done.status.code().unwrap(), said)
    }
}

#[test]
fn the_second_verifier_accepts_what_the_log_makes() {
    let mut files = Files::new();
    for asked in kinds() {
        files.add(asked.text(), &json_of(&made(&asked)));
    }
    let (code, said) = files.judged();
    for (what, said) in files.what.iter().zip(&said) {
        assert!(said.starts_with("ok"), "{what}: {said}");
    }
    assert_eq!(code, 0);
}

#[test]
fn the_second_verifier_refuses_what_is_refused_here() {
    let (mut files, mut rng, mut seen) = (Files::new(), Rng::new(5), 0);
    for asked in kinds() {
        let json: Json = serde_json::from_slice(&json_of(&made(&asked))).unwrap();
        each_mutant(&json, 3, &mut rng, &mut |what, mutant| {
            if seen % ONE_OF == 0 {
                files.add_json(format!("{}: {what}", asked.text()), mutant);
            }
            seen += 1;
        });
        let forge = Forge::of(&made(&asked));
        if forge.entries() > 0 {
            let mut without = forge.clone();
            let taken = without.take("entries", 0);
            without.finish();
            files.add_json(format!("{}: an entry left out", asked.text()), &without.json);
            without.cut_from_lists(taken["seq"].as_u64().unwrap());
            without.finish();
            files.add_json(format!("{}: and cut from the lists", asked.text()), &without.json);
            let mut narrow = forge.clone();
            narrow.narrow();
            narrow.finish();
            files.add_json(format!("{}: another range", asked.text()), &narrow.json);
        }
        let mut more = forge.clone();
        more.show(7);
        more.finish();
        if !forge.sequences("entries").contains(&7) {
            files.add_json(format!("{}: a record too many", asked.text()), &more.json);
        }
    }
    assert!(files.paths.len() > 200, "{}", files.paths.len());
    let (code, said) = files.judged();
    for (what, said) in files.what.iter().zip(&said) {
        assert!(said.starts_with("refused: "), "{what}: {said}");
    }
    assert_eq!(code, 1);
}
