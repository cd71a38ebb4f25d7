//! What the system says: memory of processes, files on disk, the machine.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Memory of a process in KiB: anonymous now, and the most it ever had in RAM, mapped files included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// `RssAnon`: heap and stacks.
    pub anonymous_kib: u64,
    /// `VmHWM`: the peak of all resident pages.
    pub peak_kib: u64,
}

/// Reads `/proc/<process>/status`; `self` is this one.
///
/// # Errors
/// No such process, or not Linux.
pub fn memory(process: &str) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse().ok()).unwrap_or(0)
    };
    Ok(Memory { anonymous_kib: field("RssAnon:"), peak_kib: field("VmHWM:") })
}

/// Runs `work` while a thread samples a process every 20 ms; returns its peak of anonymous memory too.
pub fn watched<T>(process: &str, work: impl FnOnce() -> T) -> (T, u64) {
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let now = memory(process).unwrap_or_default().anonymous_kib;
                peak.fetch_max(now, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        // Also when `work` panics: the scope waits for the sampler.
        let _stop = OnDrop(&done);
        let result = work();
        (result, peak.load(Ordering::Relaxed))
    })
}
struct OnDrop<'a>(&'a AtomicBool);
impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Time that the calling thread has run on a processor.
///
/// # Errors
/// Not Linux.
pub fn thread_time() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns = text.split_whitespace().next().and_then(|ns| ns.parse().ok());
    ns.map(Duration::from_nanos).ok_or_else(|| io::Error::other("/proc/thread-self/schedstat has no time"))
}

/// Bytes of all files below `dir` by extension, as blocks on disk where these are fewer than the length.
///
/// # Errors
/// A directory that cannot be read.
pub fn bytes_by_kind(dir: &Path) -> io::Result<BTreeMap<String, u64>> {
    use std::os::unix::fs::MetadataExt as _;
    let mut kinds = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let (path, meta) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            if meta.is_dir() {
                open.push(path);
                continue;
            }
            let kind =
                path.extension().or(path.file_name()).unwrap_or_default().to_string_lossy().into_owned();
            *kinds.entry(kind).or_default() += meta.len().min(meta.blocks() * 512);
        }
    }
    Ok(kinds)
}

/// Processor, cores and memory, in a line.
#[must_use]
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
        line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory_kib: u64 = field(&read("/proc/meminfo"), "MemTotal").replace(" kB", "").parse().unwrap_or(0);
    format!(
        "{}, {cores} cores, {} GiB, Linux {}",
        field(&read("/proc/cpuinfo"), "model name"),
        (memory_kib + (1 << 19)) >> 20,
        read("/proc/sys/kernel/osrelease").trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watcher_sees_memory_that_is_freed_before_the_end() {
        let ((), peak_kib) = watched("self", || {
            let block = vec![1u8; 64 << 20];
            std::thread::sleep(Duration::from_millis(200));
            drop(std::hint::black_box(block));
        });
        assert!(peak_kib > 64 << 10, "{peak_kib} KiB");
    }
}
