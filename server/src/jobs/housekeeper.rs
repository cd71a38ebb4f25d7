//! The housekeeper: saves when keys were last used.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::{SharedBell, start};
use crate::state::{Keys, State};

const EVERY: Duration = Duration::from_secs(30);

/// Starts the housekeeper; it ends, after a last round, when the bell says stop.
///
/// # Errors
/// The system gives no thread.
pub fn housekeeper(state: Arc<State>, keys: Arc<Keys>, bell: SharedBell) -> io::Result<JoinHandle<()>> {
    start("stele-keeper", move || {
        loop {
            bell.wait(EVERY);
            let used = keys.used_since_saved();
            if !used.is_empty()
                && let Err(error) = state.put_keys(&used)
            {
                tracing::warn!(%error, "cannot save when keys were last used");
            }
            if bell.is_stopping() {
                return;
            }
        }
    })
}
