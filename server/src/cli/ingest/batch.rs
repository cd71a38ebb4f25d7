//! Lines into request bodies: bounded by count and bytes, each event with an id.

use std::ops::Range;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::input::{Inputs, Line};
use crate::cli::failure::Failure;

/// Room for an `event_id` member added to a line.
const ID_MEMBER_BYTES: usize = 64;

/// One request: NDJSON, and where each of its lines came from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The lines, each with its line feed.
    pub body: Vec<u8>,
    /// Per line: end in `body`, index of the input, number of the line there.
    pub lines: Vec<(usize, usize, u64)>,
}

impl Batch {
    fn push(&mut self, line: &[u8], input: usize, number: u64) {
        match id_edit(line) {
            Some(edit) => {
                let (before, after) = (line.get(..edit.at.start), line.get(edit.at.end..));
                self.body.extend_from_slice(before.unwrap_or_default());
                self.body.extend_from_slice(edit.text.as_bytes());
                self.body.extend_from_slice(after.unwrap_or_default());
            }
            None => self.body.extend_from_slice(line),
        }
        self.body.push(b'\n');
        self.lines.push((self.body.len(), input, number));
    }

    /// Two halves, for a server that takes smaller requests. `None` when there is only one line.
    pub fn halve(self) -> Option<(Self, Self)> {
        let middle = self.lines.len() / 2;
        let cut = self.lines.get(middle.checked_sub(1)?)?.0;
        let (left, right) = self.body.split_at_checked(cut)?;
        let (left_lines, right_lines) = self.lines.split_at_checked(middle)?;
        let moved = right_lines.iter().map(|(end, input, number)| (end - cut, *input, *number)).collect();
        Some((
            Self { body: left.to_vec(), lines: left_lines.to_vec() },
            Self { body: right.to_vec(), lines: moved },
        ))
    }
}

/// A line that was refused without asking the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Index of the input.
    pub input: usize,
    /// Number of the line.
    pub line: u64,
    /// Why.
    pub detail: String,
}

/// What comes next.
pub enum Item {
    /// A batch to send.
    Batch(Batch),
    /// A line that cannot be sent.
    Refused(Refused),
}

/// Cuts inputs into batches.
pub struct Batches {
    inputs: Inputs,
    events_max: usize,
    bytes_max: usize,
    line: Vec<u8>,
    /// A line that did not fit into the batch before: index of its input, and its number.
    held: Option<(usize, u64)>,
    /// A refused line that waits for the batch before it to go out.
    late: Option<Refused>,
}

impl Batches {
    /// Batches of at most `events_max` lines and about `bytes_max` bytes.
    pub fn new(inputs: Inputs, events_max: usize, bytes_max: usize) -> Self {
        Self { inputs, events_max, bytes_max, line: Vec::new(), held: None, late: None }
    }

    /// The next batch or refused line; `None` at the end. Blank lines are passed over.
    pub fn next(&mut self) -> Result<Option<Item>, Failure> {
        if let Some(refused) = self.late.take() {
            return Ok(Some(Item::Refused(refused)));
        }
        let mut batch = Batch::default();
        if let Some((input, number)) = self.held.take() {
            batch.push(&self.line, input, number);
        }
        while batch.lines.len() < self.events_max {
            let Some((kind, input, number)) = self.inputs.line(&mut self.line, self.bytes_max)? else {
                break;
            };
            if kind == Line::TooLong {
                let detail = format!("the line has more than {} bytes (--batch-bytes)", self.bytes_max);
                let refused = Refused { input, line: number, detail };
                if batch.lines.is_empty() {
                    return Ok(Some(Item::Refused(refused)));
                }
                self.late = Some(refused);
                break;
            }
            if self.line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let grown = batch.body.len() + self.line.len() + ID_MEMBER_BYTES;
            if grown > self.bytes_max && !batch.lines.is_empty() {
                self.held = Some((input, number));
                break;
            }
            batch.push(&self.line, input, number);
        }
        Ok((!batch.lines.is_empty()).then_some(Item::Batch(batch)))
    }
}

/// Bytes of a line to replace, so that the event has an id.
struct Edit {
    at: Range<usize>,
    text: String,
}

