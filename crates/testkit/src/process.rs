//! Signals to processes, as a user or an init system sends them.

use std::process::Command;

/// Sends a signal, e.g. `INT`, to a process.
///
/// # Panics
/// Where the process is gone, or `kill` is missing.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "cannot send SIG{name} to process {pid}");
}
