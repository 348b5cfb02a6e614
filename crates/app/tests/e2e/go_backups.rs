//! Backups that the Go tool made, restored and compared with what its source held.

use crate::source::Content;
use crate::tool::Tool;
use milvus::Milvus;
use serde_json::{Value, json};
use std::path::Path;
use testkit::rows::Rows;
use testkit::seed::Library;
use testkit::servers::{self, MilvusServer};
use testkit::{fixtures, names};

/// Restores a recorded backup into new databases of a server; `rows` is what the tool must have counted.
fn restore(name: &str, rows: &str, server: &MilvusServer) -> Library {
    let tool = Tool::on_disk(server);
    copy(&fixtures::path("backups").join(name), &tool.backup_dir(name));
    let target = Library::in_databases(&names::unique("library"), &names::unique("shop"));
    let rename = format!("default.*:{}.*,shop.*:{}.*", target.books.database, target.orders.database);
    tool.run(&format!("restore -n {name} --rename {rename}"))
        .ends_with(0)
        .says(&[&format!("{rows} rows counted")]);
    target
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The recorded rows of `shop.books`, which are too simple to stand in a file.
fn shop_books() -> Rows {
    let rows = (0..100).map(|id| {
        let row = json!({"$partition": "_default", "id": id, "v": [f64::from(id), 0.0, 0.0, 0.0]});
        format!("{row}\n")
    });
    Rows::parse(&rows.collect::<String>(), "id")
}

#[track_caller]
fn same(expected: &Rows, content: &Content) {
    let none: [&str; 0] = [];
    assert_eq!(expected.differences(&content.rows), none);
}

/// Compares all rows, and what else the seed had.
async fn compare(target: &Library, milvus: &Milvus, ttl: &Value) {
    let books = Content::of(milvus, &target.books).await;
    same(&Rows::recorded("default.books.jsonl", "id"), &books);
    assert_eq!(books.shape["partitions"], json!(["_default", "y2023", "y2024"]));
    assert_eq!(books.shape["indexes"]["emb_hnsw"]["params"]["metric_type"], "COSINE");
    assert_eq!(books.shape["indexes"]["title_trie"]["field"], "title");
    assert_eq!(&books.shape["properties"]["collection.ttl.seconds"], ttl);
    assert_eq!(books.shape["load"], "Loaded");
    assert_eq!(books.shape["description"], "كتب – every scalar type");
    same(&Rows::recorded("default.tenants.jsonl", "pk"), &Content::of(milvus, &target.tenants).await);
    same(&Rows::recorded("shop.orders.jsonl", "id"), &Content::of(milvus, &target.orders).await);
    same(&shop_books(), &Content::of(milvus, &target.shop_books).await);
    assert!(Content::of(milvus, &target.empty).await.rows.is_empty());
}

async fn restores_and_compares(name: &str, ttl: Value) {
    let Some(server) = servers::milvus_target() else { return };
    let target = restore(name, "6,993", &server);
    let milvus = server.connect().await;
    compare(&target, &milvus, &ttl).await;
    target.drop(&milvus).await.unwrap();
}

#[tokio::test]
async fn a_full_backup_of_0_4() {
    // That release does not keep properties.
    restores_and_compares("full_v0415", Value::Null).await;
}

#[tokio::test]
async fn a_full_backup_of_0_5() {
    restores_and_compares("full_v0516", json!("864000")).await;
}

#[tokio::test]
async fn a_backup_of_milvus_2_2_on_both_releases() {
    let (Some(old), Some(new)) = (servers::milvus_2216(), servers::milvus_target()) else { return };
    for server in [old, new] {
        let target = restore("m2216_v0516", "6,993", &server);
        let milvus = server.connect().await;
        same(&Rows::recorded("default.tenants.jsonl", "pk"), &Content::of(&milvus, &target.tenants).await);
        same(&shop_books(), &Content::of(&milvus, &target.shop_books).await);
        let books = Content::of(&milvus, &target.books).await.rows;
        assert_eq!(books.len(), Rows::recorded("default.books.jsonl", "id").len());
        target.drop(&milvus).await.unwrap();
    }
}

/// Asserts which of the five collections there are, and with how many rows.
async fn holds(target: &Library, milvus: &Milvus, expected: [Option<usize>; 5]) {
    for (collection, expected) in target.collections().into_iter().zip(expected) {
        let known = milvus.list_databases().await.unwrap().contains(&collection.database);
        let found = if known && milvus.has_collection(collection).await.unwrap() {
            Some(Content::of(milvus, collection).await.rows.len())
        } else {
            None
        };
        assert_eq!(found, expected, "{collection}");
    }
}

#[tokio::test]
async fn backups_of_a_part() {
    let Some(server) = servers::milvus_target() else { return };
    let milvus = server.connect().await;
    let parts = [
        ("some_v0415", "3,298", [None, Some(1198), None, Some(2000), Some(100)]),
        ("filter_v0516", "5,795", [Some(3695), None, None, Some(2000), Some(100)]),
    ];
    for (name, rows, expected) in parts {
        let target = restore(name, rows, &server);
        holds(&target, &milvus, expected).await;
        target.drop(&milvus).await.unwrap();
    }
}

#[tokio::test]
async fn a_backup_without_data() {
    let Some(server) = servers::milvus_target() else { return };
    let milvus = server.connect().await;
    let target = restore("meta_only_v0516", "0", &server);
    holds(&target, &milvus, [Some(0); 5]).await;
    target.drop(&milvus).await.unwrap();
}
