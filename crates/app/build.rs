//! Passes the commit and the target of the build to the program, for `--version`.

use std::path::Path;
use std::process::Command;

fn main() {
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let date = git(&["log", "-1", "--format=%cs"]);
    let build = match (commit, date) {
        (Some(commit), Some(date)) => format!("commit {commit} of {date}"),
        _ => "commit unknown".to_owned(),
    };
    let variable =
        |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
    println!("cargo::rustc-env=MILVUS_BACKUP_BUILD={build}, {} {}", variable("PROFILE"), variable("TARGET"));
    println!("cargo::rerun-if-changed=build.rs");
    // Every commit appends to this log. A source archive has none, and its commit cannot change.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
}

/// The output of a git command; `None` without git or outside a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
