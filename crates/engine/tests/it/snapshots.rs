//! Backups and restores in snapshot format, on the simulated Milvus 3.0.

use std::path::PathBuf;

use engine::{CollectionOutcome, Error, Event, FailureKind, JobCtx, L0CompactionRequest, SeenByMilvus};
use milvus::{SnapshotPinId, SnapshotRef};
use model::key::ObjectKey;
use model::plan::backup::{BackupRequest, FlushStrategy, RequestedFormat};
use model::plan::restore::{ExistingTargetPolicy, RestoreOptions, RestoreRequest};
use serde_json::{Value, json};
use storage::{NewObjectOptions, S3Addressing, S3Config, S3Credentials, StoreConfig, StoreRole};
use testkit::fake::{FakeConfig, Fault};
use testkit::object_store::ObjectStore;
use testkit::servers::S3Server;

use crate::disk;
use crate::samples;
use crate::watch::WatchedJob;
use crate::world::{
    World, backup_request, describe_error, restore, restore_copy_request, restore_options, restore_request,
    within_deadline,
};

/// A simulated Milvus whose files and backups are in buckets of a simulated object store.
struct StoreWorld {
    world: World,
    store: ObjectStore,
    dir: tempfile::TempDir,
}

/// Returns a request to back up everything in snapshot format.
fn snapshot_request(name: &str) -> BackupRequest {
    BackupRequest { format: RequestedFormat::Snapshot, ..backup_request(name) }
}

fn bucket(store: &ObjectStore, name: &str, root: &str) -> engine::FileLocation {
    store.bucket(name);
    engine::FileLocation {
        store: StoreConfig::S3(S3Config {
            endpoint: format!("http://{}", store.endpoint()),
            region: String::new(),
            bucket: name.to_owned(),
            addressing: S3Addressing::Path,
            credentials: S3Credentials::Static {
                access_key_id: S3Server::ACCESS_KEY_ID.to_owned(),
                secret_access_key: S3Server::SECRET_ACCESS_KEY.to_owned().into(),
                session_token: None,
            },
            ca_cert: None,
            new_objects: NewObjectOptions::default(),
        }),
        root: ObjectKey::new(root),
        root_text: root.to_owned(),
        seen_as: None,
        seen_by_milvus: SeenByMilvus::default(),
        role: StoreRole::Milvus,
    }
}

impl StoreWorld {
    /// Creates a world with an empty Milvus; the backups are in the bucket of Milvus or in one of their own.
    fn new(version: &str, backups: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = ObjectStore::start(dir.path().join("objects"));
        let root = store.bucket("files").join("milvus");
        let fake = FakeConfig::new(version, root).object_store(&store);
        let mut world = World::with_version(version, |_| fake);
        world.config.source = bucket(&store, "files", "milvus");
        world.config.backup = bucket(&store, backups, "backup");
        Self { world, store, dir }
    }

    async fn with_books(version: &str, backups: &str) -> Self {
        let world = Self::new(version, backups);
        world.world.fill_books().await;
        world
    }

    fn file(&self, bucket: &str, key: &str) -> PathBuf {
        self.store.directory().join(bucket).join(key)
    }

    fn read_json(&self, bucket: &str, key: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.file(bucket, key)).unwrap()).unwrap()
    }

    async fn snapshots(&self, collection: &str) -> Vec<String> {
        let milvus = self.world.connect().await;
        milvus.list_snapshots(&samples::collection(collection)).await.unwrap()
    }
}

#[tokio::test]
async fn a_milvus_that_cannot_export_snapshots_is_refused_before_anything_is_written() {
    for (version, expected) in [
        ("2.6.19", "format snapshot needs Milvus 3.0.1 or later, and this is v2.6.19"),
        ("3.0.0", "Milvus 3.0.0 cannot export snapshots (format snapshot needs 3.0.1 or later)"),
    ] {
        let world = World::with_version(version, |config| config);
        world.fill_books().await;
        let error = world.preview(&snapshot_request("nightly")).await.unwrap_err();
        assert_eq!(describe_error(&error), format!("{expected}\nuse_binlog_format"));
        assert_eq!(world.back_up(&snapshot_request("nightly")).await.unwrap_err().to_string(), expected);
        assert!(!world.backup_path("nightly").exists());
        let request = BackupRequest { format: RequestedFormat::Auto, ..backup_request("files") };
        world.back_up(&request).await.unwrap();
        assert!(world.backup_path("files/binlogs").exists(), "{version}");
    }
}

