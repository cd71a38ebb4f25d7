//! Random queries as people write them: mostly about values that some event has, spelled in any way
//! that the language allows.

use super::decoded::{Event, Json};
use super::events::NOW_NS;
use crate::index::fixture::Rng;
use crate::query::Filter;
use crate::text::words;

const KEYWORDS: [(&[&str], &[&str]); 11] = [
    (&["event_type", "type"], &["event_type"]),
    (&["category", "cat"], &["category"]),
    (&["status"], &["status"]),
    (&["action"], &["action"]),
    (&["actor.type"], &["actor", "type"]),
    (&["actor.id"], &["actor", "id"]),
    (&["actor.email", "email"], &["actor", "email"]),
    (&["actor.name"], &["actor", "name"]),
    (&["resource.type"], &["resource", "type"]),
    (&["resource.id"], &["resource", "id"]),
    (&["resource.name"], &["resource", "name"]),
];

const COMPARISONS: [&str; 8] = [">", ">=", "<", "<=", ":>", ":>=", ":<", ":<="];

const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "404",
    "404.0",
    "4.04e2",
    "500",
    "1000",
    "12345678901234567890",
    "1e400",
    "-1.5",
    "106.9",
    "0.1",
    "-0",
    "7",
];

const BOUNDS: [&str; 10] = ["1s", "500ms", "0.5m", "1h", "2KiB", "1KB", "1MB", "0.001MiB", "30s", "2.048KB"];

const NS: i64 = 1_000_000_000;

/// Asks about some events.
pub(super) struct Asker<'e> {
    pub rng: Rng,
    events: &'e [Event],
    /// The event that most parts of the present query are about, so that they meet.
    present: usize,
}

impl<'e> Asker<'e> {
    pub(super) fn new(seed: u64, events: &'e [Event]) -> Self {
        Self { rng: Rng(seed), events, present: 0 }
    }

    /// The text of a query.
    pub(super) fn query(&mut self) -> String {
        self.present = self.rng.below(self.events.len() as u64) as usize;
        match self.rng.below(40) {
            0 => String::new(),
            1 => "*".to_owned(),
            _ => self.either(0),
        }
    }

    fn either(&mut self, depth: usize) -> String {
        let joint = match self.rng.below(10) {
            _ if depth > 3 => return self.leaf(),
            0..=4 => return self.leaf(),
            5 | 6 => " ",
            7 => " AND ",
            8 => " OR ",
            _ => return format!("{}({})", self.rng.pick(&["-", "NOT ", ""]), self.either(depth + 1)),
        };
        let parts: Vec<String> = (0..2 + self.rng.below(2)).map(|_| self.either(depth + 1)).collect();
        parts.join(joint)
    }

    fn leaf(&mut self) -> String {
        let negation = if self.rng.below(6) == 0 { self.rng.pick(&["-", "NOT "]) } else { "" };
        let leaf = match self.rng.below(30) {
            0..=6 => self.words(),
            7..=16 => self.metadata(),
            17..=20 => self.keyword(),
            21 | 22 => self.time(),
            23 | 24 => self.address(),
            25 => self.members(),
            26 | 27 => self.changed(),
            28 => self.numbered(),
            _ => self.odd(),
        };
        format!("{negation}{leaf}")
    }

