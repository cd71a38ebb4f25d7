//! Failures that are alike, as groups.
//!
//! A group's fingerprint is a function of the event type, the message without what varies (see
//! `message`) and the innermost stack frames (see `stack`): the first 8 bytes of the BLAKE3 hash over
//! them, each followed by a zero byte.
//!
//! - The message is the first string that is not blank among `metadata.message`, `error.message`, `error`, `reason`,
//!   `detail`, `description`; where there is none, the action and the event type.
//! - The stack is the first string, or array of strings (its lines), among `metadata.stack`,
//!   `stack_trace`, `stacktrace`, `error.stack`, `traceback`.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::events::Events;
use super::json::{elements, member, members, string};
use super::message::normalized;
use super::stack::top_frames;
use crate::error::StoreError;
use crate::event::Fields;
use crate::ids::hex;
use crate::query::ErrorGroup;

/// Members that are looked at.
const NAMES: [&str; 9] = [
    "message",
    "error",
    "reason",
    "detail",
    "description",
    "stack",
    "stack_trace",
    "stacktrace",
    "traceback",
];
/// Most bytes of texts that are remembered as known.
const CACHE_BYTES_MAX: usize = 16 << 20;

/// Groups while they are gathered.
struct Gathered<'e> {
    events: &'e Events<'e>,
    groups: Vec<ErrorGroup>,
    by_fingerprint: HashMap<[u8; 8], usize>,
    /// Type, message and stack as they were sent: most failures repeat word for word.
    known: HashMap<String, usize>,
    known_bytes: usize,
    /// First nanosecond of the sparkline, and its length.
    from_ns: i64,
    length_ns: i128,
    sparks: usize,
}

/// Groups of the matching events, of which all must be failures: the most recently seen first. The
/// sparkline's `sparks` parts divide the searched time, or where it has no end the time from the first to the
/// last match.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn errors(events: &Events<'_>, sparks: usize) -> Result<Vec<ErrorGroup>, StoreError> {
    let Some((first, last)) = range(events)? else { return Ok(Vec::new()) };
    let mut gathered = Gathered {
        events,
        groups: Vec::new(),
        by_fingerprint: HashMap::new(),
        known: HashMap::new(),
        known_bytes: 0,
        from_ns: first,
        length_ns: i128::from(last) - i128::from(first) + 1,
        sparks,
    };
    for part in events.parts() {
        let docs = events.look(part, |_, docs| Ok(docs.to_vec()))?.unwrap_or_default();
        events.records(part, &docs, |doc, fields| gathered.add(part.first + u64::from(doc), fields))?;
    }
    let mut groups = gathered.groups;
    groups.sort_unstable_by_key(|group| std::cmp::Reverse((group.last_seen_ns, group.sample)));
    Ok(groups)
}

/// First and last nanosecond of the searched time.
fn range(events: &Events<'_>) -> Result<Option<(i64, i64)>, StoreError> {
    let (from, to) = events.plan.time_range();
    if from > i64::MIN
        && let Some(to) = to
    {
        return Ok(Some((from, to.saturating_sub(1))).filter(|(from, last)| from <= last));
    }
    let span = events.span()?;
    let from = Some(from).filter(|&from| from > i64::MIN);
    Ok(span.map(|(first, last)| (from.unwrap_or(first), to.map_or(last, |to| to.saturating_sub(1)))))
}

