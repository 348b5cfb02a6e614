//! Staging: forced by an object that is not of the backup, since on one disk Milvus reads the backup where it lies
//! (simulated Milvus).

use std::path::PathBuf;
use std::sync::Arc;

use engine::{CollectionPhase, Event, Kind, Phase, now_ms};
use model::plan::restore::{JobData, RestoreRequest};
use serde_json::json;
use testkit::fake::Fault;

use crate::disk;
use crate::shop::{FILES, collection};
use crate::watch::{Watched, once};
use crate::world::{World, backup_of, many, restore, restore_beside, told};

const WHY: &str = "a partition is split, or foreign objects lie among its files";

/// A backup with a foreign file in the partition `old` of `books`.
async fn backed_up() -> Arc<World> {
    let mut world = World::with_books().await;
    world.config.limits.restore_collections = many(1);
    world.config.limits.import_jobs = many(1);
    world.back_up(&backup_of("nightly")).await.unwrap();
    let milvus = world.client().await;
    let id = milvus.describe_collection(&collection("books")).await.unwrap().id;
    let partitions = milvus.list_partitions(&collection("books")).await.unwrap();
    let (_, old) = partitions.into_iter().find(|(name, _)| name == "old").unwrap();
    let dir = world.backup_path(&format!("nightly/binlogs/insert_log/{id}/{old}"));
    disk::write(&dir.join("left/behind.txt"), "by hand");
    Arc::new(world)
}

/// The files below the staging directories of Milvus's root.
fn staged(world: &World) -> Vec<String> {
    disk::files(&world.source_path("")).into_keys().filter(|name| name.starts_with("restore-temp-")).collect()
}

fn dirs(world: &World) -> usize {
    let entries = std::fs::read_dir(world.source_path("")).unwrap();
    entries.filter(|e| e.as_ref().unwrap().file_name().to_str().unwrap().starts_with("restore-temp-")).count()
}

fn importing(event: &Event) -> bool {
    matches!(event, Event::Collection { collection, phase: CollectionPhase::Staging }
        if collection.collection == "books")
}

#[tokio::test]
async fn files_among_which_foreign_ones_lie_are_staged_without_them_and_removed() {
    let world = backed_up().await;
    let most = Arc::new(std::sync::Mutex::new(Vec::new()));
    let watched = Watched::new({
        let (world, most) = (Arc::clone(&world), Arc::clone(&most));
        move |_, _| {
            let (now, mut most) = (staged(&world), most.lock().unwrap());
            if now.len() > most.len() {
                *most = now;
            }
        }
    });
    let report = world.restore_watched(&restore_beside("nightly"), &watched).await.unwrap();
    assert_eq!((report.kind(), report.rows(), report.warnings.len()), (None, 9, 0));
    let most = most.lock().unwrap().clone();
    assert_eq!(most.len() as u64, FILES + 1, "one partition, and the owner file: {most:?}");
    assert!(most.iter().any(|name| name.ends_with("/mb_owner.json")));
    assert!(!most.iter().any(|name| name.ends_with("behind.txt")));
    assert_eq!(dirs(&world), 0);
    let events = watched.events();
    assert!(events.contains(&Event::Phase(Phase::Cleanup)));
    assert!(events.iter().any(|e| matches!(e, Event::Overview { how, .. } if how == "staged")));
    let copied = events.iter().filter(|e| matches!(e, Event::ObjectCopied { .. })).count();
    assert_eq!(copied as u64, FILES);
}

#[tokio::test]
async fn the_plan_says_what_is_staged_and_why() {
    let world = backed_up().await;
    let prepared = world.plan_restore(&restore_beside("nightly")).await.unwrap();
    let plan = prepared.plan();
    assert_eq!(plan.staging.as_deref(), Some(WHY));
    let in_place = plan.jobs().filter(|job| job.data == JobData::InPlace).count();
    assert_eq!((in_place, plan.jobs().count()), (2, 3));
    assert_eq!(dirs(&world), 0);
}

