//! What happens in the middle: Ctrl-C, a collection that goes away.

use crate::source::shelf;
use crate::tool::Tool;
use model::name::CollectionRef;
use testkit::rows::Rows;
use testkit::servers;

/// One collection after another, so that "in the middle" is a place.
const ONE_BY_ONE: &str = "--set backup.concurrency.collections=1";

#[tokio::test]
async fn ctrl_c_leaves_an_unfinished_backup_that_delete_finishes() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let shelf = shelf(&milvus, &["a", "b", "c", "d", "e", "f", "g", "h"]).await;
    let tool = Tool::on_disk(&server);
    let create = format!("create -n fruit --filter {}.*", shelf[0].database);

    let mut running = tool.start(&format!("{create} {ONE_BY_ONE}"));
    running.wait_for(&["copying"]);
    running.interrupt();
    running.finish().ends_with(130).says(&["interrupted"]);

    tool.run("list").ends_with(0).says(&["fruit", "unfinished"]);
    tool.run("restore -n fruit --suffix _x").ends_with(7).says(&["unfinished"]);
    tool.run(&create).ends_with(4).says(&["delete"]);
    tool.run("delete -n fruit").ends_with(0);
    assert!(!tool.backup_dir("fruit").exists());
    tool.run(&create).ends_with(0);
}

#[tokio::test]
async fn ctrl_c_in_a_restore_says_what_is_left() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let shelf = shelf(&milvus, &["a", "b", "c"]).await;
    let tool = Tool::on_disk(&server);
    tool.run(&format!("create -n fruit --filter {}.*", shelf[0].database)).ends_with(0);
    let mut running = tool.start("restore -n fruit --suffix _x --set restore.concurrency.collections=1");
    running.wait_for(&["importing"]);
    running.interrupt();
    running.finish().ends_with(130).says(&["_x"]);
    // The way on that a person would take.
    tool.run("restore -n fruit --suffix _x --drop_exist_collection").ends_with(0);
    let copy = CollectionRef::new(shelf[2].database.as_str(), "c_x");
    assert_eq!(Box::pin(Rows::fetch(&milvus, &copy)).await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_collection_dropped_meanwhile_is_left_out_and_named() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let tool = Tool::on_disk(&server);
    for (strict, code) in [("", 6), ("--strict", 1)] {
        let shelf = shelf(&milvus, &["a", "b", "c", "d"]).await;
        let create = format!("create -n fruit --filter {}.* {ONE_BY_ONE} {strict}", shelf[0].database);
        let mut running = tool.start(&create);
        running.wait_for(&["flushing"]);
        milvus.drop_collection(&shelf[3]).await.unwrap();
        running.finish().ends_with(code).says(&[&shelf[3].to_string()]);
        if code == 6 {
            tool.run("restore -n fruit --suffix _x").ends_with(0);
            assert!(
                milvus.has_collection(&CollectionRef::new(shelf[0].database.as_str(), "a_x")).await.unwrap()
            );
        } else {
            tool.run("list").ends_with(0).says(&["unfinished"]);
        }
        tool.run("delete -n fruit").ends_with(0);
    }
}