    fn event(&mut self) -> &'e Event {
        let other = self.rng.below(self.events.len() as u64) as usize;
        &self.events[if self.rng.below(4) == 0 { other } else { self.present }]
    }

    /// Any string or number of an event, with the names that lead to it from metadata.
    fn value(&mut self) -> (Vec<&'e str>, &'e Json) {
        let mut found = Vec::new();
        let mut event = self.event();
        loop {
            collect(event.json.get(&["metadata"]).unwrap(), &mut Vec::new(), &mut found);
            if !found.is_empty() {
                break;
            }
            event = &self.events[self.rng.below(self.events.len() as u64) as usize];
        }
        found.swap_remove(self.rng.below(found.len() as u64) as usize)
    }

    /// A string from anywhere in an event.
    fn string(&mut self) -> &'e str {
        let event = self.event();
        let path = KEYWORDS[self.rng.below(KEYWORDS.len() as u64) as usize].1;
        match (self.rng.below(3), event.get(path)) {
            (0, Some(text)) => text,
            (1, _) if self.rng.below(4) == 0 => event.get(&["event_id"]).unwrap(),
            _ => match self.value().1 {
                Json::Text(text) | Json::Number(text) => text,
                _ => event.get(&["action"]).unwrap(),
            },
        }
    }

    /// Bare text.
    fn words(&mut self) -> String {
        let text = self.string();
        self.phrase(text)
    }

    /// A term about the words of a text.
    fn phrase(&mut self, text: &str) -> String {
        let all: Vec<&str> = words(text).collect();
        let all = if all.is_empty() { vec!["absent"] } else { all };
        let first = self.rng.below(all.len() as u64) as usize;
        let last = (first + 1 + self.rng.below(3) as usize).min(all.len());
        let some = all[first..last].join(" ");
        let word = all[first];
        let term = match self.rng.below(12) {
            0 | 1 if text.chars().count() < 200 => self.spelled(text),
            2..=4 => self.spelled(word),
            5 => quoted(&some),
            6 => escaped(&all[first..last].join("_")),
            7 => format!("{}*", escaped(&cut(&mut self.rng, word))),
            8 => format!("{}*", quoted(&cut(&mut self.rng, &some))),
            9 => self.globbed(word),
            10 => self.spelled(&format!("{word}q")),
            _ => self.spelled(&some),
        };
        match self.rng.below(6) {
            0 => term.to_uppercase(),
            1 => term.to_lowercase(),
            _ => term,
        }
    }

    fn spelled(&mut self, text: &str) -> String {
        if text.is_empty() || self.rng.below(2) == 0 { quoted(text) } else { escaped(text) }
    }

    /// A text with wildcards in place of some of its characters.
    fn globbed(&mut self, text: &str) -> String {
        let chars: Vec<char> = text.chars().take(60).collect();
        let at = self.rng.below(chars.len() as u64 + 1) as usize;
        let end = (at + self.rng.below(3) as usize).min(chars.len());
        let side = |chars: &[char]| {
            if chars.is_empty() { String::new() } else { escaped(&chars.iter().collect::<String>()) }
        };
        match self.rng.below(4) {
            0 => format!("{}*", side(&chars[..at])),
            1 => format!("*{}", side(&chars[at..])),
            2 if at < chars.len() => format!("{}?{}", side(&chars[..at]), side(&chars[at + 1..])),
            _ => format!("{}*{}", side(&chars[..at]), side(&chars[end..])),
        }
    }

    /// A part of a text, for `~`; never empty.
    fn part(&mut self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let at = self.rng.below(chars.len() as u64) as usize;
        let end = (at + 1 + self.rng.below(6) as usize).min(chars.len());
        let part: String = chars.get(at..end).unwrap_or(&[]).iter().collect();
        let part = if part.is_empty() { "q".to_owned() } else { part };
        if self.rng.below(4) == 0 { part.to_uppercase() } else { part }
    }

    fn keyword(&mut self) -> String {
        let (names, path) = KEYWORDS[self.rng.below(KEYWORDS.len() as u64) as usize];
        let value = self.event().get(path).unwrap_or("Ada").to_owned();
        let name = self.rng.pick(names);
        self.keyword_test(name, &value)
    }

    fn members(&mut self) -> String {
        let (names, paths): (&[&str], &[[&str; 2]]) = if self.rng.below(2) == 0 {
            (&["actor", "by"], &[["actor", "id"], ["actor", "email"], ["actor", "name"]])
        } else {
            (&["resource", "target"], &[["resource", "type"], ["resource", "id"]])
        };
        let path = paths[self.rng.below(paths.len() as u64) as usize];
        let value = self.event().get(&path).unwrap_or("none").to_owned();
        let name = self.rng.pick(names);
        self.keyword_test(name, &value)
    }

    fn keyword_test(&mut self, name: &str, value: &str) -> String {
        let head = value.split('.').next().unwrap_or(value);
        match self.rng.below(16) {
            0..=2 => format!("{name}:{}", self.spelled(value)),
            3 => format!("{name}:{}", self.spelled(&value.to_uppercase())),
            4 => format!("{name}:{}", self.spelled(head)),
            5 | 6 => format!("{name}:{}", self.globbed(value)),
            7 => format!("{name}={}", self.spelled(value)),
            8 => format!("{name}!={}", self.spelled(value)),
            9 => format!("{name}~{}", {
                let part = self.part(value);
                self.spelled(&part)
            }),
            10 => format!("{name}!~{}", {
                let part = self.part(value);
                self.spelled(&part)
            }),
            11 => format!("{name}{}{}", self.rng.pick(&COMPARISONS), escaped(&plain(value))),
            12 => {
                let other = plain(self.string());
                format!("{name}:{}", self.range(&plain(value), &other))
            }
            13 => format!("{name}:*"),
            _ => {
                let other = self.string();
                let items =
                    [self.spelled(value), self.globbed(value), self.spelled(head), self.spelled(other)];
                self.list(name, &items)
            }
        }
    }

    fn list(&mut self, name: &str, items: &[String]) -> String {
        let joint = self.rng.pick(&[" OR ", ",", ", "]);
        let op = self.rng.pick(&[":", ":", "=", "!="]);
        let count = 1 + self.rng.below(items.len() as u64) as usize;
        format!("{name}{op}({})", items[..count].join(joint))
    }

    fn range(&mut self, low: &str, high: &str) -> String {
        let (low, high) = (escaped(low), escaped(high));
        match self.rng.below(4) {
            0 => format!("{low}..{high}"),
            1 => format!("{{{low} TO {high}}}"),
            _ => format!("[{low} TO {high}{}", self.rng.pick(&["]", "}"])),
        }
    }

    fn metadata(&mut self) -> String {
        let (mut names, mut value) = self.value();
        if self.rng.below(6) == 0 {
            value = self.value().1;
        }
        if self.rng.below(8) == 0 {
            names.truncate(1 + self.rng.below(names.len() as u64) as usize);
        }
        let name = self.path(&names);
        if self.rng.below(10) == 0 {
            return format!("{name}:*");
        }
        match value {
            Json::Text(text) if self.rng.below(8) > 0 => self.text_test(&name, text),
            Json::Number(text) | Json::Text(text) => self.number_test(&name, text),
            Json::Flag(flag) => {
                let flag = if self.rng.below(4) == 0 { !flag } else { *flag };
                format!("{name}{}{flag}", self.rng.pick(&[":", "=", "!="]))
            }
            _ => format!("{name}:{}", self.rng.pick(&["null", "*", "\"\"", "a"])),
        }
    }

    fn text_test(&mut self, name: &str, text: &str) -> String {
        match self.rng.below(12) {
            0..=4 => format!("{name}:{}", self.phrase(text)),
            5 | 6 => format!("{name}={}", self.spelled(text)),
            7 => format!("{name}!={}", self.spelled(text)),
            8 | 9 => format!("{name}~{}", {
                let part = self.part(text);
                self.spelled(&part)
            }),
            10 => format!("{name}!~{}", {
                let part = self.part(text);
                self.spelled(&part)
            }),
            _ => {
                let items = [self.phrase(text), self.words(), self.spelled(text), "404".to_owned()];
                self.list(name, &items)
            }
        }
    }

    fn number_test(&mut self, name: &str, text: &str) -> String {
        let text = if crate::text::Number::parse(text).is_some() { text } else { "404" };
        let other = match self.rng.below(3) {
            0 => self.rng.pick(&NUMBERS),
            1 => self.rng.pick(&BOUNDS),
            _ => text,
        };
        let equal = if other.ends_with(|c: char| c.is_ascii_alphabetic()) { text } else { other };
        match self.rng.below(10) {
            0 | 1 => format!("{name}:{}", self.spelled(equal)),
            2 => format!("{name}={}", self.spelled(equal)),
            3 => format!("{name}!={equal}"),
            4 => format!("{name}:{}*", cut(&mut self.rng, text)),
            5 | 6 => format!("{name}{}{other}", self.rng.pick(&COMPARISONS)),
            7 | 8 => format!("{name}:{}", self.range(text, other).replace('\\', "")),
            _ => {
                let items = [equal.to_owned(), self.rng.pick(&NUMBERS).to_owned(), quoted(text)];
                self.list(name, &items)
            }
        }
    }

    /// A path as a query names it: names together or apart, quoted or not.
    fn path(&mut self, names: &[&str]) -> String {
        let (prefix, names) = match names {
            ["changes", side @ ("before" | "after"), rest @ ..]
                if !rest.is_empty() && self.rng.below(2) == 0 =>
            {
                (format!("{side}."), rest)
            }
            _ => (self.rng.pick(&["@", "@", "metadata."]).to_owned(), names),
        };
        prefix + &self.names(names)
    }

    fn names(&mut self, names: &[&str]) -> String {
        let plain = |name: &str| {
            let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        let one = |name: &&str| {
            let bare = name.split('.').all(plain) && self.rng.below(4) > 0;
            if bare { (*name).to_owned() } else { quoted(name) }
        };
        names.iter().map(one).collect::<Vec<_>>().join(".")
    }

    fn changed(&mut self) -> String {
        let mut paths = vec!["*".to_owned()];
        for _ in 0..10 {
            let event = self.event();
            let side = self.rng.pick(&["before", "after"]);
            let mut found = Vec::new();
            if let Some(state) = event.json.get(&["metadata", "changes", side]) {
                collect(state, &mut Vec::new(), &mut found);
            }
            if !found.is_empty() && self.rng.below(8) > 0 {
                let (names, _) = &found[self.rng.below(found.len() as u64) as usize];
                let count = 1 + self.rng.below(names.len() as u64) as usize;
                paths.insert(0, self.names(&names[..count]));
            }
        }
        if self.rng.below(4) == 0 {
            format!("changed:({})", paths[..paths.len().min(3)].join(" OR "))
        } else {
            format!("changed:{}", paths[0])
        }
    }

    fn address(&mut self) -> String {
        let name = self.rng.pick(&["ip", "actor.ip_address", "ua", "actor.user_agent"]);
        if name.starts_with("ua") || name.ends_with("agent") {
            let text = self.event().get(&["actor", "user_agent"]).unwrap_or("curl");
            return if self.rng.below(4) == 0 {
                self.number_test(name, text)
            } else {
                self.text_test(name, text)
            };
        }
        let text = self.event().get(&["actor", "ip_address"]).unwrap_or("10.0.0.1");
        let other = self.event().get(&["actor", "ip_address"]).unwrap_or("10.9.0.1");
        let parsed: std::net::IpAddr = text.parse().unwrap();
        let prefix = self.rng.pick(if parsed.is_ipv4() {
            &["0", "8", "15", "24", "32"]
        } else {
            &["0", "32", "96", "127", "128"]
        });
        match self.rng.below(14) {
            0..=2 => format!("{name}:{text}"),
            3 => format!("{name}:{parsed}"),
            4..=6 => format!("{name}:{text}/{prefix}"),
            7 => format!("{name}{}{text}", self.rng.pick(&COMPARISONS)),
            8 => format!("{name}:[{text} TO {other}]"),
            9 => format!("{name}:{}*", cut(&mut self.rng, text)),
            10 => format!("{name}={text}"),
            11 => format!("{name}~{}", {
                let part = self.part(text);
                escaped(&part)
            }),
            12 => format!("{name}:*"),
            _ => format!("{name}:({text} OR {other}/{})", if other.contains(':') { 64 } else { 16 }),
        }
    }

    /// A time near one that occurs, as far as a random unit.
    fn moment(&mut self, committed: bool) -> String {
        let event = self.event();
        let ns = if committed { event.committed_us as i64 * 1000 } else { event.time_ns };
        let text = jiff::Timestamp::from_nanosecond(i128::from(ns)).unwrap().to_string();
        let (date_time, fraction) = (&text[..19], text[19..].trim_start_matches('.').trim_end_matches('Z'));
        match self.rng.below(10) {
            0 => self.rng.pick(&["now", "now-15m", "now-1h", "now-7d", "now-1d", "now+1d"]).to_owned(),
            1 => text[..4].to_owned(),
            2 => text[..7].to_owned(),
            3 => text[..10].to_owned(),
            4 => format!("{}Z", &text[..16]),
            5 => format!("{date_time}Z"),
            6 if !fraction.is_empty() => {
                format!("{date_time}.{}Z", &fraction[..1 + self.rng.below(fraction.len() as u64) as usize])
            }
            7 => format!("{date_time}.000Z"),
            8 => text[..10].to_owned(),
            _ => text,
        }
    }

    fn time(&mut self) -> String {
        let name = self.rng.pick(&["timestamp", "time", "ts", "timestamp", "committed_at"]);
        let committed = name == "committed_at";
        let (one, two) = (self.moment(committed), self.moment(committed));
        match self.rng.below(12) {
            0..=2 => format!("{name}:{one}"),
            3 => format!("{name}={one}"),
            4 => format!("{name}!={one}"),
            5..=7 => format!("{name}{}{one}", self.rng.pick(&COMPARISONS)),
            8 => format!("{name}:[{one} TO {two}{}", self.rng.pick(&["]", "}"])),
            9 => format!("{name}:{one}..{two}"),
            10 => format!("{name}:({one} OR {two})"),
            _ => format!("last:{}{}", 1 + self.rng.below(40), self.rng.pick(&["s", "m", "h", "d", "w"])),
        }
    }

    fn numbered(&mut self) -> String {
        let event = self.event();
        let id = event.get(&["event_id"]).unwrap();
        let sequence = event.sequence;
        match self.rng.below(9) {
            0 => format!("{}:{}", self.rng.pick(&["event_id", "id"]), escaped(id)),
            1 => format!("event_id={}", quoted(id)),
            2 => format!("id:({}, {})", quoted(id), quoted(self.event().get(&["event_id"]).unwrap())),
            3 => format!("id:{}", quoted(&id.to_uppercase())),
            4 => escaped(id),
            5 => format!("{}:{sequence}", self.rng.pick(&["sequence", "seq"])),
            6 => format!("seq:[{sequence} TO {}}}", sequence + self.rng.below(90)),
            7 => format!("seq!={sequence}"),
            _ => format!("sequence{}{sequence}", self.rng.pick(&COMPARISONS)),
        }
    }

    fn odd(&mut self) -> String {
        self.rng
            .pick(&[
                "*",
                "nothing:x",
                "nothing:*",
                "-nothing:*",
                "@absent:*",
                "-@absent.path:x",
                "stele",
                "type:stele",
                "type:stele.*",
                "type:STELE.index",
                "NOT type:stele",
                "type=stele.index",
                "type~stele",
                "\"--\"",
                "@a:\"-\"",
                "@a=\"\"",
                "?",
                "event_type~deployed",
                "category:(security OR auth)",
                "@\"a.b\":*",
                "@a.b.c:*",
                "@\"a\".b:*",
                "seq:*",
                "timestamp:*",
                "event_id:*",
                "changed:*",
                "-changed:*",
                "resource:*",
                "actor:*",
                "ua:*",
                "before.a:*",
                "@changes:*",
            ])
            .to_owned()
    }

    /// Structured parameters: often none, else values that events have.
    pub(super) fn filter(&mut self) -> Filter {
        let mut filter = Filter { own: self.rng.below(5) == 0, ..Filter::default() };
        if self.rng.below(2) == 0 {
            return filter;
        }
        let values = |asker: &mut Self, path: &[&str]| -> Vec<String> {
            let count = if asker.rng.below(7) == 0 { 1 + asker.rng.below(3) } else { 0 };
            (0..count).filter_map(|_| asker.event().get(path).map(str::to_owned)).collect()
        };
        filter.category = values(self, &["category"]);
        filter.status = values(self, &["status"]);
        filter.action = values(self, &["action"]);
        filter.actor_type = values(self, &["actor", "type"]);
        filter.actor_id = values(self, &["actor", "id"]);
        filter.actor_email =
            values(self, &["actor", "email"]).iter().map(|email| email.to_uppercase()).collect();
        filter.resource_type = values(self, &["resource", "type"]);
        filter.resource_id = values(self, &["resource", "id"]);
        filter.event_type = values(self, &["event_type"]);
        if self.rng.below(6) == 0 {
            let more = self.rng.pick(&[
                "agent",
                "AGENT.*",
                "*.updated",
                "stele",
                "a?i.*",
                "api\\.error",
                "*",
                "deployed",
            ]);
            filter.event_type.push(more.to_owned());
        }
        let time = |asker: &mut Self| match asker.rng.below(6) {
            0 => Some(asker.event().time_ns),
            1 => Some(NOW_NS - asker.rng.below(4 * 86_400) as i64 * NS),
            _ => None,
        };
        (filter.from_ns, filter.to_ns) = (time(self), time(self));
        filter
    }
}

