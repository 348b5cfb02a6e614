//! The begin marker of a running backup (simulated Milvus).

use std::path::Path;

use engine::{Advice, BackupState, Event, FailureKind, JobCtx, Phase, now_ms};
use model::plan::backup::BackupRequest;
use model::selection::Selection;
use serde_json::json;

use crate::disk;
use crate::watch::on_first_event;
use crate::world::{World, backup_request, describe_error, within_deadline};

/// Writes the marker of a run on another host, which was last renewed at this time.
fn write_marker(path: &Path, renewed_ms: i64) {
    let marker = json!({
        "format_version": 1, "owner": "another", "host": "there", "pid": 7, "tool": "milvus-backup 9.9.9",
        "started_ms": renewed_ms - 1000, "renewed_ms": renewed_ms,
    });
    disk::write_file(path, marker.to_string());
}

#[tokio::test]
async fn a_running_backup_of_another_run_is_not_changed() {
    let world = World::with_books().await;
    let marker = world.backup_path("nightly/meta/mb_begin.json");
    write_marker(&marker, now_ms());
    let listed = world.find_listed("nightly").await.unwrap();
    assert_eq!((listed.state, listed.tool.as_deref()), (BackupState::Running, Some("milvus-backup 9.9.9")));

    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
    let expected = "backup nightly exists already (running)\n\
                    choose_name_or_wait backup=nightly";
    assert_eq!(describe_error(&error), expected);

    let error = world.delete("nightly").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Busy);
    let text = error.to_string();
    assert!(
        text.starts_with("backup nightly is being written by process 7 on there (last sign of life "),
        "{text}"
    );
    assert!(matches!(error.advice(), Some(Advice::WaitForRun { .. })));
    assert!(marker.exists());

    let name = "nightly".parse().unwrap();
    let error = within_deadline(world.engine().get(&name, &JobCtx::detached())).await.unwrap_err();
    let expected = "backup nightly is running, not complete\nwait_for_run backup=nightly";
    assert!(
        error.kind() == FailureKind::Busy && describe_error(&error).starts_with(expected),
        "{}",
        describe_error(&error)
    );
}

#[tokio::test]
async fn a_backup_with_an_expired_marker_is_unfinished_and_can_be_deleted() {
    let world = World::with_books().await;
    write_marker(&world.backup_path("nightly/meta/mb_begin.json"), now_ms() - 200_000);
    disk::write_file(&world.backup_path("nightly/binlogs/insert_log/1/2/3/3/100/4"), "left behind");
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Unfinished);
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly exists already (unfinished)");
    let gone = world.delete("nightly").await.unwrap();
    assert_eq!((gone.backup.state, gone.objects), (BackupState::Unfinished, 2));
    world.back_up(&backup_request("nightly")).await.unwrap();
}

#[tokio::test]
async fn the_begin_marker_names_host_tool_and_process() {
    let world = World::with_books().await;
    let path = world.backup_path("nightly/meta/mb_begin.json");
    let watched = on_first_event(|event| *event == Event::Phase(Phase::Commit), {
        let path = path.clone();
        move || {
            let marker = disk::read_json(&path);
            assert_eq!((&marker["host"], &marker["tool"]), (&json!("here"), &json!("milvus-backup 0.0.1")));
            assert_eq!(marker["pid"], json!(std::process::id()));
            assert!(now_ms() - marker["renewed_ms"].as_i64().unwrap() < 180_000);
        }
    });
    world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_run_whose_name_was_claimed_by_another_run_does_not_commit() {
    let world = World::with_books().await;
    let path = world.backup_path("nightly/meta/mb_begin.json");
    let watched = on_first_event(|event| *event == Event::Phase(Phase::Commit), {
        let path = path.clone();
        move || write_marker(&path, now_ms())
    });
    let error = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
    assert_eq!(error.to_string(), "backup nightly exists already (running)");
    assert!(!world.backup_path("nightly/meta/backup_meta.json").exists());
    assert_eq!(disk::read_json(&path)["owner"], json!("another"), "its marker is not ours to touch");
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Running);
}

#[tokio::test]
async fn a_run_whose_backup_was_deleted_does_not_commit() {
    let world = World::with_books().await;
    let path = world.backup_path("nightly/meta/mb_begin.json");
    let watched = on_first_event(
        |event| *event == Event::Phase(Phase::Commit),
        move || std::fs::remove_file(&path).unwrap(),
    );
    let error = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly exists already (unfinished)");
    assert!(!world.backup_path("nightly/meta/backup_meta.json").exists());
}

#[tokio::test]
async fn a_failed_run_marks_its_begin_marker_as_stopped() {
    let world = World::with_books().await;
    // Milvus reports rows, but their files do not exist any more.
    let binlogs = world.source_path("insert_log");
    let watched = on_first_event(
        |event| matches!(event, Event::Collection { phase, .. } if phase.as_str() == "listing"),
        move || std::fs::remove_dir_all(&binlogs).unwrap(),
    );
    // Only one collection is selected, because another one could be flushed at that moment.
    let books =
        BackupRequest { selection: Selection::from_filter("books").unwrap(), ..backup_request("nightly") };
    let error = world.back_up_watched(&books, &watched.ctx).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Usage, "{error}");
    assert_eq!(disk::read_json(&world.backup_path("nightly/meta/mb_begin.json"))["stopped"], json!(true));
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Unfinished);
    world.delete("nightly").await.unwrap();
    assert!(world.list_backups().await.is_empty());
}
