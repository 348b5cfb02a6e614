//! Signals, questions and colour, which need a process or a terminal. The program `script` (bsdutils) provides the
//! terminal.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::documents::backup_root;
use crate::serving::World;
use crate::tool::Tool;

/// Runs a command line on a new terminal with `typed` as input, and returns the output of the terminal.
fn run_on_terminal(tool: &Tool, arguments: &str, typed: &str, environment: &[(&str, &str)]) -> String {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_milvus-backup"));
    let mut script = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(environment.iter().copied())
        .current_dir(tool.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    script.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    String::from_utf8(script.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn delete_asks_for_confirmation_on_a_terminal() {
    let tool = backup_root();
    let shown = run_on_terminal(&tool, "delete -n older", "n\n", &[]);
    assert!(shown.contains("Delete backup older (complete, "), "{shown}");
    assert!(shown.contains("nothing was deleted"), "{shown}");
    assert!(tool.path("backup/older").exists());
    let shown = run_on_terminal(&tool, "delete -n older", "yes\n", &[]);
    assert!(shown.contains("Deleted backup older: "), "{shown}");
    assert!(!tool.path("backup/older").exists());
    let shown = run_on_terminal(&tool, "delete -n newer --yes", "", &[]);
    assert!(!shown.contains("[y/N]") && shown.contains("Deleted backup newer: "), "{shown}");
}

#[tokio::test]
async fn a_restore_that_drops_collections_asks_for_confirmation_on_a_terminal() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    tool.run(&["create", "-n", "nightly"]).exits_with(0);
    let restore = "restore -n nightly --drop-exist-collection";
    let shown = run_on_terminal(&tool, restore, "n\n", &[]);
    assert!(shown.contains("Drop 2 collections of Milvus (default.books, default.tags)"), "{shown}");
    assert!(shown.contains("nothing was changed"), "{shown}");
    assert!(!world.fake.calls().iter().any(|call| call == "DropCollection"));

    let shown = run_on_terminal(&tool, restore, "y\n", &[]);
    assert!(shown.contains("dropped first: default.books, default.tags"), "{shown}");
    let shown = run_on_terminal(&tool, &format!("{restore} --yes"), "", &[]);
    assert!(!shown.contains("[y/N]") && shown.contains("dropped first: "), "{shown}");
    // Nothing is asked where nothing is dropped, or where nobody can answer.
    let shown = run_on_terminal(&tool, "restore -n nightly --suffix _2 --drop-exist-collection", "", &[]);
    assert!(!shown.contains("[y/N]"), "{shown}");
    tool.run(&restore.split(' ').collect::<Vec<_>>()).exits_with(0);
}

#[tokio::test]
async fn a_restore_on_a_terminal_shows_the_names_in_the_target() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    tool.run(&["create", "nightly"]).exits_with(0);
    let shown = run_on_terminal(&tool, "restore nightly --suffix _new", "", &[("TERM", "xterm")]);
    assert!(shown.contains("  default.books_new "), "{shown}");
    assert!(!shown.contains("  default.books "), "{shown}");
}

#[test]
fn one_ctrl_c_ends_delete_at_its_question() {
    let tool = backup_root();
    let line = format!("{} delete -n older", env!("CARGO_BIN_EXE_milvus-backup"));
    let mut script = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(tool.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = script.stdout.take().unwrap();
    let mut shown = String::new();
    let mut piece = [0; 256];
    while !shown.contains("[y/N]") {
        let length = output.read(&mut piece).unwrap();
        assert!(length > 0, "{shown}");
        shown += &String::from_utf8_lossy(&piece[..length]);
    }
    script.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    output.read_to_string(&mut shown).unwrap();
    assert_eq!(script.wait().unwrap().code(), Some(130), "{shown}");
    assert!(shown.contains("interrupted"), "{shown}");
    assert!(tool.path("backup/older").exists());
}

#[test]
fn colour_is_written_only_to_terminals_that_support_it() {
    let tool = backup_root();
    assert!(run_on_terminal(&tool, "get -n nothing", "", &[]).contains("\u{1b}[1;31merror:"));
    assert!(!run_on_terminal(&tool, "get -n nothing", "", &[("NO_COLOR", "1")]).contains('\u{1b}'));
    assert!(!tool.run(&["get", "-n", "nothing"]).stderr.contains('\u{1b}'));
}

/// Starts a `create` on a Milvus that accepts the connection and never answers.
fn start_hanging_create(tool: &Tool, silent: &TcpListener) -> Child {
    let port = silent.local_addr().unwrap().port();
    let child = Command::new(env!("CARGO_BIN_EXE_milvus-backup"))
        .args(["create", "-n", "x", "--set", &format!("milvus.grpc.port={port}")])
        .env_clear()
        .current_dir(tool.path(""))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    silent.accept().unwrap();
    child
}

#[test]
fn the_first_signal_interrupts_a_job_cleanly() {
    for signal in ["INT", "TERM"] {
        let tool = backup_root();
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let child = start_hanging_create(&tool, &silent);
        testkit::process::signal(child.id(), signal);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("note: stopping; press Ctrl-C again to quit immediately\n"), "{stderr}");
        assert!(stderr.ends_with("error: interrupted\n"), "{stderr}");
    }
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let tool = backup_root();
    let line = format!("{} config show | head -n 1", env!("CARGO_BIN_EXE_milvus-backup"));
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &line])
        .current_dir(tool.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn output_and_logs_contain_no_secrets() {
    let config = "configVersion: v2
log: {level: trace, file: {path: b.log}}
milvus:
  user: root
  password: secret-one
  grpc: {address: 127.0.0.1, port: 1}
  storage: {address: 127.0.0.1, port: 1, auth: {accessKeyID: visible, secretAccessKey: secret-two, sessionToken: secret-three}}
zillizCloud: {apiKey: secret-four}
";
    let tool = Tool::new(config);
    for arguments in [
        &["check", "-vv"][..],
        &["config", "show", "-o", "json"],
        &["list", "-vv"],
        &["create", "-vv", "-o", "json"],
    ] {
        let run = tool.run(arguments);
        assert!(!format!("{}{}", run.stdout, run.stderr).contains("secret-"), "{arguments:?}: {run:?}");
    }
    assert!(!tool.read("b.log").contains("secret-"));
}
