//! Recorded backups of the Go tool: list, get, delete, and restore as far as a simulated Milvus supports it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use engine::{BackupDetail, BackupState, FailureKind, JobCtx};
use model::plan::backup::Totals;
use model::plan::restore::{ImportFiles, RestorePlan, RestoreRequest};
use serde_json::{Value, json};

use crate::disk;
use crate::samples::collection;
use crate::world::{World, describe_error, restore_request, within_deadline};

/// The collections of the recorded backups with their rows.
const ALL_COLLECTIONS: [(&str, i64); 5] = [
    ("default.books", 3700),
    ("default.empty", 0),
    ("default.tenants", 1200),
    ("shop.books", 100),
    ("shop.orders", 2000),
];

/// A recorded backup: the version of Milvus, the tool as listed, and the collections with their rows.
type Recorded = (&'static str, &'static str, Vec<(&'static str, i64)>);

/// Returns the recorded backups by name.
fn recorded_backups() -> BTreeMap<&'static str, Recorded> {
    let some = |names: &[&str]| {
        ALL_COLLECTIONS.into_iter().filter(|(name, _)| names.contains(name)).collect::<Vec<_>>()
    };
    let bare = ALL_COLLECTIONS.map(|(name, _)| (name, 0)).to_vec();
    [
        ("filter_v0516", ("v2.3.5-lite", "Go 0.5+", some(&["default.books", "shop.books", "shop.orders"]))),
        ("full_v0415", ("v2.3.5-lite", "Go 0.4", ALL_COLLECTIONS.to_vec())),
        ("full_v0516", ("v2.3.5-lite", "Go 0.5+", ALL_COLLECTIONS.to_vec())),
        ("m2216_v0516", ("v2.2.16-lite", "Go 0.5+", ALL_COLLECTIONS.to_vec())),
        ("meta_only_v0516", ("v2.3.5-lite", "Go 0.5+", bare)),
        ("some_v0415", ("v2.3.5-lite", "Go 0.4", some(&["default.tenants", "shop.books", "shop.orders"]))),
    ]
    .into()
}

fn world_with_recorded_backups() -> World {
    let world = World::new();
    for name in recorded_backups().keys() {
        world.add_fixture(name);
    }
    world
}

async fn get_backup(world: &World, name: &str) -> BackupDetail {
    within_deadline(world.engine().get(&name.parse().unwrap(), &JobCtx::detached())).await.unwrap()
}

#[tokio::test]
async fn recorded_backups_are_listed_with_the_facts_of_their_heads() {
    let world = world_with_recorded_backups();
    let listed = world.list_backups().await;
    let names: Vec<&str> = listed.iter().map(|backup| backup.name.as_str()).collect();
    assert_eq!(names, recorded_backups().into_keys().collect::<Vec<_>>());
    for backup in &listed {
        let (version, tool, _) = recorded_backups()[backup.name.as_str()].clone();
        assert_eq!((backup.state, backup.problem.as_ref()), (BackupState::Complete, None), "{}", backup.name);
        assert_eq!((backup.milvus_version.as_deref(), backup.tool.as_deref()), (Some(version), Some(tool)));
        assert_eq!((backup.collections, backup.rows), (None, None), "their heads do not tell");
        assert!(backup.taken_ms.is_some());
        assert_eq!(backup.size == Some(0), backup.name == "meta_only_v0516");
    }
    let started = listed.iter().find(|backup| backup.name == "full_v0415").unwrap().taken_ms;
    assert_eq!(started, Some(1_795_359_358_162));
}

#[tokio::test]
async fn recorded_backups_are_read_down_to_their_files() {
    let world = world_with_recorded_backups();
    for (name, (_, _, rows)) in recorded_backups() {
        let detail = get_backup(&world, name).await;
        let mut found: Vec<(String, u64)> = detail
            .manifest
            .collections
            .iter()
            .map(|c| (c.name.to_string(), Totals::of_collection(c).rows))
            .collect();
        found.sort();
        let expected: Vec<_> =
            rows.iter().map(|(name, rows)| ((*name).to_owned(), rows.unsigned_abs())).collect();
        assert_eq!(found, expected, "{name}");
        let totals = Totals::of_manifest(&detail.manifest);
        assert_eq!(
            totals.objects,
            disk::list_files(&world.backup_path(name).join("binlogs")).len() as u64,
            "{name}"
        );
        assert_eq!(detail.summary.collections, Some(rows.len() as u64), "counted, once it is read");
        assert_eq!(detail.summary.rows, Some(totals.rows));
        assert!(detail.facts.is_none(), "what only we write");
    }
}

#[tokio::test]
async fn a_backup_with_a_head_but_no_manifest_is_unfinished() {
    let world = World::new();
    // The Go tool writes the head before the other files.
    for name in ["full_v0415", "full_v0516"] {
        let meta = world.add_fixture(name).join("meta");
        fs::remove_file(meta.join("full_meta.json")).unwrap();
        assert_eq!(
            world.find_listed(name).await.unwrap().state,
            BackupState::Complete,
            "the levels are there"
        );
        fs::remove_file(meta.join("segment_meta.json")).unwrap();
        assert_eq!(world.find_listed(name).await.unwrap().state, BackupState::Unfinished);
    }
}

#[tokio::test]
async fn recorded_backups_can_be_deleted() {
    let world = world_with_recorded_backups();
    for name in recorded_backups().into_keys() {
        let objects = disk::list_files(&world.backup_path(name)).len() as u64;
        let gone = world.delete(name).await.unwrap();
        assert_eq!((gone.objects, gone.backup.state), (objects, BackupState::Complete));
        assert!(!world.backup_path(name).exists());
    }
    assert!(world.list_backups().await.is_empty());
}

async fn plan_for(world: &World, request: RestoreRequest) -> RestorePlan {
    world.plan_restore(&request).await.unwrap().plan().clone()
}

#[tokio::test]
async fn a_full_backup_is_planned_with_one_job_for_each_partition_and_exact_numbers_of_rows() {
    let world = world_with_recorded_backups();
    for name in ["full_v0415", "full_v0516", "m2216_v0516"] {
        let plan = plan_for(&world, restore_request(name)).await;
        assert_eq!(plan.databases, ["shop"], "{name}");
        assert_eq!(plan.staging, None);
        assert!(plan.jobs().all(|job| job.files == ImportFiles::InPlace));
        let of = |name: &str| plan.collections.iter().find(|c| c.source == collection(name)).unwrap();
        let rows = |name: &str| (of(name).rows().min, of(name).rows().max);
        assert_eq!(rows("default.books"), (3695, 3695), "{name}");
        assert_eq!(rows("default.tenants"), (1198, 1198), "{name}");
        assert_eq!((rows("shop.orders"), rows("shop.books")), ((2000, 2000), (100, 100)));
        assert_eq!((of("default.books").jobs.len(), of("default.tenants").jobs.len()), (3, 4));
        assert_eq!(of("default.empty").jobs.len(), 0);
        // Backups of 0.4 contain no properties.
        let ttl = |text: &String| text.starts_with("default.books has a TTL of 864000 s, ");
        assert_eq!(plan.warnings.iter().any(ttl), name != "full_v0415", "{:?}", plan.warnings);
    }
}

#[tokio::test]
async fn a_metadata_only_backup_is_restored_without_data() {
    let world = world_with_recorded_backups();
    let report = world.restore(&restore_request("meta_only_v0516")).await.unwrap();
    assert_eq!((report.kind(), report.rows(), report.expected().max), (None, 0, 0));
    assert_eq!(world.count_calls("Import"), 0);
    assert_eq!(world.collection_names("default").await, ["books", "empty", "tenants"]);
    assert_eq!(world.collection_names("shop").await, ["books", "orders"]);
    let milvus = world.connect().await;
    let books = milvus.describe_collection(&collection("books")).await.unwrap();
    let fields: Vec<&str> = books.schema.fields.iter().map(|f| f.name.as_str()).collect();
    let kept = get_backup(&world, "meta_only_v0516").await.manifest;
    let kept = kept.collections.iter().find(|c| c.name == collection("books")).unwrap();
    let mut expected: Vec<_> = kept.schema.fields.iter().filter(|f| !f.is_dynamic).collect();
    expected.sort_by_key(|f| f.id);
    assert_eq!(fields, expected.iter().map(|f| f.name.as_str()).collect::<Vec<_>>());
    assert!(books.schema.enable_dynamic_field);
    assert_eq!(books.aliases, ["library"]);
    assert_eq!(milvus.list_partitions(&collection("tenants")).await.unwrap().len(), 4);
    assert_eq!(milvus.list_partitions(&collection("books")).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_backup_of_0_4_that_lists_rows_without_files_is_restored_without_data() {
    let world = World::new();
    let dir = world.add_fixture("some_v0415");
    fs::remove_dir_all(dir.join("binlogs")).unwrap();
    disk::edit_json(&dir.join("meta/full_meta.json"), |meta| {
        for collection in meta["collection_backups"].as_array_mut().unwrap() {
            for partition in collection["partition_backups"].as_array_mut().unwrap() {
                for segment in partition["segment_backups"].as_array_mut().unwrap() {
                    let segment = segment.as_object_mut().unwrap();
                    segment.remove("binlogs");
                    segment.remove("deltalogs");
                }
            }
        }
    });
    let report = world.restore(&restore_request("some_v0415")).await.unwrap();
    assert_eq!((report.kind(), report.collections.len(), report.expected().max), (None, 3, 0));
    assert_eq!(world.count_calls("Import"), 0);
}

#[tokio::test]
async fn files_that_milvus_cannot_read_fail_with_its_reason_and_a_hint() {
    let world = world_with_recorded_backups();
    let damaged = disk::find_file(&world.backup_path("full_v0516/binlogs/insert_log"), "", "");
    let length = fs::metadata(&damaged).unwrap().len();
    fs::write(damaged, vec![0; usize::try_from(length).unwrap()]).unwrap();
    let report = world.restore(&restore_request("full_v0516")).await.unwrap();
    assert_eq!(report.kind(), Some(FailureKind::Partial), "the others are done: {report:?}");
    let failed = report.collections.iter().find_map(|c| match &c.outcome {
        engine::CollectionOutcome::Failed(failure) if failure.message.starts_with("import job") => {
            Some(failure)
        }
        _ => None,
    });
    let failure = failed.expect("a job that cannot read its files");
    assert!(failure.message.contains("could not read binlog file"), "{}", failure.message);
    let Some(engine::Advice::MendImport { step, .. }) = &failure.advice else { panic!("{failure:?}") };
    assert_eq!(**step, engine::Advice::UseAnotherBackup);
}

/// Returns the first segment with delta logs, and the id of its collection.
fn find_segment_with_deletes(meta: &mut Value) -> (i64, &mut Value) {
    let collections = meta["collection_backups"].as_array_mut().unwrap().iter_mut();
    let mut segments = collections.flat_map(|collection| {
        let id = collection["collection_id"].as_i64().unwrap();
        let partitions = collection["partition_backups"].as_array_mut().unwrap().iter_mut();
        let segments =
            partitions.filter_map(|partition| partition.get_mut("segment_backups")?.as_array_mut());
        segments.flatten().map(move |segment| (id, segment))
    });
    segments.find(|(_, segment)| segment["deltalogs"][0]["binlogs"].is_array()).unwrap()
}

#[tokio::test]
async fn unsupported_formats_are_rejected_before_anything_is_changed() {
    type Edit = fn(&mut Value, &Path);
    let cases: [(Edit, &str); 2] = [
        (
            |meta, _| find_segment_with_deletes(meta).1["storage_version"] = 2.into(),
            "contains segments of storage version 2, which this Milvus cannot import (version 2: since 2.6.0)",
        ),
        (
            |meta, _| meta["format"] = "snapshot".into(),
            "Milvus v2.3.6 cannot restore exported snapshots (3.0.1 and later can)",
        ),
    ];
    for (edit, expected) in cases {
        let world = World::new();
        let dir = world.add_fixture("full_v0516");
        disk::edit_json(&dir.join("meta/full_meta.json"), |meta| edit(meta, &dir));
        let error = world.restore(&restore_request("full_v0516")).await.unwrap_err();
        assert!(describe_error(&error).contains(expected), "{}", describe_error(&error));
        assert_eq!(error.kind(), FailureKind::Failed);
        assert_eq!(world.count_calls("CreateCollection") + world.count_calls("CreateDatabase"), 0);
    }
}

#[tokio::test]
async fn an_l0_segment_that_cannot_be_read_is_an_error_before_anything_is_changed() {
    let world = World::new();
    let dir = world.add_fixture("full_v0516");
    disk::edit_json(&dir.join("meta/full_meta.json"), |meta| {
        let (id, segment) = find_segment_with_deletes(meta);
        let mut segment = segment.clone();
        segment["binlogs"] = json!([]);
        segment["partition_id"] = json!(-1);
        segment.as_object_mut().unwrap().remove("group_id");
        let (number, log) = (&segment["segment_id"], &segment["deltalogs"][0]["binlogs"][0]);
        let log_id = log["log_path"].as_str().unwrap().rsplit('/').next().unwrap();
        let size = usize::try_from(log["log_size"].as_u64().unwrap()).unwrap();
        let path = dir.join(format!("binlogs/delta_log/{id}/-1/{number}/{log_id}"));
        disk::write_file(&path, vec![0; size]);
        for collection in meta["collection_backups"].as_array_mut().unwrap() {
            if collection["collection_id"].as_i64() == Some(id) {
                collection["l0_segments"] = vec![segment.clone()].into();
            }
        }
    });
    let error = world.restore(&restore_request("full_v0516")).await.unwrap_err();
    let text = describe_error(&error);
    assert_eq!(error.kind(), FailureKind::Damaged, "{text}");
    assert!(text.contains("all partitions") && text.contains("/delta_log/"), "{text}");
    assert_eq!(world.count_calls("CreateCollection") + world.count_calls("CreateDatabase"), 0);
}

#[tokio::test]
async fn an_unsupported_schema_is_rejected_with_its_fields() {
    let world = World::new();
    let meta = world.add_fixture("full_v0516").join("meta");
    disk::edit_json(&meta.join("full_meta.json"), |meta| {
        for collection in meta["collection_backups"].as_array_mut().unwrap() {
            if collection["collection_name"] == "orders" {
                let fields = collection["schema"]["fields"].as_array_mut().unwrap();
                fields.last_mut().unwrap()["data_type"] = 104.into();
                fields.last_mut().unwrap()["name"] = "sparse".into();
            }
        }
    });
    let error = world.restore(&restore_request("full_v0516")).await.unwrap_err();
    let text = describe_error(&error);
    assert_eq!(error.kind(), FailureKind::Failed, "{text}");
    assert!(text.starts_with("Milvus v2.3.6 cannot hold shop.orders: "), "{text}");
    assert!(text.contains("sparse"), "{text}");
    assert!(text.contains("use_newer_target"), "{text}");
    assert_eq!(world.count_calls("CreateCollection") + world.count_calls("CreateDatabase"), 0);
}

#[tokio::test]
async fn the_plan_says_where_old_releases_may_lose_rows_because_they_cannot_be_read() {
    for (version, cut_off, warns) in [("2.3.3", true, true), ("2.3.4", true, false), ("2.3.3", false, false)]
    {
        let world = World::with_version(version, |config| config);
        world.add_fixture("full_v0415");
        if cut_off {
            cut_off_timestamps(&world.backup_path("full_v0415/binlogs/insert_log"));
        }
        let plan = world.plan_restore(&restore_request("full_v0415")).await.unwrap();
        let warnings = &plan.plan().warnings;
        let find = |words: &str| warnings.iter().find(|warning| warning.contains(words));
        let uncounted = find("the live rows of default.books cannot be counted: ");
        assert_eq!(uncounted.is_some(), cut_off, "{version}: {warnings:?}");
        // What cannot be counted may be lost; none of these rows is.
        assert_eq!(find("inserted again").is_some(), warns, "{version}: {warnings:?}");
        if let Some(warning) = find("inserted again") {
            assert!(warning.contains("default.books") && !warning.contains("default.empty"), "{warning}");
        }
    }
}

/// Makes the timestamps of all segments unreadable, without a change of their sizes.
fn cut_off_timestamps(dir: &Path) {
    for (file, size) in disk::list_files(dir) {
        let file = dir.join(file);
        if file.parent().and_then(Path::file_name).is_some_and(|field| field == "1") {
            fs::write(&file, vec![0; usize::try_from(size).unwrap()]).unwrap();
        }
    }
}
