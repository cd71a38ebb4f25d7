//! JSON text, read strictly (RFC 8259) and rewritten on the way: the lexical half of canonical bytes.
//!
//! Owns white space, strings, numbers and literals. Output is lazy: as long as the input already is
//! canonical nothing is copied, and the result borrows it. Knows nothing of members or events
//! (see `value`, `envelope`). Takes `&str`: UTF-8 was checked once for the whole item.

use std::borrow::Cow;

/// Where and why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub at: usize,
    pub expected: &'static str,
}

/// A piece of canonical text: in the input where that was canonical already, else in the output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    rewritten: bool,
    start: usize,
    end: usize,
}

/// Reads JSON tokens from `text` and keeps their canonical form.
///
/// `text[run..pos]` is canonical but not yet copied to `out`.
pub(super) struct Reader<'a> {
    text: &'a str,
    raw: &'a [u8],
    pos: usize,
    run: usize,
    out: String,
    /// Canonical bytes that were passed over by [`Self::jump`].
    jumped: usize,
    /// Set when a string holds half of a surrogate pair; the reader goes on after it.
    pub lone_surrogate: bool,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, pos: usize) -> Self {
        Self {
            text,
            raw: text.as_bytes(),
            pos,
            run: pos,
            out: String::new(),
            jumped: 0,
            lone_surrogate: false,
        }
    }

    pub fn pos(&self) -> usize {
        self.pos
    }

    pub fn peek(&self) -> Option<u8> {
        self.raw.get(self.pos).copied()
    }

    pub fn error(&self, expected: &'static str) -> Syntax {
        Syntax { at: self.pos, expected }
    }

    /// Bytes of canonical text so far.
    pub fn written(&self) -> usize {
        self.jumped + self.out.len() + (self.pos - self.run)
    }

    /// Goes on behind a value that `inner` has read from here on. What this reader has read so far is
    /// no longer part of its text, but spans of it stay good.
    pub fn jump(&mut self, inner: &Self) {
        self.jumped += self.pos - self.run + inner.written();
        self.pos = inner.pos;
        self.run = inner.pos;
    }

    /// The canonical text of all that was read: borrowed where nothing had to change.
    pub fn finish(mut self) -> Cow<'a, str> {
        if self.out.is_empty() {
            return Cow::Borrowed(&self.text[self.run..self.pos]);
        }
        self.flush(self.pos);
        Cow::Owned(self.out)
    }

    pub fn get(&self, span: Span) -> &str {
        if span.rewritten { &self.out[span.start..span.end] } else { &self.text[span.start..span.end] }
    }

    /// As [`Self::get`], without looking for character boundaries.
    #[inline]
    pub fn bytes(&self, span: Span) -> &[u8] {
        let whole = if span.rewritten { self.out.as_bytes() } else { self.raw };
        &whole[span.start..span.end]
    }

    /// The span's text beyond the reader's life; copies only what was rewritten.
    pub fn keep(&self, span: Span) -> Cow<'a, str> {
        if span.rewritten {
            Cow::Owned(self.out[span.start..span.end].to_owned())
        } else {
            Cow::Borrowed(&self.text[span.start..span.end])
        }
    }

    fn flush(&mut self, end: usize) {
        self.out.push_str(&self.text[self.run..end]);
        self.run = end;
    }

    /// Drops white space.
    #[inline]
    pub fn space(&mut self) {
        if self.peek().is_some_and(|b| b <= b' ') {
            self.skip_space();
        }
    }

    #[cold]
    fn skip_space(&mut self) {
        let start = self.pos;
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
        if self.pos > start {
            if start > self.run {
                self.flush(start);
            }
            self.run = self.pos;
        }
    }

    /// Takes `byte` if it is next.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    #[inline]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Syntax> {
        if self.take(byte) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// Reads a string; the span is its canonical content, without the quotes.
    #[inline]
    pub fn string(&mut self) -> Result<Span, Syntax> {
        self.expect(b'"', "a string")?;
        let start = self.pos;
        self.pos = plain_end(self.raw, self.pos);
        if self.peek() == Some(b'"') {
            let end = self.pos;
            self.pos += 1;
            return Ok(Span { rewritten: false, start, end });
        }
        self.string_with_escapes(start)
    }

    fn string_with_escapes(&mut self, start: usize) -> Result<Span, Syntax> {
        let mut rewritten_from = None;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape(start, &mut rewritten_from)?,
                Some(_) => return Err(self.error("an escape instead of a control character")),
                None => return Err(self.error("the end of a string")),
            }
            self.pos = plain_end(self.raw, self.pos);
        }
        let end = self.pos;
        let span = match rewritten_from {
            None => Span { rewritten: false, start, end },
            Some(from) => {
                self.flush(end);
                Span { rewritten: true, start: from, end: self.out.len() }
            }
        };
        self.pos += 1;
        Ok(span)
    }

    /// One escape at `pos`. What is canonical already stays in the run; the first that is not moves the
    /// string to the output (`rewritten_from`).
    fn escape(&mut self, start: usize, rewritten_from: &mut Option<usize>) -> Result<(), Syntax> {
        let at = self.pos;
        self.pos += 1;
        let short = self.peek().ok_or_else(|| self.error("the end of an escape"))?;
        let decoded = match short {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.pos += 1;
                return Ok(());
            }
            b'/' => {
                self.pos += 1;
                '/'
            }
            b'u' => self.unicode_escape(at)?,
            _ => return Err(Syntax { at, expected: "one of the escapes of JSON" }),
        };
        let mut canonical = [0; 6];
        let canonical = escaped(decoded, &mut canonical);
        if self.raw[at..self.pos] == *canonical.as_bytes() {
            return Ok(());
        }
        if rewritten_from.is_none() {
            self.flush(start);
            *rewritten_from = Some(self.out.len());
        }
        self.flush(at);
        self.out.push_str(canonical);
        self.run = self.pos;
        Ok(())
    }

    /// `\uXXXX`, or two of them where they are a surrogate pair; `pos` is at the `u`.
    fn unicode_escape(&mut self, at: usize) -> Result<char, Syntax> {
        let first = self.hex4(at)?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        if first < 0xDC00 && self.raw.get(self.pos..self.pos + 2) == Some(b"\\u") {
            let (second_at, resume) = (self.pos, self.pos);
            self.pos += 1;
            let second = self.hex4(second_at)?;
            if (0xDC00..0xE000).contains(&second) {
                let scalar = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.pos = resume;
        }
        self.lone_surrogate = true;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self, at: usize) -> Result<u32, Syntax> {
        let digits = self.raw.get(self.pos + 1..self.pos + 5);
        let value =
            digits.and_then(|d| d.iter().try_fold(0, |v, b| Some(v * 16 + char::from(*b).to_digit(16)?)));
        self.pos += 5;
        value.ok_or(Syntax { at, expected: "four hex digits after \\u" })
    }

    /// Passes over a number; its text stays as it is.
    pub fn number(&mut self) -> Result<(), Syntax> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Syntax> {
        let start = self.pos;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.pos += 1;
        }
        if self.pos == start { Err(self.error("a digit")) } else { Ok(()) }
    }

    /// Passes over `true`, `false` or `null`.
    pub fn literal(&mut self) -> Result<(), Syntax> {
        for word in ["true", "false", "null"] {
            if self.raw[self.pos..].starts_with(word.as_bytes()) {
                self.pos += word.len();
                return Ok(());
            }
        }
        Err(self.error("a value"))
    }
}

