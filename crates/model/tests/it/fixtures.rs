//! Tests with recorded backups of two Go releases: they are read, and written with the same meaning.

use std::fs;
use std::path::PathBuf;

use milvus_backup_model as model;

use model::ids::PartitionScope;
use model::layout::backup::ManifestFile;
use model::manifest::{CollectionBackup, KeyValue, LoadState, Manifest, json};
use serde_json::Value;

pub(crate) const BACKUPS: [&str; 6] =
    ["full_v0415", "full_v0516", "some_v0415", "filter_v0516", "meta_only_v0516", "m2216_v0516"];

pub(crate) fn backup_dir(backup: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/backups").join(backup)
}

pub(crate) fn meta(backup: &str, file: &str) -> Vec<u8> {
    fs::read(backup_dir(backup).join("meta").join(file)).unwrap()
}

pub(crate) fn full(backup: &str) -> Manifest {
    json::read_full(&meta(backup, "full_meta.json")[..]).unwrap()
}

fn levels(backup: &str) -> Manifest {
    let [head, collections, partitions, segments] = ["backup", "collection", "partition", "segment"]
        .map(|level| meta(backup, &format!("{level}_meta.json")));
    json::read_levels(&head[..], &collections[..], &partitions[..], &segments[..]).unwrap()
}

/// Returns the root path of Milvus in the source of a fixture.
fn log_root(backup: &str) -> &'static str {
    if backup.starts_with("m2216") { "/var/lib/milvus/data" } else { "files" }
}

pub(crate) fn sorted(mut manifest: Manifest) -> Manifest {
    manifest.collections.sort_by_key(|c| c.id);
    for collection in &mut manifest.collections {
        collection.partitions.sort_by_key(|p| p.id);
        collection.partitions.iter_mut().for_each(|p| p.segments.sort_by_key(|s| s.id));
    }
    manifest
}

fn collection<'m>(manifest: &'m Manifest, name: &str) -> &'m CollectionBackup {
    manifest.collections.iter().find(|c| c.name.to_string() == name).unwrap()
}

fn rows(collection: &CollectionBackup) -> u64 {
    collection.partitions.iter().flat_map(|p| &p.segments).map(|s| s.rows).sum()
}

#[test]
fn both_releases_record_the_same_facts_about_one_source() {
    for backup in ["full_v0415", "full_v0516"] {
        let manifest = full(backup);
        assert_eq!((manifest.name.as_str(), manifest.milvus_version.as_str()), (backup, "v2.3.5-lite"));
        assert_eq!(manifest.size, 368_430);
        let mut seen: Vec<_> = manifest
            .collections
            .iter()
            .map(|c| (c.name.to_string(), c.partitions.len(), rows(c), c.size, c.indexes.len()))
            .collect();
        seen.sort();
        let expected = [
            ("default.books", 3, 3_700, 311_984, 2),
            ("default.empty", 1, 0, 0, 0),
            ("default.tenants", 4, 1_200, 18_140, 1),
            ("shop.books", 1, 100, 2_606, 0),
            ("shop.orders", 1, 2_000, 35_700, 1),
        ];
        assert_eq!(seen, expected.map(|(name, p, r, s, i)| (name.to_owned(), p, r, s, i)));
        for segment in manifest.collections.iter().flat_map(|c| &c.partitions).flat_map(|p| &p.segments) {
            assert_eq!(segment.group_id, Some(segment.id.0));
            assert!(matches!(segment.partition, PartitionScope::One(_)) && segment.kind.has_rows());
            assert!(segment.binlogs.is_sorted() && segment.delta_logs.is_sorted());
        }
        let books = collection(&manifest, "default.books");
        assert_eq!((books.shards, books.consistency.0, books.load_state), (2, 0, LoadState::Loaded));
        assert_eq!(books.schema.fields.len(), 11);
        assert!(books.schema.enable_dynamic_field);
        let files: Vec<_> = books.partitions.iter().flat_map(|p| &p.segments).collect();
        assert_eq!(files.iter().map(|s| s.delta_logs.len()).sum::<usize>(), 4);
    }
}

#[test]
fn facts_that_only_the_later_release_records() {
    let manifest = full("full_v0516");
    let databases: Vec<_> = manifest.databases.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(databases.len(), 2);
    assert!(databases.contains(&"default") && databases.contains(&"shop"));
    let books = collection(&manifest, "default.books");
    assert_eq!(books.aliases, ["library"]);
    // Milvus 2.3 stores the TTL with the collection, the Go releases restore it from the schema
    let ttl = [KeyValue::new("collection.ttl.seconds", "864000")];
    assert_eq!((&books.properties[..], &books.schema.properties[..]), (&ttl[..], &ttl[..]));
    assert!(full("full_v0415").databases.is_empty());
}

