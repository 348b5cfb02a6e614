//! Commands that run on a server (`--server`), as seen by a shell.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::fake::Fault;
use testkit::process::signal;
use testkit::tls::Certificates;

use crate::serving::{DEADLINE, Serving, World};
use crate::tool::{Run, Tool};

/// Creates a directory without a configuration, because a client needs none.
fn create_client() -> Tool {
    Tool::without_config()
}

/// Runs a command on a server.
fn run_on(serving: &Serving, tool: &Tool, arguments: &[&str]) -> Run {
    tool.run_with(arguments, &[("MILVUS_BACKUP_SERVER", &serving.url(""))])
}

/// A command that runs in the background; it is killed when this is dropped.
struct BackgroundCommand {
    child: Child,
    lines: Receiver<String>,
    stderr: String,
}

impl BackgroundCommand {
    fn start(world: &World, serving: &Serving, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_milvus-backup"))
            .args(arguments)
            .args(["--server", &serving.url("")])
            .env_clear()
            .current_dir(world.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (line, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        Self { child, lines, stderr: String::new() }
    }

    /// Returns the next line on stderr; `None` if the command has ended.
    fn read_line(&mut self) -> Option<String> {
        let line = match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("the command writes nothing after\n{}", self.stderr),
        };
        self.stderr += &line;
        self.stderr.push('\n');
        Some(line)
    }

    /// Returns the next line on stderr; panics if the command has ended.
    fn next_line(&mut self) -> String {
        self.read_line().unwrap_or_else(|| panic!("the command ended after\n{}", self.stderr))
    }

    fn interrupt(&self) {
        signal(self.child.id(), "INT");
    }

    /// Waits until the command has ended; returns its exit code and its stderr.
    fn wait_for_end(mut self) -> (Option<i32>, String) {
        while self.read_line().is_some() {}
        // The command has closed its stderr, so it ends now.
        let code = self.child.wait().unwrap().code();
        (code, std::mem::take(&mut self.stderr))
    }
}

impl Drop for BackgroundCommand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse_json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[tokio::test]
async fn commands_on_a_server_print_the_same_as_local_ones() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let tool = create_client();
    let plan = run_on(&serving, &tool, &["create", "-n", "b", "--dry-run"]).exits_with(0);
    assert!(plan.stdout.starts_with("Would back up 2 collections in 1 database as b "), "{plan:?}");
    let made = run_on(&serving, &tool, &["create", "-n", "b", "--progress", "plain"]).exits_with(0);
    assert!(made.stdout.starts_with("Backup b is complete: 2 collections, 9 rows, "), "{made:?}");
    assert!(made.stderr.contains("2 collections in 1 database"), "progress is stderr: {made:?}");
    run_on(&serving, &tool, &["create", "-n", "b"]).exits_with(4).prints_on_stderr(&["error: ", "hint: "]);

    let table = run_on(&serving, &tool, &["list"]).exits_with(0).stdout;
    assert!(
        table.lines().nth(1).is_some_and(|line| line.starts_with("b ") && line.contains("complete")),
        "{table}"
    );
    let detail = run_on(&serving, &tool, &["get", "-n", "b", "-d"]).exits_with(0).stdout;
    assert!(detail.contains("default.books") && detail.contains("SEGMENT"), "{detail}");
    run_on(&serving, &tool, &["get", "-n", "none"])
        .exits_with(3)
        .prints_on_stderr(&["there is no backup none"]);

    let restored =
        run_on(&serving, &tool, &["restore", "-n", "b", "--suffix", "_2", "-o", "json"]).exits_with(0);
    let report = parse_json(&restored);
    assert_eq!((&report["rows"], &report["exit_code"]), (&json!(9), &json!(0)));
    let restores = parse_json(&run_on(&serving, &tool, &["jobs", "list", "--kind", "restore", "-o", "json"]));
    let shown =
        run_on(&serving, &tool, &["jobs", "show", restores["jobs"][0]["id"].as_str().unwrap()]).exits_with(0);
    assert!(shown.stdout.contains("2/2 import jobs"), "{shown:?}");
    assert!(!shown.stdout.contains("0 B"), "nothing is copied that is imported where it lies: {shown:?}");
    run_on(&serving, &tool, &["restore", "-n", "b", "--suffix", "_2"]).exits_with(4);
    let bad = run_on(&serving, &tool, &["restore", "-n", "b", "--rename", "a"]).exits_with(2);
    assert!(bad.stderr.contains("old:new"), "{bad:?}");

