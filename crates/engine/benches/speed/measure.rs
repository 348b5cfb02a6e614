//! Clock, CPU time and peak memory of this process, and the lines they go to.

use std::time::Instant;

/// Ticks of `/proc/self/stat` a second; fixed on Linux.
const TICKS: f64 = 100.0;

/// Measures from its making on.
pub(crate) struct Watch {
    begun: Instant,
    cpu: f64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), cpu: cpu_s() }
    }

    /// Seconds on the clock.
    pub(crate) fn wall_s(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Seconds of CPU time, all threads together.
    pub(crate) fn cpu_s(&self) -> f64 {
        cpu_s() - self.cpu
    }
}

fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc/self/stat");
    // the second cell is a name and may hold spaces
    let cells = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = cells.split(' ').skip(11).take(2).filter_map(|cell| cell.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS
}

/// The most memory this process ever had, in MB.
pub(crate) fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or_default();
    kib * 1024.0 / 1e6
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// One line of results: what was measured, our figure, the one it is held against, their ratio, the goal.
pub(crate) fn row(what: &str, ours: &str, against: &str, ratio: f64, goal: &str) {
    let ratio = if ratio.is_nan() { "-".to_owned() } else { format!("{ratio:.2}") };
    println!("{what}\t{ours}\t{against}\t{ratio}\t{goal}");
}
