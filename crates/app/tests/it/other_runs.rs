//! Other runs that use the same backup, alive or dead (simulated Milvus).

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::fake::SegmentDelays;

use crate::serving::World;
use crate::tool::Tool;

/// The begin marker of the backup `nightly`, below the directory of the program.
const BEGIN_MARKER: &str = "backup/nightly/meta/mb_begin.json";

/// Starts a `create` that never ends, and waits until it has begun to write.
fn start_endless_create(world: &World, tool: &Tool) -> Child {
    world.fake.delay(SegmentDelays { flushing: Duration::from_hours(1), ..SegmentDelays::default() });
    let create = Command::new(env!("CARGO_BIN_EXE_milvus-backup"))
        .args(["create", "nightly", "--progress", "none"])
        .current_dir(tool.path(""))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while !world.fake.calls().iter().any(|call| call.contains("GetFlushState")) {
        assert!(Instant::now() < deadline, "create waits for the flush");
        std::thread::sleep(Duration::from_millis(20));
    }
    create
}

/// Writes a marker of a run on another host, whose clock is wrong by this many milliseconds.
fn write_marker(path: &Path, usage: &str, clock_error_ms: i64) {
    let renewed_ms = engine::now_ms() + clock_error_ms;
    let marker = json!({
        "format_version": 1, "owner": "another", "use": usage, "host": "there", "pid": 7, "tool": "milvus-backup 9.9.9",
        "started_ms": renewed_ms - 60_000, "renewed_ms": renewed_ms,
    });
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, marker.to_string()).unwrap();
}

/// Makes a file as old as if its run had died that long ago.
fn set_age(path: &Path, age: Duration) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(file.metadata().unwrap().modified().unwrap() - age).unwrap();
}

#[tokio::test]
async fn a_backup_of_a_killed_run_can_be_deleted_at_once_on_the_same_machine() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    let mut create = start_endless_create(&world, &tool);
    assert!(tool.run(&["list"]).exits_with(0).stdout.contains("running"));
    tool.run(&["delete", "nightly", "--yes"]).exits_with(1);
    create.kill().unwrap();
    create.wait().unwrap();
    assert!(tool.run(&["list"]).exits_with(0).stdout.contains("unfinished"));
    tool.run(&["delete", "nightly", "--yes"]).exits_with(0);
}

#[tokio::test]
async fn a_backup_of_a_killed_run_is_replaced_on_request() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    let mut create = start_endless_create(&world, &tool);
    let refused = tool.run(&["create", "nightly", "--replace-unfinished"]).exits_with(4);
    assert!(refused.stderr.contains("backup nightly exists already (running)"), "{}", refused.stderr);
    create.kill().unwrap();
    create.wait().unwrap();
    world.fake.delay(SegmentDelays::default());
    let refused = tool.run(&["create", "nightly"]).exits_with(4);
    assert!(refused.stderr.contains("replace it with --replace-unfinished"), "{}", refused.stderr);
    tool.run(&["create", "nightly", "--replace-unfinished"]).exits_with(0);
    tool.run(&["create", "nightly", "--replace-unfinished"]).exits_with(4);
}

#[tokio::test]
async fn the_clock_of_another_host_does_not_decide_whether_its_run_is_alive() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    let marker = world.path(BEGIN_MARKER);
    for clock_error_ms in [-7_200_000, -240_000, 7_200_000] {
        write_marker(&marker, "write", clock_error_ms);
        assert!(tool.run(&["list"]).exits_with(0).stdout.contains("running"), "{clock_error_ms}");
        tool.run(&["delete", "nightly", "--yes"]).exits_with(1);
        set_age(&marker, Duration::from_secs(200));
        assert!(tool.run(&["list"]).exits_with(0).stdout.contains("unfinished"), "{clock_error_ms}");
    }
    tool.run(&["delete", "nightly", "--yes"]).exits_with(0);
}

#[tokio::test]
async fn a_forced_deletion_names_the_run_that_it_overrides_and_that_run_stops() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    let create = start_endless_create(&world, &tool);
    let refused = tool.run(&["delete", "nightly", "--yes"]).exits_with(1);
    assert!(refused.stderr.contains("or at once with --force"), "{}", refused.stderr);
    let run = format!("being written by process {} on ", create.id());
    let planned = tool.run(&["delete", "nightly", "--force", "--dry-run"]).exits_with(0);
    assert!(planned.stdout.contains(&run), "{}", planned.stdout);
    let deleted = tool.run(&["delete", "nightly", "--force", "--yes", "-o", "json"]).exits_with(0);
    assert!(
        serde_json::from_str::<Value>(&deleted.stdout).unwrap()["overridden"][0]
            .as_str()
            .unwrap()
            .starts_with(&run),
        "{}",
        deleted.stdout
    );

    let stopped = create.wait_with_output().unwrap();
    let stderr = String::from_utf8(stopped.stderr).unwrap();
    assert!(stderr.contains("so this run has stopped"), "{stderr}");
    assert_eq!(stopped.status.code(), Some(1), "{stderr}");
    assert!(!world.path("backup/nightly").exists());
}

#[tokio::test]
async fn a_marker_that_cannot_be_parsed_belongs_to_a_living_run_until_it_is_old() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    let marker = world.path(BEGIN_MARKER);
    fs::create_dir_all(marker.parent().unwrap()).unwrap();
    fs::write(&marker, "{").unwrap();
    assert!(tool.run(&["list"]).exits_with(0).stdout.contains("running"));
    let refused = tool.run(&["delete", "nightly", "--yes"]).exits_with(1);
    assert!(refused.stderr.contains("being used by an unknown process"), "{}", refused.stderr);
    tool.run(&["create", "nightly", "--replace-unfinished"]).exits_with(4);
    set_age(&marker, Duration::from_secs(200));
    assert!(tool.run(&["list"]).exits_with(0).stdout.contains("unfinished"));
    tool.run(&["delete", "nightly", "--yes"]).exits_with(0);
}

#[tokio::test]
async fn a_backup_that_a_restore_reads_is_not_deleted() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    tool.run(&["create", "nightly"]).exits_with(0);
    let mark = world.path("backup/nightly/meta/mb_reader_1.json");
    write_marker(&mark, "read", 0);
    let refused = tool.run(&["delete", "nightly", "--yes"]).exits_with(1);
    let expected = "backup nightly is being read by process 7 on there (last sign of life ";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    tool.run(&["get", "nightly"]).exits_with(0);
    tool.run(&["delete", "nightly", "--yes", "--force"]).exits_with(0);
    assert!(!world.path("backup/nightly").exists());
}
