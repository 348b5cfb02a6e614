//! Backup and restore, with a comparison of all rows, schemas, indexes, aliases and properties.

use crate::source::{Content, MAIN, ON_S3, Source};
use crate::tool::Tool;
use model::name::CollectionRef;
use testkit::seed::Library;
use testkit::servers;
use testkit::test_milvus::TestMilvus;

/// Asserts that a server has the collections of the source under the names of another library.
async fn assert_restored(source: &Source, target: &Library, milvus: &TestMilvus) {
    for (from, to) in source.library.collections().into_iter().zip(target.collections()) {
        source.contents[from].assert_same(&Content::read(milvus, to).await, true);
    }
}

#[tokio::test]
async fn a_library_is_restored_into_other_databases_of_the_same_server() {
    let Some(server) = servers::milvus() else { return };
    let source = Source::on(&server, &MAIN).await;
    let tool = Tool::on_disk(&server);
    source.back_up(&tool, "nightly");
    let (target, rename) = source.rename_databases();
    let run = tool.run(&format!("restore -n nightly --rename {rename}")).exits_with(0);
    run.prints(&["6,993 rows counted in the target, as expected"]);
    let milvus = server.connect().await;
    assert_restored(source, &target, &milvus).await;
    target.drop(&milvus).await.unwrap();
}

#[tokio::test]
async fn a_library_is_restored_into_a_second_server_under_the_same_names() {
    let (Some(server), Some(second)) = (servers::milvus(), servers::milvus_target()) else { return };
    let source = Source::on(&server, &MAIN).await;
    let tool = Tool::on_disk(&server);
    source.back_up(&tool, "nightly");
    Tool::on_disk_of(&tool, &second).run("restore -n nightly").exits_with(0);
    let milvus = second.connect().await;
    assert_restored(source, &source.library, &milvus).await;
    source.library.drop(&milvus).await.unwrap();
}

#[tokio::test]
async fn a_library_on_s3_is_restored_from_another_bucket() {
    let (Some(server), Some(s3)) = (servers::milvus_s3(), servers::s3()) else { return };
    let source = Source::on(&server, &ON_S3).await;
    let tool = Tool::on_s3(&server, &s3).await;
    source.back_up(&tool, "nightly");
    let (target, rename) = source.rename_databases();
    tool.run(&format!("restore -n nightly --rename {rename}")).exits_with(0);
    let milvus = server.connect().await;
    assert_restored(source, &target, &milvus).await;
    target.drop(&milvus).await.unwrap();
}

#[tokio::test]
async fn a_backup_on_s3_is_restored_to_servers_on_local_disk_and_on_s3() {
    let (Some(server), Some(on_s3), Some(s3)) = (servers::milvus(), servers::milvus_s3(), servers::s3())
    else {
        return;
    };
    let source = Source::on(&server, &MAIN).await;
    let tool = Tool::on_s3(&server, &s3).await;
    let orders = &source.library.orders;
    tool.run(&format!("create -n orders --filter {orders}")).exits_with(0);
    for target in [&server, &on_s3] {
        let milvus = target.connect().await;
        let copy = CollectionRef::new(&orders.database, format!("{}_{}", orders.collection, target.port));
        let restore = format!("restore -n orders --suffix _{}", target.port);
        Tool::on_s3_of(&tool, target, &s3).run(&restore).exits_with(0);
        source.contents[orders].assert_same(&Content::read(&milvus, &copy).await, true);
        milvus.drop_collection(&copy).await.unwrap();
    }
}
