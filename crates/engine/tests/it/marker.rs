//! The begin marker of a running backup (simulated Milvus).

use std::path::Path;
use std::time::Duration;

use engine::{Advice, BackupState, DeleteOutcome, DeleteRequest, Event, FailureKind, JobCtx, Phase, now_ms};
use model::plan::backup::BackupRequest;
use model::selection::Selection;
use serde_json::json;

use crate::disk;
use crate::watch::{WatchedJob, on_first_event};
use crate::world::{World, backup_request, describe_error, restore_copy_request, within_deadline};

/// Writes the marker of a run on another host, whose clock shows this time.
fn write_marker(path: &Path, renewed_ms: i64) {
    let marker = json!({
        "format_version": 1, "owner": "another", "host": "there", "pid": 7, "tool": "milvus-backup 9.9.9",
        "started_ms": renewed_ms - 1000, "renewed_ms": renewed_ms,
    });
    disk::write_file(path, marker.to_string());
}

/// Writes the marker of a run whose lease has expired.
fn write_expired_marker(path: &Path) {
    write_marker(path, now_ms());
    disk::set_age(path, Duration::from_secs(200));
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
    let marker = world.backup_path("nightly/meta/mb_begin.json");
    write_expired_marker(&marker);
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
    assert_eq!(error.kind(), FailureKind::Busy);
    let expected = format!("{} belongs to process 7 on there now, so this run has stopped", path.display());
    assert_eq!(describe_error(&error), format!("{expected}\nfind_other_run"));
    assert!(!world.backup_path("nightly/meta/backup_meta.json").exists());
    assert_eq!(disk::read_json(&path)["owner"], json!("another"), "its marker is not ours to touch");
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Running);
}

#[tokio::test]
async fn a_run_whose_backup_was_deleted_does_not_commit_and_removes_what_it_wrote() {
    let world = World::with_books().await;
    let (dir, path) = (world.backup_path("nightly"), world.backup_path("nightly/meta/mb_begin.json"));
    let watched = on_first_event(|event| *event == Event::Phase(Phase::Commit), {
        let dir = dir.clone();
        move || std::fs::remove_dir_all(&dir).unwrap()
    });
    let error = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap_err();
    let expected = format!("{} has disappeared, so this run has stopped", path.display());
    assert_eq!((error.kind(), error.to_string()), (FailureKind::Busy, expected));
    assert_eq!(watched.messages(), "removed what this run wrote after that");
    assert!(!dir.exists(), "{:?}", disk::list_files(&dir));
}

#[tokio::test]
async fn files_from_before_the_marker_disappeared_are_kept() {
    let world = World::with_books().await;
    let dir = world.backup_path("nightly");
    let watched = on_first_event(|event| *event == Event::Phase(Phase::Commit), {
        let dir = dir.clone();
        move || {
            for name in disk::list_files(&dir).into_keys() {
                disk::set_age(&dir.join(name), Duration::from_hours(1));
            }
            std::fs::remove_file(dir.join("meta/mb_begin.json")).unwrap();
        }
    });
    let before = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap_err();
    assert_eq!(before.kind(), FailureKind::Busy);
    let left = disk::list_files(&dir);
    assert!(left.keys().any(|name| name.starts_with("binlogs/")), "{left:?}");
    assert!(!left.keys().any(|name| name.ends_with("_meta.json")), "{left:?}");
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Unfinished);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_notices_within_a_renewal_that_its_marker_is_gone() {
    let world = World::with_books().await;
    let dir = world.backup_path("nightly");
    // The first collection waits for longer than the time between two renewals.
    let watched = on_first_event(|event| matches!(event, Event::Collection { .. }), {
        let dir = dir.clone();
        move || {
            std::fs::remove_dir_all(&dir).unwrap();
            std::thread::sleep(Duration::from_secs(25));
        }
    });
    let error = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Busy, "{error}");
    assert!(!watched.events().contains(&Event::Phase(Phase::Commit)));
    assert!(!dir.exists(), "{:?}", disk::list_files(&dir));
}

#[tokio::test]
async fn an_unfinished_backup_is_replaced_on_request() {
    let world = World::with_books().await;
    let marker = world.backup_path("nightly/meta/mb_begin.json");
    let stray = world.backup_path("nightly/binlogs/insert_log/1/2/3/3/100/4");
    let request = BackupRequest { replace_unfinished: true, ..backup_request("nightly") };
    write_marker(&marker, now_ms());
    disk::write_file(&stray, "left behind");
    let error = world.back_up(&request).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly exists already (running)");
    assert!(marker.exists() && stray.exists());

    disk::set_age(&marker, Duration::from_secs(200));
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    let expected = "backup nightly exists already (unfinished)\nchoose_name_or_replace backup=nightly";
    assert_eq!(describe_error(&error), expected);
    let watched = WatchedJob::new(|_, _| {});
    world.back_up_watched(&request, &watched.ctx).await.unwrap();
    assert_eq!(watched.messages(), "replacing the unfinished backup nightly");
    assert!(!stray.exists());
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Complete);

    let error = world.back_up(&request).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly exists already (complete)");
}

