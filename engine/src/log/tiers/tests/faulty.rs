//! A store that fails, lies and is late.

use std::cell::Cell;
use std::sync::Mutex;

use super::*;
use crate::archive::{ObjectError, Put};

/// What a store does wrong, in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Temporary,
    Denied,
    NotYet,
    NotFound,
    /// A get ends early.
    Truncated,
    /// A get has a wrong byte.
    Corrupted,
    /// A get gives the content of another object.
    Another,
    /// A put stores something else than it was given.
    Mangled,
    /// A put fails and has stored the object.
    Lost,
}

const FAULTS: [Fault; 9] = [
    Fault::Temporary,
    Fault::Denied,
    Fault::NotYet,
    Fault::NotFound,
    Fault::Truncated,
    Fault::Corrupted,
    Fault::Another,
    Fault::Mangled,
    Fault::Lost,
];

/// A sound store behind faults at one call.
struct Faulty {
    inner: LocalStore,
    calls: Mutex<u64>,
    at: u64,
    fault: Fault,
}

impl Faulty {
    fn new(disk: &SimDisk, at: u64, fault: Fault) -> Self {
        Self { inner: store(disk), calls: Mutex::new(0), at, fault }
    }

    /// The fault of this call, if it is the one.
    fn now(&self) -> Option<Fault> {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        (*calls - 1 == self.at).then_some(self.fault)
    }

    fn calls(&self) -> u64 {
        *self.calls.lock().unwrap()
    }
}

fn error(fault: Fault) -> Result<(), ObjectError> {
    match fault {
        Fault::Temporary => Err(ObjectError::Temporary("slow down".to_owned())),
        Fault::Denied => Err(ObjectError::Denied("no".to_owned())),
        Fault::NotYet => Err(ObjectError::NotYet("thawing".to_owned())),
        Fault::NotFound => Err(ObjectError::NotFound),
        _ => Ok(()),
    }
}

impl ObjectStore for Faulty {
    fn describe(&self) -> String {
        "faulty".to_owned()
    }

    fn put_new(&self, name: &str, bytes: &[u8], until: Option<u64>) -> Result<Put, ObjectError> {
        match self.now() {
            Some(Fault::Mangled) => self.inner.put_new(name, &bytes[..bytes.len() / 2], until),
            Some(Fault::Lost) => {
                self.inner.put_new(name, bytes, until)?;
                Err(ObjectError::Temporary("no answer".to_owned()))
            }
            fault => {
                fault.map_or(Ok(()), error)?;
                self.inner.put_new(name, bytes, until)
            }
        }
    }

    fn get(&self, name: &str, version: Option<&str>, max: u64) -> Result<Vec<u8>, ObjectError> {
        let fault = self.now();
        fault.map_or(Ok(()), error)?;
        let mut bytes = self.inner.get(name, version, max)?;
        match fault {
            Some(Fault::Truncated) => bytes.truncate(bytes.len() - 1),
            Some(Fault::Corrupted) => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }
            Some(Fault::Another) => bytes = b"of another object".to_vec(),
            _ => {}
        }
        Ok(bytes)
    }

    fn head(&self, name: &str) -> Result<Option<Put>, ObjectError> {
        self.now().map_or(Ok(()), error)?;
        self.inner.head(name)
    }

    fn retain(&self, name: &str, version: Option<&str>, until_us: u64) -> Result<(), ObjectError> {
        self.now().map_or(Ok(()), error)?;
        self.inner.retain(name, version, until_us)
    }

    fn request(&self, name: &str, version: Option<&str>, days: u32) -> Result<bool, ObjectError> {
        match self.now() {
            Some(Fault::NotYet) => Ok(false),
            fault => {
                fault.map_or(Ok(()), error)?;
                self.inner.request(name, version, days)
            }
        }
    }
}

/// Goal: whatever a store does wrong at whatever call, nothing is lost and nothing unproved is served.
/// Method: one segment is shipped, dropped and restored; at every call in turn the store does each thing
/// wrong; afterwards a sound store goes on.
#[test]
fn a_store_that_fails_or_lies_at_any_call_loses_nothing() {
    let start = SimDisk::new();
    let log = filled(&start);
    let whole = records(&log);
    log.close().unwrap();
    drop(log);
    let run = |store: &Faulty, disk: &SimDisk| {
        let (log, _) = open(disk);
        let mut errors = Vec::new();
        errors.extend(log.ship_next(store, u64::MAX, 0).err());
        if states(&log)[0] == TierState::Shipped {
            log.drop_next(u64::MAX).unwrap();
            errors.extend(log.restore(store, 0, 9, &|_| true).err());
        }
        (log, errors)
    };
    let sound = Faulty::new(&start.image(Survival::Everything, 0), u64::MAX, Fault::Lost);
    let disk = start.image(Survival::Everything, 0);
    let sound = Faulty { inner: store(&disk), ..sound };
    assert_eq!(run(&sound, &disk).1.len(), 0);
    let calls = sound.calls();
    assert!(calls > 10, "{calls} calls");
    for fault in FAULTS {
        let told = Cell::new(0);
        for at in 0..calls {
            let disk = start.image(Survival::Everything, 0);
            let faulty = Faulty::new(&disk, at, fault);
            let (log, errors) = run(&faulty, &disk);
            told.set(told.get() + errors.len());
            let message = format!("{fault:?} at call {at}: {errors:?}");
            let served = records(&log);
            let wrong = served.iter().zip(&whole).position(|(found, was)| found.is_some() && found != was);
            assert_eq!(wrong, None, "{message}");
            assert_eq!(faults(&log), [], "{message}");
            for error in &errors {
                let named = matches!(error, ArchiveError::Object { name, .. } | ArchiveError::Refused { object: name, .. } if name.starts_with("00ff/0"));
                assert!(named, "{message}");
            }
            if states(&log)[0] == TierState::Archived {
                log.restore(&store(&disk), 0, 9, &|_| true).unwrap();
            } else if fault == Fault::Mangled && !errors.is_empty() {
                // What lies in the place of an object is never replaced and never taken for it.
                let again = log.ship_next(&store(&disk), u64::MAX, 0).unwrap_err();
                assert!(
                    matches!(again, ArchiveError::Refused { .. } | ArchiveError::Object { .. }),
                    "{again}"
                );
                assert_eq!(states(&log)[0], TierState::Cold);
            } else if states(&log)[0] == TierState::Cold {
                log.ship_next(&store(&disk), u64::MAX, 0).unwrap().unwrap();
            }
            assert_eq!(records(&log), whole, "{message}");
        }
        assert!(told.get() > 0, "{fault:?} was never told");
    }
}

#[test]
fn a_restore_stops_where_its_pace_says_so_and_can_be_made_again() {
    let disk = SimDisk::new();
    let (log, store) = (filled(&disk), store(&disk));
    ship_all(&log, &store);
    drop_all(&log);
    let away = states(&log);
    let told = Cell::new(0);
    let stop = |bytes: u64| {
        told.set(told.get() + bytes);
        false
    };
    assert!(matches!(log.restore(&store, 0, 9, &stop), Err(ArchiveError::Stopped)));
    assert!(told.get() > 0);
    assert_eq!(states(&log), away);
    log.restore(&store, 0, 9, &|_| true).unwrap();
    assert_eq!(states(&log)[0], TierState::Restored { until_us: 9 });
    assert!(log.restore(&store, 7, 9, &|_| true).is_err(), "no segment begins there");
}
