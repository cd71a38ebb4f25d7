//! Real events of other systems, read from beside the project where they are present.

use std::path::{Path, PathBuf};

/// Where the real events lie, beside a checkout.
#[must_use]
pub fn real_events_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/real-events.ndjson.zst")
}

/// The lines of the real events; `None`, said in one line, where the file is absent.
///
/// # Panics
/// When the file is there and cannot be read.
#[must_use]
pub fn real_events() -> Option<Vec<String>> {
    let path = real_events_path();
    let Ok(packed) = std::fs::read(&path) else {
        println!(
            "not run: the real events are absent (../shared/data/real-events.ndjson.zst beside the checkout)"
        );
        return None;
    };
    let bytes = zstd::decode_all(packed.as_slice()).expect("the real events decompress");
    let text = String::from_utf8(bytes).expect("the real events are UTF-8");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(lines.len() > 10_000, "{} holds {} events only", path.display(), lines.len());
    Some(lines)
}
