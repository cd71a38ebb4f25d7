#![no_main]

#[path = "../harness/mod.rs"]
#[allow(dead_code, reason = "each target uses its part of the harness")]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::run("notes", data));
