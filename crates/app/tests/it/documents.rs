//! Commands that need only a backup root on disk, and no Milvus.

use std::path::Path;

use serde_json::Value;

use crate::tool::{NOWHERE, Tool};

/// Creates a backup root with two backups of the Go tool (`older`, `newer`), an unfinished one (`begun`), a damaged one
/// (`broken`), and two directories that are not backups.
pub(crate) fn backup_root() -> Tool {
    let tool = Tool::new(NOWHERE);
    for (from, to) in [("full_v0415", "older"), ("full_v0516", "newer")] {
        copy_fixture(from, &tool.path("backup").join(to));
    }
    tool.write("backup/begun/binlogs/insert_log/1/2/3/100/4", "x");
    tool.write("backup/broken/meta/backup_meta.json", "{\"name\": ");
    tool.write("backup/insert_log/1", "Milvus's own");
    tool.write("backup/notes/readme.txt", "no backup");
    tool
}

/// Creates a backup root with the backup `nightly` of Milvus 2.5.27, which has six L0 segments.
pub(crate) fn root_with_l0() -> Tool {
    let tool = Tool::new(NOWHERE);
    copy_fixture("m2527_l0", &tool.path("backup/nightly"));
    tool
}

/// Copies a recorded backup of the testkit to a backup root.
pub(crate) fn copy_fixture(name: &str, to: &Path) {
    copy_directory(&testkit::fixtures::path(&format!("backups/{name}")), to);
}

pub(crate) fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn list_shows_the_states_of_backups_and_no_other_directories() {
    let tool = backup_root();
    let table = tool.run(&["list", "--sort", "name"]).exits_with(0).stdout;
    let names: Vec<_> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names[..5], ["NAME", "begun", "broken", "newer", "older"], "{table}");
    let state = |name: &str| {
        table.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_whitespace().nth(1))
    };
    assert_eq!(
        ["begun", "broken", "newer", "older"].map(state),
        ["unfinished", "damaged", "complete", "complete"].map(Some)
    );
    let some = tool.run(&[
        "list",
        "--state",
        "complete",
        "--sort",
        "name",
        "--reverse",
        "--limit",
        "1",
        "-o",
        "json",
    ]);
    let document: Value = serde_json::from_str(&some.exits_with(0).stdout).unwrap();
    assert_eq!(document["backups"].as_array().map(Vec::len), Some(1));
    assert_eq!(document["backups"][0]["name"], "older");
    assert_eq!(document["backups"][0]["state"], "complete");
}

#[test]
fn get_shows_backups_of_both_releases() {
    let tool = backup_root();
    for name in ["older", "newer"] {
        let text = tool.run(&["get", "-n", name]).exits_with(0).stdout;
        assert!(text.contains("default.books") && text.contains("shop.orders"), "{text}");
        let document: Value =
            serde_json::from_str(&tool.run(&["get", "-n", name, "--detail", "-o", "json"]).stdout).unwrap();
        let collections = document["collections"].as_array().unwrap();
        let books = collections.iter().find(|c| c["name"] == "default.books").unwrap();
        assert_eq!((collections.len(), &books["rows"]), (5, &3700.into()));
        assert_eq!(books["partitions"].as_array().map(Vec::len), Some(3));
        assert!(tool.run(&["get", "-n", name, "-d"]).stdout.contains("SEGMENT"));
    }
    tool.run(&["get", "-n", "begun"]).exits_with(7).prints_on_stderr(&["backup begun is unfinished"]);
    tool.run(&["get", "-n", "broken"]).exits_with(7).prints_on_stderr(&["backup broken is damaged"]);
    tool.run(&["get", "-n", "old"])
        .exits_with(3)
        .prints_on_stderr(&["there is no backup old ", "milvus-backup list"]);
    tool.run(&["get", "-n", "insert_log"]).exits_with(3);
}

#[test]
fn delete_removes_backups_and_nothing_else() {
    let tool = backup_root();
    let plan = tool.run(&["delete", "-n", "older", "--dry-run"]).exits_with(0).stdout;
    assert!(plan.starts_with("Would delete backup older (complete): "), "{plan}");
    assert!(tool.path("backup/older").exists());
    let done = tool.run(&["delete", "-n", "older"]).exits_with(0);
    assert!(done.stdout.starts_with("Deleted backup older: "), "{}", done.stdout);
    assert!(!tool.path("backup/older").exists());
    tool.run(&["delete", "-n", "older"]).exits_with(3);
    let quiet = tool.run(&["delete", "-n", "begun", "--yes", "--quiet"]).exits_with(0);
    assert_eq!(
        (quiet.stdout.as_str(), quiet.stderr.as_str()),
        ("Deleted backup begun: 1 object, 1 B.\n", "")
    );
    let document = tool.run(&["delete", "-n", "broken", "-o", "json", "-q"]).exits_with(0).stdout;
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap()["state"], "damaged");
    tool.run(&["delete", "-n", "insert_log"]).exits_with(3);
    tool.run(&["delete", "-n", "notes"]).exits_with(3).prints_on_stderr(&["is not a backup"]);
    assert!(tool.path("backup/insert_log/1").exists() && tool.path("backup/notes/readme.txt").exists());
}

#[test]
fn an_empty_backup_root_gives_an_empty_list() {
    let tool = Tool::new(NOWHERE);
    assert_eq!(
        tool.run(&["list"]).exits_with(0).stdout,
        "NAME  STATE  TAKEN (UTC)  SIZE  COLLECTIONS  MILVUS  BY\n"
    );
    assert_eq!(tool.run(&["list", "-o", "json"]).exits_with(0).stdout, "{\n  \"backups\": []\n}\n");
}

#[test]
fn check_prints_a_line_for_each_component_and_fails_with_5() {
    let tool = backup_root();
    let run = tool.run(&["check"]).exits_with(5);
    let milvus = run.stdout.lines().next().unwrap_or_default();
    assert!(milvus.starts_with("FAIL  milvus "), "{}", run.stdout);
    assert!(run.stdout.contains("ok    backup storage"), "{}", run.stdout);
    let document: Value =
        serde_json::from_str(&tool.run(&["check", "-o", "json"]).exits_with(5).stdout).unwrap();
    assert_eq!((&document["ok"], &document["checks"][0]["state"]), (&false.into(), &"fail".into()));
}
