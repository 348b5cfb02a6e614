//! The completion scripts, each in its real shell: bash and zsh on a terminal, fish by its own command.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::tool::Tool;

/// Writes the completion script of a shell, and returns a tool in whose directory it is `file`.
fn write_script(shell: &str, file: &str) -> Tool {
    let tool = Tool::without_config();
    let script = tool.run(&["completion", shell]).exits_with(0).stdout;
    tool.write(file, &script);
    tool
}

/// Runs a command and returns what it prints; `typed` is its input.
fn run(tool: &Tool, program: &str, arguments: &[&str], typed: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(tool.path(""))
        .env("TERM", "xterm")
        .env("HOME", tool.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; run `scripts/apt-install zsh fish`"));
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

/// Lines that are completed, with what the shell makes of them.
const COMPLETED: [(&str, &str); 5] = [
    ("milvus-backup delete --forc\t", "got:delete --force"),
    ("milvus-backup restore --skip-cr\t", "got:restore --skip-create-collection"),
    ("milvus-backup config migr\t", "got:config migrate"),
    ("milvus-backup create --strategy bulk\t", "got:create --strategy bulk_flush"),
    ("milvus-backup jobs list --state interr\t", "got:jobs list --state interrupted"),
];

/// Types the lines into a shell on a terminal, after a line that loads the completion script from `file`.
///
/// A function in the place of the program prints its arguments.
fn assert_completes(shell: &str, options: &str, file: &str, load: &str) {
    let tool = write_script(shell, file);
    let mut lines = vec!["milvus-backup() { printf 'got:%s\\n' \"$*\"; }", load];
    lines.extend(COMPLETED.map(|(typed, _)| typed));
    lines.extend(["exit", ""]);
    let command = format!("{shell} {options} -i");
    let output = run(&tool, "script", &["-qec", &command, "/dev/null"], &lines.join("\n"));
    for (typed, expected) in COMPLETED {
        assert!(output.contains(expected), "{typed:?}: no {expected:?} in {output}");
    }
}

#[test]
fn bash_completes_below_the_verb() {
    assert_completes("bash", "--norc --noprofile", "script.bash", "source ./script.bash");
}

#[test]
fn zsh_completes_below_the_verb() {
    let load = "fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u";
    assert_completes("zsh", "-f", "functions/_milvus-backup", load);
}

#[test]
fn fish_completes_below_the_verb() {
    let tool = write_script("fish", "script.fish");
    for (typed, expected) in [("delete --forc", "--force"), ("restore --drop-ex", "--drop-exist-collection")]
    {
        let command = format!("source script.fish; complete -C 'milvus-backup {typed}'");
        let output = run(&tool, "fish", &["--no-config", "-c", &command], "");
        assert!(output.lines().any(|line| line.starts_with(expected)), "{typed}: {output}");
    }
}
