//! What answers leave out because it is in the archive, and how it is told.

use std::sync::Arc;

use serde_json::{Value, json};
use stele_engine::error::StoreError;
use stele_engine::log::{Gap, Log, TierRange, TierState};

use super::times;
use crate::app::App;
use crate::http::json::{self as text, Object};
use crate::http::problem::Problem;

/// Ranges that one refusal names.
const NAMED_MAX: usize = 100;

/// Appends gaps as a list.
pub fn write(out: &mut Vec<u8>, gaps: &[Gap]) {
    text::array(out, gaps, |out, gap| {
        let mut object = Object::begin(out);
        text::number(object.member("first_sequence"), gap.first_sequence);
        text::number(object.member("last_sequence"), gap.last_sequence);
        text::string(object.member("from"), &at(gap.from_us));
        text::string(object.member("to"), &at(gap.to_us.saturating_add(1)));
        text::number(object.member("events"), gap.events);
        object.end();
    });
}

/// The same as a value.
pub fn shown(gaps: &[Gap]) -> Value {
    let shown = gaps.iter().map(|gap| {
        json!({
            "first_sequence": gap.first_sequence,
            "last_sequence": gap.last_sequence,
            "from": at(gap.from_us),
            "to": at(gap.to_us.saturating_add(1)),
            "events": gap.events,
        })
    });
    Value::Array(shown.collect())
}

/// Times as restores take them: what ends a range is not in it.
fn at(us: i64) -> String {
    times::show(us.saturating_mul(1000))
}

/// What a blocking call found; a refusal because of archived records names what to restore.
///
/// # Errors
/// 409 for archived records, else what the store's error is.
pub async fn here<T>(app: &Arc<App>, log: &Arc<Log>, found: Result<T, StoreError>) -> Result<T, Problem> {
    match found {
        Err(StoreError::Archived { first_sequence, last_sequence }) => {
            let reader = Arc::clone(log);
            let tiers = app.block(move || reader.tiers()).await?;
            let meets = |range: &TierRange| {
                range.first_sequence <= last_sequence && range.last_sequence >= first_sequence
            };
            Err(problem(tiers.iter().filter(|range| meets(range))))
        }
        found => Ok(found?),
    }
}

/// The refusal that names archived segments; those of `ranges` that are here are left out.
pub fn problem<'a>(ranges: impl Iterator<Item = &'a TierRange>) -> Problem {
    let away: Vec<&TierRange> = ranges.filter(|range| range.state == TierState::Archived).collect();
    let shown: Vec<Value> = away.iter().take(NAMED_MAX).map(|range| show(range)).collect();
    let first = away.first().map_or(0, |range| range.first_sequence);
    let last = away.last().map_or(0, |range| range.last_sequence);
    Problem::archived(first, last, &json!(shown))
}

fn show(range: &TierRange) -> Value {
    json!({
        "first_sequence": range.first_sequence,
        "last_sequence": range.last_sequence,
        "from": at(range.event_first_us),
        "to": at(range.event_last_us.saturating_add(1)),
        "events": range.events,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_told_by_sequence_and_time() {
        let gap = Gap { first_sequence: 3, last_sequence: 7, from_us: 0, to_us: 1_500_000, events: 5 };
        let mut out = Vec::new();
        write(&mut out, &[gap]);
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), super::shown(&[gap]));
        let shown: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            shown,
            json!([{"first_sequence": 3, "last_sequence": 7, "from": "1970-01-01T00:00:00Z",
                "to": "1970-01-01T00:00:01.500001Z", "events": 5}])
        );
    }
}
