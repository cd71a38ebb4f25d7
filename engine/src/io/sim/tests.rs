//! The model itself: what it may lose, what it must keep.

use super::*;

const DIR: &str = "d";

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk
}

/// A file `a` with these bytes, on stable storage with its name.
fn disk_with(bytes: &[u8]) -> (SimDisk, Arc<dyn DiskFile>) {
    let disk = disk();
    let file = disk.create_new(&path("a"), Mode::Shared).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    (disk, file)
}

fn every_image(disk: &SimDisk) -> Vec<SimDisk> {
    (0..40).flat_map(|seed| disk.images(seed, Survival::ALL.len())).map(|(_, image)| image).collect()
}

fn distinct(disk: &SimDisk, name: &str) -> std::collections::BTreeSet<Option<Vec<u8>>> {
    let contents = |image: &SimDisk| image.exists(&path(name)).unwrap().then(|| image.contents(&path(name)));
    every_image(disk).iter().map(contents).collect()
}

#[test]
fn synced_bytes_and_names_survive_in_every_image() {
    let (disk, _file) = disk_with(&[7; 2000]);
    assert_eq!(disk.images(3, 9).len(), 1, "nothing is pending, so there is one image");
    assert_eq!(distinct(&disk, "a"), [Some(vec![7; 2000])].into());
}

#[test]
fn unsynced_sectors_survive_one_by_one() {
    let (disk, file) = disk_with(&[0; 1024]);
    file.write_all_at(&[1; 1024], 0).unwrap();
    let half = |a: u8, b: u8| Some([vec![a; 512], vec![b; 512]].concat());
    assert_eq!(distinct(&disk, "a"), [half(0, 0), half(0, 1), half(1, 0), half(1, 1)].into());
    file.sync_data().unwrap();
    assert_eq!(distinct(&disk, "a"), [half(1, 1)].into());
}

#[test]
fn a_sector_written_twice_holds_any_of_its_contents() {
    let (disk, file) = disk_with(&[0; 8]);
    file.write_all_at(&[1; 8], 0).unwrap();
    file.write_all_at(&[2; 4], 0).unwrap();
    let expected = [vec![0; 8], vec![1; 8], vec![2, 2, 2, 2, 1, 1, 1, 1]];
    assert_eq!(distinct(&disk, "a"), expected.map(Some).into());
}

#[test]
fn a_length_may_survive_without_its_bytes() {
    let (disk, file) = disk_with(b"ab");
    file.write_all_at(b"cd", 2).unwrap();
    let expected = [b"ab".to_vec(), b"ab\0\0".to_vec(), b"abcd".to_vec()];
    assert_eq!(distinct(&disk, "a"), expected.map(Some).into());
}

#[test]
fn a_cut_that_was_not_synced_may_come_undone_and_growth_shows_zeros() {
    let (disk, file) = disk_with(b"abcd");
    file.set_len(2).unwrap();
    assert_eq!(distinct(&disk, "a"), [b"abcd".to_vec(), b"ab".to_vec()].map(Some).into());
    file.set_len(4).unwrap();
    assert_eq!(disk.contents(&path("a")), b"ab\0\0");
    file.sync_data().unwrap();
    assert_eq!(distinct(&disk, "a"), [Some(b"ab\0\0".to_vec())].into());
}

#[test]
fn a_new_name_needs_its_directory_synced() {
    let disk = disk();
    let file = disk.create_new(&path("a"), Mode::Shared).unwrap();
    file.write_all_at(b"x", 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(distinct(&disk, "a"), [None, Some(b"x".to_vec())].into());
    disk.sync_dir(Path::new(DIR)).unwrap();
    assert_eq!(distinct(&disk, "a"), [Some(b"x".to_vec())].into());
}

#[test]
fn a_new_name_may_survive_without_bytes_or_length() {
    let disk = disk();
    let file = disk.create_new(&path("a"), Mode::Shared).unwrap();
    file.write_all_at(b"x", 0).unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    let expected = [Some(vec![]), Some(vec![0]), Some(b"x".to_vec())];
    assert_eq!(distinct(&disk, "a"), expected.into());
}

/// The usual way to replace a file, with one step left out or none.
#[test]
fn renaming_over_a_file_shows_the_old_or_the_new_one() {
    for synced in [false, true] {
        let (disk, _old) = disk_with(b"old");
        let new = disk.create_new(&path("b"), Mode::Shared).unwrap();
        new.write_all_at(b"new", 0).unwrap();
        if synced {
            new.sync_data().unwrap();
        }
        disk.rename(&path("b"), &path("a")).unwrap();
        let seen = distinct(&disk, "a");
        assert!(seen.contains(&Some(b"old".to_vec())) && seen.contains(&Some(b"new".to_vec())));
        assert_eq!(seen.len() == 2, synced, "without the sync the new name may come without its bytes");
    }
}

#[test]
fn changes_of_one_directory_survive_in_order() {
    let (disk, _a) = disk_with(b"a");
    disk.create_new(&path("b"), Mode::Shared).unwrap();
    disk.remove(&path("a")).unwrap();
    let names: std::collections::BTreeSet<_> = every_image(&disk).iter().map(SimDisk::files).collect();
    let expected = [vec![path("a")], vec![path("a"), path("b")], vec![path("b")]];
    assert_eq!(names, expected.into());
}

#[test]
fn after_a_failed_sync_another_one_proves_nothing() {
    let (disk, file) = disk_with(&[0; 512]);
    file.write_all_at(&[1; 512], 0).unwrap();
    disk.fail_at(disk.op_count(), EIO, Lasting::Once);
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(EIO));
    file.sync_data().unwrap();
    assert_eq!(disk.contents(&path("a")), [1; 512], "readers see the write");
    assert_eq!(distinct(&disk, "a"), [Some(vec![0; 512]), Some(vec![1; 512])].into());
    file.write_all_at(&[1; 512], 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(distinct(&disk, "a"), [Some(vec![1; 512])].into(), "writing it again does");
}

#[test]
fn a_kill_loses_nothing_that_was_written_and_makes_nothing_durable() {
    let (disk, file) = disk_with(b"a");
    file.write_all_at(b"b", 0).unwrap();
    let next = disk.after_kill();
    assert_eq!(next.contents(&path("a")), b"b");
    assert_eq!(distinct(&next, "a"), [Some(b"a".to_vec()), Some(b"b".to_vec())].into());
    file.write_all_at(b"c", 0).unwrap();
    assert_eq!(next.contents(&path("a")), b"b", "the dead process writes no more");
}

#[test]
fn the_power_goes_at_the_operation_asked_for_and_stays_off() {
    let (disk, file) = disk_with(b"a");
    disk.power_cut_at(disk.op_count() + 1);
    file.write_all_at(b"b", 0).unwrap();
    let error = file.sync_data().unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::Other, "power cut".to_owned()));
    assert!(disk.is_dead() && disk.open(&path("a")).is_err() && file.len().is_err());
    let last = disk.ops().pop().unwrap();
    assert_eq!(last.to_string(), "sync d/a");
    let image = disk.image(Survival::Everything, 0);
    assert_eq!((image.contents(&path("a")), image.op_count()), (b"b".to_vec(), 0));
}

