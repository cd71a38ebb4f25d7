//! The filter of a report in words.

use stele_engine::tags::{Axis, Dimension, Filter, Value};

use super::time_us;

/// The range, as a sentence's beginning.
pub fn range(filter: &Filter) -> String {
    let (what, from, to) = (what(filter.axis), time_us(filter.from_us), time_us(filter.to_us));
    if filter.from_us == 0 {
        format!("Events {what} before {to}")
    } else {
        format!("Events {what} from {from} up to, and not including, {to}")
    }
}

fn what(axis: Axis) -> &'static str {
    match axis {
        Axis::Event => "that happened (timestamp)",
        Axis::Commit => "that were recorded (committed_at)",
    }
}

/// Each dimension with its values.
pub fn conditions(filter: &Filter) -> Vec<(&'static str, Vec<String>)> {
    let values = |values: &[Value]| values.iter().map(value).collect();
    filter.dimensions.iter().map(|(dimension, of)| (name(*dimension), values(of))).collect()
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Pair(kind, id) => format!("{kind} {id}"),
    }
}

const fn name(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::EventType => "Event type",
        Dimension::Actor => "Actor (type and id)",
        Dimension::Category => "Category",
        Dimension::Resource => "Resource (type and id)",
        Dimension::Status => "Status",
        Dimension::ActorEmail => "Actor’s e-mail address",
        Dimension::ActorName => "Actor’s name",
        Dimension::ResourceType => "Resource type",
        Dimension::ActorType => "Actor type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_reads_like_what_was_asked() {
        let text = |text: &str| Value::Text(text.to_owned());
        let dimensions = vec![
            (Dimension::Status, vec![text("success"), text("failure")]),
            (Dimension::Actor, vec![Value::Pair("user".to_owned(), "usr_1".to_owned())]),
        ];
        let filter = Filter::new(Axis::Event, 1_000_000, 2_500_000, dimensions);
        assert_eq!(
            range(&filter),
            "Events that happened (timestamp) from 1970-01-01T00:00:01Z up to, and not including, 1970-01-01T00:00:02.500000Z"
        );
        let shown = conditions(&filter);
        assert_eq!(shown[0], ("Actor (type and id)", vec!["user usr_1".to_owned()]));
        assert_eq!(shown[1].1, ["failure", "success"]);
        let open = Filter::new(Axis::Commit, 0, 1_000_000, Vec::new());
        assert_eq!(range(&open), "Events that were recorded (committed_at) before 1970-01-01T00:00:01Z");
    }
}
