//! What the simulated Milvus keeps: rows, deletes and files, from an insert to an import, in each release.
#![expect(clippy::unwrap_used, reason = "part of a test")]

use std::path::Path;
use std::time::Duration;

use milvus_backup_testkit::fake::{FakeConfig, FakeMilvus};
use prost::Message;
use proto::common::KeyValuePair;
use proto::milvus::milvus_service_client::MilvusServiceClient;
use proto::milvus::{
    CreateCollectionRequest, DeleteRequest, FlushRequest, GetFlushStateRequest,
    GetPersistentSegmentInfoRequest, InsertRequest, PersistentSegmentInfo,
};
use proto::schema::field_data::Field;
use proto::schema::{
    CollectionSchema, DataType, FieldData, FieldSchema, FloatArray, LongArray, ScalarField, VectorField,
    scalar_field, vector_field,
};
use serde_json::{Value, json};
use tonic::transport::Channel;

pub(crate) type Client = MilvusServiceClient<Channel>;

/// Releases on both sides of each change in how rows and deletes are stored and imported.
const VERSIONS: [&str; 8] = ["2.4.5", "2.4.24", "2.5.0", "2.5.27", "2.6.0", "2.6.4", "2.6.19", "3.0.1"];

pub(crate) async fn start(version: &str, root: &Path) -> (FakeMilvus, Client) {
    let fake = FakeMilvus::start(FakeConfig::new(version, root).l0_import());
    let client = connect(&fake).await;
    (fake, client)
}

pub(crate) async fn connect(fake: &FakeMilvus) -> Client {
    let url = format!("http://{}:{}", fake.host(), fake.port());
    Client::new(Channel::from_shared(url).unwrap().connect().await.unwrap())
}

pub(crate) async fn create(client: &mut Client, name: &str) {
    let dim = KeyValuePair { key: "dim".to_owned(), value: "2".to_owned() };
    let key = FieldSchema {
        name: "id".to_owned(),
        is_primary_key: true,
        data_type: DataType::Int64.into(),
        ..Default::default()
    };
    let vector = FieldSchema {
        name: "v".to_owned(),
        data_type: DataType::FloatVector.into(),
        type_params: vec![dim],
        ..Default::default()
    };
    let schema = CollectionSchema { name: name.to_owned(), fields: vec![key, vector], ..Default::default() };
    let request = CreateCollectionRequest {
        collection_name: name.to_owned(),
        schema: schema.encode_to_vec(),
        shards_num: 2,
        ..Default::default()
    };
    let status = client.create_collection(request).await.unwrap().into_inner();
    assert_eq!(status.code, 0, "{status:?}");
}

pub(crate) async fn insert(client: &mut Client, name: &str, keys: std::ops::Range<i64>) {
    let count = u32::try_from(keys.end - keys.start).unwrap();
    let numbers = keys.clone().flat_map(|key| [key as f32, 0.5]).collect();
    let scalars = scalar_field::Data::LongData(LongArray { data: keys.collect() });
    let vectors = vector_field::Data::FloatVector(FloatArray { data: numbers });
    let column = |name: &str, kind: DataType, field: Field| FieldData {
        r#type: kind.into(),
        field_name: name.to_owned(),
        field: Some(field),
        ..Default::default()
    };
    let fields_data = vec![
        column("id", DataType::Int64, Field::Scalars(ScalarField { data: Some(scalars) })),
        column("v", DataType::FloatVector, Field::Vectors(VectorField { dim: 2, data: Some(vectors) })),
    ];
    let request = InsertRequest {
        collection_name: name.to_owned(),
        fields_data,
        num_rows: count,
        ..Default::default()
    };
    let reply = client.insert(request).await.unwrap().into_inner();
    assert_eq!(reply.insert_cnt, i64::from(count), "{reply:?}");
}

pub(crate) async fn delete(client: &mut Client, name: &str, expr: &str) {
    let request =
        DeleteRequest { collection_name: name.to_owned(), expr: expr.to_owned(), ..Default::default() };
    let status = client.delete(request).await.unwrap().into_inner().status;
    assert!(status.is_none_or(|status| status.code == 0));
}

pub(crate) async fn flush(client: &mut Client, name: &str) -> Vec<PersistentSegmentInfo> {
    let request = FlushRequest { collection_names: vec![name.to_owned()], ..Default::default() };
    let reply = client.flush(request).await.unwrap().into_inner();
    let state = GetFlushStateRequest {
        segment_i_ds: reply.coll_seg_i_ds[name].data.clone(),
        flush_ts: reply.coll_flush_ts[name],
        collection_name: name.to_owned(),
        ..Default::default()
    };
    assert!(client.get_flush_state(state).await.unwrap().into_inner().flushed);
    list(client, name).await
}

pub(crate) async fn list(client: &mut Client, name: &str) -> Vec<PersistentSegmentInfo> {
    let request = GetPersistentSegmentInfoRequest { collection_name: name.to_owned(), ..Default::default() };
    client.get_persistent_segment_info(request).await.unwrap().into_inner().infos
}

