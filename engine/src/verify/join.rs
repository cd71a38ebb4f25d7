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

/// One verdict for segments in order: each must begin where the one before ends, with its head.
///
/// `proved_to` stands at the first segment that is not proved to its end or does not follow. Without
/// parts the verdict is empty.
#[must_use]
pub fn join(parts: impl IntoIterator<Item = Part>) -> Verdict {
    let mut whole = Verdict::default();
    let mut before: Option<(u64, Option<Hash>)> = None;
    let mut unbroken = true;
    for part in parts {
        if let Some((end, head)) = before {
            let seam = seam(&part, end, head);
            unbroken &= seam.is_none() && head.is_some();
            whole.faults.extend(seam);
        }
        if unbroken {
            whole.proved_to = part.verdict.proved_to;
            unbroken = part.verdict.proved_to == part.end;
        }
        before = Some((part.end, part.verdict.head));
        whole.checked += part.verdict.checked;
        whole.head = part.verdict.head;
        whole.faults.extend(part.verdict.faults);
    }
    whole
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
