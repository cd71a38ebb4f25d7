//! What is wrong with an item, and where.

use super::json::unescape;

/// Faults told of one item; what comes after these is not listed.
pub const FAULTS_MAX: usize = 100;
/// Longest pointer told: a longer one is cut back to the deepest parent that fits.
pub const POINTER_BYTES_MAX: usize = 1024;

/// The kind of refusal, for the status of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A rule is broken.
    Invalid,
    /// Over a size limit.
    TooLarge,
}

/// One broken rule: where (RFC 6901 pointer into the item) and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind.
    pub code: Code,
    /// RFC 6901 pointer into the item; empty for the item as a whole. A member that is missing is
    /// pointed to as if it were there.
    pub pointer: String,
    /// The rule, in words; never more than a few words of the item itself.
    pub detail: String,
}

/// Why an item was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The item's `event_id`, as far as it could be read and is a valid one.
    pub event_id: Option<String>,
    /// All broken rules, in the order they were met; at least one, at most [`FAULTS_MAX`].
    pub faults: Vec<Fault>,
}

/// Collects faults, bounded in number and size.
#[derive(Default)]
pub(super) struct Faults(pub Vec<Fault>);

impl Faults {
    pub fn invalid(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.push(Code::Invalid, pointer.into(), detail.into());
    }

    /// Told even where the list is full: it decides the kind of the answer.
    pub fn too_large(&mut self, detail: impl Into<String>) {
        self.0.truncate(FAULTS_MAX - 1);
        self.push(Code::TooLarge, String::new(), detail.into());
    }

    fn push(&mut self, code: Code, pointer: String, detail: String) {
        if self.0.len() < FAULTS_MAX {
            self.0.push(Fault { code, pointer: shortened(pointer), detail });
        }
    }
}

/// Cuts whole steps off the end until the pointer fits.
pub(super) fn shortened(mut pointer: String) -> String {
    while pointer.len() > POINTER_BYTES_MAX {
        pointer.truncate(pointer.rfind('/').unwrap_or(0));
    }
    pointer
}

/// Appends a member name, given as canonical string content, as one step of a pointer.
pub(super) fn push_step(pointer: &mut String, name: &str) {
    pointer.push('/');
    for c in unescape(name).chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}
