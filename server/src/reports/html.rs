//! A report as one page, for an auditor to read and print: no script, nothing from elsewhere.
//!
//! Keeps true: stored text is shown, never obeyed: markup is escaped, and so are control and
//! direction characters, so that nothing looks like what it is not.

use std::fmt::{self, Display, Write as _};
use std::io::Write;

use serde_json::Value;
use stele_engine::log::WriteError;
use stele_engine::record::{Record, committed_at};
use stele_engine::tags::Axis;

use super::page::{ENTRIES_HEAD, HEAD, NOT_PROVED};
use super::{Facts, fields, time_us, words};
use crate::routes::show_time;

/// Characters of metadata that an entry shows.
const METADATA_CHARS_MAX: usize = 4_000;
/// Event types that are counted by name.
const TYPES_MAX: usize = 25;

/// Shows entries one after the other.
pub type EachEntry<'a> =
    &'a mut dyn FnMut(&mut dyn FnMut(&Record) -> Result<(), WriteError>) -> Result<(), WriteError>;

/// Writes the page.
///
/// # Errors
/// `Out` of `out`, `Store` when a record cannot be read.
pub fn write(facts: &Facts, each: EachEntry<'_>, out: &mut dyn Write) -> Result<(), WriteError> {
    out.write_all(HEAD.as_bytes())?;
    title(facts, out)?;
    question(facts, out)?;
    answer(facts, out)?;
    proved(facts, out)?;
    how_to_verify(facts, out)?;
    writeln!(
        out,
        "<section id=\"entries\">\n<h2>Entries</h2>\n<table class=\"entries\"><caption>{} in order of sequence. Each shows its hash in the log; times are UTC.</caption>",
        counted(facts.entries, "entry", "entries")
    )?;
    out.write_all(ENTRIES_HEAD.as_bytes())?;
    each(&mut |record| entry(record, out))?;
    writeln!(
        out,
        "</table>\n{}</section>\n<footer>End of report {}. {}.</footer>\n</body>\n</html>",
        if facts.entries == 0 { "<p><strong>No event matches.</strong></p>\n" } else { "" },
        Text(&facts.id),
        counted(facts.entries, "entry", "entries"),
    )?;
    Ok(())
}

fn title(facts: &Facts, out: &mut dyn Write) -> Result<(), WriteError> {
    writeln!(
        out,
        "<title>Activity report {id} – {organization}</title>\n</head>\n<body>\n<header>\n<p class=\"kind\">Compliance report</p>\n<h1>Activity report: {organization}</h1>\n<p>Made {made} from the log <code>{origin}</code></p>\n</header>",
        id = Text(&facts.id),
        organization = Text(&facts.organization),
        origin = Text(&facts.origin),
        made = time_us(facts.made_us),
    )?;
    Ok(())
}

/// A row of facts; the value is markup.
fn fact(out: &mut dyn Write, name: &str, value: &dyn Display) -> Result<(), WriteError> {
    writeln!(out, "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>")?;
    Ok(())
}

fn question(facts: &Facts, out: &mut dyn Write) -> Result<(), WriteError> {
    writeln!(out, "<section>\n<h2>What was asked</h2>\n<table class=\"facts\">")?;
    fact(out, "Range", &Text(&words::range(&facts.asked)))?;
    let conditions = words::conditions(&facts.asked);
    for (name, values) in &conditions {
        let values: Vec<String> =
            values.iter().map(|value| format!("<strong>{}</strong>", Text(value))).collect();
        fact(out, name, &values.join(" or "))?;
    }
    if conditions.is_empty() {
        fact(
            out,
            "Conditions",
            &"None: every event in the range, the log’s own <code>stele.*</code> events included",
        )?;
    }
    fact(out, "Asked by", &Text(&asker(&facts.requested_by)))?;
    fact(out, "Asked at", &time_us(facts.requested_us))?;
    fact(out, "Report", &format_args!("<span class=\"mono\">{}</span>", Text(&facts.id)))?;
    writeln!(out, "</table>\n</section>")?;
    Ok(())
}

/// The actor who asked, in words.
fn asker(actor: &Value) -> String {
    let member = |name: &str| actor[name].as_str().filter(|text| !text.is_empty());
    let mut text = format!("API key {}", member("id").unwrap_or("?"));
    for (before, name, after) in
        [(" (", "name", ")"), (", from ", "ip_address", ""), (", with ", "user_agent", "")]
    {
        if let Some(value) = member(name) {
            let _ = write!(text, "{before}{value}{after}");
        }
    }
    text
}

