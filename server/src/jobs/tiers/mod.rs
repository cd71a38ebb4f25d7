//! The keepers of the tiers: they make segments cold, move them to the archive and back, by the policies and
//! by what is asked for.
//!
//! Two threads for the server at the lowest priority, each of which has one segment in hand at a time: one
//! for what this disk alone decides, and one for what the store must answer to, so that a store that is slow
//! or away holds up nothing else. One segment is one step; after each the next organization has its turn,
//! and restores, which have a deadline, go before everything else that needs the store. What fails is told
//! once a try, tried again later and later, and keeps nothing else from going on. Nothing is remembered here
//! that a restart would lose: steps follow from the log's own catalog, restores and locks from the state.

mod locks;
mod policy;
mod restoring;
mod told;

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stele_engine::io::give_way;

use super::indexer::pause;
use super::{Bell, Ticket, start};
use crate::app::{App, Tenant};
use crate::state::now_us;

pub use told::restore_ended;

/// Between two looks at whether something is due.
const EVERY: Duration = Duration::from_secs(60);
/// The same while a restore waits for its store.
const EVERY_WAITING: Duration = Duration::from_secs(10);
/// After a first failure; doubled with each further one.
const RETRY_MIN: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(15) };
/// The longest pause between two tries.
const RETRY_MAX: Duration = Duration::from_secs(900);
/// The longest rest after a step.
const REST_MAX: Duration = Duration::from_secs(10);

/// What the threads share with requests.
#[derive(Debug, Default)]
pub struct Tiers {
    /// Restores that are not at their end.
    open: Mutex<Vec<Ticket>>,
    /// Why the store was not seen to do what is required of it, where it was not.
    unproved: Mutex<Option<Trouble>>,
    here: Bell,
    away: Bell,
}

/// Which work a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What needs this disk alone: compressing, dropping, expiring.
    Here,
    /// What needs the store: archiving, restoring, locks.
    Away,
}

impl Part {
    const fn other(self) -> Self {
        match self {
            Self::Here => Self::Away,
            Self::Away => Self::Here,
        }
    }
}

impl Tiers {
    fn bell(&self, part: Part) -> &Bell {
        match part {
            Part::Here => &self.here,
            Part::Away => &self.away,
        }
    }

    /// There is something to do.
    pub fn ring(&self) {
        self.here.ring();
        self.away.ring();
    }

    /// There will be no more.
    pub fn stop(&self) {
        self.here.stop();
        self.away.stop();
    }

    /// True once [`Tiers::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.away.is_stopping()
    }

    /// Why nothing is archived for now: what the store was not seen to do.
    pub fn unproved(&self) -> Option<Trouble> {
        self.unproved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_unproved(&self, trouble: Option<Trouble>) {
        *self.unproved.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Ticket>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a restore in.
    pub fn put(&self, ticket: Ticket) {
        self.lock().push(ticket);
        self.away.ring();
    }

    /// Ids of an organization's restores that are not at their end, oldest first.
    pub fn open_of(&self, org: &str) -> Vec<String> {
        self.lock().iter().filter(|ticket| ticket.org == org).map(|ticket| ticket.id.clone()).collect()
    }

    /// Does something for an organization that has no restore under way; none begins meanwhile.
    fn without_restores<T>(&self, org: &str, act: impl FnOnce() -> T) -> Option<T> {
        let open = self.lock();
        if open.iter().any(|ticket| ticket.org == org) { None } else { Some(act()) }
    }

    fn all(&self) -> Vec<Ticket> {
        self.lock().clone()
    }

    fn end(&self, ticket: &Ticket) {
        self.lock().retain(|open| open != ticket);
    }
}

/// What of a log's tiers fails now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When it failed last, microseconds since 1970.
    pub at_us: u64,
    /// What was being done: `archive`, `restore` and so on.
    pub step: &'static str,
    /// What failed, in words.
    pub detail: String,
}

/// Starts the thread of a part; it ends when its bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn tiers(app: Arc<App>, part: Part) -> io::Result<JoinHandle<()>> {
    let name = if part == Part::Here { "stele-tiers" } else { "stele-archive" };
    start(name, move || {
        give_way();
        let mut keeper = Keeper { app, part, retries: HashMap::new() };
        while !keeper.stopping() {
            match catch_unwind(AssertUnwindSafe(|| keeper.round())) {
                Ok(true) => {}
                Ok(false) => keeper.wait(),
                Err(_) => {
                    keeper.app.metrics.panics.inc();
                    tracing::error!("a step of the tiers panicked; the next look is in a minute");
                    pause(keeper.bell(), EVERY);
                }
            }
        }
    })
}

