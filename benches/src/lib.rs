//! What Stele's figures are made with: realistic events and the suites that measure the store.
//!
//! [`generate`] makes events as raw JSON lines, cheaply enough never to be what is measured. The
//! binaries are thin: `stele-generate` prints events, `stele-bench` runs suites and prints a table.

pub mod generate;
