use super::*;

fn tiny(dir: &std::path::Path) -> Sizes {
    Sizes {
        events: 5000,
        http_events: 2000,
        seconds: 0.2,
        asks: 30,
        seed: 1,
        until_ns: 1_790_000_000_000_000_000,
        log: stele_engine::log::Options { segment_records_max: 1500, ..Default::default() },
        dir: dir.to_owned(),
        server: PathBuf::new(),
        this: PathBuf::new(),
    }
}

/// Goal: the in-process suites run, and find what they stored. Nothing here looks at a clock.
#[test]
fn the_suites_run_on_a_small_log() {
    let dir = tempfile::tempdir().unwrap();
    let report = run(&[Suite::Input, Suite::Engine], &tiny(dir.path())).unwrap();
    let table = report.table();
    for what in [
        "one core",
        "in process",
        "anonymous peak",
        "bytes on disk",
        "by event_id",
        "count:",
        "all hashes",
        "closed cleanly",
    ] {
        assert!(table.contains(what), "no {what} in\n{table}");
    }
    assert_eq!(report.json().as_array().unwrap().len(), report.rows.len());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the run left files behind");
}

#[test]
fn a_log_of_many_segments_is_made_cold_and_moved_to_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    let mut sizes = tiny(dir.path());
    sizes.log.segment_records_max = 500;
    let (log, archive) = (dir.path().join("log"), dir.path().join("archive"));
    assert_eq!(opening::make_cold(&sizes, &log).unwrap(), 10);
    assert_eq!(opening::move_all(&sizes, &log, &archive).unwrap(), 10);
}
