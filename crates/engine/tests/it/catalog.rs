//! The list of backups and the contents of one backup (simulated Milvus).

use std::fs;

use engine::{BackupState, CheckPurpose, Engine, EngineConfig, Event, FailureKind, JobCtx};
use tokio_util::sync::CancellationToken;

use crate::disk;
use crate::world::{World, backup_request, describe_error, within_deadline};

fn is_complete(state: BackupState) -> bool {
    state == BackupState::Complete
}

async fn get_backup(world: &World, name: &str) -> Result<engine::BackupDetail, engine::Error> {
    within_deadline(world.engine().get(&name.parse().unwrap(), &JobCtx::detached())).await
}

#[tokio::test]
async fn a_list_reads_only_the_heads_and_is_sorted_by_name() {
    let world = World::with_books().await;
    for name in ["nightly", "hourly", "weekly"] {
        world.back_up(&backup_request(name)).await.unwrap();
    }
    // The list reads only the heads.
    fs::remove_dir_all(world.backup_path("weekly/binlogs")).unwrap();
    fs::remove_file(world.backup_path("weekly/meta/full_meta.json")).unwrap();
    let listed = world.list_backups().await;
    let names: Vec<&str> = listed.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["hourly", "nightly", "weekly"]);
    let bytes: u64 = disk::list_files(&world.source_path("")).values().sum();
    for backup in listed {
        assert!(is_complete(backup.state) && backup.problem.is_none());
        assert_eq!((backup.size, backup.collections, backup.rows), (Some(bytes), Some(2), Some(9)));
        assert_eq!(backup.milvus_version.as_deref(), Some("v2.3.6"));
        assert_eq!(backup.tool.as_deref(), Some("milvus-backup 0.0.1"));
        let age = engine::now_ms() - backup.taken_ms.unwrap();
        assert!((0..3_600_000).contains(&age), "{age}");
    }
}

#[tokio::test]
async fn a_list_needs_no_milvus_and_is_empty_for_a_missing_root() {
    let mut world = World::with_books().await;
    assert!(world.list_backups().await.is_empty());
    world.back_up(&backup_request("nightly")).await.unwrap();
    world.config.milvus.port = 1;
    let before = world.fake.calls().len();
    assert_eq!(world.list_backups().await.len(), 1);
    get_backup(&world, "nightly").await.unwrap();
    assert_eq!(world.fake.calls().len(), before);
}

#[tokio::test]
async fn other_directories_are_not_listed() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    disk::write_file(&world.backup_path("letters/2026/may.txt"), "dear");
    disk::write_file(&world.backup_path("other/meta/notes.json"), "{}");
    disk::write_file(&world.backup_path("loose.json"), "{}");
    fs::create_dir_all(world.backup_path("hollow/meta")).unwrap();
    assert_eq!(world.list_backups().await.len(), 1);
    for name in ["letters", "other", "hollow", "nobody"] {
        let error = get_backup(&world, name).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::NotFound);
        let place = world.backup_path("nightly").parent().unwrap().to_owned();
        let expected = format!("there is no backup {name} below {}/\nlist_backups", place.display());
        assert_eq!(describe_error(&error), expected);
    }
}

#[tokio::test]
async fn directories_of_milvus_are_never_listed_as_backups() {
    let mut world = World::with_books().await;
    // The backup root is the root path of Milvus.
    world.config.backup.root = world.config.source.root.clone();
    world.back_up(&backup_request("nightly")).await.unwrap();
    for reserved in ["delta_log", "stats_log", "index_files", "restore-temp-1"] {
        disk::write_file(&world.source_path(reserved).join("binlogs/insert_log/1/2/3/3/100/4"), "x");
        disk::write_file(&world.source_path(reserved).join("meta/backup_meta.json"), "{}");
    }
    let names: Vec<String> = world.list_backups().await.into_iter().map(|b| b.name).collect();
    assert_eq!(names, ["nightly"]);
    for reserved in ["insert_log", "delta_log", "stats_log", "index_files", "restore-temp-1"] {
        assert_eq!(
            get_backup(&world, reserved).await.unwrap_err().kind(),
            FailureKind::NotFound,
            "{reserved}"
        );
    }
}

