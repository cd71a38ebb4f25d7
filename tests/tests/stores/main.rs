//! The archive's object stores against stores that others wrote: what is locked stays, what is read is
//! what was written, and what goes wrong is named.
//!
//! SeaweedFS locks as S3 does and checks signatures; moto has classes from which objects must be
//! restored; Google's service has no server to run, so a mock written from its documentation stands in.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod campaign;
mod faults;
mod google;
mod locks;
mod proxy;
mod s3;
mod stores;