/// Index of the first byte at or after `from` that a string cannot hold as it is: `"`, `\`, a control.
#[inline]
pub(super) fn plain_end(raw: &[u8], from: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let mut at = from;
    while let Some(eight) = raw.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*eight);
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        // A byte's high bit is set where it is zero (quote, slash) or below 0x20; false marks can only
        // stand above a true one, so the lowest mark is right.
        let marks = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let marks = marks & HIGHS;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < raw.len() && raw[at] >= 0x20 && raw[at] != b'"' && raw[at] != b'\\' {
        at += 1;
    }
    at
}

/// A character as RFC 8785 3.2.2.2 writes it within a string.
fn escaped(c: char, buffer: &mut [u8; 6]) -> &str {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{8}' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '\0'..='\u{1f}' => {
            let code = c as usize;
            *buffer = [b'\\', b'u', b'0', b'0', HEX[code >> 4], HEX[code & 15]];
            std::str::from_utf8(buffer).unwrap_or_default()
        }
        _ => c.encode_utf8(buffer),
    }
}

/// Appends `text` as the content of a canonical string, without quotes.
pub(super) fn push_escaped(out: &mut String, text: &str) {
    let (mut from, raw) = (0, text.as_bytes());
    loop {
        let at = plain_end(raw, from);
        out.push_str(&text[from..at]);
        let Some(byte) = raw.get(at) else { return };
        out.push_str(escaped(char::from(*byte), &mut [0; 6]));
        from = at + 1;
    }
}

