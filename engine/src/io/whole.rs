//! Small files that are read and written whole.

use std::path::Path;
use std::sync::Arc;

use super::{Disk, DiskFile, Mode};
use crate::error::StoreError;

/// Writes a file under a temporary name and gives it its own; durable when it returns.
///
/// # Errors
/// `Io` or `Full`; the name has its old content then, or none.
pub fn write_whole(
    disk: &dyn Disk,
    path: &Path,
    mode: Mode,
    bytes: &[u8],
) -> Result<Arc<dyn DiskFile>, StoreError> {
    let temporary = path.with_extension("tmp");
    remove_if_there(disk, &temporary)?;
    let file = disk.create_new(&temporary, mode).map_err(StoreError::io(&temporary, "creating"))?;
    file.write_all_at(bytes, 0).map_err(StoreError::io(&temporary, "writing"))?;
    file.sync_data().map_err(StoreError::syncing(&temporary))?;
    disk.rename(&temporary, path).map_err(StoreError::io(path, "renaming"))?;
    sync_parent(disk, path)?;
    Ok(file)
}

/// Reads a file that has at most `most` bytes; `what` it is goes into the error for a longer one.
///
/// # Errors
/// `Io`, or `Damaged` when it is longer.
pub fn read_whole(disk: &dyn Disk, path: &Path, most: u64, what: &str) -> Result<Vec<u8>, StoreError> {
    let file = disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
    let length = file.len().map_err(StoreError::io(path, "measuring"))?;
    if length > most {
        return Err(StoreError::damaged(path, most, format!("longer than {what}")));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, 0).map_err(StoreError::io(path, "reading"))?;
    Ok(bytes)
}

/// Removes what an interrupted attempt left.
///
/// # Errors
/// `Io`.
pub fn remove_if_there(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    if disk.exists(path).map_err(StoreError::io(path, "looking"))? {
        disk.remove(path).map_err(StoreError::io(path, "removing"))?;
    }
    Ok(())
}

/// Puts a file's name on stable storage.
///
/// # Errors
/// `Io`.
pub fn sync_parent(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    // Without it a power cut can undo the rename although the bytes are safe.
    disk.sync_dir(dir).map_err(StoreError::syncing(dir))
}
