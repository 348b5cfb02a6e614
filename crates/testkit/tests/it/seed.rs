use milvus_backup_testkit::rows::Rows;
use milvus_backup_testkit::seed::Library;
use milvus_backup_testkit::{names, servers};

#[tokio::test]
async fn the_library_has_the_shape_of_the_recorded_backups() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let library = Library::in_databases(&names::unique("library"), &names::unique("shop"));
    library.fill(&milvus).await.unwrap();
    let fetch = async |collection| Rows::fetch(&milvus, collection).await.unwrap();
    let none: [&str; 0] = [];
    let tenants = fetch(&library.tenants).await;
    assert_eq!(Rows::recorded("default.tenants.jsonl", "pk").differences(&tenants), none);
    assert_eq!(fetch(&library.books).await.len(), Rows::recorded("default.books.jsonl", "id").len());
    assert_eq!(fetch(&library.orders).await.len(), Rows::recorded("shop.orders.jsonl", "id").len());
    assert_eq!(fetch(&library.empty).await.len(), 0);
    assert_eq!(fetch(&library.shop_books).await.len(), 100);
    library.drop(&milvus).await.unwrap();
}