#[tokio::test]
async fn collections_are_exported_and_restored_with_their_rows_indexes_aliases_and_load_state() {
    let from = StoreWorld::with_books("3.0.1", "backups").await;
    let milvus = from.world.connect().await;
    let books = samples::collection("books");
    milvus.create_index(&books, &samples::vector_index()).await.unwrap();
    milvus.create_alias(&books, "library").await.unwrap();
    milvus.load(&books).await.unwrap();

    let preview = from.world.preview(&snapshot_request("nightly")).await.unwrap();
    assert!(preview.copy.contains("exported by Milvus"), "{}", preview.copy);
    let report = from.world.back_up(&snapshot_request("nightly")).await.unwrap();
    assert_eq!((report.collections, report.rows, report.warnings), (2, 9, vec![]));
    assert!(report.objects > 0 && report.bytes > 0);
    for name in ["books", "tags"] {
        assert_eq!(from.snapshots(name).await, [""; 0], "the snapshot is dropped");
    }
    assert_eq!(from.world.fake.snapshot_pins(), 0);

    let full = from.read_json("backups", "backup/nightly/meta/full_meta.json");
    assert_eq!((&full["format"], &full["size"]), (&json!("snapshot"), &json!(0)));
    let first = &full["collection_backups"][0];
    let metadata = first["snapshot_backup"]["metadata_path"].as_str().unwrap();
    assert!(metadata.starts_with("bundle/snapshots/"), "{metadata}");
    assert!(from.file("backups", "backup/nightly").join(metadata).is_file());
    assert_eq!(first["size"], first["snapshot_backup"]["total_bytes"]);
    assert!(first["backup_timestamp"].as_u64().unwrap() > 0);
    for absent in ["partition_meta.json", "segment_meta.json", "mb_snapshots.json", "mb_begin.json"] {
        assert!(!from.file("backups", "backup/nightly/meta").join(absent).exists(), "{absent}");
    }
    let listed = from.world.find_listed("nightly").await.unwrap();
    assert_eq!((listed.size, listed.rows), (Some(report.bytes), Some(9)));

    let plan = from.world.plan_restore(&restore_copy_request("nightly")).await.unwrap();
    assert!(plan.plan().collections.iter().all(|plan| plan.bundle.is_some() && plan.jobs.is_empty()));
    milvus.drop_alias("default", "library").await;
    let restored = from.world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!(restored.warnings, [""; 0]);
    for collection in &restored.collections {
        assert_eq!(collection.outcome, CollectionOutcome::Done);
        assert_eq!(collection.lacks, [""; 0]);
    }
    let rows: Vec<u64> = restored.collections.iter().flat_map(|c| &c.partitions).map(|p| p.counted).collect();
    assert_eq!(rows, [3, 2, 4]);
    for name in ["books", "tags"] {
        let (source, copy) = (from.world.fake.rows("default", name), format!("{name}_copy"));
        assert_eq!(from.world.fake.rows("default", &copy), source, "{name}");
    }
    let copy = samples::collection("books_copy");
    assert_eq!(milvus.aliases(&copy).await.unwrap(), ["library"]);
    assert_eq!(milvus.load_state(&copy, None).await.unwrap(), model::manifest::LoadState::Loaded);
    assert_eq!(milvus.list_indexes(&copy).await.unwrap().len(), 1);
}

#[tokio::test]
async fn milvus_gets_no_credentials_for_its_own_bucket() {
    let world = StoreWorld::with_books("3.0.1", "files").await;
    world.world.back_up(&snapshot_request("nightly")).await.unwrap();
    world.world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!(world.world.flushed_rows("books_copy").await, 5);
}

