//! Signals to processes, as users and init systems send them.

use std::process::Command;

/// Sends a signal, e.g. `INT`, to a process.
///
/// # Panics
/// Panics if the process does not exist, or the program `kill` is missing.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "cannot send SIG{name} to process {pid}");
}