struct Keeper {
    app: Arc<App>,
    part: Part,
    /// When what failed may be tried again.
    retries: HashMap<String, Retry>,
}

struct Retry {
    at: Instant,
    pause: Duration,
}

/// One kind of work for an organization: how it is called, and one step of it.
type Work = (&'static str, fn(&App, &Tenant) -> Result<bool, policy::Failed>);

impl Keeper {
    fn bell(&self) -> &Bell {
        self.app.tiers.bell(self.part)
    }

    fn stopping(&self) -> bool {
        self.bell().is_stopping()
    }

    fn wait(&self) {
        let waits = self.part == Part::Away
            && (!self.app.tiers.lock().is_empty() || self.app.tiers.unproved().is_some());
        self.bell().wait(if waits { EVERY_WAITING } else { EVERY });
    }

    /// One step of each restore, and one of each organization's work. True when there may be more.
    fn round(&mut self) -> bool {
        match self.part {
            Part::Here => self.work(("here", policy::here)),
            Part::Away => {
                let mut busy = self.restores();
                // Nothing new is put into a store, and no lock asked of it, that was not seen to lock.
                if self.prove() {
                    busy |= self.work(("locks", locks::step));
                    busy |= self.work(("away", policy::away));
                }
                busy
            }
        }
    }

    /// One step for each organization whose log takes events.
    fn work(&mut self, (what, step): Work) -> bool {
        let mut busy = false;
        for tenant in self.app.all_tenants() {
            if self.stopping() {
                return false;
            }
            let name = format!("{what} {}", tenant.org.id);
            if tenant.log.writable().is_err() || !self.may_try(&name) {
                continue;
            }
            let begun = Instant::now();
            match step(&self.app, &tenant) {
                Ok(more) => {
                    self.passed(&name);
                    tenant.set_trouble(what, None);
                    busy |= more;
                    if more {
                        // It may be the other one's turn now.
                        self.app.tiers.bell(self.part.other()).ring();
                        self.rest(begun.elapsed());
                    }
                }
                Err(_) if self.stopping() => return false,
                Err((step, error)) => {
                    self.failed(&name);
                    self.tell(&tenant, what, step, &error);
                }
            }
        }
        busy
    }

    /// As long as it worked, unless a restore waits: others want the disk too.
    fn rest(&self, worked: Duration) {
        if self.app.tiers.lock().is_empty() {
            pause(self.bell(), worked.min(REST_MAX));
        }
    }

    /// Whether the store was seen to do what is required of it; asks it again where it was not.
    fn prove(&mut self) -> bool {
        let name = "the store";
        if !self.may_try(name) {
            return false;
        }
        match self.app.archive.check() {
            Ok(()) => {
                self.passed(name);
                if self.app.tiers.unproved().is_some() {
                    let store = self.app.archive.describe();
                    tracing::info!(store, "the archive does what is required of it");
                }
                self.app.tiers.set_unproved(None);
                true
            }
            Err(error) => {
                self.failed(name);
                if !self.stopping() {
                    let store = self.app.archive.describe();
                    tracing::warn!(store, %error, "the archive was not seen to do what is required: nothing is archived");
                    let detail = error.to_string();
                    self.app.tiers.set_unproved(Some(Trouble { at_us: now_us(), step: "check", detail }));
                }
                false
            }
        }
    }

    fn tell(&self, tenant: &Tenant, what: &'static str, step: &'static str, error: &dyn std::fmt::Display) {
        tracing::error!(org = tenant.org.id, step, %error, "the tiers could not go on");
        self.app.metrics.tier_failures.inc();
        tenant.set_trouble(what, Some(Trouble { at_us: now_us(), step, detail: error.to_string() }));
    }

    fn may_try(&self, name: &str) -> bool {
        self.retries.get(name).is_none_or(|retry| retry.at <= Instant::now())
    }

    fn passed(&mut self, name: &str) {
        self.retries.remove(name);
    }

    fn failed(&mut self, name: &str) {
        let pause = self.retries.get(name).map_or(RETRY_MIN, |known| (known.pause * 2).min(RETRY_MAX));
        self.retries.insert(name.to_owned(), Retry { at: Instant::now() + pause, pause });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restores_are_open_until_they_end() {
        let tiers = Tiers::default();
        let ticket = |org: &str, id: &str| Ticket { org: org.to_owned(), id: id.to_owned() };
        tiers.put(ticket("a", "1"));
        tiers.put(ticket("b", "2"));
        tiers.put(ticket("a", "3"));
        assert_eq!(tiers.open_of("a"), ["1", "3"]);
        tiers.end(&ticket("a", "1"));
        assert_eq!((tiers.open_of("a"), tiers.all().len()), (vec!["3".to_owned()], 2));
    }
}
