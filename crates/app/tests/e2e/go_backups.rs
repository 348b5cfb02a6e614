//! Backups of the Go tool, restored and compared with the content of their source.

use crate::source::Content;
use crate::tool::Tool;
use serde_json::{Value, json};
use std::path::Path;
use testkit::rows::Rows;
use testkit::seed::Library;
use testkit::servers::{self, MilvusServer};
use testkit::test_milvus::TestMilvus;
use testkit::{fixtures, names};

/// Restores a recorded backup into new databases of a server, and asserts that the report counts `rows`.
fn restore(name: &str, rows: &str, server: &MilvusServer) -> Library {
    let tool = Tool::on_disk(server);
    copy_directory(&fixtures::path("backups").join(name), &tool.backup_dir(name));
    let target = Library::in_databases(&names::unique("library"), &names::unique("shop"));
    let rename = format!("default.*:{}.*,shop.*:{}.*", target.books.database, target.orders.database);
    tool.run(&format!("restore -n {name} --rename {rename}"))
        .exits_with(0)
        .prints(&[&format!("{rows} rows counted")]);
    target
}

pub(crate) fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Returns the recorded rows of `shop.books`, which need no file because they follow a rule.
fn shop_books() -> Rows {
    let rows = (0..100).map(|id| {
        let row = json!({"$partition": "_default", "id": id, "v": [f64::from(id), 0.0, 0.0, 0.0]});
        format!("{row}\n")
    });
    Rows::parse(&rows.collect::<String>(), "id")
}

#[track_caller]
fn assert_same_rows(expected: &Rows, content: &Content) {
    let none: [&str; 0] = [];
    assert_eq!(expected.differences(&content.rows), none);
}

/// Asserts that a library has all recorded rows, partitions, indexes and properties.
async fn assert_restored(target: &Library, milvus: &TestMilvus, ttl: &Value) {
    let books = Content::read(milvus, &target.books).await;
    assert_same_rows(&Rows::recorded("default.books.jsonl", "id"), &books);
    assert_eq!(books.shape["partitions"], json!(["_default", "y2023", "y2024"]));
    assert_eq!(books.shape["indexes"]["emb_hnsw"]["params"]["metric_type"], "COSINE");
    assert_eq!(books.shape["indexes"]["title_trie"]["field"], "title");
    assert_eq!(&books.shape["properties"]["collection.ttl.seconds"], ttl);
    assert_eq!(books.shape["load"], "Loaded");
    assert_eq!(books.shape["description"], "كتب – every scalar type");
    assert_same_rows(
        &Rows::recorded("default.tenants.jsonl", "pk"),
        &Content::read(milvus, &target.tenants).await,
    );
    assert_same_rows(
        &Rows::recorded("shop.orders.jsonl", "id"),
        &Content::read(milvus, &target.orders).await,
    );
    assert_same_rows(&shop_books(), &Content::read(milvus, &target.shop_books).await);
    assert!(Content::read(milvus, &target.empty).await.rows.is_empty());
}

async fn restore_and_compare(name: &str, ttl: Value) {
    let Some(server) = servers::milvus_target() else { return };
    let target = restore(name, "6,993", &server);
    let milvus = server.connect().await;
    assert_restored(&target, &milvus, &ttl).await;
    target.drop(&milvus).await.unwrap();
}

#[tokio::test]
async fn a_full_backup_of_0_4_is_restored() {
    // Release 0.4 does not back up properties.
    restore_and_compare("full_v0415", Value::Null).await;
}

#[tokio::test]
async fn a_full_backup_of_0_5_is_restored() {
    restore_and_compare("full_v0516", json!("864000")).await;
}

#[tokio::test]
async fn a_backup_of_milvus_2_2_is_restored_to_2_2_and_2_3() {
    let (Some(old), Some(new)) = (servers::milvus_2216(), servers::milvus_target()) else { return };
    for server in [old, new] {
        let target = restore("m2216_v0516", "6,993", &server);
        let milvus = server.connect().await;
        assert_same_rows(
            &Rows::recorded("default.tenants.jsonl", "pk"),
            &Content::read(&milvus, &target.tenants).await,
        );
        assert_same_rows(&shop_books(), &Content::read(&milvus, &target.shop_books).await);
        let books = Content::read(&milvus, &target.books).await.rows;
        assert_eq!(books.len(), Rows::recorded("default.books.jsonl", "id").len());
        target.drop(&milvus).await.unwrap();
    }
}

/// Asserts which of the five collections exist, and their numbers of rows.
async fn assert_row_counts(target: &Library, milvus: &TestMilvus, expected: [Option<usize>; 5]) {
    for (collection, expected) in target.collections().into_iter().zip(expected) {
        let known = milvus.list_databases().await.unwrap().contains(&collection.database);
        let found = if known && milvus.has_collection(collection).await.unwrap() {
            Some(Content::read(milvus, collection).await.rows.len())
        } else {
            None
        };
        assert_eq!(found, expected, "{collection}");
    }
}

#[tokio::test]
async fn partial_backups_are_restored() {
    let Some(server) = servers::milvus_target() else { return };
    let milvus = server.connect().await;
    let parts = [
        ("some_v0415", "3,298", [None, Some(1198), None, Some(2000), Some(100)]),
        ("filter_v0516", "5,795", [Some(3695), None, None, Some(2000), Some(100)]),
    ];
    for (name, rows, expected) in parts {
        let target = restore(name, rows, &server);
        assert_row_counts(&target, &milvus, expected).await;
        target.drop(&milvus).await.unwrap();
    }
}

#[tokio::test]
async fn a_backup_without_data_is_restored() {
    let Some(server) = servers::milvus_target() else { return };
    let milvus = server.connect().await;
    let target = restore("meta_only_v0516", "0", &server);
    assert_row_counts(&target, &milvus, [Some(0); 5]).await;
    target.drop(&milvus).await.unwrap();
}
