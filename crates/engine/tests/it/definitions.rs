//! External collections and namespaces of Milvus 3.0 (simulated).

use milvus::CreateCollection;
use model::mapping::Mapping;
use model::plan::restore::RestoreRequest;
use serde_json::json;

use crate::samples;
use crate::world::{World, backup_request, restore_request};

fn copy_request() -> RestoreRequest {
    let mapping = Mapping::new(None, Some("_copy")).unwrap();
    RestoreRequest { mapping, ..restore_request("nightly") }
}

/// Returns an external collection; `keys` are part of the description of its store.
fn external(keys: &serde_json::Value) -> CreateCollection {
    let mut lake = samples::small_collection("lake");
    "s3://lake/rows".clone_into(&mut lake.schema.external_source);
    lake.schema.external_spec = json!({"format": "parquet", "extfs": keys}).to_string();
    lake.schema.fields.retain(|field| !field.is_primary_key);
    for field in &mut lake.schema.fields {
        field.external_field.clone_from(&field.name);
    }
    lake
}

#[tokio::test]
async fn an_external_collection_is_restored_as_its_definition() {
    let world = World::with_version("3.0.0", |config| config);
    let milvus = world.connect().await;
    milvus.create_collection(&external(&json!({"anonymous": "true"}))).await.unwrap();
    samples::create_with_rows(&milvus, "books", &[("_default", 3)]).await;
    let report = world.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 3), "{report:?}");
    let said = "default.lake is external: the backup contains its definition without rows and keys";
    assert_eq!(report.warnings, [said]);

    let restored = world.restore(&copy_request()).await.unwrap();
    assert_eq!(restored.kind(), None, "{restored:?}");
    let [copy, lake] = ["lake_copy", "lake"].map(samples::collection);
    let (copy, lake) =
        (milvus.describe_collection(&copy).await.unwrap(), milvus.describe_collection(&lake).await.unwrap());
    assert_eq!(copy.schema.external_source, lake.schema.external_source);
    assert_eq!(copy.schema.external_spec, lake.schema.external_spec);
    assert_eq!(copy.schema.fields, lake.schema.fields);
}

#[tokio::test]
async fn an_external_collection_whose_keys_milvus_hides_is_refused() {
    let world = World::with_version("3.0.0", |config| config);
    let keys = json!({"access_key_id": "id", "access_key_value": "secret-key"});
    world.connect().await.create_collection(&external(&keys)).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    let error = world.plan_restore(&copy_request()).await.unwrap_err().to_string();
    assert!(error.contains("default.lake") && error.contains("***"), "{error}");
    let written = std::fs::read_to_string(world.backup_path("nightly/meta/full_meta.json")).unwrap();
    assert!(!written.contains("secret-key"));
}

#[tokio::test]
async fn a_collection_with_namespaces_gets_its_ids_and_modes() {
    let world = World::with_version("3.0.0", |config| config);
    let milvus = world.connect().await;
    let mut create = samples::small_collection("spaces");
    create.schema.enable_namespace = true;
    milvus.create_collection(&create).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    let restored = world.restore(&copy_request()).await.unwrap();
    assert_eq!(restored.kind(), None, "{restored:?}");
    let [copy, spaces] = ["spaces_copy", "spaces"].map(samples::collection);
    let (copy, spaces) = (
        milvus.describe_collection(&copy).await.unwrap(),
        milvus.describe_collection(&spaces).await.unwrap(),
    );
    assert!(copy.schema.enable_namespace);
    assert_eq!((copy.schema.fields, copy.properties), (spaces.schema.fields, spaces.properties));

    let older = World::with_version("2.6.19", |config| config);
    let engine = world.engine_with_target(&older);
    let error =
        engine.plan_restore(&restore_request("nightly"), &engine::JobCtx::detached()).await.unwrap_err();
    assert!(error.to_string().contains("namespaces (since Milvus 3.0.0)"), "{error}");
}
