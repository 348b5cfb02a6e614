//! Verbs that a server carries out, as a shell sees them.

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

/// A directory without a configuration, which a client needs none of.
fn client() -> Tool {
    Tool::without_config()
}

fn on(serving: &Serving, tool: &Tool, arguments: &[&str]) -> Run {
    tool.run_with(arguments, &[("MILVUS_BACKUP_SERVER", &serving.url(""))])
}

/// A verb that goes on while the test does; ended with it.
struct Followed {
    child: Child,
    lines: Receiver<String>,
    told: String,
}

impl Followed {
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
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|told| line.send(told)));
        Self { child, lines, told: String::new() }
    }

    fn next(&mut self) -> Option<String> {
        let line = match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("it says no more after\n{}", self.told),
        };
        self.told += &line;
        self.told.push('\n');
        Some(line)
    }

    /// The next line that it writes to stderr.
    fn line(&mut self) -> String {
        self.next().unwrap_or_else(|| panic!("it ended after\n{}", self.told))
    }

    fn interrupt(&self) {
        signal(self.child.id(), "INT");
    }

    /// Its exit code and all that it wrote to stderr, once it is over.
    fn ended(mut self) -> (Option<i32>, String) {
        while self.next().is_some() {}
        // it closed stderr, so it ends now
        let code = self.child.wait().unwrap().code();
        (code, std::mem::take(&mut self.told))
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn json_of(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[tokio::test]
async fn a_server_does_what_verbs_ask_and_it_reads_as_if_done_here() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let tool = client();
    let plan = on(&serving, &tool, &["create", "-n", "b", "--dry-run"]).ends_with(0);
    assert!(plan.stdout.starts_with("Would back up 2 collections in 1 database as b "), "{plan:?}");
    let made = on(&serving, &tool, &["create", "-n", "b"]).ends_with(0);
    assert!(made.stdout.starts_with("Backup b is complete: 2 collections, 9 rows, "), "{made:?}");
    assert!(made.stderr.contains("2 collections in 1 database"), "progress is told: {made:?}");
    on(&serving, &tool, &["create", "-n", "b"]).ends_with(4).tells(&["error: ", "hint: "]);

    let table = on(&serving, &tool, &["list"]).ends_with(0).stdout;
    assert!(
        table.lines().nth(1).is_some_and(|line| line.starts_with("b ") && line.contains("complete")),
        "{table}"
    );
    let detail = on(&serving, &tool, &["get", "-n", "b", "-d"]).ends_with(0).stdout;
    assert!(detail.contains("default.books") && detail.contains("SEGMENT"), "{detail}");
    on(&serving, &tool, &["get", "-n", "none"]).ends_with(3).tells(&["there is no backup none"]);

    let restored = on(&serving, &tool, &["restore", "-n", "b", "--suffix", "_2", "-o", "json"]).ends_with(0);
    let report = json_of(&restored);
    assert_eq!((&report["rows"], &report["exit_code"]), (&json!(9), &json!(0)));
    let restores = json_of(&on(&serving, &tool, &["jobs", "list", "--kind", "restore", "-o", "json"]));
    let shown =
        on(&serving, &tool, &["jobs", "show", restores["jobs"][0]["id"].as_str().unwrap()]).ends_with(0);
    assert!(shown.stdout.contains("2/2 import jobs"), "{shown:?}");
    assert!(!shown.stdout.contains("0 B"), "nothing is copied that is imported where it lies: {shown:?}");
    on(&serving, &tool, &["restore", "-n", "b", "--suffix", "_2"]).ends_with(4);
    let bad = on(&serving, &tool, &["restore", "-n", "b", "--rename", "a"]).ends_with(2);
    assert!(bad.stderr.contains("old:new"), "{bad:?}");

    let would = on(&serving, &tool, &["delete", "-n", "b", "--dry-run"]).ends_with(0).stdout;
    assert!(would.starts_with("Would delete backup b (complete): "), "{would}");
    let deleted = on(&serving, &tool, &["delete", "-n", "b", "--yes"]).ends_with(0).stdout;
    assert!(deleted.starts_with("Deleted backup b: "), "{deleted}");
    assert_eq!(json_of(&on(&serving, &tool, &["list", "-o", "json"]).ends_with(0))["backups"], json!([]));
}

#[tokio::test]
async fn here_and_there_print_the_same_documents() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let tool = client();
    on(&serving, &tool, &["create", "-n", "b", "-q"]).ends_with(0);
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
        let there = on(&serving, &tool, arguments);
        let here = tool.run(&[arguments, &["--config", config.as_str()]].concat());
        // The commands in hints name the configuration of the one and the server of the other.
        let here_out = here.stdout.replace(&format!(" --config {config}"), "");
        let there_out = there.stdout.replace(&format!(" --server {}", serving.url("")), "");
        assert_eq!((here.code, here_out), (there.code, there_out), "{arguments:?}");
    }
}

