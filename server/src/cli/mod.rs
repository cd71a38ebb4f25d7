//! The command line: one binary, many commands.
//!
//! Owns flags, output and exit codes. Keeps true:
//! - output is for people on a terminal and NDJSON when piped or with `--json`; messages go to
//!   standard error;
//! - exit codes are 0 done, 1 the answer is no, 2 wrong usage, 3 could not reach or read what was
//!   named, 130 Ctrl-C;
//! - stored text never reaches a terminal with control characters in it.

mod admin;
mod archive;
mod backup;
mod bars;
mod checkpoint;
mod client;
mod errors;
mod event;
mod export;
mod facets;
mod failure;
mod fetch;
mod figures;
mod filters;
mod get;
mod histogram;
mod history;
mod ingest;
mod interrupt;
mod out;
mod people;
mod problem;
mod query;
mod report;
mod retention;
mod search;
mod serve;
mod tail;
mod text;
mod verify;
mod verify_report;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use self::failure::Failure;

/// An activity log that is written once, linked by hashes, and searchable: tamper-evident, in one binary
#[derive(Parser, Debug)]
#[command(name = "stele", version, max_term_width = 110, arg_required_else_help = true)]
#[command(after_help = "\
Commands that talk to a server take --url and --key, or STELE_URL and STELE_API_KEY.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 could not reach or read what was named.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(Box<serve::ServeArgs>),
    Ingest(ingest::IngestArgs),
    Search(search::SearchArgs),
    Tail(tail::TailArgs),
    Facets(facets::FacetsArgs),
    Histogram(histogram::HistogramArgs),
    Metrics(figures::MetricsArgs),
    Errors(errors::ErrorsArgs),
    History(history::HistoryArgs),
    Get(get::GetArgs),
    Checkpoint(checkpoint::CheckpointArgs),
    Verify(verify::VerifyArgs),
    Report(report::ReportArgs),
    Export(Box<export::ExportArgs>),
    VerifyReport(verify_report::VerifyReportArgs),
    Retention(retention::RetentionArgs),
    Archive(archive::ArchiveArgs),
    Archives(archive::ArchivesArgs),
    Restore(archive::RestoreArgs),
    Backup(backup::BackupArgs),
    RestoreBackup(backup::RestoreBackupArgs),
    Org(admin::OrgArgs),
    Key(admin::KeyArgs),
    User(people::UserArgs),
    Session(people::SessionArgs),
    EventType(admin::EventTypeArgs),
    /// Print the version
    Version,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Runs the command line and returns its exit code.
pub fn main() -> ExitCode {
    // Wrong usage exits here, with code 2; --help and --version with 0.
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                // Nobody is left to be told when standard error is closed too.
                let _ = writeln!(std::io::stderr(), "stele: {text}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(*args),
        Command::Ingest(args) => ingest::run(&args),
        Command::Search(args) => search::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Facets(args) => facets::run(&args),
        Command::Histogram(args) => histogram::run(&args),
        Command::Metrics(args) => figures::run(&args),
        Command::Errors(args) => errors::run(&args),
        Command::History(args) => history::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Checkpoint(args) => checkpoint::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Export(args) => export::run(&args),
        Command::VerifyReport(args) => verify_report::run(&args),
        Command::Retention(args) => retention::run(&args),
        Command::Archive(args) => archive::archive(&args),
        Command::Archives(args) => archive::archives(&args),
        Command::Restore(args) => archive::restore(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::RestoreBackup(args) => backup::restore(&args),
        Command::Org(args) => admin::org(&args),
        Command::Key(args) => admin::key(&args),
        Command::User(args) => people::user(&args),
        Command::Session(args) => people::session(&args),
        Command::EventType(args) => admin::event_type(&args),
        Command::Version => print(concat!("stele ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "stele", &mut script);
            print(&script)
        }
    }
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    std::io::stdout().write_all(bytes).map_err(Failure::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_query_stands_anywhere_among_the_options() {
        for words in [
            &["stele", "search", "category:api", "status:failure", "--last", "24h"][..],
            &["stele", "search", "--limit", "5", "category:api timeout"],
            &["stele", "tail", "by:ada@example.com", "--json"],
            &["stele", "facets", "@latency_ms>=500", "--fields", "category,@path"],
            &["stele", "histogram", "--interval", "5m", "last:1h", "--split", "status"],
            &["stele", "metrics", "metadata.latency_ms", "--group-by", "metadata.path", "category:api"],
            &["stele", "errors", "last:1h", "--color", "never", "--table"],
            &["stele", "history", "agent", "agt_42", "--at", "now-1d"],
        ] {
            assert!(Cli::try_parse_from(words).is_ok(), "{words:?}");
        }
        assert!(Cli::try_parse_from(["stele", "search", "--limt", "5"]).is_err(), "a slip is no query");
        assert!(Cli::try_parse_from(["stele", "metrics"]).is_err(), "figures are of a field");
    }

    #[test]
    fn flags_of_a_group_stand_before_or_behind_its_command() {
        for words in [
            ["stele", "key", "--url", "http://h", "list"],
            ["stele", "key", "list", "--url", "http://h"],
            ["stele", "org", "get", "o1", "--json"],
        ] {
            assert!(Cli::try_parse_from(words).is_ok(), "{words:?}");
        }
        assert!(Cli::try_parse_from(["stele", "key", "create", "ci"]).is_err(), "a key needs scopes");
        assert!(Cli::try_parse_from(["stele", "user", "add", "a@b"]).is_err(), "a user needs a role");
        assert!(Cli::try_parse_from(["stele", "user", "set", "a@b"]).is_err(), "nothing to change");
        assert!(Cli::try_parse_from(["stele", "user", "set", "a@b", "--name", "A", "--json"]).is_ok());
        assert!(Cli::try_parse_from(["stele", "key", "create", "ci", "--scope", "root"]).is_err());
        assert!(Cli::try_parse_from(["stele", "key", "create", "ci", "--scope", "ingest,read"]).is_ok());
    }
}