#[tokio::test]
async fn rows_that_are_not_flushed_are_left_out_only_on_request() {
    let world = StoreWorld::with_books("3.0.1", "backups").await;
    let skip = BackupRequest { strategy: FlushStrategy::Skip, ..snapshot_request("skipped") };
    assert_eq!(world.world.back_up(&skip).await.unwrap().rows, 0);
    assert_eq!(world.world.back_up(&snapshot_request("nightly")).await.unwrap().rows, 9);
    let bare = BackupRequest { strategy: FlushStrategy::MetaOnly, ..snapshot_request("bare") };
    let error = world.world.back_up(&bare).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "format snapshot always contains the rows, so strategy meta_only needs format binlog"
    );
}

#[tokio::test]
async fn a_backup_on_a_disk_or_in_another_store_is_refused() {
    let mut world = StoreWorld::with_books("3.0.1", "backups").await;
    let other = ObjectStore::start(world.dir.path().join("other"));
    world.world.config.backup = bucket(&other, "backups", "backup");
    let error = world.world.back_up(&snapshot_request("nightly")).await.unwrap_err();
    assert!(error.to_string().starts_with("Milvus copies snapshots only within one object store"), "{error}");
    assert_eq!(error.kind(), FailureKind::Usage);
    let disk = World::with_version("3.0.1", |config| config);
    disk.fill_books().await;
    let error = disk.back_up(&snapshot_request("nightly")).await.unwrap_err();
    assert_eq!(
        describe_error(&error),
        "Milvus copies snapshots only within an object store, and the backups are on a disk\nuse_binlog_format"
    );
    assert_eq!(disk.count_calls("CreateSnapshot"), 0);
}

#[tokio::test]
async fn an_interrupted_backup_leaves_no_snapshot_and_no_pin() {
    let before_the_export =
        |event: &Event| matches!(event, Event::Collection { phase: engine::CollectionPhase::Copying, .. });
    check_interrupted_backup(before_the_export).await;
    check_interrupted_backup(|event| matches!(event, Event::Planned { .. })).await;
}

async fn check_interrupted_backup(is_moment: impl Fn(&Event) -> bool + Send + Sync + 'static) {
    let world = StoreWorld::with_books("3.0.1", "backups").await;
    let job = WatchedJob::cancelled_at(is_moment);
    let error = world.world.back_up_watched(&snapshot_request("nightly"), &job.ctx).await.unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    for name in ["books", "tags"] {
        assert_eq!(world.snapshots(name).await, [""; 0]);
    }
    assert_eq!(world.world.fake.snapshot_pins(), 0);
    assert!(!world.file("backups", "backup/nightly/meta/mb_snapshots.json").exists());
}

#[tokio::test]
async fn what_a_dead_run_has_recorded_is_dropped_when_its_backup_is_replaced() {
    let world = StoreWorld::with_books("3.0.1", "backups").await;
    let milvus = world.world.connect().await;
    let books = samples::collection("books");
    milvus.flush(&books).await.unwrap();
    let snapshot = SnapshotRef { collection: books.clone(), name: "mbk_nightly".to_owned() };
    milvus.create_snapshot(&snapshot, "left").await.unwrap();
    let SnapshotPinId(pin) =
        milvus.pin_snapshot(&snapshot, std::time::Duration::from_hours(1)).await.unwrap();

    let error = world.world.back_up(&snapshot_request("nightly")).await.unwrap_err();
    assert_eq!(
        describe_error(&error),
        "snapshot mbk_nightly of default.books exists already; an interrupted backup of this name may have left it\n\
         drop_snapshot_or_choose_name"
    );
    assert_eq!(world.snapshots("books").await, ["mbk_nightly"], "a snapshot of another run is kept");

    let address = world.world.config.milvus.address.clone();
    let record = json!({"format_version": 1, "milvus_address": format!("{address}:{}", world.world.config.milvus.port),
        "snapshots": [{"database": "default", "collection": "books", "name": "mbk_nightly", "pin_id": pin}]});
    std::fs::write(
        world.file("backups", "backup/nightly/meta/mb_snapshots.json"),
        serde_json::to_vec(&record).unwrap(),
    )
    .unwrap();
    let replace = BackupRequest { replace_unfinished: true, ..snapshot_request("nightly") };
    world.world.back_up(&replace).await.unwrap();
    assert_eq!(world.snapshots("books").await, [""; 0]);
    assert_eq!(world.world.fake.snapshot_pins(), 0);
}

