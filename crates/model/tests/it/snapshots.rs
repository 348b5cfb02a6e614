//! Backups in snapshot format, as the development head of the Go tool writes them.

use milvus_backup_model as model;

use model::ids::{CollectionId, Tso};
use model::layout::backup::ManifestFile;
use model::manifest::{BackupFormat, Manifest, SnapshotBundle, json};
use model::plan::backup::Totals;
use serde_json::Value;

const FULL: &str = r#"{"id":"a1","state_code":0,"name":"snap_01","collection_backups":[{"id":"a1","collection_id":455001,"db_name":"shop","collection_name":"items","schema":{"name":"items"},"shards_num":1,
 "partition_backups":[{"partition_id":455002,"partition_name":"_default","collection_id":455001,"size":0,"load_state":"NotLoad"}],"backup_timestamp":463267587686400000,"size":987654,"has_index":false,"load_state":"NotLoad",
 "snapshot_backup":{"metadata_path":"bundle/snapshots/455001/metadata/455777.json","total_files":42,"total_bytes":987654}}],"size":0,"milvus_version":"v3.0.1","format":"snapshot"}"#;

fn read(full: &[u8]) -> Manifest {
    json::read_full(full).unwrap()
}

#[test]
fn a_backup_of_the_go_tool_is_read() {
    let manifest = read(FULL.as_bytes());
    assert_eq!((manifest.format.clone(), manifest.size), (BackupFormat::Snapshot, 0));
    let [items] = &manifest.collections[..] else { panic!("one collection") };
    assert_eq!((items.id, items.size), (CollectionId(455_001), 987_654));
    assert_eq!(items.backup_timestamp, Some(Tso(463_267_587_686_400_000)));
    let bundle = SnapshotBundle {
        metadata_path: "bundle/snapshots/455001/metadata/455777.json".to_owned(),
        total_files: 42,
        total_bytes: 987_654,
    };
    assert_eq!(items.snapshot.as_ref(), Some(&bundle));
    let totals = Totals { segments: 0, rows: 0, objects: 42, bytes: 987_654 };
    assert_eq!(Totals::of_manifest(&manifest), totals);
}

#[test]
fn a_backup_is_written_with_the_keys_and_values_of_the_go_tool() {
    let manifest = read(FULL.as_bytes());
    let mut written = Vec::new();
    json::write_manifest_file(ManifestFile::Full, &manifest, "files", &mut written).unwrap();
    assert_eq!(read(&written), manifest);
    let [mut written, mut expected]: [Value; 2] =
        [&written[..], FULL.as_bytes()].map(|text| serde_json::from_slice(text).unwrap());
    // No reader looks at the state code.
    for value in [&mut written, &mut expected] {
        value["state_code"] = Value::Null;
    }
    assert_eq!(written, expected);
}
