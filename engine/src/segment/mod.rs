//! The life of one segment file: it grows, it is full, it is sealed.
//!
//! Owns the files `<first sequence, 20 digits>.log` (header and frames) and `.idx` (what reading needs,
//! made at the seal). Decides nothing: when to roll and to seal is `ingest`'s and `log`'s business.
//!
//! Keeps true:
//! - bytes below a growing segment's published end are on stable storage and never change again;
//! - a `.log` name always belongs to a file whose header is on stable storage;
//! - readers see a record only once it is published, and publish follows the sync.
//!
//! On disk: docs/FORMAT.md, "Segment" and "Index file".

pub mod archived;
pub mod cache;
pub mod cold;
pub mod growing;
pub mod header;
mod kept;
pub mod rows;
mod rules;
pub mod seal;
pub mod sealed;
pub mod set;
pub mod walk;

use std::path::{Path, PathBuf};

pub use archived::Archived;
pub use cache::ColdCache;
pub use growing::{Growing, State};
pub use header::SegmentHeader;
pub use kept::Kept;
pub use rows::{FrameAt, Rows};
pub use rules::{Rules, Tally, ends_segment};
pub use seal::seal;
pub use sealed::Sealed;
pub use set::{Head, Segment, Segments, Snapshot};

/// The folder of a log's segments.
#[must_use]
pub fn folder(log_dir: &Path) -> PathBuf {
    log_dir.join("segments")
}

/// Path of the data file of the segment that begins at `first`.
#[must_use]
pub fn data_path(log_dir: &Path, first: u64) -> PathBuf {
    folder(log_dir).join(format!("{first:020}.log"))
}

/// Path of its cold file.
#[must_use]
pub fn cold_path(log_dir: &Path, first: u64) -> PathBuf {
    data_path(log_dir, first).with_extension("cold")
}

/// The first sequence that a data file's name gives; `None` for other files.
#[must_use]
pub fn first_of(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    let is_data = path.extension()? == "log" && stem.len() == 20 && stem.bytes().all(|b| b.is_ascii_digit());
    if is_data { stem.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_the_first_sequence_back_and_other_files_are_left_alone() {
        let path = data_path(Path::new("log"), 131_072);
        assert_eq!(path, Path::new("log/segments/00000000000000131072.log"));
        assert_eq!(first_of(&path), Some(131_072));
        for other in ["131072.log", "00000000000000131072.idx", "0000000000000013107x.log", "next.tmp"] {
            assert_eq!(first_of(Path::new(other)), None, "{other}");
        }
    }
}
