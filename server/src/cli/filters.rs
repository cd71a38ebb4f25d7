//! The structured filters of `GET /v1/events`, as flags and as a query string.

use std::fmt::Write;

use clap::{Args, ValueEnum};

use serde_json::{Map, Value};

use super::failure::Failure;

/// Which events. Values of one filter are alternatives, different filters all have to match.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Filters (each may be repeated: any of the values)")]
pub struct Filters {
    /// session, api, agent, auth, integration, system, security, or a registered one
    #[arg(long, value_name = "CATEGORY")]
    pub category: Vec<String>,
    /// Such as agent.updated
    #[arg(long = "type", visible_alias = "event-type", value_name = "TYPE")]
    pub event_type: Vec<String>,
    /// How it went
    #[arg(long, value_enum, value_name = "STATUS")]
    pub status: Vec<Status>,
    /// Such as create, update, delete
    #[arg(long, value_name = "ACTION")]
    pub action: Vec<String>,
    /// What kind of actor
    #[arg(long, value_enum, value_name = "TYPE")]
    pub actor_type: Vec<ActorType>,
    /// Id of the actor
    #[arg(long, value_name = "ID")]
    pub actor_id: Vec<String>,
    /// E-mail address of the actor
    #[arg(long, value_name = "EMAIL")]
    pub actor_email: Vec<String>,
    /// Type of the resource
    #[arg(long, value_name = "TYPE")]
    pub resource_type: Vec<String>,
    /// Id of the resource
    #[arg(long, value_name = "ID")]
    pub resource_id: Vec<String>,
    /// Also the log's own stele.* events
    #[arg(long)]
    pub own: bool,
}

/// Times on the event's own `timestamp`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Time")]
pub struct TimeRange {
    /// Not before: RFC 3339, or relative such as now-24h
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Before: RFC 3339, or relative
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// The last while: 15m, 24h, 7d
    #[arg(long, value_name = "DURATION", conflicts_with = "from", value_parser = span)]
    pub last: Option<String>,
}

/// `status` of an event.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It worked.
    Success,
    /// It did not.
    Failure,
    /// Not known yet.
    Pending,
}

/// `actor.type` of an event.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
#[value(rename_all = "snake_case")]
pub enum ActorType {
    /// A person.
    User,
    /// A program with a key.
    ApiKey,
    /// The system itself.
    System,
}

/// A number and a unit, as the server takes them after `now-`.
fn span(text: &str) -> Result<String, String> {
    let number = text.strip_suffix(['s', 'm', 'h', 'd', 'w']).unwrap_or_default();
    if number.is_empty() || number.len() > 9 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err("takes a number and s, m, h, d or w, such as 15m".to_owned());
    }
    // Weeks are not part of the contract's relative times.
    match (text.strip_suffix('w'), number.parse::<u64>()) {
        (Some(_), Ok(weeks)) => Ok(format!("{}d", weeks * 7)),
        _ => Ok(text.to_owned()),
    }
}

/// A query string that grows.
#[derive(Clone, Debug, Default)]
pub struct Query(String);

impl Query {
    /// Adds a parameter.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        percent_encode(value, &mut self.0);
    }

    /// The same with one parameter more.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut more = self.clone();
        more.push(name, value);
        more
    }

    /// A path with this query.
    pub fn on(&self, path: &str) -> String {
        format!("{path}{}", self.0)
    }
}

impl Filters {
    /// The filters as parameters.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let lists: [(&str, &[String]); 7] = [
            ("category", &self.category),
            ("event_type", &self.event_type),
            ("action", &self.action),
            ("actor_id", &self.actor_id),
            ("actor_email", &self.actor_email),
            ("resource_type", &self.resource_type),
            ("resource_id", &self.resource_id),
        ];
        let mut pairs = Vec::new();
        for (name, values) in lists {
            pairs.extend(values.iter().map(|value| (name, value.clone())));
        }
        pairs.extend(names(&self.status).map(|name| ("status", name)));
        pairs.extend(names(&self.actor_type).map(|name| ("actor_type", name)));
        pairs
    }

    /// Adds the filters to a query.
    pub fn add_to(&self, query: &mut Query) {
        for (name, value) in self.pairs() {
            query.push(name, &value);
        }
        if self.own {
            query.push("own", "true");
        }
    }

    /// Adds the filters to a body, as lists.
    pub fn add_to_body(&self, body: &mut Map<String, Value>) {
        for (name, value) in self.pairs() {
            match body.get_mut(name) {
                Some(Value::Array(values)) => values.push(value.into()),
                _ => _ = body.insert(name.to_owned(), Value::Array(vec![value.into()])),
            }
        }
        if self.own {
            body.insert("own".to_owned(), true.into());
        }
    }
}