#[tokio::test]
async fn a_forced_deletion_says_which_run_it_overrides() {
    let world = World::with_books().await;
    let marker = world.backup_path("nightly/meta/mb_begin.json");
    write_marker(&marker, 0);
    let (engine, ctx) = (world.engine(), JobCtx::detached());
    let request = DeleteRequest { name: "nightly".parse().unwrap(), force: true };
    let prepared = within_deadline(engine.plan_delete(&request, &ctx)).await.unwrap();
    let overridden = |outcome: &DeleteOutcome| outcome.overridden.join("; ");
    let expected = "being written by process 7 on there (last sign of life ";
    assert!(overridden(prepared.contents()).starts_with(expected), "{:?}", prepared.contents());
    assert!(marker.exists());
    let deleted = within_deadline(engine.delete(prepared, &ctx)).await.unwrap();
    assert!(overridden(&deleted).starts_with(expected), "{deleted:?}");
    assert!(!world.backup_path("nightly").exists());
}

#[tokio::test]
async fn a_backup_that_a_restore_reads_is_not_deleted() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let files = disk::list_files(&world.backup_path("nightly"));
    let mark = world.backup_path("nightly/meta/mb_reader_1.json");
    let reader = json!({
        "format_version": 1, "owner": "another", "use": "read", "host": "there", "pid": 7, "tool": "t",
        "started_ms": 0, "renewed_ms": 0,
    });
    disk::write_file(&mark, reader.to_string());
    let error = world.delete("nightly").await.unwrap_err();
    let expected = "backup nightly is being read by process 7 on there (last sign of life ";
    assert!(error.kind() == FailureKind::Busy && error.to_string().starts_with(expected), "{error}");
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Complete);
    std::fs::remove_file(&mark).unwrap();
    assert_eq!(disk::list_files(&world.backup_path("nightly")), files);

    disk::write_file(&mark, reader.to_string());
    disk::set_age(&mark, Duration::from_secs(200));
    world.delete("nightly").await.unwrap();
    assert!(!world.backup_path("nightly").exists());
}

#[tokio::test]
async fn a_restore_marks_the_backup_while_it_reads_it() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let meta = world.backup_path("nightly/meta");
    let marks = move || {
        let files = disk::list_files(&meta).into_keys();
        files.filter(|name| name.starts_with("mb_reader_")).collect::<Vec<_>>()
    };
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let watched = on_first_event(|event| *event == Event::Phase(Phase::Import), {
        let (marks, seen) = (marks.clone(), seen.clone());
        move || *seen.lock().unwrap() = marks()
    });
    world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1);
    assert_eq!(marks(), Vec::<String>::new());
}

#[tokio::test]
async fn a_backup_that_is_being_deleted_is_not_restored() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let marker = world.backup_path("nightly/meta/mb_begin.json");
    let deletion = json!({
        "format_version": 1, "owner": "another", "use": "delete", "host": "there", "pid": 7, "tool": "t",
        "started_ms": 0, "renewed_ms": 0,
    });
    disk::write_file(&marker, deletion.to_string());
    let watched = WatchedJob::new(|_, _| {});
    let error = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap_err();
    let expected = "backup nightly is being deleted by process 7 on there (last sign of life ";
    assert!(error.kind() == FailureKind::Busy && error.to_string().starts_with(expected), "{error}");
    let left = disk::list_files(&world.backup_path("nightly/meta"));
    assert!(!left.keys().any(|name| name.starts_with("mb_reader_")), "{left:?}");
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

#[tokio::test]
async fn a_deletion_of_an_unfinished_backup_spares_a_complete_one_of_the_same_name() {
    let world = World::with_books().await;
    let marker = world.backup_path("nightly/meta/mb_begin.json");
    write_expired_marker(&marker);
    let (engine, ctx) = (world.engine(), JobCtx::detached());
    let request = DeleteRequest { name: "nightly".parse().unwrap(), force: false };
    let planned = within_deadline(engine.plan_delete(&request, &ctx)).await.unwrap();

    // Meanwhile another run replaces it.
    let replace = BackupRequest { replace_unfinished: true, ..backup_request("nightly") };
    world.back_up(&replace).await.unwrap();
    let error = within_deadline(engine.delete(planned, &ctx)).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly exists already (complete)");
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Complete);
}

#[tokio::test]
async fn of_two_deletions_of_an_unfinished_backup_only_one_removes_it() {
    let world = World::with_books().await;
    let marker = world.backup_path("nightly/meta/mb_begin.json");
    write_expired_marker(&marker);
    disk::write_file(&world.backup_path("nightly/binlogs/insert_log/1/2/3/3/100/4"), "left behind");
    let (one, other) = tokio::join!(world.delete("nightly"), world.delete("nightly"));
    let errors: Vec<String> =
        [one, other].into_iter().filter_map(Result::err).map(|e| e.to_string()).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(!world.backup_path("nightly").exists());
}

#[tokio::test]
async fn a_complete_backup_with_the_marker_of_a_dead_deletion_is_protected_by_its_reader() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let marker = world.backup_path("nightly/meta/mb_begin.json");
    write_expired_marker(&marker);
    let (engine, ctx) = (world.engine(), JobCtx::detached());
    let request = DeleteRequest { name: "nightly".parse().unwrap(), force: false };
    let planned = within_deadline(engine.plan_delete(&request, &ctx)).await.unwrap();
    // A reader comes between the plan and the deletion.
    write_marker(&world.backup_path("nightly/meta/mb_reader_1.json"), now_ms());
    let error = within_deadline(engine.delete(planned, &ctx)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Busy, "{error}");
    assert!(world.backup_path("nightly/meta/backup_meta.json").exists());
}
