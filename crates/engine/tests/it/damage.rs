//! Backups with missing or damaged files (simulated Milvus).

use std::fs;
use std::path::PathBuf;

use engine::{Advice, FailureKind};
use model::plan::restore::RestoreRequest;
use model::selection::Selection;

use crate::disk;
use crate::samples::{FILES_PER_SEGMENT, collection};
use crate::world::{World, backup_request, describe_error, restore_copy_request, restore_request};

/// Creates a world with a backup, and returns the directory of the binlogs of `books` in it.
async fn world_with_backup() -> (World, PathBuf) {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let id = world.connect().await.describe_collection(&collection("books")).await.unwrap().id;
    let dir = world.backup_path("nightly/binlogs/insert_log").join(id.to_string());
    (world, dir)
}

/// Restores the backup, asserts that it is reported as damaged, and returns the message.
async fn failed_restore_text(world: &World) -> String {
    let error = world.restore(&restore_copy_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Damaged);
    assert_eq!(error.advice(), Some(Advice::UseAnotherBackup));
    assert_eq!(world.collection_names("default").await, ["books", "tags"], "nothing was changed");
    error.to_string()
}

#[tokio::test]
async fn a_missing_object_is_reported_before_anything_is_changed() {
    let (world, dir) = world_with_backup().await;
    let file = disk::find_file(&dir, "", "");
    fs::remove_file(&file).unwrap();
    let text = failed_restore_text(&world).await;
    assert!(text.starts_with("backup nightly is damaged: ") && text.ends_with(" is missing"), "{text}");
    assert!(text.contains(file.file_name().unwrap().to_str().unwrap()), "{text}");
}

#[tokio::test]
async fn an_object_of_another_size_is_reported_before_anything_is_changed() {
    let (world, dir) = world_with_backup().await;
    let file = disk::find_file(&dir, "", "");
    let size = fs::metadata(&file).unwrap().len();
    fs::write(&file, "cut").unwrap();
    let expected = format!("backup nightly is damaged: {} has 3 bytes instead of {size}", file.display());
    assert_eq!(failed_restore_text(&world).await, expected);
}

#[tokio::test]
async fn the_first_five_problems_are_listed_and_the_rest_are_counted() {
    let (world, dir) = world_with_backup().await;
    fs::remove_dir_all(&dir).unwrap();
    let text = failed_restore_text(&world).await;
    assert_eq!(text.matches(" is missing").count(), 5, "{text}");
    assert!(text.ends_with(&format!("; and {} more", 2 * FILES_PER_SEGMENT - 5)), "{text}");
}

#[tokio::test]
async fn only_selected_collections_are_checked() {
    let (world, dir) = world_with_backup().await;
    fs::remove_dir_all(&dir).unwrap();
    let selection = Selection::from_filter("tags").unwrap();
    let report =
        world.restore(&RestoreRequest { selection, ..restore_copy_request("nightly") }).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 4));
}

#[tokio::test]
async fn a_backup_without_our_own_files_can_be_restored() {
    let (world, _) = world_with_backup().await;
    let meta = world.backup_path("nightly/meta");
    for file in disk::list_files(&meta).into_keys().filter(|name| name.starts_with("mb_")) {
        fs::remove_file(meta.join(file)).unwrap();
    }
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

#[tokio::test]
async fn the_error_names_a_damaged_delta_log() {
    let world = World::new();
    let dir = world.add_fixture("full_v0516");
    let log = disk::find_file(&dir.join("binlogs/delta_log"), "", "");
    let size = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    fs::write(&log, vec![b'x'; size]).unwrap();
    let error = world.restore(&restore_request("full_v0516")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Damaged);
    assert!(
        describe_error(&error).contains(&format!("{} at byte 0: the file is damaged", log.display())),
        "{}",
        describe_error(&error)
    );
    assert_eq!(world.count_calls("CreateCollection") + world.count_calls("CreateDatabase"), 0);
}
