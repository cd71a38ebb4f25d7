//! Verdicts of a row of segments to one.

use super::{Claims, Fault, Verdict};
use crate::chain::Hash;

/// The verdict on one segment and what was claimed of it.
#[derive(Clone, Debug)]
pub struct Part {
    /// The segment's file.
    pub file: String,
    /// Sequence of its first record.
    pub first: u64,
    /// Sequence after its last one.
    pub end: u64,
    /// The claimed h(first - 1), from which it was checked.
    pub previous: Hash,
    /// What came of it.
    pub verdict: Verdict,
}

impl Part {
    /// A verdict with the claims it answers.
    #[must_use]
    pub fn of(claims: &Claims<'_>, verdict: Verdict) -> Self {
        let file = claims.path.display().to_string();
        Self { file, first: claims.first, end: claims.end(), previous: claims.previous, verdict }
    }
}

/// The verdicts of segments in order, so far.
#[derive(Debug, Default)]
pub struct Joined {
    whole: Verdict,
    before: Option<(u64, Option<Hash>)>,
    broken: bool,
}

impl Joined {
    /// Nothing yet; the first segment must follow one that ends before `end` with this hash.
    #[must_use]
    pub fn after(end: u64, head: Hash) -> Self {
        Self { before: Some((end, Some(head))), ..Self::default() }
    }

    /// Adds the next segment: it must begin where the one before ends, with its head.
    pub fn add(&mut self, part: Part) {
        if let Some((end, head)) = self.before {
            let seam = seam(&part, end, head);
            self.broken |= seam.is_some() || head.is_none();
            self.whole.faults.extend(seam);
        }
        if !self.broken {
            self.whole.proved_to = part.verdict.proved_to;
            self.broken = part.verdict.proved_to != part.end;
        }
        self.before = Some((part.end, part.verdict.head));
        self.whole.checked += part.verdict.checked;
        self.whole.archived += part.verdict.archived;
        self.whole.head = part.verdict.head;
        self.whole.faults.extend(part.verdict.faults);
    }

    /// Faults so far.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.whole.faults.len()
    }

    /// One verdict for all.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        self.whole
    }
}

/// One verdict for segments in order: each must begin where the one before ends, with its head.
///
/// `proved_to` stands at the first segment that is not proved to its end or does not follow. Without
/// parts the verdict is empty.
#[must_use]
pub fn join(parts: impl IntoIterator<Item = Part>) -> Verdict {
    let mut joined = Joined::default();
    parts.into_iter().for_each(|part| joined.add(part));
    joined.verdict()
}

/// What is wrong where one segment follows another.
fn seam(part: &Part, end: u64, head: Option<Hash>) -> Option<Fault> {
    let (kind, range, detail) = if part.first > end {
        ("missing", (end, part.first - 1), format!("the segment begins at sequence {}", part.first))
    } else if part.first < end {
        ("order", (part.first, end - 1), format!("the segment before ends at sequence {end}"))
    } else if head.is_some_and(|head| head != part.previous) {
        ("link", (part.first, part.first), "does not link to the end of the segment before".to_owned())
    } else {
        return None;
    };
    let (first_sequence, last_sequence) = range;
    Some(Fault { kind, first_sequence, last_sequence, file: part.file.clone(), offset: 0, detail })
}
