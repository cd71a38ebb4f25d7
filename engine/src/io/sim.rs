//! A simulated disk.
/// To come.
#[derive(Clone, Debug, Default)]
pub struct SimDisk;
