//! An event as people see it: one row or one line.

use std::borrow::Cow;

use comfy_table::{Cell, Table};
use serde::Deserialize;

use super::out::{cell, status_cell};
use super::text::printable;

/// The members that are shown; others are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Shown<'a> {
    #[serde(borrow)]
    event_id: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    actor: Party,
    resource: Party,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

/// An actor or a resource.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Party {
    r#type: String,
    id: Option<String>,
    email: Option<String>,
    name: Option<String>,
}

impl Party {
    /// The name that says most: e-mail, else id, else name, else only the type.
    fn actor(&self) -> String {
        let best = self.email.as_ref().or(self.id.as_ref()).or(self.name.as_ref());
        best.map_or_else(|| self.r#type.clone(), |name| format!("{} {name}", self.r#type))
    }

    fn resource(&self) -> String {
        format!("{} {}", self.r#type, self.id.as_deref().unwrap_or("-"))
    }
}

/// Header of a table of events.
pub const HEADER: [&str; 7] = ["TIME", "TYPE", "STATUS", "ACTOR", "RESOURCE", "ACTION", "EVENT ID"];

impl<'a> Shown<'a> {
    /// Reads an event's line; what is missing stays empty.
    pub fn read(line: &'a str) -> Self {
        serde_json::from_str(line).unwrap_or_default()
    }

    /// Adds the event to a table.
    pub fn add_to(&self, table: &mut Table) {
        let cells: [Cell; 7] = [
            cell(&self.timestamp),
            cell(&self.event_type),
            status_cell(&self.status),
            cell(&shortened(&self.actor.actor(), 40)),
            cell(&shortened(&self.resource.resource(), 40)),
            cell(&shortened(&self.action, 24)),
            cell(&self.event_id),
        ];
        table.add_row(cells);
    }

    /// The event as one line, for a live tail. `colour` paints the status.
    pub fn line(&self, colour: bool) -> String {
        let status = printable(&self.status);
        let painted = match (colour, status.as_ref()) {
            (true, "success") => format!("\x1b[32m{status:<7}\x1b[0m"),
            (true, "failure") => format!("\x1b[31m{status:<7}\x1b[0m"),
            (true, "pending") => format!("\x1b[33m{status:<7}\x1b[0m"),
            _ => format!("{status:<7}"),
        };
        format!(
            "{}  {painted}  {:<24}  {}  →  {}",
            printable(&self.timestamp),
            printable(&self.event_type),
            printable(&self.actor.actor()),
            printable(&self.resource.resource()),
        )
    }
}

/// At most `chars` characters, with an ellipsis where something was cut.
fn shortened(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"event_id":"e1","timestamp":"2026-11-23T07:28:00Z","event_type":"auth.login","category":"auth",
        "actor":{"type":"user","id":"u1","email":"a\u001b@example.com"},"resource":{"type":"session","id":"s1"},
        "action":"login","status":"failure","metadata":{},"chain":{"sequence":1}}"#;

    #[test]
    fn an_event_is_one_line_without_control_characters() {
        let line = Shown::read(LINE).line(true);
        assert!(line.contains("\x1b[31mfailure\x1b[0m"), "{line:?}");
        assert!(line.contains("user a\\u{1b}@example.com  →  session s1"), "{line:?}");
        assert!(!Shown::read(LINE).line(false).contains('\x1b'));
    }

    #[test]
    fn what_cannot_be_read_shows_empty_and_does_not_end_the_list() {
        let mut table = Table::new();
        Shown::read("{}").add_to(&mut table);
        Shown::read("nonsense").add_to(&mut table);
        assert_eq!(table.row_count(), 2);
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äöü…");
    }
}
