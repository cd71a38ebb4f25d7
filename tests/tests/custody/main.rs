//! The chain of custody from outside: what was tampered with is found and named, what a report leaves
//! out is refused, and what the log proves is accepted by verifiers that others wrote.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod foreign;
mod proof_file;
mod report;
mod tamper;
