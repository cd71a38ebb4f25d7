//! Steps beside a store that does not answer.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::*;
use crate::archive::{ObjectError, Put};

/// A store that says when it is asked for something, and answers when it is let.
struct Slow {
    inner: LocalStore,
    asked: Sender<()>,
    answers: Mutex<Receiver<()>>,
}

impl Slow {
    /// The store, what tells of a call, and what lets it go on. Once that is dropped, all calls go on.
    fn new(disk: &SimDisk) -> (Self, Receiver<()>, Sender<()>) {
        let ((asked, told), (go_on, answers)) = (channel(), channel());
        (Self { inner: store(disk), asked, answers: Mutex::new(answers) }, told, go_on)
    }

    fn wait(&self) {
        let _ = self.asked.send(());
        let _ = self.answers.lock().unwrap_or_else(PoisonError::into_inner).recv();
    }
}

impl ObjectStore for Slow {
    fn describe(&self) -> String {
        "slow".to_owned()
    }

    fn put_new(&self, name: &str, bytes: &[u8], until: Option<u64>) -> Result<Put, ObjectError> {
        self.wait();
        self.inner.put_new(name, bytes, until)
    }

    fn get(&self, name: &str, version: Option<&str>, max: u64) -> Result<Vec<u8>, ObjectError> {
        self.wait();
        self.inner.get(name, version, max)
    }

    fn head(&self, name: &str) -> Result<Option<Put>, ObjectError> {
        self.inner.head(name)
    }

    fn retain(&self, name: &str, version: Option<&str>, until_us: u64) -> Result<(), ObjectError> {
        self.inner.retain(name, version, until_us)
    }

    fn request(&self, name: &str, version: Option<&str>, days: u32) -> Result<bool, ObjectError> {
        self.inner.request(name, version, days)
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `step` on a thread with a store that does not answer, and meanwhile `others`; then the store answers.
fn beside<T: Send>(disk: &SimDisk, step: impl FnOnce(&Slow) -> T + Send, others: impl FnOnce() + Send) -> T {
    let (slow, told, go_on) = Slow::new(disk);
    thread::scope(|scope| {
        let step = scope.spawn(move || step(&slow));
        told.recv_timeout(PATIENCE).unwrap();
        // On a thread of their own: if one of them waits for the store, the test ends all the same.
        let (ended, end) = channel();
        scope.spawn(move || {
            others();
            let _ = ended.send(());
        });
        let in_time = end.recv_timeout(PATIENCE).is_ok();
        drop(go_on);
        assert!(in_time, "other steps waited for the store");
        step.join().unwrap()
    })
}

/// Goal: a store that does not answer holds up the one segment that it is asked about, and nothing else.
/// Method: a segment is held in the midst of a ship, then of a restore; every other step of the log is taken.
#[test]
fn other_steps_do_not_wait_for_a_store_that_does_not_answer() {
    let disk = SimDisk::new();
    let log = filled(&disk);
    let whole = records(&log);
    let sound = store(&disk);
    log.ship_next(&sound, u64::MAX, 0).unwrap().unwrap();
    let shipped = beside(
        &disk,
        |slow| log.ship_next(slow, u64::MAX, 0),
        || {
            assert_eq!(log.ship_next(&sound, u64::MAX, 0).unwrap(), None, "it is on its way");
            log.drop_next(u64::MAX).unwrap().unwrap();
            log.restore(&sound, 0, 9, &|_| true).unwrap();
            log.expire_next(9).unwrap().unwrap();
            while log.work().unwrap() {}
            let stored = append(&log, vec![event_with(500, "x")], NOW_US + 1_000_000_000);
            assert!(matches!(stored[..], [Outcome::Stored { .. }]), "{stored:?}");
            assert!(!log.chill_next(u64::MAX).unwrap());
        },
    );
    assert_eq!(shipped.unwrap().unwrap().first_sequence, SEGMENT);
    assert_eq!(states(&log)[..2], [TierState::Archived, TierState::Shipped]);
    beside(
        &disk,
        |slow| log.restore(slow, 0, 9, &|_| true),
        || {
            let error = log.restore(&sound, 0, 9, &|_| true).unwrap_err();
            assert!(error.to_string().contains("is being moved"), "{error}");
            log.drop_next(u64::MAX).unwrap().unwrap();
            log.restore(&sound, SEGMENT, 9, &|_| true).unwrap();
        },
    )
    .unwrap();
    assert_eq!(records(&log)[..whole.len()], whole);
    assert_eq!(faults(&log), []);
}
