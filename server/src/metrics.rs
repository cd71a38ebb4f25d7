//! Counters of the server, and `GET /metrics`.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use stele_engine::log::TierState;

use crate::app::{App, Tenant};

/// Labels of a finished request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    /// Pattern of the path.
    pub route: &'static str,
    /// Method.
    pub method: &'static str,
    /// Status.
    pub status: u16,
}

/// Labels of a duration.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RouteLabels {
    /// Pattern of the path.
    pub route: &'static str,
}

/// Labels of an organization's series.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OrgLabels {
    org: String,
}

type Durations = Family<RouteLabels, Histogram, fn() -> Histogram>;
type Counter64 = Counter<u64, AtomicU64>;

/// Counters that every part of the server adds to.
pub struct Metrics {
    registry: Registry,
    /// Finished requests.
    pub requests: Family<RequestLabels, Counter64>,
    /// Seconds to the answer's head.
    pub seconds: Durations,
    /// Open connections.
    pub connections: Gauge,
    /// Body bytes received, as on the wire.
    pub received_bytes: Counter64,
    /// Events stored.
    pub accepted: Counter64,
    /// Events that were there already.
    pub duplicates: Counter64,
    /// Events refused.
    pub rejected: Counter64,
    /// Requests over a rate.
    pub rate_limited: Counter64,
    /// Handlers that panicked.
    pub panics: Counter64,
    /// Open tails.
    pub tails: Gauge,
    /// Questions being answered.
    pub queries: Gauge,
    /// Questions refused because they cost too much.
    pub too_broad: Counter64,
    /// Questions given up because their client went away.
    pub cancelled: Counter64,
    /// Faults that the scrub found.
    pub scrub_faults: Counter64,
    /// Segments put into the archive.
    pub segments_archived: Counter64,
    /// Steps of the tiers that failed; each is tried again.
    pub tier_failures: Counter64,
    body_bytes: Gauge,
}

fn duration_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 4.0, 10))
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("stele"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(duration_buckets),
            connections: Gauge::default(),
            received_bytes: Counter::default(),
            accepted: Counter::default(),
            duplicates: Counter::default(),
            rejected: Counter::default(),
            rate_limited: Counter::default(),
            panics: Counter::default(),
            tails: Gauge::default(),
            queries: Gauge::default(),
            too_broad: Counter::default(),
            cancelled: Counter::default(),
            scrub_faults: Counter::default(),
            segments_archived: Counter::default(),
            tier_failures: Counter::default(),
            body_bytes: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Finished requests", self.requests.clone());
        registry.register("http_request_seconds", "Time to the head of the answer", self.seconds.clone());
        registry.register("http_connections", "Open connections", self.connections.clone());
        registry.register("http_received_bytes", "Body bytes as received", self.received_bytes.clone());
        registry.register("http_panics", "Handlers that panicked", self.panics.clone());
        registry.register("http_rate_limited", "Requests over a rate", self.rate_limited.clone());
        registry.register("http_body_memory_bytes", "Memory of bodies in progress", self.body_bytes.clone());
        registry.register("ingest_accepted", "Events stored", self.accepted.clone());
        registry.register("ingest_duplicates", "Events that were there already", self.duplicates.clone());
        registry.register("ingest_rejected", "Events refused", self.rejected.clone());
        registry.register("scrub_faults", "Faults that the scrub found", self.scrub_faults.clone());
        registry.register(
            "segments_archived",
            "Segments put into the archive",
            self.segments_archived.clone(),
        );
        registry.register("tier_failures", "Steps of archiving that failed", self.tier_failures.clone());
        registry.register("tails", "Open live tails", self.tails.clone());
        registry.register("queries", "Questions being answered", self.queries.clone());
        registry.register("queries_too_broad", "Questions that cost too much", self.too_broad.clone());
        registry.register("queries_cancelled", "Questions whose client went away", self.cancelled.clone());
    }

    /// The text of `GET /metrics`; `tenants` are shown one by one.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn text(&self, app: &App, tenants: &[std::sync::Arc<Tenant>]) -> Result<String, std::fmt::Error> {
        self.body_bytes.set(i64::try_from(app.intake.budget.used()).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        if !tenants.is_empty() {
            text.truncate(text.trim_end().strip_suffix("# EOF").map_or(text.len(), str::len));
            encode(&mut text, &per_org(tenants))?;
        }
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// How fresh the verification of each log is, and how far the scrub.
fn verification(registry: &mut Registry, tenants: &[std::sync::Arc<Tenant>]) {
    let (size, age) = (Family::<OrgLabels, Gauge>::default(), Family::<OrgLabels, Gauge>::default());
    let scrubbed = Family::<OrgLabels, Gauge>::default();
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    for tenant in tenants {
        let labels = OrgLabels { org: tenant.org.id.clone() };
        scrubbed.get_or_create(&labels).set(number(tenant.scrubbed.load(Ordering::Relaxed)));
        let verified = *tenant.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = verified.filter(|row| row.at_us > 0) {
            size.get_or_create(&labels).set(number(row.size));
            let since = crate::state::now_us().saturating_sub(row.at_us) / 1_000_000;
            age.get_or_create(&labels).set(number(since));
        }
    }
    registry.register("scrubbed", "Events below this sequence are done in this pass of the scrub", scrubbed);
    registry.register("verified", "Events proved by the last clean verification of the whole log", size);
    registry.register("verified_age_seconds", "Since that verification began", age);
}

/// Labels of a tier of a log.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TierLabels {
    org: String,
    tier: &'static str,
}

