//! What all requests share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use stele_engine::archive::ObjectStore;
use stele_engine::event::{Limits, Taxonomy};
use stele_engine::log::Log;
use tokio::sync::{Semaphore, watch};

use crate::http::intake::Intake;
use crate::http::problem::Problem;
use crate::jobs::{Bells, Desk, Exports, Queue, Threads, Tiers, Trouble};
use crate::metrics::Metrics;
use crate::serve::{ServeError, ServeOptions};
use crate::state::{
    EventTypeRow, Keys, OrgRow, Plan, RetentionRow, Sessions, SettingsRow, State, Users, VerifiedRow,
};

/// An organization, its log, and the threads that serve it.
pub struct Tenant {
    /// The organization.
    pub org: OrgRow,
    /// Its log.
    pub log: Arc<Log>,
    /// The way to the log's writer.
    pub queue: Queue,
    /// The log's size as published: what is below is on stable storage and searchable.
    pub position: watch::Receiver<u64>,
    /// Wake the log's background threads.
    pub bells: Bells,
    /// What opening found wrong.
    damage: Vec<String>,
    types: RwLock<Types>,
    /// The last clean verification.
    pub verified: Mutex<Option<VerifiedRow>>,
    settings: Mutex<SettingsRow>,
    /// The policy, and the plan, which may have changed since the start.
    retention: Mutex<(RetentionRow, Plan)>,
    trouble: Mutex<BTreeMap<&'static str, Trouble>>,
    /// Records below this sequence are done in the pass of the scrub that is under way.
    pub scrubbed: AtomicU64,
}

/// Event types of an organization, and the taxonomy made of them.
pub struct Types {
    /// What the organization registered or changed.
    pub rows: BTreeMap<String, EventTypeRow>,
    /// The built-in types and these.
    pub taxonomy: Arc<Taxonomy>,
}

impl Tenant {
    /// Puts the parts together.
    #[expect(clippy::too_many_arguments, reason = "each part is made elsewhere and stored here")]
    pub fn new(
        org: OrgRow,
        log: Arc<Log>,
        queue: Queue,
        position: watch::Receiver<u64>,
        bells: Bells,
        damage: Vec<String>,
        types: Types,
        verified: Option<VerifiedRow>,
        settings: SettingsRow,
    ) -> Self {
        let (types, verified) = (RwLock::new(types), Mutex::new(verified));
        let (settings, scrubbed) = (Mutex::new(settings), AtomicU64::new(0));
        let retention = Mutex::new((RetentionRow::default(), org.plan));
        let trouble = Mutex::default();
        Self {
            org,
            log,
            queue,
            position,
            bells,
            damage,
            types,
            verified,
            settings,
            retention,
            trouble,
            scrubbed,
        }
    }

    /// What opening found wrong, without what was mended since.
    pub fn damage(&self) -> Vec<String> {
        if self.log.restorable().is_ok() { self.log.damage() } else { self.damage.clone() }
    }

    /// What of its tiers fails now; of several things, what failed last.
    pub fn trouble(&self) -> Option<Trouble> {
        let troubles = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.values().max_by_key(|trouble| trouble.at_us).cloned()
    }