/// The text that canonical string content stands for.
pub(super) fn unescape(content: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', content.as_bytes()).is_none() {
        return Cow::Borrowed(content);
    }
    let mut text = String::with_capacity(content.len());
    let mut rest = content.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        text.push(match rest.next() {
            Some('b') => '\u{8}',
            Some('t') => '\t',
            Some('n') => '\n',
            Some('f') => '\u{c}',
            Some('r') => '\r',
            Some('u') => {
                let hex: String = rest.by_ref().take(4).collect();
                let code = u32::from_str_radix(&hex, 16).unwrap_or(0xFFFD);
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(same) => same,
            None => char::REPLACEMENT_CHARACTER,
        });
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Result<(String, bool), Syntax> {
        let mut reader = Reader::new(text, 0);
        let span = reader.string()?;
        assert_eq!(format!("\"{}\"", reader.get(span)), reader.keep(span).to_string().as_str().quoted());
        let lone = reader.lone_surrogate;
        Ok((reader.finish().into_owned(), lone))
    }

    trait Quoted {
        fn quoted(&self) -> String;
    }
    impl Quoted for str {
        fn quoted(&self) -> String {
            format!("\"{self}\"")
        }
    }

    #[test]
    fn strings_come_out_as_rfc_8785_writes_them() {
        for (given, wanted) in [
            (r#""plain""#, r#""plain""#),
            (r#""a\/b""#, r#""a/b""#),
            (r#""\u0041\u00e9\u20ac""#, r#""Aé€""#),
            (r#""\ud83d\ude00""#, r#""😀""#),
            (r#""\u0008\u0009\u000a\u000c\u000d""#, r#""\b\t\n\f\r""#),
            (r#""\u0000\u001F\u001f""#, r#""\u0000\u001f\u001f""#),
            (r#""\u0022\u005c""#, r#""\"\\""#),
            (r#""\u2028\u007f""#, "\"\u{2028}\u{7f}\""),
            (r#""\"\\\b""#, r#""\"\\\b""#),
            (r#""longer than eight, \/ then more, \u0041""#, r#""longer than eight, / then more, A""#),
        ] {
            assert_eq!(canonical(given), Ok((wanted.to_owned(), false)), "{given}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_noticed_and_reading_goes_on() {
        for bad in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800\u0041""#, r#""\ud800x""#] {
            assert_eq!(canonical(bad).map(|(_, lone)| lone), Ok(true), "{bad}");
        }
    }

    #[test]
    fn broken_strings_are_syntax_errors() {
        for bad in
            ["\"a", "\"a\u{1}\"", r#""\x""#, r#""\u12""#, r#""\u12g4""#, "\"\\", "\"\\u00", "\"tab\t\""]
        {
            assert!(canonical(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_end_of_plain_bytes_is_the_same_eight_at_a_time() {
        for special in 0..=255u8 {
            for place in 0..20 {
                let mut raw = vec![b'a'; 20];
                raw[place] = special;
                raw[(place + 3) % 20] = 0xC3;
                let slow = raw.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\').unwrap_or(20);
                assert_eq!(plain_end(&raw, 0), slow, "{special} at {place}");
            }
        }
    }

    #[test]
    fn escaping_and_unescaping_are_inverse() {
        let every: String = (0..0x300).filter_map(char::from_u32).chain(['\u{2028}', '😀']).collect();
        let mut content = String::new();
        push_escaped(&mut content, &every);
        assert_eq!(unescape(&content), every);
        assert_eq!(serde_json::from_str::<String>(&content.quoted()).unwrap(), every);
    }
}
