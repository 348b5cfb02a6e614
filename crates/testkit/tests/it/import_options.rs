//! The options of imports into the simulated Milvus: the range of times in the unit of each release, and the key of an
//! encryption zone.
#![expect(clippy::unwrap_used, reason = "part of a test")]

use std::path::{Path, PathBuf};

use milvus_backup_testkit::fake::{FakeConfig, FakeMilvus};
use proto::common::KeyValuePair;
use proto::milvus as wire;
use serde_json::{Value, json};

use super::fake::{Client, connect, copy, create, delete, insert, list, post, start};

/// The times around the second flush of the rows: before the deletes and before the last rows.
struct Times {
    first: u64,
    last: u64,
}

fn pair(key: &str, value: &dyn ToString) -> KeyValuePair {
    KeyValuePair { key: key.to_owned(), value: value.to_string() }
}

/// Flushes a collection, and returns the time of the flush.
async fn flush(client: &mut Client) -> u64 {
    let request = wire::FlushRequest { collection_names: vec!["source".to_owned()], ..Default::default() };
    client.flush(request).await.unwrap().into_inner().coll_flush_ts["source"]
}

/// Inserts five rows, deletes one of them, and inserts three more; returns the times between.
async fn fill(client: &mut Client) -> Times {
    create(client, "source").await;
    insert(client, "source", 0..5).await;
    let first = flush(client).await;
    delete(client, "source", "id in [0]").await;
    let last = flush(client).await;
    insert(client, "source", 5..8).await;
    flush(client).await;
    Times { first, last }
}

/// Copies the listed segments of rows to directories by the kind of their files, and returns these.
async fn stage(client: &mut Client, root: &Path) -> [PathBuf; 2] {
    let segments = list(client, "source").await;
    ["insert_log", "delta_log"].map(|kind| {
        let staged = root.join("staged").join(kind);
        std::fs::create_dir_all(&staged).unwrap();
        for segment in segments.iter().filter(|segment| segment.partition_id != -1) {
            let place = format!("{kind}/{}/{}", segment.collection_id, segment.partition_id);
            let from = root.join(place).join(segment.segment_id.to_string());
            if from.exists() {
                copy(&from, &staged.join(segment.segment_id.to_string()));
            }
        }
        staged
    })
}

/// Imports the staged rows into a new collection, and returns the last description of the job.
async fn import(
    fake: &FakeMilvus,
    client: &mut Client,
    name: &str,
    staged: &Path,
    option: (&str, &str),
) -> Value {
    create(client, name).await;
    let created = json!({
        "collectionName": name, "partitionName": "_default", "files": [[format!("{}/", staged.display())]],
        "options": {"backup": "true", "storage_version": "2", option.0: option.1},
    });
    let created = post(fake, "create", &created).await;
    assert_eq!(created["code"], 0, "{created}");
    for _ in 0..20 {
        let described = post(fake, "get_progress", &json!({"jobId": created["data"]["jobId"]})).await;
        if ["Completed", "Failed"].contains(&described["data"]["state"].as_str().unwrap()) {
            return described["data"].clone();
        }
    }
    panic!("the job does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_import_has_the_unit_of_the_simulated_release() {
    for (version, is_hybrid) in [
        ("2.4.23", false),
        ("2.4.24", true),
        ("2.5.5", false),
        ("2.5.6", true),
        ("2.6.0", true),
        ("3.0.1", true),
    ] {
        let root = tempfile::tempdir().unwrap();
        let (fake, mut client) = start(version, root.path()).await;
        let times = fill(&mut client).await;
        let [staged, _] = stage(&mut client, root.path()).await;
        let milliseconds = (times.last >> 18).to_string();
        let hybrid = times.last.to_string();
        let by_hybrid = import(&fake, &mut client, "by_hybrid", &staged, ("end_ts", &hybrid)).await;
        assert_eq!(by_hybrid["importedRows"], if is_hybrid { 5 } else { 8 }, "{version}: {by_hybrid}");
        let by_ms = import(&fake, &mut client, "by_ms", &staged, ("end_ts", &milliseconds)).await;
        if is_hybrid {
            let reason = by_ms["reason"].as_str().unwrap();
            assert!(reason.contains("end_ts is not a valid hybrid timestamp"), "{version}: {reason}");
        } else {
            assert_eq!(by_ms["importedRows"], 5, "{version}: {by_ms}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_2_3_cuts_rows_and_deletes_by_milliseconds_and_drops_all_before_an_early_time() {
    let root = tempfile::tempdir().unwrap();
    let (fake, mut client) = start("2.3.5", root.path()).await;
    let times = fill(&mut client).await;
    let staged = stage(&mut client, root.path()).await;
    let ends = [
        ("before_delete", times.first >> 18, 5),
        ("before_rows", times.last >> 18, 4),
        ("hybrid", times.last, 7),
        ("seconds", (times.last >> 18) / 1000, 0),
        ("zero", 0, 0),
    ];
    for (name, end, rows) in ends {
        create(&mut client, name).await;
        let request = wire::ImportRequest {
            collection_name: name.to_owned(),
            partition_name: "_default".to_owned(),
            files: staged.iter().map(|path| format!("{}/", path.display())).collect(),
            options: vec![pair("backup", &true), pair("end_ts", &end)],
            ..Default::default()
        };
        let status = client.import(request).await.unwrap().into_inner().status.unwrap_or_default();
        assert_eq!(status.code, 0, "{name}: {status:?}");
        assert_eq!(fake.rows("default", name).len(), rows, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_server_with_the_plugin_tells_the_key_of_an_encryption_zone() {
    let root = tempfile::tempdir().unwrap();
    let fake = FakeMilvus::start(FakeConfig::new("2.6.19", root.path()).cipher());
    let mut client = connect(&fake).await;
    let request = wire::CreateDatabaseRequest {
        db_name: "secret".to_owned(),
        properties: vec![pair("cipher.ezID", &7), pair("cipher.key", &"arn")],
    };
    assert_eq!(client.create_database(request.clone()).await.unwrap().into_inner().code, 0);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("http://{}/management/rootcoord/ez/backup?db_name=secret", fake.management_endpoint());
    let answer: Value =
        serde_json::from_str(&reqwest::get(url).await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(answer["msg"], "OK");
    let key = answer["ezk"].as_str().unwrap();

    fill(&mut client).await;
    let [staged, _] = stage(&mut client, root.path()).await;
    let imported = import(&fake, &mut client, "with_key", &staged, ("ezk", key)).await;
    assert_eq!(imported["state"], "Completed", "{imported}");
    assert_eq!(fake.import_options().last().unwrap()["ezk"], key);
    let refused = import(&fake, &mut client, "with_nonsense", &staged, ("ezk", "???")).await;
    assert!(refused["reason"].as_str().unwrap().contains("failed to decode EZK"), "{refused}");

    let without = FakeMilvus::start(FakeConfig::new("2.6.19", root.path().join("other")));
    let refused = connect(&without).await.create_database(request).await.unwrap().into_inner();
    assert!(refused.reason.contains("cipher plugin is missing"), "{refused:?}");
}
