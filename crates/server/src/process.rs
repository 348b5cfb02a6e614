//! The resources of this process, from Linux.

use metrics::gauge;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files to the hard limit, because shells set 1024; returns the new limit.
pub(super) fn raise_open_file_limit() -> Option<u64> {
    let now = getrlimit(Resource::Nofile);
    let wanted = rustix::process::Rlimit { current: now.maximum, ..now };
    // On failure the limit stays as it is.
    let _ = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile).current
}

/// Updates the gauges of the process; one that cannot be read keeps its value.
pub(super) fn update_gauges() {
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        if let Some(kib) = parse_field(&status, "VmRSS:") {
            gauge!("process_resident_memory_bytes").set((kib * 1024) as f64);
        }
        if let Some(threads) = parse_field(&status, "Threads:") {
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

/// Returns the first number of a line of `/proc/self/status`.
fn parse_field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_parsed_by_name() {
        let status = "Name:\tx\nVmRSS:\t   1234 kB\nThreads:\t7\n";
        assert_eq!((parse_field(status, "VmRSS:"), parse_field(status, "Threads:")), (Some(1234), Some(7)));
        assert_eq!(parse_field(status, "VmHWM:"), None);
    }
}
