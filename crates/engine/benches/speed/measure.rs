//! Measures time, CPU time and peak memory of this process, and prints the results.

use std::time::Instant;

/// The number of clock ticks per second in `/proc/self/stat`; constant on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A stopwatch for elapsed time and CPU time.
pub(crate) struct Stopwatch {
    started: Instant,
    cpu: f64,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), cpu: process_cpu_s() }
    }

    /// Returns the elapsed time in seconds.
    pub(crate) fn wall_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Returns the CPU time of all threads since the start, in seconds.
    pub(crate) fn cpu_s(&self) -> f64 {
        process_cpu_s() - self.cpu
    }
}

/// Returns the CPU time of this process in seconds.
fn process_cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc/self/stat");
    // The second cell is a name and may contain spaces.
    let cells = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = cells.split(' ').skip(11).take(2).filter_map(|cell| cell.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// Returns the peak memory of this process in MB.
pub(crate) fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or_default();
    kib * 1024.0 / 1e6
}

/// Returns the median; 0 for an empty list.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Prints one line of results: the subject, our figure, the reference, their ratio (NaN for none), the goal.
pub(crate) fn print_result(subject: &str, ours: &str, reference: &str, ratio: f64, goal: &str) {
    let ratio = if ratio.is_nan() { "-".to_owned() } else { format!("{ratio:.2}") };
    println!("{subject}\t{ours}\t{reference}\t{ratio}\t{goal}");
}
