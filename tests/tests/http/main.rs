//! The HTTP contract, checked from outside against the real `stele` binary.

mod bad_events;
mod bad_requests;
mod refused;
