//! The server whole, in process: on a free port, over a directory of its own.

mod admin;
mod archive;
pub mod client;
mod exports;
mod ingest;
mod limits;
mod looked;
mod page;
mod proofs;
mod questions;
mod reads;
mod reports;
mod retention;
mod search;
mod sessions;
mod store;
mod tails;
mod tiers;
mod users;
mod verification;
mod views;