pub(crate) async fn post(fake: &FakeMilvus, route: &str, body: &Value) -> Value {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("http://{}:{}/v2/vectordb/jobs/import/{route}", fake.host(), fake.port());
    let request = reqwest::Client::new().post(url).timeout(Duration::from_secs(30)).body(body.to_string());
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

/// Imports a directory, and returns the state and the number of rows or deletes.
async fn import(
    fake: &FakeMilvus,
    version: &str,
    name: &str,
    directory: &Path,
    is_l0: bool,
) -> (Value, Value) {
    let files = json!([[format!("{}/", directory.display())]]);
    let kind = if is_l0 { "l0_import" } else { "backup" };
    let storage = if version < "2.6" { "1" } else { "2" };
    let mut body = json!({
        "collectionName": name, "files": files, "options": {kind: "true", "storage_version": storage},
    });
    if !is_l0 {
        body["partitionName"] = json!("_default");
    }
    let created = post(fake, "create", &body).await;
    assert_eq!(created["code"], 0, "{version}: {created}");
    let job = json!({"jobId": created["data"]["jobId"]});
    for _ in 0..20 {
        let described = post(fake, "get_progress", &job).await["data"].clone();
        if ["Completed", "Failed"].contains(&described["state"].as_str().unwrap()) {
            return (described["state"].clone(), described["importedRows"].clone());
        }
    }
    panic!("{version}: the job does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_deletes_go_to_files_and_come_back_by_imports() {
    for version in VERSIONS {
        let root = tempfile::tempdir().unwrap();
        let (fake, mut client) = start(version, root.path()).await;
        create(&mut client, "source").await;
        insert(&mut client, "source", 0..10).await;
        let segments = flush(&mut client, "source").await;
        assert_eq!(segments.iter().map(|segment| segment.num_rows).sum::<i64>(), 10, "{version}");
        delete(&mut client, "source", "id in [3, 4]").await;
        let segments = flush(&mut client, "source").await;
        let [rows, deletes]: [Vec<_>; 2] =
            [false, true].map(|is_l0| segments.iter().filter(|s| (s.partition_id == -1) == is_l0).collect());
        let expected = fake.rows("default", "source");
        assert_eq!(expected.len(), 8, "{version}");
        assert_eq!(expected[7], json!({"id": 9, "v": [9.0, 0.5], "$partition": "_default"}));

        create(&mut client, "target").await;
        let place = |kind: &str, partition: i64| {
            root.path().join(format!("{kind}/{}/{partition}", segments[0].collection_id))
        };
        // The unsorted originals are beside the segments from 2.6 on, so that these are copied to a place of their own.
        let staged = root.path().join("staged");
        for segment in &rows {
            let from = place("insert_log", segment.partition_id).join(segment.segment_id.to_string());
            copy(&from, &staged.join(segment.segment_id.to_string()));
        }
        let imported = import(&fake, version, "target", &staged, false).await;
        assert_eq!(imported, (json!("Completed"), json!(10)), "{version}");
        // The age of rows that 3.0 imported is that of the import, so that older deletes do not concern them.
        let left = if version < "3" { 8 } else { 10 };
        for segment in &deletes {
            let from = place("delta_log", -1).join(segment.segment_id.to_string());
            assert_eq!(import(&fake, version, "target", &from, true).await.0, "Completed", "{version}");
        }
        assert_eq!(fake.rows("default", "target").len(), left, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_replaces_segments_or_folds_their_deletes() {
    let root = tempfile::tempdir().unwrap();
    let (fake, mut client) = start("2.6.19", root.path()).await;
    create(&mut client, "source").await;
    insert(&mut client, "source", 0..10).await;
    delete(&mut client, "source", "id in [3]").await;
    let before = flush(&mut client, "source").await;
    fake.fold_deletes("default", "source");
    let folded = list(&mut client, "source").await;
    assert_eq!((before.len(), folded.len()), (3, 2));
    assert!(folded.iter().all(|segment| before.contains(segment)));
    fake.compact("default", "source");
    let compacted = list(&mut client, "source").await;
    assert!(compacted.iter().all(|segment| !before.contains(segment)));
    assert_eq!(compacted.iter().map(|segment| segment.num_rows).sum::<i64>(), 9);
    assert_eq!(fake.rows("default", "source").len(), 9);
    assert!(fake.add_orphan_file("default", "source").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn flushes_are_limited_if_the_limit_is_on() {
    let root = tempfile::tempdir().unwrap();
    let fake = FakeMilvus::start(FakeConfig::new("2.4.0", root.path()).flush_limit());
    let mut client = connect(&fake).await;
    create(&mut client, "source").await;
    let request = FlushRequest { collection_names: vec!["source".to_owned()], ..Default::default() };
    let mut codes = Vec::new();
    for _ in 0..2 {
        let reply = client.flush(request.clone()).await.unwrap().into_inner();
        codes.push(reply.status.unwrap_or_default().code);
    }
    assert_eq!(codes, [0, 8]);
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).unwrap();
        }
    }
}
