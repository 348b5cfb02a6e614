//! Deletions, including interrupted ones (simulated Milvus).

use std::fs;

use engine::{BackupState, DeleteOutcome, DeleteRequest, Error, Event, FailureKind, JobCtx, Phase};

use crate::disk;
use crate::watch::WatchedJob;
use crate::world::{World, backup_request, describe_error, within_deadline};

async fn delete(world: &World, name: &str) -> Result<DeleteOutcome, Error> {
    world.delete(name).await
}

#[tokio::test]
async fn a_deletion_removes_all_of_one_backup_and_nothing_else() {
    let world = World::with_books().await;
    for name in ["nightly", "nightly_2"] {
        world.back_up(&backup_request(name)).await.unwrap();
    }
    let (files, other) =
        (disk::list_files(&world.backup_path("nightly")), disk::list_files(&world.backup_path("nightly_2")));
    let watched = WatchedJob::new(|_, _| {});
    let gone = world.delete_watched("nightly", &watched.ctx).await.unwrap();
    assert_eq!((gone.objects, gone.bytes), (files.len() as u64, files.values().sum()));
    assert_eq!((gone.backup.name.as_str(), gone.backup.collections), ("nightly", Some(2)));
    assert_eq!(gone.place, format!("{}/", world.backup_path("nightly").display()));
    assert!(!world.backup_path("nightly").exists(), "directories too");
    assert_eq!(disk::list_files(&world.backup_path("nightly_2")), other);
    let events = watched.events();
    assert_eq!(events[..2], [Event::Phase(Phase::Preflight), Event::Phase(Phase::Delete)]);
    assert!(events[2..].iter().all(|event| matches!(event, Event::Deleted { .. })) && events.len() > 2);
    assert_eq!(delete(&world, "nightly").await.unwrap_err().kind(), FailureKind::NotFound);
    world.back_up(&backup_request("nightly")).await.unwrap();
}

#[tokio::test]
async fn planning_a_deletion_counts_the_objects_and_removes_nothing() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let files = disk::list_files(&world.backup_path("nightly"));
    let request = DeleteRequest { name: "nightly".parse().unwrap(), force: false };
    let prepared = within_deadline(world.engine().plan_delete(&request, &JobCtx::detached())).await.unwrap();
    let seen = prepared.contents();
    assert_eq!((seen.objects, seen.bytes), (files.len() as u64, files.values().sum()));
    assert_eq!(disk::list_files(&world.backup_path("nightly")), files);
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Complete);
}

#[tokio::test]
async fn the_error_for_a_missing_backup_names_the_searched_root() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly_2")).await.unwrap();
    let error = delete(&world, "nightly").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::NotFound);
    let place = world.backup_path("nightly").parent().unwrap().display().to_string();
    let expected =
        format!("there is no backup nightly below {place}/; did you mean nightly_2?\nlist_backups");
    assert_eq!(describe_error(&error), expected);
    assert_eq!(world.list_backups().await.len(), 1);
}

#[tokio::test]
async fn a_directory_that_is_not_a_backup_is_not_deleted() {
    let world = World::with_books().await;
    disk::write_file(&world.backup_path("letters/may.txt"), "dear");
    let error = delete(&world, "letters").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::NotFound);
    let expected = format!(
        "{}/ is not a backup (no backup files found)\n\
         inspect_directory",
        world.backup_path("letters").display()
    );
    assert_eq!(describe_error(&error), expected);
    assert!(world.backup_path("letters/may.txt").exists());
}

#[tokio::test]
async fn directories_of_milvus_are_never_deleted() {
    let mut world = World::with_books().await;
    // The backup root is the root path of Milvus.
    world.config.backup.root = world.config.source.root.clone();
    world.back_up(&backup_request("nightly")).await.unwrap();
    disk::write_file(&world.source_path("stats_log/meta/backup_meta.json"), "{}");
    disk::write_file(&world.source_path("restore-temp-1/binlogs/insert_log/1/2/3/3/100/4"), "x");
    let files = disk::list_files(&world.source_path(""));
    for name in ["insert_log", "stats_log", "restore-temp-1", "index_files", "snapshots"] {
        let error = delete(&world, name).await.unwrap_err();
        assert!(matches!(error, Error::NoSuchBackup { .. }), "{name}: {error}");
    }
    assert_eq!(disk::list_files(&world.source_path("")), files);
}

#[tokio::test]
async fn a_damaged_backup_can_be_deleted() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    fs::write(world.backup_path("nightly/meta/backup_meta.json"), "{").unwrap();
    assert_eq!(delete(&world, "nightly").await.unwrap().backup.state, BackupState::Damaged);
    assert!(!world.backup_path("nightly").exists());
}

#[tokio::test]
async fn an_interrupted_deletion_leaves_an_unfinished_backup_and_can_be_repeated() {
    for name in ["nightly", "full_v0415"] {
        let world = World::with_books().await;
        world.back_up(&backup_request("nightly")).await.unwrap();
        world.add_fixture("full_v0415");
        // The cancellation comes after the deletion of the data and before that of the rest.
        let watched = WatchedJob::cancelled_at(|event| matches!(event, Event::Deleted { .. }));
        let error = world.delete_watched(name, &watched.ctx).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (FailureKind::Interrupted, "interrupted"));
        assert!(!world.backup_path(name).join("meta/backup_meta.json").exists(), "the marker goes first");
        assert!(world.backup_path(name).join("meta/mb_begin.json").exists(), "a trace stays");
        assert_eq!(world.find_listed(name).await.unwrap().state, BackupState::Unfinished);
        let gone = delete(&world, name).await.unwrap();
        assert_eq!(gone.backup.state, BackupState::Unfinished);
        assert!(!world.backup_path(name).exists());
    }
}

#[tokio::test]
async fn a_deletion_that_is_cancelled_at_its_start_changes_nothing() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let files = disk::list_files(&world.backup_path("nightly"));
    let watched = WatchedJob::cancelled_at(|event| *event == Event::Phase(Phase::Delete));
    let error = world.delete_watched("nightly", &watched.ctx).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Interrupted);
    assert_eq!(disk::list_files(&world.backup_path("nightly")), files);
}
