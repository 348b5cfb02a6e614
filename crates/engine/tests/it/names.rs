//! Names that are taken (simulated Milvus).

use engine::Kind;

use crate::disk;
use crate::world::{World, backup_of, told};

#[tokio::test]
async fn a_complete_backup_keeps_its_name() {
    let world = World::with_books().await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    let before = disk::files(&world.backup_path(""));
    let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyExists);
    let expected = "backup nightly exists already (complete)\n\
                    choose another name, or delete it first: milvus-backup delete -n nightly";
    assert_eq!(told(&error), expected);
    assert_eq!(disk::files(&world.backup_path("")), before);
}

#[tokio::test]
async fn an_unfinished_backup_keeps_its_name() {
    let world = World::with_books().await;
    disk::write(&world.backup_path("nightly/binlogs/insert_log/1/2/3/3/100/4"), "left behind");
    let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyExists);
    assert!(told(&error).starts_with("backup nightly exists already (unfinished)\n"), "{}", told(&error));
    assert!(told(&error).contains("milvus-backup delete -n nightly"));
}

#[tokio::test]
async fn a_damaged_backup_keeps_its_name() {
    let world = World::with_books().await;
    disk::write(&world.backup_path("nightly/meta/backup_meta.json"), "{");
    let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly exists already (damaged)");
}

#[tokio::test]
async fn what_is_no_backup_keeps_its_place_too() {
    let world = World::with_books().await;
    disk::write(&world.backup_path("nightly/letter.txt"), "not yours");
    let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyExists);
    let place = world.backup_path("nightly");
    let expected = format!(
        "{}/ is not empty, and no backup\nchoose another name, or look at what lies there",
        place.display()
    );
    assert_eq!(told(&error), expected);
}

#[tokio::test]
async fn a_name_that_begins_another_is_no_clash() {
    let world = World::with_books().await;
    world.back_up(&backup_of("nightly_2")).await.unwrap();
    world.back_up(&backup_of("nightly")).await.unwrap();
    world.back_up(&backup_of("nightly_23")).await.unwrap();
    let names: Vec<String> = world.list().await.into_iter().map(|backup| backup.name).collect();
    assert_eq!(names, ["nightly", "nightly_2", "nightly_23"]);
}

#[tokio::test]
async fn of_two_that_begin_at_once_one_is_made() {
    let world = World::with_books().await;
    let (one, other) = (backup_of("nightly"), backup_of("nightly"));
    let (one, other) = tokio::join!(world.back_up(&one), world.back_up(&other));
    let (made, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    made.unwrap();
    let refused = refused.unwrap_err();
    assert!(matches!(refused.kind(), Kind::AlreadyExists | Kind::Failed), "{refused}");
    assert!(refused.to_string().starts_with("backup nightly "), "{refused}");
    world.back_up(&backup_of("next")).await.unwrap();
    assert_eq!(world.list().await.len(), 2);
}
