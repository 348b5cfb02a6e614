//! Staging (simulated Milvus).
//!
//! Backups and targets are on one disk here, so imports are in place. A foreign object in a partition forces staging.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::{CollectionPhase, Event, FailureKind, Phase};
use model::plan::restore::{ImportFiles, RestoreRequest};
use serde_json::json;
use testkit::fake::Fault;

use crate::disk;
use crate::samples::{FILES_PER_SEGMENT, collection};
use crate::watch::{WatchedJob, on_first_event};
use crate::world::{World, backup_request, describe_error, nonzero, restore, restore_copy_request};

const STAGING_REASON: &str =
    "a partition is split, or its directory contains objects that are not part of the backup";

/// Creates a world with a backup that has a foreign file in the partition `old` of `books`.
async fn world_with_foreign_file() -> Arc<World> {
    let mut world = World::with_books().await;
    world.config.limits.restore_collections = nonzero(1);
    world.config.limits.import_jobs = nonzero(1);
    world.back_up(&backup_request("nightly")).await.unwrap();
    let milvus = world.connect().await;
    let id = milvus.describe_collection(&collection("books")).await.unwrap().id;
    let partitions = milvus.list_partitions(&collection("books")).await.unwrap();
    let (_, old) = partitions.into_iter().find(|(name, _)| name == "old").unwrap();
    let dir = world.backup_path(&format!("nightly/binlogs/insert_log/{id}/{old}"));
    disk::write_file(&dir.join("left/behind.txt"), "by hand");
    Arc::new(world)
}

/// Lists the files in the staging directories below the root path of Milvus.
fn list_staged_files(world: &World) -> Vec<String> {
    disk::list_files(&world.source_path(""))
        .into_keys()
        .filter(|name| name.starts_with("restore-temp-"))
        .collect()
}

/// Returns the number of staging directories.
fn count_staging_directories(world: &World) -> usize {
    let entries = std::fs::read_dir(world.source_path("")).unwrap();
    entries.filter(|e| e.as_ref().unwrap().file_name().to_str().unwrap().starts_with("restore-temp-")).count()
}

fn is_staging_of_books(event: &Event) -> bool {
    matches!(event, Event::Collection { collection, phase: CollectionPhase::Staging }
        if collection.collection == "books")
}

#[tokio::test]
async fn a_partition_with_foreign_files_is_staged_without_them_and_cleaned_up() {
    let world = world_with_foreign_file().await;
    let most = Arc::new(std::sync::Mutex::new(Vec::new()));
    let watched = WatchedJob::new({
        let (world, most) = (Arc::clone(&world), Arc::clone(&most));
        move |_, _| {
            let (now, mut most) = (list_staged_files(&world), most.lock().unwrap());
            if now.len() > most.len() {
                *most = now;
            }
        }
    });
    let report = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
    assert_eq!((report.kind(), report.rows(), report.warnings.len()), (None, 9, 0));
    let most = most.lock().unwrap().clone();
    assert_eq!(most.len() as u64, FILES_PER_SEGMENT + 1, "one partition, and the owner file: {most:?}");
    assert!(most.iter().any(|name| name.ends_with("/mb_owner.json")));
    assert!(!most.iter().any(|name| name.ends_with("behind.txt")));
    assert_eq!(count_staging_directories(&world), 0);
    let events = watched.events();
    assert!(events.contains(&Event::Phase(Phase::Cleanup)));
    assert!(events.iter().any(|e| matches!(e, Event::Overview { how, .. } if how == "staged")));
    let copied = events.iter().filter(|e| matches!(e, Event::ObjectCopied { .. })).count();
    assert_eq!(copied as u64, FILES_PER_SEGMENT);
}

#[tokio::test]
async fn the_plan_contains_the_reason_for_staging() {
    let world = world_with_foreign_file().await;
    let prepared = world.plan_restore(&restore_copy_request("nightly")).await.unwrap();
    let plan = prepared.plan();
    assert_eq!(plan.staging.as_deref(), Some(STAGING_REASON));
    let in_place = plan.jobs().filter(|job| job.files == ImportFiles::InPlace).count();
    assert_eq!((in_place, plan.jobs().count()), (2, 3));
    assert_eq!(count_staging_directories(&world), 0);
}

