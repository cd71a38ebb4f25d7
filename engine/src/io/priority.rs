//! The one place where a thread gives way to others.

/// Lets the calling thread run only when nothing else wants the processor (nice 19). Best effort: on
/// Linux a nice value is a thread's own; on other systems, where it is the whole process's, and where
/// the system refuses, nothing changes.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    {
        // None is the calling thread. A refusal costs speed beside other work, never correctness.
        let _ = rustix::process::setpriority_process(None, 19);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gives_way_alone() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let lowered = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                give_way();
                nice()
            });
            thread.join().unwrap()
        });
        assert_eq!((lowered, nice()), (19, before));
    }
}
