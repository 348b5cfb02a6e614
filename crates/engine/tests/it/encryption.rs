//! Databases in encryption zones, on the simulated Milvus with a cipher plugin.

use std::collections::BTreeMap;

use engine::JobCtx;
use model::plan::restore::{EzkMapping, RestoreRequest};
use serde_json::Value;
use testkit::fake::Fault;

use crate::samples;
use crate::world::{World, backup_request, restore, restore_request};

/// Creates `vault.books` in a database with an encryption zone, beside a plain `default.tags`.
async fn fill_vault(world: &World) {
    let milvus = world.connect().await;
    milvus.create_encrypted_database("vault").await;
    samples::create_with_rows(&milvus, "vault.books", &[("_default", 4)]).await;
    samples::create_with_rows(&milvus, "tags", &[("_default", 2)]).await;
}

fn manifest(world: &World) -> Value {
    let text = std::fs::read(world.backup_path("nightly/meta/full_meta.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Returns the keys with which imports were asked for, in order.
fn import_keys(world: &World) -> Vec<Option<String>> {
    let options = world.fake.import_options();
    let mut keys: Vec<_> = options.iter().map(|options| options.get("ezk").cloned()).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn the_key_of_a_zone_is_backed_up_and_imports_get_it_or_its_replacement() {
    let world = World::with_version("2.6.19", testkit::fake::FakeConfig::cipher);
    fill_vault(&world).await;
    let report = world.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!(report.kind(), None, "{report:?}");
    let said = |text: &str| report.warnings.iter().any(|warning| warning.contains(text));
    assert!(said("the key of the encryption zone of database vault: protect it"), "{:?}", report.warnings);
    let databases = manifest(&world)["database_backups"].clone();
    let of = |name: &str| databases.as_array().unwrap().iter().find(|db| db["db_name"] == name).cloned();
    let key = of("vault").unwrap()["ezk"].as_str().unwrap().to_owned();
    assert!(!key.is_empty() && of("default").unwrap().get("ezk").is_none(), "{databases}");

    for mapped in [false, true] {
        let into = World::with_version("2.6.19", testkit::fake::FakeConfig::cipher);
        let other = "b3RoZXI=".to_owned();
        let mapping = if mapped { BTreeMap::from([(key.clone(), other.clone())]) } else { BTreeMap::new() };
        let request = RestoreRequest { ezk_mapping: EzkMapping(mapping), ..restore_request("nightly") };
        let restored =
            restore(&world.engine_with_target(&into), &request, &JobCtx::detached()).await.unwrap();
        assert_eq!(restored.kind(), None, "{restored:?}");
        assert_eq!(import_keys(&into), [None, Some(if mapped { other } else { key.clone() })]);
    }
}

#[tokio::test]
async fn a_key_that_milvus_does_not_hand_out_costs_a_warning() {
    let world = World::with_version("2.6.19", testkit::fake::FakeConfig::cipher);
    fill_vault(&world).await;
    world.fake.inject(Fault::ManagementFails);
    let report = world.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!(report.kind(), None, "{report:?}");
    let said = "the key of the encryption zone of database vault is not in the backup";
    assert!(report.warnings.iter().any(|warning| warning.contains(said)), "{:?}", report.warnings);
}
