//! What a failure's message says in general: what varies from one occurrence to the next is replaced.
//!
//! | in the message | becomes |
//! |---|---|
//! | a text in `"…"`, `'…'` or `` `…` `` on one line | `<str>` |
//! | an e-mail address | `<email>` |
//! | an IP address, with port or prefix length or without | `<ip>` |
//! | a UUID; a run of hex digits that has a decimal digit and 6 characters or more, or begins with `0x`; a run of 8 or more letters and digits in which they alternate | `<id>` |
//! | other digits: numbers, dates and times, the digits of `worker12` | `<n>` |
//!
//! Paths and URLs are read part by part, so that `/agents/1234/runs` becomes `/agents/<n>/runs`. White
//! space becomes single spaces. The first 1,000 characters count.

use std::net::{IpAddr, SocketAddr};

const CHARS_MAX: usize = 1_000;
const ID: &str = "<id>";
const NUMBER: &str = "<n>";
/// Characters that stand between words and stay as they are.
const BREAKS: &[char] =
    &['(', ')', '[', ']', '{', '}', '<', '>', ',', ';', '=', '|', '&', '"', '\'', '`', '!'];
/// What may follow a word without being part of it.
const ENDS: &[char] = &['.', ':', '?'];

/// The message with placeholders.
pub(super) fn normalized(message: &str) -> String {
    let end = message.char_indices().nth(CHARS_MAX).map_or(message.len(), |(at, _)| at);
    let mut out = String::with_capacity(end);
    let mut rest = message[..end].trim();
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            out.push(' ');
            rest = rest.trim_start();
        } else if let Some(after) = quoted(&out, rest) {
            out.push_str("<str>");
            rest = after;
        } else if BREAKS.contains(&first) {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || BREAKS.contains(&c)).unwrap_or(rest.len());
            push_token(&rest[..end], &mut out);
            rest = &rest[end..];
        }
    }
    out
}

/// What follows a quoted text that begins here. An apostrophe within a word begins none.
fn quoted<'a>(before: &str, rest: &'a str) -> Option<&'a str> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    if before.ends_with(char::is_alphanumeric) {
        return None;
    }
    let content = &rest[1..];
    let ends = content.match_indices(quote).map(|(at, _)| at);
    let line = content.find('\n').unwrap_or(content.len());
    ends.take_while(|&at| at < line)
        .map(|at| (&content[..at], &content[at + 1..]))
        .find(|(inside, after)| !inside.ends_with('\\') && !after.starts_with(char::is_alphanumeric))
        .map(|(_, after)| after)
}

/// A run without white space or breaks.
fn push_token(token: &str, out: &mut String) {
    let word = token.trim_end_matches(ENDS);
    if is_address(word) {
        out.push_str("<ip>");
    } else if is_email(word) {
        out.push_str("<email>");
    } else if word.contains('/') {
        for (at, part) in word.split('/').enumerate() {
            if at > 0 {
                out.push('/');
            }
            push_part(part, out);
        }
    } else {
        push_part(word, out);
    }
    out.push_str(&token[word.len()..]);
}

fn push_part(part: &str, out: &mut String) {
    if is_address(part) {
        out.push_str("<ip>");
    } else if is_uuid(part) {
        out.push_str(ID);
    } else if is_figure(part) {
        out.push_str(NUMBER);
    } else {
        push_pieces(part, out);
    }
}

/// Runs of letters and digits, each by itself, with what stands between them.
fn push_pieces(part: &str, out: &mut String) {
    let mut rest = part;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        push_piece(&rest[..end], out);
        rest = &rest[end..];
        let start = rest.find(char::is_alphanumeric).unwrap_or(rest.len());
        out.push_str(&rest[..start]);
        rest = &rest[start..];
    }
}

fn push_piece(piece: &str, out: &mut String) {
    if !piece.bytes().any(|b| b.is_ascii_digit()) {
        out.push_str(piece);
    } else if is_id(piece) {
        out.push_str(ID);
    } else {
        let mut digits = false;
        for c in piece.chars() {
            if !c.is_ascii_digit() {
                out.push(c);
            } else if !digits {
                out.push_str(NUMBER);
            }
            digits = c.is_ascii_digit();
        }
    }
}