/// How much of each log is in which tier, and whether something fails there now.
fn tiers(registry: &mut Registry, tenants: &[std::sync::Arc<Tenant>]) {
    let (segments, events) = (Family::<TierLabels, Gauge>::default(), Family::<TierLabels, Gauge>::default());
    let (local, archived) = (Family::<OrgLabels, Gauge>::default(), Family::<OrgLabels, Gauge>::default());
    let failing = Family::<OrgLabels, Gauge>::default();
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    for tenant in tenants {
        let labels = OrgLabels { org: tenant.org.id.clone() };
        failing.get_or_create(&labels).set(i64::from(tenant.trouble().is_some()));
        for range in tenant.log.tiers() {
            let tier = TierLabels { org: tenant.org.id.clone(), tier: tier_name(range.state) };
            segments.get_or_create(&tier).inc();
            events.get_or_create(&tier).inc_by(number(range.events));
            local.get_or_create(&labels).inc_by(number(range.bytes_local));
            archived.get_or_create(&labels).inc_by(number(range.bytes_archived));
        }
    }
    registry.register("tier_segments", "Sealed segments by tier", segments);
    registry.register("tier_events", "Events of sealed segments by tier", events);
    registry.register("local_bytes", "Bytes of sealed segments on this disk", local);
    registry.register("archived_bytes", "Bytes of objects in the archive", archived);
    registry.register("tiers_failing", "1 while archiving or restoring fails", failing);
}

/// The name of a tier in the API.
pub fn tier_name(state: TierState) -> &'static str {
    match state {
        TierState::Hot => "hot",
        TierState::Cold => "cold",
        TierState::Shipped => "shipped",
        TierState::Archived => "archived",
        TierState::Restored { .. } => "restored",
    }
}

fn per_org(tenants: &[std::sync::Arc<Tenant>]) -> Registry {
    let mut registry = Registry::with_prefix("stele_log");
    type Read = fn(&stele_engine::log::Stats) -> u64;
    let series: [(&str, &str, Read); 6] = [
        ("size", "Events in the log", |s| s.size),
        ("segments", "Segments", |s| s.segments),
        ("sealing", "Segments being sealed", |s| s.sealing),
        ("active_bytes", "Bytes of the active segment", |s| s.active_bytes),
        ("data_bytes", "Bytes of data files", |s| s.data_bytes),
        ("heap_bytes", "Memory beyond mapped files", |s| s.heap_bytes),
    ];
    let stats: Vec<_> = tenants.iter().map(|t| (t.org.id.clone(), t.log.stats(), t.log.writable())).collect();
    for (name, help, read) in series {
        let family = Family::<OrgLabels, Gauge>::default();
        for (org, stats, _) in &stats {
            let labels = OrgLabels { org: org.clone() };
            family.get_or_create(&labels).set(i64::try_from(read(stats)).unwrap_or(i64::MAX));
        }
        registry.register(name, help, family);
    }
    let (syncs, duplicates) =
        (Family::<OrgLabels, Counter64>::default(), Family::<OrgLabels, Counter64>::default());
    let writable = Family::<OrgLabels, Gauge>::default();
    for (org, stats, open) in &stats {
        let labels = OrgLabels { org: org.clone() };
        syncs.get_or_create(&labels).inc_by(stats.syncs);
        duplicates.get_or_create(&labels).inc_by(stats.duplicates);
        writable.get_or_create(&labels).set(i64::from(open.is_ok()));
    }
    verification(&mut registry, tenants);
    tiers(&mut registry, tenants);
    registry.register("syncs", "Syncs of the active segment", syncs);
    registry.register("duplicates", "Events that were there already", duplicates);
    registry.register("writable", "1 when the log takes events", writable);
    registry
}
