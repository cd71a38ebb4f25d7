//! What each member of the envelope may hold (docs/EVENTS.md). Texts are canonical string content:
//! a text with an escape in it holds a quote, a backslash or a control character.

use std::net::IpAddr;

use super::json::unescape;

/// Longest `event_id`, `event_type` and `action`, in characters.
pub(super) const NAME_CHARS_MAX: usize = 128;
/// What the log's own types and ids begin with.
pub(super) const OWN_TYPE: &str = "stele.";
pub(super) const OWN_ID: &str = "stele:";

const ID_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0u8;
    while b < 128 {
        table[b as usize] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/');
        b += 1;
    }
    table
};

type Broken = Option<&'static str>;

/// The rule for ids, whoever made them.
pub(super) fn id_shape(id: &str) -> Broken {
    // All bytes are looked at, so that the loop has no branch.
    let plain = id.bytes().fold(true, |all, b| all & ID_BYTES[usize::from(b)]);
    if id.is_empty() || id.len() > NAME_CHARS_MAX || !plain {
        return Some("must be 1 to 128 characters of A-Z a-z 0-9 - _ . : /");
    }
    matches!(id, "stream" | "." | "..").then_some("`stream`, `.` and `..` are no ids")
}

/// The rule for types, whoever made them.
pub(super) fn type_shape(name: &str) -> Broken {
    let mut previous = b'.';
    let mut dots = 0;
    let mut fits = !name.is_empty() && name.len() <= NAME_CHARS_MAX;
    for b in name.bytes() {
        fits &= match b {
            b'.' => previous != b'.',
            b'a'..=b'z' | b'0'..=b'9' | b'_' => true,
            _ => false,
        };
        dots += usize::from(b == b'.');
        previous = b;
    }
    let fits = fits && dots > 0 && previous != b'.';
    (!fits).then_some(
        "must be lower-case words of a-z 0-9 _ joined by dots, as in agent.updated, at most 128 characters",
    )
}

pub(super) fn action(content: &str) -> Broken {
    let chars =
        if content.len() <= NAME_CHARS_MAX { content.len() } else { unescape(content).chars().count() };
    (chars == 0 || chars > NAME_CHARS_MAX).then_some("must be 1 to 128 characters")
}

pub(super) fn status(content: &str) -> Broken {
    let known = matches!(content, "success" | "failure" | "pending");
    (!known).then_some("must be success, failure or pending")
}

pub(super) fn actor_type(content: &str) -> Broken {
    (!matches!(content, "user" | "api_key" | "system")).then_some("must be user, api_key or system")
}

pub(super) fn ip_address(content: &str) -> Broken {
    content.parse::<IpAddr>().is_err().then_some("must be an IPv4 or IPv6 address")
}

pub(super) fn not_empty(content: &str) -> Broken {
    content.is_empty().then_some("must not be empty")
}

/// The rule for categories that an organization registers.
pub(super) fn category_shape(name: &str) -> Broken {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(plain);
    (!fits).then_some("must be 1 to 64 characters of a-z 0-9 _")
}
