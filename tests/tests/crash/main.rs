//! Crashes and faults, on a simulated disk: what was acknowledged stays, and nothing false is shown.
//!
//! One workload with appends, repeats, seals, id merges and restarts (`workload`) is repeated with a
//! power cut at each of its disk operations (`power_cut`), with a failure at each (`failing`), and
//! its finished log is opened with every kind of damage (`damage`). What must hold afterwards stands
//! in `oracle`. `STELE_SOAK=1` runs the long forms.

#![expect(clippy::single_range_in_vec_init, reason = "a group of one batch is meant")]

mod damage;
mod events;
mod failing;
mod oracle;
mod power_cut;
mod workload;

/// True when the long forms shall run.
fn soak() -> bool {
    std::env::var_os("STELE_SOAK").is_some_and(|value| value == "1")
}
