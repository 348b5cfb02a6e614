//! Measures plans and manifest of a collection with a million files: the time of each step, and the peak memory.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{BufWriter, Write};
use std::path::Path;

use engine::JobCtx;
use model::ids::{CollectionId, FileId, PartitionId, PartitionScope, SegmentId, Tso};
use model::key::ObjectKey;
use model::layout::backup::{BackupLayout, ManifestFile};
use model::layout::milvus::MilvusLayout;
use model::manifest::{
    CollectionBackup, ConsistencyLevel, DataType, Field, LoadState, Manifest, ManifestSummary,
    PartitionBackup, Schema, json,
};
use model::name::{BackupName, CollectionRef};
use model::plan::backup::{CollectionCopyPlan, Origin, Totals};
use model::plan::{ExpectedFiles, SegmentFiles};
use model::segment::{
    ReportedSegment, SegmentKind, SegmentLevel, SegmentState, StorageFormat, StorageVersion,
};

use crate::measure::{Stopwatch, peak_mb, print_result};
use crate::setup::{self, long_id};

const PARTITIONS: i64 = 50;
const SEGMENTS: i64 = 1250;
/// The number of columns of a segment, including the two system fields.
const COLUMNS: i64 = 16;
const COLLECTION: CollectionId = CollectionId(long_id(1));

/// Runs and measures the steps, and prints times and memory.
pub(crate) async fn measure_plans(dir: &Path) {
    let name: BackupName = "bench".parse().expect("a name");
    let place = setup::disk_place(dir);
    let from = MilvusLayout::new(ObjectKey::new("files"));
    let to = BackupLayout::new(&place.root, &name);
    let mut steps = Vec::new();
    let mut end_step = |what: &str, watch: &Stopwatch| {
        let seconds = watch.wall_s();
        eprintln!("planner: {what}: {seconds:.2} s, peak {:.0} MB", peak_mb());
        steps.push((what.to_owned(), seconds));
    };

    let watch = Stopwatch::start();
    let collection = list_collection(&from);
    end_step("list", &watch);
    let watch = Stopwatch::start();
    let written_keys = hash_planned_copies(&collection, &from, &to);
    end_step("plan", &watch);
    let watch = Stopwatch::start();
    check_copy(&collection, &from, &to);
    end_step("check", &watch);
    let totals = Totals::of_collection(&collection);
    let manifest = build_manifest(collection, totals);
    let watch = Stopwatch::start();
    write_manifest(&manifest, &dir.join("bench/meta"));
    end_step("write", &watch);
    drop(manifest);
    let watch = Stopwatch::start();
    let engine = setup::create_engine(setup::unused_milvus(), place.clone(), place);
    let detail = engine.get(&name, &JobCtx::detached()).await.expect("the backup");
    end_step("read", &watch);
    assert_eq!(totals.objects, 1_000_000);
    let read = detail.manifest.collections.first().expect("the collection");
    assert_eq!(
        (Totals::of_collection(read), hash_planned_copies(read, &from, &to)),
        (totals, written_keys),
        "what was written was read"
    );

    let ours = format!("{:.0} MB", peak_mb());
    print_result("plans and manifest of 1,000,000 files: memory", &ours, "200 MB", peak_mb() / 200.0, "< 1");
    let times: Vec<String> = steps.iter().map(|(what, seconds)| format!("{what} {seconds:.1}")).collect();
    let sum: f64 = steps.iter().map(|(_, seconds)| seconds).sum();
    print_result(&format!("their time in s: {}", times.join(", ")), &format!("{sum:.1} s"), "", f64::NAN, "");
}