fn answer(facts: &Facts, out: &mut dyn Write) -> Result<(), WriteError> {
    writeln!(out, "<section>\n<h2>What was found</h2>\n<table class=\"facts\">")?;
    fact(out, "Entries", &format_args!("<span class=\"strong\">{}</span>", grouped(facts.entries)))?;
    if let Some([(first, from), (last, to)]) = facts.ends {
        let of = |sequence, at| format!("sequence {}, recorded {}", grouped(sequence), committed_at(at));
        fact(out, "First entry", &of(first, from))?;
        fact(out, "Last entry", &of(last, to))?;
    }
    if let Some((from, to)) = facts.event_ns {
        fact(out, "Timestamps", &format_args!("{} to {}", show_time(from), show_time(to)))?;
    }
    fact(
        out,
        "As of",
        &format_args!("sequence {}: every record of the log below it was considered", grouped(facts.as_of)),
    )?;
    if facts.filter != facts.asked {
        let ends =
            format_args!("The log is covered up to {}; the report ends there", time_us(facts.filter.to_us));
        fact(out, "Range covered", &ends)?;
    }
    fact(
        out,
        "Verification hash",
        &format_args!("<span class=\"mono strong\">{}</span>", facts.verification_hash),
    )?;
    writeln!(out, "</table>")?;
    types(facts, out)?;
    writeln!(out, "</section>")?;
    Ok(())
}

fn types(facts: &Facts, out: &mut dyn Write) -> Result<(), WriteError> {
    if facts.types.is_empty() {
        return Ok(());
    }
    let mut types: Vec<(&String, &u64)> = facts.types.iter().collect();
    types.sort_by_key(|&(name, count)| (std::cmp::Reverse(*count), name));
    writeln!(
        out,
        "<h3>Entries by event type</h3>\n<table class=\"types\"><thead><tr><th scope=\"col\">Event type</th><th scope=\"col\" class=\"number\">Entries</th></tr></thead><tbody>"
    )?;
    for (name, count) in types.iter().take(TYPES_MAX) {
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td></tr>",
            Text(name),
            grouped(**count)
        )?;
    }
    if let Some(rest) = types.get(TYPES_MAX..).filter(|rest| !rest.is_empty()) {
        let count = rest.iter().map(|(_, count)| **count).sum();
        let others = counted(rest.len() as u64, "other type", "other types");
        writeln!(
            out,
            "<tr><th scope=\"row\">{others}</th><td class=\"number\">{}</td></tr>",
            grouped(count)
        )?;
    }
    writeln!(out, "</tbody></table>")?;
    Ok(())
}

fn proved(facts: &Facts, out: &mut dyn Write) -> Result<(), WriteError> {
    let as_of = grouped(facts.as_of);
    let range = match facts.filter.axis {
        Axis::Event => format!(
            "An event with a timestamp in the range that was recorded later, at sequence {as_of} or above, is not in it"
        ),
        Axis::Commit => {
            "The range is one of times of recording, which never run back: nothing can be added to it later"
                .to_owned()
        }
    };
    writeln!(
        out,
        "<section>\n<h2>What is proved</h2>\n<p>By the JSON form of this report, to anyone who has the log’s verifier key from elsewhere, without asking this server:</p>\n<ul>\n\
<li><strong>Each entry is a record of this log</strong>, with exactly this content, at this place, recorded at this time, and not changed since. Each is tied by hashes to the signed checkpoint of size {size} below.</li>\n\
<li><strong>None is left out.</strong> The log regularly commits, in events of its own, to which records carry which values. By these signed index events the entries are all records below sequence {as_of} that match what was asked. {range}.</li>\n\
<li><strong>Nothing else was slipped in</strong>: each entry is in the range and matches what was asked{headers}.</li>\n</ul>\n\
<h2>What is not proved</h2>\n<ul>\n{not_proved}</ul>\n</section>",
        size = grouped(facts.checkpoint_size),
        not_proved = NOT_PROVED.replace("{deep}", &deep(facts)),
        headers = match facts.headers {
            0 => String::new(),
            count => format!(
                ". To prove where the range ends, the JSON form also shows the times and hashes, not the content, of {} outside it",
                counted(count, "record", "records")
            ),
        },
    )?;
    Ok(())
}

/// When the index was last recomputed.
fn deep(facts: &Facts) -> String {
    match facts.deep_verified {
        Some((sequence, at_us)) => format!(
            "By this server’s record that was last done, without a fault, on {} up to sequence {}.",
            time_us(at_us),
            grouped(sequence)
        ),
        None => "This server has no record that it was done yet.".to_owned(),
    }
}

