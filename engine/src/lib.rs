//! The write-once store of Stele, as a library: no sockets, no async, no clock of its own.
//!
//! Rooms lie on floors (docs/ARCHITECTURE.md); a room imports only from lower floors, which
//! `tests/tidy` checks. Start reading at [`log`], the front door.

pub mod archive;
pub mod catalog;
pub mod chain;
pub mod codec;
pub mod cold;
pub mod dedup;
pub mod error;
pub mod event;
pub mod ids;
pub mod index;
pub mod ingest;
pub mod io;
pub mod log;
pub mod merkle;
pub mod proof;
pub mod query;
pub mod record;
pub mod recover;
pub mod report;
pub mod retain;
pub mod segment;
pub mod tags;
pub mod text;
pub mod verify;