#[tokio::test]
async fn a_damaged_head_is_listed_with_its_problem() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let head = world.backup_path("nightly/meta/backup_meta.json");
    let text = fs::read(&head).unwrap();
    for damaged in [&text[..text.len() / 2], b"", b"[]", b"\xff\xfe"] {
        fs::write(&head, damaged).unwrap();
        let listed = world.find_listed("nightly").await.unwrap();
        assert_eq!(listed.state, BackupState::Damaged);
        let problem = listed.problem.unwrap();
        assert!(problem.starts_with("backup_meta.json: "), "{problem}");
        let error = get_backup(&world, "nightly").await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Damaged);
        let text = describe_error(&error);
        assert!(text.contains("meta/backup_meta.json is damaged: "), "{text}");
        assert!(text.contains("use_another_backup"), "{text}");
    }
}

#[tokio::test]
async fn the_error_names_a_damaged_manifest() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    for file in ["full_meta.json", "mb_manifest.json"] {
        let path = world.backup_path("nightly/meta").join(file);
        let text = fs::read(&path).unwrap();
        for damaged in [&text[..text.len() - 2], b"", b"null x"] {
            fs::write(&path, damaged).unwrap();
            let error = get_backup(&world, "nightly").await.unwrap_err();
            assert_eq!(error.kind(), FailureKind::Damaged, "{file}");
            assert_eq!(error.to_string(), format!("{} is damaged", path.display()));
            assert!(
                engine::chain(&error).len() > error.to_string().len(),
                "and why: {}",
                engine::chain(&error)
            );
        }
        fs::write(&path, text).unwrap();
    }
    get_backup(&world, "nightly").await.unwrap();
}

#[tokio::test]
async fn the_level_files_describe_the_same_tree_as_the_full_file() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let full = get_backup(&world, "nightly").await.unwrap();
    let meta = world.backup_path("nightly/meta");
    fs::remove_file(meta.join("full_meta.json")).unwrap();
    let levels = get_backup(&world, "nightly").await.unwrap();
    assert_eq!(levels.summary, full.summary);
    assert_eq!(levels.manifest.collections, full.manifest.collections);
    for file in ["segment_meta.json", "partition_meta.json", "collection_meta.json"] {
        let (path, text) = (meta.join(file), fs::read(meta.join(file)).unwrap());
        fs::write(&path, &text[..text.len() - 3]).unwrap();
        let error = get_backup(&world, "nightly").await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Damaged, "{file}");
        fs::remove_file(&path).unwrap();
        let error = get_backup(&world, "nightly").await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Damaged, "{file}");
        let expected = format!("backup nightly is damaged: {} is missing", path.display());
        assert_eq!(error.to_string(), expected);
        fs::write(&path, text).unwrap();
    }
}

#[tokio::test]
async fn a_backup_without_its_commit_marker_is_unfinished() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    fs::remove_file(world.backup_path("nightly/meta/backup_meta.json")).unwrap();
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Unfinished);
    let error = get_backup(&world, "nightly").await.unwrap_err();
    let expected = "backup nightly is unfinished, not complete\n\
                    delete_and_create_again backup=nightly";
    assert_eq!((error.kind(), describe_error(&error).as_str()), (FailureKind::Damaged, expected));
    // A directory with data files only is an unfinished backup too.
    fs::remove_dir_all(world.backup_path("nightly/meta")).unwrap();
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Unfinished);
}

#[tokio::test]
async fn cancelled_calls_return_interrupted() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let ctx = JobCtx::new(cancelled, |_: Event| {});
    let engine = Engine::new(EngineConfig { ..world.config.clone() });
    let name = "nightly".parse().unwrap();
    assert_eq!(within_deadline(engine.list(&ctx)).await.unwrap_err().kind(), FailureKind::Interrupted);
    assert_eq!(within_deadline(engine.get(&name, &ctx)).await.unwrap_err().kind(), FailureKind::Interrupted);
    assert_eq!(
        within_deadline(engine.check(CheckPurpose::Everything, &ctx)).await.unwrap_err().kind(),
        FailureKind::Interrupted
    );
}