fn how_to_verify(facts: &Facts, out: &mut dyn Write) -> Result<(), WriteError> {
    let (file, key) = (format!("stele-report-{}.json", Text(&facts.id)), Text(&facts.key));
    writeln!(
        out,
        "<section>\n<h2>How to verify this without us</h2>\n<ol>\n\
<li>Take the JSON form of the report, <code>{file}</code>. It is complete in itself; no server is needed.</li>\n\
<li>Take the log’s verifier key <strong>from outside this file</strong>: from a contract, an earlier audit, or the place where the operator publishes it. A key that comes with the report proves nothing, because whoever forges the one can forge the other. It must be the same as\n<pre>{key}</pre></li>\n\
<li>Run either of the two verifiers. The second is one file of Python without other packages, short enough to be read.\n\
<pre>stele verify-report {file} --key 'THE KEY FROM OUTSIDE'\npython3 stele_verify.py report {file} --key 'THE KEY FROM OUTSIDE'</pre></li>\n\
<li>Compare the verification hash that it prints with\n<pre>{hash}</pre></li>\n</ol>\n\
<p>That the report was issued is itself an event of the log, <code>stele.report_issued</code>. <code>GET /v1/verify/{hash}</code> shows it with its own proof.</p>\n\
<h3>Signed checkpoint</h3>\n<p>Origin of the log, number of its records, root hash of its tree, signature.</p>\n<pre>{checkpoint}</pre>\n</section>",
        hash = Text(&facts.verification_hash),
        checkpoint = Text(facts.checkpoint.trim_end()),
    )?;
    Ok(())
}

fn entry(record: &Record, out: &mut dyn Write) -> Result<(), WriteError> {
    let fields = fields(record)?;
    let told = [&fields.actor_name, &fields.actor_email, &fields.actor_ip_address];
    let actor = named(fields.actor_type, fields.actor_id.as_deref(), &told.map(Option::as_deref));
    let resource =
        named(&fields.resource_type, Some(&*fields.resource_id), &[fields.resource_name.as_deref()]);
    writeln!(
        out,
        "<tbody><tr><th scope=\"row\" rowspan=\"2\">{sequence}</th><td>{timestamp}<br><span class=\"soft\">{committed}</span></td><td>{event_type}<br><span class=\"soft\">{category}</span></td><td>{actor}</td><td>{resource}</td><td>{action}<br><span class=\"{status}\">{status}</span></td></tr>",
        sequence = record.sequence,
        timestamp = fields.timestamp,
        committed = committed_at(record.committed_us),
        event_type = Text(fields.event_type),
        category = Text(&fields.category),
        action = Text(&fields.action),
        status = Text(fields.status),
    )?;
    write!(out, "<tr><td colspan=\"5\" class=\"detail\">")?;
    if fields.metadata != "{}" {
        write!(out, "{}", Metadata(fields.metadata))?;
    }
    if let Some(agent) = &fields.actor_user_agent {
        write!(out, "<div>User agent: {}</div>", Text(agent))?;
    }
    if let Some(errors) = fields.schema_errors {
        write!(
            out,
            "<div>Does not fit the schema of its type: <span class=\"mono\">{}</span></div>",
            Text(errors)
        )?;
    }
    writeln!(
        out,
        "<div class=\"mono\">id {} · hash {}</div></td></tr></tbody>",
        Text(fields.event_id),
        stele_engine::ids::hex(&record.hash),
    )?;
    Ok(())
}

/// A type and an id, and under them what else is told, parted by dots.
fn named(kind: &str, id: Option<&str>, more: &[Option<&str>]) -> String {
    let mut markup = format!("<span class=\"soft\">{}</span>", Text(kind));
    if let Some(id) = id {
        let _ = write!(markup, " {}", Text(id));
    }
    for (i, text) in more.iter().flatten().enumerate() {
        let _ = write!(markup, "{}{}", if i == 0 { "<br>" } else { " · " }, Text(text));
    }
    markup
}

/// Metadata, cut where it is long.
struct Metadata<'a>(&'a str);

impl Display for Metadata<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.char_indices().nth(METADATA_CHARS_MAX).map_or(self.0, |(end, _)| &self.0[..end]);
        write!(f, "<div class=\"mono\">{}</div>", Text(shown))?;
        match self.0[shown.len()..].chars().count() {
            0 => Ok(()),
            left => write!(
                f,
                "<div><strong>{} more characters stand in the JSON and CSV forms.</strong></div>",
                grouped(left as u64)
            ),
        }
    }
}

/// Stored text as markup that shows it.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_char(c)?,
                c if is_hidden(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Controls, and characters that change the direction of what stands beside them or cannot be seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A number with its noun.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A number in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