#[tokio::test]
async fn staged_files_are_removed_after_a_failure() {
    let world = backed_up().await;
    let watched = once(importing, {
        let world = Arc::clone(&world);
        move || world.fake.inject(Fault::ImportFails("no reason".to_owned()))
    });
    let report = world.restore_watched(&restore_beside("nightly"), &watched).await.unwrap();
    assert_eq!(report.kind(), Some(Kind::Partial));
    assert_eq!(dirs(&world), 0, "{:?}", staged(&world));
}

#[tokio::test]
async fn staged_files_are_removed_after_a_cancellation() {
    type At = fn(&Event) -> bool;
    let moments: [At; 2] = [importing, |event| matches!(event, Event::ObjectCopied { .. })];
    for at in moments {
        let world = backed_up().await;
        let watched = Watched::cancelled_at(at);
        let report = world.restore_watched(&restore_beside("nightly"), &watched).await.unwrap();
        assert_eq!(report.kind(), Some(Kind::Interrupted));
        assert_eq!(staged(&world), Vec::<String>::new());
    }
}

#[tokio::test]
async fn staged_files_are_kept_where_that_is_asked_for_also_by_the_next_restore() {
    let world = backed_up().await;
    let request = RestoreRequest { keep_staged: true, ..restore_beside("nightly") };
    let report = world.restore(&request).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
    let warning = &report.warnings[0];
    let place = warning.strip_prefix("staged files are kept in ").unwrap();
    assert_eq!(disk::files(&PathBuf::from(place)).len() as u64, FILES);

    let again = model::mapping::Mapping::new(None, Some("_again")).unwrap();
    let request = RestoreRequest { mapping: again, ..restore_beside("nightly") };
    assert_eq!(world.restore(&request).await.unwrap().kind(), None);
    assert_eq!(staged(&world).len() as u64, FILES);
}

#[tokio::test]
async fn what_a_crashed_restore_staged_is_removed_and_nothing_else() {
    let world = backed_up().await;
    let stage = |id: &str, owner: Option<i64>| {
        let dir = world.source_path(&format!("restore-temp-{id}"));
        disk::write(&dir.join("1-0/insert_log/1/2/3/3/100/4"), "staged");
        if let Some(renewed_ms) = owner {
            let marker = json!({
                "format_version": 1, "owner": "another", "host": "there", "pid": 7, "tool": "milvus-backup 9.9.9",
                "started_ms": 0, "renewed_ms": renewed_ms,
            });
            disk::write(&dir.join("mb_owner.json"), marker.to_string());
        }
    };
    stage("crashed", Some(now_ms() - 200_000));
    stage("living", Some(now_ms()));
    stage("of-the-go-tool", None);
    let watched = Watched::new(|_, _| {});
    let report = world.restore_watched(&restore_beside("nightly"), &watched).await.unwrap();
    assert_eq!(report.kind(), None);
    let place = world.source_path("restore-temp-crashed");
    assert_eq!(watched.words(), format!("removing what an earlier restore left in {}/", place.display()));
    assert!(!place.exists());
    assert_eq!(staged(&world).len(), 3, "{:?}", staged(&world));
}

#[tokio::test]
async fn what_is_staged_below_a_wrong_root_would_never_be_found() {
    let world = backed_up().await;
    let mut elsewhere = world.config.clone();
    let wrong = world.backup_path("wrong");
    elsewhere.source.root = wrong.to_str().unwrap().into();
    let engine = engine::Engine::new(elsewhere);
    let error = restore(&engine, &restore_beside("nightly"), &Watched::new(|_, _| {}).ctx).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    let text = told(&error);
    assert!(text.starts_with(&format!("no files of default.books below {}/", wrong.display())), "{text}");
    assert_eq!(world.collections("default").await, ["books", "tags"]);
    assert!(!wrong.exists());
}