/// Values below a value, with the names that lead to them; arrays looked through.
fn collect<'j>(value: &'j Json, path: &mut Vec<&'j str>, found: &mut Vec<(Vec<&'j str>, &'j Json)>) {
    match value {
        Json::List(items) => items.iter().for_each(|item| collect(item, path, found)),
        Json::Object(members) => {
            for (name, inner) in members {
                path.push(name);
                collect(inner, path, found);
                path.pop();
            }
        }
        value if !path.is_empty() => found.push((path.clone(), value)),
        _ => {}
    }
}

/// A text's beginning, at least one character where there is one.
fn cut(rng: &mut Rng, text: &str) -> String {
    let count = text.chars().count().max(1) as u64;
    text.chars().take(1 + rng.below(count) as usize).collect()
}

/// Only what can stand in a bound without quotes.
fn plain(text: &str) -> String {
    let kept: String =
        text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '-')).take(20).collect();
    if kept.is_empty() { "m".to_owned() } else { kept }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text as a term without quotes.
fn escaped(text: &str) -> String {
    if text.is_empty() || matches!(text, "OR" | "AND" | "NOT" | "TO") {
        return quoted(text);
    }
    let mut escaped = String::new();
    for (at, c) in text.chars().enumerate() {
        let plain = c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
        let inner = at > 0 && matches!(c, '@' | '/' | '-' | '+' | '.') && !text.contains("..");
        if !plain && !inner {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
