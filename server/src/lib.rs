//! The server of Stele: a thin hyper 1 server, the command line, background jobs.
//!
//! Start reading at [`serve`], which wires the rooms: `http` owns sockets and bodies, `routes`
//! answers calls, `auth` knows who asks, `state` keeps organizations and keys, `jobs` starts every
//! thread, `objects` opens the archive, `page` is what people see.

mod app;
mod auth;
mod cells;
mod exports;
mod http;
mod jobs;
mod kept;
mod metrics;
pub mod objects;
pub mod offline;
mod own;
mod page;
pub mod parsers;
mod reports;
mod routes;
pub mod serve;
mod state;
#[cfg(test)]
mod tests;
