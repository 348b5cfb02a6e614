//! What this process uses, as Linux tells it.

use metrics::gauge;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Lets this process open as many files as it is allowed to, where it was started with less: shells give 1024. Says how
/// many that are.
pub(super) fn open_files() -> Option<u64> {
    let now = getrlimit(Resource::Nofile);
    let wanted = rustix::process::Rlimit { current: now.maximum, ..now };
    // What it was started with is left, where that cannot be changed.
    let _ = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile).current
}

/// Sets the gauges; one that cannot be read keeps its value.
pub(super) fn measure() {
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        if let Some(kib) = field(&status, "VmRSS:") {
            gauge!("process_resident_memory_bytes").set((kib * 1024) as f64);
        }
        if let Some(threads) = field(&status, "Threads:") {
            gauge!("process_threads").set(threads as f64);
        }
    }
    if let Some(files) = getrlimit(Resource::Nofile).current {
        gauge!("process_max_fds").set(files as f64);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(open.count() as f64);
    }
}

/// The first number of a line of `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_behind_their_names() {
        let status = "Name:\tx\nVmRSS:\t   1234 kB\nThreads:\t7\n";
        assert_eq!((field(status, "VmRSS:"), field(status, "Threads:")), (Some(1234), Some(7)));
        assert_eq!(field(status, "VmHWM:"), None);
    }
}
