//! `stele retention`: how long events stay searchable, and what comes after.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::admin::{Call, Common, word};
use super::failure::Failure;

/// How long events stay searchable: shows the policy, or changes what is named
#[derive(Args, Debug)]
#[command(after_help = "\
A lock in the archive is never shortened, and what was archived stays. The plan, and the end of a legal hold, need the instance key.")]
pub struct RetentionArgs {
    /// Days until events go to the archive, from 7, or `unlimited`
    #[arg(long, value_name = "DAYS", value_parser = active_days)]
    active_days: Option<Value>,
    /// Days until the data of whole segments are compressed
    #[arg(long, value_name = "DAYS")]
    chill_after_days: Option<u32>,
    /// Whether the end of the active period moves anything
    #[arg(long, value_name = "BOOL")]
    archive: Option<bool>,
    /// Whether locks in the archive are lengthened for as long as this holds
    #[arg(long, value_name = "BOOL")]
    legal_hold: Option<bool>,
    /// How long events are kept at least: pro one year, enterprise seven
    #[arg(long, value_enum, value_name = "PLAN")]
    plan: Option<Plan>,
    #[command(flatten)]
    common: Common,
}

/// An organization's plan.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// One year.
    Pro,
    /// Seven years.
    Enterprise,
}

fn active_days(text: &str) -> Result<Value, String> {
    match text {
        "unlimited" => Ok(Value::Null),
        days => days.parse::<u32>().map(Value::from).map_err(|_| "takes days, or `unlimited`".to_owned()),
    }
}

/// Runs the command.
pub fn run(args: &RetentionArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    let body = args.body();
    if body.is_empty() {
        let policy: Value = call.client.get("/v1/retention")?;
        return call.show(&policy, None);
    }
    call.change(Method::PUT, "/v1/retention", Some(body), None)
}

impl RetentionArgs {
    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        for (name, value) in [
            ("active_days", self.active_days.clone()),
            ("chill_after_days", self.chill_after_days.map(Value::from)),
            ("archive", self.archive.map(Value::from)),
            ("legal_hold", self.legal_hold.map(Value::from)),
            ("plan", self.plan.as_ref().map(|plan| json!(word(plan)))),
        ] {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: RetentionArgs,
    }

    #[test]
    fn only_what_is_named_is_changed() {
        let body = |flags: &[&str]| {
            Line::try_parse_from([&["x"], flags].concat()).map(|line| Value::Object(line.args.body()))
        };
        assert_eq!(body(&[]).unwrap(), json!({}));
        assert_eq!(body(&["--active-days", "unlimited"]).unwrap(), json!({"active_days": null}));
        let flags =
            ["--active-days", "30", "--archive", "false", "--legal-hold", "true", "--plan", "enterprise"];
        let expected = json!({"active_days": 30, "archive": false, "legal_hold": true, "plan": "enterprise"});
        assert_eq!(body(&flags).unwrap(), expected);
        for bad in [["--active-days", "long"], ["--archive", "maybe"], ["--plan", "free"]] {
            assert!(body(&bad).is_err(), "{bad:?}");
        }
    }
}
