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
    fn actor(&self) -> &str {
        [&self.email, &self.id, &self.name].into_iter().flatten().next().unwrap_or(&self.r#type)
    }

    fn resource(&self) -> String {
        format!("{}/{}", self.r#type, self.id.as_deref().unwrap_or_default())
    }
}

/// Which columns fit a terminal, and how wide those are that can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    party_chars: usize,
    action: bool,
    id: bool,
}

impl Columns {
    /// For a terminal of `width` characters. Narrow ones lose the action, then the id, so that an
    /// event stays one line.
    pub fn fit(width: usize) -> Self {
        let (id, action) = (width >= 120, width >= 150);
        let taken = 60 + if id { 38 } else { 0 } + if action { 18 } else { 0 };
        Self { party_chars: (width.saturating_sub(taken) / 2).clamp(8, 40), action, id }
    }

    /// The header of a table with these columns.
    pub fn header(self) -> Vec<&'static str> {
        let mut names = vec!["TIME", "TYPE", "STATUS", "ACTOR", "RESOURCE"];
        names.extend(self.action.then_some("ACTION"));
        names.extend(self.id.then_some("EVENT ID"));
        names
    }
}

impl<'a> Shown<'a> {
    /// Reads an event's line; what is missing stays empty.
    pub fn read(line: &'a str) -> Self {
        serde_json::from_str(line).unwrap_or_default()
    }

    /// Adds the event to a table.
    pub fn add_to(&self, table: &mut Table, columns: Columns) {
        let party = |text: &str| cell(&shortened(text, columns.party_chars));
        let mut cells: Vec<Cell> = vec![
            cell(&seconds(&self.timestamp)),
            cell(&shortened(&self.event_type, 24)),
            status_cell(&self.status),
            party(self.actor.actor()),
            party(&self.resource.resource()),
        ];
        cells.extend(columns.action.then(|| cell(&shortened(&self.action, 16))));
        cells.extend(columns.id.then(|| cell(&self.event_id)));
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
            printable(self.actor.actor()),
            printable(&self.resource.resource()),
        )
    }
}

/// A UTC time without its decimals.
fn seconds(timestamp: &str) -> Cow<'_, str> {
    match timestamp.split_once('.') {
        Some((whole, _)) => Cow::Owned(format!("{whole}Z")),
        None => Cow::Borrowed(timestamp),
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
        assert!(line.contains("a\\u{1b}@example.com  →  session/s1"), "{line:?}");
        assert!(!Shown::read(LINE).line(false).contains('\x1b'));
    }

    #[test]
    fn what_cannot_be_read_shows_empty_and_does_not_end_the_list() {
        let mut table = Table::new();
        Shown::read("{}").add_to(&mut table, Columns::fit(80));
        Shown::read("nonsense").add_to(&mut table, Columns::fit(80));
        assert_eq!(table.row_count(), 2);
    }

    #[test]
    fn an_event_stays_one_line_on_any_usual_terminal() {
        for width in [80, 100, 119, 120, 140, 150, 200] {
            let mut table = Table::new();
            table.load_style(comfy_table::presets::NOTHING).set_header(Columns::fit(width).header());
            let long = LINE.replace("usr", &"x".repeat(90)).replace("s1", &"y".repeat(90));
            let long = long
                .replace("a\\u001b", &"z".repeat(90))
                .replace("\"e1\"", &format!("\"{}\"", "0".repeat(36)));
            Shown::read(&long).add_to(&mut table, Columns::fit(width));
            let widest = table.lines().map(|l| l.trim_end().chars().count()).max().unwrap();
            assert!(widest <= width, "{widest} of {width}:\n{table}");
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äöü…");
    }
}