fn names<E: ValueEnum>(values: &[E]) -> impl Iterator<Item = String> + '_ {
    values.iter().filter_map(ValueEnum::to_possible_value).map(|value| value.get_name().to_owned())
}

impl TimeRange {
    /// The range as parameters.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let from = self.last.as_ref().map(|last| format!("now-{last}")).or_else(|| self.from.clone());
        [("from", from), ("to", self.to.clone())].into_iter().filter_map(|(name, time)| Some((name, time?)))
    }

    /// Adds the range to a query.
    pub fn add_to(&self, query: &mut Query) {
        self.pairs().for_each(|(name, time)| query.push(name, &time));
    }

    /// Adds the range to a body.
    pub fn add_to_body(&self, body: &mut Map<String, Value>) {
        body.extend(self.pairs().map(|(name, time)| (name.to_owned(), time.into())));
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// A path below `prefix` whose last segment is `name`.
pub fn path_of(prefix: &str, name: &str) -> Result<String, Failure> {
    if name.is_empty() || name == "." || name == ".." {
        return Err(Failure::Usage(format!("`{name}` is no id")));
    }
    let mut path = format!("{prefix}/");
    percent_encode(name, &mut path);
    Ok(path)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        time: TimeRange,
    }

    fn query(flags: &[&str]) -> Result<String, clap::Error> {
        let flags = Flags::try_parse_from([&["x"], flags].concat())?;
        let mut query = Query::default();
        flags.filters.add_to(&mut query);
        flags.time.add_to(&mut query);
        Ok(query.on("/v1/events"))
    }

    #[test]
    fn flags_become_the_parameters_of_the_contract() {
        let got = query(&[
            "--category",
            "api",
            "--category",
            "auth",
            "--type",
            "api.error",
            "--status",
            "failure",
            "--actor-type",
            "api_key",
            "--actor-email",
            "a+b@example.com",
            "--resource-id",
            "a/b c",
            "--own",
            "--last",
            "15m",
        ]);
        assert_eq!(
            got.unwrap(),
            "/v1/events?category=api&category=auth&event_type=api.error&actor_email=a%2Bb%40example.com\
             &resource_id=a%2Fb%20c&status=failure&actor_type=api_key&own=true&from=now-15m"
        );
        assert_eq!(query(&[]).unwrap(), "/v1/events");
        let range = query(&["--from", "2026-11-01T00:00:00+01:00", "--to", "now-1h"]).unwrap();
        assert_eq!(range, "/v1/events?from=2026-11-01T00%3A00%3A00%2B01%3A00&to=now-1h");
        assert_eq!(query(&["--last", "2w"]).unwrap(), "/v1/events?from=now-14d");
    }

    #[test]
    fn wrong_values_are_found_before_anything_is_asked() {
        for bad in [
            ["--status", "ok"],
            ["--actor-type", "robot"],
            ["--last", "15"],
            ["--last", "m"],
            ["--last", "-1h"],
        ] {
            assert!(query(&bad).is_err(), "{bad:?}");
        }
        assert!(query(&["--last", "1h", "--from", "now-2h"]).is_err(), "two beginnings");
    }

    #[test]
    fn an_id_is_one_segment_of_a_path() {
        assert_eq!(path_of("/v1/events", "a/b:c").unwrap(), "/v1/events/a%2Fb%3Ac");
        assert!(path_of("/v1/events", "..").is_err());
        assert!(path_of("/v1/events", "").is_err());
    }
}
