//! What Stele's figures are made with: realistic events and the suites that measure the store.
//!
//! [`generate`] makes events as raw JSON lines, cheaply enough never to be what is measured.
//! [`suites`] run the store on them, in process and through its server, and return [`figures`]. The
//! binaries are thin: `stele-generate` prints events, `stele-bench` runs suites and prints a table.

pub mod figures;
pub mod generate;
pub mod suites;
pub mod system;

/// What any part of a benchmark may fail with: it is printed, and the run ends.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
