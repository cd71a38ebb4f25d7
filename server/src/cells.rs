//! Lines of CSV (RFC 4180).
//!
//! Keeps true: every cell can be read back, and a guarded one does not begin as formulas do: one that
//! begins with `=`, `+`, `-`, `@`, their full-width forms, a tab, a line feed, a carriage return or `'`
//! has one `'` before it. A cell with `;` is quoted, so that a spreadsheet which parts cells there as well
//! finds no others.

use std::borrow::Cow;
use std::io::{self, Write};

/// One line; a cell is quoted where it has to be, or holds `;`.
///
/// # Errors
/// Those of `out`.
pub fn line<'a>(out: &mut dyn Write, cells: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    let (mut first, mut bare) = (true, false);
    for cell in cells {
        if !first {
            out.write_all(b",")?;
        }
        // A line of one empty cell would be an empty line, which readers skip.
        bare = first && cell.is_empty();
        first = false;
        if cell.bytes().any(|byte| matches!(byte, b'"' | b',' | b';' | b'\r' | b'\n')) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(if bare { b"\"\"\r\n" } else { b"\r\n" })
}

/// A cell that does not begin as formulas do.
pub fn guarded(cell: Cow<'_, str>) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\n', '\r', '\'']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_begin_as_formulas_do_are_guarded_and_each_reads_back() {
        for text in
            ["=1+1", "+1", "-1", "@a", "＝1", "＋1", "－1", "＠a", "\tx", "\nx", "\rx", "'quoted", "'=1"]
        {
            let cell = guarded(text.into());
            assert!(cell.starts_with('\''), "{text}");
            assert_eq!(cell.strip_prefix('\''), Some(text), "one quote less is the text again");
        }
        for text in ["", "a=1", "1-1", "ä"] {
            assert_eq!(guarded(text.into()), text);
        }
    }

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        let written = |cells: &[&str]| {
            let mut out = Vec::new();
            line(&mut out, cells.iter().copied()).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(&["a;=1", "", "b\nc", "d"]), "\"a;=1\",,\"b\nc\",d\r\n");
        assert_eq!(written(&["say \"no\""]), "\"say \"\"no\"\"\"\r\n");
        assert_eq!((written(&[""]).as_str(), written(&["", ""]).as_str()), ("\"\"\r\n", ",\r\n"));
    }
}