impl Gathered<'_> {
    fn add(&mut self, sequence: u64, fields: &Fields<'_>) -> Result<(), StoreError> {
        let (message, stack) = told(fields.metadata);
        let message =
            message.unwrap_or_else(|| Cow::Owned(format!("{} {}", fields.action, fields.event_type)));
        let group = self.group(fields.event_type, &message, &stack.unwrap_or_default())?;
        let spark =
            (i128::from(fields.time_ns) - i128::from(self.from_ns)) * self.sparks as i128 / self.length_ns;
        let group = &mut self.groups[group];
        group.count += 1;
        group.first_seen_ns = group.first_seen_ns.min(fields.time_ns);
        if (fields.time_ns, sequence) >= (group.last_seen_ns, group.sample) {
            (group.last_seen_ns, group.sample) = (fields.time_ns, sequence);
        }
        if let Some(count) = usize::try_from(spark).ok().and_then(|spark| group.sparkline.get_mut(spark)) {
            *count += 1;
        }
        Ok(())
    }

    fn group(&mut self, event_type: &str, message: &str, stack: &str) -> Result<usize, StoreError> {
        // No event type holds a line end, so a text has one meaning with the lengths in front.
        let text = format!("{event_type}\n{}\n{message}{stack}", message.len());
        if let Some(&known) = self.known.get(&text) {
            return Ok(known);
        }
        let group = self.find(event_type, normalized(message), &top_frames(stack))?;
        self.known_bytes += text.len();
        if self.known_bytes <= CACHE_BYTES_MAX {
            self.known.insert(text, group);
        }
        Ok(group)
    }

    fn find(&mut self, event_type: &str, message: String, frames: &[String]) -> Result<usize, StoreError> {
        let fingerprint = fingerprint(event_type, &message, frames);
        if let Some(&known) = self.by_fingerprint.get(&fingerprint) {
            return Ok(known);
        }
        self.events.budget.keep(size_of::<ErrorGroup>() + 64 + message.len() + self.sparks * 8)?;
        self.by_fingerprint.insert(fingerprint, self.groups.len());
        self.groups.push(ErrorGroup {
            fingerprint: hex(&fingerprint),
            event_type: event_type.to_owned(),
            message,
            count: 0,
            first_seen_ns: i64::MAX,
            last_seen_ns: i64::MIN,
            sample: 0,
            sparkline: vec![0; self.sparks],
        });
        Ok(self.groups.len() - 1)
    }
}

fn fingerprint(event_type: &str, message: &str, frames: &[String]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    for text in [event_type, message].into_iter().chain(frames.iter().map(String::as_str)) {
        hasher.update(text.as_bytes()).update(&[0]);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    first
}

/// Message and stack of metadata, which is read once.
fn told(metadata: &str) -> (Option<Cow<'_, str>>, Option<Cow<'_, str>>) {
    let mut found = [None; NAMES.len()];
    for (name, value) in members(metadata) {
        if let Some(at) = NAMES.iter().position(|known| *known == name) {
            found[at] = Some(value);
        }
    }
    let [message, error, reason, detail, description, stack, stack_trace, stacktrace, traceback] = found;
    let of_error = |name| error.and_then(|error| member(error, name));
    let texts = [message, of_error("message"), error, reason, detail, description].into_iter().flatten();
    let stacks = [stack, stack_trace, stacktrace, of_error("stack"), traceback].into_iter().flatten();
    let said = |text: &Cow<'_, str>| !text.trim().is_empty();
    (texts.filter_map(string).find(said), stacks.filter_map(lines).find(said))
}

/// A string, or the strings of an array as lines.
fn lines(value: &str) -> Option<Cow<'_, str>> {
    string(value).or_else(|| {
        let lines: Vec<Cow<'_, str>> = elements(value).filter_map(string).collect();
        Some(Cow::Owned(lines.join("\n")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_stack_are_the_first_strings_of_their_members() {
        for (metadata, message, stack) in [
            (r#"{"reason":"r","error":{"message":"em","stack":"es"},"message":"m"}"#, Some("m"), Some("es")),
            (
                r#"{"reason":"r","error":{"message":"em"},"message":7,"stack":["a",1,"b"]}"#,
                Some("em"),
                Some("a\nb"),
            ),
            (r#"{"error":"e","detail":"d","traceback":"t","stacktrace":[]}"#, Some("e"), Some("t")),
            (r#"{"description":"x\"y","message":" ","stack":null}"#, Some("x\"y"), None),
            (r#"{"error":[],"stack":{}}"#, None, None),
        ] {
            let found = told(metadata);
            assert_eq!((found.0.as_deref(), found.1.as_deref()), (message, stack), "{metadata}");
        }
    }

    #[test]
    fn a_fingerprint_is_a_function_of_type_message_and_frames() {
        let frames = ["a f".to_owned(), "b g".to_owned()];
        let same = fingerprint("api.error", "m", &frames);
        assert_eq!(same, fingerprint("api.error", "m", &frames));
        for other in [
            fingerprint("api.errorm", "", &frames),
            fingerprint("api.error", "n", &frames),
            fingerprint("api.error", "m", &frames[..1]),
        ] {
            assert_ne!(same, other);
        }
    }
}