#[tokio::test]
async fn snapshots_that_a_drop_destroys_are_part_of_the_plan() {
    let world = StoreWorld::with_books("3.0.1", "backups").await;
    world.world.back_up(&snapshot_request("nightly")).await.unwrap();
    let milvus = world.world.connect().await;
    let snapshot = SnapshotRef { collection: samples::collection("books"), name: "monday".to_owned() };
    milvus.create_snapshot(&snapshot, "").await.unwrap();
    let options = RestoreOptions { existing: ExistingTargetPolicy::Drop, ..restore_options() };
    let request = RestoreRequest { options, ..restore_request("nightly") };
    let plan = world.world.plan_restore(&request).await.unwrap();
    let destroyed: Vec<_> = plan.plan().collections.iter().map(|c| c.destroyed_snapshots.clone()).collect();
    assert_eq!(destroyed, [vec!["monday".to_owned()], vec![]]);
    let report = world.world.restore(&request).await.unwrap();
    assert!(report.collections.iter().all(|c| c.dropped && c.outcome == CollectionOutcome::Done));
    assert_eq!(world.world.flushed_rows("books").await, 5);
    assert_eq!(world.snapshots("books").await, [""; 0]);
}

#[tokio::test]
async fn an_export_that_fails_or_stands_still_ends_the_backup_and_leaves_no_snapshot() {
    let world = StoreWorld::with_books("3.0.1", "backups").await;
    world.world.fake.inject(Fault::SnapshotJobFails("AccessDenied: no".to_owned()));
    let request = BackupRequest {
        selection: model::selection::Selection::from_filter("books").unwrap(),
        ..snapshot_request("nightly")
    };
    let error = world.world.back_up(&request).await.unwrap_err();
    let (text, advice) = (describe_error(&error), "\ninspect_milvus_logs");
    assert!(
        text.starts_with("export job ") && text.ends_with(&format!("AccessDenied: no{advice}")),
        "{text}"
    );
    assert_eq!(world.snapshots("books").await, [""; 0]);
    assert_eq!(world.world.find_listed("nightly").await.unwrap().state, engine::BackupState::Unfinished);

    let mut world = StoreWorld::with_books("3.0.1", "backups").await;
    world.world.config.limits.stall = std::time::Duration::from_secs(1);
    world.world.fake.inject(Fault::SnapshotJobStuck);
    let job = WatchedJob::new(|_, _| {});
    let error = world.world.back_up_watched(&request, &job.ctx).await.unwrap_err();
    assert!(error.to_string().ends_with("made no progress for 1 s"), "{error}");
    let warnings = job.messages();
    assert!(warnings.contains("snapshot mbk_nightly of default.books remains in Milvus"), "{warnings}");
    let record = world.read_json("backups", "backup/nightly/meta/mb_snapshots.json");
    assert_eq!(record["snapshots"][0]["name"], "mbk_nightly");
}

#[tokio::test]
async fn a_restore_that_fails_or_lacks_rows_is_reported_with_its_collection() {
    let world = StoreWorld::with_books("3.0.1", "backups").await;
    world.world.back_up(&snapshot_request("nightly")).await.unwrap();
    let only = |suffix: &str| RestoreRequest {
        selection: model::selection::Selection::from_filter("tags").unwrap(),
        mapping: model::mapping::Mapping::new(None, Some(suffix)).unwrap(),
        ..restore_request("nightly")
    };
    world.world.fake.inject(Fault::SnapshotJobFails("copy failed".to_owned()));
    let report = world.world.restore(&only("_1")).await.unwrap();
    let CollectionOutcome::Failed(failure) = &report.collections[0].outcome else { panic!("{report:?}") };
    assert!(failure.message.ends_with("of default.tags_1 failed: copy failed"), "{}", failure.message);

    disk::edit_json(&world.file("backups", "backup/nightly/meta/mb_manifest.json"), |facts| {
        facts["collections"]["default.tags"]["partitions"]["_default"]["rows"] = json!(40);
    });
    let report = world.world.restore(&only("_2")).await.unwrap();
    let CollectionOutcome::Failed(failure) = &report.collections[0].outcome else { panic!("{report:?}") };
    assert!(failure.message.starts_with("default.tags_2/_default: 4 of 40 rows"), "{}", failure.message);
    assert!(report.collections[0].created);
}

