//! Many archived segments.

use super::*;
use crate::io::RealDisk;

const SEGMENTS: usize = 1_000;

/// Bytes of memory that the process holds, where the system says so.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0_u64) * 4096
}

/// Goal: opening costs no look at what stays of archived segments. Method: a thousand of them, whose links and
/// seen ids are overwritten before the opening, which must not notice; figures are printed.
#[test]
fn a_thousand_archived_segments_open_without_a_look_at_their_files() {
    let disk = SimDisk::new();
    let options = Options { segment_records_max: 2, ..Options::default() };
    let log = Log::create(Arc::new(disk.clone()), Path::new(DIR), ORIGIN, [7; 32], options.clone()).unwrap();
    let events = SEGMENTS as u64 * 2 + 1;
    append(&log, (0..events).map(|i| event_with(i % 3_600, "x")).collect(), NOW_US);
    let due = log.next_index_event(NOW_US as i64 * 1_000, true).unwrap().unwrap();
    append(&log, vec![due], NOW_US);
    while log.work().unwrap() {}
    log.checkpoint(NOW_US).unwrap();
    while log.chill_next(u64::MAX).unwrap() {}
    let store = store(&disk);
    assert!(ship_all(&log, &store) >= SEGMENTS);
    let away = drop_all(&log);
    assert!(away >= SEGMENTS);
    log.close().unwrap();
    drop(log);
    let dir = tempfile::tempdir().unwrap();
    for folder in ["", "segments", "ids"] {
        let (from, to) = (Path::new(DIR).join(folder), dir.path().join(folder));
        std::fs::create_dir_all(&to).unwrap();
        let from = if folder.is_empty() { PathBuf::from(DIR) } else { from };
        for path in disk.list(&from).unwrap() {
            let bytes = crate::io::read_whole(&disk, &path, 1 << 30, "a file").unwrap();
            let stays = path.extension().is_some_and(|e| e == "h" || e == "seen");
            let bytes = if stays { vec![0; bytes.len()] } else { bytes };
            std::fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
    let (before, began) = (resident(), std::time::Instant::now());
    let (log, report) = Log::open(Arc::new(RealDisk), dir.path(), options).unwrap();
    println!(
        "{away} archived segments: opened in {:?}, {} KiB more in memory",
        began.elapsed(),
        resident().saturating_sub(before) / 1024
    );
    assert_eq!(report.damage, [""; 0]);
    assert_eq!(log.stats().archived, away as u64);
    assert!(log.entries(0, 1).is_err(), "what was overwritten is found when it is used");
}