    let would = run_on(&serving, &tool, &["delete", "-n", "b", "--dry-run"]).exits_with(0).stdout;
    assert!(would.starts_with("Would delete backup b (complete): "), "{would}");
    let deleted = run_on(&serving, &tool, &["delete", "-n", "b", "--yes"]).exits_with(0).stdout;
    assert!(deleted.starts_with("Deleted backup b: "), "{deleted}");
    assert_eq!(
        parse_json(&run_on(&serving, &tool, &["list", "-o", "json"]).exits_with(0))["backups"],
        json!([])
    );
}

#[tokio::test]
async fn local_and_remote_commands_print_the_same_documents() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let tool = create_client();
    run_on(&serving, &tool, &["create", "-n", "b", "-q"]).exits_with(0);
    let config = world.path("backup.yaml").display().to_string();
    for arguments in [
        &["list"][..],
        &["list", "-o", "json"],
        &["get", "-n", "b", "-d"],
        &["get", "-n", "b", "-d", "-o", "json"],
        &["delete", "-n", "b", "--dry-run"],
        &["restore", "-n", "b", "--suffix", "_2", "--dry-run"],
        &["restore", "-n", "b", "--suffix", "_2", "--dry-run", "-o", "json"],
        &["get", "-n", "none", "-o", "json"],
    ] {
        let remote = run_on(&serving, &tool, arguments);
        let local = tool.run(&[arguments, &["--config", config.as_str()]].concat());
        // The commands in hints name the configuration of the local run, and the server of the remote one.
        let local_out = local.stdout.replace(&format!(" --config {config}"), "");
        let remote_out = remote.stdout.replace(&format!(" --server {}", serving.url("")), "");
        assert_eq!((local.code, local_out), (remote.code, remote_out), "{arguments:?}");
    }
}

/// Returns the arguments of the last command in a text.
fn suggested_command(text: &str) -> Vec<&str> {
    let (_, command) = text.rsplit_once("milvus-backup ").unwrap_or_else(|| panic!("no command in {text}"));
    command.lines().next().unwrap().split(' ').collect()
}

#[tokio::test]
async fn suggested_commands_name_the_same_server() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let tool = create_client();
    let url = serving.url("");
    let run_on_server = |arguments: &[&str]| tool.run(&[arguments, &["--server", &url]].concat());
    let made = run_on_server(&["create", "-n", "b"]).exits_with(0).stdout;
    assert_eq!(suggested_command(&made), ["restore", "--server", &url, "-n", "b"]);
    let exists = run_on_server(&["create", "-n", "b"]).exits_with(4).stderr;
    assert_eq!(suggested_command(&exists), ["delete", "--server", &url, "-n", "b"]);
    let none = run_on_server(&["get", "-n", "none"]).exits_with(3).stderr;
    assert!(none.contains(&format!("milvus-backup list --server {url}")), "{none}");

    world.fake.inject(Fault::Hangs { call: "Import" });
    let begun = run_on_server(&["restore", "-n", "b", "--suffix", "_2", "--detach"]).exits_with(0).stdout;
    let id = begun.trim();
    let deadline = Instant::now() + DEADLINE;
    while serving.get(&format!("/api/v2/jobs/{id}")).await.json()["progress"]["phase"] != "import" {
        assert!(Instant::now() < deadline, "{}", serving.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    run_on_server(&["jobs", "cancel", id]).exits_with(0);
    let watched = run_on_server(&["jobs", "watch", id]).exits_with(130).stderr;
    let shown = run_on_server(&["jobs", "show", id]).exits_with(0).stdout;
    for text in [&watched, &shown] {
        let again = suggested_command(text);
        assert_eq!(again[..3], ["restore", "--server", &url], "{text}");
        assert!(again.contains(&"--drop-exist-collection"), "{text}");
    }
    let again = tool.run(&suggested_command(&shown)).exits_with(0).stdout;
    assert!(again.starts_with("Restored 2 collections from b "), "{again}");
}

#[tokio::test]
async fn jobs_are_detached_listed_shown_watched_and_cancelled() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let tool = create_client();
    let detached = run_on(&serving, &tool, &["create", "-n", "b", "--detach"]).exits_with(0);
    let id = detached.stdout.trim().to_owned();
    assert!(
        detached.stderr.contains("milvus-backup jobs watch --server ")
            && detached.stderr.trim_end().ends_with(&id),
        "{detached:?}"
    );
    let watched = run_on(&serving, &tool, &["jobs", "watch", &id]).exits_with(0);
    assert!(watched.stdout.starts_with("Backup b is complete: "), "{watched:?}");
    let shown = run_on(&serving, &tool, &["jobs", "show", &id]).exits_with(0).stdout;
    for part in [id.as_str(), "succeeded", "100 %", "default.books", "Backup b is complete"] {
        assert!(shown.contains(part), "no {part} in\n{shown}");
    }
    let listed = run_on(&serving, &tool, &["jobs", "list", "--kind", "backup"]).exits_with(0).stdout;
    assert!(listed.contains(&id) && listed.contains("succeeded"), "{listed}");
    let document = parse_json(&run_on(&serving, &tool, &["jobs", "list", "--state", "failed", "-o", "json"]));
    assert_eq!(document["jobs"], json!([]));
    run_on(&serving, &tool, &["jobs", "cancel", &id]).exits_with(1).prints_on_stderr(&["is finished"]);
    run_on(&serving, &tool, &["jobs", "show", "none"]).exits_with(3);
    for verb in ["show", "watch", "cancel"] {
        for none in ["", ".", ".."] {
            run_on(&serving, &tool, &["jobs", verb, none])
                .exits_with(2)
                .prints_on_stderr(&["the id of a job"]);
        }
    }
    for limit in ["0", "-1", "many"] {
        run_on(&serving, &tool, &["jobs", "list", "--limit", limit])
            .exits_with(2)
            .prints_on_stderr(&["at least 1"]);
    }
    run_on(&serving, &tool, &["jobs", "list", "--state", "lost"]).exits_with(2).prints_on_stderr(&["lost"]);
}

