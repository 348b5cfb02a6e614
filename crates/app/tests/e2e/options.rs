//! The options of backup and restore: filters, existing targets, renaming, dry runs, and schemas without data.

use crate::source::create_collections;
use crate::tool::Tool;
use milvus::CreateCollection;
use model::name::CollectionRef;
use testkit::rows::Rows;
use testkit::servers;
use testkit::test_milvus::TestMilvus;

async fn collection_names(milvus: &TestMilvus, database: &str) -> Vec<String> {
    let mut names: Vec<_> =
        milvus.list_collections(database).await.unwrap().into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}

async fn row_count(milvus: &TestMilvus, collection: &CollectionRef) -> usize {
    Box::pin(Rows::fetch(milvus, collection)).await.unwrap().len()
}

#[tokio::test]
async fn filters_match_the_names_in_the_source() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["apple", "apricot", "banana"]).await;
    let database = collections[0].database.as_str();
    let tool = Tool::on_disk(&server);

    tool.run(&format!("create -n none --filter {database}.cherry")).exits_with(3).prints(&["cherry"]);
    tool.run(&format!("create -n fruit --filter {database}.*")).exits_with(0);
    tool.run("restore -n fruit --suffix _x --filter nowhere.*").exits_with(3).prints(&["nowhere"]);
    // A filter with the new name matches nothing.
    tool.run(&format!("restore -n fruit --suffix _x --filter {database}.apple_x"))
        .exits_with(3)
        .prints(&[&format!("{database}.apple_x")]);
    tool.run(&format!("restore -n fruit --suffix _x --filter {database}.ap*")).exits_with(0);
    assert_eq!(
        collection_names(&milvus, database).await,
        ["apple", "apple_x", "apricot", "apricot_x", "banana"]
    );
    assert_eq!(row_count(&milvus, &CollectionRef::new(database, "apple_x")).await, 100);
}

#[tokio::test]
async fn an_existing_target_is_rejected_replaced_or_filled_on_request() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["apple", "banana"]).await;
    let (apple, banana) = (&collections[0], &collections[1]);
    let tool = Tool::on_disk(&server);
    tool.run(&format!("create -n fruit --filter {}.*", apple.database)).exits_with(0);

    milvus.drop_collection(apple).await.unwrap();
    tool.run("restore -n fruit").exits_with(4).prints(&[&banana.to_string(), "--drop-exist-collection"]);
    assert!(!milvus.has_collection(apple).await.unwrap(), "refused as a whole, before anything is created");
    tool.run("restore -n fruit --skip_create_collection").exits_with(3).prints(&[&apple.to_string()]);

    milvus.delete(banana, "id in [1, 2, 3]").await;
    tool.run("restore -n fruit --drop_exist_collection").exits_with(0);
    assert_eq!(row_count(&milvus, apple).await, 100);
    assert_eq!(row_count(&milvus, banana).await, 100);

    milvus.delete(banana, "id in [1, 2, 3]").await;
    tool.run("restore -n fruit --skip_create_collection").exits_with(0);
    assert_eq!(row_count(&milvus, banana).await, 100, "the rows that were missing are back");
    // Release 0.4 needs both flags to replace a collection.
    tool.run("restore -n fruit --drop_exist_collection --skip_create_collection").exits_with(0);
    assert_eq!(row_count(&milvus, banana).await, 100);
}

#[tokio::test]
async fn collections_are_renamed_by_rules_and_suffix() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["apple", "banana"]).await;
    let database = collections[0].database.as_str();
    let other = format!("{database}_2");
    let tool = Tool::on_disk(&server);
    tool.run(&format!("create -n fruit --filter {database}.*")).exits_with(0);

    // One collection is renamed into another database, the others get a suffix.
    tool.run(&format!("restore -n fruit --rename {database}.apple:{other}.pear --suffix _x")).exits_with(0);
    assert_eq!(collection_names(&milvus, &other).await, ["pear"]);
    assert_eq!(collection_names(&milvus, database).await, ["apple", "banana", "banana_x"]);
    assert_eq!(row_count(&milvus, &CollectionRef::new(other.as_str(), "pear")).await, 100);
    // A rule that matches nothing, and two collections with the same target.
    tool.run(&format!("restore -n fruit --rename {database}.cherry:{database}.x"))
        .exits_with(2)
        .prints(&["cherry"]);
    tool.run(&format!(
        "restore -n fruit --rename {database}.apple:{other}.one,{database}.banana:{other}.one"
    ))
    .exits_with(2)
    .prints(&[&format!("{other}.one")]);
}

#[tokio::test]
async fn a_target_with_its_columns_in_another_order_is_refused() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collection = create_collections(&milvus, &["apple"]).await.remove(0);
    let tool = Tool::on_disk(&server);
    tool.run(&format!("create -n fruit --filter {collection}")).exits_with(0);

    let described = milvus.describe_collection(&collection).await.unwrap();
    let mut schema = described.schema.clone();
    schema.fields.reverse();
    let target = CollectionRef::new(collection.database.as_str(), "apple_swapped");
    let create = CreateCollection {
        target: target.clone(),
        schema,
        shards: described.shards,
        consistency: described.consistency,
        properties: Vec::new(),
        num_partitions: None,
    };
    milvus.create_collection(&create).await.unwrap();
    let restore = "restore -n fruit --suffix _swapped --skip-create-collection";
    for dry_run in ["", " --dry-run"] {
        tool.run(&format!("{restore}{dry_run}")).exits_with(4).prints(&[
            "the schema of the target",
            "has the id",
            "hint:",
        ]);
    }
    assert_eq!(milvus.flushed_rows(&target).await.unwrap(), 0);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["apple"]).await;
    let database = collections[0].database.as_str();
    let tool = Tool::on_disk(&server);

    tool.run(&format!("create -n fruit --filter {database}.* --dry-run")).exits_with(0).prints(&[
        "Would",
        "apple",
        "before the flush",
    ]);
    assert!(!tool.backup_dir("fruit").exists());

    tool.run(&format!("create -n fruit --filter {database}.*")).exits_with(0);
    let plan = tool.run("restore -n fruit --suffix _x --dry-run").exits_with(0);
    plan.prints(&[&format!("{database}.apple_x"), "100 rows", "1 job"]);
    assert_eq!(collection_names(&milvus, database).await, ["apple"]);

    tool.run("delete -n fruit --dry-run").exits_with(0).prints(&["Would"]);
    tool.run("get -n fruit").exits_with(0);
}

#[tokio::test]
async fn schemas_can_be_backed_up_and_restored_without_data() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["apple"]).await;
    let tool = Tool::on_disk(&server);
    tool.run(&format!("create -n plan --strategy meta_only --filter {}", collections[0])).exits_with(0);
    tool.run("restore -n plan --suffix _x").exits_with(0);
    let copy = CollectionRef::new(collections[0].database.as_str(), "apple_x");
    assert_eq!(row_count(&milvus, &copy).await, 0);

    tool.run(&format!("create -n full --filter {}", collections[0])).exits_with(0);
    tool.run("restore -n full --suffix _y --meta_only").exits_with(0);
    let copy = CollectionRef::new(collections[0].database.as_str(), "apple_y");
    assert_eq!(row_count(&milvus, &copy).await, 0);
}
