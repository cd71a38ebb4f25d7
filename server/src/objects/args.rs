//! The flags of a store, for every command that opens one.

use clap::{Args, ValueEnum};

use super::{ArchiveChoice, Lock, StoreOptions};

/// How the archive's store is reached; credentials come from the environment alone, because other users
/// of a machine see the arguments of its processes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Archive store")]
pub struct StoreArgs {
    /// Where archived events go: file:///DIRECTORY, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX [default: the
    /// directory `archive` in the data directory]
    #[arg(long, env = "STELE_ARCHIVE", value_name = "URL")]
    archive: Option<String>,
    /// Base URL of the service that keeps the bucket [default: AWS_ENDPOINT_URL, or that of its vendor]
    #[arg(long, env = "STELE_ARCHIVE_ENDPOINT", value_name = "URL")]
    archive_endpoint: Option<String>,
    /// Region of the bucket [default: AWS_REGION]
    #[arg(long, env = "STELE_ARCHIVE_REGION", value_name = "REGION")]
    archive_region: Option<String>,
    /// Whether the bucket must lock objects against deletion [default: required]
    #[arg(long, env = "STELE_ARCHIVE_LOCK", value_enum, value_name = "LOCK")]
    archive_lock: Option<LockChoice>,
    /// Take an endpoint with plain HTTP on another host
    #[arg(long, env = "STELE_ARCHIVE_ALLOW_HTTP")]
    archive_allow_http: bool,
}

/// Whether a bucket must lock.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum LockChoice {
    /// A bucket without a lock is refused.
    Required,
    /// Objects are stored without one.
    Off,
}

impl StoreArgs {
    /// The store of these flags.
    #[must_use]
    pub fn choice(&self) -> ArchiveChoice {
        ArchiveChoice::new(self.archive.clone(), self.options())
    }

    /// Options with these flags, and the variables of this process.
    #[must_use]
    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            endpoint: self.archive_endpoint.clone(),
            region: self.archive_region.clone(),
            lock: self.archive_lock.map(|lock| match lock {
                LockChoice::Required => Lock::Required,
                LockChoice::Off => Lock::Off,
            }),
            allow_http: self.archive_allow_http,
            ..StoreOptions::from_environment()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        store: StoreArgs,
    }

    fn parsed(flags: &[&str]) -> Result<StoreOptions, clap::Error> {
        let all = [&["x"], flags].concat();
        Command::try_parse_from(all).map(|command| command.store.options())
    }

    #[test]
    fn every_flag_reaches_the_store() {
        let none = parsed(&[]).unwrap();
        assert_eq!((none.endpoint, none.region, none.lock, none.allow_http), (None, None, None, false));
        let flags =
            ["--archive-endpoint", "http://10.0.0.1", "--archive-region", "r", "--archive-allow-http"];
        let all = parsed(&[&flags[..], &["--archive-lock", "off"]].concat()).unwrap();
        assert_eq!((all.endpoint.as_deref(), all.region.as_deref()), (Some("http://10.0.0.1"), Some("r")));
        assert_eq!((all.lock, all.allow_http), (Some(Lock::Off), true));
        assert_eq!(parsed(&["--archive-lock", "required"]).unwrap().lock, Some(Lock::Required));
        assert!(parsed(&["--archive-lock", "maybe"]).is_err());
    }

    #[test]
    fn what_is_shown_of_options_holds_no_secret() {
        let mut options = StoreOptions::new(std::collections::BTreeMap::new());
        options.environment.insert("AWS_SECRET_ACCESS_KEY".into(), "hush".into());
        assert!(!format!("{options:?}").contains("hush"));
    }
}