#[tokio::test]
async fn ctrl_c_cancels_the_job_with_a_note() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let command = BackgroundCommand::start(&world, &serving, &["create", "-n", "b"]);
    let deadline = Instant::now() + DEADLINE;
    while serving.get("/api/v2/jobs?state=running").await.json()["jobs"] == json!([]) {
        assert!(Instant::now() < deadline, "{}", serving.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    command.interrupt();
    let (code, stderr) = command.wait_for_end();
    assert_eq!(code, Some(130), "{stderr}");
    assert!(stderr.contains("asking the server to cancel the job"), "{stderr}");
    let jobs = serving.get("/api/v2/jobs").await.json();
    assert_eq!(jobs["jobs"][0]["state"], "cancelled", "{jobs:#}");
}

#[tokio::test]
async fn ctrl_c_does_not_cancel_a_watched_job() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let id = run_on(&serving, &create_client(), &["create", "-n", "b", "--detach"]).exits_with(0).stdout;
    let mut command = BackgroundCommand::start(&world, &serving, &["jobs", "watch", id.trim()]);
    // When the first line is written, the command handles signals.
    command.next_line();
    command.interrupt();
    let (code, stderr) = command.wait_for_end();
    assert_eq!(code, Some(130), "{stderr}");
    assert!(stderr.contains("the job continues on the server") && stderr.contains(id.trim()), "{stderr}");
    let path = format!("/api/v2/jobs/{}", id.trim());
    assert_eq!(serving.get(&path).await.json()["state"], "running");

    let cancelled = run_on(&serving, &create_client(), &["jobs", "cancel", id.trim()]).exits_with(0);
    assert!(cancelled.stdout.contains(id.trim()), "{cancelled:?}");
    run_on(&serving, &create_client(), &["jobs", "watch", id.trim()])
        .exits_with(130)
        .prints_on_stderr(&["cancelled"]);
}

