//! From growing to sealed: the index file is written, the zero tail cut, the data file protected.

use super::growing::Growing;
use super::sealed::{INDEX_KIND, IndexFacts, Sealed};
use crate::codec::sections::SectionsWriter;
use crate::error::StoreError;
use crate::io::Disk;
use crate::record::SaltKey;

/// Seals a full segment and opens it. Runs off the writer's thread; readers go on with the growing
/// form meanwhile. May be repeated after a failure or a crash at any step.
///
/// # Errors
/// `Full`: try again later. `Io`: the state of the data file's pages is unknown.
pub fn seal(disk: &dyn Disk, growing: &Growing, salts: &SaltKey) -> Result<Sealed, StoreError> {
    let path = growing.path();
    let data_bytes = growing.written();
    write_index(disk, growing, data_bytes)?;
    growing.cut()?;
    disk.make_read_only(path).map_err(StoreError::io(path, "protecting"))?;
    Sealed::open(disk, path, salts)
}

fn write_index(disk: &dyn Disk, growing: &Growing, data_bytes: u64) -> Result<(), StoreError> {
    let state = growing.state();
    let header = growing.header();
    let mut file = SectionsWriter::create(disk, &growing.path().with_extension("idx"), INDEX_KIND)?;
    state.rows.write(&mut file)?;
    state.live.write(&mut file)?;
    file.finish(&IndexFacts {
        first: header.first,
        count: state.rows.docs(),
        data_bytes,
        previous: header.previous,
        last: state.rows.hashes().last().copied().unwrap_or(header.previous),
    })
}
