//! Deletes that are folded into delta logs, or applied to the insert binlogs, leave the same rows.

use std::path::Path;
use std::sync::Arc;

use milvus_backup_rows::{
    DeleteEntry, DeleteMap, DeltaFile, DeltaFiles, InsertFile, KeyType, ReadOptions, Reason, RowKey,
    SegmentDeletes, SegmentFiles, SegmentReader, SegmentRewriter, encode_delta_log,
};
use model::ids::{LogId, PartitionScope, Tso};
use model::key::ObjectKey;
use model::manifest::{DeltaLog, Schema};
use serde_json::Value;

use crate::backup::{Backup, disk, fixture, partition_name, read_all, set_dim, shared_fixture};
use crate::made::{MadeSegment, schema};
use crate::recorded::{COMPACTED, L0, assert_same_rows};

/// Writes a file into a directory, and returns its key.
fn write(dir: &Path, name: &str, content: &[u8]) -> ObjectKey {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    ObjectKey::new(path.to_str().unwrap())
}

/// Folds the deletes of a segment into one delta log, and reads it back.
async fn fold(
    schema: &Schema,
    segment: &SegmentFiles,
    own: &DeleteMap,
    others: &[Arc<DeleteMap>],
) -> Arc<DeleteMap> {
    let found = SegmentDeletes::find(&disk(), schema, segment.clone(), own, others, None).await.unwrap();
    Arc::new(write_and_read(segment, KeyType::of(schema).unwrap(), &found.entries()).await)
}

/// Writes a delta log of a segment with these entries, and reads it back.
async fn write_and_read(segment: &SegmentFiles, key_type: KeyType, entries: &[DeleteEntry]) -> DeleteMap {
    let scope = PartitionScope::One(segment.partition);
    let log = encode_delta_log(segment.collection, scope, segment.segment, entries).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = DeltaFile { key: write(dir.path(), "9", &log), log: DeltaLog { log: LogId(9), size: 0 } };
    let files = DeltaFiles {
        collection: segment.collection,
        partition: scope,
        segment: segment.segment,
        files: vec![file],
        until: None,
    };
    DeleteMap::read(&disk(), key_type, &[files]).await.unwrap()
}

/// Rewrites a segment without its deleted rows into a directory.
async fn rewrite(
    schema: &Schema,
    segment: &SegmentFiles,
    deletes: Vec<Arc<DeleteMap>>,
    dir: &Path,
) -> SegmentFiles {
    let mut rewriter = SegmentRewriter::new(&disk(), schema, segment, deletes).unwrap();
    let mut files = Vec::new();
    while let Some((binlog, content)) = rewriter.next().await.unwrap() {
        let key = write(dir, &format!("{}/{}", binlog.field, binlog.log), &content);
        files.push(InsertFile { key, binlog });
    }
    SegmentFiles { files, rows: None, ..segment.clone() }
}

#[tokio::test]
async fn both_ways_give_the_recorded_rows_of_each_collection() {
    for (name, collections) in [
        (L0, &["default.del", "default.delstr", "default.alltypes", "default.sparse"][..]),
        (COMPACTED, &["default.del", "default.delstr"]),
        ("backups/full_v0516", &["default.books", "default.tenants", "shop.orders"]),
        ("backups/m2216_v0516", &["default.books"]),
    ] {
        let backup = Backup::open(&shared_fixture(name));
        for collection_name in collections {
            let collection = backup.collection(collection_name);
            let schema = &collection.schema;
            let (mut folded_rows, mut rewritten_rows, mut expected) = (Vec::new(), Vec::new(), Vec::new());
            for segment in backup.segments(collection).await {
                let partition = partition_name(collection, segment.partition);
                let (own, others) = backup.deletes_of(collection, schema, &segment).await.unwrap();
                let read = async |files: SegmentFiles, deletes: Vec<Arc<DeleteMap>>| {
                    let options = ReadOptions::default();
                    let reader = SegmentReader::open(&disk(), schema, files, deletes, &options).await;
                    read_all(reader.unwrap(), &partition).await.unwrap().rows
                };
                let folded = fold(schema, &segment, &own, &others).await;
                folded_rows.extend(read(segment.clone(), vec![folded]).await);
                let deletes: Vec<_> = others.into_iter().chain([own]).collect();
                let dir = tempfile::tempdir().unwrap();
                let rewritten = rewrite(schema, &segment, deletes.clone(), dir.path()).await;
                rewritten_rows.extend(read(rewritten, Vec::new()).await);
                expected.extend(read(segment, deletes).await);
            }
            assert_eq!(rewritten_rows, expected, "{name} {collection_name}: values and order");
            let recorded = shared_fixture(&format!("rows/{collection_name}.jsonl"));
            if !name.contains("m2216") {
                assert_same_rows(expected.clone(), &recorded);
            }
            let sort = |mut rows: Vec<Value>| {
                rows.sort_by_cached_key(Value::to_string);
                rows
            };
            assert_eq!(sort(folded_rows), sort(expected), "{name} {collection_name}");
        }
    }
}

#[tokio::test]
async fn an_entry_is_folded_only_if_it_deletes_a_row_of_the_segment() {
    let backup = Backup::open(&shared_fixture(L0));
    let collection = backup.collection("default.del");
    let mut folded = 0;
    for segment in backup.segments(collection).await {
        let (own, others) = backup.deletes_of(collection, &collection.schema, &segment).await.unwrap();
        let found =
            SegmentDeletes::find(&disk(), &collection.schema, segment, &own, &others, None).await.unwrap();
        folded += found.entries().len();
        assert_eq!(found.own_logs_suffice, found.entries().is_empty());
    }
    assert_eq!(folded, 8, "155 rows less 147, each with a key of its own");
}

#[tokio::test]
async fn a_chunk_without_live_rows_is_left_out_and_a_column_group_is_refused() {
    let mut made = MadeSegment::new();
    made.add_keys(8, &[(5, 1), (6, 2)]);
    made.add_keys(9, &[(5, 3), (6, 4)]);
    let map = async |keys: &[i64]| {
        let entries: Vec<_> =
            keys.iter().map(|key| DeleteEntry { key: RowKey::Int64(*key), time: Tso(7) }).collect();
        vec![Arc::new(write_and_read(&made.files, KeyType::Int64, &entries).await)]
    };
    let dir = tempfile::tempdir().unwrap();
    let rewritten = rewrite(&schema(&[]), &made.files, map(&[1, 2, 3]).await, dir.path()).await;
    let logs: Vec<_> = rewritten.files.iter().map(|file| file.binlog.log).collect();
    assert_eq!(logs, [LogId(9); 3], "the key, the row id and the timestamp of the second chunk");
    let dir = tempfile::tempdir().unwrap();
    let all_dead = rewrite(&schema(&[]), &made.files, map(&[1, 2, 3, 4]).await, dir.path()).await;
    assert!(all_dead.files.is_empty());

    let library = Backup::open(&fixture("v2-by-library"));
    let collection = library.collection("default.c");
    let mut schema = collection.schema.clone();
    for field in ["v", "nv", "av"] {
        set_dim(&mut schema, field, 4);
    }
    schema.fields.iter_mut().for_each(|field| field.nullable = !field.is_primary_key);
    let groups = library.segments(collection).await.swap_remove(0);
    let mut rewriter = SegmentRewriter::new(&disk(), &schema, &groups, Vec::new()).unwrap();
    let error = rewriter.next().await.unwrap_err();
    assert!(matches!(error.reason(), Reason::Request(_)), "{}", error.reason());
}
