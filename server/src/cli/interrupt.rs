//! Ctrl-C for commands that want to say how far they came.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Set by the first Ctrl-C.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on. The first Ctrl-C sets the flag, the second ends the process at once.
    /// Where no listener can be made, Ctrl-C keeps its usual meaning.
    pub fn listen() -> Self {
        let flag = Self::default();
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
            return flag;
        };
        let seen = flag.clone();
        thread::spawn(move || {
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if seen.0.swap(true, Ordering::Relaxed) {
                        process::exit(130);
                    }
                }
            });
        });
        flag
    }

    /// Asks everyone who looks to stop, as Ctrl-C does.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True after Ctrl-C, or `set`.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
