//! HTTP/1.1, by hand on hyper: sockets, time, memory, and what every request goes through.
//!
//! A request passes `listen` (connections), `timed` (silence), `pipeline` (id, key, scope, rate,
//! answer, log line), `router` (which call), and its handler in `crate::routes`, which takes its
//! body through `intake`. Errors are `problem`s.

pub mod answer;
pub mod budget;
pub mod client;
pub mod compress;
pub mod etag;
pub mod intake;
pub mod json;
pub mod listen;
mod pipeline;
pub mod problem;
pub mod query;
pub mod router;
mod timed;
pub mod tls;