/// The command that a text proposes, ended as a shell would be told it.
fn proposed(text: &str) -> Vec<&str> {
    let (_, command) = text.rsplit_once("milvus-backup ").unwrap_or_else(|| panic!("no command in {text}"));
    command.lines().next().unwrap().split(' ').collect()
}

#[tokio::test]
async fn what_is_proposed_asks_the_same_server() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let tool = client();
    let url = serving.url("");
    let there = |arguments: &[&str]| tool.run(&[arguments, &["--server", &url]].concat());
    let made = there(&["create", "-n", "b"]).ends_with(0).stdout;
    assert_eq!(proposed(&made), ["restore", "--server", &url, "-n", "b"]);
    let exists = there(&["create", "-n", "b"]).ends_with(4).stderr;
    assert_eq!(proposed(&exists), ["delete", "--server", &url, "-n", "b"]);
    let none = there(&["get", "-n", "none"]).ends_with(3).stderr;
    assert!(none.contains(&format!("milvus-backup list --server {url}")), "{none}");

    world.fake.inject(Fault::Hangs { call: "Import" });
    let begun = there(&["restore", "-n", "b", "--suffix", "_2", "--detach"]).ends_with(0).stdout;
    let id = begun.trim();
    let deadline = Instant::now() + DEADLINE;
    while serving.get(&format!("/api/v2/jobs/{id}")).await.json()["progress"]["phase"] != "import" {
        assert!(Instant::now() < deadline, "{}", serving.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    there(&["jobs", "cancel", id]).ends_with(0);
    let watched = there(&["jobs", "watch", id]).ends_with(130).stderr;
    let shown = there(&["jobs", "show", id]).ends_with(0).stdout;
    for text in [&watched, &shown] {
        let again = proposed(text);
        assert_eq!(again[..3], ["restore", "--server", &url], "{text}");
        assert!(again.contains(&"--drop-exist-collection"), "{text}");
    }
    let again = tool.run(&proposed(&shown)).ends_with(0).stdout;
    assert!(again.starts_with("Restored 2 collections from b "), "{again}");
}

#[tokio::test]
async fn jobs_are_detached_listed_shown_watched_and_cancelled() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let tool = client();
    let detached = on(&serving, &tool, &["create", "-n", "b", "--detach"]).ends_with(0);
    let id = detached.stdout.trim().to_owned();
    assert!(
        detached.stderr.contains("milvus-backup jobs watch --server ")
            && detached.stderr.trim_end().ends_with(&id),
        "{detached:?}"
    );
    let watched = on(&serving, &tool, &["jobs", "watch", &id]).ends_with(0);
    assert!(watched.stdout.starts_with("Backup b is complete: "), "{watched:?}");
    let shown = on(&serving, &tool, &["jobs", "show", &id]).ends_with(0).stdout;
    for part in [id.as_str(), "succeeded", "100 %", "default.books", "Backup b is complete"] {
        assert!(shown.contains(part), "no {part} in\n{shown}");
    }
    let listed = on(&serving, &tool, &["jobs", "list", "--kind", "backup"]).ends_with(0).stdout;
    assert!(listed.contains(&id) && listed.contains("succeeded"), "{listed}");
    let document = json_of(&on(&serving, &tool, &["jobs", "list", "--state", "failed", "-o", "json"]));
    assert_eq!(document["jobs"], json!([]));
    on(&serving, &tool, &["jobs", "cancel", &id]).ends_with(1).tells(&["is finished"]);
    on(&serving, &tool, &["jobs", "show", "none"]).ends_with(3);
    for verb in ["show", "watch", "cancel"] {
        for none in ["", ".", ".."] {
            on(&serving, &tool, &["jobs", verb, none]).ends_with(2).tells(&["the id of a job"]);
        }
    }
    for limit in ["0", "-1", "many"] {
        on(&serving, &tool, &["jobs", "list", "--limit", limit]).ends_with(2).tells(&["at least 1"]);
    }
    on(&serving, &tool, &["jobs", "list", "--state", "lost"]).ends_with(2).tells(&["lost"]);
}

