//! Damage in an index file is noticed, or does not matter.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use super::campaign::{decode, groups, question};
use super::questions::Asker;
use crate::index::fixture::Rng;
use crate::io::RealDisk;
use crate::log::{Log, Options};
use crate::segment::folder;

const FLIPS: usize = 250;

/// Goal: no flipped bit in an index gives a wrong answer.
/// Method: flip one bit anywhere, open the log, ask; each answer is right, or an error.
#[test]
fn a_flipped_bit_of_an_index_is_an_error_or_harmless_never_a_wrong_answer() {
    let dir = tempfile::tempdir().unwrap();
    let groups = groups(3, 200);
    let events = decode(&groups);
    let options = Options { segment_records_max: 100, ..Options::default() };
    let log =
        Log::create(Arc::new(RealDisk), dir.path(), "example.com/stele/flips", [9; 32], options).unwrap();
    for (events, now_us) in &groups {
        log.append(vec![log.prepare(events.clone(), false)], *now_us).remove(0).unwrap();
    }
    while log.work().unwrap() {}
    log.close().unwrap();
    drop(log);
    let index = fs::read_dir(folder(dir.path())).unwrap().map(|entry| entry.unwrap().path());
    let index = index.filter(|path| path.extension().is_some_and(|e| e == "idx")).min().unwrap();
    let whole = fs::read(&index).unwrap();
    let mut asker = Asker::new(7, &events);
    let questions: Vec<_> = (0..8).map(|_| question(&mut asker, &events, &mut Vec::new())).collect();
    let (mut rng, mut errors, mut right) = (Rng(11), 0, 0);
    for _ in 0..FLIPS {
        let (byte, bit) = (rng.below(whole.len() as u64) as usize, rng.below(8));
        let mut flipped = whole.clone();
        flipped[byte] ^= 1 << bit;
        replace(&index, &flipped);
        let Ok((log, _)) = Log::open_read_only(Arc::new(RealDisk), dir.path()) else {
            errors += 1;
            continue;
        };
        for question in &questions {
            match question.check(&log, &events) {
                Ok(()) => right += 1,
                Err(fault) => {
                    let told = fault.starts_with("search: ") || fault.starts_with("read_from: ");
                    assert!(told, "bit {bit} of byte {byte}: {}: {fault}", question.text);
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 0 && right > 0, "{errors} errors, {right} right");
}

/// Sealed files are read-only.
fn replace(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
}
