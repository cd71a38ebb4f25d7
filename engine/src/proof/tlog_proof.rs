//! A proof of one record in one text file (c2sp.org/tlog-proof).

use std::fmt::Write as _;

use data_encoding::BASE64;

use crate::merkle::Node;

/// The file: that the record of number `index` is in the tree of the signed checkpoint `note`, to whose
/// root `hashes` lead from its leaf. `extra` is carried along and proved by nothing but what a
/// verifier recomputes from it.
#[must_use]
pub fn tlog_proof(index: u64, hashes: &[Node], note: &str, extra: &[u8]) -> String {
    let mut text = "c2sp.org/tlog-proof@v1\n".to_owned();
    if !extra.is_empty() {
        let _ = writeln!(text, "extra {}", BASE64.encode(extra));
    }
    let _ = writeln!(text, "index {index}");
    for hash in hashes {
        let _ = writeln!(text, "{}", BASE64.encode(hash));
    }
    text + "\n" + note
}