#[tokio::test]
async fn a_queued_job_is_reported() {
    let world = World::with_books().await;
    let serving = world.serve(json!({ "max_running_jobs": 1 }), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    run_on(&serving, &create_client(), &["create", "-n", "b1", "--detach"]).exits_with(0);
    let mut command =
        BackgroundCommand::start(&world, &serving, &["create", "-n", "b2", "--progress", "plain"]);
    assert_eq!(command.next_line(), "note: the job is queued, waits for backup b1");
    command.interrupt();
    let (code, stderr) = command.wait_for_end();
    assert_eq!(code, Some(130), "{stderr}");
    let jobs = serving.get("/api/v2/jobs?backup=b2").await.json();
    assert_eq!(jobs["jobs"][0]["state"], "cancelled", "{jobs:#}");
}

#[tokio::test]
async fn connection_errors_name_the_missing_setting() {
    let tool = create_client();
    let world = World::new();
    let certificates = Certificates::generate();
    let tls = json!({ "tls": { "cert": certificates.server_cert(), "key": certificates.server_key() } });
    let (plain, serving) =
        (world.serve(json!({ "data_dir": world.path("plain") }), &[]), world.serve(tls, &[]));
    let ca = certificates.ca().display().to_string();
    let secure = serving.url("");
    tool.run(&["list", "--server", &secure, "--server-ca", &ca]).exits_with(0);
    tool.run(&["list", "--server", &secure]).exits_with(5).prints_on_stderr(&["--server-ca"]);
    let open = secure.replace("https:", "http:");
    tool.run(&["list", "--server", &open]).exits_with(5).prints_on_stderr(&["try https://"]);
    let closed = plain.url("").replace("http:", "https:");
    tool.run(&["list", "--server", &closed]).exits_with(5).prints_on_stderr(&["try http://"]);
    tool.run(&["list", "--server", &plain.url("/api/v2")]).exits_with(0);
    tool.run(&["list", "--server", &plain.url("/?token=x")])
        .exits_with(2)
        .prints_on_stderr(&["is not the URL"]);
    tool.run(&["list", "--server", ""]).exits_with(2).prints_on_stderr(&["--server"]);
}

#[tokio::test]
async fn errors_of_a_server_connection_have_a_hint() {
    let tool = create_client();
    let nobody = tool.run(&["list", "--server", "http://127.0.0.1:1"]).exits_with(5);
    assert!(nobody.stderr.contains("cannot reach the server at http://127.0.0.1:1"), "{nobody:?}");
    tool.run(&["list", "--server", "http://u:secret@h"]).exits_with(2).prints_on_stderr(&["--token-file"]);
    tool.run(&["create", "--config", "", "--detach"])
        .exits_with(2)
        .prints_on_stderr(&["needs a server", "--server"]);
    tool.run(&["list", "--config", "", "--token-file", "t"])
        .exits_with(2)
        .prints_on_stderr(&["needs a server"]);

    let world = World::new();
    let made = tool.run(&["server", "token", "ci", "read", "-o", "json"]).exits_with(0);
    let made = parse_json(&made);
    let serving = world.serve(json!({ "tokens": [made["item"]] }), &[]);
    run_on(&serving, &tool, &["list"]).exits_with(5).prints_on_stderr(&["error: ", "--token-file"]);
    tool.write("token", made["token"].as_str().unwrap());
    run_on(&serving, &tool, &["list", "--token-file", "token"]).exits_with(0);
    let url = serving.url("");
    let file = [("MILVUS_BACKUP_SERVER", url.as_str()), ("MILVUS_BACKUP_TOKEN_FILE", "token")];
    tool.run_with(&["list"], &file).exits_with(0);
    let environment =
        [("MILVUS_BACKUP_SERVER", url.as_str()), ("MILVUS_BACKUP_TOKEN", made["token"].as_str().unwrap())];
    tool.run_with(&["list"], &environment).exits_with(0);
    let refused = tool.run_with(&["create", "-n", "b"], &environment).exits_with(5);
    assert!(refused.stderr.contains("role"), "{refused:?}");
    assert!(!refused.stderr.contains(made["token"].as_str().unwrap()));
}

#[tokio::test]
async fn a_job_is_followed_across_a_restart_of_its_server() {
    let world = World::with_books().await;
    let mut serving = world.serve(json!({}), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let command = BackgroundCommand::start(&world, &serving, &["create", "-n", "b"]);
    let deadline = Instant::now() + DEADLINE;
    while serving.get("/api/v2/jobs?state=running").await.json()["jobs"] == json!([]) {
        assert!(Instant::now() < deadline, "{}", serving.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let address = serving.address().to_owned();
    serving.kill();
    let again = world.serve(json!({ "listen": address }), &[]);
    let (code, stderr) = command.wait_for_end();
    assert_eq!(code, Some(130), "{stderr}\n{}", again.log());
    assert!(stderr.contains("error: ") && stderr.contains("hint: "), "{stderr}");
    assert_eq!(stderr.matches("retrying").count(), 1, "{stderr}");
    assert_eq!(again.get("/api/v2/jobs").await.json()["jobs"][0]["state"], "interrupted");
}

#[test]
fn the_openapi_description_is_printed() {
    for (arguments, path) in
        [(&["openapi"][..], "/api/v2/jobs/{id}:cancel"), (&["openapi", "v1"], "/api/v1/list")]
    {
        let document = parse_json(&create_client().run(arguments).exits_with(0));
        assert!(document["paths"][path].is_object(), "{path}");
        assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    }
}
