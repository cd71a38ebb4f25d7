//! Rates per key: the generic cell rate algorithm, one number a meter.
//!
//! A meter holds the time at which it would be empty again. A call moves it on by one interval, and
//! is refused when that would be further ahead than the burst allows.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::http::problem::Problem;
use crate::serve::Rate;

/// Counts the calls of one kind by one key.
#[derive(Debug, Default)]
pub struct Meter {
    /// Microseconds since 1970 at which the meter is empty.
    empty_at_us: AtomicU64,
}

/// What a meter says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// False when the call comes too soon.
    pub allowed: bool,
    /// Calls that may follow at once.
    pub remaining: u32,
    /// Seconds until the next call is allowed, rounded up; 0 when it is.
    pub retry_s: u64,
    /// Seconds until the whole burst is there again, rounded up.
    pub reset_s: u64,
    rate: Rate,
}

impl Meter {
    /// Counts one call at `now_us`.
    pub fn count(&self, rate: Rate, now_us: u64) -> Verdict {
        let interval = (60_000_000 / u64::from(rate.per_minute.max(1))).max(1);
        let room = interval * u64::from(rate.burst.max(1));
        let mut before = self.empty_at_us.load(Ordering::Relaxed);
        loop {
            let next = before.max(now_us) + interval;
            let ahead = next - now_us;
            if ahead > room {
                return Verdict {
                    allowed: false,
                    remaining: 0,
                    retry_s: (ahead - room).div_ceil(1_000_000),
                    reset_s: (before - now_us).div_ceil(1_000_000),
                    rate,
                };
            }
            let order = Ordering::Relaxed;
            match self.empty_at_us.compare_exchange_weak(before, next, order, order) {
                Ok(_) => {
                    let remaining = u32::try_from((room - ahead) / interval).unwrap_or(u32::MAX);
                    let reset_s = ahead.div_ceil(1_000_000);
                    return Verdict { allowed: true, remaining, retry_s: 0, reset_s, rate };
                }
                Err(now) => before = now,
            }
        }
    }
}

impl Verdict {
    /// 429 for a call that comes too soon.
    pub fn refusal(&self) -> Problem {
        let detail = format!("this key may send its next request in {} s", self.retry_s);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail)
            .with(header::RETRY_AFTER, HeaderValue::from(self.retry_s))
    }

    /// Adds `RateLimit-Policy` and `RateLimit` (and `Retry-After` to a refusal).
    pub fn write(&self, headers: &mut HeaderMap) {
        let burst = self.rate.burst.max(1);
        let window = (u64::from(burst) * 60).div_ceil(u64::from(self.rate.per_minute.max(1)));
        let policy = format!("\"key\";q={burst};w={window}");
        let state = format!("\"key\";r={};t={}", self.remaining, self.reset_s);
        for (name, text) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let rate = Rate { per_minute: 60, burst: 3 };
        let meter = Meter::default();
        let start = 1_700_000_000_000_000;
        let remaining: Vec<u32> = (0..3).map(|_| meter.count(rate, start).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = meter.count(rate, start);
        assert!(!refused.allowed);
        assert_eq!((refused.retry_s, refused.reset_s), (1, 3));
        assert!(meter.count(rate, start + 1_000_000).allowed);
        assert!(!meter.count(rate, start + 1_000_001).allowed);
        let rested = meter.count(rate, start + 60_000_000);
        assert_eq!((rested.allowed, rested.remaining), (true, 2));
    }

    #[test]
    fn the_long_run_is_the_rate_whatever_the_pattern() {
        let rate = Rate { per_minute: 6000, burst: 300 };
        let meter = Meter::default();
        let start = 1_700_000_000_000_000;
        let passed = (0..60_000u64).filter(|i| meter.count(rate, start + i * 1000).allowed).count();
        assert!((6000..=6300).contains(&passed), "{passed} in a minute");
    }

    #[test]
    fn headers_state_policy_and_rest() {
        let verdict = Meter::default().count(Rate { per_minute: 6000, burst: 300 }, 5);
        let mut headers = HeaderMap::new();
        verdict.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"key\";q=300;w=3");
        assert_eq!(headers["ratelimit"], "\"key\";r=299;t=1");
    }
}
