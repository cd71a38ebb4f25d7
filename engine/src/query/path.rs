//! Paths of the query against stored paths.

use super::lang::Path;
use crate::event::PATH_JOINT;

/// A path made ready. Names that are not quoted may stand together in one member name, joined by
/// dots, so a stored path fits when it has the same bytes, but for such joints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathPattern {
    /// Names joined by [`PATH_JOINT`].
    bytes: Vec<u8>,
    /// Places of joints that may be dots.
    soft: Vec<usize>,
}

impl PathPattern {
    pub(super) fn of(path: &Path) -> Self {
        let (mut bytes, mut soft) = (Vec::new(), Vec::new());
        for (at, name) in path.0.iter().enumerate() {
            if at > 0 {
                if !name.quoted && !path.0[at - 1].quoted {
                    soft.push(bytes.len());
                }
                bytes.push(PATH_JOINT);
            }
            bytes.extend_from_slice(name.text.as_bytes());
        }
        Self { bytes, soft }
    }

    /// True when a stored path (names joined by [`PATH_JOINT`]) is this one.
    pub(super) fn fits(&self, stored: &[u8]) -> bool {
        if stored.len() != self.bytes.len() {
            return false;
        }
        if stored == self.bytes {
            return true;
        }
        let mut soft = self.soft.iter().copied().peekable();
        stored.iter().zip(&self.bytes).enumerate().all(|(at, (stored, own))| {
            let may_be_dot = soft.next_if_eq(&at).is_some();
            stored == own || (may_be_dot && *stored == b'.')
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::lang::Name;

    fn pattern(names: &[(&str, bool)]) -> PathPattern {
        let name = |&(text, quoted): &(&str, bool)| Name { text: text.to_owned(), quoted };
        PathPattern::of(&Path(names.iter().map(name).collect()))
    }

    #[test]
    fn unquoted_names_fit_nesting_and_dots_in_any_split_quoted_ones_are_literal() {
        let plain = pattern(&[("a", false), ("b", false), ("c", false)]);
        for stored in [&b"a\xFFb\xFFc"[..], b"a.b\xFFc", b"a\xFFb.c", b"a.b.c"] {
            assert!(plain.fits(stored), "{stored:?}");
        }
        for stored in [&b"a\xFFb"[..], b"a\xFFb\xFFd", b"a\xFFb\xFFc\xFFd", b"", b"a-b-c", b"axb.c"] {
            assert!(!plain.fits(stored), "{stored:?}");
        }
        let quoted = pattern(&[("a.b", true), ("c", false)]);
        assert!(quoted.fits(b"a.b\xFFc"));
        assert!(!quoted.fits(b"a\xFFb\xFFc") && !quoted.fits(b"a.b.c"));
        let mixed = pattern(&[("a", false), ("b", true)]);
        assert!(mixed.fits(b"a\xFFb") && !mixed.fits(b"a.b"));
    }
}
