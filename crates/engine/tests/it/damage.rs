//! Backups that lack files, or whose files are not what they say (simulated Milvus).

use std::fs;
use std::path::PathBuf;

use engine::Kind;
use model::plan::restore::RestoreRequest;
use model::selection::Selection;

use crate::disk;
use crate::shop::{FILES, collection};
use crate::world::{World, backup_of, restore_beside, restore_of, told};

/// A backup, and where the files of `books` lie in it.
async fn backed_up() -> (World, PathBuf) {
    let world = World::with_books().await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    let id = world.client().await.describe_collection(&collection("books")).await.unwrap().id;
    let dir = world.backup_path("nightly/binlogs/insert_log").join(id.to_string());
    (world, dir)
}

async fn refused(world: &World) -> String {
    let error = world.restore(&restore_beside("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged);
    assert!(error.hint().unwrap().starts_with("restore from another backup"));
    assert_eq!(world.collections("default").await, ["books", "tags"], "nothing was changed");
    error.to_string()
}

#[tokio::test]
async fn a_missing_object_is_named_before_anything_is_changed() {
    let (world, dir) = backed_up().await;
    let file = disk::a_file(&dir, "", "");
    fs::remove_file(&file).unwrap();
    let text = refused(&world).await;
    assert!(text.starts_with("backup nightly is damaged: ") && text.ends_with(" is missing"), "{text}");
    assert!(text.contains(file.file_name().unwrap().to_str().unwrap()), "{text}");
}

#[tokio::test]
async fn an_object_of_another_size_is_named_before_anything_is_changed() {
    let (world, dir) = backed_up().await;
    let file = disk::a_file(&dir, "", "");
    let size = fs::metadata(&file).unwrap().len();
    fs::write(&file, "cut").unwrap();
    let expected = format!("backup nightly is damaged: {} has 3 bytes instead of {size}", file.display());
    assert_eq!(refused(&world).await, expected);
}

#[tokio::test]
async fn of_many_problems_a_few_are_named_and_the_rest_counted() {
    let (world, dir) = backed_up().await;
    fs::remove_dir_all(&dir).unwrap();
    let text = refused(&world).await;
    assert_eq!(text.matches(" is missing").count(), 5, "{text}");
    assert!(text.ends_with(&format!("; and {} more", 2 * FILES - 5)), "{text}");
}

#[tokio::test]
async fn only_what_is_restored_is_looked_at() {
    let (world, dir) = backed_up().await;
    fs::remove_dir_all(&dir).unwrap();
    let selection = Selection::from_filter("tags").unwrap();
    let report = world.restore(&RestoreRequest { selection, ..restore_beside("nightly") }).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 4));
}

#[tokio::test]
async fn a_backup_without_our_own_files_is_restored_as_one_of_the_go_tool() {
    let (world, _) = backed_up().await;
    let meta = world.backup_path("nightly/meta");
    for file in disk::files(&meta).into_keys().filter(|name| name.starts_with("mb_")) {
        fs::remove_file(meta.join(file)).unwrap();
    }
    let report = world.restore(&restore_beside("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

#[tokio::test]
async fn a_delete_log_that_cannot_be_read_is_named() {
    let world = World::new();
    let dir = world.take_fixture("full_v0516");
    let log = disk::a_file(&dir.join("binlogs/delta_log"), "", "");
    let size = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    fs::write(&log, vec![b'x'; size]).unwrap();
    let error = world.restore(&restore_of("full_v0516")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged);
    assert!(told(&error).contains(&format!("delete log {}: ", log.display())), "{}", told(&error));
    assert_eq!(world.calls("CreateCollection") + world.calls("CreateDatabase"), 0);
}
