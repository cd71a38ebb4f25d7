//! The keeper of the tiers: makes segments cold, moves them to the archive and back, by the policies and
//! by what is asked for.
//!
//! One thread for the server at the lowest priority, since only one caller at a time may move a log's
//! segments. One segment is one step; after each the next organization has its turn, and restores, which
//! have a deadline, go before everything else. What fails is told once a try, tried again later and later,
//! and keeps nothing else from going on. Nothing is remembered here that a restart would lose: steps
//! follow from the log's own catalog, restores from the state.

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

/// What the thread shares with requests.
#[derive(Debug, Default)]
pub struct Tiers {
    /// Restores that are not at their end.
    open: Mutex<Vec<Ticket>>,
    /// Rung when there is something to do, and to stop.
    pub bell: Bell,
}

impl Tiers {
    fn lock(&self) -> MutexGuard<'_, Vec<Ticket>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a restore in.
    pub fn put(&self, ticket: Ticket) {
        self.lock().push(ticket);
        self.bell.ring();
    }

    /// Ids of an organization's restores that are not at their end, oldest first.
    pub fn open_of(&self, org: &str) -> Vec<String> {
        self.lock().iter().filter(|ticket| ticket.org == org).map(|ticket| ticket.id.clone()).collect()
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

/// Starts the thread; it ends when its bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn tiers(app: Arc<App>) -> io::Result<JoinHandle<()>> {
    start("stele-tiers", move || {
        give_way();
        let mut keeper = Keeper { app, retries: HashMap::new() };
        while !keeper.stopping() {
            match catch_unwind(AssertUnwindSafe(|| keeper.round())) {
                Ok(true) => {}
                Ok(false) => keeper.wait(),
                Err(_) => {
                    keeper.app.metrics.panics.inc();
                    tracing::error!("a step of the tiers panicked; the next look is in a minute");
                    pause(&keeper.app.tiers.bell, EVERY);
                }
            }
        }
    })
}

struct Keeper {
    app: Arc<App>,
    /// When what failed may be tried again.
    retries: HashMap<String, Retry>,
}

struct Retry {
    at: Instant,
    pause: Duration,
}

impl Keeper {
    fn stopping(&self) -> bool {
        self.app.tiers.bell.is_stopping()
    }

    fn wait(&self) {
        let restores = !self.app.tiers.lock().is_empty();
        self.app.tiers.bell.wait(if restores { EVERY_WAITING } else { EVERY });
    }

    /// One step of each restore, and one of each organization's policy. True when there may be more.
    fn round(&mut self) -> bool {
        let mut busy = self.restores();
        for tenant in self.app.all_tenants() {
            if self.stopping() {
                return false;
            }
            let name = format!("policy {}", tenant.org.id);
            if tenant.log.writable().is_err() || !self.may_try(&name) {
                continue;
            }
            let begun = Instant::now();
            match policy::step(&self.app, &tenant) {
                Ok(more) => {
                    self.passed(&name);
                    tenant.set_trouble(None);
                    busy |= more;
                    if more && self.app.tiers.lock().is_empty() {
                        // As long as it worked: others want the disk too.
                        pause(&self.app.tiers.bell, begun.elapsed().min(REST_MAX));
                    }
                }
                Err(_) if self.stopping() => return false,
                Err((step, error)) => {
                    self.failed(&name);
                    self.tell(&tenant, step, &error);
                }
            }
        }
        busy
    }

    fn tell(&self, tenant: &Tenant, step: &'static str, error: &dyn std::fmt::Display) {
        tracing::error!(org = tenant.org.id, step, %error, "the tiers could not go on");
        self.app.metrics.tier_failures.inc();
        tenant.set_trouble(Some(Trouble { at_us: now_us(), step, detail: error.to_string() }));
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
