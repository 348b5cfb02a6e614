//! Tells the program which commit it was built from, for `--version`.

use std::path::Path;
use std::process::Command;

fn main() {
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let date = git(&["log", "-1", "--format=%cs"]);
    let build = match (commit, date) {
        (Some(commit), Some(date)) => format!("commit {commit} of {date}"),
        _ => "commit unknown".to_owned(),
    };
    let of =
        |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
    println!("cargo::rustc-env=MILVUS_BACKUP_BUILD={build}, {} {}", of("PROFILE"), of("TARGET"));
    println!("cargo::rerun-if-changed=build.rs");
    // Every commit appends to this log; without it (a source archive) nothing can change.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
}

/// What git says, if there is a git and a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
