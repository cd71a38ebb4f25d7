//! The state of a resource, rebuilt from the changes that its events tell.
//!
//! Changes are taken in order of (timestamp, sequence). Of an event, `metadata.changes` counts where it
//! is an object; its `before` and `after` count where they are objects (`after` also where it is null).
//!
//! 1. As long as no state is known, or the resource was deleted, an event's `before` is the state
//!    that it starts from.
//! 2. An event whose type ends in `.deleted`, or whose `after` is null, ends in the state `null`; such
//!    a type does so without any changes too.
//! 3. Otherwise the members of `after` are laid over the state: each takes the place of the member of
//!    its name as a whole, and one that is null in `after` is removed. Members that the event's
//!    `before` has and its `after` has not are removed too.
//! 4. An event without `after` tells what was, not what is: it changes nothing but by rule 1.
//!
//! The state is one object, members ascending by name (bytes as stored), values as they were written.

use std::collections::BTreeMap;

use super::json::{is_object, member, members};

/// What one event tells.
pub(super) struct Change<'a> {
    before: Option<&'a str>,
    after: Option<&'a str>,
    deleted: bool,
}

/// What is known of a resource.
#[derive(Default)]
pub(super) struct State {
    form: Form,
    /// Bytes of names and values.
    bytes: usize,
}

#[derive(Default)]
enum Form {
    #[default]
    Unknown,
    Deleted,
    /// Raw names and values.
    Known(BTreeMap<String, String>),
}

impl<'a> Change<'a> {
    /// What an event tells: its type and its metadata.
    pub fn of(event_type: &str, metadata: &'a str) -> Self {
        let changes = member(metadata, "changes").filter(|changes| is_object(changes));
        let side = |name| changes.and_then(|changes| member(changes, name));
        let after = side("after").filter(|after| is_object(after) || *after == "null");
        Self {
            before: side("before").filter(|before| is_object(before)),
            after: after.filter(|after| is_object(after)),
            deleted: event_type.ends_with(".deleted") || after == Some("null"),
        }
    }
}

/// True when an event belongs in a history: it has `metadata.changes` with `before` or `after`.
pub(super) fn has_changes(metadata: &str) -> bool {
    let changes = member(metadata, "changes").filter(|changes| is_object(changes));
    changes.is_some_and(|changes| members(changes).any(|(name, _)| name == "before" || name == "after"))
}

impl State {
    /// Goes on to what it is after an event.
    pub fn apply(&mut self, change: &Change<'_>) {
        if !matches!(self.form, Form::Known(_))
            && let Some(before) = change.before
        {
            self.lay_over(None, before);
        }
        if change.deleted {
            *self = Self { form: Form::Deleted, bytes: 0 };
        } else if let Some(after) = change.after {
            self.lay_over(change.before, after);
        }
    }

    fn lay_over(&mut self, before: Option<&str>, after: &str) {
        if !matches!(self.form, Form::Known(_)) {
            self.form = Form::Known(BTreeMap::new());
        }
        // What `after` still has is set again below.
        for (name, _) in before.map(members).into_iter().flatten() {
            self.set(name, "null");
        }
        for (name, value) in members(after) {
            self.set(name, value);
        }
    }

    /// Sets a member; null removes it.
    fn set(&mut self, name: &str, value: &str) {
        let Form::Known(state) = &mut self.form else { return };
        if let Some(old) = state.remove(name) {
            self.bytes -= name.len() + old.len();
        }
        if value != "null" {
            self.bytes += name.len() + value.len();
            state.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Canonical JSON; `None` when nothing is known.
    pub fn text(&self) -> Option<Vec<u8>> {
        let state = match &self.form {
            Form::Unknown => return None,
            Form::Deleted => return Some(b"null".to_vec()),
            Form::Known(state) => state,
        };
        let members: Vec<String> = state.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        Some(format!("{{{}}}", members.join(",")).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_after(events: &[(&str, &str)]) -> Option<String> {
        let mut state = State::default();
        for (event_type, metadata) in events {
            state.apply(&Change::of(event_type, metadata));
        }
        let text = state.text().map(|text| String::from_utf8(text).unwrap());
        assert!(state.bytes() <= text.as_ref().map_or(0, String::len));
        text
    }

    #[test]
    fn each_rule_of_the_state_holds() {
        let up = "agent.updated";
        for (events, wanted) in [
            (&[][..], None),
            (&[(up, r#"{"changes":{"after":{"b":1.50,"a":"x"}}}"#)], Some(r#"{"a":"x","b":1.50}"#)),
            // Members that the first event leaves alone come from its `before`.
            (
                &[(up, r#"{"changes":{"before":{"a":1,"b":2},"after":{"a":3,"b":2,"c":{"d":[1]}}}}"#)],
                Some(r#"{"a":3,"b":2,"c":{"d":[1]}}"#),
            ),
            // In `before`, not in `after`: removed. Null in `after`: removed.
            (&[(up, r#"{"changes":{"before":{"a":1,"b":2},"after":{"b":null}}}"#)], Some("{}")),
            (
                &[
                    (up, r#"{"changes":{"after":{"a":1,"b":2,"c":3}}}"#),
                    (up, r#"{"changes":{"before":{"a":1},"after":{"c":4}}}"#),
                ],
                Some(r#"{"b":2,"c":4}"#),
            ),
            // Only `before`: a start, or nothing.
            (&[(up, r#"{"changes":{"before":{"a":1}}}"#)], Some(r#"{"a":1}"#)),
            (
                &[(up, r#"{"changes":{"after":{"a":1}}}"#), (up, r#"{"changes":{"before":{"a":9,"z":1}}}"#)],
                Some(r#"{"a":1}"#),
            ),
            // Deleted, by type or by `after`, and made again.
            (&[(up, r#"{"changes":{"after":{"a":1}}}"#), ("agent.deleted", "{}")], Some("null")),
            (&[(up, r#"{"changes":{"before":{"a":1},"after":null}}"#)], Some("null")),
            (&[("agent.deleted", "{}"), (up, r#"{"changes":{"after":{"b":2}}}"#)], Some(r#"{"b":2}"#)),
            (
                &[
                    ("agent.deleted", "{}"),
                    (up, r#"{"changes":{"before":{"a":1,"b":1},"after":{"a":1,"b":2}}}"#),
                ],
                Some(r#"{"a":1,"b":2}"#),
            ),
            // Other types are no changes.
            (
                &[
                    (up, r#"{"changes":[{"after":{"a":1}}]}"#),
                    (up, r#"{"changes":{"after":7,"before":"x"}}"#),
                ],
                None,
            ),
        ] {
            assert_eq!(state_after(events).as_deref(), wanted, "{events:?}");
        }
    }

    #[test]
    fn a_history_holds_events_with_either_side() {
        for (metadata, wanted) in [
            (r#"{"changes":{"before":null}}"#, true),
            (r#"{"x":1,"changes":{"after":{}}}"#, true),
            (r#"{"changes":{"fields":[]}}"#, false),
            (r#"{"changes":null}"#, false),
            ("{}", false),
        ] {
            assert_eq!(has_changes(metadata), wanted, "{metadata}");
        }
    }
}