/// For pieces that hold a digit.
fn is_id(piece: &str) -> bool {
    let bytes = piece.as_bytes();
    let hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    if bytes.len() > 2 && (bytes.starts_with(b"0x") || bytes.starts_with(b"0X")) {
        return hex(&bytes[2..]);
    }
    let all_digits = bytes.iter().all(u8::is_ascii_digit);
    let turns = bytes.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    !all_digits && (bytes.len() >= 6 && hex(bytes) || bytes.len() >= 8 && turns >= 2)
}

fn is_uuid(text: &str) -> bool {
    let groups = [8, 4, 4, 4, 12];
    text.len() == 36
        && text.split('-').map(str::len).eq(groups)
        && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// A number, date or time: digits and what joins them, with a short unit at most.
fn is_figure(text: &str) -> bool {
    let text = text.trim_start_matches(['+', '-', '#', '$']);
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b"-:.+%TZ_".contains(&b))
}

fn is_address(text: &str) -> bool {
    // Anything shorter, or without a separator, is a number or a word.
    if text.len() < 3 || !text.contains(['.', ':']) || text.starts_with("::") && text.len() < 4 {
        return false;
    }
    let host = text
        .rsplit_once('/')
        .filter(|(_, prefix)| prefix.parse::<u8>().is_ok())
        .map_or(text, |(host, _)| host);
    host.parse::<IpAddr>().is_ok() || host.parse::<SocketAddr>().is_ok()
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let plain = |c: char| c.is_alphanumeric() || "._-+".contains(c);
    !name.is_empty() && !host.is_empty() && name.chars().all(plain) && host.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_replaced_and_the_rest_stays() {
        for (message, wanted) in [
            ("Connection refused", "Connection refused"),
            ("timeout after 3000ms", "timeout after <n>ms"),
            ("timeout after 1.5 s (attempt 3/5)", "timeout after <n> s (attempt <n>/<n>)"),
            ("user 'Ada L.' not found", "user <str> not found"),
            ("can't read \"a \\\"b\\\" c\": don't", "can't read <str>: don't"),
            ("no agent 7f9c2ba4-e88f-11ee-a951-0242ac120002.", "no agent <id>."),
            ("bad token 0xdeadbeef at 0x7ffd01", "bad token <id> at <id>"),
            ("GET /v1/agents/1234/runs/ab12cd34ef failed: 502", "GET /v1/agents/<n>/runs/<id> failed: <n>"),
            ("dial tcp 10.0.0.7:5432: connection refused", "dial tcp <ip>: connection refused"),
            ("from 2001:db8::1 and 203.0.113.0/24", "from <ip> and <ip>"),
            ("mail to jane.doe+x@example.com bounced", "mail to <email> bounced"),
            ("usr_8f3a2b1c has no quota, req-00042", "usr_<id> has no quota, req-<n>"),
            ("at 2026-11-25T10:00:00.123Z\n  on worker12", "at <n> on worker<n>"),
            ("id 01HZX3K9Q2V7M8N4B5C6D7E8F9 unknown", "id <id> unknown"),
            ("retry=3 code=E1001", "retry=<n> code=E<n>"),
            ("std::io failed: foo::bar", "std::io failed: foo::bar"),
            ("Straße Ω 99€", "Straße Ω <n>€"),
            ("", ""),
            ("   ", ""),
        ] {
            let wanted = wanted.replace("/v1/", "/v<n>/");
            assert_eq!(normalized(message), wanted, "{message}");
        }
    }

    #[test]
    fn any_text_is_taken_and_the_result_is_bounded() {
        let long = "1 ".repeat(100_000);
        assert!(normalized(&long).len() < 4_000);
        for text in
            ["'", "\"\\", "@", "a@", "@b", "::", "/", "//", "''''", "'a\n'", "\u{1F600}'é'", "0x", "<<>>"]
        {
            normalized(text);
        }
    }
}
