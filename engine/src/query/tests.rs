//! Searches against the plain evaluator.

mod campaign;
pub(super) mod decoded;
mod events;
mod filters;
mod flips;
mod questions;