/// Builds the collection from a simulated listing of the store of Milvus.
fn list_collection(layout: &MilvusLayout) -> CollectionBackup {
    let segment_ids = |partition: i64| {
        (0..SEGMENTS).map(move |n| (long_id(partition), long_id(1000 + partition * SEGMENTS + n)))
    };
    let reported: Vec<ReportedSegment> = (0..PARTITIONS)
        .flat_map(segment_ids)
        .map(|(partition, segment)| ReportedSegment {
            id: SegmentId(segment),
            partition: PartitionScope::One(PartitionId(partition)),
            state: SegmentState::Flushed,
            rows: 120,
            kind: SegmentKind::Rows { format: StorageFormat::V1 },
            level: SegmentLevel::Legacy,
            is_sorted: false,
            storage_version: StorageVersion(0),
            virtual_channel: None,
        })
        .collect();
    let fields: Vec<i64> = (0..2).chain(100..98 + COLUMNS).collect();
    let mut files = SegmentFiles::new(&reported, &schema()).expect("known formats");
    for (partition, segment) in (0..PARTITIONS).flat_map(segment_ids) {
        for field in &fields {
            let log = segment * 100 + field;
            let key =
                ObjectKey::new(&format!("files/insert_log/{COLLECTION}/{partition}/{segment}/{field}/{log}"));
            let key = layout.parse_insert(&key).expect("a binlog");
            assert!(files.add_insert(&key, 1234), "its segment was named");
        }
    }
    let listed = files.finish();
    assert!(listed.problems().is_empty(), "whole segments");
    let mut segments = listed.segments;
    let partitions = (0..PARTITIONS).map(|n| {
        let partition = PartitionId(long_id(n));
        let own = |s: &model::manifest::Segment| s.partition == PartitionScope::One(partition);
        let segments = segments.extract_if(.., |s| own(s)).collect();
        PartitionBackup { id: partition, name: format!("p{n}"), segments, ..PartitionBackup::default() }
    });
    CollectionBackup {
        id: COLLECTION,
        name: CollectionRef::new("default", "bench"),
        schema: schema(),
        shards: 1,
        consistency: ConsistencyLevel(2),
        partitions: partitions.collect(),
        shared_segments: Vec::new(),
        size: 0,
        indexes: Vec::new(),
        load_state: LoadState::NotLoad,
        backup_timestamp: None,
        seal_time_s: None,
        channel_checkpoints: [].into(),
        start_time_s: None,
        end_time_s: None,
        properties: Vec::new(),
        db_id: 1,
        created_timestamp: Tso(0),
        virtual_channels: Vec::new(),
        physical_channels: Vec::new(),
        aliases: Vec::new(),
        snapshot: None,
    }
}

fn schema() -> Schema {
    let field =
        |id: i64| Field { id, name: format!("f{id}"), data_type: DataType::INT64, ..Field::default() };
    Schema { name: "bench".to_owned(), fields: (100..98 + COLUMNS).map(field).collect(), ..Schema::default() }
}

/// Plans the copies of all objects once, and returns the hash of their keys.
fn hash_planned_copies(collection: &CollectionBackup, from: &MilvusLayout, to: &BackupLayout) -> u64 {
    let mut hasher = DefaultHasher::new();
    for action in CollectionCopyPlan::new(collection, from, to, |_| false, None).actions() {
        let Origin::Milvus(source) = &action.origin else { panic!("nothing is copied yet") };
        (source.as_str(), action.to.as_str(), action.size).hash(&mut hasher);
    }
    hasher.finish()
}

/// Compares a simulated listing of the backup with the expected files.
fn check_copy(collection: &CollectionBackup, from: &MilvusLayout, to: &BackupLayout) {
    let mut expected = ExpectedFiles::new(collection);
    for action in CollectionCopyPlan::new(collection, from, to, |_| false, None).actions() {
        let (key, _) = to.parse_insert(&action.to).expect("a binlog");
        let file = FileId { segment: key.segment, field: Some(key.field), log: key.log };
        assert!(expected.mark_found(file).is_some(), "it is expected");
    }
    assert_eq!(expected.missing().count(), 0);
}

fn build_manifest(collection: CollectionBackup, totals: Totals) -> Manifest {
    let summary = ManifestSummary {
        format_version: 1,
        objects: totals.objects,
        collections: 1,
        ..ManifestSummary::default()
    };
    Manifest {
        id: "bench".to_owned(),
        name: "bench".to_owned(),
        size: totals.bytes,
        milvus_version: "2.3.5".to_owned(),
        collections: vec![collection],
        summary: Some(summary),
        ..Manifest::default()
    }
}

fn write_manifest(manifest: &Manifest, dir: &Path) {
    std::fs::create_dir_all(dir).expect("a directory");
    for file in ManifestFile::ALL {
        let mut out =
            BufWriter::with_capacity(1 << 20, File::create(dir.join(file.as_str())).expect("a file"));
        json::write_manifest_file(file, manifest, "files", &mut out).expect("a manifest");
        out.flush().expect("a whole file");
    }
}