/// Where an event gets the id it lacks. `None` where it has one, and for lines that are no JSON
/// object or name `event_id` twice: the server says what is wrong with those.
fn id_edit(line: &[u8]) -> Option<Edit> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        event_id: Option<&'a RawValue>,
    }
    // A null is told apart from an absent member: it has to be replaced, not joined by a second one.
    fn present<'de, D: Deserializer<'de>>(d: D) -> Result<Option<&'de RawValue>, D::Error> {
        <&RawValue>::deserialize(d).map(Some)
    }

    let start = line.iter().position(|b| !b.is_ascii_whitespace())?;
    if line.get(start) != Some(&b'{') {
        return None;
    }
    let envelope: Envelope<'_> = serde_json::from_slice(line).ok()?;
    let id = || Uuid::now_v7().to_string();
    match envelope.event_id {
        Some(value) if value.get() == "null" => {
            let at = value.get().as_ptr() as usize - line.as_ptr() as usize;
            Some(Edit { at: at..at + "null".len(), text: format!("\"{}\"", id()) })
        }
        Some(_) => None,
        None => {
            let rest = line.get(start + 1..)?.iter().find(|b| !b.is_ascii_whitespace())?;
            let comma = if *rest == b'}' { "" } else { "," };
            Some(Edit { at: start + 1..start + 1, text: format!("\"event_id\":\"{}\"{comma}", id()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::Value;

    use super::*;

    fn batch_of(lines: &[&str]) -> Batch {
        let mut batch = Batch::default();
        for (i, line) in lines.iter().enumerate() {
            batch.push(line.as_bytes(), 0, i as u64 + 1);
        }
        batch
    }

    fn id_after(line: &str) -> Option<String> {
        let batch = batch_of(&[line]);
        let value: Value = serde_json::from_slice(&batch.body).unwrap();
        Some(value.get("event_id")?.as_str()?.to_owned())
    }

    #[test]
    fn events_without_an_id_get_one_and_nothing_else_changes() {
        for line in
            ["{}", "{ }", r#"{"a":1.0}"#, r#" {"event_id" : null, "a":1}"#, r#"{"a":{"event_id":"x"}}"#]
        {
            let id = id_after(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 7, "{line}");
        }
        assert!(batch_of(&[r#"{"a":1.0}"#]).body.ends_with(b",\"a\":1.0}\n"));
        assert_ne!(id_after("{}"), id_after("{}"));
    }

    #[test]
    fn lines_with_an_id_or_beyond_repair_are_sent_as_they_are() {
        for line in [
            r#"{"event_id":"e1"}"#,
            r#"{"event_id":7}"#,
            "[1]",
            "nonsense",
            r#"{"event_id":null,"event_id":"a"}"#,
            "{",
        ] {
            assert_eq!(batch_of(&[line]).body, format!("{line}\n").into_bytes(), "{line}");
        }
    }

    #[test]
    fn halves_keep_every_line_and_its_place() {
        let batch = batch_of(&[r#"{"event_id":"a"}"#, r#"{"event_id":"b"}"#, r#"{"event_id":"c"}"#]);
        let (left, right) = batch.halve().unwrap();
        assert_eq!((left.lines.len(), right.lines.len()), (1, 2));
        assert_eq!(left.body, b"{\"event_id\":\"a\"}\n");
        assert_eq!(right.lines, [(17, 0, 2), (34, 0, 3)]);
        assert!(left.halve().is_none(), "one line cannot be halved");
    }

    #[test]
    fn batches_end_at_count_at_bytes_and_around_lines_too_long() {
        let path = std::env::temp_dir().join(format!("stele-batches-{}.ndjson", std::process::id()));
        let small = r#"{"event_id":"s"}"#;
        let long = "x".repeat(300);
        std::fs::write(&path, format!("{small}\n\n{small}\n{small}\n{long}\n{small}\n")).unwrap();
        let cut = |events_max, bytes_max| {
            let inputs = Inputs::new(&[PathBuf::from(&path)]).unwrap();
            let mut batches = Batches::new(inputs, events_max, bytes_max);
            let mut found = Vec::new();
            while let Some(item) = batches.next().unwrap() {
                found.push(match item {
                    Item::Batch(batch) => batch.lines.iter().map(|l| l.2).collect::<Vec<_>>(),
                    Item::Refused(refused) => vec![refused.line, 0],
                });
            }
            found
        };
        assert_eq!(cut(2, 1000), [vec![1, 3], vec![4, 5], vec![6]]);
        assert_eq!(cut(100, 200), [vec![1, 3, 4], vec![5, 0], vec![6]], "line 5 is refused");
        assert_eq!(cut(100, 100), [vec![1, 3], vec![4], vec![5, 0], vec![6]], "bytes bound a batch");
        std::fs::remove_file(&path).unwrap();
    }
}
