//! Many backups and large backups, in one message and in pages.

use std::collections::BTreeSet;
use std::fs;

use api::backup::{GetBackupRequest, ListBackupsRequest};
use api::v1::{self, ListSegmentsRequest};
use model::ids::{CollectionId, FieldId, LogId, PartitionId, PartitionScope, SegmentId, Tso};
use model::layout::backup::ManifestFile;
use model::manifest::{
    Binlog, CollectionBackup, ConsistencyLevel, LoadState, Manifest, PartitionBackup, Schema, Segment, json,
};
use model::name::CollectionRef;
use model::segment::{SegmentKind, StorageVersion};
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::grpc_client::Calls;
use crate::serving::World;

const SEGMENTS: i64 = 100_000;
/// The default limit of gRPC clients for the size of a message, in bytes.
const DEFAULT_CLIENT_LIMIT: usize = 4 << 20;

/// Writes a complete backup of one collection with segments in one partition and as many for all partitions.
fn write_backup(world: &World, name: &str, segments: i64) {
    let segment = |id: i64| Segment {
        id: SegmentId(id),
        partition: if id < segments / 2 { PartitionScope::One(PartitionId(2)) } else { PartitionScope::All },
        rows: 1,
        kind: SegmentKind::new(id >= segments / 2, StorageVersion(0)),
        group_id: None,
        storage_version: StorageVersion(0),
        virtual_channel: None,
        binlogs: vec![Binlog { field: FieldId(100), log: LogId(id + 1), size: 1000 }],
        delta_logs: Vec::new(),
    };
    let partition = PartitionBackup {
        id: PartitionId(2),
        name: "_default".to_owned(),
        segments: (0..segments / 2).map(segment).collect(),
        ..PartitionBackup::default()
    };
    let collection = CollectionBackup {
        id: CollectionId(1),
        name: CollectionRef::new("shop", "orders"),
        schema: Schema::default(),
        shards: 1,
        consistency: ConsistencyLevel(1),
        partitions: vec![partition],
        shared_segments: (segments / 2..segments).map(segment).collect(),
        size: 0,
        indexes: Vec::new(),
        load_state: LoadState::NotLoad,
        backup_timestamp: None,
        seal_time_s: None,
        channel_checkpoints: [].into(),
        start_time_s: None,
        end_time_s: None,
        properties: Vec::new(),
        db_id: 0,
        created_timestamp: Tso(0),
        virtual_channels: Vec::new(),
        physical_channels: Vec::new(),
        aliases: Vec::new(),
        snapshot: None,
    };
    let manifest = Manifest {
        id: format!("id_of_{name}"),
        name: name.to_owned(),
        collections: vec![collection],
        ..Manifest::default()
    };
    let meta = world.path("backup").join(name).join("meta");
    fs::create_dir_all(&meta).unwrap();
    let mut file = Vec::new();
    json::write_manifest_file(ManifestFile::Full, &manifest, "files", &mut file).unwrap();
    fs::write(meta.join("full_meta.json"), &file).unwrap();
    file.clear();
    json::write_manifest_file(ManifestFile::Head, &manifest, "files", &mut file).unwrap();
    fs::write(meta.join("backup_meta.json"), &file).unwrap();
}

#[tokio::test]
async fn a_backup_of_a_hundred_thousand_segments_is_returned_as_a_whole_and_in_pages() {
    let world = World::new();
    write_backup(&world, "large", SEGMENTS);
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;

    let get = GetBackupRequest { backup_name: "large".to_owned(), ..Default::default() };
    let whole = calls.go_service.get_backup(get).await.unwrap().into_inner();
    assert!(whole.encoded_len() > DEFAULT_CLIENT_LIMIT, "{}", whole.encoded_len());
    let collection = &whole.data.unwrap().collection_backups[0];
    let stderr = collection.partition_backups[0].segment_backups.len() + collection.l0_segments.len();
    assert_eq!(i64::try_from(stderr).unwrap(), SEGMENTS);
    let list = calls.go_service.list_backups(ListBackupsRequest::default()).await.unwrap().into_inner();
    assert!(list.encoded_len() > DEFAULT_CLIENT_LIMIT && list.data.len() == 1);

    let segments = ListSegmentsRequest { backup: "large".to_owned(), ..Default::default() };
    let mut pieces = calls.catalog.list_segments(segments).await.unwrap().into_inner();
    let mut ids = BTreeSet::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        assert!(piece.encoded_len() < DEFAULT_CLIENT_LIMIT / 4, "{}", piece.encoded_len());
        assert_eq!((piece.database.as_str(), piece.collection.as_str()), ("shop", "orders"));
        for segment in piece.segments {
            assert_eq!(segment.binlogs.len(), 1);
            assert!(ids.insert(segment.segment_id), "{} twice", segment.segment_id);
        }
    }
    assert_eq!(ids, (0..SEGMENTS).collect());
}

#[tokio::test]
async fn backups_are_listed_in_pages() {
    let world = World::new();
    for number in 0..7 {
        write_backup(&world, &format!("b{number}"), 2);
    }
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;
    let (mut names, mut sizes, mut page_token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let request = v1::ListBackupsRequest { page_size: 3, page_token };
        let page = calls.catalog.list_backups(request).await.unwrap().into_inner();
        sizes.push(page.backups.len());
        names.extend(page.backups.into_iter().map(|backup| (backup.name, backup.state)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [3, 3, 1]);
    let wanted: Vec<_> = (0..7).map(|number| (format!("b{number}"), "complete".to_owned())).collect();
    assert_eq!(names, wanted);
    for (page_size, page_token) in [(-1, ""), (3, "nonsense"), (3, "b2")] {
        let wrong = v1::ListBackupsRequest { page_size, page_token: page_token.to_owned() };
        let refused = calls.catalog.list_backups(wrong).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{page_size} {page_token}: {refused}");
    }
}

#[tokio::test]
async fn details_are_returned_only_on_request() {
    let world = World::new();
    write_backup(&world, "small", 10);
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;
    let brief =
        GetBackupRequest { backup_name: "small".to_owned(), without_detail: true, ..Default::default() };
    let brief = calls.go_service.get_backup(brief).await.unwrap().into_inner().data.unwrap();
    let collection = &brief.collection_backups[0];
    assert!(collection.partition_backups.is_empty() && collection.l0_segments.is_empty(), "{collection:?}");

    let wanted = |backup: &str, database: &str, collection: &str| ListSegmentsRequest {
        backup: backup.to_owned(),
        database: database.to_owned(),
        collection: collection.to_owned(),
    };
    for (database, collection) in [("", ""), ("shop", ""), ("", "orders"), ("shop", "orders")] {
        let asked = wanted("small", database, collection);
        let mut pieces = calls.catalog.list_segments(asked).await.unwrap().into_inner();
        let mut stderr = 0;
        while let Some(piece) = pieces.message().await.unwrap() {
            stderr += piece.segments.len();
        }
        assert_eq!(stderr, 10, "{database:?} {collection:?}");
    }
    for (backup, database, collection, what) in [
        ("missing", "", "", "backup missing"),
        ("small", "default", "", "not contain database default"),
        ("small", "", "x", "not contain collection x"),
        ("small", "default", "orders", "not contain collection default.orders"),
    ] {
        let asked = wanted(backup, database, collection);
        let refused = calls.catalog.list_segments(asked).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{refused}");
        assert!(refused.message().contains(what), "{refused}");
    }
    write_backup(&world, "empty", 0);
    let mut none = calls.catalog.list_segments(wanted("empty", "", "orders")).await.unwrap().into_inner();
    assert_eq!(none.message().await.unwrap(), None);
}
