//! `stele org`, `stele key`, `stele event-type`: lists, and changes to them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{Cell, Color};
use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::client::{Client, Connection};
use super::failure::Failure;
use super::filters::{Query, path_of};
use super::out::{Out, cell};
use super::text::{pretty, printable};

/// Where to, and how answers look.
#[derive(Args, Debug)]
pub struct Common {
    /// NDJSON also on a terminal
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Organizations: each has its own log, chain and keys (needs the instance key)
#[derive(Args, Debug)]
pub struct OrgArgs {
    #[command(subcommand)]
    command: OrgCommand,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand, Debug)]
enum OrgCommand {
    /// List organizations
    List,
    /// Make an organization; prints its first key, once
    Create {
        /// Its name
        name: String,
        /// Its plan
        #[arg(long)]
        plan: Option<String>,
    },
    /// Show one organization
    Get {
        /// Its id
        id: String,
    },
}

/// API keys of the organization
#[derive(Args, Debug)]
pub struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand, Debug)]
enum KeyCommand {
    /// List keys; secrets are not kept and never shown again
    List,
    /// Make a key; prints its secret, once
    Create {
        /// What it is for
        name: String,
        /// What it may do
        #[arg(long = "scope", required = true, value_enum, value_delimiter = ',', value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// When it ends, RFC 3339
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// Revoke a key, at once
    Revoke {
        /// Its id
        id: String,
    },
}

/// What a key may do.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Send events.
    Ingest,
    /// Read events.
    Read,
    /// Read, exports and reports.
    Export,
    /// Read, issue reports, verify.
    Auditor,
    /// Everything in the organization.
    Admin,
}

/// Event types and the schemas of their metadata
#[derive(Args, Debug)]
pub struct EventTypeArgs {
    #[command(subcommand)]
    command: EventTypeCommand,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand, Debug)]
