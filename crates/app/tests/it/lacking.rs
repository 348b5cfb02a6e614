//! Restores that bring all data, but not all that belongs to it (simulated Milvus).

use model::manifest::Index;
use model::name::CollectionRef;
use serde_json::Value;
use testkit::fake::Fault;

use crate::serving::World;
use crate::tool::Tool;

#[tokio::test]
async fn an_index_that_milvus_refuses_is_reported_with_exit_code_6_after_the_data_is_in() {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    let params =
        [("index_type", "HNSW"), ("metric_type", "L2"), ("params", r#"{"M":8,"efConstruction":64}"#)];
    let index = Index {
        field_name: "vector".to_owned(),
        name: "near".to_owned(),
        params: params.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..Index::default()
    };
    let books = CollectionRef::new("default", "books");
    world.client().await.create_index(&books, &index).await.unwrap();
    tool.run(&["create", "nightly"]).exits_with(0);
    world.fake.inject(Fault::Denied { call: "CreateIndex" });
    let restored = tool.run(&["restore", "nightly", "--suffix", "_copy"]).exits_with(6);
    assert!(restored.stdout.starts_with("Restored 2 collections from nightly in "), "{}", restored.stdout);
    assert!(restored.stdout.contains("9 rows counted in the target, as expected"), "{}", restored.stdout);
    assert!(
        restored.stdout.contains("\n  lacking: default.books_copy is restored without an index: "),
        "{}",
        restored.stdout
    );
    assert!(restored.stderr.contains("restored without an index: "), "{}", restored.stderr);

    let json = tool.run(&["restore", "nightly", "--suffix", "_json", "-o", "json"]).exits_with(6).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["exit_code"], 6);
    let lacks = json["collections"].as_array().unwrap().iter().filter_map(|c| c["lacks"][0].as_str());
    assert!(lacks.clone().any(|lack| lack.contains("without an index")), "{:?}", lacks.collect::<Vec<_>>());
}
