//! Text for people: what may reach a terminal, and JSON laid out without changing it.

use std::borrow::Cow;

/// Escapes control characters, so that stored content cannot move a reader's cursor, change
/// colours or forge lines.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_safe = |c: char| !c.is_control() && !is_bidi(c);
    if text.chars().all(is_safe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_safe(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    Cow::Owned(out)
}

/// Characters that reorder the text around them.
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// A number with commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Lays compact JSON out over lines. Only white space is added: numbers, member order and escapes
/// stay as they are, which a parse and re-print would not promise.
pub fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut chars = json.chars().filter(|c| !matches!(c, '\n' | '\r')).peekable();
    while let Some(c) = chars.next() {
        if in_string {
            out.push_str(&printable(c.encode_utf8(&mut [0; 4])));
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                out.push(c);
                in_string = true;
            }
            '{' | '[' => {
                out.push(c);
                if let Some(close) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line_break(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line_break(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line_break(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

fn line_break(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(64)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_text_cannot_drive_the_terminal() {
        assert_eq!(printable("Ada Lovelace"), "Ada Lovelace");
        assert_eq!(printable("a\u{1b}]0;x\u{7}\nb"), "a\\u{1b}]0;x\\u{7}\\nb");
        assert_eq!(printable("\u{202e}txt.exe"), "\\u{202e}txt.exe");
    }

    #[test]
    fn pretty_json_changes_nothing_but_white_space() {
        let line =
            r#"{"b":1.0,"a":12345678901234567890,"e":{},"l":[],"s":"x: {\"y\\\",[","n":[1,{"k":null}]}"#;
        let laid_out = pretty(line);
        assert!(laid_out.contains("\"a\": 12345678901234567890,\n"), "{laid_out}");
        assert!(laid_out.contains("  \"e\": {},\n"), "{laid_out}");
        assert!(laid_out.contains(r#""s": "x: {\"y\\\",[""#), "{laid_out}");
        assert_eq!(pretty(&laid_out), laid_out, "laying out twice changes nothing");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&laid_out), value(line));
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