enum EventTypeCommand {
    /// List the types that the organization knows
    List,
    /// Register a type, or change it
    Set {
        /// The type, such as invoice.paid
        event_type: String,
        /// Its category
        #[arg(long)]
        category: Option<String>,
        /// File with a JSON Schema for its metadata
        #[arg(long, value_name = "FILE")]
        schema: Option<PathBuf>,
        /// What happens to events whose metadata do not fit
        #[arg(long, value_enum, value_name = "WHAT")]
        on_mismatch: Option<OnMismatch>,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum OnMismatch {
    /// Store the event, with schema_errors.
    Mark,
    /// Refuse the event.
    Refuse,
}

/// Runs `stele org`.
pub fn org(args: &OrgArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    match &args.command {
        OrgCommand::List => call.list("/v1/orgs", "orgs", &["id", "name", "plan", "log_id", "created_at"]),
        OrgCommand::Create { name, plan } => {
            let mut body = object([("name", json!(name))]);
            if let Some(plan) = plan {
                body.insert("plan".to_owned(), json!(plan));
            }
            call.change(Method::POST, "/v1/orgs", Some(body), Some("key"))
        }
        OrgCommand::Get { id } => {
            let value: Value = call.client.get(&path_of("/v1/orgs", id)?)?;
            call.show(&value, None)
        }
    }
}

/// Runs `stele key`.
pub fn key(args: &KeyArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    match &args.command {
        KeyCommand::List => {
            let fields = ["id", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"];
            call.list("/v1/keys", "keys", &fields)
        }
        KeyCommand::Create { name, scopes, expires_at } => {
            let scopes: Vec<String> = scopes.iter().map(word).collect();
            let mut body = object([("name", json!(name)), ("scopes", json!(scopes))]);
            if let Some(time) = expires_at {
                body.insert("expires_at".to_owned(), json!(time));
            }
            call.change(Method::POST, "/v1/keys", Some(body), Some("secret"))
        }
        KeyCommand::Revoke { id } => call.change(Method::DELETE, &path_of("/v1/keys", id)?, None, None),
    }
}

/// Runs `stele event-type`.
pub fn event_type(args: &EventTypeArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    match &args.command {
        EventTypeCommand::List => {
            let fields = ["event_type", "category", "on_mismatch", "built_in"];
            call.list("/v1/event-types", "event_types", &fields)
        }
        EventTypeCommand::Set { event_type, category, schema, on_mismatch } => {
            let mut body = Map::new();
            if let Some(category) = category {
                body.insert("category".to_owned(), json!(category));
            }
            if let Some(path) = schema {
                let text = std::fs::read(path).map_err(Failure::file(path, "reading the schema"))?;
                let schema: Value = serde_json::from_slice(&text)
                    .map_err(|e| Failure::Usage(format!("{}: {e}", path.display())))?;
                body.insert("schema".to_owned(), schema);
            }
            if let Some(what) = on_mismatch {
                body.insert("on_mismatch".to_owned(), json!(word(what)));
            }
            call.change(Method::PUT, &path_of("/v1/event-types", event_type)?, Some(body), None)
        }
    }
}

/// The word on the command line that means a value.
pub fn word<E: ValueEnum>(value: &E) -> String {
    value.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}

/// A JSON object of these members.
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A client and an output.
pub struct Call {
    /// The client.
    pub client: Client,
    out: Out,
}

impl Call {
    /// Of the flags.
    pub fn new(common: &Common) -> Result<Self, Failure> {
        Ok(Self { client: Client::new(&common.connection, 1)?, out: Out::new(common.json) })
    }

    /// All pages of a list.
    pub fn list(&mut self, path: &str, member: &str, fields: &[&str]) -> Result<(), Failure> {
        let mut rows: Vec<Value> = Vec::new();
        let mut query = Query::default();
        loop {
            let mut page: Value = self.client.get(&query.on(path))?;
            match page.get_mut(member).map(Value::take) {
                Some(Value::Array(items)) => rows.extend(items),
                _ => return Err(Failure::Unreachable(format!("{path}: the answer has no list `{member}`"))),
            }
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(cursor) => query = Query::default().with("cursor", cursor),
                None => break,
            }
        }
        self.rows(&rows, fields)
    }

    /// Rows as lines, or as a table.
    pub fn rows(&mut self, rows: &[Value], fields: &[&str]) -> Result<(), Failure> {
        if self.out.json {
            rows.iter().try_for_each(|row| self.out.json_line(row))?;
        } else {
            let header: Vec<String> = fields.iter().map(|f| f.replace('_', " ").to_uppercase()).collect();
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            let mut table = self.out.new_table(&header);
            for row in rows {
                table.add_row(fields.iter().map(|field| field_cell(field, row.get(*field))));
            }
            self.out.table(&table)?;
        }
        self.out.flush()
    }

    /// A change, and what it made. `once` names the member that is shown this one time.
    pub fn change(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Map<String, Value>>,
        once: Option<&str>,
    ) -> Result<(), Failure> {
        let value: Value = self.client.send(method, path, body.as_ref())?;
        self.show(&value, once)
    }

    /// One value, member by member. `once` names the member that is shown this one time.
    pub fn show(&mut self, value: &Value, once: Option<&str>) -> Result<(), Failure> {
        if self.out.json {
            if !value.is_null() {
                self.out.json_line(value)?;
            }
            return self.out.flush();
        }
        match value {
            Value::Null => self.out.line("done")?,
            Value::Object(members) => {
                for (name, value) in members {
                    let text = if value.is_object() { pretty(&value.to_string()) } else { plain(value) };
                    self.out.line(&format!("{:<14} {text}", printable(name)))?;
                }
            }
            other => self.out.line(&pretty(&other.to_string()))?,
        }
        if let Some(secret) = once.filter(|name| value.get(name).is_some()) {
            eprintln!("note: `{secret}` is shown only now; keep it");
        }
        self.out.flush()
    }
}

fn field_cell(field: &str, value: Option<&Value>) -> Cell {
    let text = value.map_or_else(String::new, plain);
    match field {
        "revoked_at" if !text.is_empty() => cell(&text).fg(Color::Red),
        _ => cell(&text),
    }
}

/// A value as text: strings as they are, lists with commas, null as nothing.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text).into_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => printable(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_text() {
        assert_eq!(plain(&json!(["ingest", "read"])), "ingest,read");
        assert_eq!(plain(&json!(null)), "");
        assert_eq!(plain(&json!("a\u{1b}b")), "a\\u{1b}b");
        assert_eq!(plain(&json!(true)), "true");
    }

    #[test]
    fn words_are_those_of_the_contract() {
        assert_eq!(word(&Scope::Auditor), "auditor");
        assert_eq!(word(&OnMismatch::Refuse), "refuse");
    }
}