#[tokio::test]
async fn ctrl_c_cancels_the_job_and_says_so() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let followed = Followed::start(&world, &serving, &["create", "-n", "b"]);
    let deadline = Instant::now() + DEADLINE;
    while serving.get("/api/v2/jobs?state=running").await.json()["jobs"] == json!([]) {
        assert!(Instant::now() < deadline, "{}", serving.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    followed.interrupt();
    let (code, stderr) = followed.ended();
    assert_eq!(code, Some(130), "{stderr}");
    assert!(stderr.contains("asking the server to cancel the job"), "{stderr}");
    let jobs = serving.get("/api/v2/jobs").await.json();
    assert_eq!(jobs["jobs"][0]["state"], "cancelled", "{jobs:#}");
}

#[tokio::test]
async fn ctrl_c_leaves_a_watched_job_alone() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let id = on(&serving, &client(), &["create", "-n", "b", "--detach"]).ends_with(0).stdout;
    let mut followed = Followed::start(&world, &serving, &["jobs", "watch", id.trim()]);
    // Once it tells what it sees, signals are waited for.
    followed.line();
    followed.interrupt();
    let (code, told) = followed.ended();
    assert_eq!(code, Some(130), "{told}");
    assert!(told.contains("the job continues on the server") && told.contains(id.trim()), "{told}");
    let path = format!("/api/v2/jobs/{}", id.trim());
    assert_eq!(serving.get(&path).await.json()["state"], "running");

    let cancelled = on(&serving, &client(), &["jobs", "cancel", id.trim()]).ends_with(0);
    assert!(cancelled.stdout.contains(id.trim()), "{cancelled:?}");
    on(&serving, &client(), &["jobs", "watch", id.trim()]).ends_with(130).tells(&["cancelled"]);
}

