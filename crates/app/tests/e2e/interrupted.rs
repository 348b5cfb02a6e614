//! Interruptions: Ctrl-C, and a collection that is dropped during its backup.

use crate::source::create_collections;
use crate::tool::Tool;
use model::name::CollectionRef;
use testkit::rows::Rows;
use testkit::servers;

/// Processes one collection after another, so that some are not processed when the run is interrupted.
const ONE_BY_ONE: &str = "--set backup.concurrency.collections=1";

#[tokio::test]
async fn ctrl_c_leaves_an_unfinished_backup_that_can_be_deleted() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["a", "b", "c", "d", "e", "f", "g", "h"]).await;
    let tool = Tool::on_disk(&server);
    let create = format!("create -n fruit --filter {}.*", collections[0].database);

    let mut running = tool.start(&format!("{create} {ONE_BY_ONE}"));
    running.wait_for(&["copying"]);
    running.interrupt();
    running.finish().exits_with(130).prints(&["interrupted"]);

    tool.run("list").exits_with(0).prints(&["fruit", "unfinished"]);
    tool.run("restore -n fruit --suffix _x").exits_with(7).prints(&["unfinished"]);
    tool.run(&create).exits_with(4).prints(&["delete"]);
    tool.run("delete -n fruit").exits_with(0);
    assert!(!tool.backup_dir("fruit").exists());
    tool.run(&create).exits_with(0);
}

#[tokio::test]
async fn ctrl_c_in_a_restore_reports_the_remaining_collections() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["a", "b", "c"]).await;
    let tool = Tool::on_disk(&server);
    tool.run(&format!("create -n fruit --filter {}.*", collections[0].database)).exits_with(0);
    let mut running = tool.start("restore -n fruit --suffix _x --set restore.concurrency.collections=1");
    running.wait_for(&["importing"]);
    running.interrupt();
    running.finish().exits_with(130).prints(&["_x"]);
    // The next step of an operator.
    tool.run("restore -n fruit --suffix _x --drop_exist_collection").exits_with(0);
    let copy = CollectionRef::new(collections[2].database.as_str(), "c_x");
    assert_eq!(Box::pin(Rows::fetch(&milvus, &copy)).await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_collection_that_is_dropped_during_the_backup_is_left_out_by_name() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let tool = Tool::on_disk(&server);
    for (strict, code) in [("", 6), ("--strict", 1)] {
        let collections = create_collections(&milvus, &["a", "b", "c", "d"]).await;
        let create = format!("create -n fruit --filter {}.* {ONE_BY_ONE} {strict}", collections[0].database);
        let mut running = tool.start(&create);
        running.wait_for(&["flushing"]);
        milvus.drop_collection(&collections[3]).await.unwrap();
        running.finish().exits_with(code).prints(&[&collections[3].to_string()]);
        if code == 6 {
            tool.run("restore -n fruit --suffix _x").exits_with(0);
            assert!(
                milvus
                    .has_collection(&CollectionRef::new(collections[0].database.as_str(), "a_x"))
                    .await
                    .unwrap()
            );
        } else {
            tool.run("list").exits_with(0).prints(&["unfinished"]);
        }
        tool.run("delete -n fruit").exits_with(0);
    }
}
