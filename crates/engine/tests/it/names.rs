//! Backup names that exist already (simulated Milvus).

use engine::FailureKind;

use crate::disk;
use crate::world::{World, backup_request, describe_error};

#[tokio::test]
async fn the_name_of_a_complete_backup_is_taken() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let before = disk::list_files(&world.backup_path(""));
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
    let expected = "backup nightly exists already (complete)\n\
                    choose_name_or_delete backup=nightly";
    assert_eq!(describe_error(&error), expected);
    assert_eq!(disk::list_files(&world.backup_path("")), before);
}

#[tokio::test]
async fn the_name_of_an_unfinished_backup_is_taken() {
    let world = World::with_books().await;
    disk::write_file(&world.backup_path("nightly/binlogs/insert_log/1/2/3/3/100/4"), "left behind");
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
    assert!(
        describe_error(&error).starts_with("backup nightly exists already (unfinished)\n"),
        "{}",
        describe_error(&error)
    );
    assert!(describe_error(&error).contains("choose_name_or_replace"));
}

#[tokio::test]
async fn the_name_of_a_damaged_backup_is_taken() {
    let world = World::with_books().await;
    disk::write_file(&world.backup_path("nightly/meta/backup_meta.json"), "{");
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly exists already (damaged)");
}

#[tokio::test]
async fn the_name_of_a_directory_that_is_not_a_backup_is_taken() {
    let world = World::with_books().await;
    disk::write_file(&world.backup_path("nightly/letter.txt"), "not yours");
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
    let place = world.backup_path("nightly");
    let expected = format!("{}/ is not empty and is not a backup\nchoose_name_or_inspect", place.display());
    assert_eq!(describe_error(&error), expected);
}

#[tokio::test]
async fn a_name_may_be_a_prefix_of_another_name() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly_2")).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    world.back_up(&backup_request("nightly_23")).await.unwrap();
    let names: Vec<String> = world.list_backups().await.into_iter().map(|backup| backup.name).collect();
    assert_eq!(names, ["nightly", "nightly_2", "nightly_23"]);
}

#[tokio::test]
async fn of_two_concurrent_backups_of_one_name_one_succeeds() {
    let world = World::with_books().await;
    let (one, other) = (backup_request("nightly"), backup_request("nightly"));
    let (one, other) = tokio::join!(world.back_up(&one), world.back_up(&other));
    let (made, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    made.unwrap();
    let refused = refused.unwrap_err();
    assert!(matches!(refused.kind(), FailureKind::AlreadyExists | FailureKind::Failed), "{refused}");
    assert!(refused.to_string().starts_with("backup nightly "), "{refused}");
    world.back_up(&backup_request("next")).await.unwrap();
    assert_eq!(world.list_backups().await.len(), 2);
}