#[tokio::test]
async fn staged_files_are_removed_after_a_failure() {
    let world = world_with_foreign_file().await;
    let watched = on_first_event(is_staging_of_books, {
        let world = Arc::clone(&world);
        move || world.fake.inject(Fault::ImportFails("no reason".to_owned()))
    });
    let report = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
    assert_eq!(report.kind(), Some(FailureKind::Partial));
    assert_eq!(count_staging_directories(&world), 0, "{:?}", list_staged_files(&world));
}

#[tokio::test]
async fn staged_files_are_removed_after_a_cancellation() {
    type At = fn(&Event) -> bool;
    let moments: [At; 2] = [is_staging_of_books, |event| matches!(event, Event::ObjectCopied { .. })];
    for at in moments {
        let world = world_with_foreign_file().await;
        let watched = WatchedJob::cancelled_at(at);
        let report = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
        assert_eq!(report.kind(), Some(FailureKind::Interrupted));
        assert_eq!(list_staged_files(&world), Vec::<String>::new());
    }
}

#[tokio::test]
async fn staged_files_that_are_kept_survive_the_next_restore() {
    let world = world_with_foreign_file().await;
    let request = RestoreRequest { keep_staged: true, ..restore_copy_request("nightly") };
    let report = world.restore(&request).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
    let warning = &report.warnings[0];
    let place = warning.strip_prefix("staged files are kept in ").unwrap();
    assert_eq!(disk::list_files(&PathBuf::from(place)).len() as u64, FILES_PER_SEGMENT);

    let again = model::mapping::Mapping::new(None, Some("_again")).unwrap();
    let request = RestoreRequest { mapping: again, ..restore_copy_request("nightly") };
    assert_eq!(world.restore(&request).await.unwrap().kind(), None);
    assert_eq!(list_staged_files(&world).len() as u64, FILES_PER_SEGMENT);
}

#[tokio::test]
async fn only_staging_directories_of_crashed_restores_are_removed() {
    let world = world_with_foreign_file().await;
    let stage = |id: &str, owner: Option<Duration>| {
        let dir = world.source_path(&format!("restore-temp-{id}"));
        disk::write_file(&dir.join("1-0/insert_log/1/2/3/3/100/4"), "staged");
        if let Some(age) = owner {
            let marker = json!({
                "format_version": 1, "owner": "another", "host": "there", "pid": 7, "tool": "milvus-backup 9.9.9",
                "started_ms": 0, "renewed_ms": 0,
            });
            disk::write_file(&dir.join("mb_owner.json"), marker.to_string());
            disk::set_age(&dir.join("mb_owner.json"), age);
        }
    };
    stage("crashed", Some(Duration::from_secs(200)));
    stage("living", Some(Duration::ZERO));
    stage("of-the-go-tool", None);
    let watched = WatchedJob::new(|_, _| {});
    let report = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
    assert_eq!(report.kind(), None);
    let place = world.source_path("restore-temp-crashed");
    assert_eq!(
        watched.messages(),
        format!("removing staged files of an earlier restore in {}/", place.display())
    );
    assert!(!place.exists());
    assert_eq!(list_staged_files(&world).len(), 3, "{:?}", list_staged_files(&world));
}

#[tokio::test]
async fn a_staged_restore_fails_if_the_root_is_wrong() {
    let world = world_with_foreign_file().await;
    let mut elsewhere = world.config.clone();
    let wrong = world.backup_path("wrong");
    elsewhere.source.root = wrong.to_str().unwrap().into();
    let engine = engine::Engine::new(elsewhere);
    let error = restore(&engine, &restore_copy_request("nightly"), &WatchedJob::new(|_, _| {}).ctx)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Usage);
    let text = describe_error(&error);
    assert!(text.starts_with(&format!("no files of default.books below {}/", wrong.display())), "{text}");
    assert_eq!(world.collection_names("default").await, ["books", "tags"]);
    assert!(!wrong.exists());
}
