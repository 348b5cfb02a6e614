//! Whether a process that wrote a marker still exists on this machine.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Identifies a process beyond its number, which other processes get later and in other places.
///
/// Two containers of one machine share the boot id, and in both of them the program can be process 1. So a process is
/// known to have ended only if boot id and namespace are those of the reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessIdentity {
    /// The id of the installation of the operating system; only for people who read the marker.
    #[serde(default)]
    host_id: String,
    /// The random id of the boot of the machine.
    boot_id: String,
    /// The namespace of process numbers, such as `pid:[4026531836]`.
    pid_namespace: String,
    /// The time at which the process started, in clock ticks since the boot.
    start_ticks: u64,
}

impl ProcessIdentity {
    /// Returns the identity of a process; `None` if it does not exist or the system does not tell (Linux does).
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
        Some(Self {
            host_id: read_line("/etc/machine-id").unwrap_or_default(),
            boot_id: read_line("/proc/sys/kernel/random/boot_id")?,
            pid_namespace: namespace.to_str()?.to_owned(),
            start_ticks: read_start_ticks(pid)?,
        })
    }

    /// Returns whether the process with this number and identity is known to have ended.
    pub(crate) fn has_ended(&self, pid: u32) -> bool {
        let is_gone = match read_start_ticks(pid) {
            Some(start) => start != self.start_ticks,
            // With `hidepid` the processes of other users cannot be seen; then not even the first one is there.
            None => Path::new("/proc/1").exists(),
        };
        is_gone && self.is_here()
    }

    /// Returns whether the process with this number and identity is known to run.
    pub(crate) fn is_running(&self, pid: u32) -> bool {
        self.is_here() && read_start_ticks(pid) == Some(self.start_ticks)
    }

    /// Returns whether the process belongs to the boot and the PID namespace of this one.
    fn is_here(&self) -> bool {
        let reader = Self::of(std::process::id());
        reader.is_some_and(|reader| {
            reader.boot_id == self.boot_id && reader.pid_namespace == self.pid_namespace
        })
    }
}

fn read_line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Reads the start time of a process; `None` if it does not exist or has ended and only its exit code remains.
fn read_start_ticks(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name of the program in parentheses, and may contain anything.
    let (_, rest) = status.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    // The start time is the 22nd field, the 19th after the state.
    let start = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(start)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_has_ended_when_it_is_gone_or_its_number_belongs_to_another() {
        let mut child = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
        let (pid, identity) = (child.id(), ProcessIdentity::of(child.id()).unwrap());
        let (is_own_end, is_end_of_first_process) = (identity.has_ended(pid), identity.has_ended(1));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((is_own_end, is_end_of_first_process), (false, true));
        assert!(identity.has_ended(pid));
    }

    #[test]
    fn nothing_is_known_about_processes_of_another_boot_or_namespace() {
        let here = ProcessIdentity::of(std::process::id()).unwrap();
        let gone = ProcessIdentity { start_ticks: here.start_ticks + 1, ..here.clone() };
        assert!(gone.has_ended(std::process::id()));
        assert!(
            !ProcessIdentity { boot_id: "other".to_owned(), ..gone.clone() }.has_ended(std::process::id())
        );
        let elsewhere = ProcessIdentity { pid_namespace: "pid:[1]".to_owned(), ..gone };
        assert!(!elsewhere.has_ended(std::process::id()));
    }
}
