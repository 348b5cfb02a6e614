//! The lines of `check` (simulated Milvus).

use engine::{Advice, Check, CheckPurpose, CheckState, JobCtx, Setting};
use milvus::Auth;

use crate::disk;
use crate::world::{World, backup_request, within_deadline};

async fn run_check(world: &World) -> Vec<Check> {
    within_deadline(world.engine().check(CheckPurpose::Everything, &JobCtx::detached())).await.unwrap()
}

/// Returns the state and the detail of the line of a subject.
fn find_line<'a>(lines: &'a [Check], subject: &str) -> (CheckState, &'a str) {
    let found = lines.iter().find(|line| line.subject == subject);
    let line = found.unwrap_or_else(|| panic!("{subject}: {lines:?}"));
    (line.state, &line.detail)
}

/// Returns the advice of the line of a subject.
fn find_advice<'a>(lines: &'a [Check], subject: &str) -> &'a Advice {
    let line = lines.iter().find(|line| line.subject == subject).unwrap();
    line.advice.as_ref().unwrap()
}

#[tokio::test]
async fn every_check_passes_and_leaves_no_files() {
    let mut world = World::with_books().await;
    world.config.limits.pause_gc = true;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let before = (disk::list_files(&world.source_path("")), disk::list_files(&world.backup_path("")));
    let lines = run_check(&world).await;
    let (told, checked): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.subject == "capabilities");
    assert!(checked.iter().all(|line| line.state == CheckState::Ok && line.advice.is_none()), "{lines:?}");
    assert!(
        told[0].detail.starts_with("lists of aliases, ")
            && told[0].detail.contains("; not: imports over REST")
    );
    let address = format!("v2.3.6 at 127.0.0.1:{}", world.fake.port());
    assert_eq!(find_line(&lines, "milvus").1, address);
    let root = world.config.source.root_text.clone();
    assert_eq!(find_line(&lines, "source storage").1, format!("{root}/: read"));
    assert_eq!(
        find_line(&lines, "source is Milvus's").1,
        format!("files of default.books found below {root}/")
    );
    let root = &world.config.backup.root_text;
    assert_eq!(find_line(&lines, "backup storage").1, format!("{root}/: read, write, delete"));
    assert_eq!(find_line(&lines, "copy").1, "local disk -> local disk: copies on the local disk");
    assert_eq!(find_line(&lines, "restores").1, "the target's Milvus reads the backup in place");
    assert_eq!(find_line(&lines, "garbage collection").1, "can be paused");
    assert_eq!((disk::list_files(&world.source_path("")), disk::list_files(&world.backup_path(""))), before);
    let resumed = world.fake.calls().iter().filter(|call| call.ends_with("/resume")).count();
    assert_eq!(resumed, 2, "after the backup and after the check");
}

#[tokio::test]
async fn checks_that_need_data_are_reported_as_information() {
    let world = World::with_books().await;
    let lines = run_check(&world).await;
    let expected = "unknown: no collection has flushed rows yet";
    assert_eq!(find_line(&lines, "source is Milvus's"), (CheckState::Info, expected));
    let (state, detail) = find_line(&lines, "copy");
    assert_eq!(state, CheckState::Info);
    assert!(detail.starts_with("copies on the local disk; not tested, no files below /"), "{detail}");
    let expected = "is not paused during a backup, as configured";
    assert_eq!(find_line(&lines, "garbage collection"), (CheckState::Info, expected));
    assert!(disk::list_files(&world.backup_path("")).is_empty());
}

#[tokio::test]
async fn a_wrong_root_fails_with_an_advice() {
    let mut world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    world.config.source.root = world.source_path("wrong").to_str().unwrap().into();
    let lines = run_check(&world).await;
    let (state, detail) = find_line(&lines, "source is Milvus's");
    assert_eq!(state, CheckState::Fail);
    assert!(detail.starts_with("no files of default.books below "), "{detail}");
    let settings = vec![Setting::MilvusBucket, Setting::MilvusRootPath];
    assert_eq!(*find_advice(&lines, "source is Milvus's"), Advice::CompareWithMilvus { settings });
}

#[tokio::test]
async fn a_failed_login_does_not_skip_the_storage_checks() {
    let mut world = World::with_version("2.3.6", |config| config.login("root:Milvus"));
    world.config.milvus.auth = Auth::None;
    let lines = run_check(&world).await;
    let (state, detail) = find_line(&lines, "milvus");
    assert_eq!(state, CheckState::Fail);
    assert!(detail.contains("missing authorization"), "{detail}");
    let settings = vec![Setting::MilvusUser, Setting::MilvusPassword];
    assert_eq!(*find_advice(&lines, "milvus"), Advice::CompareSettings { settings });
    assert_eq!(find_line(&lines, "source storage").0, CheckState::Ok);
    assert_eq!(find_line(&lines, "backup storage").0, CheckState::Ok);
}

#[tokio::test]
async fn a_backup_root_that_cannot_be_written_fails() {
    let world = World::with_books().await;
    let root = world.config.backup.root_text.clone();
    disk::write_file(root.as_ref(), "a file where the backup root should be");
    let lines = run_check(&world).await;
    let (state, detail) = find_line(&lines, "backup storage");
    assert_eq!(state, CheckState::Fail);
    assert!(detail.contains(&root), "{detail}");
    assert!(lines.iter().all(|line| line.subject != "copy"), "not tried");
}

#[tokio::test]
async fn a_milvus_that_cannot_pause_garbage_collection_is_a_warning() {
    let mut world = World::with_version("2.3.5", |config| config);
    world.config.limits.pause_gc = true;
    let lines = run_check(&world).await;
    let expected = "this version of Milvus cannot pause it; files replaced by compaction remain for 24 h";
    assert_eq!(find_line(&lines, "garbage collection"), (CheckState::Warn, expected));
    world.fake.inject(testkit::fake::Fault::ManagementFails);
    let world = {
        let mut world =
            World::with_version("2.3.6", |config| config.fault(testkit::fake::Fault::ManagementFails));
        world.config.limits.pause_gc = true;
        world
    };
    let lines = run_check(&world).await;
    let (state, detail) = find_line(&lines, "garbage collection");
    assert_eq!(state, CheckState::Warn);
    assert!(detail.starts_with("cannot be paused: ") && detail.contains("500"), "{detail}");
}
