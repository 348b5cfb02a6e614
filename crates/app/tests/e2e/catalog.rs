//! The catalog: names, list, get, delete and damaged backups.

use crate::source::create_collections;
use crate::tool::Tool;
use testkit::servers;

#[tokio::test]
async fn a_backup_is_created_listed_shown_and_deleted() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["apple", "banana"]).await;
    let create = |name: &str| format!("create -n {name} --filter {}.*", collections[0].database);
    let tool = Tool::on_disk(&server);

    tool.run("list").exits_with(0);
    tool.run("get -n fruit").exits_with(3).prints(&["fruit", "hint:"]);
    tool.run("delete -n fruit").exits_with(3).prints(&["fruit"]);
    tool.run("restore -n fruit").exits_with(3).prints(&["fruit"]);

    tool.run(&create("fruit_2")).exits_with(0).prints(&["fruit_2", "200 rows"]);
    // The prefix of another name is free; an existing name is taken.
    tool.run(&create("fruit")).exits_with(0);
    tool.run(&create("fruit")).exits_with(4).prints(&["fruit", "hint:", "delete"]);
    for bad in [".fruit", "fruit+salad", "insert_log"] {
        tool.run(&create(bad)).exits_with(2).prints(&[bad]);
    }

    tool.run("list").exits_with(0).prints(&["fruit", "fruit_2", "complete", "2.3.5"]);
    let list = tool.run("list --output json").exits_with(0).json();
    let listed = list["backups"].as_array().unwrap();
    assert_eq!(listed.len(), 2, "{list}");
    assert!(
        listed.iter().all(|backup| backup["state"] == "complete" && backup["collections"] == 2),
        "{list}"
    );
    let get = tool.run("get -n fruit --output json").exits_with(0).json();
    assert_eq!(get["name"], "fruit", "{get}");

    tool.run("delete -n fruit").exits_with(0);
    assert!(!tool.backup_dir("fruit").exists());
    assert!(tool.backup_dir("fruit_2").exists());
    tool.run("delete -n fruit").exits_with(3);
}

#[tokio::test]
async fn damaged_files_are_named() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["apple"]).await;
    let tool = Tool::on_disk(&server);
    tool.run(&format!("create -n fruit --filter {}", collections[0])).exits_with(0);
    let meta = tool.backup_dir("fruit").join("meta/full_meta.json");
    let text = std::fs::read(&meta).unwrap();
    std::fs::write(&meta, &text[..text.len() / 2]).unwrap();
    tool.run("restore -n fruit --suffix _x").exits_with(7).prints(&["full_meta.json"]);
    std::fs::write(&meta, text).unwrap();
    let head = tool.backup_dir("fruit").join("meta/backup_meta.json");
    std::fs::write(&head, "{").unwrap();
    tool.run("list").exits_with(0).prints(&["damaged"]);
    tool.run("get -n fruit").exits_with(7).prints(&["backup_meta.json"]);
    tool.run("delete -n fruit").exits_with(0);
    assert!(!tool.backup_dir("fruit").exists());
}
