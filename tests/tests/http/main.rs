//! The HTTP contract, checked from outside against the real `stele` binary.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod admin;
mod bad_events;
mod bad_requests;
mod examples;
mod exports;
mod ingest;
mod people;
mod query_examples;
mod refused;
mod reports;
mod search;
mod tail;
mod tiers;
mod tls;
mod transport;
