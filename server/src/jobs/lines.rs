//! The printer: log lines go to standard error on a thread of their own.
//!
//! Bounded: when the terminal or pipe is slower than the server for long, lines are dropped and
//! their number is printed instead.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::start;

const WAITING_BYTES_MAX: usize = 4 << 20;

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    dropped: u64,
    stopping: bool,
}

/// Where lines are handed in.
#[derive(Clone, Default)]
pub struct Printer {
    shared: Arc<(Mutex<Waiting>, Condvar)>,
}

impl Printer {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the printer to print what waits and to end.
    pub fn stop(&self) {
        self.waiting().stopping = true;
        self.shared.1.notify_one();
    }

    fn run(&self, out: &mut dyn Write) {
        loop {
            let mut waiting = self.waiting();
            while waiting.bytes.is_empty() && waiting.dropped == 0 && !waiting.stopping {
                waiting = self.shared.1.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            let bytes = std::mem::take(&mut waiting.bytes);
            let dropped = std::mem::take(&mut waiting.dropped);
            let stopping = waiting.stopping;
            drop(waiting);
            // Nobody is left to tell that standard error is closed.
            let _ = out.write_all(&bytes);
            if dropped > 0 {
                let _ = writeln!(out, "dropped_log_lines={dropped}");
            }
            if stopping && bytes.is_empty() {
                let _ = out.flush();
                return;
            }
        }
    }
}

impl Write for Printer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.waiting();
        if waiting.bytes.len() + line.len() > WAITING_BYTES_MAX {
            waiting.dropped += 1;
            return Ok(line.len());
        }
        let was_empty = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if was_empty {
            self.shared.1.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the printer.
///
/// # Errors
/// The system gives no thread.
pub fn printer() -> io::Result<(Printer, JoinHandle<()>)> {
    let printer = Printer::default();
    let mine = printer.clone();
    let thread = start("stele-printer", move || mine.run(&mut io::stderr()))?;
    Ok((printer, thread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_and_too_many_are_counted() {
        let mut printer = Printer::default();
        printer.write_all(b"one\n").unwrap();
        let long = vec![b'x'; WAITING_BYTES_MAX];
        printer.write_all(&long).unwrap();
        printer.stop();
        let mut out = Vec::new();
        printer.run(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "one\ndropped_log_lines=1\n");
    }
}
