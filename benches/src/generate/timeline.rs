//! When events happen: an even stream, or a month with days, nights, weekends and incidents.
//!
//! Keeps true: times follow the index, so an event's time is found without the events before it.

use super::rng::Rng;

const MINUTE_NS: i64 = 60_000_000_000;
/// Of one weekday, by hour in UTC: offices of three continents.
const BY_HOUR: [u64; 24] =
    [18, 14, 12, 11, 13, 20, 34, 55, 78, 92, 96, 94, 88, 95, 100, 98, 92, 84, 72, 58, 46, 38, 30, 23];

/// What goes on in an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A service answers with errors; begins with `service.degraded`, ends with `service.restored`.
    Outage,
    /// Many failed logins from few addresses.
    LoginAttack,
    /// One key sends far too many requests.
    Flood,
    /// Announced work; begins and ends with `maintenance.*`.
    Maintenance,
}

/// A stretch of minutes with trouble.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) trouble: Trouble,
    pub(crate) from_minute: usize,
    pub(crate) to_minute: usize,
    /// Which service, address range or key.
    pub(crate) subject: usize,
    /// Indexes of its first and its last event.
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// Maps the index of an event to its time.
#[derive(Debug)]
pub(crate) struct Timeline {
    start_ns: i64,
    span_ns: i64,
    events: u64,
    month: Option<Month>,
}
#[derive(Debug)]
struct Month {
    /// For each minute, the index of its first event; one entry more at the end.
    first_of_minute: Vec<u64>,
    incidents: Vec<Incident>,
}

impl Timeline {
    pub(crate) fn even(start_ns: i64, span_ns: i64, events: u64) -> Self {
        Self { start_ns, span_ns, events: events.max(1), month: None }
    }
    pub(crate) fn month(start_ns: i64, span_ns: i64, events: u64, seed: u64) -> Self {
        let minutes = usize::try_from(span_ns / MINUTE_NS).unwrap_or(0).max(1);
        let mut incidents = incidents(minutes, seed);
        let mut weights: Vec<u64> = (0..minutes).map(|minute| weight(start_ns, minute)).collect();
        for incident in &incidents {
            let times = match incident.trouble {
                Trouble::Maintenance => 1,
                Trouble::Outage => 5,
                Trouble::LoginAttack | Trouble::Flood => 9,
            };
            // At night too, an incident is heard of.
            weights[incident.from_minute..incident.to_minute]
                .iter_mut()
                .for_each(|w| *w = (*w).max(40) * times);
        }
        let first_of_minute = spread(&weights, events);
        for incident in &mut incidents {
            incident.first = first_of_minute[incident.from_minute];
            incident.last = first_of_minute[incident.to_minute].saturating_sub(1).max(incident.first);
        }
        Self { start_ns, span_ns, events: events.max(1), month: Some(Month { first_of_minute, incidents }) }
    }
    /// Nanoseconds since 1970; never less for a higher index.
    pub(crate) fn time_ns(&self, index: u64, jitter: u64) -> i64 {
        let jitter = jitter & 0xff;
        match &self.month {
            None => self.start_ns + scaled(self.span_ns, index * 256 + jitter, self.events * 256),
            Some(month) => {
                let minute = month.minute_of(index);
                let (first, next) = (month.first_of_minute[minute], month.first_of_minute[minute + 1]);
                let within = scaled(MINUTE_NS, (index - first) * 256 + jitter, (next - first).max(1) * 256);
                self.start_ns + minute as i64 * MINUTE_NS + within
            }
        }
    }
    /// The incident that the event falls into.
    pub(crate) fn incident(&self, index: u64) -> Option<&Incident> {
        let incidents = &self.month.as_ref()?.incidents;
        incidents.iter().find(|incident| (incident.first..=incident.last).contains(&index))
    }
}

impl Month {
    fn minute_of(&self, index: u64) -> usize {
        let after = self.first_of_minute.partition_point(|first| *first <= index);
        // Indexes past the last event stay in the last minute.
        after.saturating_sub(1).min(self.first_of_minute.len() - 2)
    }
}

fn scaled(span_ns: i64, part: u64, of: u64) -> i64 {
    (i128::from(span_ns) * i128::from(part) / i128::from(of)) as i64
}

fn weight(start_ns: i64, minute: usize) -> u64 {
    let minutes = start_ns / MINUTE_NS + minute as i64;
    let (hour, day) = (minutes / 60 % 24, minutes / 1440);
    // 1970-01-01 was a Thursday.
    let weekend = matches!(day % 7, 2 | 3);
    let hourly = BY_HOUR[usize::try_from(hour).unwrap_or(0)];
    if weekend { hourly / 3 + 2 } else { hourly }
}

/// Shares `events` out by weight; entry `m` is the index of the first event of minute `m`.
fn spread(weights: &[u64], events: u64) -> Vec<u64> {
    let total: u128 = weights.iter().map(|w| u128::from(*w)).sum::<u128>().max(1);
    let mut below = 0u128;
    let mut first = Vec::with_capacity(weights.len() + 1);
    for weight in weights {
        first.push((below * u128::from(events) / total) as u64);
        below += u128::from(*weight);
    }
    first.push(events);
    first
}

/// Incidents at hours drawn from the seed: an outage every fourth day, a login attack every sixth, a
/// flood every fifth, maintenance once a week. Each has a third of its day to itself, so none overlap.
fn incidents(minutes: usize, seed: u64) -> Vec<Incident> {
    const PLAN: [(usize, Trouble, usize, usize, usize); 4] = [
        // third of the day, what, every so many days, beginning on day, minutes at most
        (1, Trouble::Outage, 4, 1, 45),
        (2, Trouble::LoginAttack, 6, 2, 18),
        (1, Trouble::Flood, 5, 3, 12),
        (0, Trouble::Maintenance, 7, 0, 90),
    ];
    let mut all: Vec<Incident> = Vec::new();
    for day in 0..minutes.div_ceil(1440) {
        let mut rng = Rng::keyed(seed ^ 0x0069_6e63_6964, day as u64);
        for (third, trouble, every, begin, longest) in PLAN {
            let from_minute = day * 1440 + third * 480 + rng.below(480 - longest);
            let to_minute = from_minute + longest / 2 + rng.below(longest / 2);
            let subject = rng.below(1024);
            let free = !all.iter().any(|other| other.from_minute / 480 == day * 3 + third);
            if day % every == begin && free && to_minute < minutes {
                all.push(Incident { trouble, from_minute, to_minute, subject, first: 0, last: 0 });
            }
        }
    }
    all
}