    /// Notes what fails of one kind of work, or that nothing does.
    pub fn set_trouble(&self, work: &'static str, trouble: Option<Trouble>) {
        let mut troubles = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => troubles.insert(work, trouble),
            None => troubles.remove(work),
        };
    }

    /// The policy and the plan.
    pub fn retention(&self) -> (RetentionRow, Plan) {
        *self.retention.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces policy and plan.
    pub fn set_retention(&self, row: RetentionRow, plan: Plan) {
        *self.retention.lock().unwrap_or_else(PoisonError::into_inner) = (row, plan);
    }

    /// The organization with the plan that it has now.
    pub fn org_now(&self) -> OrgRow {
        OrgRow { plan: self.retention().1, ..self.org.clone() }
    }

    /// What the organization chose.
    pub fn settings(&self) -> SettingsRow {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces what the organization chose.
    pub fn set_settings(&self, settings: SettingsRow) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// The types that events are checked against.
    pub fn taxonomy(&self) -> Arc<Taxonomy> {
        Arc::clone(&self.types.read().unwrap_or_else(PoisonError::into_inner).taxonomy)
    }

    /// Rows that the organization registered or changed.
    pub fn type_rows(&self) -> BTreeMap<String, EventTypeRow> {
        self.types.read().unwrap_or_else(PoisonError::into_inner).rows.clone()
    }

    /// What is known of verifications.
    pub fn verified(&self) -> VerifiedRow {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_default()
    }

    /// Changes what is known of verifications, and saves it.
    ///
    /// # Errors
    /// It cannot be saved; it is known until the next start.
    pub fn note_verified(
        &self,
        state: &State,
        change: impl FnOnce(&mut VerifiedRow),
    ) -> Result<(), ServeError> {
        let row = {
            let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
            let row = verified.get_or_insert(VerifiedRow { v: 1, ..VerifiedRow::default() });
            change(row);
            *row
        };
        state.put_verified(&self.org.log_id, &row)
    }

    /// Replaces the types.
    pub fn set_types(&self, types: Types) {
        *self.types.write().unwrap_or_else(PoisonError::into_inner) = types;
    }
}

/// The server, shared by everything.
pub struct App {
    /// What it was started with.
    pub options: ServeOptions,
    /// Organizations, keys, types on disk.
    pub state: Arc<State>,
    /// Keys in memory.
    pub keys: Arc<Keys>,
    /// Users of all organizations.
    pub users: Arc<Users>,
    /// Sessions of browsers.
    pub sessions: Arc<Sessions>,
    /// Tenants by organization id.
    pub tenants: RwLock<BTreeMap<String, Arc<Tenant>>>,
    /// Counters.
    pub metrics: Metrics,
    /// How bodies are taken in.
    pub intake: Intake,
    /// Searches and other questions at a time.
    pub queries: Arc<Semaphore>,
    /// Other blocking calls at a time.
    pub blocking: Arc<Semaphore>,
    /// Large bodies taken apart at a time.
    pub heavy: Arc<Semaphore>,
    /// Verifications at a time.
    pub verifications: Arc<Semaphore>,
    /// Live tails at a time.
    pub tails: Arc<Semaphore>,
    /// Where reports wait to be made.
    pub desk: Arc<Desk>,
    /// What the exporter shares with requests.
    pub exports: Arc<Exports>,
    /// What the keeper of the tiers shares with requests.
    pub tiers: Arc<Tiers>,
    /// Where archived segments are.
    pub archive: Arc<dyn ObjectStore>,
    /// Changes of organizations, keys and types happen one at a time.
    pub changes: Arc<tokio::sync::Mutex<()>>,
    /// Threads to wait for at the end.
    pub threads: Threads,
    draining: AtomicBool,
    /// True when the server is stopping; tails end.
    pub stopping: watch::Sender<bool>,
}

/// A blocking call that finds no free place for this long is refused.
const BLOCKING_WAIT: Duration = Duration::from_secs(10);

/// Blocking calls at a time: single events, tails' reads, verifications, changes.
pub const BLOCKING_MAX: usize = 16;

/// Verifications at a time: each takes all processors that nothing else wants, and may last for hours.
const VERIFICATIONS_MAX: usize = 2;

/// Large bodies taken apart at a time.
const HEAVY_MAX: usize = 4;

impl App {
    /// An application without tenants yet.
    pub fn new(
        options: ServeOptions,
        state: Arc<State>,
        keys: Arc<Keys>,
        users: Arc<Users>,
        sessions: Arc<Sessions>,
        archive: Arc<dyn ObjectStore>,
    ) -> Self {
        Self {
            intake: Intake::new(&options),
            queries: Arc::new(Semaphore::new(options.limits.queries.max(1))),
            blocking: Arc::new(Semaphore::new(BLOCKING_MAX)),
            heavy: Arc::new(Semaphore::new(HEAVY_MAX)),
            verifications: Arc::new(Semaphore::new(VERIFICATIONS_MAX)),
            tails: Arc::new(Semaphore::new(options.limits.tails)),
            desk: Arc::default(),
            exports: Arc::default(),
            tiers: Arc::default(),
            archive,
            options,
            state,
            keys,
            users,
            sessions,
            tenants: RwLock::default(),
            metrics: Metrics::new(),
            changes: Arc::default(),
            threads: Threads::default(),
            draining: AtomicBool::new(false),
            stopping: watch::Sender::new(false),
        }
    }

    /// The tenant of an organization.
    pub fn tenant(&self, org: &str) -> Option<Arc<Tenant>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(org).cloned()
    }

    /// All tenants, by organization id.
    pub fn all_tenants(&self) -> Vec<Arc<Tenant>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Adds a tenant.
    pub fn add_tenant(&self, tenant: Tenant) -> Arc<Tenant> {
        let tenant = Arc::new(tenant);
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.insert(tenant.org.id.clone(), Arc::clone(&tenant));
        tenant
    }

    /// Now, as the jobs of the tiers see it: in test builds the clock may go ahead, because segments do
    /// not grow old while a test waits.
    pub fn job_now_us(&self) -> u64 {
        let now = crate::state::now_us();
        #[cfg(debug_assertions)]
        let now = now.saturating_add(u64::try_from(self.options.clock_ahead.as_micros()).unwrap_or(0));
        now
    }

    /// Limits of one event.
    pub fn event_limits(&self) -> Limits {
        Limits { event_bytes_max: self.options.limits.event_bytes, ..Limits::default() }
    }

    /// Says that no new work should be sent here.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// True once [`App::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Runs a call that blocks on the blocking pool, of which the number of callers is bounded.
    /// Questions go through `routes::run`, which also gives them a clock.
    ///
    /// # Errors
    /// 503 when no place is free in time, 500 when the call panics.
    pub async fn block<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.block_in(&self.blocking, BLOCKING_WAIT, call).await
    }

    /// The same for taking large bodies apart, which has places of its own.
    ///
    /// # Errors
    /// As [`App::block`].
    pub async fn block_heavy<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.block_in(&self.heavy, BLOCKING_WAIT, call).await
    }

    /// The same for a change of the state.
    ///
    /// # Errors
    /// 503 when it cannot be written.
    pub async fn save(
        &self,
        change: impl FnOnce() -> Result<(), ServeError> + Send + 'static,
    ) -> Result<(), Problem> {
        self.block(change).await?.map_err(|error| {
            tracing::error!(%error, "a change could not be saved");
            Problem::read_only("the change could not be saved; the server's log says why")
        })
    }

    /// The same with other places, and a wait for one of them.
    ///
    /// # Errors
    /// As [`App::block`].
    pub async fn block_in<T: Send + 'static>(
        &self,
        places: &Arc<Semaphore>,
        wait: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let place = Arc::clone(places).acquire_owned();
        let place = match tokio::time::timeout(wait, place).await {
            Ok(Ok(place)) => place,
            _ => return Err(Problem::overloaded("the server is busy with other requests of this kind")),
        };
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            call()
        });
        done.await.map_err(|_| {
            self.metrics.panics.inc();
            Problem::internal()
        })
    }
}