#[test]
fn selections_and_backups_without_data() {
    let names = |backup| {
        let mut names: Vec<_> = full(backup).collections.iter().map(|c| c.name.to_string()).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names("some_v0415"), "default.tenants shop.books shop.orders");
    assert_eq!(names("filter_v0516"), "default.books shop.books shop.orders");
    let bare = full("meta_only_v0516");
    assert_eq!(bare.collections.len(), 5);
    assert!(bare.collections.iter().all(|c| rows(c) == 0 && !c.partitions.is_empty()));
}

#[test]
fn the_level_files_join_to_the_tree() {
    for backup in BACKUPS {
        let (mut full, levels) = (sorted(full(backup)), sorted(levels(backup)));
        full.databases.clear();
        assert_eq!(full, levels, "{backup}");
    }
}

#[test]
fn the_store_contains_exactly_the_objects_of_the_tree() {
    for backup in BACKUPS {
        let manifest = full(backup);
        let layout = model::layout::backup::BackupLayout::new(&"backups".into(), &backup.parse().unwrap());
        let mut expected: Vec<(String, u64)> = Vec::new();
        for c in &manifest.collections {
            for s in c.partitions.iter().flat_map(|p| &p.segments) {
                let PartitionScope::One(partition) = s.partition else { panic!("an L0 segment") };
                expected.extend(s.binlogs.iter().map(|b| {
                    let key = layout.insert_key(c.id, partition, s.group_id, s.id, b.field, b.log);
                    (key.to_string(), b.size)
                }));
                expected.extend(s.delta_logs.iter().map(|d| {
                    (layout.delta_key(c.id, s.partition, s.group_id, s.id, d.log).to_string(), d.size)
                }));
            }
        }
        let mut found = Vec::new();
        let mut dirs = vec![(backup_dir(backup).join("binlogs"), format!("backups/{backup}/binlogs"))];
        while let Some((dir, key)) = dirs.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten().map(Result::unwrap) {
                let (path, key) = (entry.path(), format!("{key}/{}", entry.file_name().to_str().unwrap()));
                if path.is_dir() {
                    dirs.push((path, key));
                } else {
                    found.push((key, entry.metadata().unwrap().len()));
                }
            }
        }
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{backup}");
    }
}

#[test]
fn a_written_manifest_is_read_back() {
    for backup in BACKUPS {
        let manifest = full(backup);
        let mut out = Vec::new();
        json::write_manifest_file(ManifestFile::Full, &manifest, log_root(backup), &mut out).unwrap();
        assert_eq!(json::read_full(&out[..]).unwrap(), manifest, "{backup}");
    }
}

#[test]
fn a_written_manifest_has_the_keys_and_values_of_the_original() {
    for backup in BACKUPS {
        let manifest = full(backup);
        for file in ManifestFile::ALL {
            let mut ours = Vec::new();
            json::write_manifest_file(file, &manifest, log_root(backup), &mut ours).unwrap();
            let bare = file == ManifestFile::Collections;
            let file = file.as_str();
            let [ours, theirs] = [ours, meta(backup, file)]
                .map(|bytes| to_comparable(serde_json::from_slice(&bytes).unwrap(), bare));
            assert_eq!(ours, theirs, "{backup} {file}");
        }
    }
}

/// Removes everything in which two equivalent files may differ.
///
/// These are the order of lists, the state code, `backuped`, empty lists of delta logs and the columns that contain
/// them, and keys that this program writes twice or always. `bare` removes segments: 0.4 repeats the tree in a file
/// in which the later releases do not.
fn to_comparable(value: Value, bare: bool) -> Value {
    match value {
        Value::Object(object) => {
            let is_log = object.contains_key("log_path");
            let is_schema = object.contains_key("fields");
            let mut compared = serde_json::Map::new();
            for (key, value) in object {
                let differs = match key.as_str() {
                    "state_code" | "backuped" => true,
                    "properties" => is_schema,
                    "log_id" => is_log,
                    "segment_backups" => bare,
                    _ => false,
                };
                let value = match (key.as_str(), value) {
                    ("deltalogs", Value::Array(columns)) => Value::Array(
                        columns
                            .into_iter()
                            .filter_map(|column| column.get("binlogs").cloned())
                            .flat_map(|logs| logs.as_array().cloned().unwrap())
                            .map(|log| to_comparable(log, bare))
                            .collect(),
                    ),
                    (_, value) => to_comparable(value, bare),
                };
                if !differs && value != Value::Array(Vec::new()) {
                    compared.insert(key, value);
                }
            }
            Value::Object(compared)
        }
        Value::Array(list) => {
            let mut list: Vec<Value> = list.into_iter().map(|value| to_comparable(value, bare)).collect();
            list.sort_by_key(ToString::to_string);
            Value::Array(list)
        }
        other => other,
    }
}