#[tokio::test]
async fn a_job_that_waits_says_so() {
    let world = World::with_books().await;
    let serving = world.serve(json!({ "max_running_jobs": 1 }), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    on(&serving, &client(), &["create", "-n", "b1", "--detach"]).ends_with(0);
    let mut followed = Followed::start(&world, &serving, &["create", "-n", "b2"]);
    assert_eq!(followed.line(), "note: the job is queued, next to run");
    followed.interrupt();
    let (code, told) = followed.ended();
    assert_eq!(code, Some(130), "{told}");
    let jobs = serving.get("/api/v2/jobs?backup=b2").await.json();
    assert_eq!(jobs["jobs"][0]["state"], "cancelled", "{jobs:#}");
}

#[tokio::test]
async fn what_a_connection_lacks_is_told() {
    let tool = client();
    let world = World::new();
    let certificates = Certificates::generate();
    let tls = json!({ "tls": { "cert": certificates.server_cert(), "key": certificates.server_key() } });
    let (plain, serving) =
        (world.serve(json!({ "data_dir": world.path("plain") }), &[]), world.serve(tls, &[]));
    let ca = certificates.ca().display().to_string();
    let secure = serving.url("");
    tool.run(&["list", "--server", &secure, "--server-ca", &ca]).ends_with(0);
    tool.run(&["list", "--server", &secure]).ends_with(5).tells(&["--server-ca"]);
    let open = secure.replace("https:", "http:");
    tool.run(&["list", "--server", &open]).ends_with(5).tells(&["try https://"]);
    let closed = plain.url("").replace("http:", "https:");
    tool.run(&["list", "--server", &closed]).ends_with(5).tells(&["try http://"]);
    tool.run(&["list", "--server", &plain.url("/api/v2")]).ends_with(0);
    tool.run(&["list", "--server", &plain.url("/?token=x")]).ends_with(2).tells(&["is not the URL"]);
    tool.run(&["list", "--server", ""]).ends_with(2).tells(&["--server"]);
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_told_with_what_to_do() {
    let tool = client();
    let nobody = tool.run(&["list", "--server", "http://127.0.0.1:1"]).ends_with(5);
    assert!(nobody.stderr.contains("cannot reach the server at http://127.0.0.1:1"), "{nobody:?}");
    tool.run(&["list", "--server", "http://u:secret@h"]).ends_with(2).tells(&["--token-file"]);
    tool.run(&["create", "--config", "", "--detach"]).ends_with(2).tells(&["needs a server", "--server"]);
    tool.run(&["list", "--config", "", "--token-file", "t"]).ends_with(2).tells(&["needs a server"]);

    let world = World::new();
    let made = tool.run(&["server", "token", "ci", "read", "-o", "json"]).ends_with(0);
    let made = json_of(&made);
    let serving = world.serve(json!({ "tokens": [made["item"]] }), &[]);
    on(&serving, &tool, &["list"]).ends_with(5).tells(&["error: ", "--token-file"]);
    tool.write("token", made["token"].as_str().unwrap());
    on(&serving, &tool, &["list", "--token-file", "token"]).ends_with(0);
    let url = serving.url("");
    let file = [("MILVUS_BACKUP_SERVER", url.as_str()), ("MILVUS_BACKUP_TOKEN_FILE", "token")];
    tool.run_with(&["list"], &file).ends_with(0);
    let environment =
        [("MILVUS_BACKUP_SERVER", url.as_str()), ("MILVUS_BACKUP_TOKEN", made["token"].as_str().unwrap())];
    tool.run_with(&["list"], &environment).ends_with(0);
    let refused = tool.run_with(&["create", "-n", "b"], &environment).ends_with(5);
    assert!(refused.stderr.contains("role"), "{refused:?}");
    assert!(!refused.stderr.contains(made["token"].as_str().unwrap()));
}

#[tokio::test]
async fn a_job_is_followed_over_a_restart_of_its_server() {
    let world = World::with_books().await;
    let mut serving = world.serve(json!({}), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let followed = Followed::start(&world, &serving, &["create", "-n", "b"]);
    let deadline = Instant::now() + DEADLINE;
    while serving.get("/api/v2/jobs?state=running").await.json()["jobs"] == json!([]) {
        assert!(Instant::now() < deadline, "{}", serving.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let address = serving.address().to_owned();
    serving.kill();
    let again = world.serve(json!({ "listen": address }), &[]);
    let (code, stderr) = followed.ended();
    assert_eq!(code, Some(130), "{stderr}\n{}", again.log());
    assert!(stderr.contains("error: ") && stderr.contains("hint: "), "{stderr}");
    assert_eq!(stderr.matches("retrying").count(), 1, "{stderr}");
    assert_eq!(again.get("/api/v2/jobs").await.json()["jobs"][0]["state"], "interrupted");
}

#[test]
fn the_description_is_printed() {
    for (arguments, path) in
        [(&["openapi"][..], "/api/v2/jobs/{id}:cancel"), (&["openapi", "v1"], "/api/v1/list")]
    {
        let document = json_of(&client().run(arguments).ends_with(0));
        assert!(document["paths"][path].is_object(), "{path}");
        assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    }
}