#[test]
fn a_full_disk_takes_what_fits_and_works_again_with_room() {
    let (disk, file) = disk_with(&[1; 100]);
    disk.set_capacity(Some(150));
    let error = file.write_all_at(&[2; 100], 100).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 150, "a short write, as the system does it");
    file.write_all_at(&[3; 150], 0).unwrap();
    assert_eq!(file.set_len(151).unwrap_err().kind(), io::ErrorKind::StorageFull);
    disk.set_capacity(None);
    file.write_all_at(&[4; 500], 0).unwrap();
    assert_eq!(disk.used_bytes(), 500);
}

#[test]
fn failures_hit_the_operation_or_all_from_it() {
    let (disk, file) = disk_with(&[0; 4]);
    let next = disk.op_count();
    disk.fail_at(next, ENOSPC, Lasting::Once);
    assert!(file.write_all_at(&[1; 4], 0).is_err());
    assert_eq!(disk.contents(&path("a")), [1, 1, 0, 0], "half of it arrived");
    file.write_all_at(&[1; 4], 0).unwrap();
    disk.fail_at(disk.op_count(), EIO, Lasting::FromThenOn);
    for _ in 0..3 {
        assert!(file.set_len(9).is_err());
    }
    disk.heal();
    disk.fail_syncs(|path| path.ends_with("a"));
    assert!(file.sync_data().is_err());
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk.heal();
    file.sync_data().unwrap();
}

#[test]
fn a_window_shows_what_was_written_and_tells_of_unsynced_reads() {
    let (disk, file) = disk_with(b"abcd");
    let window = file.window(1 << 20).unwrap();
    file.write_all_at(b"ef", 4).unwrap();
    assert_eq!(&*window.slice(0, 4).unwrap(), b"abcd");
    assert_eq!(disk.unsynced_reads(), [""; 0]);
    assert_eq!(&*window.slice(2, 4).unwrap(), b"cdef");
    assert_eq!(disk.unsynced_reads().len(), 1);
    assert!(window.slice(4, 3).is_err(), "past the end of the file");
}

#[test]
fn files_keep_the_manners_of_a_real_disk() {
    let (disk, file) = disk_with(b"abcd");
    assert_eq!(disk.create_new(&path("a"), Mode::Shared).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(disk.open(&path("b")).err().unwrap().kind(), io::ErrorKind::NotFound);
    let nowhere = Path::new("none/a");
    assert_eq!(disk.create_new(nowhere, Mode::Shared).err().unwrap().kind(), io::ErrorKind::NotFound);
    assert!(disk.list(Path::new("none")).is_err());
    assert!(disk.open_read(&path("a")).unwrap().write_all_at(b"x", 0).is_err());
    let mut four = [0; 4];
    assert_eq!(file.read_exact_at(&mut four, 1).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(disk.make_read_only(&path("a")).unwrap_err().kind(), io::ErrorKind::ExecutableFileBusy);
    drop(file);
    let file = disk.open_read(&path("a")).unwrap();
    disk.make_read_only(&path("a")).unwrap();
    assert_eq!(disk.open(&path("a")).err().unwrap().kind(), io::ErrorKind::PermissionDenied);
    disk.create_dir_all(Path::new("d/e/f")).unwrap();
    assert_eq!(disk.list(Path::new(DIR)).unwrap(), [path("a")], "directories are left out");
    assert_eq!(&*disk.map(&path("a")).unwrap(), b"abcd");
    disk.remove(&path("a")).unwrap();
    file.read_exact_at(&mut four, 0).unwrap();
    assert_eq!(&four, b"abcd", "an open file outlives its name");
}

#[test]
fn damage_by_hand_is_durable() {
    let (disk, _file) = disk_with(b"abcd");
    disk.put(&path("b"), b"b".to_vec());
    disk.flip(&path("a"), 0);
    assert_eq!(disk.contents(&path("a")), b"`bcd");
    disk.truncate(&path("a"), 2);
    disk.swap(&path("a"), &path("b"));
    disk.delete(&path("a"));
    let image = disk.image(Survival::Nothing, 1);
    assert_eq!((image.files(), image.contents(&path("b"))), (vec![path("b")], b"`b".to_vec()));
}
