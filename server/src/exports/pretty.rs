//! Stored JSON with line breaks and indents, its numbers and texts untouched.

/// Appends one JSON value, each level two blanks deeper than the one around it, the first at `depth`.
pub fn write(json: &[u8], mut depth: usize, out: &mut Vec<u8>) {
    let (mut in_text, mut escaped) = (false, false);
    let mut bytes = json.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if in_text {
            out.push(byte);
            in_text = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => {
                in_text = true;
                out.push(byte);
            }
            b'{' | b'[' => {
                out.push(byte);
                match bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    Some(close) => out.push(close),
                    None => {
                        depth += 1;
                        line(depth, out);
                    }
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(depth, out);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(depth, out);
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => out.push(byte),
        }
    }
}

/// Begins a line.
pub fn line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', 2 * depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pretty(json: &str) -> String {
        let mut out = Vec::new();
        write(json.as_bytes(), 0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_is_what_the_library_writes_where_that_keeps_numbers() {
        for json in [
            r#"{"a":1,"b":[],"c":{},"d":[1,[2,{"e":"x"}],null,true],"f":"{\"[,:]\\"}"#,
            r#"{"a":"\\\"","b":"\\"}"#,
            "[]",
            "7",
            r#""a""#,
        ] {
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(pretty(json), serde_json::to_string_pretty(&value).unwrap());
        }
        assert_eq!(
            pretty(r#"{"n":1.0,"m":12345678901234567890.10}"#),
            "{\n  \"n\": 1.0,\n  \"m\": 12345678901234567890.10\n}"
        );
    }

    #[test]
    fn no_bytes_make_it_fail() {
        for bytes in ["}}]]", "\"", "{", "\"\\", ",:,", "\u{fffd}"] {
            let _ = pretty(bytes);
        }
    }
}
