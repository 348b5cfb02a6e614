//! Backups that cannot be read, beside one that can: none hides another.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::serving::World;
use crate::tool::{NOWHERE, Tool};

/// Each name with its state and a word of the reason.
const ODD: [(&str, &str, &str); 10] = [
    ("dead", "unreadable", "link to nothing"),
    ("dead_head", "unreadable", "link to nothing"),
    ("device", "unreadable", "not a regular file"),
    ("directory", "unreadable", "is a directory"),
    ("garbage", "damaged", "not the JSON of a backup"),
    ("huge", "damaged", "it is larger than 16 MiB"),
    ("loop", "unreadable", "symbolic links"),
    ("loop_head", "unreadable", "symbolic links"),
    ("minio", "unreadable", "is a directory"),
    ("pipe", "unreadable", "not a regular file"),
];

/// Creates the odd backups below a root directory.
fn create_odd_backups(root: &Path) {
    let meta = |name: &str| {
        let dir = root.join(name).join("meta");
        fs::create_dir_all(&dir).unwrap();
        dir
    };
    symlink("nowhere", root.join("dead")).unwrap();
    symlink("nowhere", meta("dead_head").join("backup_meta.json")).unwrap();
    symlink("/dev/zero", meta("device").join("backup_meta.json")).unwrap();
    let made = Command::new("mkfifo").arg(meta("pipe").join("backup_meta.json")).status().unwrap();
    assert!(made.success());
    fs::create_dir(meta("directory").join("backup_meta.json")).unwrap();
    fs::write(meta("garbage").join("backup_meta.json"), [7; 40]).unwrap();
    let huge = fs::File::create(meta("huge").join("backup_meta.json")).unwrap();
    huge.set_len(4 << 30).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("backup_meta.json", meta("loop_head").join("backup_meta.json")).unwrap();
    // MinIO stores an object as a directory of this name.
    let object = meta("minio").join("backup_meta.json");
    fs::create_dir(&object).unwrap();
    fs::write(object.join("xl.meta"), "XL2 ").unwrap();
}

fn assert_listed(listed: &Value) {
    let backups = listed["backups"].as_array().unwrap();
    for (name, state, reason) in ODD {
        let backup = backups.iter().find(|backup| backup["name"] == name);
        let backup = backup.unwrap_or_else(|| panic!("{name} is not in {listed:#}"));
        assert_eq!(backup["state"], state, "{name}");
        assert!(backup["problem"].as_str().unwrap().contains(reason), "{backup:#}");
    }
    assert!(backups.iter().any(|backup| backup["name"] == "whole" && backup["state"] == "complete"));
}

fn create_root() -> Tool {
    let tool = Tool::new(NOWHERE);
    tool.write("backup/whole/meta/full_meta.json", r#"{"id":"1","name":"whole"}"#);
    tool.write("backup/whole/meta/backup_meta.json", r#"{"id":"1","name":"whole"}"#);
    create_odd_backups(&tool.path("backup"));
    tool
}

#[test]
fn the_list_shows_them_with_their_reason() {
    let tool = create_root();
    let listed = tool.run(&["list", "--output", "json"]).exits_with(0).stdout;
    assert_listed(&serde_json::from_str(&listed).unwrap());
    let some = tool.run(&["list", "--state", "unreadable"]).exits_with(0);
    assert!(!some.stdout.contains("whole") && some.stdout.contains("minio"), "{}", some.stdout);
}

#[test]
fn they_cannot_be_shown_but_deleted() {
    let tool = create_root();
    for (name, ..) in ODD {
        tool.run(&["get", "-n", name]).exits_with(7).prints_on_stderr(&[name]);
        tool.run(&["delete", "-n", name, "--dry-run"]).exits_with(0);
        tool.run(&["delete", "-n", name, "--yes"]).exits_with(0);
        tool.run(&["get", "-n", name]).exits_with(3);
        assert!(fs::symlink_metadata(tool.path("backup").join(name)).is_err(), "{name} is gone");
    }
    tool.run(&["get", "-n", "whole"]).exits_with(0);
}

#[tokio::test]
async fn the_apis_list_the_others_too() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    serving.post("/api/v1/create", &json!({"backup_name": "whole"})).await.has_status(200);
    create_odd_backups(&world.path("backup"));
    assert_listed(&serving.get("/api/v2/backups").await.has_status(200).json());
    let listed = serving.get("/api/v1/list").await.has_status(200).json();
    assert_eq!(
        listed["data"].as_array().unwrap().len(),
        1,
        "only complete ones, as the Go tool does: {listed}"
    );
}