#[tokio::test]
async fn external_collections_are_left_out_of_snapshots() {
    let world = StoreWorld::with_books("3.0.1", "backups").await;
    let mut external = samples::small_collection("lake");
    external.schema.external_source = "s3://lake/rows".to_owned();
    external.schema.external_spec = json!({"format": "parquet"}).to_string();
    external.schema.fields.retain(|field| !field.is_primary_key);
    for field in &mut external.schema.fields {
        field.external_field.clone_from(&field.name);
    }
    world.world.connect().await.create_collection(&external).await.unwrap();
    let report = world.world.back_up(&snapshot_request("nightly")).await.unwrap();
    assert_eq!(
        report.warnings,
        ["default.lake is external and is left out: Milvus exports no snapshots of external collections"]
    );
    assert_eq!(report.collections, 2);
}

#[tokio::test]
async fn missing_files_of_a_snapshot_are_damage() {
    let world = StoreWorld::with_books("3.0.1", "backups").await;
    world.world.back_up(&snapshot_request("nightly")).await.unwrap();
    let bundle = world.file("backups", "backup/nightly/bundle");
    let (lost, _) = disk::list_files(&bundle.join("insert_log")).pop_first().unwrap();
    std::fs::remove_file(bundle.join("insert_log").join(lost)).unwrap();
    let error = world.world.plan_restore(&restore_copy_request("nightly")).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("files of snapshots"), "{error}");
}

#[tokio::test]
async fn only_a_milvus_in_the_same_store_that_restores_exports_is_a_target() {
    let from = StoreWorld::with_books("3.0.1", "backups").await;
    from.world.back_up(&snapshot_request("nightly")).await.unwrap();
    for (version, expected) in [
        ("3.0.0", "Milvus 3.0.0 cannot restore exported snapshots (3.0.1 and later can)\nuse_newer_target"),
        (
            "2.6.19",
            "Milvus v2.6.19 cannot restore exported snapshots (3.0.1 and later can)\nuse_newer_target",
        ),
    ] {
        let target = World::with_version(version, |config| config);
        let engine = from.world.engine_with_target(&target);
        let error = restore(&engine, &restore_request("nightly"), &JobCtx::detached()).await.unwrap_err();
        assert_eq!(describe_error(&error), expected);
    }
    let target = World::with_version("3.0.1", |config| config);
    let engine = from.world.engine_with_target(&target);
    let error = restore(&engine, &restore_request("nightly"), &JobCtx::detached()).await.unwrap_err();
    assert!(describe_error(&error).ends_with("copy_backup_to_target_store"), "{error}");
}

#[tokio::test]
async fn only_whole_collections_that_do_not_exist_are_restored() {
    let world = StoreWorld::with_books("3.0.1", "backups").await;
    world.world.back_up(&snapshot_request("nightly")).await.unwrap();
    let error = world.world.plan_restore(&restore_request("nightly")).await.unwrap_err();
    assert!(error.to_string().starts_with("target collections exist already"), "{error}");
    let options = RestoreOptions { meta_only: true, ..restore_options() };
    let request = RestoreRequest { options, ..restore_copy_request("nightly") };
    let error = world.world.plan_restore(&request).await.unwrap_err();
    assert!(error.to_string().contains("does not support the restore without data"), "{error}");
    let compaction = L0CompactionRequest {
        name: "nightly".parse().unwrap(),
        into: "folded".parse().unwrap(),
        replace: false,
    };
    let engine = world.world.engine();
    let planned = within_deadline(engine.plan_l0_compaction(&compaction, &JobCtx::detached())).await;
    let error = planned.unwrap_err();
    assert_eq!(
        error.to_string(),
        "backup nightly is in format snapshot: rows are read only from backups in format binlog"
    );
    let deleted = world.world.delete("nightly").await.unwrap();
    assert!(deleted.objects > 0);
    assert!(disk::list_files(&world.file("backups", "backup/nightly")).is_empty());
}
