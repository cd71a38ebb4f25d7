//! What black-box tests share: a real `stele` process, plain HTTP on a socket, events as text.
//!
//! Nothing here knows the product's insides: tests see what a client sees.

pub mod data;
pub mod event;
pub mod python;
pub mod random;
pub mod server;
pub mod wire;

pub use random::Random;
pub use server::{ADMIN_KEY, Options, Server};
pub use wire::{Answer, Call};
