//! Backups that flush the whole cluster once, on the simulated Milvus.

use model::plan::backup::{BackupRequest, FlushStrategy};
use serde_json::Value;

use crate::samples;
use crate::world::{World, backup_request};

fn bulk_request() -> BackupRequest {
    BackupRequest { strategy: FlushStrategy::Bulk, ..backup_request("nightly") }
}

async fn fill(world: &World) {
    let milvus = world.connect().await;
    for name in ["books", "films"] {
        samples::create_with_rows(&milvus, name, &[("_default", 8)]).await;
    }
}

#[tokio::test]
async fn a_cluster_is_flushed_once_and_its_messages_are_recorded() {
    let world = World::with_version("2.6.19", |config| config);
    fill(&world).await;
    let report = world.back_up(&bulk_request()).await.unwrap();
    assert_eq!((report.kind(), report.rows, report.cut_is_cluster_wide), (None, 16, true), "{report:?}");
    assert!(report.cut.is_some_and(|(first, last)| first <= last && last - first < 60), "{:?}", report.cut);
    assert_eq!((world.count_calls("FlushAll"), world.count_calls("Flush")), (1, 0));

    let text = std::fs::read(world.backup_path("nightly/meta/full_meta.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    let messages = manifest["flush_all_msgs_base64"].as_object().unwrap();
    assert_eq!(messages.len(), 16, "one for each physical channel");
    let channels: Vec<&str> =
        manifest["physical_channel_names"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(channels.iter().all(|channel| messages.contains_key(*channel)));
    assert!(channels.contains(&manifest["control_channel_name"].as_str().unwrap()));
}

#[tokio::test]
async fn releases_without_such_a_flush_are_named_before_anything_is_done() {
    let world = World::with_version("2.6.5", |config| config);
    fill(&world).await;
    let error = world.back_up(&bulk_request()).await.unwrap_err();
    assert_eq!(error.to_string(), "strategy bulk_flush needs Milvus 2.6.11 or later");
    assert!(world.find_listed("nightly").await.is_none());
}
